package eks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// willing is a ClusterBackend that does everything at once, and notes it. Pods
// in blocks do not leave their nodes.
type willing struct {
	mu        sync.Mutex
	calls     []string
	nodes     map[string]Node
	most      int
	blocks    func(node string) string
	conflicts []string
}

func newWilling() *willing {
	return &willing{nodes: map[string]Node{}, blocks: func(string) string { return "" }}
}

func (w *willing) note(format string, args ...any) error {
	w.calls = append(w.calls, fmt.Sprintf(format, args...))
	return nil
}

func (w *willing) CreateCluster(context.Context, string, string) (Endpoint, error) {
	return Endpoint{URL: "https://127.0.0.1:6443"}, nil
}
func (w *willing) UpgradeCluster(context.Context, string, string) error            { return nil }
func (w *willing) DeleteCluster(context.Context, string) error                     { return nil }
func (w *willing) ScaleNodegroup(context.Context, string, string, Nodes) error     { return nil }
func (w *willing) ChangeNodes(context.Context, string, []string, NodeChange) error { return nil }
func (w *willing) RemoveAddon(_ context.Context, _ string, a Workload) error {
	return w.locked("remove %s", a.Addon)
}
func (w *willing) Cordon(_ context.Context, _ string, nodes []string, on bool) error {
	return w.locked("cordon %d %v", len(nodes), on)
}

func (w *willing) locked(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.note(format, args...)
}

func (w *willing) AddNodes(_ context.Context, _ string, nodes []Node) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range nodes {
		w.nodes[n.Name] = n
	}
	w.most = max(w.most, len(w.nodes))
	return w.note("add %d", len(nodes))
}

func (w *willing) RemoveNodes(_ context.Context, _ string, nodes []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range nodes {
		delete(w.nodes, n)
	}
	return w.note("remove %d", len(nodes))
}

func (w *willing) Drain(_ context.Context, _ string, nodes []string, force bool) ([]BlockedPod, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var blocked []BlockedPod
	for _, n := range nodes {
		if pod := w.blocks(n); pod != "" && !force {
			blocked = append(blocked, BlockedPod{Node: n, Pod: pod, Reason: "Cannot evict pod as it would violate the pod's disruption budget."})
		}
	}
	return blocked, w.note("drain %d %v", len(nodes), force)
}

func (w *willing) ApplyAddon(_ context.Context, _ string, a Workload, overwrite, preserve bool) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !overwrite && !preserve {
		return w.conflicts, w.note("apply %s %s", a.Addon, a.Version)
	}
	return nil, w.note("apply %s %s overwrite=%v preserve=%v", a.Addon, a.Version, overwrite, preserve)
}

// settle lets simulated time pass, one callback after the other, until done.
func (f *fixture) settle(done func() bool) {
	f.t.Helper()
	for range 10000 {
		f.work.Wait()
		if done() {
			return
		}
		if !f.clock.Next() {
			f.t.Fatal("nothing is scheduled any more")
		}
	}
	f.t.Fatal("it does not end")
}

// rolled is a fixture whose node group workers of count nodes is at 1.34, while
// the cluster is at 1.35.
func rolled(t *testing.T, o Options, count int32, edit func(*sdk.CreateNodegroupInput)) *fixture {
	t.Helper()
	f := newFixture(t, o)
	f.must(f.CreateCluster(f.call, clusterInput("1.34")))
	f.settle(func() bool { return f.status() == types.ClusterStatusActive })
	in := nodegroupInput("workers")
	in.Subnets = []string{"subnet-a", "subnet-b", "subnet-c"}
	in.ScalingConfig = &types.NodegroupScalingConfig{MinSize: ptr(int32(0)), MaxSize: ptr(int32(20)), DesiredSize: ptr(count)}
	if edit != nil {
		edit(in)
	}
	f.must(f.CreateNodegroup(f.call, in))
	f.settle(func() bool { return f.Nodegroups("shop")[0].Status == types.NodegroupStatusActive })
	f.must(f.upgrade("1.35"))
	f.settle(func() bool { c, _ := f.Cluster("shop"); return *c.Version == "1.35" })
	return f
}

