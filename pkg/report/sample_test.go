package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var start = time.Date(2026, 8, 1, 22, 30, 0, 0, time.UTC)

// minute is an instant m minutes into the upgrade.
func minute(m float64) upgrade.Time {
	return upgrade.At(start.Add(time.Duration(m * float64(time.Minute))))
}

func version(s string) upgrade.Version {
	v, err := upgrade.ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

var shifts = []int{10, 25, 50, 75, 100}

// rolledBack is a report as a rehearsal with an error rate at 50 % makes it.
func rolledBack() Data {
	bill := cost.Usage{Transitions: 400, BuildMinutes: 20}.Bill(cost.ARM)
	d := Data{Injected: []string{"error-rate-at-50"}, Speed: 300, Real: 94*time.Second + 300*time.Millisecond, Cost: &bill}
	plan, back := samplePlan(), upgrade.Plan{Upgrade: "shop-20260801", Cluster: "shop", Green: "shop-green", Mode: upgrade.RollingBack, MadeAt: minute(68)}
	back.Steps = []upgrade.Step{shiftStep("shift-back", "Return all traffic to shop", upgrade.AllBlue), plan.Steps[1].Rollback[0]}
	if err := back.Seal(); err != nil {
		panic(err)
	}
	reason := "shift-50 failed: errorRate of shop-green: 1,812 of 6,004 requests failed (30.2 %), at most 1 % is tolerated"
	d.Result = upgrade.Result{Upgrade: "shop-20260801", Cluster: "shop", Green: "shop-green", From: version("1.34"), Target: version("1.35"),
		Outcome: upgrade.RolledBack, Reason: reason, StartedAt: minute(0), EndedAt: minute(86), Weights: &upgrade.Weights{Blue: 100},
		Versions: map[string]upgrade.Version{"shop": version("1.34")}, Assessment: sampleAssessment(), Plan: &plan, Rollback: &back,
		Approval: &upgrade.ApprovalRecord{Upgrade: "shop-20260801", PlanHash: plan.Hash, Approved: true, By: "dana", Reason: "approved on the terminal", ExpiresAt: minute(1440), UsedAt: minute(6)}}

	steps := []struct {
		mode     upgrade.Mode
		step     upgrade.Step
		from, to float64
		status   upgrade.Status
		why      string
	}{
		{upgrade.Forward, plan.Steps[0], 6, 6.4, upgrade.Pass, "4 of 4 criteria pass"},
		{upgrade.Forward, plan.Steps[1], 6.4, 24, upgrade.Pass, "2 of 2 criteria pass"},
		{upgrade.Forward, plan.Steps[2], 24, 27, upgrade.Pass, "1 of 1 criteria pass"},
		{upgrade.Forward, plan.Steps[3], 27, 40, upgrade.Pass, "2 of 2 criteria pass"},
		{upgrade.Forward, plan.Steps[4], 40, 54, upgrade.Pass, "2 of 2 criteria pass"},
		{upgrade.Forward, plan.Steps[5], 54, 68, upgrade.Fail, strings.TrimPrefix(reason, "shift-50 failed: ")},
		{upgrade.RollingBack, back.Steps[0], 68.2, 71, upgrade.Pass, "1 of 1 criteria pass"},
		{upgrade.RollingBack, back.Steps[1], 71, 85, upgrade.Inconclusive, "clusterGone of shop-green: EKS still says DELETING"},
	}
	for i, s := range steps {
		record := upgrade.StepRecord{Upgrade: "shop-20260801", Mode: s.mode, Index: i, Step: s.step.ID, Kind: s.step.Kind, Title: s.step.Title, StartedAt: minute(s.from), DoneAt: minute(s.to - 0.2),
			Verdict: &upgrade.StepVerdict{Step: s.step.ID, Status: s.status, Reason: s.why}}
		for _, c := range s.step.Verify {
			record.Verdict.Verdicts = append(record.Verdict.Verdicts, upgrade.Verdict{Criterion: c.Kind, Cluster: c.Cluster, Status: s.status, Evidence: "seen at the API server", ObservedAt: minute(s.to)})
		}
		status := progress.Failed
		if s.status == upgrade.Pass {
			status, record.VerifiedAt = progress.Passed, minute(s.to)
		}
		if s.status == upgrade.Inconclusive {
			status = progress.Inconclusive
		}
		d.Result.Steps = append(d.Result.Steps, record)
		d.Timeline = append(d.Timeline, Entry{At: minute(s.from), End: minute(s.to), Phase: upgrade.PhaseExecute, Step: s.step.ID, Mode: s.mode, Title: s.step.Title, Status: status, Text: s.why})
	}
	d.Result.NotRead = []string{"the log of build eks-upgrade:4711: AccessDenied"}
	for _, p := range []struct {
		phase    upgrade.Phase
		from, to float64
	}{{upgrade.PhaseLease, 0, 0.2}, {upgrade.PhasePerceive, 0.2, 3.4}, {upgrade.PhaseReason, 3.4, 3.6}, {upgrade.PhaseApprove, 3.6, 6}, {upgrade.PhaseRollback, 68, 68.2}, {upgrade.PhaseReport, 85, 86}} {
		d.Timeline = append(d.Timeline, Entry{At: minute(p.from), End: minute(p.to), Phase: p.phase, Title: string(p.phase), Status: progress.Passed})
	}
	sampleTraffic(&d)
	sampleCalls(&d)
	return d
}

func sampleTraffic(d *Data) {
	for m := range 87 {
		p := Point{At: minute(float64(m)), Requests: int64(580 + 13*(m*7%5)), P50: 2100 * time.Microsecond, P99: time.Duration(9+m%4) * time.Millisecond}
		switch {
		case m >= 69:
		case m >= 55:
			p.GreenWeight = 50
			if m >= 56 {
				p.P99 = 31 * time.Millisecond
			}
		case m >= 41:
			p.GreenWeight = 25
		case m >= 28:
			p.GreenWeight = 10
		}
		p.BlueWeight = 100 - p.GreenWeight
		p.GreenRequests = p.Requests * int64(p.GreenWeight) / 100
		if p.GreenWeight == 50 {
			p.Failed = p.GreenRequests * 3 / 10
		}
		p.BlueRequests = p.Requests - p.GreenRequests
		d.Requests.Total += p.Requests
		d.Requests.Failed += p.Failed
		d.Series = append(d.Series, p)
	}
	d.Failures = []Failure{{At: minute(55.1), Cluster: "shop-green", Reason: "HTTP 503: injected by the rehearsal", Count: d.Requests.Failed}}
}

func sampleCalls(d *Data) {
	call := func(m float64, service, operation, resource, err string) {
		d.Calls = append(d.Calls, Call{At: minute(m), Service: service, Operation: operation, Resource: resource, Caller: "eks-upgrade-execute", Error: err, RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(d.Calls))})
	}
	call(0.1, "dynamodb", "PutItem", "eks-upgrade-leases/shop", "")
	call(6.5, "codebuild", "StartBuild", "eks-upgrade-provision", "")
	call(6.6, "eks", "CreateCluster", "shop-green", "")
	call(16, "eks", "CreateNodegroup", "shop-green/general", "ResourceLimitExceeded")
	call(16.5, "eks", "CreateNodegroup", "shop-green/general", "")
	for i, green := range shifts[:3] {
		call(27+float64(14*i), "route53", "ChangeResourceRecordSets", fmt.Sprintf("shop.example.com: shop %d, shop-green %d", 100-green, green), "")
		call(27.5+float64(14*i), "dynamodb", "PutItem", fmt.Sprintf("eks-upgrade-records/shop-20260801/step-%d", i+3), "")
	}
	call(68.3, "route53", "ChangeResourceRecordSets", "shop.example.com: shop 100, shop-green 0", "")
	call(71.2, "eks", "DeleteCluster", "shop-green", "")
	call(85.5, "sns", "Publish", "eks-upgrade-alerts", "")
}

