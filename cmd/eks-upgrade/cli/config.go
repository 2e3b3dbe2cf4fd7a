package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/stored"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	outputYAML   = "yaml"
	defaultKey   = access.KeyAlias
	fileArgument = "FILE is a YAML file, by default the one that " + config.FileVariable + " names."
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, show and store the agent's settings",
		Long: `Check, show and store the agent's settings.

Settings come from layers, each over the ones before it: defaults, a YAML file
(` + config.FileVariable + `), parameters of AWS Systems Manager below a path
(` + config.PathVariable + `), environment variables (` + config.Prefix + `*),
and the request of an upgrade. A deployed agent reads its settings from
parameters: "push" stores them, from a file that stands in version control.

docs/config.example.yaml has every setting, docs/configuration.md explains them.`,
		Example: `  eks-upgrade config validate config.yaml
  eks-upgrade config diff config.yaml
  eks-upgrade config push config.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.configValidateCommand(), a.configShowCommand(), a.configDiffCommand(), a.configPushCommand(), a.configPullCommand(), a.configSchemaCommand())
	return c
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(schema)
			return err
		},
	}
}

// fileOf is the file that a command works on; "" when there is none.
func fileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return os.Getenv(config.FileVariable)
}

// addPathFlag adds --path for a command that needs parameters.
func addPathFlag(c *cobra.Command, path *string) {
	fallback := config.DefaultPath
	if set := os.Getenv(config.PathVariable); set != "" {
		fallback = set
	}
	c.Flags().StringVar(path, "path", fallback, "path of the parameters in Systems Manager")
}

func checkPath(path string) error {
	if config.CheckPath(path) != nil {
		return usage("--path", fmt.Sprintf("%q is no path of parameters", path), "give one such as "+config.DefaultPath)
	}
	return nil
}

// inAWS reads parameters with the person's own credentials.
type inAWS struct{ app *app }

// Parameters implements config.Parameters.
func (p inAWS) Parameters(ctx context.Context, path string) ([]config.Parameter, error) {
	cfg, err := p.app.aws(ctx)
	if err != nil {
		return nil, err
	}
	return stored.Reader{AWS: cfg}.Parameters(ctx, path)
}

// known are parameters that were read before.
type known []config.Parameter

// Parameters implements config.Parameters.
func (k known) Parameters(context.Context, string) ([]config.Parameter, error) { return k, nil }

// shownProblem is what is wrong with a setting, as JSON shows it.
type shownProblem struct {
	Key     string `json:"key"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

func shownProblems(problems []error) []shownProblem {
	shown := []shownProblem{}
	for _, err := range problems {
		p := shownProblem{Message: err.Error()}
		if own, ok := errors.AsType[*upgrade.Error](err); ok {
			p = shownProblem{Key: own.Field, Message: own.Message, Remedy: own.Remedy}
			if own.Err != nil {
				p.Message = strings.TrimPrefix(p.Message+": ", ": ") + own.Err.Error()
			}
		}
		shown = append(shown, p)
	}
	return shown
}

// lines is a problem or notice for people.
func lines(w io.Writer, kind, key, message, remedy string) error {
	if key != "" {
		kind += ": " + key
	}
	_, err := fmt.Fprintf(w, "%s: %s\n    %s\n", kind, progress.Clean(message), progress.Clean(remedy))
	return err
}

func printProblems(w io.Writer, problems []error) error {
	for _, p := range shownProblems(problems) {
		if err := lines(w, "error", p.Key, p.Message, p.Remedy); err != nil {
			return err
		}
	}
	return nil
}

func printNotices(w io.Writer, notices []config.Notice) error {
	for _, n := range notices {
		if err := lines(w, "warning", n.Key, n.Message+" ("+n.Origin+")", n.Remedy); err != nil {
			return err
		}
	}
	return nil
}

// refuse shows everything that is wrong with settings, and ends the command:
// with 2 when a person can correct it there, with 1 when AWS did not answer.
func (a *app) refuse(output string, problems []error) error {
	if output == outputJSON {
		if err := a.show(outputJSON, map[string]any{"problems": shownProblems(problems)}, nil); err != nil {
			return err
		}
	} else if err := printProblems(a.stderr, problems); err != nil {
		return err
	}
	for _, err := range problems {
		if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
			return exitCode(exitFailed)
		}
	}
	return exitCode(exitUsage)
}