// roll runs a version update to its end.
func (f *fixture) roll(edit func(*sdk.UpdateNodegroupVersionInput)) (types.Update, time.Duration) {
	f.t.Helper()
	in := &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}
	if edit != nil {
		edit(in)
	}
	began := f.clock.Now()
	out, err := f.UpdateNodegroupVersion(f.call, in)
	if err != nil {
		f.t.Fatal(err)
	}
	var u types.Update
	f.settle(func() bool { u = f.nodegroupUpdate(out.Update.Id); return u.Status != types.UpdateStatusInProgress })
	return u, f.clock.Now().Sub(began)
}

func (f *fixture) nodegroupUpdate(id *string) types.Update {
	f.t.Helper()
	out, err := f.DescribeUpdate(f.call, &sdk.DescribeUpdateInput{Name: ptr("shop"), NodegroupName: ptr("workers"), UpdateId: id})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.Update
}

func TestDefaultRolloutSurgesThenReplacesOneAfterTheOther(t *testing.T) {
	w := newWilling()
	f := rolled(t, Options{Clusters: w}, 3, nil)
	before := f.Nodes("shop")
	w.calls = nil
	u, took := f.roll(nil)
	if u.Status != types.UpdateStatusSuccessful {
		t.Fatalf("update = %+v", u.Errors)
	}
	want := []string{"add 3", "cordon 3 true"}
	for range 3 {
		want = append(want, "cordon 1 true", "drain 1 false", "remove 1")
	}
	if !slices.Equal(w.calls, want) {
		t.Errorf("calls = %v\nwant %v", w.calls, want)
	}
	if expected := 2*DefaultNodegroupSetup + DefaultLaunchNode + 3*DefaultTerminateNode; took != expected {
		t.Errorf("it took %v, want %v", took, expected)
	}
	after := f.Nodes("shop")
	zones := map[string]int{}
	for _, n := range after {
		zones[n.Zone]++
		if n.Version != "1.35" || slices.ContainsFunc(before, func(b RunningNode) bool { return b.Name == n.Name || b.Instance == n.Instance }) {
			t.Errorf("node = %+v", n)
		}
	}
	if len(after) != 3 || len(zones) != 3 {
		t.Errorf("%d nodes in %v", len(after), zones)
	}
	if n := f.Nodegroups("shop")[0]; *n.Version != "1.35" || *n.ReleaseVersion != "1.35.5-20260720" || n.Status != types.NodegroupStatusActive {
		t.Errorf("node group = %s %s %s", *n.Version, *n.ReleaseVersion, n.Status)
	}
	if p := u.Params; *p[0].Value != "1.35" || p[1].Type != types.UpdateParamTypeReleaseVersion {
		t.Errorf("params = %+v", p)
	}
}

func TestSurgeAndMaximumUnavailable(t *testing.T) {
	for _, c := range []struct {
		name        string
		count       int32
		config      types.NodegroupUpdateConfig
		most, batch int
	}{
		{"twice the zones", 12, types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(1))}, 18, 1},
		{"a larger maximum", 12, types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(8))}, 20, 8},
		{"a percentage", 12, types.NodegroupUpdateConfig{MaxUnavailablePercentage: ptr(int32(33))}, 18, 3},
		{"no more than there are", 2, types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(5))}, 4, 2},
		{"MINIMAL", 6, types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(2)), UpdateStrategy: types.NodegroupUpdateStrategiesMinimal}, 6, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWilling()
			f := rolled(t, Options{Clusters: w}, c.count, func(in *sdk.CreateNodegroupInput) { in.UpdateConfig = &c.config })
			w.calls = nil
			if u, _ := f.roll(nil); u.Status != types.UpdateStatusSuccessful {
				t.Fatalf("update = %+v", u.Errors)
			}
			if w.most != c.most {
				t.Errorf("at most %d nodes, want %d", w.most, c.most)
			}
			if !slices.Contains(w.calls, fmt.Sprintf("drain %d false", c.batch)) {
				t.Errorf("calls = %v, want drains of %d", w.calls, c.batch)
			}
			if n := f.Nodes("shop"); len(n) != int(c.count) || slices.ContainsFunc(n, func(n RunningNode) bool { return n.Version != "1.35" }) {
				t.Errorf("nodes = %+v", n)
			}
		})
	}
}

