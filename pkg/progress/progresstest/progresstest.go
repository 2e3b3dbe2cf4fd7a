// Package progresstest has events for tests of what shows them.
package progresstest

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Start is when the events' time begins.
var Start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// Second is so many seconds later.
func Second(s float64) upgrade.Time {
	return upgrade.At(Start.Add(time.Duration(s * float64(time.Second))))
}

// Rehearsal is what happens in a rehearsal that is rolled back at the first
// shift. It is cut into parts, so that pictures can be taken between them.
func Rehearsal() (preparing, shifting, rollingBack []progress.Event) {
	preparing = []progress.Event{
		{Kind: progress.Setup, Text: "starting the control plane of shop at 1.34"},
		{Time: Second(0), Kind: progress.Setup, Text: "loaded 312 objects into shop"},
		{Time: Second(1), Kind: progress.Started, Run: &progress.RunInfo{Upgrade: "shop-1", Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35}, Strategy: upgrade.BlueGreen, Speed: 300}},
		{Time: Second(1), Kind: progress.Weights, Weights: &upgrade.AllBlue},
		{Time: Second(2), Kind: progress.Phase, Phase: upgrade.PhaseLease, Status: progress.Running},
		{Time: Second(2), Kind: progress.State, State: "AcquireLease", Phase: upgrade.PhaseLease},
		{Time: Second(3), Kind: progress.Phase, Phase: upgrade.PhaseLease, Status: progress.Passed},
		{Time: Second(3), Kind: progress.Phase, Phase: upgrade.PhasePerceive, Status: progress.Running},
	}
	shifting = []progress.Event{
		{Time: Second(60), Kind: progress.Phase, Phase: upgrade.PhasePerceive, Status: progress.Passed},
		{Time: Second(61), Kind: progress.Finding, Finding: &upgrade.Finding{Check: "blocking-pdb", Title: "A disruption budget allows no disruption", Severity: upgrade.High, Object: &upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "monitoring", Name: "prometheus-k8s"}}},
		{Time: Second(61), Kind: progress.Finding, Finding: &upgrade.Finding{Check: "deprecated-apis", Title: "API version goes away", Severity: upgrade.Low}},
		{Time: Second(62), Kind: progress.Phase, Phase: upgrade.PhaseReason, Status: progress.Passed},
		{Time: Second(63), Kind: progress.Step, Step: "provision", Steps: 3, Status: progress.Planned, Text: "Create shop-green at 1.35 like shop"},
		{Time: Second(63), Kind: progress.Step, Step: "shift-10", Index: 1, Steps: 3, Status: progress.Planned, Text: "Shift 10 % of the traffic to shop-green"},
		{Time: Second(63), Kind: progress.Step, Step: "remove-blue", Index: 2, Steps: 3, Status: progress.Planned, Text: "Delete shop"},
		{Time: Second(64), Kind: progress.Approval, Phase: upgrade.PhaseApprove, Status: progress.Passed, Text: "approved by dana"},
		{Time: Second(64), Kind: progress.Phase, Phase: upgrade.PhaseApprove, Status: progress.Passed},
		{Time: Second(65), Kind: progress.Phase, Phase: upgrade.PhaseExecute, Status: progress.Running},
		{Time: Second(65), Kind: progress.Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: progress.Running},
		{Time: Second(95), Kind: progress.Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: progress.Waiting, Text: "creating: 1 of 9 minutes"},
		{Time: Second(185), Kind: progress.Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: progress.Waiting, Text: "creating: 3 of 9 minutes"},
		{Time: Second(700), Kind: progress.Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: progress.Done, Text: "active"},
		{Time: Second(701), Kind: progress.Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: progress.Passed, Text: "2 of 2 criteria pass"},
		{Time: Second(702), Kind: progress.Step, Step: "shift-10", Index: 1, Steps: 3, Mode: upgrade.Forward, Status: progress.Running},
		{Time: Second(705), Kind: progress.Weights, Weights: &upgrade.Weights{Blue: 90, Green: 10}},
	}
	for i := range 600 { // ten a second of real time: the counters of five minutes
		shifting = append(shifting,
			progress.Event{Time: Second(705 + float64(i)/2), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 50_000 + int64(i)*20}},
			progress.Event{Time: Second(705 + float64(i)/2), Kind: progress.Weights, Weights: &upgrade.Weights{Blue: 90, Green: 10}})
	}
	rollingBack = []progress.Event{
		{Time: Second(1005), Kind: progress.Injected, Text: "green-unhealthy: pods on shop-green are not ready"},
		{Time: Second(1010), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 62_020, Failed: 3}},
		{Time: Second(1100), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 65_020, Failed: 31}},
		{Time: Second(1101), Kind: progress.Step, Step: "shift-10", Index: 1, Steps: 3, Mode: upgrade.Forward, Status: progress.Failed, Text: "errorRate of shop-green: 31 of 1,200 requests failed"},
		{Time: Second(1101), Kind: progress.Warning, Text: "retrying eks DescribeCluster\r\nafter ThrottlingException \x1b[2Jcleared"},
		{Time: Second(1102), Kind: progress.Phase, Phase: upgrade.PhaseExecute, Status: progress.Failed},
		{Time: Second(1102), Kind: progress.Phase, Phase: upgrade.PhaseRollback, Status: progress.Running},
		{Time: Second(1103), Kind: progress.Step, Step: "shift-back", Steps: 1, Mode: upgrade.RollingBack, Status: progress.Running},
		{Time: Second(1104), Kind: progress.Weights, Weights: &upgrade.AllBlue},
		{Time: Second(1110), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 66_000, Failed: 31}},
		{Time: Second(1165), Kind: progress.Step, Step: "shift-back", Steps: 1, Mode: upgrade.RollingBack, Status: progress.Passed, Text: "1 of 1 criteria pass"},
		{Time: Second(1166), Kind: progress.Phase, Phase: upgrade.PhaseRollback, Status: progress.Passed},
		{Time: Second(1167), Kind: progress.Summary, Outcome: upgrade.RolledBack, Text: "shift-10 failed; all traffic is on shop"},
	}
	return preparing, shifting, rollingBack
}

// All is the whole of it.
func All() []progress.Event {
	a, b, c := Rehearsal()
	return append(append(a, b...), c...)
}
