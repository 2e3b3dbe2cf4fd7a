package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
)

// blocksText says in words when a check blocks.
func blocksText(b checks.Blocks) string {
	switch b {
	case checks.BlocksAlways:
		return "yes"
	case checks.BlocksInPlace:
		return "in place"
	case checks.BlocksBlueGreen:
		return "blue/green"
	}
	return "no"
}

// Rules writes the catalogue for people, by family.
func Rules(w io.Writer, rules []assess.Rule, s Style) error {
	p := newPrinter(w, s)
	width := 0
	for _, r := range rules {
		width = max(width, len(r.ID))
	}
	p.cells(2, []string{pad("ID", width), pad("SEVERITY", 8), pad("BLOCKS", 10), "TITLE"})
	for _, family := range checks.Families() {
		first := true
		for _, r := range rules {
			if r.Family != family {
				continue
			}
			if first {
				p.line(p.look.bold.Render(string(family)) + p.look.faint.Render("  "+family.Subject()))
				first = false
			}
			p.cells(2, []string{pad(r.ID, width), p.look.severity(r.Severity, pad(string(r.Severity), 8)), p.look.blocks(r.Blocks), r.Title})
		}
		if !first {
			p.line("")
		}
	}
	p.line(fmt.Sprintf("%d checks. eks-upgrade checks ID explains one.", len(rules)))
	return p.err
}

// Explain writes one check for people.
func Explain(w io.Writer, r assess.Rule, s Style) error {
	p := newPrinter(w, s)
	p.line(p.look.bold.Render(r.ID) + "  " + r.Title)
	p.line("")
	for _, row := range [][2]string{
		{"family", string(r.Family) + ": " + r.Family.Subject()},
		{"severity", string(r.Severity)},
		{"blocks", blocksText(r.Blocks)},
		{"needs", needs(r)},
		{"remedy", r.Remedy},
		{"source", r.Source},
		{"page", r.Page},
	} {
		p.hanging(pad(row[0], 10), row[1])
	}
	return p.err
}

func needs(r assess.Rule) string {
	var all []string
	for _, n := range r.Needs {
		all = append(all, fmt.Sprintf("%s (%s)", n.What, n.Part))
	}
	if len(all) == 0 {
		return "nothing in particular: it looks at whatever was seen"
	}
	return strings.Join(all, ", ")
}

// Markdown writes docs/checks.md.
func Markdown(w io.Writer, rules []assess.Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Checks

What the agent checks before an upgrade: %d checks. `+"`eks-upgrade assess`"+` makes them without a deployment ([how](assess.md)), the deployed agent in its
phase *reason*. `+"`eks-upgrade checks`"+` prints this list. The page is generated from the catalogue in `+"`pkg/reasoning/checks`"+`
(`+"`go test ./pkg/assess/render -run Catalogue -update`"+`).

- **severity** is that of the check's findings, unless a finding says otherwise. Critical and high ones need a person's judgement.
- **blocks** says whether a finding keeps an upgrade from starting: never, always, only in place (the cluster itself is upgraded) or only
  blue/green (a second cluster takes over). A finding that is milder than its check does not block.
- **needs** are the parts that must have been seen. Without one of them the check is *not made*, which is never a pass.

`, len(rules))
	for _, family := range checks.Families() {
		first := true
		for _, r := range rules {
			if r.Family != family {
				continue
			}
			if first {
				fmt.Fprintf(&b, "- [%s](#%s): %s\n", family, strings.ToLower(string(family)), family.Subject())
				first = false
			}
		}
	}
	for _, family := range checks.Families() {
		first := true
		for _, r := range rules {
			if r.Family != family {
				continue
			}
			if first {
				fmt.Fprintf(&b, "\n## %s\n", family)
				first = false
			}
			fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n", r.ID, strings.TrimSuffix(r.Title, "."))
			fmt.Fprintf(&b, "| severity | blocks | needs |\n| --- | --- | --- |\n| %s | %s | %s |\n\n", r.Severity, blocksText(r.Blocks), needs(r))
			fmt.Fprintf(&b, "What to do: %s. Source: <%s>\n", strings.TrimSuffix(r.Remedy, "."), r.Source)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
