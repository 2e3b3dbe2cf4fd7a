// Package kubestate perceives a cluster as its API server describes it. Each
// resource is listed once, as protobuf where the API server has it and in pages
// that are read while they arrive; what is kept of an object is what an upgrade
// can break.
package kubestate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Collector looks at the Kubernetes API of a cluster.
type Collector struct {
	Connect func(ctx context.Context, cluster string) (*kube.Client, error)
	Table   lifecycle.Table // normally lifecycle.Official()
	Newest  upgrade.Version // the last release that Table knows, normally lifecycle.Newest()
}

// parallel lists at once: enough to be quick, few enough for a small control
// plane.
const parallel = 6

// Collect implements perception.Collector. A part that may not be seen is left
// nil and named in NotChecked, with the permission that is missing. It errs when
// the API server cannot be reached or lets nothing be seen.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	client, err := c.Connect(ctx, in.Run.Request.Cluster)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	git, version, err := client.Version(ctx)
	if err != nil {
		return upgrade.Snapshot{}, "", strangers(err)
	}
	served, err := client.Resources(ctx)
	if err != nil {
		return upgrade.Snapshot{}, "", strangers(err)
	}
	deprecated := newDeprecations(c.Table, served, in.Run.Request.Target)
	scan := newScan(client, served, deprecated)
	state, err := scan.look(ctx)
	if err != nil {
		return upgrade.Snapshot{}, "", err
	}
	state.GitVersion, state.ServerVersion = git, version
	state.DeprecatedAPIs = deprecated.all()
	if state.HelmReleases, err = scan.helm(ctx, deprecated); err != nil {
		return upgrade.Snapshot{}, "", err
	}
	snapshot := upgrade.Snapshot{Kubernetes: &state, NotChecked: scan.notChecked()}
	if in.Run.Request.Target.Compare(c.Newest) > 0 {
		snapshot.NotChecked = append(snapshot.NotChecked, upgrade.NotChecked{Part: partDeprecated, What: fmt.Sprintf("APIs that %s removes", in.Run.Request.Target),
			Why: fmt.Sprintf("the agent's table of API lifecycles ends with %s", c.Newest), Remedy: "install a newer version of the agent"})
	}
	total := 0
	for _, n := range state.Objects {
		total += n
	}
	summary := fmt.Sprintf("Kubernetes %s, %d nodes, %d workloads, %d objects, %d on deprecated APIs",
		state.GitVersion, len(state.Nodes), len(state.Workloads), total, len(state.DeprecatedAPIs))
	return snapshot, summary, nil
}

// strangers adds to the error of an API server that does not let the agent in
// how it is let in.
func strangers(err error) error {
	var e *upgrade.Error
	if upgrade.CodeOf(err) == upgrade.CodePermissionDenied && errors.As(err, &e) {
		return e.WithRemedy("give who runs this an access entry of the cluster (eks-upgrade access --cluster NAME prints the commands for the agent's roles) and apply docs/rbac.yaml, which allows its group to read")
	}
	return err
}

// look reads everything.
func (s *scan) look(ctx context.Context) (upgrade.KubernetesState, error) {
	c := &cluster{}
	extra := extras{}
	errs := make(chan error, 1)
	go func() { errs <- s.extras(ctx, &extra) }()
	err := s.read(ctx, c.readings())
	if err := errors.Join(err, <-errs); err != nil {
		return upgrade.KubernetesState{}, err
	}
	if err := c.whole(ctx, s); err != nil {
		return upgrade.KubernetesState{}, err
	}
	state := c.state(func(p upgrade.Part) bool { return s.refused[p] })
	state.Issuer, state.KubeProxy, state.RequestedAPIs = extra.issuer, extra.proxy, extra.requested
	addProxyFlags(state.KubeProxy, state.Workloads)

	s.listed["/"+pods.name] = true
	go func() { errs <- s.rest(ctx) }()
	if resource, ok := s.find(pods); ok {
		state.Pods, err = s.pods(ctx, resource, newCrew(state.Workloads, state.Nodes, slices.Concat(c.ofDeployments, c.ofCronJobs)))
		err = s.refuse(partPods, "pods", grant(resource), true, err)
	}
	if err == nil {
		state.Usage, err = s.usage(ctx)
	}
	if err := errors.Join(err, <-errs); err != nil {
		return upgrade.KubernetesState{}, err
	}
	if len(s.counts) == 0 && len(s.refused) > 0 {
		return upgrade.KubernetesState{}, strangers(upgrade.KindKubernetesForbidden.Errorf("look at "+s.client.Cluster(), "it lets nothing be listed: %s", s.unseen[0].Why))
	}
	state.Objects = s.counts
	return state, nil
}

