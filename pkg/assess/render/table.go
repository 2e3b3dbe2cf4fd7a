package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/drain"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// shown is how many objects of a check a table names before it is cut.
const shown = 5

// group are the findings of one check with the same weight.
type group struct {
	check, title, page string
	severity           upgrade.Severity
	findings           []assess.Finding
}

// source is the link to the rule when that is the same for all, or "".
func (g group) source() string {
	for _, f := range g.findings {
		if f.Source != g.findings[0].Source {
			return ""
		}
	}
	return g.findings[0].Source
}

// remedy is what to do when that is the same for all, or "".
func (g group) remedy() string {
	for _, f := range g.findings {
		if f.Remedy != g.findings[0].Remedy {
			return ""
		}
	}
	return g.findings[0].Remedy
}

// evidence is what was seen when that is the same for all of several, or "".
func (g group) evidence() string {
	for _, f := range g.findings {
		if f.Evidence != g.findings[0].Evidence || f.Object == nil {
			return ""
		}
	}
	if len(g.findings) == 1 {
		return ""
	}
	return g.findings[0].Evidence
}

// section are findings of one weight.
type section struct {
	id, name, hint string
	groups         []group
	count          int
}

// sections sorts findings by weight and groups them by check, in their order.
func sections(d assess.Document) []section {
	all := []section{
		{id: "blocks", name: "Blocks the upgrade", hint: "the upgrade must not start before these are mended"},
		{id: "judgement", name: "Needs a person's judgement"},
		{id: "notes", name: "Worth knowing"},
		{id: "suppressed", name: "Suppressed", hint: "these do not count, by your own rules"},
	}
	for _, f := range d.Findings {
		s := &all[2]
		switch {
		case f.Suppressed != nil && !f.NotChecked:
			s = &all[3]
			f.Evidence += suppressedText(*f.Suppressed)
		case f.Blocks:
			s = &all[0]
		case f.Serious():
			s = &all[1]
		}
		s.count++
		i := slices.IndexFunc(s.groups, func(g group) bool { return g.check == f.Check })
		if i < 0 {
			i = len(s.groups)
			s.groups = append(s.groups, group{check: f.Check, title: f.Title, page: assess.Page + "#" + f.Check, severity: f.Severity})
		}
		s.groups[i].findings = append(s.groups[i].findings, f)
	}
	return slices.DeleteFunc(all, func(s section) bool { return s.count == 0 })
}

func suppressedText(s upgrade.Suppressed) string {
	return fmt.Sprintf(" (suppressed until %s: %s)", s.Until, s.Reason)
}

// decisionText says the decision in words.
func decisionText(d upgrade.Decision) string {
	switch d {
	case upgrade.Go:
		return "GO"
	case upgrade.GoWithApproval:
		return "GO WITH APPROVAL"
	}
	return "NO-GO"
}

func strategyText(s upgrade.Strategy) string {
	if s == upgrade.BlueGreen {
		return "blue/green"
	}
	return "in place"
}

// subject names what was assessed: "shop 1.34 → 1.35, in place".
func subject(d assess.Document) string {
	name := d.Cluster
	if name == "" {
		name = "manifests"
	}
	if from := d.From.String(); from != "" {
		return fmt.Sprintf("%s %s → %s, %s", name, from, d.Target, strategyText(d.Strategy))
	}
	return fmt.Sprintf("%s → %s, %s", name, d.Target, strategyText(d.Strategy))
}

// objectText names an object as people do: "Deployment default/frontend".
func objectText(o *upgrade.ObjectRef) string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + o.Name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}

func locationText(l *assess.Location) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Line)
}

// Table writes an assessment for people.
func Table(w io.Writer, d assess.Document, s Style) error {
	p := newPrinter(w, s)
	colour := map[upgrade.Decision]lipgloss.Style{upgrade.Go: p.look.good, upgrade.GoWithApproval: p.look.warn, upgrade.NoGo: p.look.bad}[d.Decision]
	p.hanging(colour.Bold(true).Render(decisionText(d.Decision))+"  ", subject(d))
	p.hanging("", d.Reason)
	p.line("")
	for _, one := range sections(d) {
		p.section(one)
	}
	p.drain(d.Drain)
	p.outside(d.Outside)
	p.sources(d)
	p.outcomes(d)
	return p.err
}

// drain says how the nodes would go: in a line, with its steps on request.
func (p *printer) drain(f *upgrade.DrainForecast) {
	if f == nil {
		return
	}
	p.line(p.look.bold.Render("How nodes would go"))
	p.hanging("  ", drain.Summary(*f))
	if p.s.All {
		for _, row := range drain.Rows(*f, 0) {
			p.hanging("    ", stepText(row))
		}
	}
	for _, r := range f.Risks {
		p.hanging("  ", fmt.Sprintf("%d %s, such as %s/%s", r.Count, r.What, r.First.Namespace, r.First.Name))
	}
	p.line("")
}

// stepText says a row of the forecast in a line: "general, at 0s, 2m: node-1, 5
// pods, waits for shop/db-0 30s for db".
func stepText(row []string) string {
	text := fmt.Sprintf("%s, at %s, %s: %s", row[0], row[1], row[2], row[3])
	if row[4] != "" {
		text += ", pods: " + row[4]
	}
	if row[5] != "" {
		text += "; " + row[5]
	}
	return text
}

