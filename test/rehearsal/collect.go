package rehearsal

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// unwatched are callers that are not the agent: their calls are not reported.
var unwatched = []string{"ingress", "narrator", "invariants", "person"}

// collect puts the report's data together.
func (s *stage) collect(ctx context.Context, n *narrator, e *asl.Execution, began time.Time, firstCall int) report.Data {
	load := s.load.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	data := report.Data{Result: s.result(ctx, n, e, began), Timeline: n.entries, Failures: failures(load),
		Requests: progress.RequestCount{Total: int64(load.Count.Total), Failed: int64(load.Count.Failed)}, Injected: s.faults}
	for _, r := range data.Result.Steps {
		entry := report.Entry{At: r.StartedAt, End: r.VerifiedAt, Phase: upgrade.PhaseExecute, Step: r.Step, Mode: r.Mode, Title: r.Title, Status: progress.Passed, Text: r.Note}
		if r.Verdict != nil {
			entry.Text = r.Verdict.Reason
		}
		if r.VerifiedAt.IsZero() {
			entry.Status, entry.End = progress.Failed, report.StepEnd(r)
		}
		data.Timeline = append(data.Timeline, entry)
	}
	sort.SliceStable(data.Timeline, func(i, j int) bool { return data.Timeline[i].At.Before(data.Timeline[j].At.Time) })
	data.Series = s.series(load)
	for _, c := range s.world.Calls()[firstCall:] {
		if !c.Mutating || slices.Contains(unwatched, c.Caller) {
			continue
		}
		data.Calls = append(data.Calls, report.Call{At: upgrade.At(c.Time), Service: c.Service, Operation: c.Operation, Resource: resource(c), Caller: caller(c), Error: c.Err})
	}
	return data
}

// caller says who made a call. The build's process and the state machine's own
// integrations are no functions; of the two only the build calls EKS.
func caller(c world.CallRecord) string {
	switch {
	case c.Caller != "":
		return c.Caller
	case c.Service == "eks":
		return "eks-upgrade provision (CodeBuild)"
	}
	return "state machine " + machineName
}

// resource says what a call changed; of a shift, the weights.
func resource(c world.CallRecord) string {
	if in, isShift := c.Input.(*route53.ChangeResourceRecordSetsInput); isShift && in.ChangeBatch != nil && in.ChangeBatch.Comment != nil {
		return *in.ChangeBatch.Comment
	}
	return c.Resource
}

// result reads what the report handler stored. When there is nothing, because
// the upgrade never got its lease or the report failed, the execution itself
// says how it ended.
func (s *stage) result(ctx context.Context, n *narrator, e *asl.Execution, began time.Time) upgrade.Result {
	missing := "the report of the upgrade: it was not written"
	if n.result.Key != "" {
		r, err := artifacts.Get[upgrade.Result](ctx, n.store, n.result)
		if err == nil {
			return r
		}
		missing = "the report of the upgrade: " + err.Error()
	}
	r := upgrade.Result{Upgrade: s.name(), Cluster: Cluster, Green: Green, From: s.o.From, Target: s.o.Target, Outcome: upgrade.Failed,
		StartedAt: upgrade.At(began), EndedAt: upgrade.At(s.clock.Now()), Steps: []upgrade.StepRecord{}, NotRead: []string{missing}}
	if err := e.Err(); err != nil {
		r.Reason = err.Error()
	}
	return r
}

// series gives each minute of the load the weights that held at its end.
func (s *stage) series(load traffic.Snapshot) []report.Point {
	var points []report.Point
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range load.Minutes {
		p := report.Point{At: upgrade.At(m.Start), BlueWeight: 100, Requests: int64(m.Count.Total), Failed: int64(m.Count.Failed),
			BlueRequests: int64(m.ByTarget[Cluster].Total), GreenRequests: int64(m.ByTarget[Green].Total), P50: m.P50, P99: m.P99}
		for _, h := range s.history {
			if h.at.Before(m.Start.Add(time.Minute)) {
				p.BlueWeight, p.GreenWeight = h.weights.Blue, h.weights.Green
			}
		}
		points = append(points, p)
	}
	return points
}

// failures groups failed requests that failed alike.
func failures(load traffic.Snapshot) []report.Failure {
	var all []report.Failure
	for _, f := range load.Failures {
		i := slices.IndexFunc(all, func(o report.Failure) bool { return o.Cluster == f.Target && o.Reason == f.Reason })
		if i < 0 {
			all = append(all, report.Failure{At: upgrade.At(f.At), Cluster: f.Target, Reason: f.Reason})
			i = len(all) - 1
		}
		all[i].Count++
	}
	return all
}
