// Package logging is the one place where logs are set up: JSON lines in UTC
// that carry what they belong to (see Fields), with secrets removed before a
// line leaves the process.
package logging

import (
	"context"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Formats of a log.
const (
	JSON    = "json"    // one object per line
	Console = "console" // for people
)

// timeLayout is RFC 3339 with milliseconds; the clock's time is UTC.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Options of a logger.
type Options struct {
	Level  string // debug, info, warn or error
	Format string // JSON or Console
	Clock  clock.Clock
}

// New returns a logger that writes redacted lines to w.
func New(w io.Writer, o Options) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil || o.Level == "" {
		return zerolog.Nop(), upgrade.KindInvalidConfiguration.Field("set up logging", "logging.level",
			fmt.Sprintf("%q is not known", o.Level), "use one of: debug, info, warn, error")
	}
	switch o.Format {
	case JSON:
		w = redactor{w}
	case Console:
		w = zerolog.ConsoleWriter{Out: redactor{w}, NoColor: true, TimeFormat: timeLayout}
	default:
		return zerolog.Nop(), upgrade.KindInvalidConfiguration.Field("set up logging", "logging.format",
			fmt.Sprintf("%q is not known", o.Format), "use one of: json, console")
	}
	return zerolog.New(w).Level(level).Hook(timestamp{o.Clock}), nil
}

// timestamp adds the time of the clock that is handed in; zerolog's own reads
// the wall clock.
type timestamp struct{ clock clock.Clock }

func (h timestamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, h.clock.Now().UTC().Format(timeLayout))
}

// From returns the logger of the context; without one it discards.
func From(ctx context.Context) *zerolog.Logger { return zerolog.Ctx(ctx) }
