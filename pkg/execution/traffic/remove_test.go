package traffic_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestRemove(t *testing.T) {
	l := lab.New(t)
	remove := func(side upgrade.Side) error {
		for range 20 {
			p, err := executor(l).Remove(t.Context(), l.Run, name, side)
			if err != nil {
				return err
			}
			if p.Done {
				return nil
			}
			l.Clock.Advance(max(p.After.D(), time.Second))
		}
		return errors.New("not done after 20 looks")
	}
	if err := remove(upgrade.Green); err != nil || len(l.Route53.Changes) != 0 {
		t.Fatalf("removing what is not there: %v, %d changes", err, len(l.Route53.Changes))
	}
	if err := run(t, l, steps[0]); err != nil {
		t.Fatal(err)
	}
	wantCode(t, remove(upgrade.Green), upgrade.CodePrecondition, "still has traffic")
	wantCode(t, remove(upgrade.Blue), upgrade.CodePrecondition, "still has traffic")
	if err := run(t, l, upgrade.AllBlue); err != nil {
		t.Fatal(err)
	}
	if err := remove(upgrade.Green); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{lab.Blue: 100}, l.Route53.Weights()); diff != "" {
		t.Error(diff)
	}
	if w, inSync, err := executor(l).Weights(t.Context(), l.Run, name); err != nil || !inSync || w != upgrade.AllBlue {
		t.Errorf("weights %v, in sync %t, %v", w, inSync, err)
	}
}

func TestWeightsAreNotInSyncWhileAChangeSpreads(t *testing.T) {
	l := lab.New(t)
	if _, inSync, err := executor(l).Weights(t.Context(), l.Run, name); err != nil || !inSync {
		t.Fatalf("in sync %t, %v before any change", inSync, err)
	}
	if _, err := look(t, l, steps[0], lab.Start); err != nil {
		t.Fatal(err)
	}
	w, inSync, err := executor(l).Weights(t.Context(), l.Run, name)
	if err != nil || inSync || w != steps[0] {
		t.Errorf("weights %v, in sync %t, %v", w, inSync, err)
	}
}
