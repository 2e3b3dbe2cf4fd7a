// Package partial is how collectors look at many things at once and go on when
// one of them may not be seen.
package partial

import (
	"context"
	"errors"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxWhy is how many characters of an error people read.
const maxWhy = 1000

// Unseen turns an error of a part into an entry for what could not be seen.
// Errors that pass by themselves (retryable ones) and the end of the context
// are returned instead: the whole look is then repeated.
func Unseen(what string, err error) (upgrade.NotChecked, error) {
	if upgrade.CodeOf(err).Retryable() || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return upgrade.NotChecked{}, err
	}
	remedy := "see the error and repeat the assessment"
	var own *upgrade.Error
	if errors.As(err, &own) && own.Remedy != "" {
		remedy = own.Remedy
	}
	return upgrade.NotChecked{What: what, Why: logging.Line(err.Error(), maxWhy), Remedy: remedy}, nil
}

// Each calls f for every item, at most limit at a time, and returns the
// results in the order of the items. The first error cancels the rest.
func Each[T, R any](ctx context.Context, limit int, items []T, f func(context.Context, T) (R, error)) ([]R, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]R, len(items))
	slots := make(chan struct{}, limit)
	var running sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-slots }()
			var err error
			if results[i], err = f(ctx, item); err != nil {
				cancel(err) // the first one counts
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return results, nil
}