func TestPodsThatDoNotLeaveFailTheUpdateAfter15Minutes(t *testing.T) {
	w := newWilling()
	f := rolled(t, Options{Clusters: w}, 3, nil)
	stuck := f.Nodes("shop")[1].Name
	w.blocks = func(node string) string {
		if node == stuck {
			return "shop/cart-0"
		}
		return ""
	}
	u, took := f.roll(nil)
	if u.Status != types.UpdateStatusFailed || u.Errors[0].ErrorCode != types.ErrorCodePodEvictionFailure || !slices.Equal(u.Errors[0].ResourceIds, []string{stuck}) {
		t.Fatalf("update = %+v", u)
	}
	for _, part := range []string{"Reached max retries while trying to evict pods from nodes in node group workers", "shop/cart-0", stuck, "disruption budget"} {
		if !strings.Contains(*u.Errors[0].ErrorMessage, part) {
			t.Errorf("message %q does not say %q", *u.Errors[0].ErrorMessage, part)
		}
	}
	replaced := 0
	for _, n := range f.Nodes("shop") {
		if n.Version == "1.35" {
			replaced++
		}
	}
	if want := DefaultNodegroupSetup + DefaultLaunchNode + time.Duration(replaced)*DefaultTerminateNode + 15*time.Minute; took != want {
		t.Errorf("it took %v with %d nodes replaced, want %v", took, replaced, want)
	}
	if _, there := w.nodes[stuck]; !there || len(w.nodes) != 3 {
		t.Errorf("nodes = %d", len(w.nodes))
	}
	if n := f.Nodegroups("shop")[0]; n.Status != types.NodegroupStatusActive || *n.Version != "1.34" {
		t.Errorf("node group = %s at %s", n.Status, *n.Version)
	}
	u, _ = f.roll(func(in *sdk.UpdateNodegroupVersionInput) { in.Force = true })
	if u.Status != types.UpdateStatusSuccessful || *f.Nodegroups("shop")[0].Version != "1.35" {
		t.Fatalf("forced update = %+v", u)
	}
	if _, there := w.nodes[stuck]; there || len(w.nodes) != 3 {
		t.Errorf("nodes = %v", w.nodes)
	}
}

func TestNodeGroupsGoBackOnlyWhileTheClusterCan(t *testing.T) {
	back := func(in *sdk.UpdateNodegroupVersionInput) { in.Version = ptr("1.34") }
	f := rolled(t, Options{}, 2, nil)
	f.roll(nil)
	if u, _ := f.roll(back); u.Status != types.UpdateStatusSuccessful || *f.Nodegroups("shop")[0].Version != "1.34" {
		t.Fatalf("update = %+v", u)
	}
	f.roll(nil)
	in := &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), Version: ptr("1.33")}
	_, err := f.UpdateNodegroupVersion(f.call, in)
	wantCode(t, err, "InvalidParameterException", "Nodegroup Kubernetes version should be equal to Cluster kubernetes version")
	f.clock.Advance(8 * 24 * time.Hour)
	in.Version = ptr("1.34")
	_, err = f.UpdateNodegroupVersion(f.call, in)
	wantCode(t, err, "InvalidParameterException", "Nodegroup Kubernetes version should be equal to Cluster kubernetes version")
}

