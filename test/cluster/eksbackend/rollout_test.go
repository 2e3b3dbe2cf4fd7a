package eksbackend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	shop = "shop"
	role = "arn:aws:iam::123456789012:role/eks"
)

var (
	nodeResource       = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	podResource        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	deploymentResource = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	daemonSetResource  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	budgetResource     = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
)

// web has three replicas on three nodes, of which one may be away.
const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: server, image: example.com/web:1}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`

// region is a simulated EKS with a real control plane on a fast clock.
type region struct {
	t      *testing.T
	ctx    context.Context
	clock  *clock.Fast
	ec2    *ec2.Service
	eks    *eks.Service
	fleet  *cluster.Fleet
	client dynamic.Interface
	most   atomic.Int64 // nodes at once, as often as some join
}

// counting notes how many nodes there are when some join: never are there more.
type counting struct {
	Backend
	r *region
}

func (c counting) AddNodes(ctx context.Context, name string, nodes []eks.Node) error {
	if n := int64(len(c.r.eks.Nodes(name))); n > c.r.most.Load() {
		c.r.most.Store(n)
	}
	return c.Backend.AddNodes(ctx, name, nodes)
}

func newRegion(t *testing.T) *region {
	t.Helper()
	assets, err := cluster.FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	clk, err := clock.NewFast(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), 2000)
	if err != nil {
		t.Fatal(err)
	}
	r := &region{t: t, ctx: ctx, clock: clk}
	r.fleet, err = cluster.NewFleet(cluster.Options{Assets: assets, Dir: t.TempDir(), Log: os.Stderr, Hold: clk.Hold})
	r.check(err)
	t.Cleanup(func() { r.check(r.fleet.Close()) })
	r.ec2 = ec2.New(ec2.Options{Account: "123456789012", Region: "eu-west-1"})
	r.check(r.ec2.AddVPC("vpc-1", "10.0.0.0/16", nil))
	for i, zone := range []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"} {
		r.check(r.ec2.AddSubnet(ec2.Subnet{ID: "subnet-" + zone[len(zone)-1:], VPC: "vpc-1", CIDR: fmt.Sprintf("10.0.%d.0/20", 16*i), Zone: zone, FreeIPs: -1}))
	}
	r.eks = eks.New(eks.Options{Clock: clk, Account: "123456789012", Region: "eu-west-1", Clusters: counting{New(r.fleet), r}, Subnets: r.ec2, EC2: r.ec2, Hold: clk.Hold})
	t.Cleanup(r.eks.Close)
	_, err = r.eks.CreateCluster(r.call(), &sdk.CreateClusterInput{Name: ptr(shop), RoleArn: ptr(role), Version: ptr("1.34"),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b", "subnet-c"}}})
	r.check(err)
	r.until("the cluster", func() error {
		if c, _ := r.eks.Cluster(shop); c.Status != types.ClusterStatusActive {
			return fmt.Errorf("cluster is %s", c.Status)
		}
		return nil
	})
	config, err := r.fleet.RESTConfig(shop)
	r.check(err)
	r.client, err = dynamic.NewForConfig(config)
	r.check(err)
	_, err = r.eks.CreateNodegroup(r.call(), &sdk.CreateNodegroupInput{ClusterName: ptr(shop), NodegroupName: ptr("workers"), NodeRole: ptr(role), Subnets: []string{"subnet-a", "subnet-b", "subnet-c"},
		InstanceTypes: []string{"m6i.large"}, ScalingConfig: &types.NodegroupScalingConfig{MinSize: ptr(int32(3)), MaxSize: ptr(int32(3)), DesiredSize: ptr(int32(3))}})
	r.check(err)
	r.rested(types.NodegroupStatusActive)
	return r
}

func ptr[T any](v T) *T { return &v }

func (r *region) call() *wire.Call { return &wire.Call{Context: r.ctx, Time: r.clock.Now()} }

func (r *region) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *region) until(what string, done func() error) {
	r.t.Helper()
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-r.ctx.Done():
			r.t.Fatalf("%s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *region) rested(status types.NodegroupStatus) {
	r.t.Helper()
	r.until("the node group", func() error {
		if n := r.eks.Nodegroups(shop)[0]; n.Status != status {
			return fmt.Errorf("node group is %s, %+v", n.Status, n.Health.Issues)
		}
		return nil
	})
}

// roll runs a version update and returns how it ended and how long it took.
func (r *region) roll(in sdk.UpdateNodegroupVersionInput) (types.Update, time.Duration) {
	r.t.Helper()
	began := r.clock.Now()
	in.ClusterName, in.NodegroupName = ptr(shop), ptr("workers")
	out, err := r.eks.UpdateNodegroupVersion(r.call(), &in)
	r.check(err)
	var u types.Update
	r.until("the update", func() error {
		d, err := r.eks.DescribeUpdate(r.call(), &sdk.DescribeUpdateInput{Name: ptr(shop), NodegroupName: ptr("workers"), UpdateId: out.Update.Id})
		r.check(err)
		if u = *d.Update; u.Status == types.UpdateStatusInProgress {
			return errors.New("in progress")
		}
		return nil
	})
	return u, r.clock.Now().Sub(began)
}

func (r *region) apply(text string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "manifest.yaml")
	r.check(os.WriteFile(file, []byte(text), 0o600))
	config, err := r.fleet.RESTConfig(shop)
	r.check(err)
	_, err = cluster.Load(r.ctx, config, file)
	r.check(err)
	r.check(r.fleet.WaitSettled(r.ctx, shop))
}

// nodes returns the nodes by name, each as the API server has it.
func (r *region) nodes() map[string]corev1.Node {
	r.t.Helper()
	list, err := r.client.Resource(nodeResource).List(r.ctx, metav1.ListOptions{})
	r.check(err)
	out := map[string]corev1.Node{}
	for _, item := range list.Items {
		var n corev1.Node
		r.check(runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &n))
		out[n.Name] = n
	}
	return out
}

// wantNodes checks that Kubernetes, EKS and EC2 agree on three nodes, one in
// each zone, at a version and schedulable, none of which is among those before.
func (r *region) wantNodes(version string, before map[string]corev1.Node) {
	r.t.Helper()
	have := r.nodes()
	zones, running := map[string]bool{}, map[string]string{}
	instances, err := r.ec2.DescribeInstances(r.call(), &ec2sdk.DescribeInstancesInput{})
	r.check(err)
	for _, reservation := range instances.Reservations {
		for _, i := range reservation.Instances {
			if i.PrivateIpAddress != nil && (i.State.Name == "running" || i.State.Name == "pending") {
				running["aws:///"+*i.Placement.AvailabilityZone+"/"+*i.InstanceId] = *i.PrivateDnsName
			}
		}
	}
	for name, n := range have {
		zones[n.Labels[corev1.LabelTopologyZone]] = true
		if !strings.HasPrefix(n.Status.NodeInfo.KubeletVersion, "v"+version+".") || n.Spec.Unschedulable {
			r.t.Errorf("node %s is at %s, unschedulable %v", name, n.Status.NodeInfo.KubeletVersion, n.Spec.Unschedulable)
		}
		if running[n.Spec.ProviderID] != name {
			r.t.Errorf("node %s with provider id %s is no running instance of %v", name, n.Spec.ProviderID, running)
		}
		if _, old := before[name]; old {
			r.t.Errorf("node %s was not replaced", name)
		}
		if n.Labels["eks.amazonaws.com/nodegroup"] != "workers" || !strings.HasPrefix(n.Labels["eks.amazonaws.com/nodegroup-image"], "ami-") {
			r.t.Errorf("node %s has labels %v", name, n.Labels)
		}
	}
	if len(have) != 3 || len(zones) != 3 || len(running) != 3 {
		r.t.Errorf("%d nodes in %d zones on %d instances, want 3 of each", len(have), len(zones), len(running))
	}
}

func (r *region) controlPlane(version string) {
	r.t.Helper()
	_, err := r.eks.UpdateClusterVersion(r.call(), &sdk.UpdateClusterVersionInput{Name: ptr(shop), Version: ptr(version), Force: true})
	r.check(err)
	r.until("the control plane", func() error {
		if c, _ := r.eks.Cluster(shop); *c.Version != version {
			return fmt.Errorf("cluster is at %s", *c.Version)
		}
		return nil
	})
}

// TestNodesReallyRoll walks one node group through all its ways to be rolled.
func TestNodesReallyRoll(t *testing.T) {
	r := newRegion(t)
	r.apply(web)
	r.controlPlane("1.35")
	first := r.nodes()
	r.wantNodes("1.34", nil)

	t.Run("a budget that allows no eviction fails the update after 15 minutes", func(t *testing.T) {
		r.t = t
		r.budget(0)
		u, took := r.roll(sdk.UpdateNodegroupVersionInput{})
		if u.Status != types.UpdateStatusFailed || u.Errors[0].ErrorCode != types.ErrorCodePodEvictionFailure {
			t.Fatalf("update = %+v", u)
		}
		message := *u.Errors[0].ErrorMessage
		if !strings.Contains(message, "pod default/web-") || !strings.Contains(message, u.Errors[0].ResourceIds[0]) || !strings.Contains(message, "disruption budget") {
			t.Errorf("message = %s, resources = %v", message, u.Errors[0].ResourceIds)
		}
		if _, old := first[u.Errors[0].ResourceIds[0]]; !old {
			t.Errorf("%v is no node of before", u.Errors[0].ResourceIds)
		}
		if took < 15*time.Minute || took > 40*time.Minute {
			t.Errorf("it failed after %v", took)
		}
		if n := r.eks.Nodegroups(shop)[0]; n.Status != types.NodegroupStatusActive || *n.Version != "1.34" {
			t.Errorf("node group is %s at %s", n.Status, *n.Version)
		}
		if d := len(r.nodes()); d != 3 {
			t.Errorf("%d nodes are left", d)
		}
	})

	t.Run("a budget that allows one lets it pass", func(t *testing.T) {
		r.t = t
		r.budget(1)
		u, took := r.roll(sdk.UpdateNodegroupVersionInput{})
		if u.Status != types.UpdateStatusSuccessful {
			t.Fatalf("update = %+v %s", u, *u.Errors[0].ErrorMessage)
		}
		t.Logf("it took %v", took)
		r.wantNodes("1.35", first)
		r.check(r.fleet.WaitSettled(r.ctx, shop))
	})

	t.Run("with force, budgets do not count", func(t *testing.T) {
		r.t = t
		before := r.nodes()
		r.budget(0)
		r.controlPlane("1.36")
		u, _ := r.roll(sdk.UpdateNodegroupVersionInput{Force: true})
		if u.Status != types.UpdateStatusSuccessful {
			t.Fatalf("update = %+v %s", u, *u.Errors[0].ErrorMessage)
		}
		r.wantNodes("1.36", before)
		r.budget(1)
	})

	t.Run("MINIMAL never has more nodes than desired", func(t *testing.T) {
		r.t = t
		before := r.nodes()
		r.check(r.fleet.WaitSettled(r.ctx, shop))
		_, err := r.eks.UpdateNodegroupConfig(r.call(), &sdk.UpdateNodegroupConfigInput{ClusterName: ptr(shop), NodegroupName: ptr("workers"),
			UpdateConfig: &types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(1)), UpdateStrategy: types.NodegroupUpdateStrategiesMinimal}})
		r.check(err)
		r.rested(types.NodegroupStatusActive)
		r.controlPlane("1.37")
		r.most.Store(0)
		u, _ := r.roll(sdk.UpdateNodegroupVersionInput{})
		if most := r.most.Load(); most != 3 {
			t.Errorf("there were %d nodes at once", most)
		}
		if u.Status != types.UpdateStatusSuccessful {
			t.Fatalf("update = %+v %s", u, *u.Errors[0].ErrorMessage)
		}
		r.wantNodes("1.37", before)
	})

	t.Run("a terminated instance is replaced", func(t *testing.T) {
		r.t = t
		before := r.nodes()
		gone := r.eks.Nodes(shop)[1]
		_, err := r.ec2.TerminateInstances(r.call(), &ec2sdk.TerminateInstancesInput{InstanceIds: []string{gone.Instance}})
		r.check(err)
		r.until("the replacement", func() error {
			have := r.nodes()
			if _, there := have[gone.Name]; there || len(have) != 3 {
				return fmt.Errorf("%d nodes", len(have))
			}
			return nil
		})
		delete(before, gone.Name)
		for name := range before {
			if _, there := r.nodes()[name]; !there {
				t.Errorf("node %s is gone, too", name)
			}
		}
		r.wantNodes("1.37", nil)
		r.check(r.fleet.WaitSettled(r.ctx, shop))
	})

	t.Run("labels and taints reach the nodes", func(t *testing.T) {
		r.t = t
		_, err := r.eks.UpdateNodegroupConfig(r.call(), &sdk.UpdateNodegroupConfigInput{ClusterName: ptr(shop), NodegroupName: ptr("workers"),
			Labels: &types.UpdateLabelsPayload{AddOrUpdateLabels: map[string]string{"tier": "web"}},
			Taints: &types.UpdateTaintsPayload{AddOrUpdateTaints: []types.Taint{{Key: ptr("dedicated"), Value: ptr("web"), Effect: types.TaintEffectPreferNoSchedule}}}})
		r.check(err)
		r.rested(types.NodegroupStatusActive)
		for name, n := range r.nodes() {
			tainted := slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
				return t.Key == "dedicated" && t.Effect == corev1.TaintEffectPreferNoSchedule
			})
			if n.Labels["tier"] != "web" || !tainted {
				t.Errorf("node %s: labels %v, taints %v", name, n.Labels, n.Spec.Taints)
			}
		}
	})

	t.Run("add-ons run in the cluster", func(t *testing.T) { r.t = t; r.addons() })
}

// budget sets how many replicas of web may be away.
func (r *region) budget(maxUnavailable int64) {
	r.t.Helper()
	b, err := r.client.Resource(budgetResource).Namespace("default").Get(r.ctx, "web", metav1.GetOptions{})
	r.check(err)
	r.check(unstructured.SetNestedField(b.Object, maxUnavailable, "spec", "maxUnavailable"))
	_, err = r.client.Resource(budgetResource).Namespace("default").Update(r.ctx, b, metav1.UpdateOptions{})
	r.check(err)
	r.until("the budget", func() error {
		b, err := r.client.Resource(budgetResource).Namespace("default").Get(r.ctx, "web", metav1.GetOptions{})
		r.check(err)
		seen, _, _ := unstructured.NestedInt64(b.Object, "status", "observedGeneration")
		allowed, _, _ := unstructured.NestedInt64(b.Object, "status", "disruptionsAllowed")
		if seen != b.GetGeneration() || allowed != maxUnavailable {
			return fmt.Errorf("the budget allows %d", allowed)
		}
		return nil
	})
}

// addons installs coredns over a self-managed one, and moves kube-proxy.
func (r *region) addons() {
	t := r.t
	r.apply(selfManaged)
	settled := func(name string) types.Addon {
		t.Helper()
		var a types.Addon
		r.until("the add-on "+name, func() error {
			out, err := r.eks.DescribeAddon(r.call(), &sdk.DescribeAddonInput{ClusterName: ptr(shop), AddonName: &name})
			r.check(err)
			if a = *out.Addon; a.Status == types.AddonStatusCreating || a.Status == types.AddonStatusUpdating {
				return fmt.Errorf("%s", a.Status)
			}
			return nil
		})
		return a
	}
	_, err := r.eks.CreateAddon(r.call(), &sdk.CreateAddonInput{ClusterName: ptr(shop), AddonName: ptr("coredns")})
	r.check(err)
	a := settled("coredns")
	if a.Status != types.AddonStatusCreateFailed || a.Health.Issues[0].Code != types.AddonIssueCodeConfigurationConflict ||
		!strings.Contains(*a.Health.Issues[0].Message, `Deployment.apps coredns - .spec.template.spec.containers[name="coredns"].image`) {
		t.Fatalf("add-on is %s, %+v", a.Status, a.Health)
	}
	update := func(in sdk.UpdateAddonInput) types.Addon {
		t.Helper()
		in.ClusterName, in.AddonName = ptr(shop), ptr("coredns")
		_, err := r.eks.UpdateAddon(r.call(), &in)
		r.check(err)
		return settled("coredns")
	}
	check := func(what, image string, replicas int64) {
		t.Helper()
		d, err := r.client.Resource(deploymentResource).Namespace("kube-system").Get(r.ctx, "coredns", metav1.GetOptions{})
		r.check(err)
		have, _, _ := unstructured.NestedInt64(d.Object, "spec", "replicas")
		containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
		if got := containers[0].(map[string]any)["image"].(string); !strings.HasSuffix(got, image) || have != replicas {
			t.Errorf("%s: coredns has %d replicas of %s, want %d of %s", what, have, got, replicas, image)
		}
	}
	if a := update(sdk.UpdateAddonInput{ResolveConflicts: types.ResolveConflictsPreserve}); a.Status != types.AddonStatusActive {
		t.Fatalf("add-on is %s, %+v", a.Status, a.Health)
	}
	check("PRESERVE", "example.com/coredns:1.9.0", 1)
	if a := update(sdk.UpdateAddonInput{ResolveConflicts: types.ResolveConflictsOverwrite, ConfigurationValues: ptr(`{"replicaCount":3}`)}); a.Status != types.AddonStatusActive {
		t.Fatalf("add-on is %s, %+v", a.Status, a.Health)
	}
	check("OVERWRITE", "eks/coredns:v1.14.3-eksbuild.14", 3)

	proxy := func(want string) {
		t.Helper()
		d, err := r.client.Resource(daemonSetResource).Namespace("kube-system").Get(r.ctx, "kube-proxy", metav1.GetOptions{})
		r.check(err)
		containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
		if got := containers[0].(map[string]any)["image"].(string); !strings.HasSuffix(got, want) {
			t.Errorf("kube-proxy is %s, want %s", got, want)
		}
	}
	_, err = r.eks.CreateAddon(r.call(), &sdk.CreateAddonInput{ClusterName: ptr(shop), AddonName: ptr("kube-proxy"), AddonVersion: ptr("v1.36.0-eksbuild.7")})
	r.check(err)
	settled("kube-proxy")
	proxy("eks/kube-proxy:v1.36.0-minimal-eksbuild.7")
	_, err = r.eks.UpdateAddon(r.call(), &sdk.UpdateAddonInput{ClusterName: ptr(shop), AddonName: ptr("kube-proxy"), AddonVersion: ptr("v1.37.0-eksbuild.2")})
	r.check(err)
	settled("kube-proxy")
	proxy("eks/kube-proxy:v1.37.0-minimal-eksbuild.2")
	r.check(r.fleet.WaitSettled(r.ctx, shop))
	for name, want := range map[string]bool{"coredns": true, "kube-proxy": true, "metrics-server": false} {
		ready, err := New(r.fleet).AddonReady(r.ctx, shop, eks.Workload{Addon: name, Version: "v1", Namespace: "kube-system"}, false)
		if r.check(err); ready != want {
			t.Errorf("%s is ready: %v", name, ready)
		}
	}
	list, err := r.client.Resource(podResource).Namespace("kube-system").List(r.ctx, metav1.ListOptions{LabelSelector: "k8s-app=kube-proxy"})
	r.check(err)
	if len(list.Items) != 3 {
		t.Errorf("%d pods of kube-proxy on 3 nodes", len(list.Items))
	}
	_, err = r.eks.DeleteAddon(r.call(), &sdk.DeleteAddonInput{ClusterName: ptr(shop), AddonName: ptr("kube-proxy")})
	r.check(err)
	r.until("the end of kube-proxy", func() error {
		_, err := r.client.Resource(daemonSetResource).Namespace("kube-system").Get(r.ctx, "kube-proxy", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there: %v", err)
	})
}

// selfManaged is a coredns that somebody has installed by hand.
const selfManaged = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec: {containers: [{name: coredns, image: "example.com/coredns:1.9.0"}]}
`
