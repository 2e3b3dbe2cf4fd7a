package eks

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// autoCluster is a request for an Auto Mode cluster.
func autoCluster(in *sdk.CreateClusterInput) {
	in.ComputeConfig = &types.ComputeConfigRequest{Enabled: ptr(true), NodePools: []string{"general-purpose", "system"}, NodeRoleArn: ptr("arn:aws:iam::123456789012:role/auto")}
	in.KubernetesNetworkConfig = &types.KubernetesNetworkConfigRequest{ElasticLoadBalancing: &types.ElasticLoadBalancing{Enabled: ptr(true)}}
	in.StorageConfig = &types.StorageConfigRequest{BlockStorage: &types.BlockStorage{Enabled: ptr(true)}}
}

// rollingBack is an Auto Mode cluster whose nodes go back to 1.34.
func rollingBack(t *testing.T, block bool, edit ...func(*sdk.UpdateClusterVersionInput)) (*walker, *types.Update) {
	t.Helper()
	w := walk(t, "1.34", autoCluster)
	w.hop("1.35")
	w.clock.Advance(time.Hour)
	if got := w.AutoNodesVersion("shop"); got != "1.35" {
		t.Fatalf("after the upgrade, Auto Mode's nodes are at %q", got)
	}
	if block {
		w.must(nil, w.BlockAutoNodes("shop", "budgets of NodePool general-purpose allow 0 nodes"))
		_, err := w.version("1.34")
		wantCode(t, err, "InvalidStateException", "disruption controls")
		edit = append(edit, force)
	}
	u, err := w.version("1.34", edit...)
	w.must(u, err)
	if c := w.describe(); u.Type != types.UpdateTypeVersionRollback || c.Status != types.ClusterStatusActive || *c.Version != "1.35" {
		t.Fatalf("while nodes go back: %s, cluster %s %s", u.Type, c.Status, *c.Version)
	}
	return w, u
}

func (w *walker) cancel(id *string) (*types.Update, error) {
	out, err := w.api.CancelUpdate(w.t.Context(), &sdk.CancelUpdateInput{Name: ptr("shop"), UpdateId: id})
	if err != nil {
		return nil, err
	}
	return out.Update, nil
}

func TestAutoModeNodesGoBackBeforeTheControlPlane(t *testing.T) {
	w, u := rollingBack(t, false)
	_, err := w.api.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), DeletionProtection: ptr(true)})
	wantCode(t, err, "ResourceInUseException", "currently has update")
	w.clock.Advance(Distributions[WorkAutoModeNodes].Median)
	if c := w.describe(); w.AutoNodesVersion("shop") != "1.34" || c.Status != types.ClusterStatusUpdating || *c.Version != "1.35" {
		t.Fatalf("nodes at %s, cluster %s %s", w.AutoNodesVersion("shop"), c.Status, *c.Version)
	}
	_, err = w.cancel(u.Id)
	wantCode(t, err, "InvalidRequestException", "control plane rollback has already begun")
	w.clock.Advance(DefaultUpdateVersion)
	w.ended(u.Id, types.UpdateStatusSuccessful)
	if c := w.describe(); *c.Version != "1.34" || c.Status != types.ClusterStatusActive {
		t.Fatalf("cluster = %s %s", *c.Version, c.Status)
	}
	_, err = w.cancel(u.Id)
	wantCode(t, err, "InvalidRequestException", "Successful")
}

func TestAutoModeRollbackTimesOut(t *testing.T) {
	w, u := rollingBack(t, true, timeout(120))
	w.clock.Advance(119 * time.Minute)
	w.ended(u.Id, types.UpdateStatusInProgress)
	w.clock.Advance(time.Minute)
	if got := w.ended(u.Id, types.UpdateStatusFailed); len(got.Errors) != 1 || got.Cancellation != nil {
		t.Errorf("update = %+v", got)
	}
	if c := w.describe(); *c.Version != "1.35" || c.Status != types.ClusterStatusActive {
		t.Fatalf("cluster = %s %s", *c.Version, c.Status)
	}
	w.must(nil, w.BlockAutoNodes("shop", ""))
	u, err := w.version("1.34")
	w.must(u, err)
	w.clock.Advance(time.Hour)
	w.ended(u.Id, types.UpdateStatusSuccessful)
}

func TestAutoModeRollbackGoesOnWhenNothingBlocks(t *testing.T) {
	w, u := rollingBack(t, true)
	w.clock.Advance(11 * time.Hour)
	w.ended(u.Id, types.UpdateStatusInProgress)
	w.must(nil, w.BlockAutoNodes("shop", ""))
	w.clock.Advance(time.Hour + time.Minute)
	w.ended(u.Id, types.UpdateStatusSuccessful)
}

func TestCancelAutoModeRollback(t *testing.T) {
	w, u := rollingBack(t, false)
	got, err := w.cancel(u.Id)
	if err != nil || got.Status != types.UpdateStatusInProgress || got.Cancellation.Status != types.CancellationStatusInProgress {
		t.Fatalf("update = %+v, %v", got, err)
	}
	w.clock.Advance(cancelTime)
	got = w.ended(u.Id, types.UpdateStatusCancelled)
	if got.Cancellation.Status != types.CancellationStatusSuccessful {
		t.Errorf("cancellation = %+v", got.Cancellation)
	}
	w.clock.Advance(24 * time.Hour)
	w.ended(u.Id, types.UpdateStatusCancelled)
	if c := w.describe(); *c.Version != "1.35" || c.Status != types.ClusterStatusActive || w.AutoNodesVersion("shop") != "1.35" {
		t.Fatalf("cluster = %s %s, nodes at %s", *c.Version, c.Status, w.AutoNodesVersion("shop"))
	}
	u, err = w.version("1.34") // again, within the 7 days
	w.must(u, err)
	w.clock.Advance(time.Hour)
	w.ended(u.Id, types.UpdateStatusSuccessful)
}

