package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
)

const outputTable = "table"

// addOutputFlag adds --output to a command that shows a table to people and
// JSON to machines.
func addOutputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", outputTable, "table; json: for machines")
}

func checkOutput(output string) error {
	if output != outputTable && output != outputJSON {
		return usage("--output", fmt.Sprintf("%q is not known", output), "use one of: table, json")
	}
	return nil
}

// show prints for people, or a value as JSON.
func (a *app) show(output string, value any, text func(io.Writer) error) error {
	if output != outputJSON {
		return text(a.stdout)
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// printTable prints rows under a heading, without borders. Cells may hold text
// of others: it is cleaned.
func printTable(w io.Writer, heading []string, rows [][]string) error {
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).Headers(heading...)
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = progress.Clean(cell)
		}
		t.Row(clean...)
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}
