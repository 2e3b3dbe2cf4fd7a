package strategy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/strategy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func stepsOf(t *testing.T, request upgrade.Request) []upgrade.Step {
	t.Helper()
	plan, err := strategy.For(upgrade.BlueGreen)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := plan(strategy.Input{Request: request, Cluster: *reasoningtest.Healthy().AWS, ProvisionTimeout: upgrade.Duration(time.Hour), MetricsPeriod: upgrade.Duration(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// A step that changes record sets is done only when the TTL has passed since:
// a timeout below that could never be kept, not even on the way back.
func TestStepsThatWaitForTheTTLHaveTheTimeToDoSo(t *testing.T) {
	request := reasoningtest.Request()
	request.Traffic.TTL = upgrade.Duration(time.Hour) // the longest that a request may ask for
	steps := stepsOf(t, request)
	for _, step := range slices.Clone(steps) {
		steps = append(steps, step.Rollback...)
	}
	seen := map[upgrade.StepKind]int{}
	for _, step := range steps {
		if step.Kind != upgrade.StepShift && step.Kind != upgrade.StepDecommission {
			continue
		}
		seen[step.Kind]++
		if step.Timeout.D() < time.Hour+15*time.Minute {
			t.Errorf("step %s ends after %s, but waits for a TTL of 1h", step.ID, step.Timeout)
		}
	}
	if seen[upgrade.StepShift] == 0 || seen[upgrade.StepDecommission] == 0 {
		t.Errorf("looked at %v", seen)
	}
}

// Record sets that cannot be shifted, or are shifted already, would otherwise
// be found only when green was made, and nothing could be returned then.
func TestTheRecordSetsAreVerifiedBeforeAnythingIsMade(t *testing.T) {
	first := stepsOf(t, reasoningtest.Request())[0]
	i := slices.IndexFunc(first.Verify, func(c upgrade.Criterion) bool { return c.Kind == upgrade.WeightsHold })
	if first.ID != "verify-blue" || i < 0 || first.Verify[i].Weights != upgrade.AllBlue || first.Verify[i].Record != "shop.example.com" {
		t.Errorf("step %s verifies %+v", first.ID, first.Verify)
	}
}

// Blue has just got all the traffic back: one answer that fails must not end the
// rollback, which nobody but a person could then finish.
func TestTheWayBackBearsAMomentOfTrouble(t *testing.T) {
	for _, step := range stepsOf(t, reasoningtest.Request()) {
		for _, back := range step.Rollback {
			for _, c := range back.Verify {
				if c.Kind == upgrade.EndpointAnswers && c.Within <= 0 {
					t.Errorf("%s of %s fails by one look at %s", back.ID, step.ID, c.Cluster)
				}
			}
		}
	}
}

// One node of thousands that is being replaced at the moment of the look must
// not roll an upgrade back; failing users must, at once.
func TestAfterABakeNodesAndReplicasHaveAMomentButUsersHaveNone(t *testing.T) {
	request := reasoningtest.Request()
	looked := 0
	for _, step := range stepsOf(t, request) {
		if step.Kind != upgrade.StepShift && step.Kind != upgrade.StepSoak {
			continue
		}
		for _, c := range step.Verify {
			looked++
			patient := c.Kind == upgrade.NodesReady || c.Kind == upgrade.WorkloadsReady
			if want := step.Bake + upgrade.Duration(5*time.Minute); patient && c.Within != want {
				t.Errorf("%s, %s of %s: within %s, want %s", step.ID, c.Kind, c.Cluster, c.Within, want)
			}
			if !patient && c.Within != 0 {
				t.Errorf("%s, %s of %s is excused for %s", step.ID, c.Kind, c.Cluster, c.Within)
			}
		}
	}
	if looked == 0 {
		t.Error("no criterion was looked at")
	}
}

func TestThePlanFollowsTheConfiguration(t *testing.T) {
	plan, err := strategy.For(upgrade.BlueGreen)
	if err != nil {
		t.Fatal(err)
	}
	in := strategy.Input{Request: reasoningtest.Request(), Cluster: *reasoningtest.Healthy().AWS,
		ProvisionTimeout: upgrade.Duration(3 * time.Hour), MetricsPeriod: upgrade.Duration(5 * time.Minute)}
	in.Request.Soak = upgrade.Duration(time.Second)
	steps, err := plan(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if step.Kind == upgrade.StepProvision && step.Timeout.D() != 3*time.Hour {
			t.Errorf("%s may take %s", step.ID, step.Timeout)
		}
		for _, c := range step.Verify {
			if c.Kind == upgrade.ErrorRate && c.Window < in.MetricsPeriod {
				t.Errorf("%s is judged by a window of %s, which no metric has", step.ID, c.Window)
			}
		}
	}
	in.MetricsPeriod = upgrade.Duration(15 * time.Minute)
	if _, err := plan(in); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), "traffic.bake") {
		t.Errorf("a bake of 10m with metrics of 15m: %v", err)
	}
}
