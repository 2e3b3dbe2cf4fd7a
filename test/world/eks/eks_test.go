package eks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

const role = "arn:aws:iam::123456789012:role/eks"

// fixture is an EKS on a clock that stands still.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Virtual
	call  *wire.Call
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	v := clock.NewVirtual(start)
	o.Clock, o.Account, o.Region = v, "123456789012", "eu-west-1"
	f := &fixture{Service: New(o), t: t, clock: v, call: &wire.Call{}}
	t.Cleanup(f.Close)
	return f
}

// withCluster is a fixture with the ACTIVE cluster shop.
func withCluster(t *testing.T, version string, o Options) *fixture {
	t.Helper()
	f := newFixture(t, o)
	f.must(f.CreateCluster(f.call, clusterInput(version)))
	f.clock.Advance(DefaultCreateCluster)
	return f
}

func clusterInput(version string) *sdk.CreateClusterInput {
	return &sdk.CreateClusterInput{Name: ptr("shop"), RoleArn: ptr(role), Version: ptr(version),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b"}},
		AccessConfig:       &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}}
}

func (f *fixture) must(_ any, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) status() types.ClusterStatus {
	f.t.Helper()
	c, _ := f.Cluster("shop")
	return c.Status
}

func (f *fixture) nodegroup(name string) {
	f.t.Helper()
	f.must(f.CreateNodegroup(f.call, nodegroupInput(name)))
	f.clock.Advance(DefaultCreateNodegroup)
}

func nodegroupInput(name string) *sdk.CreateNodegroupInput {
	return &sdk.CreateNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr(name), NodeRole: ptr(role), Subnets: []string{"subnet-a", "subnet-b"}}
}

func (f *fixture) upgrade(version string) (*types.Update, error) {
	out, err := f.UpdateClusterVersion(f.call, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr(version)})
	if err != nil {
		return nil, err
	}
	return out.Update, nil
}

func (f *fixture) upgraded(version string) {
	f.t.Helper()
	f.must(f.upgrade(version))
	f.clock.Advance(DefaultUpdateVersion)
}

func (f *fixture) update(id *string) types.Update {
	f.t.Helper()
	out, err := f.DescribeUpdate(f.call, &sdk.DescribeUpdateInput{Name: ptr("shop"), UpdateId: id})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.Update
}

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(err.Error(), part) {
		t.Fatalf("error = %v\nwant %s: ...%s...", err, code, part)
	}
}

func TestClusterBecomesActiveAfterItsTime(t *testing.T) {
	f := newFixture(t, Options{})
	out, err := f.CreateCluster(f.call, clusterInput("1.34"))
	if err != nil {
		t.Fatal(err)
	}
	c := out.Cluster
	if c.Status != types.ClusterStatusCreating || *c.Arn != "arn:aws:eks:eu-west-1:123456789012:cluster/shop" || c.Endpoint != nil {
		t.Fatalf("cluster = %+v", c)
	}
	f.clock.Advance(DefaultCreateCluster - time.Second)
	if got := f.status(); got != types.ClusterStatusCreating {
		t.Fatalf("status = %s, want CREATING", got)
	}
	_, err = f.CreateNodegroup(f.call, nodegroupInput("workers"))
	wantCode(t, err, "InvalidRequestException", "not in ACTIVE status")
	f.clock.Advance(time.Second)
	if got := f.status(); got != types.ClusterStatusActive {
		t.Fatalf("status = %s, want ACTIVE", got)
	}
}

func TestCreateClusterIsIdempotentByToken(t *testing.T) {
	f := newFixture(t, Options{})
	in := clusterInput("1.34")
	in.ClientRequestToken = ptr("t1")
	f.must(f.CreateCluster(f.call, in))
	f.must(f.CreateCluster(f.call, in))
	in = clusterInput("1.34")
	in.ClientRequestToken = ptr("t2")
	_, err := f.CreateCluster(f.call, in)
	wantCode(t, err, "ResourceInUseException", "Cluster already exists with name: shop")
}

// zones is an EC2 in which a subnet's id is "vpc/zone", with free addresses.
type zones map[string]int

