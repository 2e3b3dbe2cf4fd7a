package eks

import (
	"maps"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
)

func TestNodegroupLifecycle(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	out, err := f.CreateNodegroup(f.call, nodegroupInput("workers"))
	if err != nil {
		t.Fatal(err)
	}
	n := out.Nodegroup
	if n.Status != types.NodegroupStatusCreating || *n.Version != "1.34" || *n.ScalingConfig.DesiredSize != 2 || n.AmiType != types.AMITypesAl2023X8664Standard {
		t.Fatalf("nodegroup = %+v", n)
	}
	_, err = f.CreateNodegroup(f.call, nodegroupInput("workers"))
	wantCode(t, err, "ResourceInUseException", "NodeGroup already exists with name workers and cluster name shop")
	f.clock.Advance(DefaultCreateNodegroup)
	config := &sdk.UpdateNodegroupConfigInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), ScalingConfig: &types.NodegroupScalingConfig{DesiredSize: ptr(int32(4)), MaxSize: ptr(int32(6))},
		Labels: &types.UpdateLabelsPayload{AddOrUpdateLabels: map[string]string{"tier": "web"}}}
	f.must(f.UpdateNodegroupConfig(f.call, config))
	_, err = f.UpdateNodegroupConfig(f.call, config)
	wantCode(t, err, "ResourceInUseException", "in progress")
	f.clock.Advance(DefaultUpdateNodegroup)
	got := f.Nodegroups("shop")[0]
	if got.Status != types.NodegroupStatusActive || *got.ScalingConfig.DesiredSize != 4 || *got.ScalingConfig.MinSize != 1 || got.Labels["tier"] != "web" {
		t.Fatalf("nodegroup = %+v", got)
	}
}

func TestRefusedNodegroups(t *testing.T) {
	for _, c := range []struct {
		name       string
		edit       func(*sdk.CreateNodegroupInput)
		code, part string
	}{
		{"unknown cluster", func(in *sdk.CreateNodegroupInput) { in.ClusterName = ptr("x") }, "ResourceNotFoundException", "No cluster found for name: x."},
		{"no subnets", func(in *sdk.CreateNodegroupInput) { in.Subnets = nil }, "InvalidParameterException", "subnets"},
		{"bad name", func(in *sdk.CreateNodegroupInput) { in.NodegroupName = ptr("a b") }, "InvalidParameterException", "nodegroupName"},
		{"another version than the cluster's", func(in *sdk.CreateNodegroupInput) { in.Version = ptr("1.33") }, "InvalidParameterException", "must match the cluster's version"},
		{"AL2 after its end", func(in *sdk.CreateNodegroupInput) { in.AmiType = types.AMITypesAl2X8664 }, "InvalidParameterException", "only supported for kubernetes versions 1.32 or earlier"},
		{"desired above maximum", func(in *sdk.CreateNodegroupInput) {
			in.ScalingConfig = &types.NodegroupScalingConfig{DesiredSize: ptr(int32(9)), MaxSize: ptr(int32(3)), MinSize: ptr(int32(1))}
		}, "InvalidParameterException", "can't be greater than max size"},
		{"desired below minimum", func(in *sdk.CreateNodegroupInput) {
			in.ScalingConfig = &types.NodegroupScalingConfig{DesiredSize: ptr(int32(1)), MaxSize: ptr(int32(3)), MinSize: ptr(int32(2))}
		}, "InvalidParameterException", "can't be less than min size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			in := nodegroupInput("workers")
			c.edit(in)
			_, err := f.CreateNodegroup(f.call, in)
			wantCode(t, err, c.code, c.part)
		})
	}
}

func TestNodegroupVersionIsTheClustersOrItsOwn(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	f.nodegroup("workers")
	in := &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), Version: ptr("1.35")}
	_, err := f.UpdateNodegroupVersion(f.call, in)
	wantCode(t, err, "InvalidParameterException", "should be equal to Cluster kubernetes version 1.34")
	f.upgraded("1.35")
	f.must(f.UpdateNodegroupVersion(f.call, in))
}