func samplePlan() upgrade.Plan {
	gone := upgrade.Step{ID: "remove-green", Kind: upgrade.StepDecommission, Title: "Delete shop-green", Verify: []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: "shop-green"}}, Timeout: upgrade.Duration(time.Hour), VerifyTimeout: upgrade.Duration(10 * time.Minute)}
	step := func(id string, kind upgrade.StepKind, title string, verify ...upgrade.Criterion) upgrade.Step {
		return upgrade.Step{ID: id, Kind: kind, Title: title, Verify: verify, Timeout: upgrade.Duration(time.Hour), VerifyTimeout: upgrade.Duration(10 * time.Minute)}
	}
	provision := step("provision", upgrade.StepProvision, "Create shop-green at 1.35 like shop", upgrade.Criterion{Kind: upgrade.ClusterActive, Cluster: "shop-green", Version: version("1.35")}, upgrade.Criterion{Kind: upgrade.NodesReady, Cluster: "shop-green"})
	provision.Rollback = []upgrade.Step{gone}
	plan := upgrade.Plan{Upgrade: "shop-20260801", Cluster: "shop", Green: "shop-green", From: version("1.34"), Target: version("1.35"), Strategy: upgrade.BlueGreen, Mode: upgrade.Forward, MadeAt: minute(3.5)}
	plan.Steps = []upgrade.Step{
		step("verify-blue", upgrade.StepVerify, "Verify that shop is healthy", upgrade.Criterion{Kind: upgrade.NodesReady, Cluster: "shop"}, upgrade.Criterion{Kind: upgrade.WorkloadsReady, Cluster: "shop"}, upgrade.Criterion{Kind: upgrade.EndpointAnswers, Cluster: "shop"}, upgrade.Criterion{Kind: upgrade.WeightsHold, Weights: upgrade.AllBlue}),
		provision,
		step("sync", upgrade.StepSync, "Deliver the workloads of shop to shop-green", upgrade.Criterion{Kind: upgrade.WorkloadsReady, Cluster: "shop-green", Like: "shop"}),
	}
	for _, green := range shifts {
		shift := shiftStep(fmt.Sprintf("shift-%d", green), fmt.Sprintf("Shift %d %% of the traffic to shop-green", green), upgrade.Weights{Blue: 100 - green, Green: green})
		shift.Rollback = []upgrade.Step{shiftStep("shift-back", "Return all traffic to shop", upgrade.AllBlue)}
		plan.Steps = append(plan.Steps, shift)
	}
	remove := step("remove-blue", upgrade.StepDecommission, "Delete shop", upgrade.Criterion{Kind: upgrade.ClusterGone, Cluster: "shop"})
	remove.NoReturn = true
	plan.Steps = append(plan.Steps, step("soak", upgrade.StepSoak, "Watch shop-green for an hour", upgrade.Criterion{Kind: upgrade.ErrorRate, Cluster: "shop-green", MaxErrorRate: 0.01, MinRequests: 20, Window: upgrade.Duration(time.Hour)}), remove)
	if err := plan.Seal(); err != nil {
		panic(err)
	}
	return plan
}

