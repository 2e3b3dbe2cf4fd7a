package eks

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
)

func TestUpdateClusterConfigRefuses(t *testing.T) {
	shift := &types.ZonalShiftConfigRequest{Enabled: ptr(true)}
	for _, c := range []struct {
		name, code, part string
		in               sdk.UpdateClusterConfigInput
	}{
		{"nothing", "InvalidParameterException", "The type for cluster update was not provided.", sdk.UpdateClusterConfigInput{}},
		{"an empty network", "InvalidParameterException", "The type for cluster update was not provided.", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{}}},
		{"two types", "InvalidParameterException", "Only one type of update can be allowed.", sdk.UpdateClusterConfigInput{ZonalShiftConfig: shift, DeletionProtection: ptr(true)}},
		{"endpoint and subnets", "InvalidParameterException", "Only one type of update can be allowed.", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPrivateAccess: ptr(true), SubnetIds: []string{"subnet-a", "subnet-b"}}}},
		{"the same logging", "InvalidParameterException", "No changes needed for the logging config provided", sdk.UpdateClusterConfigInput{Logging: &types.Logging{ClusterLogging: []types.LogSetup{{Enabled: ptr(false), Types: []types.LogType{types.LogTypeApi}}}}}},
		{"the same endpoint", "InvalidParameterException", "Cluster is already at the desired configuration with endpointPrivateAccess: false , endpointPublicAccess: true", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: ptr(true)}}},
		{"no endpoint", "InvalidParameterException", "Private and public endpoint access cannot be false", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: ptr(false)}}},
		{"a private range in public", "InvalidParameterException", "publicAccessCidrs", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{PublicAccessCidrs: []string{"10.0.0.0/8"}}}},
		{"one zone", "InvalidParameterException", "two different AZs", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-1a"}}}},
		{"six security groups", "InvalidParameterException", "At most 5", sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{SecurityGroupIds: []string{"1", "2", "3", "4", "5", "6"}}}},
		{"authentication back", "InvalidParameterException", "Unsupported authentication mode update from API to CONFIG_MAP", sdk.UpdateClusterConfigInput{AccessConfig: &types.UpdateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeConfigMap}}},
		{"the same authentication", "InvalidParameterException", "Unsupported authentication mode update from API to API", sdk.UpdateClusterConfigInput{AccessConfig: &types.UpdateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}}},
		{"the same policy", "InvalidParameterException", "already at the desired configuration", sdk.UpdateClusterConfigInput{UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeExtended}}},
		{"the same tier", "InvalidParameterException", "already at the desired configuration", sdk.UpdateClusterConfigInput{ControlPlaneScalingConfig: &types.ControlPlaneScalingConfig{Tier: types.ProvisionedControlPlaneTierStandard}}},
		{"public remote networks", "InvalidParameterException", "RFC-1918", sdk.UpdateClusterConfigInput{RemoteNetworkConfig: &types.RemoteNetworkConfigRequest{RemoteNodeNetworks: []types.RemoteNodeNetwork{{Cidrs: []string{"8.8.8.0/24"}}}}}},
		{"remote networks that overlap with services", "InvalidParameterException", "overlaps", sdk.UpdateClusterConfigInput{RemoteNetworkConfig: &types.RemoteNetworkConfigRequest{RemoteNodeNetworks: []types.RemoteNodeNetwork{{Cidrs: []string{"172.16.0.0/12"}}}}}},
		{"another service range", "InvalidParameterException", "cannot be changed", sdk.UpdateClusterConfigInput{KubernetesNetworkConfig: &types.KubernetesNetworkConfigRequest{ServiceIpv4Cidr: ptr("10.100.0.0/16")}}},
		{"an event TTL of two units", "InvalidParameterException", "single-unit", sdk.UpdateClusterConfigInput{KubeApiServerConfig: &types.KubeApiServerConfigRequest{EventTtl: ptr("1h30m")}}},
		{"an event TTL that is too long", "InvalidParameterException", "between 10m and 60m", sdk.UpdateClusterConfigInput{KubeApiServerConfig: &types.KubeApiServerConfigRequest{EventTtl: ptr("2h")}}},
		{"node ports below the range", "InvalidParameterException", "between 10260 and 32767", sdk.UpdateClusterConfigInput{KubeApiServerConfig: &types.KubeApiServerConfigRequest{ServiceNodePortRange: &types.ServiceNodePortRange{MinPort: 8000, MaxPort: 9000}}}},
		{"the autoscaler's period in the standard tier", "InvalidParameterException", "requires a provisioned", sdk.UpdateClusterConfigInput{KubeControllerManagerConfig: &types.KubeControllerManagerConfigRequest{
			HorizontalPodAutoscalerControllerConfig: &types.HorizontalPodAutoscalerControllerConfigRequest{HorizontalPodAutoscalerSyncPeriod: ptr("10s")}}}},
		{"an unknown resource for scoring", "InvalidParameterException", "resource gold is invalid", sdk.UpdateClusterConfigInput{KubeSchedulerConfig: &types.KubeSchedulerConfigRequest{NodeResourcesFit: &types.NodeResourcesFitConfig{
			ScoringStrategy: &types.ScoringStrategy{Type: types.ScoringStrategyTypeMostAllocated, Resources: []types.ResourceWeight{{Name: ptr("gold"), Weight: ptr(int32(1))}}}}}}},
		{"unknown cluster", "ResourceNotFoundException", "No cluster found for name: none.", sdk.UpdateClusterConfigInput{Name: ptr("none"), DeletionProtection: ptr(true)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walk(t, "1.34", nil)
			if c.in.Name == nil {
				c.in.Name = ptr("shop")
			}
			_, err := w.api.UpdateClusterConfig(t.Context(), &c.in)
			wantCode(t, err, c.code, c.part)
		})
	}
}

