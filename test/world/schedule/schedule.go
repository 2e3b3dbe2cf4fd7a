// Package schedule reads the schedule expressions of Amazon EventBridge rules
// and EventBridge Scheduler: rate(5 minutes), cron(0 10 ? * MON-FRI *) and
// at(2026-11-20T13:00:00).
package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/winebarrel/cronplan"
)

// Expression is a parsed schedule expression. Exactly one of its kinds is set.
type Expression struct {
	// Rate is the pause between two times of a rate expression.
	Rate time.Duration
	// At is the one time of an at expression.
	At time.Time

	cron     *cronplan.Expression
	location *time.Location
}

var (
	rateSyntax = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)$`)
	atSyntax   = regexp.MustCompile(`^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$`)
)

// maxRate keeps a rate within what a Duration holds.
const maxRate = 100 * 365 * 24 * time.Hour

// Parse reads an expression whose times are of a location. An error tells what
// is wrong, without AWS's wording around it.
func Parse(text string, location *time.Location) (Expression, error) {
	if m := rateSyntax.FindStringSubmatch(text); m != nil {
		unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[m[2][0]]
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > int64(maxRate/unit) {
			return Expression{}, fmt.Errorf("the rate %s is too long", m[1])
		}
		return Expression{Rate: time.Duration(n) * unit, location: location}, nil
	}
	if m := atSyntax.FindStringSubmatch(text); m != nil {
		t, err := time.ParseInLocation("2006-01-02T15:04:05", m[1], location)
		if err != nil {
			return Expression{}, err
		}
		return Expression{At: t.UTC(), location: location}, nil
	}
	fields, ok := strings.CutPrefix(text, "cron(")
	if !ok || !strings.HasSuffix(fields, ")") {
		return Expression{}, fmt.Errorf("it is neither rate(value unit), cron(fields) nor at(yyyy-mm-ddThh:mm:ss)")
	}
	e, err := cronplan.Parse(strings.TrimSuffix(fields, ")"))
	if err != nil {
		return Expression{}, err
	}
	if e.DayOfMonth.Any == e.DayOfWeek.Any {
		return Expression{}, fmt.Errorf("exactly one of day-of-month and day-of-week must be ?")
	}
	return Expression{cron: e, location: location}, nil
}

// Plural reports whether a rate's unit agrees with its value, as rules want it:
// rate(1 hour), rate(2 hours).
func Plural(text string) bool {
	m := rateSyntax.FindStringSubmatch(text)
	return m == nil || (m[1] == "1") != strings.HasSuffix(m[2], "s")
}

// Next returns the first time that is at or after from; false when there is
// none. A rate counts from start.
func (e Expression) Next(start, from time.Time) (time.Time, bool) {
	switch {
	case e.Rate > 0:
		if !from.After(start) {
			return start, true
		}
		passed := from.Sub(start)
		n := passed / e.Rate
		if passed%e.Rate > 0 {
			n++
		}
		return start.Add(n * e.Rate), true
	case e.cron == nil:
		return e.At, !e.At.Before(from)
	}
	// The expression is of wall-clock time. It is followed in UTC, which has no
	// gaps, and a time that the location skips is no time (source: "Daylight
	// savings time on EventBridge Scheduler").
	local := from.In(e.location)
	if local.Second() > 0 || local.Nanosecond() > 0 {
		local = local.Add(time.Minute)
	}
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
	for {
		next := e.cron.Next(wall)
		if next.IsZero() {
			return time.Time{}, false
		}
		t := time.Date(next.Year(), next.Month(), next.Day(), next.Hour(), next.Minute(), 0, 0, e.location)
		if first := t.Add(-time.Hour); first.In(e.location).Hour() == next.Hour() {
			t = first // of the two when clocks go back
		}
		if local := t.In(e.location); local.Hour() == next.Hour() && local.Minute() == next.Minute() && !t.Before(from) {
			return t.UTC(), true
		}
		wall = next.Add(time.Minute)
	}
}
