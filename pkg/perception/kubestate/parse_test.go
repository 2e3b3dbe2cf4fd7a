package kubestate

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestHostsAreFoundWithoutCredentials(t *testing.T) {
	for text, want := range map[string][]string{
		"orders.abc.eu-west-1.rds.amazonaws.com":               {"orders.abc.eu-west-1.rds.amazonaws.com"},
		"postgres://u:p@ss@DB.example.com:5432/x":              {"db.example.com"},
		"jdbc:mysql://db.example.com/x?user=me":                {"db.example.com"},
		"mongodb://u:p@one.example.com:1,two.example.com:2/db": {"one.example.com", "two.example.com"},
		"http://backend":                     {"backend"},
		"redis:6379":                         {"redis"},
		"host=db.example.com user=me":        {"db.example.com"},
		`{"url":"https://api.example.com/"}`: {"api.example.com"},
		"cache.example.com.":                 {"cache.example.com"},
		"config.yaml":                        nil,
		"/etc/app/config.prod":               nil,
		"com.example.app":                    nil,
		"1.2.3":                              nil,
		"10.0.0.1:80":                        nil,
		"info":                               nil,
		"12:30":                              nil,
		"key:value":                          nil,
		"user@host":                          nil,
		"Some.Class":                         nil,
		"postgres://u:p/w@db.example.com":    nil, // rather none than a part of a password
	} {
		if diff := cmp.Diff(want, hosts(text, false)); diff != "" {
			t.Errorf("%s (-want +got): %s", text, diff)
		}
	}
	for text, want := range map[string][]string{"abc.def.ghi": nil, "redis:6379": nil, "https://u:p@api.example.com": {"api.example.com"}} {
		if diff := cmp.Diff(want, hosts(text, true)); diff != "" {
			t.Errorf("of a secret, %s (-want +got): %s", text, diff)
		}
	}
}

func FuzzHosts(f *testing.F) {
	for _, text := range []string{"postgres://u:p@db.example.com:5432/x", "redis:6379", "a.b.c,d://e@f:g/h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, host := range append(hosts(text, true), hosts(text, false)...) {
			if host != strings.ToLower(host) || strings.ContainsAny(host, "@:/?# ") || len(host) > 253 || !strings.Contains(strings.ToLower(text), host) {
				t.Errorf("%q of %q", host, text)
			}
		}
	})
}

func TestFlagsHaveNoSecrets(t *testing.T) {
	got := flags(&objects.Container{Command: []string{"/app", "-v", "--token=abc", "--listen=:80"}, Args: []string{"--db", "x", "-", "--url=http://u:p@h", "--script=a b", "--long=" + strings.Repeat("x", 300)}})
	if diff := cmp.Diff([]string{"-v", "--token", "--listen=:80", "--db", "--url", "--long"}, got); diff != "" {
		t.Error(diff)
	}
}