func TestStandardSupportCannotBeChosenInExtendedSupport(t *testing.T) {
	w := walk(t, "1.32", nil)
	_, err := w.api.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeStandard}})
	wantCode(t, err, "InvalidParameterException", "1.32 is in extended support")
	in := clusterInput("1.32")
	in.Name, in.UpgradePolicy = ptr("other"), &types.UpgradePolicyRequest{SupportType: types.SupportTypeStandard}
	_, err = w.api.CreateCluster(t.Context(), in)
	wantCode(t, err, "InvalidParameterException", "1.32 is in extended support")
}

func TestConfigUpdatesShowTheirParametersAndEffects(t *testing.T) {
	w := walk(t, "1.34", nil)
	out, err := w.api.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), Logging: &types.Logging{ClusterLogging: []types.LogSetup{
		{Enabled: ptr(true), Types: []types.LogType{types.LogTypeAudit, types.LogTypeApi}}}}})
	w.must(out, err)
	want := []types.UpdateParam{{Type: types.UpdateParamTypeClusterLogging, Value: ptr(`{"clusterLogging":[{"enabled":true,"types":["audit","api"]}]}`)}}
	if d := cmp.Diff(want, out.Update.Params, cmp.AllowUnexported(types.UpdateParam{})); d != "" {
		t.Error(d)
	}
	if got := w.describe(); got.Status != types.ClusterStatusUpdating || len(got.Logging.ClusterLogging) != 1 {
		t.Errorf("during the update: %s %+v", got.Status, got.Logging)
	}
	w.clock.Advance(time.Hour)
	logging := w.describe().Logging.ClusterLogging
	if len(logging) != 2 || !*logging[0].Enabled || fmt.Sprint(logging[0].Types) != "[api audit]" || fmt.Sprint(logging[1].Types) != "[authenticator controllerManager scheduler]" {
		t.Errorf("logging = %+v", logging)
	}
	config(w, &sdk.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPrivateAccess: ptr(true), PublicAccessCidrs: []string{"203.0.113.0/24"}}})
	if vpc := w.describe().ResourcesVpcConfig; !vpc.EndpointPrivateAccess || !vpc.EndpointPublicAccess || vpc.PublicAccessCidrs[0] != "203.0.113.0/24" {
		t.Errorf("network = %+v", vpc)
	}
	config(w, &sdk.UpdateClusterConfigInput{DeletionProtection: ptr(true)})
	_, err = w.api.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: ptr("shop")})
	wantCode(t, err, "InvalidRequestException", "deletion protection")
}

