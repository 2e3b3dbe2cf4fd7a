package live

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxNotes is how many notes the live view remembers.
const maxNotes = 8

// board is what the live view shows: the state that the events add up to.
type board struct {
	run      progress.RunInfo
	now      time.Time // of the newest event
	phases   map[upgrade.Phase]progress.Status
	state    string
	steps    []stepRow // the rollback's after the plan's
	weights  *upgrade.Weights
	requests progress.RequestCount
	findings []upgrade.Finding
	notes    []noteRow
	outcome  upgrade.Outcome
	reason   string
}

// stepRow is one step of a plan.
type stepRow struct {
	id, title, note string
	mode            upgrade.Mode
	index           int
	status          progress.Status
	started, ended  time.Time
}

type noteRow struct {
	at   time.Time
	kind progress.Kind
	text string
}

func (b *board) apply(e progress.Event) {
	if e.Time.After(b.now) {
		b.now = e.Time.Time
	}
	switch e.Kind {
	case progress.Started:
		if e.Run != nil {
			b.run = *e.Run
		}
	case progress.Phase:
		if b.phases == nil {
			b.phases = map[upgrade.Phase]progress.Status{}
		}
		b.phases[e.Phase] = e.Status
	case progress.State:
		b.state = e.State
	case progress.Step:
		b.step(e)
	case progress.Weights:
		if e.Weights != nil {
			w := *e.Weights
			b.weights = &w
		}
	case progress.Requests:
		if e.Requests != nil {
			b.requests = *e.Requests
		}
	case progress.Finding:
		if e.Finding != nil {
			b.findings = append(b.findings, *e.Finding)
		}
	case progress.Summary:
		b.outcome, b.reason = e.Outcome, progress.Clean(e.Text)
	default:
		b.note(e)
	}
	if e.Text != "" && (e.Kind == progress.Phase || e.Kind == progress.Started) {
		b.note(e)
	}
}

func (b *board) note(e progress.Event) {
	text := progress.Clean(e.Text)
	if text == "" {
		return
	}
	if n := len(b.notes); n > 0 && b.notes[n-1].kind == e.Kind && b.notes[n-1].text == text {
		return
	}
	b.notes = append(b.notes, noteRow{at: e.Time.Time, kind: e.Kind, text: text})
	b.notes = b.notes[max(0, len(b.notes)-maxNotes):]
}

func (b *board) step(e progress.Event) {
	mode := e.Mode
	if mode == "" {
		mode = upgrade.Forward
	}
	row := b.row(progress.Clean(e.Step), mode, e.Index)
	row.status = e.Status
	switch e.Status {
	case progress.Planned:
		row.title = progress.Clean(e.Text)
		return
	case progress.Running:
		row.started, row.ended = e.Time.Time, time.Time{}
	case progress.Passed, progress.Failed, progress.Skipped:
		row.ended = e.Time.Time
	}
	if row.started.IsZero() {
		row.started = e.Time.Time
	}
	row.note = progress.Clean(e.Text)
}

// row returns the row of a step, a new one in its place when there is none.
func (b *board) row(id string, mode upgrade.Mode, index int) *stepRow {
	at := len(b.steps)
	for i := range b.steps {
		s := &b.steps[i]
		if s.id == id && s.mode == mode {
			return s
		}
		later := s.mode == mode && s.index > index || s.mode == upgrade.RollingBack && mode == upgrade.Forward
		if later && at == len(b.steps) {
			at = i
		}
	}
	b.steps = append(b.steps, stepRow{})
	copy(b.steps[at+1:], b.steps[at:])
	b.steps[at] = stepRow{id: id, mode: mode, index: index, status: progress.Planned}
	return &b.steps[at]
}

// current is the step to keep in view: the last one that was begun.
func (b *board) current() int {
	for i := len(b.steps) - 1; i >= 0; i-- {
		if b.steps[i].status != progress.Planned {
			return i
		}
	}
	return 0
}
