package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// minWidth is the narrowest terminal that tables are made for, in columns.
const minWidth = 40

// listWidth is the width below which findings are a list: four columns of text
// need more.
const listWidth = 100

// printer writes the terminal report.
type printer struct {
	b                      strings.Builder
	width                  int
	bold, good, bad, warn  lipgloss.Style
	faint, cell, tableHead lipgloss.Style
}

// Terminal writes the report as text with tables, at most width columns wide,
// in colours when color is set.
func Terminal(w io.Writer, d Data, color bool, width int) error {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	if color {
		r.SetColorProfile(termenv.ANSI)
	}
	style := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	p := &printer{width: max(width, minWidth), bold: r.NewStyle().Bold(true), good: style("2").Bold(true), bad: style("1").Bold(true),
		warn: style("3").Bold(true), faint: r.NewStyle().Faint(true), cell: r.NewStyle().Padding(0, 1)}
	p.tableHead = p.cell.Bold(true)
	p.outcome(d)
	p.facts(d)
	p.steps(d.Result.Steps)
	p.findings(d.Result.Assessment)
	p.failures(d.Failures)
	p.calls(d.Calls)
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *printer) line(s string) { p.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// text writes text wrapped to the width.
func (p *printer) text(s string) { p.line(ansi.Wrap(s, p.width, "")) }

func (p *printer) outcome(d Data) {
	r := d.Result
	title := p.bad.Render("✗ " + outcomeText(r.Outcome))
	switch r.Outcome {
	case upgrade.Succeeded:
		title = p.good.Render("✓ " + outcomeText(r.Outcome))
	case upgrade.RolledBack:
		title = p.warn.Render("↩ " + outcomeText(r.Outcome))
	}
	p.line("")
	p.text(title + progress.Why(outcomeText(r.Outcome), progress.Clean(r.Reason)))
	for _, violated := range d.Invariants {
		p.text(p.bad.Render("✗ invariant broken") + "  " + progress.Clean(violated))
	}
	for _, missing := range r.NotRead {
		p.text(p.warn.Render("! not in this report") + "  " + progress.Clean(missing))
	}
	p.line("")
}

func (p *printer) facts(d Data) {
	for _, f := range facts(d) {
		p.text(fmt.Sprintf("%s%s", p.faint.Render(fmt.Sprintf("%-11s", f.Name)), f.Value))
	}
}

// table writes a table under a title. Cells are cleaned; widths are found by
// the content and the width of the terminal.
func (p *printer) table(title string, style func(row, column int) *lipgloss.Style, rows [][]string, headers ...string) {
	p.line("")
	p.text(p.bold.Render(title))
	t := table.New().Border(lipgloss.NormalBorder()).BorderStyle(p.faint).BorderColumn(false).BorderLeft(false).BorderRight(false).
		BorderTop(false).BorderBottom(false).Headers(headers...).
		StyleFunc(func(row, column int) lipgloss.Style {
			if row == table.HeaderRow {
				return p.tableHead
			}
			if s := style(row, column); s != nil {
				return s.Padding(0, 1)
			}
			return p.cell
		})
	widths := make([]int, len(headers))
	for i, header := range headers {
		widths[i] = ansi.StringWidth(header) + 2
	}
	for _, row := range rows {
		for i := range row {
			row[i] = progress.Clean(row[i])
			widths[i] = max(widths[i], ansi.StringWidth(row[i])+2)
		}
	}
	natural := 0
	for _, w := range widths {
		natural += w
	}
	if natural > p.width {
		t = t.Width(p.width)
	}
	for line := range strings.Lines(t.Rows(rows...).String()) {
		p.line(strings.TrimRight(line, "\n"))
	}
}

func (p *printer) steps(records []upgrade.StepRecord) {
	if len(records) == 0 {
		p.line("")
		p.line("No step is recorded.")
		return
	}
	rows := make([][]string, len(records))
	for i, r := range records {
		status, why := verdictOf(r)
		name := r.Step
		if r.Mode == upgrade.RollingBack {
			name = "↩ " + name
		}
		rows[i] = []string{name, statusMark(status) + " " + string(status), stepTook(r), why}
	}
	p.table("Steps", func(row, column int) *lipgloss.Style {
		if column != 1 {
			return nil
		}
		status, _ := verdictOf(records[row])
		return p.ofStatus(status)
	}, rows, "Step", "Verdict", "Took", "Evidence")
}

// StepEnd is when a step was verified, or when it last was looked at; zero when
// it was begun and no more.
func StepEnd(r upgrade.StepRecord) upgrade.Time {
	if !r.VerifiedAt.IsZero() {
		return r.VerifiedAt
	}
	end := r.DoneAt
	if r.Verdict == nil {
		return end
	}
	for _, v := range r.Verdict.Verdicts {
		if v.ObservedAt.After(end.Time) {
			end = v.ObservedAt
		}
	}
	return end
}

// stepTook is the time from the start of a step to its end.
func stepTook(r upgrade.StepRecord) string {
	end := StepEnd(r)
	if end.IsZero() || r.StartedAt.IsZero() {
		return "-"
	}
	return durationText(end.Sub(r.StartedAt.Time))
}

func (p *printer) ofStatus(s upgrade.Status) *lipgloss.Style {
	switch s {
	case upgrade.Pass:
		return &p.good
	case upgrade.Fail:
		return &p.bad
	}
	return &p.warn
}

func statusMark(s upgrade.Status) string {
	switch s {
	case upgrade.Pass:
		return "✓"
	case upgrade.Fail:
		return "✗"
	}
	return "?"
}

func (p *printer) findings(a *upgrade.Assessment) {
	if a == nil || len(a.Findings) == 0 {
		return
	}
	title := "Findings: " + progress.Clean(progress.Words(string(a.Decision))+", "+a.Reason)
	groups := Digest(a.Findings)
	if p.width < listWidth {
		p.line("")
		p.text(p.bold.Render(title))
		for _, f := range groups {
			p.line("")
			p.text(progress.Clean(severityText(f.Finding) + ": " + f.Check))
			p.text(progress.Clean(groupEvidence(f)))
			p.text("-> " + progress.Clean(f.Remedy))
		}
		return
	}
	rows := make([][]string, len(groups))
	for i, f := range groups {
		rows[i] = []string{severityText(f.Finding), f.Check, groupEvidence(f), f.Remedy}
	}
	p.table(title, func(row, column int) *lipgloss.Style {
		if column != 0 {
			return nil
		}
		switch f := groups[row]; {
		case f.Blocks:
			return &p.bad
		case f.NotChecked, f.Severity.Rank() <= upgrade.High.Rank():
			return &p.warn
		}
		return nil
	}, rows, "Severity", "Check", "Evidence", "What to do")
}

func severityText(f upgrade.Finding) string {
	switch {
	case f.Blocks:
		return string(f.Severity) + ", blocks"
	case f.NotChecked:
		return string(f.Severity) + ", not checked"
	}
	return string(f.Severity)
}

func groupEvidence(g Group) string {
	s := g.Evidence
	if g.Object != nil {
		s = g.Object.String() + ": " + s
	}
	if g.More > 0 {
		s += fmt.Sprintf(" (and %d more like it)", g.More)
	}
	return s
}

func (p *printer) failures(failures []Failure) {
	if len(failures) == 0 {
		return
	}
	rows := make([][]string, len(failures))
	for i, f := range failures {
		rows[i] = []string{number(f.Count), clockText(f.At), f.Cluster, f.Reason}
	}
	p.table("Failed requests", func(int, int) *lipgloss.Style { return nil }, rows, "Count", "First at", "Cluster", "Reason")
}

// calls sums up the AWS calls; the HTML page lists them.
func (p *printer) calls(calls []Call) {
	if len(calls) == 0 {
		return
	}
	type sum struct{ calls, refused int }
	sums := map[string]sum{}
	for _, c := range calls {
		name := c.Service + " " + c.Operation
		s := sums[name]
		s.calls++
		if c.Error != "" {
			s.refused++
		}
		sums[name] = s
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		rows = append(rows, []string{name, number(int64(sums[name].calls)), number(int64(sums[name].refused))})
	}
	p.table("AWS calls that change something", func(int, int) *lipgloss.Style { return nil }, rows, "Call", "Times", "Refused")
}

func clockText(t upgrade.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("15:04:05")
}
