package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics/metricstest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const request = `{"cluster":"shop","target":"1.35","traffic":{"hostedZone":"Z0123456789ABC","record":"shop.example.com","service":"default/frontend-external"}}`

func acquireInput(request string) upgrade.LeaseInput {
	return upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "shop-135", StartedAt: upgrade.At(start), Request: json.RawMessage(request)}
}

func TestHandlerAcquiresAndReleases(t *testing.T) {
	s := newSetup()
	h := lease.NewHandler(s.Store, upgrade.StandardDefaults())
	out, err := h.Handle(t.Context(), acquireInput(request))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := upgrade.DecodeRequest([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&upgrade.Run{ID: "shop-135", Request: wanted, Generation: 1, StartedAt: upgrade.At(start)}, out.Run); diff != "" {
		t.Fatal(diff)
	}
	again, err := h.Handle(t.Context(), acquireInput(request))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out, again); diff != "" {
		t.Error(diff)
	}
	for range 2 {
		released, err := h.Handle(t.Context(), upgrade.LeaseInput{Action: upgrade.LeaseRelease, Run: out.Run})
		if err != nil || released.Run != nil {
			t.Fatalf("%+v, %v", released, err)
		}
	}
	if got := s.acquire(t, "next"); got.Generation != 2 {
		t.Errorf("generation %d after the release", got.Generation)
	}
}

func TestHandlerKeepsTheLeaseOfAClusterThatIsNotClean(t *testing.T) {
	s := newSetup()
	h := lease.NewHandler(s.Store, upgrade.StandardDefaults())
	out, err := h.Handle(t.Context(), acquireInput(request))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), *out.Run, time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := h.Handle(t.Context(), upgrade.LeaseInput{Action: upgrade.LeaseKeep, Run: out.Run}); err != nil {
			t.Fatal(err)
		}
	}
	s.now.Advance(365 * 24 * time.Hour)
	_, err = s.Acquire(t.Context(), "shop", "next")
	wantCode(t, err, upgrade.CodeLeaseHeld)
	if !strings.Contains(err.Error(), "stopped in a state that is not clean") {
		t.Errorf("%q does not say why", err)
	}
}

func TestARequestOverridesTheDefaults(t *testing.T) {
	defaults := upgrade.StandardDefaults()
	defaults.Soak, defaults.Bake, defaults.Decommission, defaults.Steps = upgrade.Duration(3*time.Hour), upgrade.Duration(20*time.Minute), upgrade.KeepBlue, []int{50, 100}
	out, err := lease.NewHandler(newSetup().Store, defaults).Handle(t.Context(), acquireInput(strings.Replace(request, "{", `{"soak":"2h",`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	got := out.Run.Request
	if got.Soak.D() != 2*time.Hour || got.Traffic.Bake != defaults.Bake || got.Decommission != upgrade.KeepBlue || len(got.Traffic.Steps) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestHandlerNamesTheWrongField(t *testing.T) {
	for name, c := range map[string]struct {
		in    upgrade.LeaseInput
		field string
	}{
		"no action":          {upgrade.LeaseInput{}, "action"},
		"unknown action":     {upgrade.LeaseInput{Action: "steal"}, "action"},
		"release of nothing": {upgrade.LeaseInput{Action: upgrade.LeaseRelease}, "run"},
		"keep of nothing":    {upgrade.LeaseInput{Action: upgrade.LeaseKeep}, "run"},
		"no id":              {upgrade.LeaseInput{Action: upgrade.LeaseAcquire, StartedAt: upgrade.At(start), Request: json.RawMessage(request)}, "id"},
		"no start":           {upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: "x", Request: json.RawMessage(request)}, "startedAt"},
		"no request":         {acquireInput(""), "request"},
		"misspelled field":   {acquireInput(`{"clutser":"shop"}`), "clutser"},
		"bad version":        {acquireInput(`{"cluster":"shop","target":"35"}`), "target"},
		"no zone":            {acquireInput(`{"cluster":"shop","target":"1.35"}`), "traffic.hostedZone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup()
			_, err := lease.NewHandler(s.Store, upgrade.StandardDefaults()).Handle(t.Context(), c.in)
			wantCode(t, err, upgrade.CodeInvalidRequest)
			var e *upgrade.Error
			if !errors.As(err, &e) || e.Field != c.field || e.Remedy == "" {
				t.Errorf("field %q, want %q, and a remedy: %v", e.Field, c.field, err)
			}
			if s.api.Writes() != 0 {
				t.Error("a wrong request wrote")
			}
		})
	}
}

func TestAnUpgradeIsCountedOnceHoweverOftenItsLeaseIsAskedFor(t *testing.T) {
	h := lease.NewHandler(newSetup().Store, upgrade.StandardDefaults())
	for i, want := range []any{1., nil} {
		got := metricstest.Record(t, func(ctx context.Context) {
			if _, err := h.Handle(ctx, acquireInput(request)); err != nil {
				t.Fatal(err)
			}
		})
		if got["UpgradesStarted"] != want {
			t.Errorf("call %d measures %v", i, got)
		}
	}
}
