// Package render writes assessments: for people as a table or a page, for
// machines as JSON, SARIF or JUnit XML. Names, messages and evidence come from
// clusters and files of others; each format shows them harmless.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Style is how text for people is set.
type Style struct {
	Width  int  // columns; 0: lines are not broken
	Colour bool // the output is a terminal
	All    bool // long lists are not cut
}

// look is how text is painted: with the terminal's own sixteen colours, so that
// it fits light and dark themes; no mark depends on its colour alone.
type look struct{ bold, faint, good, bad, warn lipgloss.Style }

func newLook(w io.Writer, colour bool) look {
	r := lipgloss.NewRenderer(w)
	if !colour {
		r.SetColorProfile(termenv.Ascii)
	}
	return look{bold: r.NewStyle().Bold(true), faint: r.NewStyle().Faint(true), good: r.NewStyle().Foreground(lipgloss.Color("2")),
		bad: r.NewStyle().Foreground(lipgloss.Color("1")).Bold(true), warn: r.NewStyle().Foreground(lipgloss.Color("3"))}
}

func (l look) severity(s upgrade.Severity, text string) string {
	switch s {
	case upgrade.Critical, upgrade.High:
		return l.bad.Render(text)
	case upgrade.Medium:
		return l.warn.Render(text)
	}
	return l.faint.Render(text)
}

func (l look) blocks(b checks.Blocks) string {
	text := pad(blocksText(b), 10)
	if b == checks.BlocksNever {
		return l.faint.Render(text)
	}
	return text
}

// printer writes lines and remembers the first error.
type printer struct {
	w    io.Writer
	s    Style
	look look
	err  error
}

func newPrinter(w io.Writer, s Style) *printer {
	return &printer{w: w, s: s, look: newLook(w, s.Colour)}
}

func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(text, " "))
	}
}

// cells writes a line of cells; the last one is broken to the width, under
// itself.
func (p *printer) cells(indent int, cells []string) {
	last := len(cells) - 1
	p.hanging(strings.Repeat(" ", indent)+strings.Join(cells[:last], "  ")+"  ", cells[last])
}

// hanging writes a lead and a text that is broken to the width, its lines under
// each other.
func (p *printer) hanging(lead, text string) {
	at := ansi.StringWidth(lead)
	for i, line := range p.broken(progress.Clean(text), at) {
		if i > 0 {
			lead = strings.Repeat(" ", at)
		}
		p.line(lead + line)
	}
}

// broken breaks a text into lines that fit beside an indent.
func (p *printer) broken(text string, indent int) []string {
	if p.s.Width == 0 {
		return []string{text}
	}
	return strings.Split(ansi.Wrap(text, max(p.s.Width-indent, 30), " "), "\n")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}
