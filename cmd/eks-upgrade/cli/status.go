package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (a *app) statusCommand() *cobra.Command {
	var output, recordsTable string
	var running bool
	var limit int
	c := &cobra.Command{
		Use:   "status [NAME | ARN]",
		Short: "Show upgrades of the deployed agent, or one of them with its steps",
		Long: `Show the newest upgrades of the deployed agent, fleets too, or one of them: its
state, its steps and how it ended.

Exit codes:
  0    shown
  1    it could not be read
  2    bad input`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if limit < 1 {
				return usage("--limit", fmt.Sprintf("%d is out of range", limit), "give 1 or more")
			}
			a.started = true
			client, err := a.executions(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.listExecutions(c, client, running, limit, output)
			}
			return a.showExecution(c, client, args[0], recordsTable, output)
		},
	}
	c.Flags().BoolVar(&running, "running", false, "only those that run")
	c.Flags().IntVar(&limit, "limit", 20, "how many to list of each state machine")
	c.Flags().StringVar(&recordsTable, "records", access.Records, "DynamoDB table of the steps")
	addOutputFlag(c, &output)
	return c
}

func (a *app) listExecutions(c *cobra.Command, client *executions.Client, running bool, limit int, output string) error {
	filter := ""
	if running {
		filter = "RUNNING"
	}
	all := []executions.Execution{}
	for _, machine := range []string{executions.Upgrade, executions.Fleet} {
		some, err := client.List(c.Context(), machine, filter, limit)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	return a.show(output, all, func(w io.Writer) error {
		if len(all) == 0 {
			_, err := fmt.Fprintln(w, "There are no upgrades. Start one with: eks-upgrade start")
			return err
		}
		var rows [][]string
		for _, e := range all {
			rows = append(rows, []string{e.Name, e.Machine, e.Status, moment(e.StartedAt), took(e, a.clock.Now())})
		}
		return printTable(w, []string{"NAME", "MACHINE", "STATUS", "STARTED", "TOOK"}, rows)
	})
}

// shownExecution is one upgrade with its steps, as JSON shows it.
type shownExecution struct {
	executions.Execution
	Steps []upgrade.StepRecord `json:"steps"`
}

func (a *app) showExecution(c *cobra.Command, client *executions.Client, name, table, output string) error {
	e, err := client.Get(c.Context(), name)
	if err != nil {
		return err
	}
	shown := shownExecution{Execution: e, Steps: []upgrade.StepRecord{}}
	if e.Machine == executions.Upgrade {
		cfg, err := a.aws(c.Context())
		if err != nil {
			return err
		}
		steps, err := records.New(dynamodb.NewFromConfig(cfg), table, a.clock).Steps(c.Context(), e.Name)
		if err != nil && output == outputJSON { // what is there would read as an upgrade without steps
			return err
		}
		if err != nil {
			return errors.Join(printExecution(a.stdout, e, nil), err)
		}
		shown.Steps = steps
	}
	return a.show(output, shown, func(w io.Writer) error { return printExecution(w, e, shown.Steps) })
}

func printExecution(w io.Writer, e executions.Execution, steps []upgrade.StepRecord) error {
	rows := [][]string{{"Execution", e.Name}, {"Machine", e.Machine}, {"Status", e.Status}, {"State", e.State}, {"Started", moment(e.StartedAt)}, {"Ended", moment(e.StoppedAt)},
		{"Error", e.Error}, {"Cause", e.Cause}, {"Output", e.Output}}
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-10s %s\n", r[0], progress.Clean(r[1])); err != nil {
			return err
		}
	}
	if len(steps) == 0 {
		return nil
	}
	var lines [][]string
	for _, s := range steps {
		lines = append(lines, []string{fmt.Sprint(s.Index + 1), string(s.Mode), s.Title, stepState(s), moment(s.StartedAt), s.Note})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return printTable(w, []string{"#", "MODE", "STEP", "STATE", "STARTED", "NOTE"}, lines)
}

// stepState says how far a step is, in one word.
func stepState(s upgrade.StepRecord) string {
	switch {
	case !s.VerifiedAt.IsZero():
		return "verified"
	case s.Verdict != nil && s.Verdict.Status == upgrade.Fail:
		return "failed"
	case !s.DoneAt.IsZero():
		return "done"
	}
	return "started"
}

func moment(t upgrade.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// took says how long an execution ran, or has been running.
func took(e executions.Execution, now time.Time) string {
	end := e.StoppedAt.Time
	if end.IsZero() {
		end = now
	}
	return end.Sub(e.StartedAt.Time).Round(time.Second).String()
}
