package logging

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Bounds of what is logged of an error, in characters.
const (
	maxFailure = 4000
	maxCause   = 1000
)

// Explain adds to a line what is known of an error besides its code and its
// message: "kind", "op", "field", "cause", "details" and "remedy".
func Explain(line *zerolog.Event, err error) *zerolog.Event {
	line = line.Str("kind", string(upgrade.KindOf(err)))
	if own, ok := errors.AsType[*upgrade.Error](err); ok {
		for _, part := range []field{{"op", own.Op}, {"field", own.Field}, {"remedy", own.Remedy}} {
			if part.value != "" {
				line = line.Str(part.name, part.value)
			}
		}
		if cause := errors.Unwrap(own.Err); cause != nil {
			line = line.Str("cause", Line(cause.Error(), maxCause))
		}
	}
	if details := upgrade.DetailsOf(err); len(details) > 0 {
		line = line.Interface("details", details)
	}
	return line
}

// Failed logs an error that ends a program, with all that is known of it.
func Failed(ctx context.Context, err error) {
	Explain(From(ctx).Error(), err).Str("code", string(upgrade.CodeOf(err))).Msg(Line(err.Error(), maxFailure))
}
