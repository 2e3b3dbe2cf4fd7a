package lease_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records/table/tabletest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

type setup struct {
	*lease.Store
	api *tabletest.Fake
	now *clock.Virtual
}

func newSetup() setup {
	s := setup{api: &tabletest.Fake{}, now: clock.NewVirtual(start)}
	s.Store = lease.New(s.api, "leases", s.now)
	return s
}

func (s setup) acquire(t *testing.T, owner string) upgrade.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), "shop", owner)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func runOf(l upgrade.Lease) upgrade.Run {
	return upgrade.Run{ID: l.Owner, Generation: l.Generation, Request: upgrade.Request{Cluster: l.Cluster}}
}

func wantCode(t *testing.T, err error, want upgrade.Code) {
	t.Helper()
	if got := upgrade.CodeOf(err); got != want {
		t.Fatalf("code %q of error %v, want %q", got, err, want)
	}
}

func TestAcquire(t *testing.T) {
	for name, c := range map[string]struct {
		before func(setup, upgrade.Lease) error // by owner "a", who holds generation 1
		after  time.Duration
		owner  string
		want   upgrade.Code
		gen    int64
	}{
		"held by another":         {nil, 0, "b", upgrade.CodeLeaseHeld, 0},
		"just before its expiry":  {nil, lease.Margin - 1, "b", upgrade.CodeLeaseHeld, 0},
		"expired, never used":     {nil, lease.Margin, "b", "", 2},
		"again by its owner":      {nil, 0, "a", "", 1},
		"late again by its owner": {nil, 24 * time.Hour, "a", "", 1},
		"released": {func(s setup, l upgrade.Lease) error {
			return s.Release(context.Background(), "shop", "a", l.Generation)
		}, 0, "b", "", 2},
		"by its owner after its end": {func(s setup, l upgrade.Lease) error {
			return s.Release(context.Background(), "shop", "a", l.Generation)
		}, 0, "a", upgrade.CodeConflict, 0},
		"dirty, long after its expiry": {func(s setup, l upgrade.Lease) error {
			return s.MarkDirty(context.Background(), "shop", "a", l.Generation, "drift")
		}, 365 * 24 * time.Hour, "b", upgrade.CodeLeaseHeld, 0},
		"a change was begun, long ago": {func(s setup, l upgrade.Lease) error {
			return s.Check(context.Background(), runOf(l), time.Minute)
		}, 365 * 24 * time.Hour, "b", upgrade.CodeLeaseHeld, 0},
		"changed and released": {func(s setup, l upgrade.Lease) error {
			if err := s.Check(context.Background(), runOf(l), time.Minute); err != nil {
				return err
			}
			return s.Release(context.Background(), "shop", "a", l.Generation)
		}, 0, "b", "", 2},
		"while it waits for an approval": {func(s setup, l upgrade.Lease) error {
			return s.Keep(context.Background(), runOf(l), 24*time.Hour)
		}, 24 * time.Hour, "b", upgrade.CodeLeaseHeld, 0},
		"after an approval that nobody gave": {func(s setup, l upgrade.Lease) error {
			return s.Keep(context.Background(), runOf(l), 24*time.Hour)
		}, 25 * time.Hour, "b", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup()
			first := s.acquire(t, "a")
			if c.before != nil {
				if err := c.before(s, first); err != nil {
					t.Fatal(err)
				}
			}
			s.now.Advance(c.after)
			got, err := s.Acquire(t.Context(), "shop", c.owner)
			wantCode(t, err, c.want)
			if err == nil && (got.Generation != c.gen || got.Owner != c.owner || got.Cluster != "shop") {
				t.Errorf("lease %+v, want generation %d", got, c.gen)
			}
		})
	}
}