func (z zones) LookupSubnet(id string) (string, string, int, bool) {
	free, ok := z[id]
	vpc, zone, _ := strings.Cut(id, "/")
	return vpc, zone, free, ok
}

func TestRefusedClusters(t *testing.T) {
	subnets := zones{"v1/a": 50, "v1/a/2": 50, "v1/b": 50, "v2/b": 50, "v1/full": 50}
	for _, c := range []struct {
		name       string
		edit       func(*sdk.CreateClusterInput)
		code, part string
	}{
		{"no name", func(in *sdk.CreateClusterInput) { in.Name = nil }, "InvalidParameterException", "name"},
		{"bad name", func(in *sdk.CreateClusterInput) { in.Name = ptr("-shop") }, "InvalidParameterException", "letter or digit"},
		{"no role", func(in *sdk.CreateClusterInput) { in.RoleArn = nil }, "InvalidParameterException", "roleArn"},
		{"not a role", func(in *sdk.CreateClusterInput) { in.RoleArn = ptr("eks") }, "InvalidParameterException", "could not be assumed"},
		{"no VPC configuration", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig = nil }, "InvalidParameterException", "resourcesVpcConfig"},
		{"one subnet", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"v1/a"} }, "InvalidParameterException", "two different AZs"},
		{"one zone", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v1/a"} }, "InvalidParameterException", "two different AZs"},
		{"two VPCs", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v2/b"} }, "InvalidParameterException", "same VPC"},
		{"unknown subnet", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v1/z"} }, "InvalidParameterException", "'v1/z' does not exist"},
		{"zone without room for control planes", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v1/full"} }, "UnsupportedAvailabilityZoneException", "does not currently have sufficient capacity"},
		{"unknown version", func(in *sdk.CreateClusterInput) { in.Version = ptr("1.99") }, "InvalidParameterException", "unsupported Kubernetes version"},
		{"no endpoint at all", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.EndpointPublicAccess = ptr(false) }, "InvalidParameterException", "cannot be false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{Subnets: subnets, UnsupportedZones: []string{"full"}})
			in := clusterInput("1.34")
			in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v1/b"}
			c.edit(in)
			_, err := f.CreateCluster(f.call, in)
			wantCode(t, err, c.code, c.part)
		})
	}
}

func TestVersionUpdate(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	u, err := f.upgrade("1.35")
	if err != nil {
		t.Fatal(err)
	}
	if u.Type != types.UpdateTypeVersionUpdate || u.Status != types.UpdateStatusInProgress || *u.Params[0].Value != "1.35" {
		t.Fatalf("update = %+v", u)
	}
	if f.status() != types.ClusterStatusUpdating {
		t.Fatalf("status = %s", f.status())
	}
	_, err = f.upgrade("1.35")
	wantCode(t, err, "ResourceInUseException", "currently has update "+*u.Id+" in progress")
	f.clock.Advance(DefaultUpdateVersion)
	if got := f.update(u.Id); got.Status != types.UpdateStatusSuccessful || u.Status != types.UpdateStatusInProgress {
		t.Fatalf("update = %+v; an earlier answer must not change: %+v", got, u)
	}
	if c, _ := f.Cluster("shop"); *c.Version != "1.35" || c.Status != types.ClusterStatusActive {
		t.Fatalf("cluster = %s %s", *c.Version, c.Status)
	}
}

func TestVersionUpdateGoesOneMinorForward(t *testing.T) {
	for _, c := range []struct{ to, part string }{
		{"1.36", "Unsupported Kubernetes minor version update from 1.34 to 1.36"},
		{"1.34", "Unsupported Kubernetes minor version update from 1.34 to 1.34"},
		{"1.32", "Unsupported Kubernetes minor version update from 1.34 to 1.32"},
		{"1.99", "unsupported Kubernetes version"},
		{"latest", "unsupported Kubernetes version"},
	} {
		t.Run(c.to, func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			_, err := f.upgrade(c.to)
			wantCode(t, err, "InvalidParameterException", c.part)
		})
	}
}