func TestReleases(t *testing.T) {
	f := rolled(t, Options{}, 1, func(in *sdk.CreateNodegroupInput) { in.ReleaseVersion = ptr("1.34.8-20260608") })
	if n := f.Nodegroups("shop")[0]; *n.ReleaseVersion != "1.34.8-20260608" {
		t.Fatalf("release = %s", *n.ReleaseVersion)
	}
	u, _ := f.roll(func(in *sdk.UpdateNodegroupVersionInput) { in.ReleaseVersion = ptr("1.34.8-20260629") })
	if n := f.Nodegroups("shop")[0]; u.Status != types.UpdateStatusSuccessful || *n.Version != "1.34" || *n.ReleaseVersion != "1.34.8-20260629" {
		t.Fatalf("%s %s", *n.Version, *n.ReleaseVersion)
	}
	for release, part := range map[string]string{"1.34.8-20260608": "cannot be downgraded", "1.34.8-20250101": "is not valid for kubernetes version 1.34"} {
		_, err := f.UpdateNodegroupVersion(f.call, &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), ReleaseVersion: &release})
		wantCode(t, err, "InvalidParameterException", part)
	}
}

func TestLaunchTemplates(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	call := &wire.Call{Time: f.clock.Now()}
	template := func(name string, data *ec2types.RequestLaunchTemplateData) {
		t.Helper()
		f.must(f.opts.EC2.CreateLaunchTemplate(call, &ec2sdk.CreateLaunchTemplateInput{LaunchTemplateName: &name, LaunchTemplateData: data}))
	}
	template("plain", &ec2types.RequestLaunchTemplateData{InstanceType: "m6i.large"})
	template("profile", &ec2types.RequestLaunchTemplateData{IamInstanceProfile: &ec2types.LaunchTemplateIamInstanceProfileSpecificationRequest{Name: ptr("p")}})
	template("custom", &ec2types.RequestLaunchTemplateData{ImageId: ptr("ami-0123456789abcdef0")})
	create := func(name string, edit func(*sdk.CreateNodegroupInput)) error {
		in := nodegroupInput(name)
		in.LaunchTemplate = &types.LaunchTemplateSpecification{Name: &name}
		if edit != nil {
			edit(in)
		}
		_, err := f.CreateNodegroup(f.call, in)
		return err
	}
	wantCode(t, create("profile", nil), "InvalidParameterException", "instance profile")
	wantCode(t, create("missing", nil), "InvalidParameterException", "does not exist")
	wantCode(t, create("plain", func(in *sdk.CreateNodegroupInput) { in.DiskSize = ptr(int32(50)) }), "InvalidParameterException", "Disk size must be specified within the launch template")
	wantCode(t, create("plain", func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"m5.large"} }), "InvalidParameterException", "instance types")
	wantCode(t, create("custom", func(in *sdk.CreateNodegroupInput) { in.AmiType = types.AMITypesAl2023X8664Standard }), "InvalidParameterException", "other than CUSTOM")
	f.must(nil, create("plain", nil))
	f.must(nil, create("custom", nil))
	f.clock.Advance(DefaultCreateNodegroup)
	groups := f.Nodegroups("shop")
	if n := groups[1]; *n.LaunchTemplate.Version != "1" || len(n.InstanceTypes) != 0 || n.DiskSize != nil {
		t.Fatalf("node group = %+v", n)
	}
	if n := groups[0]; n.AmiType != types.AMITypesCustom || *n.ReleaseVersion != "ami-0123456789abcdef0" {
		t.Fatalf("node group = %+v", n)
	}
	update := func(nodegroup string, edit func(*sdk.UpdateNodegroupVersionInput)) error {
		in := &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: &nodegroup}
		edit(in)
		_, err := f.UpdateNodegroupVersion(f.call, in)
		return err
	}
	wantCode(t, update("custom", func(in *sdk.UpdateNodegroupVersionInput) { in.Version = ptr("1.34") }), "InvalidParameterException", "custom AMIs")
	wantCode(t, update("plain", func(in *sdk.UpdateNodegroupVersionInput) {
		in.LaunchTemplate = &types.LaunchTemplateSpecification{Name: ptr("custom")}
	}), "InvalidParameterException", "does not match")
	f.must(f.opts.EC2.CreateLaunchTemplateVersion(call, &ec2sdk.CreateLaunchTemplateVersionInput{LaunchTemplateName: ptr("plain"), SourceVersion: ptr("1"), LaunchTemplateData: &ec2types.RequestLaunchTemplateData{KeyName: ptr("k")}}))
	f.must(nil, update("plain", func(in *sdk.UpdateNodegroupVersionInput) {
		in.LaunchTemplate = &types.LaunchTemplateSpecification{Name: ptr("plain"), Version: ptr("$Latest")}
	}))
	f.clock.Advance(time.Hour)
	if n := f.Nodegroups("shop")[1]; *n.LaunchTemplate.Version != "2" || *n.Version != "1.34" || n.Status != types.NodegroupStatusActive {
		t.Fatalf("node group = %+v", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.clusters["shop"].nodegroups["plain"].nodes {
		if m.Labels["eks.amazonaws.com/sourceLaunchTemplateVersion"] != "2" || m.CPU != 2 {
			t.Errorf("node = %+v", m.Node)
		}
	}
}

func TestATerminatedInstanceIsReplaced(t *testing.T) {
	f := rolled(t, Options{}, 3, nil)
	gone := f.Nodes("shop")[0]
	call := &wire.Call{Time: f.clock.Now()}
	f.must(f.opts.EC2.TerminateInstances(call, &ec2sdk.TerminateInstancesInput{InstanceIds: []string{gone.Instance}}))
	f.clock.Advance(DefaultLaunchNode)
	after := f.Nodes("shop")
	if len(after) != 3 || slices.ContainsFunc(after, func(n RunningNode) bool { return n.Name == gone.Name }) {
		t.Fatalf("nodes = %+v", after)
	}
	if after[2].Zone != gone.Zone {
		t.Errorf("the new node is in %s, want %s", after[2].Zone, gone.Zone)
	}
}

func TestSubnetsWithoutRoomFailTheGroup(t *testing.T) {
	full := zones{"vpc-1/eu-west-1a": 9, "vpc-1/eu-west-1b": 9, "vpc-1/eu-west-1c": 0}
	f := newFixture(t, Options{Subnets: full})
	in := clusterInput("1.34")
	in.ResourcesVpcConfig.SubnetIds = []string{"vpc-1/eu-west-1a", "vpc-1/eu-west-1b"}
	f.must(f.CreateCluster(f.call, in))
	f.clock.Advance(DefaultCreateCluster)
	group := nodegroupInput("workers")
	group.Subnets = []string{"vpc-1/eu-west-1c"}
	f.must(f.CreateNodegroup(f.call, group))
	f.clock.Advance(DefaultCreateNodegroup)
	if n := f.Nodegroups("shop")[0]; n.Status != types.NodegroupStatusCreateFailed || n.Health.Issues[0].Code != types.NodegroupIssueCodeInsufficientFreeAddresses {
		t.Fatalf("node group = %s %+v", n.Status, n.Health.Issues)
	}
}

func TestScalingInDrainsAndBalances(t *testing.T) {
	w := newWilling()
	f := rolled(t, Options{Clusters: w}, 6, nil)
	f.must(f.UpdateNodegroupConfig(f.call, &sdk.UpdateNodegroupConfigInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), ScalingConfig: &types.NodegroupScalingConfig{DesiredSize: ptr(int32(3))}}))
	f.settle(func() bool { return len(f.Nodes("shop")) == 3 })
	zones := map[string]bool{}
	for _, n := range f.Nodes("shop") {
		zones[n.Zone] = true
	}
	if len(zones) != 3 || !slices.Contains(w.calls, "drain 3 false") {
		t.Errorf("zones = %v, calls = %v", zones, w.calls)
	}
}

func TestTwoRolloutsFromOneSeedAreEqual(t *testing.T) {
	run := func() []string {
		w := newWilling()
		f := rolled(t, Options{Clusters: w, RandomDurations: true, Seed: 7}, 5, nil)
		u, took := f.roll(nil)
		out := []string{string(u.Status), took.String(), *u.Id}
		for _, n := range f.Nodes("shop") {
			out = append(out, n.Name, n.Instance, n.Launched.String())
		}
		return out
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
}
