package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/parameters"
)

func (a *app) configPullCommand() *cobra.Command {
	var path string
	var force, all bool
	c := &cobra.Command{
		Use:   "pull [FILE]",
		Short: "Write the stored settings as a configuration file",
		Long: `Write the settings that are stored in Systems Manager as a configuration file: to
FILE, or to the standard output. A secret is left out; a comment says that it is
stored. The names of resources are left out too, because each deployment stores
its own.

Exit codes:
  0    written
  1    the parameters could not be read
  2    bad input, or a stored setting is wrong: nothing is written`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkPath(path); err != nil {
				return err
			}
			a.started = true
			read, problems := config.Read(c.Context(), config.Sources{Path: path, Parameters: inAWS{a}, Partial: true})
			if len(problems) > 0 {
				return a.refuse(outputTable, problems)
			}
			var stored []config.Setting
			for _, s := range config.Settings() {
				if given(read, s) && (all || !s.Resource) {
					stored = append(stored, s)
				}
			}
			page, err := yamlOf(read, stored, false)
			if err != nil {
				return err
			}
			page = append([]byte("# The settings below "+path+", without secrets.\n"), page...)
			if len(args) == 0 {
				_, err = a.stdout.Write(page)
				return err
			}
			if err := writeNew(args[0], page, force); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%d settings were written to %s.\n", len(stored), args[0])
			return err
		},
	}
	addPathFlag(c, &path)
	c.Flags().BoolVar(&all, "all", false, "with the names of resources")
	c.Flags().BoolVar(&force, "force", false, "replace the file when there is one")
	return c
}

func writeNew(path string, data []byte, force bool) (err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(path, flags, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("FILE", path+" exists", "name another file, or replace it: --force")
	case err != nil:
		return usage("FILE", err.Error(), "name a file in a folder that you may write to")
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(data)
	return err
}

func (a *app) configDiffCommand() *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:   "diff [FILE]",
		Short: "Compare a configuration file with the stored settings",
		Long: `Compare a configuration file with the settings that are stored in Systems
Manager. Values that mean the same, such as 60s and 1m, are equal. Secrets are
compared without being shown; one that is stored and not in the file is no
difference, because it does not belong into the file. Nor is the name of a
resource, which the deployment stores.

` + fileArgument + `

Exit codes:
  0    they are equal
  1    they differ, or the parameters could not be read
  2    bad input, or the file is wrong`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := fileOf(args)
			if err := errors.Join(checkOutput(output), checkPath(path)); err != nil {
				return err
			}
			if file == "" {
				return usage("FILE", "is missing", "name a configuration file, or set "+config.FileVariable)
			}
			a.started = true
			wanted, problems := a.wanted(c.Context(), file)
			if len(problems) > 0 {
				return a.refuse(output, problems)
			}
			stored, err := inAWS{a}.Parameters(c.Context(), path)
			if err != nil {
				return err
			}
			changes := parameters.Diff(path, wanted, stored)
			err = a.show(output, map[string]any{"path": path, "equal": len(changes) == 0, "changes": nonNil(changes)}, func(w io.Writer) error {
				if len(changes) == 0 {
					_, err := fmt.Fprintf(w, "%s and %s are equal.\n", file, path)
					return err
				}
				return printChanges(w, changes)
			})
			if err == nil && len(changes) > 0 {
				return exitCode(exitFailed)
			}
			return err
		},
	}
	addPathFlag(c, &path)
	addOutputFlag(c, &output)
	return c
}

// printChanges prints what a push does.
func printChanges(w io.Writer, changes []parameters.Change) error {
	var rows [][]string
	for _, c := range changes {
		rows = append(rows, []string{string(c.Action), c.Key, orNone(c.Stored), orNone(c.Wanted)})
	}
	return printTable(w, []string{"ACTION", "KEY", "STORED", "WANTED"}, rows)
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
