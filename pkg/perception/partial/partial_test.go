package partial_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestEachKeepsTheOrderAndTheLimit(t *testing.T) {
	var running, most atomic.Int32
	items := make([]int, 50)
	for i := range items {
		items[i] = i
	}
	got, err := partial.Each(t.Context(), 3, items, func(_ context.Context, i int) (int, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		return i * 2, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 50 || got[7] != 14 || !slices.IsSorted(got) || most.Load() > 3 {
		t.Errorf("results %v, %d at once", got, most.Load())
	}
}

func TestEachReturnsTheFirstErrorAndCancelsTheRest(t *testing.T) {
	bad := errors.New("bad")
	_, err := partial.Each(t.Context(), 2, []int{0, 1, 2, 3}, func(ctx context.Context, i int) (int, error) {
		if i == 0 {
			return 0, bad
		}
		<-ctx.Done() // ends only because the first failed
		return 0, ctx.Err()
	})
	if !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}

func TestUnseenLetsOnlyLastingErrorsPass(t *testing.T) {
	denied := upgrade.Errorf(upgrade.CodePermissionDenied, "list", "denied").WithRemedy("allow it")
	seen, err := partial.Unseen("nodes", denied)
	if err != nil || seen.What != "nodes" || seen.Why != denied.Error() || seen.Remedy != "allow it" {
		t.Errorf("%+v, %v", seen, err)
	}
	for _, passing := range []error{upgrade.Errorf(upgrade.CodeThrottled, "list", "slow"), upgrade.Errorf(upgrade.CodeUnavailable, "list", "down"), context.Canceled, context.DeadlineExceeded} {
		if _, err := partial.Unseen("nodes", passing); !errors.Is(err, passing) {
			t.Errorf("%v became %v", passing, err)
		}
	}
}

func TestUnseenSaysWhyInOneHarmlessLine(t *testing.T) {
	got, err := partial.Unseen("the insights", upgrade.KindKubernetesForbidden.Errorf("list", "no:\n%s", "token k8s-aws-v1.aHR0cHM6Ly9zdHM"))
	if err != nil || strings.Contains(got.Why, "aHR0") || strings.Contains(got.Why, "\n") || !strings.Contains(got.Why, "list: no:") {
		t.Errorf("%+v, %v", got, err)
	}
}