func TestVersionUpdateIsIdempotentByToken(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	in := &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35"), ClientRequestToken: ptr("hop-1")}
	first, err := f.UpdateClusterVersion(f.call, in)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(DefaultUpdateVersion)
	again, err := f.UpdateClusterVersion(f.call, in)
	if err != nil || *again.Update.Id != *first.Update.Id || again.Update.Status != types.UpdateStatusSuccessful {
		t.Fatalf("repeated request = %+v, %v", again, err)
	}
	_, err = f.UpdateClusterVersion(f.call, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.36"), ClientRequestToken: ptr("hop-1")})
	wantCode(t, err, "InvalidRequestException", "already used with different parameters")
	if n := len(f.Updates("shop")); n != 1 {
		t.Errorf("%d updates, want 1", n)
	}
}

func TestVersionUpdateFailsWithoutFreeAddresses(t *testing.T) {
	subnets := zones{"v1/a": 50, "v1/b": updateIPs - 1}
	f := newFixture(t, Options{Subnets: subnets})
	in := clusterInput("1.34")
	in.ResourcesVpcConfig.SubnetIds = []string{"v1/a", "v1/b"}
	f.must(f.CreateCluster(f.call, in))
	f.clock.Advance(DefaultCreateCluster)
	u, err := f.upgrade("1.35")
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(DefaultFailUpdate)
	got := f.update(u.Id)
	if got.Status != types.UpdateStatusFailed || got.Errors[0].ErrorCode != types.ErrorCodeIpNotAvailable || got.Errors[0].ResourceIds[0] != "v1/b" {
		t.Fatalf("update = %+v", got)
	}
	if c, _ := f.Cluster("shop"); *c.Version != "1.34" || c.Status != types.ClusterStatusActive {
		t.Fatalf("cluster = %s %s", *c.Version, c.Status)
	}
	subnets["v1/b"] = updateIPs
	f.upgraded("1.35")
	if c, _ := f.Cluster("shop"); *c.Version != "1.35" {
		t.Fatalf("version = %s", *c.Version)
	}
}

func TestBlockingInsightStopsAnUpdateUnlessForced(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	set := func(status types.InsightStatusValue) {
		if _, err := f.SetInsight("shop", types.Insight{Name: ptr("Deprecated APIs removed in Kubernetes v1.35"), InsightStatus: &types.InsightStatus{Status: status}}); err != nil {
			t.Fatal(err)
		}
	}
	set(types.InsightStatusValueError)
	_, err := f.upgrade("1.35")
	wantCode(t, err, "InvalidStateException", "Deprecated APIs removed in Kubernetes v1.35")
	set(types.InsightStatusValueWarning)
	f.must(f.upgrade("1.35"))

	f = withCluster(t, "1.34", Options{})
	set(types.InsightStatusValueError)
	f.must(f.UpdateClusterVersion(f.call, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35"), Force: true}))
}

func TestNodesMayBeThreeMinorsOldButNotFour(t *testing.T) {
	f := withCluster(t, "1.32", Options{})
	f.nodegroup("old")
	for _, v := range []string{"1.33", "1.34", "1.35"} {
		f.upgraded(v)
	}
	_, err := f.upgrade("1.36")
	wantCode(t, err, "InvalidRequestException", "Nodegroups old must be updated to match cluster version 1.35")
	out, err := f.UpdateNodegroupVersion(f.call, &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("old")})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(DefaultUpdateNodegroup)
	got, err := f.DescribeUpdate(f.call, &sdk.DescribeUpdateInput{Name: ptr("shop"), NodegroupName: ptr("old"), UpdateId: out.Update.Id})
	if err != nil || got.Update.Status != types.UpdateStatusSuccessful {
		t.Fatalf("update = %+v, %v", got, err)
	}
	if n := f.Nodegroups("shop")[0]; *n.Version != "1.35" || *n.ReleaseVersion != "1.35.5-20260720" {
		t.Fatalf("nodegroup = %s %s", *n.Version, *n.ReleaseVersion)
	}
	_, err = f.upgrade("1.36")
	wantCode(t, err, "InvalidStateException", "Kubelet version skew") // the insight is not refreshed yet
	f.must(f.StartInsightsRefresh(f.call, &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")}))
	f.clock.Advance(DefaultInsightsRefresh)
	f.upgraded("1.36")
}

func TestDeleteClusterIsRefusedWhileSomethingHangsOnIt(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	f.nodegroup("workers")
	in := &sdk.DeleteClusterInput{Name: ptr("shop")}
	_, err := f.DeleteCluster(f.call, in)
	wantCode(t, err, "ResourceInUseException", "Cluster has nodegroups attached")
	f.must(f.DeleteNodegroup(f.call, &sdk.DeleteNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}))
	_, err = f.DeleteCluster(f.call, in)
	wantCode(t, err, "ResourceInUseException", "Cluster has nodegroups attached")
	f.clock.Advance(DefaultDeleteNodegroup)
	f.must(f.CreateFargateProfile(f.call, fargateInput("serverless")))
	_, err = f.DeleteCluster(f.call, in)
	wantCode(t, err, "ResourceInUseException", "Fargate")
	f.clock.Advance(DefaultFargateProfile)
	f.must(f.DeleteFargateProfile(f.call, &sdk.DeleteFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: ptr("serverless")}))
	f.clock.Advance(DefaultFargateProfile)
	f.must(f.upgrade("1.35"))
	_, err = f.DeleteCluster(f.call, in)
	wantCode(t, err, "ResourceInUseException", "update in progress")
	f.clock.Advance(DefaultUpdateVersion)
	f.must(f.DeleteCluster(f.call, in))
	if f.status() != types.ClusterStatusDeleting {
		t.Fatalf("status = %s", f.status())
	}
	f.clock.Advance(DefaultDeleteCluster)
	_, err = f.DescribeCluster(f.call, &sdk.DescribeClusterInput{Name: ptr("shop")})
	wantCode(t, err, "ResourceNotFoundException", "No cluster found for name: shop.")
}

func TestListClustersInPages(t *testing.T) {
	f := newFixture(t, Options{})
	for i := range 5 {
		in := clusterInput("1.34")
		in.Name = ptr(fmt.Sprintf("c%d", i))
		f.must(f.CreateCluster(f.call, in))
	}
	var got []string
	in := &sdk.ListClustersInput{MaxResults: ptr(int32(2))}
	for {
		out, err := f.ListClusters(f.call, in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.Clusters...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if d := cmp.Diff([]string{"c0", "c1", "c2", "c3", "c4"}, got); d != "" {
		t.Error(d)
	}
	_, err := f.ListClusters(f.call, &sdk.ListClustersInput{NextToken: ptr("?")})
	wantCode(t, err, "InvalidParameterException", "nextToken")
	_, err = f.ListClusters(f.call, &sdk.ListClustersInput{MaxResults: ptr(int32(0))})
	wantCode(t, err, "InvalidParameterException", "maxResults")
}

func TestClusterVersionsKnowTheirSupport(t *testing.T) {
	f := newFixture(t, Options{})
	status := func(version string) types.VersionStatus {
		out, err := f.DescribeClusterVersions(f.call, &sdk.DescribeClusterVersionsInput{ClusterVersions: []string{version}})
		if err != nil || len(out.ClusterVersions) != 1 {
			t.Fatalf("%s: %+v, %v", version, out, err)
		}
		return out.ClusterVersions[0].VersionStatus
	}
	if got := status("1.34"); got != types.VersionStatusStandardSupport {
		t.Errorf("1.34 is in %s", got)
	}
	if got := status("1.32"); got != types.VersionStatusExtendedSupport {
		t.Errorf("1.32 is in %s", got)
	}
	f.clock.Advance(365 * 24 * time.Hour)
	if got := status("1.32"); got != types.VersionStatusUnsupported {
		t.Errorf("a year later 1.32 is in %s", got)
	}
	out, err := f.DescribeClusterVersions(f.call, &sdk.DescribeClusterVersionsInput{})
	if err != nil || slices.ContainsFunc(out.ClusterVersions, func(v types.ClusterVersionInformation) bool { return *v.ClusterVersion == "1.32" }) {
		t.Errorf("versions out of support must only be listed on request: %v, %v", out, err)
	}
}

func fargateInput(name string) *sdk.CreateFargateProfileInput {
	return &sdk.CreateFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: ptr(name), PodExecutionRoleArn: ptr("arn:aws:iam::123456789012:role/pods"),
		Selectors: []types.FargateProfileSelector{{Namespace: ptr("batch")}}}
}
