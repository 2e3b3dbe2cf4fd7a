package eks

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// The tests here list what the SDK knows, so that a newer SDK with more of it
// makes them fail.

func TestEveryClusterIssueIsSeenAndHasItsEffect(t *testing.T) {
	for _, code := range types.ClusterIssueCode("").Values() {
		t.Run(string(code), func(t *testing.T) {
			w := walk(t, "1.34", nil)
			w.must(nil, w.SetHealth("shop", types.ClusterIssue{Code: code}))
			issues := w.describe().Health.Issues
			if len(issues) != 1 || issues[0].Code != code || *issues[0].Message == "" || issues[0].ResourceIds[0] != "shop" {
				t.Fatalf("issues = %+v", issues)
			}
			w.must(w.api.StartInsightsRefresh(t.Context(), &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")}))
			w.clock.Advance(time.Hour)
			_, err := w.version("1.35")
			wantCode(t, err, "InvalidStateException", "Cluster health issues")
			u, err := w.version("1.35", force)
			w.must(u, err)
			w.clock.Advance(time.Hour)
			if known := clusterIssues[code]; known.failure == "" {
				w.ended(u.Id, types.UpdateStatusSuccessful)
			} else if got := w.ended(u.Id, types.UpdateStatusFailed); got.Errors[0].ErrorCode != known.failure {
				t.Errorf("errors = %+v, want %s", got.Errors, known.failure)
			}
			w.must(nil, w.SetHealth("shop"))
			if issues := w.describe().Health.Issues; len(issues) > 0 {
				t.Errorf("after healing: %+v", issues)
			}
		})
	}
	if len(clusterIssues) != len(types.ClusterIssueCode("").Values()) {
		t.Error("the table of issues has codes that the SDK does not know")
	}
	w := walk(t, "1.34", nil)
	if w.SetHealth("shop", types.ClusterIssue{Code: "Nonsense"}) == nil {
		t.Error("a code that EKS does not know must be an error")
	}
}

func TestEveryInsightCategoryAndStatus(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.hop("1.35")
	for _, category := range types.Category("").Values() {
		for _, status := range types.InsightStatusValue("").Values() {
			id, err := w.SetInsight("shop", types.Insight{Name: ptr("Check " + string(status)), Category: category, InsightStatus: &types.InsightStatus{Status: status, Reason: ptr("because")}})
			w.must(id, err)
			out, err := w.api.ListInsights(t.Context(), &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{
				Categories: []types.Category{category}, Statuses: []types.InsightStatusValue{status}}})
			if err != nil || !slices.ContainsFunc(out.Insights, func(i types.InsightSummary) bool { return *i.Id == id }) {
				t.Fatalf("%s %s: %+v, %v", category, status, out, err)
			}
			d, err := w.api.DescribeInsight(t.Context(), &sdk.DescribeInsightInput{ClusterName: ptr("shop"), Id: &id})
			if err != nil || d.Insight.Category != category || d.Insight.InsightStatus.Status != status {
				t.Fatalf("%s %s: %+v, %v", category, status, d, err)
			}
		}
	}
}

func TestEveryStatusOfAnInsightsRefresh(t *testing.T) {
	w := walk(t, "1.34", nil)
	seen := map[types.InsightsRefreshStatus]bool{}
	look := func() {
		t.Helper()
		out, err := w.api.DescribeInsightsRefresh(t.Context(), &sdk.DescribeInsightsRefreshInput{ClusterName: ptr("shop")})
		if err != nil || *out.Message == "" || out.StartedAt == nil || (out.EndedAt == nil) != (out.Status == types.InsightsRefreshStatusInProgress) {
			t.Fatalf("refresh = %+v, %v", out, err)
		}
		seen[out.Status] = true
	}
	for _, issues := range [][]types.ClusterIssue{nil, {{Code: types.ClusterIssueCodeClusterUnreachable}}} {
		w.must(nil, w.SetHealth("shop", issues...))
		w.must(w.api.StartInsightsRefresh(t.Context(), &sdk.StartInsightsRefreshInput{ClusterName: ptr("shop")}))
		look()
		w.clock.Advance(DefaultInsightsRefresh)
		look()
	}
	for _, status := range types.InsightsRefreshStatus("").Values() {
		if !seen[status] {
			t.Errorf("%s was not reached", status)
		}
	}
}

// TestEveryUpdateTypeAndStatus makes every type of update through the API, and
// an update of every status.
func TestEveryUpdateTypeAndStatus(t *testing.T) {
	w := walk(t, "1.34", func(in *sdk.CreateClusterInput) {
		in.AccessConfig = &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeConfigMap}
	})
	seenTypes, seenStatuses, seenCancellations := map[types.UpdateType]bool{}, map[types.UpdateStatus]bool{}, map[types.CancellationStatus]bool{}
	see := func(u *types.Update) {
		seenTypes[u.Type], seenStatuses[u.Status] = true, true
		if u.Cancellation != nil {
			seenCancellations[u.Cancellation.Status] = true
		}
	}
	var auto sdk.CreateClusterInput
	autoCluster(&auto)
	for _, in := range []*sdk.UpdateClusterConfigInput{
		{AccessConfig: &types.UpdateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApiAndConfigMap}},
		{Logging: &types.Logging{ClusterLogging: []types.LogSetup{{Enabled: ptr(true), Types: []types.LogType{types.LogTypeAudit}}}}},
		{ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPrivateAccess: ptr(true)}},
		{ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b", "subnet-c"}}},
		{ResourcesVpcConfig: &types.VpcConfigRequest{ControlPlaneEgressMode: types.ControlPlaneEgressModeTypeCustomerRouted}},
		{UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeStandard}},
		{ZonalShiftConfig: &types.ZonalShiftConfigRequest{Enabled: ptr(true)}},
		{DeletionProtection: ptr(true)},
		{ControlPlaneScalingConfig: &types.ControlPlaneScalingConfig{Tier: types.ProvisionedControlPlaneTierTierXl}},
		{RemoteNetworkConfig: &types.RemoteNetworkConfigRequest{RemoteNodeNetworks: []types.RemoteNodeNetwork{{Cidrs: []string{"10.80.0.0/16"}}}}},
		{KubeApiServerConfig: &types.KubeApiServerConfigRequest{EventTtl: ptr("30m")}, KubeControllerManagerConfig: &types.KubeControllerManagerConfigRequest{
			PodGcControllerConfig: &types.PodGcControllerConfigRequest{TerminatedPodGcThreshold: ptr(int32(100))}}},
		{ComputeConfig: auto.ComputeConfig, KubernetesNetworkConfig: auto.KubernetesNetworkConfig, StorageConfig: auto.StorageConfig},
	} {
		in.Name = ptr("shop")
		out, err := w.api.UpdateClusterConfig(t.Context(), in)
		w.must(out, err)
		see(out.Update)
		if len(out.Update.Params) == 0 {
			t.Errorf("%s has no parameters", out.Update.Type)
		}
		w.clock.Advance(time.Hour)
		see(w.ended(out.Update.Id, types.UpdateStatusSuccessful))
	}
	run := func(update *types.Update, err error) {
		t.Helper()
		w.must(update, err)
		see(update)
		w.clock.Advance(time.Hour)
		see(w.ended(update.Id, types.UpdateStatusSuccessful))
	}
	e, err := w.api.AssociateEncryptionConfig(t.Context(), &sdk.AssociateEncryptionConfigInput{ClusterName: ptr("shop"), EncryptionConfig: []types.EncryptionConfig{{
		Provider: &types.Provider{KeyArn: ptr("arn:aws:kms:eu-west-1:123456789012:key/1")}, Resources: []string{"secrets"}}}})
	run(e.Update, err)
	a, err := w.api.AssociateIdentityProviderConfig(t.Context(), providerInput())
	run(a.Update, err)
	d, err := w.api.DisassociateIdentityProviderConfig(t.Context(), &sdk.DisassociateIdentityProviderConfigInput{ClusterName: ptr("shop"),
		IdentityProviderConfig: &types.IdentityProviderConfig{Name: ptr("staff"), Type: ptr("oidc")}})
	run(d.Update, err)
	w.nodegroup("workers")
	n, err := w.api.UpdateNodegroupConfig(t.Context(), &sdk.UpdateNodegroupConfigInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), ScalingConfig: &types.NodegroupScalingConfig{MaxSize: ptr(int32(5))}})
	w.must(n, err)
	see(n.Update)
	w.addon("coredns", "v1.12.1-eksbuild.2")
	o, err := w.api.UpdateAddon(t.Context(), &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns"), AddonVersion: ptr("v1.12.3-eksbuild.1")})
	w.must(o, err)
	see(o.Update)
	w.clock.Advance(time.Hour)
	w.must(nil, w.SetHealth("shop", types.ClusterIssue{Code: types.ClusterIssueCodeIamRoleNotFound}))
	u, err := w.version("1.35", force)
	w.must(u, err)
	w.clock.Advance(time.Hour)
	see(w.ended(u.Id, types.UpdateStatusFailed))
	w.must(nil, w.SetHealth("shop"))
	w.must(w.version("1.35", force))
	w.clock.Advance(time.Hour)
	for range 2 { // the second time, cancelled too late
		u, err := w.version("1.34", force)
		w.must(u, err)
		if seenCancellations[types.CancellationStatusSuccessful] {
			w.clock.Advance(Distributions[WorkAutoModeNodes].Median - cancelTime/2)
		}
		u, err = w.cancel(u.Id)
		w.must(u, err)
		see(u)
		w.clock.Advance(time.Hour)
		see(w.describeUpdate(u.Id))
	}

	// These come from parts of EKS that are not simulated: they can be listed and
	// described when a test adds them.
	for _, typ := range []types.UpdateType{types.UpdateTypeCapabilityUpdate, types.UpdateTypeVendedLogsUpdate, types.UpdateTypeCertificateAuthorityUpdate} {
		if seenTypes[typ] {
			t.Errorf("%s is simulated: take it from this list", typ)
		}
		id, err := w.AddUpdate("shop", types.Update{Type: typ, Status: types.UpdateStatusSuccessful})
		w.must(id, err)
		see(w.describeUpdate(&id))
	}
	for _, typ := range types.UpdateType("").Values() {
		if !seenTypes[typ] {
			t.Errorf("no update of type %s", typ)
		}
	}
	for _, status := range types.UpdateStatus("").Values() {
		if !seenStatuses[status] {
			t.Errorf("no update with status %s", status)
		}
	}
	for _, status := range types.CancellationStatus("").Values() {
		if !seenCancellations[status] {
			t.Errorf("no cancellation with status %s", status)
		}
	}
}

