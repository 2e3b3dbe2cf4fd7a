package eks

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func (f *fixture) client() *sdk.Client {
	f.t.Helper()
	mux := wire.NewMux(f.clock.Now, nil)
	mux.Register("eks", f.Service)
	server := httptest.NewServer(mux)
	f.t.Cleanup(server.Close)
	return sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "not-a-secret", "")})
}

func TestRealClientUpgradesACluster(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t, Options{})
	client := f.client()
	f.must(client.CreateCluster(ctx, clusterInput("1.34")))
	f.clock.Advance(DefaultCreateCluster)
	if err := sdk.NewClusterActiveWaiter(client).Wait(ctx, &sdk.DescribeClusterInput{Name: ptr("shop")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	f.must(client.CreateNodegroup(ctx, nodegroupInput("workers")))
	f.must(client.CreateAddon(ctx, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
	f.clock.Advance(DefaultCreateNodegroup)
	n, err := client.DescribeNodegroup(ctx, &sdk.DescribeNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")})
	if err != nil || n.Nodegroup.Status != types.NodegroupStatusActive || !n.Nodegroup.CreatedAt.Equal(start.Add(DefaultCreateCluster)) {
		t.Fatalf("nodegroup = %+v, %v", n, err)
	}
	a, err := client.DescribeAddon(ctx, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")})
	if err != nil || *a.Addon.AddonVersion != "v1.12.3-eksbuild.1" {
		t.Fatalf("addon = %+v, %v", a, err)
	}
	u, err := client.UpdateClusterVersion(ctx, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35"), ClientRequestToken: ptr("hop")})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(DefaultUpdateVersion)
	d, err := client.DescribeUpdate(ctx, &sdk.DescribeUpdateInput{Name: ptr("shop"), UpdateId: u.Update.Id})
	if err != nil || d.Update.Status != types.UpdateStatusSuccessful || d.Update.Type != types.UpdateTypeVersionUpdate {
		t.Fatalf("update = %+v, %v", d, err)
	}
	i, err := client.ListInsights(ctx, &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{Categories: []types.Category{types.CategoryUpgradeReadiness}}})
	if err != nil || len(i.Insights) != 1+len(upgradeChecks) || *i.Insights[0].KubernetesVersion != "1.36" {
		t.Fatalf("insights = %+v, %v", i, err)
	}
	v, err := client.DescribeClusterVersions(ctx, &sdk.DescribeClusterVersionsInput{ClusterVersions: []string{"1.35"}})
	if err != nil || *v.ClusterVersions[0].KubernetesPatchVersion != "1.35.5" {
		t.Fatalf("versions = %+v, %v", v, err)
	}
	av, err := client.DescribeAddonVersions(ctx, &sdk.DescribeAddonVersionsInput{AddonName: ptr("kube-proxy"), KubernetesVersion: ptr("1.35")})
	if err != nil || *av.Addons[0].AddonVersions[0].AddonVersion != "v1.35.3-eksbuild.2" {
		t.Fatalf("add-on versions = %+v, %v", av, err)
	}
}

func TestRealClientGetsModelledErrors(t *testing.T) {
	ctx := context.Background()
	f := withCluster(t, "1.34", Options{})
	client := f.client()
	_, err := client.DescribeCluster(ctx, &sdk.DescribeClusterInput{Name: ptr("none")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.Message != "No cluster found for name: none." || *missing.ClusterName != "none" {
		t.Fatalf("err = %v", err)
	}
	_, err = client.UpdateClusterVersion(ctx, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.36")})
	var parameter *types.InvalidParameterException
	if !errors.As(err, &parameter) {
		t.Fatalf("err = %v", err)
	}
	f.must(client.UpdateClusterVersion(ctx, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35")}))
	_, err = client.UpdateClusterVersion(ctx, &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr("1.35")})
	var busy *types.ResourceInUseException
	if !errors.As(err, &busy) {
		t.Fatalf("err = %v", err)
	}
}

// What EKS answers is known for one of them, a taint's effect.
func TestABadValueIsAnInvalidParameter(t *testing.T) {
	ctx := context.Background()
	f := withCluster(t, "1.34", Options{})
	client := f.client()
	taint := nodegroupInput("workers")
	taint.Taints = []types.Taint{{Key: ptr("a"), Effect: "NoSchedule"}}
	ami := nodegroupInput("workers")
	ami.AmiType = "AL2025"
	for name, tc := range map[string]struct {
		call func() error
		want string
	}{
		"a taint's effect": {func() error { _, err := client.CreateNodegroup(ctx, taint); return err },
			"Invalid taint effect: NoSchedule, must be one of these [NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE]"},
		"an AMI type": {func() error { _, err := client.CreateNodegroup(ctx, ami); return err }, "Invalid ami type: AL2025, must be one of these [AL2_x86_64, "},
		"one of a list": {func() error {
			_, err := client.ListInsights(ctx, &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{Categories: []types.Category{"UPGRADE_READINESS", "LUCK"}}})
			return err
		}, "Invalid category: LUCK, must be one of these [UPGRADE_READINESS, "},
		"a query parameter": {func() error {
			_, err := client.DescribeClusterVersions(ctx, &sdk.DescribeClusterVersionsInput{VersionStatus: "OLD"})
			return err
		}, "Invalid version status: OLD, must be one of these [UNSUPPORTED, "},
		"a member that is missing": {func() error {
			return wire.Validate("eks", &sdk.CreateNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), Subnets: []string{"subnet-a"}})
		},
			"Missing required parameter: nodeRole"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.call()
			var api smithy.APIError
			if !errors.As(err, &api) {
				var raw *wire.Error
				if !errors.As(err, &raw) {
					t.Fatalf("err = %v", err)
				}
				api = &smithy.GenericAPIError{Code: raw.Code, Message: raw.Message}
			}
			if api.ErrorCode() != "InvalidParameterException" || !strings.HasPrefix(api.ErrorMessage(), tc.want) {
				t.Errorf("err = %v", err)
			}
		})
	}
}
