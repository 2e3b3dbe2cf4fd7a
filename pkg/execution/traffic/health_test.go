package traffic_test

import (
	"strings"
	"testing"
	"time"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestHealthDecidesWhoGetsTraffic(t *testing.T) {
	l := lab.New(t)
	for _, status := range []upgrade.Status{upgrade.Fail, upgrade.Inconclusive} {
		l.Checker.Status[lab.Green] = status
		p, err := look(t, l, steps[0], l.Clock.Now())
		if err != nil || p.Done || !strings.Contains(p.Note, "waiting until "+lab.Green) {
			t.Fatalf("%s: progress %+v, error %v, want patience", status, p, err)
		}
		_, err = look(t, l, steps[0], l.Clock.Now().Add(-3*time.Minute))
		wantCode(t, err, upgrade.CodePrecondition, "gets no more traffic")
	}
	if len(l.Route53.Changes) != 0 {
		t.Fatal("traffic moved toward a cluster that is not healthy")
	}
	l.Clock.Advance(time.Second)
	l.Checker.Status[lab.Green] = upgrade.Pass
	if err := run(t, l, steps[0]); err != nil {
		t.Fatal(err)
	}
	health, found, err := l.Records.Health(t.Context(), l.Run.ID, lab.Green)
	if err != nil || !found || health.Status != upgrade.Pass {
		t.Errorf("recorded health %+v, %t, %v", health, found, err)
	}
}

func TestTrafficMovesAwayFromAnUnhealthyClusterButNotToOne(t *testing.T) {
	l := lab.New(t)
	l.Checker.Status[lab.Blue] = upgrade.Fail
	if err := run(t, l, steps[0]); err != nil {
		t.Fatalf("away from blue: %v", err)
	}
	wantCode(t, run(t, l, upgrade.AllBlue), upgrade.CodePrecondition, lab.Blue+" gets no more traffic")
	wantWeights(t, l, 90, 10)
}

func TestARecordedVerdictIsUsedWhileItIsFresh(t *testing.T) {
	l := lab.New(t)
	for _, cluster := range []string{lab.Blue, lab.Green} {
		if err := l.Records.PutHealth(t.Context(), l.Run.ID, upgrade.Health{Cluster: cluster, Status: upgrade.Pass, ObservedAt: upgrade.At(lab.Start)}); err != nil {
			t.Fatal(err)
		}
	}
	l.Clock.Advance(5 * time.Minute)
	if _, err := look(t, l, steps[0], l.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if len(l.Checker.Asked) != 0 {
		t.Errorf("%v were checked although their verdicts are fresh", l.Checker.Asked)
	}
	l = lab.New(t)
	l.Checker.Status[lab.Green] = upgrade.Fail
	if err := l.Records.PutHealth(t.Context(), l.Run.ID, upgrade.Health{Cluster: lab.Green, Status: upgrade.Pass, ObservedAt: upgrade.At(lab.Start)}); err != nil {
		t.Fatal(err)
	}
	l.Clock.Advance(5*time.Minute + time.Second)
	if p, err := look(t, l, steps[0], l.Clock.Now()); err != nil || !strings.Contains(p.Note, "healthy") {
		t.Errorf("progress %+v, error %v: a stale verdict was taken for a pass", p, err)
	}
}
