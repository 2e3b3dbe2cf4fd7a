package perception_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// slow takes a minute to look.
type slow struct {
	clock *clock.Virtual
	err   error
}

func (s slow) Collect(_ context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	s.clock.Advance(time.Minute)
	return upgrade.Snapshot{Scans: []upgrade.Scan{{Tool: "kubent", Version: in.Scan}}}, "1 scan", s.err
}

// shelf keeps what is stored, by prefix.
type shelf map[string]any

func (s shelf) Put(_ context.Context, prefix string, v any) (upgrade.Ref, error) {
	s[prefix] = v
	return upgrade.Ref{Key: prefix + "/x.json"}, nil
}

func TestHandleStoresWhatTheCollectorOfTheSourceSaw(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	virtual, stored := clock.NewVirtual(now), shelf{}
	in := upgrade.PerceiveInput{Source: upgrade.SourceScanners, Scan: "b1", Run: upgrade.Run{ID: "up-1", Request: upgrade.Request{Cluster: "shop"}}}
	handler := perception.Handler{Artifacts: stored, Clock: virtual, Collectors: map[upgrade.Source]perception.Collector{upgrade.SourceScanners: slow{clock: virtual}}}

	out, err := handler.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(upgrade.PerceiveOutput{Source: upgrade.SourceScanners, Snapshot: upgrade.Ref{Key: "snapshots/up-1/scanners/x.json"}, Summary: "1 scan"}, out); diff != "" {
		t.Error(diff)
	}
	want := shelf{"snapshots/up-1/scanners": upgrade.Snapshot{Source: upgrade.SourceScanners, Cluster: "shop", TakenAt: upgrade.At(now), Scans: []upgrade.Scan{{Tool: "kubent", Version: "b1"}}}}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Error(diff)
	}

	in.Source = "moon"
	if _, err := handler.Handle(t.Context(), in); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), `no collector for "moon"`) {
		t.Errorf("unknown source: %v", err)
	}
}

func TestHandleStoresNothingWhenNothingWasSeen(t *testing.T) {
	virtual, stored := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)), shelf{}
	failing := slow{clock: virtual, err: upgrade.Errorf(upgrade.CodeUnavailable, "look", "no answer")}
	handler := perception.Handler{Artifacts: stored, Clock: virtual, Collectors: map[upgrade.Source]perception.Collector{upgrade.SourceAWS: failing}}
	if _, err := handler.Handle(t.Context(), upgrade.PerceiveInput{Source: upgrade.SourceAWS}); upgrade.CodeOf(err) != upgrade.CodeUnavailable || len(stored) != 0 {
		t.Errorf("error %v, stored %v", err, stored)
	}
}

func TestAnAPIServerThatDoesNotAnswerIsAKindOfItsOwn(t *testing.T) {
	for source, want := range map[upgrade.Source]upgrade.Kind{upgrade.SourceKubernetes: upgrade.KindClusterUnreachable, upgrade.SourceAWS: upgrade.KindAWSUnanswered} {
		virtual := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
		failing := slow{clock: virtual, err: upgrade.KindAWSUnanswered.Errorf("look", "no answer")}
		handler := perception.Handler{Artifacts: shelf{}, Clock: virtual, Collectors: map[upgrade.Source]perception.Collector{source: failing}}
		_, err := handler.Handle(t.Context(), upgrade.PerceiveInput{Source: source})
		if upgrade.KindOf(err) != want || upgrade.CodeOf(err) != upgrade.CodeUnavailable {
			t.Errorf("%s: %s", source, upgrade.KindOf(err))
		}
	}
}