func shiftStep(id, title string, w upgrade.Weights) upgrade.Step {
	return upgrade.Step{ID: id, Kind: upgrade.StepShift, Title: title, Bake: upgrade.Duration(10 * time.Minute), Timeout: upgrade.Duration(time.Hour), VerifyTimeout: upgrade.Duration(10 * time.Minute),
		Verify: []upgrade.Criterion{{Kind: upgrade.WeightsHold, Weights: w}, {Kind: upgrade.ErrorRate, Cluster: "shop-green", MaxErrorRate: 0.01, MinRequests: 20, Window: upgrade.Duration(10 * time.Minute)}}}
}

func sampleAssessment() *upgrade.Assessment {
	a := &upgrade.Assessment{Upgrade: "shop-20260801", Cluster: "shop", From: version("1.34"), Target: version("1.35"), MadeAt: minute(3.5), Findings: []upgrade.Finding{
		{Check: "deprecated-api", Title: "An API version goes away", Severity: upgrade.Medium, Object: &upgrade.ObjectRef{APIVersion: "networking.k8s.io/v1beta1", Kind: "IPAddress", Name: "10.0.0.1"},
			Evidence: "served until 1.36", Remedy: "write it as networking.k8s.io/v1", Source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"},
		{Check: "blocking-pdb", Title: "A disruption budget allows no disruption", Severity: upgrade.High, Object: &upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "monitoring", Name: "prometheus-k8s"},
			Evidence: "1 of 2 pods is healthy, 1 must be: 0 disruptions are allowed now", Remedy: "add a replica, or wait until the pods are healthy"},
		{Check: "scanners", Title: "Not checked: kubent", Severity: upgrade.Medium, NotChecked: true, Evidence: "the build did not run: no such project", Remedy: "deploy the CodeBuild project"},
		{Check: "eks-insights", Title: "EKS sees nothing that stands against the upgrade", Severity: upgrade.Info, Evidence: "5 insights, all PASSING", Remedy: "nothing to do"},
	}}
	a.Judge()
	return a
}