func TestAddonLifecycle(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	out, err := f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni"), AddonVersion: ptr("v1.20.1-eksbuild.3")})
	if err != nil || out.Addon.Status != types.AddonStatusCreating {
		t.Fatalf("addon = %+v, %v", out, err)
	}
	f.clock.Advance(DefaultAddon)
	update := func(version string) error {
		_, err := f.UpdateAddon(f.call, &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni"), AddonVersion: ptr(version)})
		return err
	}
	wantCode(t, update("v1.22.4-eksbuild.3"), "InvalidParameterException", "1 minor version at a time")
	wantCode(t, update("v1.19.6-eksbuild.7"), "InvalidParameterException", "Addon version specified is not supported")
	f.must(nil, update("v1.21.1-eksbuild.3"))
	wantCode(t, update("v1.21.1-eksbuild.3"), "ResourceInUseException", "UPDATING")
	f.clock.Advance(DefaultAddon)
	got, err := f.DescribeAddon(f.call, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni")})
	if err != nil || got.Addon.Status != types.AddonStatusActive || *got.Addon.AddonVersion != "v1.21.1-eksbuild.3" {
		t.Fatalf("addon = %+v, %v", got, err)
	}
	f.must(f.DeleteAddon(f.call, &sdk.DeleteAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni")}))
	f.clock.Advance(DefaultAddon)
	_, err = f.DescribeAddon(f.call, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni")})
	wantCode(t, err, "ResourceNotFoundException", "No addon: vpc-cni found in cluster: shop")
	_, err = f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("nginx")})
	wantCode(t, err, "InvalidParameterException", "nginx")
}

func TestEveryMinorHasOneDefaultOfEachAddon(t *testing.T) {
	f := newFixture(t, Options{})
	for _, v := range clusterVersions {
		out, err := f.DescribeAddonVersions(f.call, &sdk.DescribeAddonVersionsInput{KubernetesVersion: ptr(v.version)})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Addons) != len(addonCatalog) {
			t.Fatalf("%s: %d add-ons", v.version, len(out.Addons))
		}
		for _, a := range out.Addons {
			defaults := 0
			for _, av := range a.AddonVersions {
				if len(av.Compatibilities) != 1 || *av.Compatibilities[0].ClusterVersion != v.version {
					t.Errorf("%s %s: compatibilities = %+v", v.version, *a.AddonName, av.Compatibilities)
				}
				if av.Compatibilities[0].DefaultVersion {
					defaults++
				}
			}
			if defaults != 1 {
				t.Errorf("%s %s: %d defaults", v.version, *a.AddonName, defaults)
			}
		}
	}
}

func TestEachHopHasAnAddonVersionThatIsValidForBothMinors(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(addonCatalog)) {
		for m := oldestMinor; m < newestMinor; m++ {
			if !slices.ContainsFunc(addonCatalog[name].versions, func(v addonVersion) bool { return v.runsOn(m) && v.runsOn(m+1) }) {
				t.Errorf("%s has no version for both 1.%d and 1.%d", name, m, m+1)
			}
		}
	}
}

func TestInsightsFollowTheClusterAtEachRefresh(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	status := func(name string) types.InsightStatusValue {
		out, err := f.ListInsights(f.call, &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{Categories: []types.Category{types.CategoryUpgradeReadiness}, KubernetesVersions: []string{"1.35"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range out.Insights {
			if *i.Name == name {
				return i.InsightStatus.Status
			}
		}
		t.Fatalf("no insight %q", name)
		return ""
	}
	const compatibility = "EKS add-on version compatibility"
	if got := status(compatibility); got != types.InsightStatusValuePassing {
		t.Fatalf("status = %s", got)
	}
	f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni"), AddonVersion: ptr("v1.20.1-eksbuild.3")}))
	f.clock.Advance(DefaultAddon)
	if got := status(compatibility); got != types.InsightStatusValuePassing {
		t.Fatalf("an insight must stay as it is until it is refreshed, got %s", got)
	}
	f.must(f.StartInsightsRefresh(f.call, &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")}))
	_, err := f.StartInsightsRefresh(f.call, &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")})
	wantCode(t, err, "InvalidRequestException", "already in progress")
	f.clock.Advance(DefaultInsightsRefresh)
	r, err := f.DescribeInsightsRefresh(f.call, &sdk.DescribeInsightsRefreshInput{ClusterName: ptr("shop")})
	if err != nil || r.Status != types.InsightsRefreshStatusCompleted || !r.EndedAt.Equal(f.clock.Now()) {
		t.Fatalf("refresh = %+v, %v", r, err)
	}
	if got := status(compatibility); got != types.InsightStatusValueError {
		t.Fatalf("v1.20.1 does not run on 1.35, but the insight is %s", got)
	}
	_, err = f.upgrade("1.35")
	wantCode(t, err, "InvalidStateException", compatibility)
	f.must(f.UpdateAddon(f.call, &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni"), AddonVersion: ptr("v1.21.1-eksbuild.3")}))
	f.clock.Advance(insightsAge) // EKS refreshes once a day by itself
	if got := status(compatibility); got != types.InsightStatusValuePassing {
		t.Fatalf("status = %s", got)
	}
	f.upgraded("1.35")
	out, err := f.ListInsights(f.call, &sdk.ListInsightsInput{ClusterName: ptr("shop")})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range out.Insights {
		if i.Category == types.CategoryUpgradeReadiness && *i.KubernetesVersion != "1.36" {
			t.Errorf("after the update, insight %q is about %s", *i.Name, *i.KubernetesVersion)
		}
	}
}

func TestSetInsightIsDescribedAndCleared(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	id, err := f.SetInsight("shop", types.Insight{Name: ptr("Custom"), Category: types.CategoryMisconfiguration, InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueUnknown}})
	if err != nil {
		t.Fatal(err)
	}
	in := &sdk.DescribeInsightInput{ClusterName: ptr("shop"), Id: ptr(id)}
	out, err := f.DescribeInsight(f.call, in)
	if err != nil || out.Insight.InsightStatus.Status != types.InsightStatusValueUnknown {
		t.Fatalf("insight = %+v, %v", out, err)
	}
	if !f.ClearInsight("shop", id) || f.ClearInsight("shop", id) {
		t.Error("ClearInsight must report whether the insight existed")
	}
	_, err = f.DescribeInsight(f.call, in)
	wantCode(t, err, "ResourceNotFoundException", id)
}

func TestAccessEntriesAndTags(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	principal := "arn:aws:iam::123456789012:role/agent"
	in := &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(principal)}
	f.must(f.CreateAccessEntry(f.call, in))
	_, err := f.CreateAccessEntry(f.call, in)
	wantCode(t, err, "ResourceInUseException", "already in use")
	e, err := f.DescribeAccessEntry(f.call, &sdk.DescribeAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(principal)})
	if err != nil || *e.AccessEntry.Username != "arn:aws:sts::123456789012:assumed-role/agent/{{SessionName}}" {
		t.Fatalf("entry = %+v, %v", e, err)
	}
	l, err := f.ListAccessEntries(f.call, &sdk.ListAccessEntriesInput{ClusterName: ptr("shop")})
	if err != nil || !slices.Equal(l.AccessEntries, []string{principal, f.serviceRole()}) {
		t.Fatalf("entries = %+v, %v", l, err)
	}
	arn := ptr("arn:aws:eks:eu-west-1:123456789012:cluster/shop")
	f.must(f.TagResource(f.call, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "1", "b": "2"}}))
	f.must(f.UntagResource(f.call, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}))
	tags, err := f.ListTagsForResource(f.call, &sdk.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"b": "2"}, tags.Tags); d != "" {
		t.Error(d)
	}
	_, err = f.ListTagsForResource(f.call, &sdk.ListTagsForResourceInput{ResourceArn: ptr(*arn + "x")})
	wantCode(t, err, "NotFoundException", "shopx")
}

func TestHealthIssuesDegradeANodegroup(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	f.nodegroup("workers")
	f.must(nil, f.SetNodegroupHealth("shop", "workers", types.Issue{Code: types.NodegroupIssueCodeNodeCreationFailure}))
	if n := f.Nodegroups("shop")[0]; n.Status != types.NodegroupStatusDegraded || len(n.Health.Issues) != 1 {
		t.Fatalf("nodegroup = %+v", n)
	}
	f.must(nil, f.SetNodegroupHealth("shop", "workers"))
	if n := f.Nodegroups("shop")[0]; n.Status != types.NodegroupStatusActive {
		t.Fatalf("nodegroup = %+v", n)
	}
	f.must(nil, f.SetHealth("shop", types.ClusterIssue{Code: types.ClusterIssueCodeEc2SubnetNotFound}))
	f.clock.Advance(25 * time.Hour)
	out, err := f.ListInsights(f.call, &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{Statuses: []types.InsightStatusValue{types.InsightStatusValueError}}})
	if err != nil || len(out.Insights) != 1 || *out.Insights[0].Name != "Cluster health issues" {
		t.Fatalf("insights = %+v, %v", out, err)
	}
}
