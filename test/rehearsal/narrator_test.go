package rehearsal

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// An upgrade that was rolled back ends as failed, and its report is not to
// blame; a report that fails is.
func TestReportPhase(t *testing.T) {
	written, err := json.Marshal(map[string]any{"Payload": upgrade.ReportOutput{Result: upgrade.Ref{Bucket: "b", Key: "result.json"}, Outcome: upgrade.RolledBack}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answer asl.Event
		want   progress.Status
	}{
		"written":     {asl.Event{Type: "TaskSucceeded", Details: &asl.Details{Output: string(written)}}, progress.Passed},
		"not written": {asl.Event{Type: "TaskFailed", Details: &asl.Details{Error: "Internal", Cause: "no bucket"}}, progress.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			var last progress.Event
			n := &narrator{over: make(chan struct{}), notify: func(e progress.Event) {
				if e.Kind == progress.Phase {
					last = e
				}
			}}
			for i, e := range []asl.Event{
				{Type: "TaskStateEntered", Details: &asl.Details{Name: "Report"}}, tc.answer,
				{Type: "TaskStateEntered", Details: &asl.Details{Name: "ReleaseLease"}},
				{Type: "FailStateEntered", Details: &asl.Details{Name: "RolledBack"}}, {Type: "ExecutionFailed"},
			} {
				e.Timestamp = begin.Add(time.Duration(i) * time.Second)
				n.hear(e)
			}
			if last.Phase != upgrade.PhaseReport || last.Status != tc.want || n.entries[0].Status != tc.want {
				t.Errorf("the phase ended as %+v, the bar as %s, want %s", last, n.entries[0].Status, tc.want)
			}
		})
	}
}
