package eks

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

func TestRefusedSettingsOfNodegroups(t *testing.T) {
	n32 := func(v int32) *int32 { return &v }
	for _, c := range []struct {
		name string
		edit func(*sdk.CreateNodegroupInput)
		part string
	}{
		{"AMI and instances of two architectures", func(in *sdk.CreateNodegroupInput) {
			in.AmiType, in.InstanceTypes = types.AMITypesAl2023Arm64Standard, []string{"t3.medium"}
		}, "[t3.medium] is not a valid instance type for requested amiType AL2023_ARM_64_STANDARD"},
		{"instances of two architectures", func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"m5.large", "m6g.large"} }, "same processor architecture"},
		{"unknown instance type", func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"z9.huge"} }, "do not exist: [z9.huge]"},
		{"reserved label", func(in *sdk.CreateNodegroupInput) { in.Labels = map[string]string{"eks.amazonaws.com/x": "y"} }, "Label cannot contain reserved prefixes"},
		{"bad label", func(in *sdk.CreateNodegroupInput) { in.Labels = map[string]string{"a b": "y"} }, "not a valid Kubernetes label"},
		{"taint without an effect", func(in *sdk.CreateNodegroupInput) { in.Taints = []types.Taint{{Key: ptr("k")}} }, "taint effect"},
		{"two maxima", func(in *sdk.CreateNodegroupInput) {
			in.UpdateConfig = &types.NodegroupUpdateConfig{MaxUnavailable: n32(1), MaxUnavailablePercentage: n32(10)}
		}, "cannot both be specified"},
		{"maximum of 0", func(in *sdk.CreateNodegroupInput) {
			in.UpdateConfig = &types.NodegroupUpdateConfig{MaxUnavailable: n32(0)}
		}, "between 1 and 100"},
		{"two repair limits", func(in *sdk.CreateNodegroupInput) {
			in.NodeRepairConfig = &types.NodeRepairConfig{MaxParallelNodesRepairedCount: n32(1), MaxParallelNodesRepairedPercentage: n32(1)}
		}, "cannot both be specified in nodeRepairConfig"},
		{"warm pool of Bottlerocket that hibernates", func(in *sdk.CreateNodegroupInput) {
			in.AmiType, in.WarmPoolConfig = types.AMITypesBottlerocketX8664, &types.WarmPoolConfig{Enabled: ptr(true), PoolState: types.WarmPoolStateHibernated}
		}, "Bottlerocket"},
		{"custom AMI without a launch template", func(in *sdk.CreateNodegroupInput) { in.AmiType = types.AMITypesCustom }, "Launch template details"},
		{"unknown release", func(in *sdk.CreateNodegroupInput) { in.ReleaseVersion = ptr("1.34.0-20200101") }, "is not valid for kubernetes version 1.34"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			in := nodegroupInput("workers")
			c.edit(in)
			_, err := f.CreateNodegroup(f.call, in)
			wantCode(t, err, "InvalidParameterException", c.part)
		})
	}
}

func TestDefaultsFollowTheInstances(t *testing.T) {
	for _, c := range []struct {
		edit    func(*sdk.CreateNodegroupInput)
		ami     types.AMITypes
		disk    int32
		release string
	}{
		{func(*sdk.CreateNodegroupInput) {}, types.AMITypesAl2023X8664Standard, 20, "1.34.8-20260720"},
		{func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"m7g.large"} }, types.AMITypesAl2023Arm64Standard, 20, "1.34.8-20260720"},
		{func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"g5.xlarge"} }, types.AMITypesAl2023X8664Nvidia, 20, "1.34.8-20260720"},
		{func(in *sdk.CreateNodegroupInput) { in.AmiType = types.AMITypesWindowsCore2022X8664 }, types.AMITypesWindowsCore2022X8664, 50, "1.34-2026.07.20"},
	} {
		f := withCluster(t, "1.34", Options{})
		in := nodegroupInput("workers")
		c.edit(in)
		out, err := f.CreateNodegroup(f.call, in)
		f.must(nil, err)
		if n := out.Nodegroup; n.AmiType != c.ami || *n.DiskSize != c.disk || *n.ReleaseVersion != c.release {
			t.Errorf("node group = %s %d %s, want %s %d %s", n.AmiType, *n.DiskSize, *n.ReleaseVersion, c.ami, c.disk, c.release)
		}
	}
}

func TestConfigurationUpdates(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	f.nodegroup("workers")
	in := &sdk.UpdateNodegroupConfigInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}
	_, err := f.UpdateNodegroupConfig(f.call, in)
	wantCode(t, err, "InvalidParameterException", "No changes needed")
	in.Labels = &types.UpdateLabelsPayload{AddOrUpdateLabels: map[string]string{"a": "1"}, RemoveLabels: []string{"a"}}
	_, err = f.UpdateNodegroupConfig(f.call, in)
	wantCode(t, err, "InvalidParameterException", "both added or updated and removed")
	in.Labels = nil
	in.UpdateConfig = &types.NodegroupUpdateConfig{UpdateStrategy: types.NodegroupUpdateStrategiesMinimal}
	in.WarmPoolConfig = &types.WarmPoolConfig{Enabled: ptr(true), MinSize: ptr(int32(2))}
	in.Taints = &types.UpdateTaintsPayload{AddOrUpdateTaints: []types.Taint{{Key: ptr("k"), Value: ptr("v"), Effect: types.TaintEffectNoSchedule}}}
	out, err := f.UpdateNodegroupConfig(f.call, in)
	f.must(nil, err)
	got := map[types.UpdateParamType]string{}
	for _, p := range out.Update.Params {
		got[p.Type] = *p.Value
	}
	for typ, want := range map[types.UpdateParamType]string{types.UpdateParamTypeUpdateStrategy: "MINIMAL", types.UpdateParamTypeWarmPoolMinSize: "2", types.UpdateParamTypeWarmPoolEnabled: "true",
		types.UpdateParamTypeTaintsToAdd: `[{"effect":"NO_SCHEDULE","key":"k","value":"v"}]`} {
		if got[typ] != want {
			t.Errorf("%s = %q, want %q", typ, got[typ], want)
		}
	}
	f.clock.Advance(DefaultUpdateNodegroup)
	n := f.Nodegroups("shop")[0]
	if *n.UpdateConfig.MaxUnavailable != 1 || n.UpdateConfig.UpdateStrategy != types.NodegroupUpdateStrategiesMinimal || *n.WarmPoolConfig.MinSize != 2 || len(n.Taints) != 1 {
		t.Errorf("node group = %+v", n)
	}
}

func TestCreateNodegroupIsIdempotentByToken(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	in := nodegroupInput("workers")
	in.ClientRequestToken = ptr("t1")
	f.must(f.CreateNodegroup(f.call, in))
	f.must(f.CreateNodegroup(f.call, in))
	in.ClientRequestToken = ptr("t2")
	_, err := f.CreateNodegroup(f.call, in)
	wantCode(t, err, "ResourceInUseException", "NodeGroup already exists")
}
