package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Plain writes one line for each event that matters, without colours.
type Plain struct {
	mu      sync.Mutex
	w       io.Writer
	verbose bool
	thin    coalescer
	last    string // last waiting line, without its time
	err     error
}

// NewPlain returns a renderer that writes aligned lines of text. Verbose adds
// the states of the state machine and every look at a waiting step.
func NewPlain(w io.Writer, verbose bool) *Plain {
	return &Plain{w: w, verbose: verbose, thin: coalescer{every: 10 * time.Minute, failing: time.Minute}}
}

// Event implements Renderer.
func (p *Plain) Event(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Kind == Summary {
		p.flush()
	}
	if p.matters(e) && p.thin.keep(e) {
		p.line(e)
	}
}

// Close implements Renderer: it writes the last counters.
func (p *Plain) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flush()
	return p.err
}

func (p *Plain) flush() {
	if e, ok := p.thin.rest(); ok {
		p.line(e)
	}
}

// matters leaves out the states, the phases that come anew with every step, and
// looks at a waiting step that say nothing new. Findings that are low and stand
// in nobody's way are for the report.
func (p *Plain) matters(e Event) bool {
	if p.verbose {
		return true
	}
	if e.Kind == State || e.Kind == Phase && (e.Phase == upgrade.PhaseExecute || e.Phase == upgrade.PhaseValidate || e.Phase == upgrade.PhaseRecord) {
		return false
	}
	if f := e.Finding; e.Kind == Finding && f != nil && !f.Blocks && !f.NotChecked && f.Severity.Rank() > upgrade.Medium.Rank() {
		return false
	}
	if e.Kind == Step || e.Kind == Phase {
		line := strings.Join([]string{string(e.Mode), subject(e), string(e.Status)}, "|")
		if e.Status != Waiting {
			line = ""
		} else if line == p.last {
			return false
		}
		p.last = line
	}
	return true
}

func (p *Plain) line(e Event) {
	at := ""
	if !e.Time.IsZero() {
		at = e.Time.UTC().Format("2006-01-02 15:04:05")
	}
	line := fmt.Sprintf("%-19s  %-9s %-24s %-12s  %s", at, label(e), Clean(subject(e)), e.Status, Clean(text(e)))
	if _, err := fmt.Fprintln(p.w, strings.TrimRight(line, " ")); err != nil && p.err == nil {
		p.err = err
	}
}

// label is the kind as people read it.
func label(e Event) string {
	if e.Mode == upgrade.RollingBack && e.Kind == Step {
		return "rollback"
	}
	return string(e.Kind)
}

// subject is what an event is about.
func subject(e Event) string {
	switch e.Kind {
	case Step:
		if e.Steps > 0 {
			return fmt.Sprintf("%2d/%d %s", e.Index+1, e.Steps, e.Step)
		}
		return e.Step
	case Phase:
		return string(e.Phase)
	case State:
		return e.State
	case Weights:
		if e.Weights != nil {
			return e.Weights.String()
		}
	case Requests:
		if e.Requests != nil {
			return fmt.Sprintf("%d, %d failed", e.Requests.Total, e.Requests.Failed)
		}
	case Finding:
		if e.Finding != nil {
			return e.Finding.Check
		}
	case Summary:
		return string(e.Outcome)
	}
	return string(e.Phase)
}

// text is what an event says.
func text(e Event) string {
	switch {
	case e.Kind == Finding && e.Finding != nil:
		return findingLine(*e.Finding)
	case e.Kind == Started && e.Run != nil:
		r := e.Run
		s := fmt.Sprintf("%s from %s to %s, %s, new cluster %s", r.Cluster, r.From, r.Target, Words(string(r.Strategy)), r.Green)
		if r.From == (upgrade.Version{}) {
			s = fmt.Sprintf("%s to %s, %s, new cluster %s", r.Cluster, r.Target, Words(string(r.Strategy)), r.Green)
		}
		return joinText(s, e.Text)
	}
	return e.Text
}

func findingLine(f upgrade.Finding) string {
	s := string(f.Severity)
	switch {
	case f.Blocks:
		s += ", blocks"
	case f.NotChecked:
		s += ", not checked"
	}
	s += ": " + f.Title
	switch {
	case f.Object != nil:
		s += ": " + f.Object.String()
	case f.Evidence != "": // or findings with one title could not be told apart
		s += ": " + f.Evidence
	}
	return s
}

func joinText(a, b string) string {
	if b == "" {
		return a
	}
	return a + "; " + b
}
