package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess/render"
)

func (a *app) checksCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "checks [ID]",
		Short: "List what is checked before an upgrade, or explain one check",
		Long: `List what is checked before an upgrade, by family, or explain one check: what it
needs to see, where the rule comes from, and what to do about its findings.
docs/checks.md has the same list.

Exit codes:
  0    printed
  2    bad input`,
		Example: `  eks-upgrade checks
  eks-upgrade checks pdb-blocks-drain
  eks-upgrade checks -o json | jq -r '.[] | select(.blocks != "never") | .id'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			style := a.style(a.stdout, false)
			if len(args) == 0 {
				a.started = true
				rules := assess.Catalogue()
				return a.show(output, rules, func(w io.Writer) error { return render.Rules(w, rules, style) })
			}
			if err := (assess.Selection{Checks: args}).Validate(); err != nil {
				return err
			}
			a.started = true
			rule, _ := assess.Find(args[0])
			return a.show(output, rule, func(w io.Writer) error { return render.Explain(w, rule, style) })
		},
	}
	addOutputFlag(c, &output)
	return c
}