// Only of a few flags it is known that the next argument is their value.
func TestFlagsOfTwoWords(t *testing.T) {
	got := flags(&objects.Container{Args: []string{"--policy", "sync", "--txt-owner-id", "x", "--verbose", "positional", "--registry", "--dry-run", "--cluster-name", "a b", "--api-token", "abc", "--txt-prefix"}})
	if diff := cmp.Diff([]string{"--policy=sync", "--txt-owner-id=x", "--verbose", "--registry", "--dry-run", "--cluster-name", "--api-token", "--txt-prefix"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestServicesThatOnlyMonitoringAsks(t *testing.T) {
	for text, want := range map[string]bool{"tcp-prometheus-servicemonitor": true, "http-metrics metrics": true, "http": false, "http metrics": false, "": false} {
		var s objects.Service
		for _, name := range strings.Fields(text) {
			s.Spec.Ports = append(s.Spec.Ports, objects.ServicePort{Name: name})
		}
		if got, _ := service(&s); got.Metrics != want {
			t.Errorf("ports %q: %t", text, got.Metrics)
		}
	}
}

func TestTargetGroupBindingsThatControllersMake(t *testing.T) {
	for label, want := range map[string]bool{"ingress.k8s.aws/stack": true, "service.k8s.aws/stack-name": true, "service.eks.amazonaws.com/stack": true, "ingress.eks.amazonaws.com/stack": true,
		"gateway.k8s.aws.alb/stack-name": true, "example.com/stack": false, "eks.amazonaws.com/stack": false, "service.eks.amazonaws.com/team": false, "stack": false} {
		var b targetGroupBinding
		b.Labels = map[string]string{label: "shop/web"}
		if got, _ := targetGroupBindingIn("eks.amazonaws.com/v1")(&b); got.Controlled != want {
			t.Errorf("%s: %t", label, got.Controlled)
		}
	}
}

func TestWhoMakesANode(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		by     upgrade.Provisioner
		group  string
	}{
		"managed node group": {map[string]string{nodeGroupLabel: "general"}, upgrade.ByNodeGroup, "general"},
		"karpenter":          {map[string]string{nodePoolLabel: "spot"}, upgrade.ByKarpenter, "spot"},
		"older karpenter":    {map[string]string{oldProvisionerLabel: "spot"}, upgrade.ByKarpenter, "spot"},
		"auto mode":          {map[string]string{nodePoolLabel: "system", computeTypeLabel: "auto"}, upgrade.ByAutoMode, "system"},
		"fargate":            {map[string]string{computeTypeLabel: "fargate"}, upgrade.ByFargate, ""},
		"hybrid":             {map[string]string{computeTypeLabel: "hybrid"}, upgrade.ByHybrid, ""},
		"anything else":      {map[string]string{"eks.amazonaws.com/capacityType": "SPOT"}, upgrade.ByItself, ""},
	} {
		if by, group := provisioner(c.labels); by != c.by || group != c.group {
			t.Errorf("%s: %s %s", name, by, group)
		}
	}
	for id, want := range map[string]string{"aws:///eu-west-1a/i-0123": "i-0123", "aws:///eu-west-1a/x/fargate-ip-10-0-0-1": "", "eks-hybrid:///eu-west-1/shop/mi-1": "", "": ""} {
		if got := instance(id); got != want {
			t.Errorf("%s is instance %q", id, got)
		}
	}
}

func TestVolumesAreBoundToZones(t *testing.T) {
	term := func(key string, values ...string) objects.NodeSelectorTerm {
		return objects.NodeSelectorTerm{MatchExpressions: []objects.Requirement{{Key: key, Operator: "In", Values: values}}}
	}
	for name, c := range map[string]struct {
		terms        []objects.NodeSelectorTerm
		labels       map[string]string
		zones, nodes []string
	}{
		"of the EBS driver":         {terms: []objects.NodeSelectorTerm{term("topology.ebs.csi.aws.com/zone", "b")}, zones: []string{"b"}},
		"in one of two zones":       {terms: []objects.NodeSelectorTerm{term(objects.LabelZone, "b"), term(objects.LabelZone, "a")}, zones: []string{"a", "b"}},
		"another term has no zone":  {terms: []objects.NodeSelectorTerm{term(objects.LabelZone, "b"), term("disk", "ssd")}},
		"on one node":               {terms: []objects.NodeSelectorTerm{term("kubernetes.io/hostname", "n")}, nodes: []string{"n"}},
		"before there was affinity": {labels: map[string]string{"failure-domain.beta.kubernetes.io/zone": "c"}, zones: []string{"c"}},
		"anywhere":                  {},
	} {
		v := &objects.PersistentVolume{ObjectMeta: objects.ObjectMeta{Labels: c.labels}}
		if c.terms != nil {
			v.Spec.NodeAffinity = &objects.VolumeNodeAffinity{Required: &objects.NodeSelector{Terms: c.terms}}
		}
		if zones, nodes := places(v); !slices.Equal(zones, c.zones) || !slices.Equal(nodes, c.nodes) {
			t.Errorf("%s: zones %v, nodes %v", name, zones, nodes)
		}
	}
}

func TestWhatAPodAsksFor(t *testing.T) {
	template := upgrade.PodTemplate{
		InitContainers: []upgrade.Container{{CPU: 2000, Memory: 10}, {CPU: 100, Memory: 5, Sidecar: true}},
		Containers:     []upgrade.Container{{CPU: 300, Memory: 20}, {CPU: 200, Memory: 30}},
	}
	if got := requested(template); got != (resources{2000, 55}) {
		t.Errorf("requested %+v", got)
	}
}

func TestReleasesOfProducts(t *testing.T) {
	for want, m := range map[string]objects.ObjectMeta{
		"v1.15.0": {Labels: map[string]string{"helm.sh/chart": "cert-manager-v1.15.0"}},
		"4.2.1":   {Labels: map[string]string{"chart": "a-2-b-4.2.1"}},
		"1.6.2":   {Labels: map[string]string{"app.kubernetes.io/version": "1.6.2", "helm.sh/chart": "x-9.9.9"}},
		"v1.2.0":  {Annotations: map[string]string{"gateway.networking.k8s.io/bundle-version": "v1.2.0"}},
		"":        {Labels: map[string]string{"helm.sh/chart": "no-version"}},
	} {
		if got := release(&m); got != want {
			t.Errorf("%+v is of release %q", m, got)
		}
	}
}

func TestKubeProxyIsReadFromItsConfiguration(t *testing.T) {
	p := readProxy("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\nfeatureGates: {A: true, B: false}\nconntrack: {}\n")
	addProxyFlags(p, []upgrade.Workload{{Object: upgrade.ObjectRef{Kind: "DaemonSet", Namespace: "kube-system", Name: "kube-proxy"},
		Template: upgrade.PodTemplate{Containers: []upgrade.Container{{Flags: []string{"--proxy-mode=ipvs"}}}}}})
	want := &upgrade.KubeProxy{Mode: "ipvs", Config: upgrade.NodeConfig{FeatureGates: map[string]bool{"A": true, "B": false}, KubeletKeys: []string{"conntrack", "featureGates", "mode"}, KubeletFlags: []string{"--proxy-mode=ipvs"}}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if readProxy("\t: no").Config.Unread == "" {
		t.Error("what is no YAML is read")
	}
}

const metrics = `# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.32",resource="flowschemas",subresource="status",version="v1beta3"} 1
apiserver_requested_deprecated_apis{group="apps",removed_release="1.16",resource="deployments",subresource="",version="v1beta1"} 0
apiserver_requested_deprecated_apis_total{group="x",resource="y",version="z"} 1
apiserver_requested_deprecated_apis{group="cut
other 1
`

func TestRequestsToDeprecatedAPIsAreCounted(t *testing.T) {
	got, err := requestedAPIs(strings.NewReader(metrics + "long{" + strings.Repeat("x", 3*maxLine) + "} 1\n" +
		`apiserver_requested_deprecated_apis{group="a\"b",resource="r",version="v1"} 2`))
	want := []upgrade.RequestedAPI{{Version: "v1", Resource: "endpoints"}, {Group: `a"b`, Version: "v1", Resource: "r"},
		{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta3", Resource: "flowschemas", Subresource: "status", Removed: upgrade.Version{Major: 1, Minor: 32}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzRequestedAPIs(f *testing.F) {
	f.Add(metrics)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := requestedAPIs(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, api := range all {
			if api.Version == "" || api.Resource == "" {
				t.Errorf("%+v", api)
			}
		}
	})
}