// outside names what workloads use outside of the cluster.
func (p *printer) outside(all []assess.Outside) {
	if len(all) == 0 {
		return
	}
	p.line(p.look.bold.Render(fmt.Sprintf("Used outside of the cluster (%d)", len(all))))
	for i, o := range all {
		if i == shown && len(all) > shown+1 && !p.s.All {
			p.line("  " + p.look.faint.Render(fmt.Sprintf("and %d more; --all shows them", len(all)-shown)))
			break
		}
		p.hanging("  ", fmt.Sprintf("%s: %s", storeText(o), usersText(o)))
	}
	p.line("")
}

// storeText names a database or cache: "DBInstance orders (postgres 16.3)".
func storeText(o assess.Outside) string {
	if o.Engine == "" {
		return objectText(&o.Object)
	}
	return fmt.Sprintf("%s (%s)", objectText(&o.Object), strings.TrimSpace(o.Engine+" "+o.Version))
}

// usersText names who uses it, at most three.
func usersText(o assess.Outside) string {
	if len(o.UsedBy) == 0 {
		return "nothing names it; it lets " + strings.Join(o.LetsIn, ", ") + " in"
	}
	var names []string
	for _, u := range o.UsedBy[:min(len(o.UsedBy), 3)] {
		names = append(names, objectText(&u.Object))
	}
	if rest := len(o.UsedBy) - len(names); rest > 0 {
		names = append(names, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(names, ", ")
}

func (p *printer) section(s section) {
	p.line(p.look.bold.Render(fmt.Sprintf("%s (%d)", s.name, s.count)))
	for _, g := range s.groups {
		p.line("")
		count := ""
		if len(g.findings) > 1 {
			count = fmt.Sprintf(" (%d)", len(g.findings))
		}
		p.hanging("  "+p.look.severity(g.severity, pad(string(g.severity), 8))+"  "+p.look.bold.Render(g.check)+count+"  ", g.title)
		p.group(g)
	}
	p.line("")
}

func (p *printer) group(g group) {
	const indent = "            "
	evidence, remedy := g.evidence(), g.remedy()
	if evidence != "" {
		p.hanging(indent, evidence)
	}
	for i, f := range g.findings {
		if i == shown && len(g.findings) > shown+1 && !p.s.All {
			p.line(indent + p.look.faint.Render(fmt.Sprintf("and %d more; --all shows them", len(g.findings)-shown)))
			break
		}
		text := p.cut(f.Evidence)
		if f.Object != nil {
			text = objectText(f.Object)
			if at := locationText(f.Location); at != "" && !strings.Contains(f.Evidence, at) {
				text += " (" + at + ")"
			}
			if evidence == "" {
				text += ": " + p.cut(f.Evidence)
			}
		}
		p.hanging(indent+"• ", text)
		if g.source() == "" && f.Source != "" {
			p.line(indent + "  " + p.look.faint.Render(progress.Clean(f.Source)))
		}
		if remedy == "" {
			p.hanging(indent+"  → ", f.Remedy)
		}
	}
	if remedy != "" {
		p.hanging(indent+"→ ", remedy)
	}
	if source := g.source(); source != "" {
		p.line(indent + p.look.faint.Render(progress.Clean(source)))
	}
}

// cut shortens a long text, unless everything is to be shown.
func (p *printer) cut(text string) string {
	const most = 300
	if runes := []rune(text); len(runes) > most && !p.s.All {
		return string(runes[:most]) + " ..."
	}
	return text
}

func (p *printer) sources(d assess.Document) {
	p.line(p.look.bold.Render("Looked at"))
	for _, s := range d.Sources {
		mark := map[assess.SourceStatus]string{assess.Seen: p.look.good.Render("✓"), assess.Partly: p.look.warn.Render("!"), assess.Unread: p.look.bad.Render("✗"), assess.NotAsked: p.look.faint.Render("-")}[s.Status]
		p.hanging("  "+mark+" "+pad(string(s.Source), 13), s.Summary)
	}
	if len(d.Manifests) > 0 {
		p.hanging("  "+p.look.good.Render("✓")+" "+pad("manifests", 13), strings.Join(d.Manifests, ", "))
	}
	p.line("")
}

// outcomes says what became of the checks; those that were not made are named,
// because they are no pass.
func (p *printer) outcomes(d assess.Document) {
	c := d.Counts
	p.line(fmt.Sprintf("%d checks: %d passed, %d found something, %d not made", len(d.Checks), c.Passed, c.Found, c.NotChecked))
	var names []string
	for _, o := range d.Checks {
		if o.Status == upgrade.CheckNotChecked {
			names = append(names, o.Check)
		}
	}
	const most = 12
	switch {
	case len(names) > most && !p.s.All:
		names = append(names[:most:most], fmt.Sprintf("and %d more (--all)", len(names)-most))
		fallthrough
	case len(names) > 0:
		p.hanging("not made: ", strings.Join(names, ", "))
	}
}
