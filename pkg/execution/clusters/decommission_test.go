package clusters_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/clusters"
	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type assessments struct{ decision upgrade.Decision }

func (a assessments) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	return upgrade.Assessment{Decision: a.decision}, nil
}

func decommission(l *lab.Lab, decision upgrade.Decision) *clusters.Decommission {
	health := execution.Health{Records: l.Records, Checker: l.Checker, Clock: l.Clock, MaxAge: time.Minute}
	dns := &traffic.Traffic{Route53: l.Route53, States: l.Records, Guard: l.Leases, Health: health, Clock: l.Clock, Endpoints: lab.Endpoints{}}
	return &clusters.Decommission{EKS: l.EKS, Traffic: dns, Builds: l.Builds, States: l.Records, Guard: l.Leases, Gate: clusters.Gatekeeper{
		Records: l.Records, Assessments: assessments{decision}, Weights: dns, Health: health, Guard: l.Leases, Clock: l.Clock, Patience: time.Minute}}
}

// forward is a plan with a soak before blue goes; backward takes green away.
func forward(t testing.TB) upgrade.Plan {
	t.Helper()
	verify := []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: lab.Blue}}
	p := plan
	p.Steps = []upgrade.Step{
		{ID: "soak", Kind: upgrade.StepSoak, Input: encode(t, upgrade.SoakInput{For: upgrade.Duration(time.Hour)}), Verify: verify, Timeout: 1, VerifyTimeout: 1},
		{ID: "decommission-blue", Kind: upgrade.StepDecommission, NoReturn: true, Verify: verify, Timeout: 1, VerifyTimeout: 1,
			Input: encode(t, upgrade.DecommissionInput{Cluster: lab.Blue, Side: upgrade.Blue, HostedZone: lab.Zone, Record: lab.Record})},
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func backward(t testing.TB) upgrade.Plan {
	t.Helper()
	p := plan
	p.Mode = upgrade.RollingBack
	p.Steps = []upgrade.Step{{ID: "decommission-green", Kind: upgrade.StepDecommission,
		Input: encode(t, upgrade.DecommissionInput{Cluster: lab.Green, Side: upgrade.Green, HostedZone: lab.Zone, Record: lab.Record})}}
	return p
}

// ready is a lab in which blue may be destroyed.
func ready(t testing.TB) *lab.Lab {
	t.Helper()
	l := lab.New(t)
	l.EKS.AddCluster(lab.Green, "1.35", ours, "workers")
	l.EKS.AddCluster(lab.Blue, "1.34", nil, "workers", "spot")
	l.Route53.Set(lab.Blue, 0, lab.BlueLB, 60)
	l.Route53.Set(lab.Green, 100, lab.GreenLB, 60)
	p := forward(t)
	ctx := t.Context()
	must(t, l.Records.PutApproval(ctx, upgrade.ApprovalRecord{Upgrade: l.Run.ID, PlanHash: p.Hash, Approved: true, By: "ada", ExpiresAt: upgrade.At(lab.Start.Add(time.Hour))}))
	_, err := l.Records.UseApproval(ctx, l.Run.ID, p.Hash, lab.Start)
	must(t, err)
	soak, err := l.Records.StartStep(ctx, l.Run, p, 0)
	must(t, err)
	soak.DoneAt, soak.VerifiedAt = upgrade.At(lab.Start), upgrade.At(lab.Start)
	must(t, l.Records.UpdateStep(ctx, soak))
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func destroy(t testing.TB, l *lab.Lab, run upgrade.Run, p upgrade.Plan, started time.Time) (upgrade.Progress, error) {
	t.Helper()
	i := len(p.Steps) - 1
	return decommission(l, upgrade.GoWithApproval).Reconcile(t.Context(), run, p, p.Steps[i], upgrade.StepRecord{Index: i, StartedAt: upgrade.At(started)})
}

func destroyAll(t testing.TB, l *lab.Lab, p upgrade.Plan) error {
	t.Helper()
	started := l.Clock.Now()
	for range 60 {
		progress, err := destroy(t, l, l.Run, p, started)
		switch {
		case errors.Is(err, lab.ErrCrash):
			continue
		case err != nil:
			return err
		case progress.Done:
			return nil
		}
		l.Clock.Advance(max(progress.After.D(), 30*time.Second))
	}
	return errors.New("not done after 60 looks")
}

func TestBlueIsDestroyedBehindItsGate(t *testing.T) {
	l, p := ready(t), forward(t)
	gated := true
	l.EKS.Fail = func(op string) error {
		if op == "DeleteNodegroup" || op == "DeleteCluster" {
			_, found, err := l.Records.Gate(t.Context(), l.Run.ID, "decommission-blue")
			gated = gated && found && err == nil
		}
		return nil
	}
	must(t, destroyAll(t, l, p))
	if !gated {
		t.Error("something was deleted before the gate was recorded")
	}
	if diff := cmp.Diff([]string{"shop/spot", "shop/workers", "shop"}, l.EKS.Deleted); diff != "" {
		t.Error(diff)
	}
	if l.EKS.Has(lab.Blue) || !l.EKS.Has(lab.Green) {
		t.Error("the wrong cluster is left")
	}
	if diff := cmp.Diff(map[string]int64{lab.Green: 100}, l.Route53.Weights()); diff != "" || len(l.Route53.Violations) > 0 {
		t.Error(diff, l.Route53.Violations)
	}
	gate, _, err := l.Records.Gate(t.Context(), l.Run.ID, "decommission-blue")
	if err != nil || gate.PlanHash != p.Hash || gate.Evidence == "" {
		t.Errorf("gate %+v, %v", gate, err)
	}
}

func TestDestructionSurvivesACrashAtAnyPoint(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    upgrade.Plan
		make    func(testing.TB) *lab.Lab
		deleted []string
		left    map[string]int64
	}{
		{"blue", forward(t), ready, []string{"shop", "shop/spot", "shop/workers"}, map[string]int64{lab.Green: 100}},
		{"green", backward(t), failed, []string{"shop-green", "shop-green/workers"}, map[string]int64{lab.Blue: 100}},
	} {
		count := c.make(t)
		setUp := count.Fuse.Calls
		must(t, destroyAll(t, count, c.plan))
		for at := setUp + 1; at <= count.Fuse.Calls; at++ {
			for _, effect := range []bool{false, true} {
				l := c.make(t)
				l.Fuse.At, l.Fuse.Effect = at, effect
				if err := destroyAll(t, l, c.plan); err != nil {
					t.Fatalf("%s: crash at call %d (%s, effect %t): %v", c.name, at, count.Fuse.Names[at-1], effect, err)
				}
				slices.Sort(l.EKS.Deleted)
				if diff := cmp.Diff(c.deleted, l.EKS.Deleted); diff != "" {
					t.Fatalf("%s: crash at call %d (%s, effect %t): deleted (-want +got):\n%s", c.name, at, count.Fuse.Names[at-1], effect, diff)
				}
				if diff := cmp.Diff(c.left, l.Route53.Weights()); diff != "" || len(l.Route53.Violations) > 0 {
					t.Fatal(c.name, diff, l.Route53.Violations)
				}
			}
		}
	}
}

// failed is a lab after an upgrade that went back: green is there, without
// traffic.
func failed(t testing.TB) *lab.Lab {
	t.Helper()
	l := lab.New(t)
	l.EKS.AddCluster(lab.Green, "1.35", ours, "workers")
	l.Route53.Set(lab.Green, 0, lab.GreenLB, 60)
	return l
}

func TestBlueStaysUnlessEverythingHolds(t *testing.T) {
	for what, c := range map[string]struct {
		prepare func(*testing.T, *lab.Lab) upgrade.Run
		text    string
	}{
		"traffic on blue": {func(_ *testing.T, l *lab.Lab) upgrade.Run {
			l.Route53.Set(lab.Blue, 1, lab.BlueLB, 60)
			l.Route53.Set(lab.Green, 99, lab.GreenLB, 60)
			return l.Run
		}, "traffic must be all on"},
		"an unhealthy green": {func(_ *testing.T, l *lab.Lab) upgrade.Run { l.Checker.Status[lab.Green] = upgrade.Fail; return l.Run }, "is not healthy (fail)"},
		"a green nobody could look at": {func(_ *testing.T, l *lab.Lab) upgrade.Run {
			l.Checker.Status[lab.Green] = upgrade.Inconclusive
			return l.Run
		}, "is not healthy (inconclusive)"},
		"an approval of another plan": {func(t *testing.T, l *lab.Lab) upgrade.Run {
			run := l.Run
			run.ID = "up-2" // nothing was approved for it
			held, err := l.Leases.Acquire(t.Context(), "other", "up-2")
			must(t, err)
			run.Generation, run.Request.Cluster = held.Generation, "other"
			return run
		}, "has no approval"},
	} {
		t.Run(what, func(t *testing.T) {
			l := ready(t)
			run := c.prepare(t, l)
			_, err := destroy(t, l, run, forward(t), lab.Start.Add(-time.Minute))
			wantCode(t, err, upgrade.CodePrecondition, c.text)
			if len(l.EKS.Deleted) > 0 {
				t.Error("deleted", l.EKS.Deleted)
			}
			if _, found, err := l.Records.Gate(t.Context(), run.ID, "decommission-blue"); found || err != nil {
				t.Errorf("the gate is open: %t, %v", found, err)
			}
		})
	}
}

func TestBlueStaysWithoutAVerifiedSoak(t *testing.T) {
	l, p := ready(t), forward(t)
	p.Steps[0].ID = "another-soak"
	_, err := destroy(t, l, l.Run, p, lab.Start)
	wantCode(t, err, upgrade.CodePrecondition, "no soak")
	p.Steps[0].Kind = upgrade.StepVerify
	_, err = destroy(t, l, l.Run, p, lab.Start)
	wantCode(t, err, upgrade.CodePrecondition, "no soak")
}

func TestWithoutAnApprovalOnlyAGoWillDo(t *testing.T) {
	for decision, mode := range map[upgrade.Decision]upgrade.ApprovalMode{upgrade.Go: upgrade.ApprovalOnFindings, upgrade.GoWithApproval: upgrade.ApprovalOnFindings, "go ": upgrade.ApprovalRequired} {
		l := ready(t)
		p := forward(t)
		p.Hash = "another" // no approval is recorded for it
		run := l.Run
		run.Request.Approval.Mode = mode
		_, err := decommission(l, decision).Reconcile(t.Context(), run, p, p.Steps[1], upgrade.StepRecord{Index: 1, StartedAt: upgrade.At(lab.Start)})
		if allowed := decision == upgrade.Go; allowed != (err == nil) {
			t.Errorf("decision %q, mode %s: error %v", decision, mode, err)
		}
	}
}

func TestGreenFailingMidwayStopsTheDestruction(t *testing.T) {
	l, p := ready(t), forward(t)
	_, err := destroy(t, l, l.Run, p, lab.Start)
	must(t, err)
	l.Checker.Status[lab.Green] = upgrade.Fail
	l.Clock.Advance(10 * time.Minute)
	_, err = destroy(t, l, l.Run, p, lab.Start)
	wantCode(t, err, upgrade.CodePrecondition, "is not healthy")
	if !l.EKS.Has(lab.Blue) {
		t.Error("blue's control plane is gone")
	}
}

func TestAStaleLeaseDestroysNothing(t *testing.T) {
	for _, c := range []struct {
		l *lab.Lab
		p upgrade.Plan
	}{{ready(t), forward(t)}, {failed(t), backward(t)}} {
		_, err := destroy(t, c.l, c.l.Stale(), c.p, lab.Start)
		wantCode(t, err, upgrade.CodeLeaseLost, "")
		if len(c.l.EKS.Deleted) > 0 || len(c.l.Route53.Changes) > 0 {
			t.Error("something was changed")
		}
	}
}

func TestGreenGoesWithItsRecordSet(t *testing.T) {
	l := failed(t)
	must(t, destroyAll(t, l, backward(t)))
	if l.EKS.Has(lab.Green) || !l.EKS.Has(lab.Blue) || l.Route53.Get(lab.Green) != nil {
		t.Error("green is still there, or blue is gone")
	}
}

func TestGreenWithTrafficStays(t *testing.T) {
	l := failed(t)
	l.Route53.Set(lab.Blue, 90, lab.BlueLB, 60)
	l.Route53.Set(lab.Green, 10, lab.GreenLB, 60)
	wantCode(t, destroyAll(t, l, backward(t)), upgrade.CodePrecondition, "still has traffic")
	if len(l.EKS.Deleted) > 0 {
		t.Error("deleted", l.EKS.Deleted)
	}
}

func TestAClusterThatThisUpgradeDidNotMakeIsLeftAlone(t *testing.T) {
	for _, tags := range []map[string]string{nil, {provision.UpgradeTag: "up-0"}} {
		l := failed(t)
		l.EKS.AddCluster(lab.Green, "1.35", tags, "workers")
		must(t, destroyAll(t, l, backward(t)))
		if len(l.EKS.Deleted) > 0 || l.Route53.Get(lab.Green) == nil {
			t.Error("somebody else's cluster was touched")
		}
	}
}

func TestABuildThatStillMakesGreenIsStoppedFirst(t *testing.T) {
	l := lab.New(t)
	_, err := provisionOnce(t, l, l.Run)
	must(t, err)
	l.EKS.AddCluster(lab.Green, "1.35", ours, "workers")
	l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusCreating
	_, err = destroy(t, l, l.Run, backward(t), lab.Start)
	must(t, err)
	if l.Builds.Started[0].BuildStatus != build.StatusTypeStopped || len(l.EKS.Deleted) > 0 {
		t.Fatalf("build %s, deleted %v", l.Builds.Started[0].BuildStatus, l.EKS.Deleted)
	}
	if _, err := destroy(t, l, l.Run, backward(t), lab.Start); err != nil || len(l.EKS.Deleted) > 0 {
		t.Fatalf("a node group that is being created: %v, deleted %v", err, l.EKS.Deleted)
	}
	l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusActive
	must(t, destroyAll(t, l, backward(t)))
	if l.EKS.Has(lab.Green) {
		t.Error("green is still there")
	}
}

// The build may make green at the very moment at which it is stopped: what was
// seen before that is not what is there after.
func TestAClusterThatTheBuildMadeLastIsFound(t *testing.T) {
	l := lab.New(t)
	_, err := provisionOnce(t, l, l.Run)
	must(t, err)
	l.Builds.Started[0].BuildStatus = build.StatusTypeStopped
	d := decommission(l, upgrade.Go)
	d.Builds = lastWords{l.Builds, func() { l.EKS.AddCluster(lab.Green, "1.35", ours) }}
	p := backward(t)
	progress, err := d.Reconcile(t.Context(), l.Run, p, p.Steps[0], upgrade.StepRecord{StartedAt: upgrade.At(lab.Start)})
	if err != nil || progress.Done {
		t.Fatalf("%+v, %v: green is there", progress, err)
	}
}

// lastWords are builds that do something just before they are looked at.
type lastWords struct {
	*lab.Builds
	do func()
}

func (b lastWords) BatchGetBuilds(ctx context.Context, in *codebuild.BatchGetBuildsInput, o ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	b.do()
	return b.Builds.BatchGetBuilds(ctx, in, o...)
}

func TestANodeGroupThatCannotBeDeletedFailsTheStep(t *testing.T) {
	l := failed(t)
	l.Route53.Sets = l.Route53.Sets[:1]
	l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusDeleteFailed
	wantCode(t, destroyAll(t, l, backward(t)), upgrade.CodeStepFailed, "workers")
}

func TestAProtectedClusterKeepsItsNodes(t *testing.T) {
	l := ready(t)
	on := true
	l.EKS.Cluster(lab.Blue).DeletionProtection = &on
	wantCode(t, destroyAll(t, l, forward(t)), upgrade.CodePrecondition, "deletion protection")
	if _, gated, err := l.Records.Gate(t.Context(), l.Run.ID, "decommission-blue"); gated || err != nil || len(l.EKS.Deleted) > 0 {
		t.Error("gate open:", gated, err, "deleted:", l.EKS.Deleted)
	}
}

func TestTheWrongSideIsRefused(t *testing.T) {
	l, p := ready(t), forward(t)
	for _, in := range []upgrade.DecommissionInput{
		{Cluster: lab.Green, Side: upgrade.Blue}, {Cluster: lab.Green, Side: upgrade.Green}, {Cluster: "other", Side: upgrade.Blue}, {Cluster: lab.Blue},
	} {
		p.Steps[1].Input = encode(t, in)
		_, err := destroy(t, l, l.Run, p, lab.Start)
		wantCode(t, err, upgrade.CodeInvalidRequest, "")
	}
	if len(l.EKS.Deleted) > 0 {
		t.Error("deleted", l.EKS.Deleted)
	}
}
