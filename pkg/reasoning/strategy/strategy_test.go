package strategy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/strategy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// provision plans and returns the input of the step that makes green.
func provision(t *testing.T, cluster upgrade.ClusterState) (upgrade.ProvisionInput, error) {
	t.Helper()
	plan, err := strategy.For(upgrade.BlueGreen)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := plan(strategy.Input{Request: reasoningtest.Request(), Cluster: cluster, ProvisionTimeout: upgrade.Duration(time.Hour), MetricsPeriod: upgrade.Duration(time.Minute)})
	if err != nil {
		return upgrade.ProvisionInput{}, err
	}
	for _, s := range steps {
		if s.Kind == upgrade.StepProvision {
			return upgrade.Decode[upgrade.ProvisionInput](s.Input)
		}
	}
	t.Fatal("no step makes green")
	return upgrade.ProvisionInput{}, nil
}

func TestGreenGetsWhatBlueHasAtTheTarget(t *testing.T) {
	cluster := *reasoningtest.Healthy().AWS
	cluster.NodeGroups[0].Health = []upgrade.HealthIssue{{Code: "AsgInstanceLaunchFailures"}}
	in, err := provision(t, cluster)
	if err != nil {
		t.Fatal(err)
	}
	group := cluster.NodeGroups[0]
	group.Version, group.Status, group.Health = upgrade.Version{Major: 1, Minor: 35}, "", nil
	want := upgrade.ProvisionInput{Cluster: "shop-green", Like: "shop", Version: upgrade.Version{Major: 1, Minor: 35}, NodeGroups: []upgrade.NodeGroup{group},
		Addons: []upgrade.Addon{{Name: "kube-proxy", Version: "v1.35.0-eksbuild.2"},
			{Name: "vpc-cni", Version: "v1.21.0-eksbuild.1", RoleARN: "arn:aws:iam::123456789012:role/cni", Configuration: `{"env":{"X":"1"}}`}},
		Subnets: []string{"subnet-a", "subnet-b"}, SecurityGroups: []string{"sg-1"}, RoleARN: "arn:aws:iam::123456789012:role/shop"}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Error(diff)
	}
	if cluster.NodeGroups[0].Status != "ACTIVE" {
		t.Error("planning changed what was perceived")
	}
}

func TestAddonVersionIsTheDefaultOrANewerOneThatIsInstalled(t *testing.T) {
	tests := []struct {
		name, installed string
		choice          upgrade.AddonChoice
		want            string // "" : an error
	}{
		{"the default", "v1.0.0-eksbuild.1", upgrade.AddonChoice{Default: "v1.1.0-eksbuild.1", Versions: []string{"v1.2.0-eksbuild.1", "v1.1.0-eksbuild.1", "v1.0.0-eksbuild.1"}}, "v1.1.0-eksbuild.1"},
		{"installed is newer and fits", "v1.1.0-eksbuild.10", upgrade.AddonChoice{Default: "v1.1.0-eksbuild.9", Versions: []string{"v1.1.0-eksbuild.10", "v1.1.0-eksbuild.9"}}, "v1.1.0-eksbuild.10"},
		{"installed is newer and does not fit", "v1.3.0-eksbuild.1", upgrade.AddonChoice{Default: "v1.1.0-eksbuild.9", Versions: []string{"v1.1.0-eksbuild.9"}}, "v1.1.0-eksbuild.9"},
		{"no default is named", "v1.0.0-eksbuild.1", upgrade.AddonChoice{Versions: []string{"v1.2.0-eksbuild.1", "v1.1.0-eksbuild.1"}}, "v1.2.0-eksbuild.1"},
		{"none fits", "v1.0.0-eksbuild.1", upgrade.AddonChoice{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := *reasoningtest.Healthy().AWS
			cluster.Addons = []upgrade.Addon{{Name: "x", Version: tt.installed, Compatible: map[string]upgrade.AddonChoice{"1.35": tt.choice}}}
			in, err := provision(t, cluster)
			switch {
			case tt.want == "" && upgrade.CodeOf(err) != upgrade.CodePrecondition:
				t.Errorf("error %v", err)
			case tt.want != "" && (err != nil || in.Addons[0].Version != tt.want):
				t.Errorf("version %+v, %v", in.Addons, err)
			}
		})
	}
}

func TestUnknownStrategyIsRefused(t *testing.T) {
	if _, err := strategy.For("yolo"); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
		t.Errorf("error %v", err)
	}
}
