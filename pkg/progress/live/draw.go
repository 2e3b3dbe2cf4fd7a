package live

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// look is how the live view is painted. It uses the terminal's own sixteen
// colours, so that it fits a light and a dark theme; a mark never depends on
// its colour alone.
type look struct {
	bold, faint, good, bad, warn, blue, green lipgloss.Style
}

func newLook(w io.Writer) look {
	r := lipgloss.NewRenderer(w) // finds out what w can show; NO_COLOR included
	colour := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	return look{bold: r.NewStyle().Bold(true), faint: r.NewStyle().Faint(true), good: colour("2"), bad: colour("1").Bold(true),
		warn: colour("3"), blue: colour("4"), green: colour("2")}
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// draw returns the picture: lines no wider than width, and no more than height
// of them with the empty one at the end, which the terminal program needs.
func (b *board) draw(k look, width, height, tick int) string {
	top := append(b.header(k, width, tick), b.phaseLines(k, width, tick)...)
	bottom := append(b.traffic(k, width), b.end(k)...)
	room := max(height-len(top)-len(bottom)-2, 2) // one for the empty line, one spare for the prompt
	notes := b.noteLines(k, min(len(b.notes), max(1, min(5, room/3))))
	steps := b.stepLines(k, width, room-len(notes), tick)

	parts := [][]string{top, steps, bottom, notes}
	airy := len(top)+len(steps)+len(bottom)+len(notes)+len(parts) < height
	var lines []string
	for i, part := range parts {
		if airy && i > 0 && len(part) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, part...)
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (b *board) header(k look, width, tick int) []string {
	if b.run.Cluster == "" { // minutes on a busy machine, without an event: show that it lives, in real time
		waited := (time.Duration(tick) * frameInterval).Truncate(time.Second)
		return []string{k.bold.Render("EKS upgrade") + "  " + mark(k, progress.Running, tick) + " " + k.faint.Render("getting ready  "+waited.String())}
	}
	versions := "to " + b.run.Target.String()
	if b.run.From != (upgrade.Version{}) {
		versions = b.run.From.String() + " → " + b.run.Target.String()
	}
	how := "new cluster " + progress.Clean(b.run.Green)
	if b.run.Green == "" {
		how = progress.Words(string(b.run.Strategy))
	}
	left := k.bold.Render("EKS upgrade") + "  " + k.bold.Render(progress.Clean(b.run.Cluster)) + " " + versions +
		k.faint.Render("  "+how)
	right := b.clock(k)
	if gap := width - ansi.StringWidth(left) - ansi.StringWidth(right); gap >= 2 {
		return []string{left + strings.Repeat(" ", gap) + right}
	}
	return []string{left, right}
}

func (b *board) clock(k look) string {
	if b.now.IsZero() {
		return ""
	}
	s := b.now.UTC().Format("2006-01-02 15:04:05")
	if b.run.Speed > 1 {
		s += fmt.Sprintf(" ×%g", b.run.Speed)
	}
	return k.faint.Render(s)
}

func (b *board) phaseLines(k look, width, tick int) []string {
	var lines []string
	line := ""
	for _, p := range upgrade.Phases() {
		status, seen := b.phases[p]
		if p == upgrade.PhaseRollback && !seen {
			continue
		}
		if !seen {
			status = progress.Planned
		}
		part := mark(k, status, tick) + " " + string(p)
		if status == progress.Planned {
			part = k.faint.Render("○ " + string(p))
		}
		if line != "" && ansi.StringWidth(line)+2+ansi.StringWidth(part) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += "  "
		}
		line += part
	}
	return append(lines, line)
}

// mark shows a status without colour too.
func mark(k look, s progress.Status, tick int) string {
	switch s {
	case progress.Passed:
		return k.good.Render("✓")
	case progress.Failed:
		return k.bad.Render("✗")
	case progress.Inconclusive:
		return k.warn.Render("?")
	case progress.Skipped:
		return k.faint.Render("-")
	case progress.Planned, "":
		return k.faint.Render("○")
	default:
		return k.warn.Render(string(spinner[tick%len(spinner)]))
	}
}

func (b *board) stepLines(k look, width, room, tick int) []string {
	if len(b.steps) == 0 || room < 2 {
		return nil
	}
	current := b.current()
	first, last := window(len(b.steps), current, room-1)
	title := fmt.Sprintf("Plan, step %d of %d", current+1, len(b.steps))
	switch {
	case b.steps[current].mode == upgrade.RollingBack:
		title = k.warn.Render("Rolling back")
	case b.steps[current].status == progress.Planned:
		title = fmt.Sprintf("Plan, %d steps", len(b.steps))
	}
	if hidden := len(b.steps) - (last - first); hidden > 0 {
		title += k.faint.Render(fmt.Sprintf("  (%d more)", hidden))
	}
	if b.state != "" && b.outcome == "" {
		title += k.faint.Render("  state " + progress.Clean(b.state))
	}
	lines := []string{title}
	idWidth := 0
	for _, s := range b.steps {
		idWidth = max(idWidth, min(ansi.StringWidth(s.id), max(12, width/4)))
	}
	for _, s := range b.steps[first:last] {
		lines = append(lines, b.stepLine(k, s, idWidth, width, tick))
	}
	return lines
}

func (b *board) stepLine(k look, s stepRow, idWidth, width, tick int) string {
	id := pad(s.id, idWidth)
	if s.mode == upgrade.RollingBack {
		id = k.warn.Render(id)
	}
	text := s.title
	if s.note != "" && s.status != progress.Planned {
		text = s.note
	}
	elapsed := ""
	if !s.started.IsZero() && s.status != progress.Planned {
		end := s.ended
		if end.IsZero() {
			end = b.now
		}
		elapsed = end.Sub(s.started).Round(time.Second).String()
	}
	line := "  " + mark(k, s.status, tick) + " " + id + " " + fmt.Sprintf("%9s", elapsed)
	if s.status == progress.Planned {
		text = k.faint.Render(text)
	}
	return ansi.Truncate(line+"  "+text, width, "…")
}

// window returns which of n rows fit into room with current among them.
func window(n, current, room int) (first, last int) {
	if n <= room {
		return 0, n
	}
	first = min(max(0, current-room/2), n-room)
	return first, first + room
}

func (b *board) traffic(k look, width int) []string {
	var lines []string
	if w := b.weights; w != nil {
		cells := max(0, min(40, width-36))
		blue := min(cells, max(0, (w.Blue*cells+50)/100))
		bar := k.blue.Render(strings.Repeat("█", blue)) + k.green.Render(strings.Repeat("░", cells-blue))
		lines = append(lines, fmt.Sprintf("Traffic   %s %3d %%  %s  %s %d %%", "blue", w.Blue, bar, "green", w.Green))
	}
	if b.requests.Total > 0 {
		failed := k.good.Render("0 failed")
		if b.requests.Failed > 0 {
			failed = k.bad.Render(fmt.Sprintf("%d failed (%.3f %%)", b.requests.Failed, 100*float64(b.requests.Failed)/float64(b.requests.Total)))
		}
		lines = append(lines, fmt.Sprintf("Requests  %d sent, %s", b.requests.Total, failed))
	}
	if len(b.findings) > 0 {
		blocking := 0
		for _, f := range b.findings {
			if f.Blocks {
				blocking++
			}
		}
		lines = append(lines, fmt.Sprintf("Findings  %d, %d of them block", len(b.findings), blocking))
	}
	return lines
}

func (b *board) end(k look) []string {
	switch b.outcome {
	case "":
		return nil
	case upgrade.Succeeded:
		return []string{k.good.Render("✓ succeeded") + progress.Why("succeeded", b.reason)}
	case upgrade.RolledBack:
		return []string{k.warn.Render("↩ rolled back") + progress.Why("rolled back", b.reason)}
	default:
		return []string{k.bad.Render("✗ "+string(b.outcome)) + progress.Why(string(b.outcome), b.reason)}
	}
}

func (b *board) noteLines(k look, n int) []string {
	var lines []string
	for _, note := range b.notes[len(b.notes)-n:] {
		at := "        "
		if !note.at.IsZero() {
			at = note.at.UTC().Format("15:04:05")
		}
		text := note.text
		switch note.kind {
		case progress.Error:
			text = k.bad.Render("error: " + text)
		case progress.Warning:
			text = k.warn.Render("warning: " + text)
		case progress.Injected:
			text = k.warn.Render("injected: " + text)
		}
		lines = append(lines, k.faint.Render(at)+"  "+text)
	}
	return lines
}

func pad(s string, width int) string {
	s = ansi.Truncate(s, width, "…")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}