func TestCancellationLosesTheRaceWithTheControlPlane(t *testing.T) {
	w, u := rollingBack(t, false)
	w.clock.Advance(Distributions[WorkAutoModeNodes].Median - cancelTime/2)
	w.must(w.cancel(u.Id))
	w.clock.Advance(cancelTime)
	got := w.ended(u.Id, types.UpdateStatusInProgress)
	if got.Cancellation.Status != types.CancellationStatusFailed {
		t.Errorf("cancellation = %+v", got.Cancellation)
	}
	w.clock.Advance(time.Hour)
	w.ended(u.Id, types.UpdateStatusSuccessful)
}

func TestOnlyAutoModeRollbacksCanBeCancelled(t *testing.T) {
	w := walk(t, "1.34", nil)
	u, err := w.version("1.35")
	w.must(u, err)
	_, err = w.cancel(u.Id)
	wantCode(t, err, "InvalidRequestException", "VersionUpdate cannot be cancelled")
	w.clock.Advance(time.Hour)
	u, err = w.version("1.34")
	w.must(u, err)
	_, err = w.cancel(u.Id)
	wantCode(t, err, "InvalidRequestException", "VersionRollback cannot be cancelled")
	_, err = w.cancel(ptr("00000000-0000-4000-8000-000000000000"))
	wantCode(t, err, "ResourceNotFoundException", "No update found for ID")
}

func TestAutoModeIsAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*sdk.CreateClusterInput)
		part string
	}{
		{"without storage", func(in *sdk.CreateClusterInput) { in.StorageConfig = nil }, "either fully enabled or fully disabled"},
		{"without load balancing", func(in *sdk.CreateClusterInput) { in.KubernetesNetworkConfig = nil }, "either fully enabled or fully disabled"},
		{"without compute", func(in *sdk.CreateClusterInput) { in.ComputeConfig = nil }, "either fully enabled or fully disabled"},
		{"unknown node pool", func(in *sdk.CreateClusterInput) { in.ComputeConfig.NodePools = []string{"gpu"} }, "node pool gpu"},
		{"pools without a role", func(in *sdk.CreateClusterInput) { in.ComputeConfig.NodeRoleArn = nil }, "nodeRoleArn value must be provided"},
		{"a role without pools", func(in *sdk.CreateClusterInput) { in.ComputeConfig.NodePools = nil }, "nodePool value(s) must be provided"},
		{"with aws-auth only", func(in *sdk.CreateClusterInput) {
			in.AccessConfig = &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeConfigMap}
		}, "authentication mode"},
		{"with self-managed add-ons", func(in *sdk.CreateClusterInput) { in.BootstrapSelfManagedAddons = ptr(true) }, "bootstrapSelfManagedAddons"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			in := clusterInput("1.35")
			autoCluster(in)
			c.edit(in)
			_, err := f.client().CreateCluster(t.Context(), in)
			wantCode(t, err, "InvalidParameterException", c.part)
		})
	}
}

func TestAutoModeCanBeEnabledAndDisabled(t *testing.T) {
	w := walk(t, "1.35", nil)
	var in sdk.CreateClusterInput
	autoCluster(&in)
	on := &sdk.UpdateClusterConfigInput{ComputeConfig: in.ComputeConfig, KubernetesNetworkConfig: in.KubernetesNetworkConfig, StorageConfig: in.StorageConfig}
	config(w, on)
	c := w.describe()
	if !*c.ComputeConfig.Enabled || !slices.Equal(c.ComputeConfig.NodePools, []string{"general-purpose", "system"}) || !*c.StorageConfig.BlockStorage.Enabled || !*c.KubernetesNetworkConfig.ElasticLoadBalancing.Enabled {
		t.Fatalf("cluster = %+v %+v %+v", c.ComputeConfig, c.StorageConfig, c.KubernetesNetworkConfig)
	}
	if got := w.AutoNodesVersion("shop"); got != "1.35" {
		t.Errorf("nodes at %q", got)
	}
	e, err := w.api.DescribeAccessEntry(t.Context(), &sdk.DescribeAccessEntryInput{ClusterName: ptr("shop"), PrincipalArn: on.ComputeConfig.NodeRoleArn})
	if err != nil || *e.AccessEntry.Type != "EC2" {
		t.Errorf("entry of the node role = %+v, %v", e, err)
	}
	config(w, &sdk.UpdateClusterConfigInput{ComputeConfig: &types.ComputeConfigRequest{Enabled: ptr(false)},
		KubernetesNetworkConfig: &types.KubernetesNetworkConfigRequest{ElasticLoadBalancing: &types.ElasticLoadBalancing{Enabled: ptr(false)}},
		StorageConfig:           &types.StorageConfigRequest{BlockStorage: &types.BlockStorage{Enabled: ptr(false)}}})
	if c := w.describe(); *c.ComputeConfig.Enabled || w.AutoNodesVersion("shop") != "" {
		t.Errorf("cluster = %+v, nodes at %q", c.ComputeConfig, w.AutoNodesVersion("shop"))
	}
	_, err = w.api.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), ComputeConfig: &types.ComputeConfigRequest{Enabled: ptr(false)}})
	wantCode(t, err, "InvalidRequestException", "Auto Mode is not enabled")
}
