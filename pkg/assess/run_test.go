package assess_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// seen is a collector that has seen it all, or fails so often before.
type seen struct {
	snapshot upgrade.Snapshot
	failures []error
	calls    *int
}

func (s seen) Collect(context.Context, upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	*s.calls++
	if *s.calls <= len(s.failures) {
		return upgrade.Snapshot{}, "", s.failures[*s.calls-1]
	}
	return s.snapshot, "all of it", nil
}

// options assess a cluster without any problem.
func options(change func(*reasoningtest.Cluster)) (assess.Options, map[upgrade.Source]*int) {
	cluster := reasoningtest.Healthy()
	if change != nil {
		change(&cluster)
	}
	request := reasoningtest.Request()
	o := assess.Options{Request: request, Clock: clock.NewVirtual(reasoningtest.Now), Collectors: map[upgrade.Source]perception.Collector{}}
	calls := map[upgrade.Source]*int{}
	for _, s := range cluster.Snapshots() {
		calls[s.Source] = new(int)
		o.Collectors[s.Source] = seen{snapshot: s, calls: calls[s.Source]}
	}
	return o, calls
}

func broken(c *reasoningtest.Cluster) {
	c.AWS.Available = c.AWS.Available[:1]
	c.Kubernetes.Workloads[0].Ready = 1
}

func TestRunJudgesWhatWasSeen(t *testing.T) {
	o, _ := options(nil)
	d, err := assess.Run(t.Context(), o)
	if err != nil || d.Decision != upgrade.Go || len(d.Findings) != 0 || d.From.String() != "1.34" {
		t.Errorf("%s: %s, %+v, %v", d.Decision, d.Reason, d.Findings, err)
	}
	o, _ = options(broken)
	d, err = assess.Run(t.Context(), o)
	if err != nil || d.Decision != upgrade.NoGo || d.Counts.Blocking != 1 || d.Counts.Judgement != 1 || d.Counts.Findings != len(d.Findings) {
		t.Errorf("%s: %s, %+v, %v", d.Decision, d.Reason, d.Counts, err)
	}
	if c := d.Counts; c.Passed+c.Found+c.NotChecked != len(d.Checks) {
		t.Errorf("%+v of %d checks", c, len(d.Checks))
	}
}

func TestFiltersAreToldAndNeverMakeAPassOfNoData(t *testing.T) {
	o, _ := options(broken)
	o.Select = assess.Selection{Skip: []string{"target-offered"}, Namespaces: []string{"elsewhere"}}
	d, err := assess.Run(t.Context(), o)
	if err != nil || d.Decision != upgrade.Go || d.Filters.LeftOut != 1 || !strings.Contains(d.Reason, "without target-offered, only namespace elsewhere (1 findings") {
		t.Errorf("%s: %s, %+v, %v", d.Decision, d.Reason, d.Filters, err)
	}
	i := slices.IndexFunc(d.Checks, func(o assess.Outcome) bool { return o.Check == "target-offered" })
	if d.Checks[i].Status != upgrade.CheckNotChecked || d.Checks[i].Why != "left out on request" {
		t.Errorf("%+v", d.Checks[i])
	}

	o, _ = options(func(c *reasoningtest.Cluster) { c.AWS.Insights = nil })
	o.Select = assess.Selection{Checks: []string{"eks-insights"}}
	if d, err = assess.Run(t.Context(), o); err != nil || d.Decision != upgrade.GoWithApproval || len(d.Findings) != 1 || !d.Findings[0].NotChecked {
		t.Errorf("%s: %s, %+v, %v", d.Decision, d.Reason, d.Findings, err)
	}
}

func TestASourceThatFailsIsTriedAgainAndThenNotChecked(t *testing.T) {
	passing, lasting := upgrade.KindAWSThrottled.Errorf("look", "slow down"), upgrade.KindAWSDenied.Errorf("look", "denied").WithRemedy("allow it")
	for name, tc := range map[string]struct {
		failures map[upgrade.Source][]error
		calls    int // of AWS
		decision upgrade.Decision
		err      error
	}{
		"it passes":            {map[upgrade.Source][]error{upgrade.SourceAWS: {passing}}, 2, upgrade.Go, nil},
		"it lasts":             {map[upgrade.Source][]error{upgrade.SourceAWS: {passing, passing}}, 2, upgrade.NoGo, nil},
		"it is refused":        {map[upgrade.Source][]error{upgrade.SourceAWS: {lasting}}, 1, upgrade.NoGo, nil},
		"nothing is seen":      {map[upgrade.Source][]error{upgrade.SourceAWS: {lasting}, upgrade.SourceKubernetes: {lasting}}, 1, "", lasting},
		"only notes cannot be": {map[upgrade.Source][]error{upgrade.SourceReleaseNotes: {lasting}}, 1, upgrade.GoWithApproval, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o, calls := options(nil)
			for source, failures := range tc.failures {
				c := o.Collectors[source].(seen)
				c.failures = failures
				o.Collectors[source] = c
			}
			d, err := assess.Run(t.Context(), o)
			if d.Decision != tc.decision || !errors.Is(err, tc.err) || *calls[upgrade.SourceAWS] != tc.calls {
				t.Errorf("%s: %s, %v, %d calls", d.Decision, d.Reason, err, *calls[upgrade.SourceAWS])
			}
		})
	}
}

func TestFingerprintsAreStable(t *testing.T) {
	prints := func(change func(*reasoningtest.Cluster)) map[string]string {
		o, _ := options(change)
		o.Clock = clock.NewVirtual(reasoningtest.Now.Add(time.Minute))
		d, err := assess.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, f := range d.Findings {
			out[f.Fingerprint] = f.Check
		}
		if len(out) != len(d.Findings) {
			t.Errorf("%d fingerprints of %d findings", len(out), len(d.Findings))
		}
		return out
	}
	one := prints(broken)
	two := prints(func(c *reasoningtest.Cluster) { broken(c); c.Kubernetes.Workloads[0].Ready = 0 })
	for p, check := range one {
		if two[p] != check {
			t.Errorf("%s has another fingerprint when its evidence changes", check)
		}
	}
}