var pods = reading{part: partPods, what: "pods", name: "pods", versions: v1}

// extras are what is not listed.
type extras struct {
	issuer    string
	proxy     *upgrade.KubeProxy
	requested []upgrade.RequestedAPI
}

// extra is a look at a single object or a path.
type extra struct {
	part  upgrade.Part
	what  string
	grant upgrade.Grant
	look  func(context.Context, *kube.Client) error
}

func (x *extras) all() []extra {
	return []extra{
		{partKubeProxy, "the configuration of kube-proxy", upgrade.Grant{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, Names: []string{proxyConfigs[0].name, proxyConfigs[1].name}},
			func(ctx context.Context, client *kube.Client) (err error) {
				x.proxy, err = kubeProxy(ctx, client)
				return err
			}},
		{partRequested, "requests to deprecated APIs", upgrade.Grant{Verbs: []string{"get"}, URLs: []string{"/metrics"}}, func(ctx context.Context, client *kube.Client) error {
			body, err := client.Metrics(ctx)
			if err != nil {
				return err
			}
			x.requested, err = requestedAPIs(body)
			return kube.Wrap("read the metrics of "+client.Cluster(), errors.Join(err, body.Close()))
		}},
		{"", "the issuer of service account tokens", upgrade.Grant{Verbs: []string{"get"}, URLs: []string{"/.well-known/openid-configuration"}}, func(ctx context.Context, client *kube.Client) (err error) {
			x.issuer, err = client.Issuer(ctx)
			return err
		}},
	}
}

func (s *scan) extras(ctx context.Context, into *extras) error {
	all := into.all()
	_, err := partial.Each(ctx, len(all), all, func(ctx context.Context, e extra) (struct{}, error) {
		return struct{}{}, s.refuse(e.part, e.what, e.grant, true, e.look(ctx, s.client))
	})
	return err
}

// Grants returns the permissions that Collect needs, but for the lists of what
// Table says that ages: one for each resource and path.
func Grants() []upgrade.Grant {
	var out []upgrade.Grant
	for _, r := range append((&cluster{}).readings(), pods) {
		out = append(out, grant(kube.Resource{Group: r.group, Name: r.name}))
	}
	for _, e := range (&extras{}).all() {
		out = append(out, e.grant)
	}
	return append(out, usageGrant)
}

var usageGrant = upgrade.Grant{Verbs: []string{"list"}, APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"nodes", "pods"}}

// usage reads metrics.k8s.io, which another server answers: one that does not
// keeps nobody from seeing the rest.
func (s *scan) usage(ctx context.Context) (*upgrade.Usage, error) {
	const what = "the use of resources"
	nodes, found := s.find(reading{group: "metrics.k8s.io", name: "nodes", versions: []string{"v1beta1"}})
	pods, both := s.find(reading{group: "metrics.k8s.io", name: "pods", versions: []string{"v1beta1"}})
	switch {
	case found && both:
	case s.unanswered("metrics.k8s.io/"): // installed, and what is wrong with it is said
		s.add(upgrade.NotChecked{Part: partUsage, What: what, Why: "the API server behind metrics.k8s.io does not answer", Remedy: "see that metrics-server runs: kubectl top nodes"})
		return nil, nil
	default:
		return &upgrade.Usage{}, nil // seen: nothing measures it
	}
	out, err := usage(ctx, s, nodes, pods)
	if err == nil || ctx.Err() != nil {
		return out, err
	}
	both = upgrade.CodeOf(err) == upgrade.CodePermissionDenied
	if !both {
		err = upgrade.KindKubernetesUnexpected.Errorf("read the use of resources", "%s", err).WithRemedy("see that metrics-server runs: kubectl top nodes")
	}
	return nil, s.refuse(partUsage, what, usageGrant, true, err)
}
