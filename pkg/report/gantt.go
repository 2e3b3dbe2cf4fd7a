package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// ganttRow is one phase or step of the timeline, with a bar for each time that
// it ran.
type ganttRow struct {
	Name, Note string
	Step       bool
	Rollback   bool
	Took       string
	Bars       []bar
}

type bar struct{ X, Width, Class, Title string }

// minBar is the narrowest bar that can still be seen, as a share of the span.
const minBar = 0.004

// gantt returns the rows as they began.
func gantt(entries []Entry, s span) []ganttRow {
	type key struct {
		phase upgrade.Phase
		step  string
		mode  upgrade.Mode
	}
	var order []key
	groups := map[key][]Entry{}
	for _, e := range entries {
		k := key{phase: e.Phase}
		if e.Step != "" {
			k = key{step: e.Step, mode: e.Mode}
		}
		if _, known := groups[k]; !known {
			order = append(order, k)
		}
		groups[k] = append(groups[k], e)
	}
	slices.SortStableFunc(order, func(a, b key) int {
		return groups[a][0].At.Compare(groups[b][0].At.Time)
	})
	var rows []ganttRow
	for _, k := range order {
		rows = append(rows, newRow(groups[k], s))
	}
	return rows
}

func newRow(entries []Entry, s span) ganttRow {
	first := entries[0]
	row := ganttRow{Name: string(first.Phase), Note: first.Title, Step: first.Step != "", Rollback: first.Mode == upgrade.RollingBack}
	if row.Step {
		row.Name = first.Step
	}
	total := time.Duration(0)
	for _, e := range entries {
		end := e.End.Time
		if end.IsZero() {
			end = s.end
		}
		total += end.Sub(e.At.Time)
		from, to := s.share(e.At.Time), s.share(end)
		from = min(from, 1-minBar)
		title := fmt.Sprintf("%s: %s, %s to %s", e.Title, e.Status, clockText(e.At), clockText(e.End))
		if e.Text != "" {
			title += ": " + e.Text
		}
		row.Bars = append(row.Bars, bar{X: pct(from), Width: pct(max(to-from, minBar)), Class: statusClass(e.Status), Title: title})
	}
	row.Took = durationText(total)
	return row
}

// statusClass is the style of a status; what is not known to be good is not
// painted as good.
func statusClass(s progress.Status) string {
	switch s {
	case progress.Passed:
		return "good"
	case progress.Failed:
		return "bad"
	case progress.Done:
		return "done"
	}
	return "warn"
}
