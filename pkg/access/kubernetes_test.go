package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestManifests(t *testing.T) {
	golden(t, "rbac.yaml", access.Manifest(false))
	golden(t, "rbac-green.yaml", access.Manifest(true))
}

func TestTheManifestIsTheObjects(t *testing.T) {
	for _, green := range []bool{false, true} {
		var got []map[string]any
		for i, text := range strings.Split(access.Manifest(green), "---\n") {
			if i == 0 {
				continue // the head
			}
			var o map[string]any
			if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			got = append(got, o)
		}
		if diff := cmp.Diff(access.Objects(green), got); diff != "" {
			t.Errorf("green %t (-objects +manifest):\n%s", green, diff)
		}
	}
}

func TestRulesSayWhy(t *testing.T) {
	for _, r := range access.Kubernetes() {
		for _, rule := range r.Rules {
			wide := slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.Resources, "*")
			if rule.Why == "" || wide != (rule.Wide != "") || len(rule.Verbs) == 0 || slices.Contains(rule.Verbs, "*") {
				t.Errorf("%s: %+v", r.Name, rule)
			}
		}
	}
}

// Who only reads sees no Secret, but for the releases of Helm, and who writes may write in green only.
func TestReadersSeeNoSecretsAndNobodyWritesToBlue(t *testing.T) {
	for _, r := range access.Kubernetes() {
		for _, rule := range r.Rules {
			for _, resource := range rule.Resources {
				named := len(rule.Names) > 0 && resource == "configmaps"
				if r.Group != access.Writers && r.Name != access.HelmRole && !named && (resource == "*" || resource == "secrets" || resource == "configmaps") {
					t.Errorf("%s may %v %s", r.Name, rule.Verbs, resource)
				}
			}
			for _, verb := range rule.Verbs {
				if verb != "get" && verb != "list" && !r.GreenOnly {
					t.Errorf("%s may %s %v in blue", r.Name, verb, rule.Resources)
				}
			}
		}
	}
}

// unlisted are kinds of the table that no API server lists: answers to a
// question, parts of others, and a group that no supported release serves.
var unlisted = []string{"AdmissionReview", "ConversionReview", "APIGroupDiscovery", "DeploymentRollback", "Scale", "JobTemplate", "PodStatusResult", "PodSecurityPolicy", "ClusterCIDR",
	"SelfSubjectReview", "TokenReview", "LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"}

// Readers may list what perception lists, and nothing else.
func TestReadersMayWhatPerceptionAsks(t *testing.T) {
	want := map[string]bool{"get /services": true} // of validation
	for _, g := range kubestate.Grants() {
		for _, act := range acts(g.Verbs, g.APIGroups, g.Resources, g.URLs) {
			want[act] = true
		}
	}
	table := lifecycle.All()
	for _, api := range table {
		if !table.Ages(api.Group, api.Kind) || api.Group == "extensions" || slices.Contains(unlisted, api.Kind) || api.Group == "policy" && api.Kind == "Eviction" {
			continue
		}
		plural := api.Plural
		if plural == "" {
			plural = lifecycle.Plural(api.Kind)
		}
		want["list "+api.Group+"/"+plural] = true
	}
	for _, path := range []string{"/version", "/api", "/apis"} {
		want["get "+path] = true
	}
	got := map[string]bool{}
	for _, rule := range access.Kubernetes()[0].Rules {
		for _, act := range acts(rule.Verbs, rule.APIGroups, rule.Resources, rule.URLs) {
			if got[act] {
				t.Errorf("%s is allowed twice", act)
			}
			got[act] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rules of readers are not what is asked (-asked +rules):\n%s", diff)
	}
}

func acts(verbs, groups, resources, urls []string) []string {
	var out []string
	for _, verb := range verbs {
		for _, url := range urls {
			out = append(out, verb+" "+url)
		}
		for _, group := range groups {
			for _, resource := range resources {
				out = append(out, verb+" "+group+"/"+resource)
			}
		}
	}
	return out
}

func TestGrantingIsExactlyWhatWasMissing(t *testing.T) {
	list := func(group string, resources ...string) *upgrade.Grant {
		return &upgrade.Grant{Verbs: []string{"list"}, APIGroups: []string{group}, Resources: resources}
	}
	role, some := access.Granting([]upgrade.NotChecked{{What: "pods", Grant: list("", "pods")}, {What: "add-ons"}, {What: "nodes", Grant: list("", "nodes")},
		{What: "kube-proxy", Grant: &upgrade.Grant{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, Names: []string{"kube-proxy"}}},
		{What: "budgets", Grant: list("policy", "poddisruptionbudgets")}, {What: "requests", Grant: &upgrade.Grant{Verbs: []string{"get"}, URLs: []string{"/metrics"}}}}, "", "jane")
	if !some {
		t.Fatal("nothing is granted")
	}
	golden(t, "../pkg/access/testdata/granting.yaml", access.Render([]access.ClusterRole{role}))
	if _, some := access.Granting([]upgrade.NotChecked{{What: "add-ons"}}, access.Readers, ""); some {
		t.Error("something is granted for what no cluster role gives")
	}
}

func TestEntriesAndCommands(t *testing.T) {
	want := []string{
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-perceive --type STANDARD --kubernetes-groups eks-upgrade-agent:readers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-execute --type STANDARD --kubernetes-groups eks-upgrade-agent:writers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-validate --type STANDARD --kubernetes-groups eks-upgrade-agent:readers",
		"aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn arn:aws:iam::123456789012:role/eks-upgrade-scan --type STANDARD --kubernetes-groups eks-upgrade-agent:provers",
	}
	if diff := cmp.Diff(want, access.Commands(names, "shop")); diff != "" {
		t.Error(diff)
	}
}
