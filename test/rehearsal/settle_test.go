package rehearsal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettle(t *testing.T) {
	broken := errors.New("the API server is gone")
	never := time.Hour
	for name, tc := range map[string]struct {
		ready time.Duration // after which the workloads are
		fail  error
		told  int
		want  string // in the error; "" is none
	}{
		"at once":           {ready: time.Second},
		"after three turns": {ready: 70 * time.Second, told: 2},
		"never":             {ready: never, told: int(settleLimit/settleReport) - 1, want: "Deployment default/web has 0 of 2 pods ready"},
		"cannot be known":   {fail: broken, want: broken.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, told := time.Now(), 0
				err := settle(t.Context(), func(ctx context.Context) error {
					if tc.fail != nil {
						return tc.fail
					}
					select {
					case <-time.After(tc.ready - time.Since(began)):
						return nil
					case <-ctx.Done():
						return errors.Join(ctx.Err(), errors.New("Deployment default/web has 0 of 2 pods ready"))
					}
				}, func(missing error) {
					told++
					if missing.Error() != "Deployment default/web has 0 of 2 pods ready" {
						t.Errorf("told %q", missing)
					}
				})
				if told != tc.told || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("told %d times, want %d; error %v, want %q", told, tc.told, err, tc.want)
				}
			})
		})
	}
}

func TestSettleEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := settle(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}, func(error) { t.Error("told that it goes on") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