func TestHeldSaysByWhomAndWhatToDo(t *testing.T) {
	s := newSetup()
	l := s.acquire(t, "shop-135")
	_, err := s.Acquire(t.Context(), "shop", "b")
	for _, want := range []string{"shop-135", "2026-08-01T12:30:00Z", "aws dynamodb delete-item --table-name leases", `{"cluster":{"S":"shop"}}`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := s.MarkDirty(t.Context(), "shop", l.Owner, l.Generation, "weights drifted"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Acquire(t.Context(), "shop", "b")
	for _, want := range []string{"shop-135", "weights drifted", "inspect", "aws dynamodb delete-item"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestAStaleGenerationChangesNothing(t *testing.T) {
	s := newSetup()
	stale := s.acquire(t, "a")
	s.now.Advance(time.Hour)
	fresh := s.acquire(t, "b")
	writes := s.api.Writes()
	wantCode(t, s.Check(t.Context(), runOf(stale), 0), upgrade.CodeLeaseLost)
	wantCode(t, s.Keep(t.Context(), runOf(stale), 0), upgrade.CodeLeaseLost)
	wantCode(t, s.Renew(t.Context(), "shop", "a", stale.Generation, 0), upgrade.CodeLeaseLost)
	wantCode(t, s.Renew(t.Context(), "shop", "b", stale.Generation, 0), upgrade.CodeLeaseLost)
	wantCode(t, s.MarkDirty(t.Context(), "shop", "a", stale.Generation, "x"), upgrade.CodeLeaseLost)
	wantCode(t, s.Release(t.Context(), "shop", "a", stale.Generation), upgrade.CodeLeaseLost)
	wantCode(t, s.Check(t.Context(), upgrade.Run{ID: "a", Generation: 1, Request: upgrade.Request{Cluster: "unknown"}}, 0), upgrade.CodeLeaseLost)
	if s.api.Writes() != writes {
		t.Error("a stale generation wrote")
	}
	if err := s.Check(t.Context(), runOf(fresh), 0); err != nil {
		t.Errorf("the holder was refused: %v", err)
	}
}

func TestAReleasedLeaseIsLost(t *testing.T) {
	s := newSetup()
	l := s.acquire(t, "a")
	for range 2 { // the second one is a redo
		if err := s.Release(t.Context(), "shop", "a", l.Generation); err != nil {
			t.Fatal(err)
		}
	}
	if s.api.Writes() != 2 {
		t.Errorf("%d writes, want one to acquire and one to release", s.api.Writes())
	}
	wantCode(t, s.Check(t.Context(), runOf(l), 0), upgrade.CodeLeaseLost)
	if err := s.Release(t.Context(), "never-held", "a", 1); err != nil {
		t.Errorf("release of a lease that a person removed: %v", err)
	}
}

func TestALongWaitKeepsTheLease(t *testing.T) {
	s := newSetup()
	l := s.acquire(t, "a")
	if err := s.Renew(t.Context(), "shop", "a", l.Generation, 6*time.Hour); err != nil {
		t.Fatal(err)
	}
	s.now.Advance(time.Minute)
	if err := s.Renew(t.Context(), "shop", "a", l.Generation, 0); err != nil { // must not shorten
		t.Fatal(err)
	}
	s.now.Advance(6 * time.Hour)
	_, err := s.Acquire(t.Context(), "shop", "b")
	wantCode(t, err, upgrade.CodeLeaseHeld)
	s.now.Advance(time.Hour)
	if err := s.Check(t.Context(), runOf(l), 0); err != nil {
		t.Errorf("expired, but nobody took it: %v", err)
	}
}

func TestPollingDoesNotWriteEachTime(t *testing.T) {
	s := newSetup()
	l := s.acquire(t, "a")
	for range 100 {
		if err := s.Check(t.Context(), runOf(l), time.Minute); err != nil {
			t.Fatal(err)
		}
		s.now.Advance(10 * time.Second)
	}
	if s.api.Writes() > 4 {
		t.Errorf("%d writes in 17 minutes", s.api.Writes())
	}
}

func TestAStoreThatDoesNotAnswerGrantsNothing(t *testing.T) {
	s := newSetup()
	l := s.acquire(t, "a")
	s.api.Before = func(string) error {
		return &smithy.GenericAPIError{Code: "InternalServerError", Fault: smithy.FaultServer}
	}
	_, err := s.Acquire(t.Context(), "other", "a")
	wantCode(t, err, upgrade.CodeUnavailable)
	wantCode(t, s.Check(t.Context(), runOf(l), 0), upgrade.CodeUnavailable)
	wantCode(t, s.Release(t.Context(), "shop", "a", l.Generation), upgrade.CodeUnavailable)
	if s.api.Writes() != 1 {
		t.Errorf("%d writes", s.api.Writes())
	}
}

func TestOnlyOneOfTwoRacersAcquires(t *testing.T) {
	s := newSetup()
	raced := false
	s.api.Before = func(op string) error {
		if op == "PutItem" && !raced {
			raced = true
			s.acquire(t, "b")
		}
		return nil
	}
	_, err := s.Acquire(t.Context(), "shop", "a")
	wantCode(t, err, upgrade.CodeLeaseHeld)
}
