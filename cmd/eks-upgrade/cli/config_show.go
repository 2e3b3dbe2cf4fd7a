package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (a *app) configValidateCommand() *cobra.Command {
	var output string
	var whole, strict bool
	c := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Find every mistake in a configuration file",
		Long: `Find every mistake in a configuration file: unknown settings, wrong values,
values that do not fit together, secrets where they do not belong.

` + fileArgument + `
Without either the settings of the environment are checked.

Exit codes:
  0    it is valid; warnings do not count, unless with --strict
  2    it is not, or cannot be read`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			from := config.Sources{File: fileOf(args), Partial: !whole}
			if from.File == "" {
				from.Environ = os.Environ()
			}
			a.started = true
			read, problems := config.Read(c.Context(), from)
			valid := len(problems) == 0 && !(strict && len(read.Notices()) > 0)
			err := a.show(output, map[string]any{"valid": valid, "problems": shownProblems(problems), "notices": nonNil(read.Notices())}, func(w io.Writer) error {
				if err := printProblems(a.stderr, problems); err != nil {
					return err
				}
				if err := printNotices(a.stderr, read.Notices()); err != nil {
					return err
				}
				if !valid {
					return nil
				}
				what := from.File
				if what == "" {
					what = "the environment"
				}
				_, err := fmt.Fprintf(w, "%s is valid: %d settings.\n", progress.Clean(what), count(read))
				return err
			})
			if err == nil && !valid {
				return exitCode(exitUsage)
			}
			return err
		},
	}
	c.Flags().BoolVar(&whole, "complete", false, "the settings that a deployment gives by the environment must be there too")
	c.Flags().BoolVar(&strict, "strict", false, "warnings are errors")
	addOutputFlag(c, &output)
	return c
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// count is how many settings are not left to their defaults.
func count(c config.Config) int {
	n := 0
	for _, s := range config.Settings() {
		if given(c, s) {
			n++
		}
	}
	return n
}

func given(c config.Config, s config.Setting) bool {
	origin := c.Origin(s.Key)
	return origin != "" && origin != "default"
}

// shownSetting is a setting as JSON shows it.
type shownSetting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"` // null: it has none
	Secret bool   `json:"secret"`
	Origin string `json:"origin"`
}

func (a *app) configShowCommand() *cobra.Command {
	var output, file, path string
	var origin, all bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the settings that hold, and where each comes from",
		Long: `Show the settings that hold for a program that is started here: defaults, the
file, the parameters when a path is given, the environment. Secrets are not
shown.

Exit codes:
  0    shown
  1    the parameters could not be read
  2    something is wrong with the settings; what is valid is shown`,
		Example: `  eks-upgrade config show --origin
  eks-upgrade config show --path /eks-upgrade/config/    # with what is stored for the deployed agent
  eks-upgrade config show -o json | jq -r '.settings[] | select(.origin != "default") | .key'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != outputTable && output != outputJSON && output != outputYAML {
				return usage("--output", fmt.Sprintf("%q is not known", output), "use one of: table, json, yaml")
			}
			if path != "" {
				if err := checkPath(path); err != nil {
					return err
				}
			}
			a.started = true
			// Names of resources may be missing: a deployment gives them to its functions, not to people.
			read, problems := config.Read(c.Context(), config.Sources{File: file, Path: path, Parameters: inAWS{a}, Environ: os.Environ(), Partial: true})
			if err := a.showSettings(output, origin, all, read, problems); err != nil {
				return err
			}
			return worst(problems)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&origin, "origin", false, "say where each value comes from")
	flags.BoolVar(&all, "all", true, "with the settings that have their default")
	flags.StringVar(&file, "file", os.Getenv(config.FileVariable), "YAML file")
	flags.StringVar(&path, "path", os.Getenv(config.PathVariable), "path of the parameters in Systems Manager (default: none)")
	flags.StringVarP(&output, "output", "o", outputTable, "table; json; yaml: as a configuration file")
	return c
}

func worst(problems []error) error {
	code := error(nil)
	for _, err := range problems {
		if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
			return exitCode(exitFailed)
		}
		code = exitCode(exitUsage)
	}
	return code
}

func (a *app) showSettings(output string, origin, all bool, read config.Config, problems []error) error {
	var shown []config.Setting
	for _, s := range config.Settings() {
		if all || given(read, s) {
			shown = append(shown, s)
		}
	}
	switch output {
	case outputJSON:
		settings := []shownSetting{}
		for _, s := range shown {
			settings = append(settings, shownSetting{Key: s.Key, Value: safe(read, s), Secret: s.Secret, Origin: read.Origin(s.Key)})
		}
		return a.show(output, map[string]any{"settings": settings, "problems": shownProblems(problems), "notices": nonNil(read.Notices())}, nil)
	case outputYAML:
		page, err := yamlOf(read, shown, origin)
		if err != nil {
			return err
		}
		if _, err := a.stdout.Write(page); err != nil {
			return err
		}
	default:
		heading, rows := []string{"KEY", "VALUE"}, [][]string{}
		if origin {
			heading = append(heading, "ORIGIN")
		}
		for _, s := range shown {
			row := []string{s.Key, textOf(read, s)}
			if origin {
				row = append(row, read.Origin(s.Key))
			}
			rows = append(rows, row)
		}
		if err := printTable(a.stdout, heading, rows); err != nil {
			return err
		}
	}
	if err := printProblems(a.stderr, problems); err != nil {
		return err
	}
	return printNotices(a.stderr, read.Notices())
}

// safe is the value of a setting without its secret.
func safe(c config.Config, s config.Setting) any {
	switch value := s.Value(c); {
	case c.Origin(s.Key) == "":
		return nil
	case s.Secret && value != "":
		return config.Hidden
	default:
		return config.Plain(value)
	}
}

// textOf is the value of a setting for people.
func textOf(c config.Config, s config.Setting) string {
	switch {
	case c.Origin(s.Key) == "":
		return "(not set here)"
	case s.Secret && s.Value(c) != "":
		return "(secret, set by " + c.Origin(s.Key) + ")"
	}
	return config.TextOf(s.Value(c))
}

// yamlOf writes settings as a configuration file, without secrets.
func yamlOf(c config.Config, shown []config.Setting, origin bool) ([]byte, error) {
	in := map[string]bool{}
	for _, s := range shown {
		in[s.Key] = c.Origin(s.Key) != ""
	}
	hidden := func(s config.Setting) bool { return s.Secret && s.Value(c) != "" }
	return config.YAML("", func(s config.Setting) (any, bool) { return s.Value(c), in[s.Key] && !hidden(s) }, func(s config.Setting) string {
		switch {
		case !in[s.Key]:
			return ""
		case hidden(s):
			return s.Key + ": (secret, set by " + c.Origin(s.Key) + ")"
		case origin:
			return c.Origin(s.Key)
		}
		return ""
	})
}