func TestEveryFargateIssueAndStatus(t *testing.T) {
	w := walk(t, "1.34", nil)
	seen := map[types.FargateProfileStatus]bool{}
	look := func(name string) *types.FargateProfile {
		t.Helper()
		out, err := w.api.DescribeFargateProfile(t.Context(), &sdk.DescribeFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: &name})
		if err != nil {
			t.Fatal(err)
		}
		seen[out.FargateProfile.Status] = true
		return out.FargateProfile
	}
	w.must(w.api.CreateFargateProfile(t.Context(), fargateInput("p")))
	look("p")
	w.clock.Advance(DefaultFargateProfile)
	look("p")
	for _, code := range types.FargateProfileIssueCode("").Values() {
		w.must(nil, w.SetFargateHealth("shop", "p", types.FargateProfileIssue{Code: code}))
		if got := look("p").Health.Issues; len(got) != 1 || got[0].Code != code {
			t.Errorf("issues = %+v, want %s", got, code)
		}
	}
	w.must(w.api.DeleteFargateProfile(t.Context(), &sdk.DeleteFargateProfileInput{ClusterName: ptr("shop"), FargateProfileName: ptr("p")}))
	look("p")
	w.clock.Advance(DefaultFargateProfile)
	look("p")
	w.must(w.api.CreateFargateProfile(t.Context(), fargateInput("q")))
	w.must(nil, w.SetFargateHealth("shop", "q", types.FargateProfileIssue{Code: types.FargateProfileIssueCodeAccessDenied}))
	w.clock.Advance(DefaultFargateProfile)
	look("q")
	for _, status := range types.FargateProfileStatus("").Values() {
		if !seen[status] {
			t.Errorf("no profile with status %s", status)
		}
	}
}