// TestEveryOperationWithATokenIsIdempotent repeats requests with their token and
// then changes them.
func TestEveryOperationWithATokenIsIdempotent(t *testing.T) {
	token := ptr("token-1")
	same := func(answer any, err error) (string, error) {
		b, _ := json.Marshal(answer)
		var plain map[string]any
		_ = json.Unmarshal(b, &plain)
		delete(plain, "ResultMetadata")
		b, _ = json.Marshal(plain)
		return string(b), err
	}
	for _, c := range []struct {
		name string
		call func(w *walker, change bool) (string, error)
	}{
		{"CreateCluster", func(w *walker, change bool) (string, error) {
			in := clusterInput("1.34")
			in.Name, in.ClientRequestToken, in.DeletionProtection = ptr("other"), token, &change
			return same(w.api.CreateCluster(t.Context(), in))
		}},
		{"UpdateClusterVersion", func(w *walker, change bool) (string, error) {
			return same(w.api.UpdateClusterVersion(t.Context(), &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35"), Force: change, ClientRequestToken: token}))
		}},
		{"UpdateClusterConfig", func(w *walker, change bool) (string, error) {
			return same(w.api.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), DeletionProtection: &change, ClientRequestToken: token}))
		}},
		{"AssociateEncryptionConfig", func(w *walker, change bool) (string, error) {
			return same(w.api.AssociateEncryptionConfig(t.Context(), &sdk.AssociateEncryptionConfigInput{ClusterName: ptr("shop"), ClientRequestToken: token, EncryptionConfig: []types.EncryptionConfig{{
				Resources: []string{"secrets"}, Provider: &types.Provider{KeyArn: ptr(fmt.Sprintf("arn:aws:kms:eu-west-1:123456789012:key/%t", change))}}}}))
		}},
		{"AssociateIdentityProviderConfig", func(w *walker, change bool) (string, error) {
			in := providerInput()
			in.ClientRequestToken = token
			if change {
				in.Oidc.ClientId = ptr("another")
			}
			return same(w.api.AssociateIdentityProviderConfig(t.Context(), in))
		}},
		{"CreateAccessEntry", func(w *walker, change bool) (string, error) {
			return same(w.api.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role), KubernetesGroups: []string{fmt.Sprint("g", change)}, ClientRequestToken: token}))
		}},
		{"CreateFargateProfile", func(w *walker, change bool) (string, error) {
			in := fargateInput("p")
			in.ClientRequestToken = token
			if change {
				in.Tags = map[string]string{"a": "b"}
			}
			return same(w.api.CreateFargateProfile(t.Context(), in))
		}},
		{"CreatePodIdentityAssociation", func(w *walker, change bool) (string, error) {
			return same(w.api.CreatePodIdentityAssociation(t.Context(), &sdk.CreatePodIdentityAssociationInput{ClusterName: ptr("shop"), Namespace: ptr("default"), ServiceAccount: ptr("web"), RoleArn: ptr(role), DisableSessionTags: &change, ClientRequestToken: token}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walk(t, "1.34", nil)
			first, err := c.call(w, false)
			w.must(first, err)
			again, err := c.call(w, false)
			if err != nil || again != first {
				t.Fatalf("again: %v\n%s\n%s", err, first, again)
			}
			_, err = c.call(w, true)
			wantCode(t, err, "InvalidRequestException", "already used with different parameters")
		})
	}
}

func TestNewClustersAreCompleted(t *testing.T) {
	w := walk(t, "1.34", func(in *sdk.CreateClusterInput) {
		in.Version, in.AccessConfig = nil, nil
		in.KubernetesNetworkConfig = &types.KubernetesNetworkConfigRequest{IpFamily: types.IpFamilyIpv6}
		in.KubeSchedulerConfig = &types.KubeSchedulerConfigRequest{NodeResourcesFit: &types.NodeResourcesFitConfig{ScoringStrategy: &types.ScoringStrategy{Type: types.ScoringStrategyTypeMostAllocated}}}
	})
	c := w.describe()
	if *c.Version != "1.35" || c.AccessConfig.AuthenticationMode != types.AuthenticationModeConfigMap || c.UpgradePolicy.SupportType != types.SupportTypeExtended ||
		c.ControlPlaneScalingConfig.Tier != types.ProvisionedControlPlaneTierStandard || c.KubernetesNetworkConfig.ServiceIpv4Cidr != nil || *c.KubernetesNetworkConfig.ServiceIpv6Cidr == "" ||
		*c.KubernetesNetworkConfig.ElasticLoadBalancing.Enabled || c.ResourcesVpcConfig.ControlPlaneEgressMode != types.ControlPlaneEgressModeTypeAwsManaged ||
		c.KubeSchedulerConfig.NodeResourcesFit.ScoringStrategy.Type != types.ScoringStrategyTypeMostAllocated || *c.DeletionProtection {
		t.Errorf("cluster = %+v", c)
	}
	_, err := w.api.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: ptr(role)})
	wantCode(t, err, "InvalidRequestException", "authentication mode must be set to one of [API, API_AND_CONFIG_MAP]")
}