// succeeded is a report of an upgrade that went well.
func succeeded() Data {
	d := rolledBack()
	d.Injected, d.Failures, d.Result.Rollback, d.Result.NotRead = nil, nil, nil, nil
	d.Result.Outcome, d.Result.Reason = upgrade.Succeeded, "shop-green runs 1.35 and has all the traffic; shop is gone"
	d.Result.Weights, d.Result.Versions = &upgrade.Weights{Green: 100}, map[string]upgrade.Version{"shop-green": version("1.35")}
	d.Result.Steps, d.Timeline = nil, nil
	for i, s := range d.Result.Plan.Steps {
		from, to := 6+7*float64(i), 13+7*float64(i)
		d.Result.Steps = append(d.Result.Steps, upgrade.StepRecord{Step: s.ID, Kind: s.Kind, Title: s.Title, Mode: upgrade.Forward, Index: i, StartedAt: minute(from), DoneAt: minute(to - 1), VerifiedAt: minute(to),
			Verdict: &upgrade.StepVerdict{Step: s.ID, Status: upgrade.Pass, Reason: "all criteria pass"}})
		d.Timeline = append(d.Timeline, Entry{At: minute(from), End: minute(to), Phase: upgrade.PhaseExecute, Step: s.ID, Mode: upgrade.Forward, Title: s.Title, Status: progress.Passed})
	}
	d.Requests.Failed = 0
	for i := range d.Series {
		p := &d.Series[i]
		p.Failed, p.GreenWeight = 0, min(100, i/13*20)
		p.BlueWeight, p.GreenRequests = 100-p.GreenWeight, p.Requests*int64(p.GreenWeight)/100
		p.BlueRequests = p.Requests - p.GreenRequests
	}
	return d
}

const hostileText = "<script>alert(1)</script>\x1b[31mred\x1b[0m\x1b]0;title\x07\u202egnp.exe\r\nsecond line\x00 שלום \"quote' {{.}} <img src=x onerror=alert(2)>"

// hostile is a report whose every name and text comes from somebody who means
// ill.
func hostile() Data {
	long := hostileText + strings.Repeat("very-long-name", 40)
	d := rolledBack()
	r := &d.Result
	r.Cluster, r.Green, r.Reason, r.Upgrade, r.Outcome = long, long, long, long, upgrade.Outcome(hostileText)
	r.NotRead, d.Invariants, d.Injected = []string{long}, []string{long}, []string{long}
	r.Versions = map[string]upgrade.Version{long: version("1.34")}
	r.Approval.By, r.Approval.Reason, r.Plan.Hash = long, long, long
	for i := range r.Steps {
		r.Steps[i].Title, r.Steps[i].Step, r.Steps[i].Verdict.Reason = long, long, long
		r.Steps[i].Verdict.Verdicts[0].Evidence, r.Steps[i].Verdict.Verdicts[0].Cluster = long, long
	}
	for i := range r.Plan.Steps {
		r.Plan.Steps[i].Title, r.Plan.Steps[i].ID, r.Plan.Steps[i].Kind = long, long, upgrade.StepKind(long)
	}
	for i := range r.Assessment.Findings {
		f := &r.Assessment.Findings[i]
		f.Check, f.Title, f.Evidence, f.Remedy, f.Source, f.Severity = long, long, long, long, "javascript:alert(3)", upgrade.Severity(long)
	}
	for i := range d.Timeline {
		d.Timeline[i].Title, d.Timeline[i].Text, d.Timeline[i].Phase, d.Timeline[i].Status = long, long, upgrade.Phase(long), progress.Status(long)
	}
	for i := range d.Calls {
		d.Calls[i] = Call{At: minute(1), Service: long, Operation: long, Resource: long, Caller: long, Error: long, RequestID: long}
	}
	d.Failures = []Failure{{At: minute(1), Cluster: long, Reason: long, Count: 1}}
	return d
}
