package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/parameters"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config/stored"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
)

type pushFlags struct {
	path, key, output  string
	secrets            []string
	dryRun, prune, yes bool
}

func (a *app) configPushCommand() *cobra.Command {
	var f pushFlags
	c := &cobra.Command{
		Use:   "push [FILE]",
		Short: "Store the settings of a configuration file for the deployed agent",
		Long: `Store the settings of a configuration file in Systems Manager, one parameter a
setting. Only differences are written. Secrets become SecureStrings under the
KMS key, and are better given by --secret than in the file: KEY=@FILE reads a
file, KEY=- the standard input. A setting that is empty in the file is deleted.

Nothing is written when the file is wrong, or when the settings would not fit
together afterwards: a function with a wrong configuration does not start.

` + fileArgument + `
With --secret alone only the secrets are stored.

Exit codes:
  0    stored, or nothing was to be done
  1    Systems Manager refused something: the output says what was stored
  2    bad input, or the settings are wrong: nothing was written`,
		Example: `  eks-upgrade config push config.yaml --dry-run
  eks-upgrade config push config.yaml --prune
  eks-upgrade config push --secret notification.webhook=@webhook.txt
  vault read -field=token secret/mirror | eks-upgrade config push --secret releaseNotes.token=-`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.push(c.Context(), args, f) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	addPathFlag(c, &f.path)
	flags.StringVar(&f.key, "kms-key", defaultKey, "KMS key of secrets: id, ARN or alias")
	flags.StringArrayVar(&f.secrets, "secret", nil, "a secret, KEY=@FILE or KEY=- (can be repeated)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be written, and write nothing")
	flags.BoolVar(&f.prune, "prune", false, "delete what is stored and not in the file, but for secrets and names of resources; asks first")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	addOutputFlag(c, &f.output)
	return c
}

// pushed is a push as JSON shows it.
type pushed struct {
	Path    string              `json:"path"`
	DryRun  bool                `json:"dryRun"`
	Changes []parameters.Change `json:"changes"` // done, or to be done with dryRun
	Left    []string            `json:"left"`    // keys that are stored and not in the file
	Error   string              `json:"error,omitempty"`
}

func (a *app) push(ctx context.Context, args []string, f pushFlags) error {
	file := fileOf(args)
	if len(f.secrets) > 0 && len(args) == 0 {
		file = "" // only the secrets
	}
	switch err := errors.Join(checkOutput(f.output), checkPath(f.path)); {
	case err != nil:
		return err
	case file == "" && len(f.secrets) == 0:
		return usage("FILE", "is missing", "name a configuration file, or a secret: --secret KEY=@FILE")
	case file == "" && f.prune:
		return usage("--prune", "needs a file that says what stays", "name the configuration file")
	case f.key == "":
		return usage("--kms-key", "is empty", "name a key, such as "+defaultKey)
	}
	secrets, err := a.readSecrets(f.secrets)
	if err != nil {
		return err
	}
	a.started = true
	wanted := map[string]string{}
	if file != "" {
		var problems []error
		if wanted, problems = a.wanted(ctx, file); len(problems) > 0 {
			return a.refuse(f.output, problems)
		}
	}
	for key, value := range secrets {
		wanted[key] = value
	}
	cfg, err := a.aws(ctx)
	if err != nil {
		return err
	}
	there, err := stored.Reader{AWS: cfg}.Parameters(ctx, f.path)
	if err != nil {
		return err
	}
	plan := pushed{Path: f.path, DryRun: f.dryRun, Changes: []parameters.Change{}, Left: []string{}}
	var pruned []string
	for _, c := range parameters.Diff(f.path, wanted, there) {
		_, inFile := wanted[c.Key]
		switch {
		case c.Action != parameters.Delete || inFile:
			plan.Changes = append(plan.Changes, c)
		case f.prune:
			pruned = append(pruned, c.Key)
			plan.Changes = append(plan.Changes, c)
		default:
			plan.Left = append(plan.Left, c.Key)
		}
	}
	after := parameters.After(there, plan.Changes)
	if _, problems := config.Read(ctx, config.Sources{Path: f.path, Parameters: known(after), Partial: true}); len(problems) > 0 {
		return a.refuse(f.output, problems)
	}
	if f.dryRun {
		return a.showPush(f, plan)
	}
	if len(pruned) > 0 && !f.yes {
		if err := a.confirmPrune(ctx, f.path, pruned); err != nil {
			return err
		}
	}
	return a.carryOut(ctx, ssm.NewFromConfig(cfg), f, plan)
}

func (a *app) carryOut(ctx context.Context, client *ssm.Client, f pushFlags, plan pushed) error {
	writer := parameters.Writer{SSM: client, Key: f.key}
	for i, change := range plan.Changes {
		if err := writer.Apply(ctx, change); err != nil {
			plan.Error = logging.Redact(fmt.Sprintf("%v (%d of %d changes were stored)", err, i, len(plan.Changes)))
			plan.Changes = plan.Changes[:i]
			break
		}
	}
	if err := a.showPush(f, plan); err != nil {
		return err
	}
	if plan.Error != "" {
		fmt.Fprintln(a.stderr, "error: "+progress.Clean(plan.Error))
		a.showRun()
		return exitCode(exitFailed)
	}
	return nil
}

func (a *app) showPush(f pushFlags, plan pushed) error {
	return a.show(f.output, plan, func(w io.Writer) error {
		if len(plan.Changes) > 0 {
			if err := printChanges(w, plan.Changes); err != nil {
				return err
			}
		}
		done := "stored"
		if plan.DryRun {
			done = "to be stored"
		}
		text := fmt.Sprintf("Changes %s below %s: %d.", done, plan.Path, len(plan.Changes))
		if len(plan.Left) > 0 {
			text += fmt.Sprintf("\nStored and not in the file, which --prune would delete: %s.", strings.Join(plan.Left, ", "))
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

// confirmPrune asks a person before settings are deleted.
func (a *app) confirmPrune(ctx context.Context, path string, keys []string) error {
	if !a.terminal(a.stdin) {
		return usage("--prune", "nobody is there to be asked", "add --yes to delete "+strings.Join(keys, ", "))
	}
	line, open, err := a.askLine(ctx, a.stderr, progress.Clean(fmt.Sprintf("Delete %s below %s? [y/N]", strings.Join(keys, ", "), path))+" ")
	if err != nil {
		return err
	}
	if yes, _ := readAnswer(line, open); !yes {
		return usage("--prune", "was declined", "nothing was written; push without --prune to keep them")
	}
	return nil
}

// wanted are the settings that a file gives, as texts by key.
func (a *app) wanted(ctx context.Context, file string) (map[string]string, []error) {
	read, problems := config.Read(ctx, config.Sources{File: file, Partial: true})
	values := map[string]string{}
	for _, s := range config.Settings() {
		if given(read, s) {
			values[s.Key] = config.TextOf(s.Value(read))
		}
	}
	return values, problems
}

// readSecrets reads what --secret names. Values do not stand on the command
// line, where every process of the machine and the shell's history have them.
func (a *app) readSecrets(flags []string) (map[string]string, error) {
	var stdin string
	for _, flag := range flags {
		key, source, ok := strings.Cut(flag, "=")
		s, known := config.Find(key)
		switch {
		case !known || !s.Secret:
			return nil, usage("--secret", fmt.Sprintf("%q is not a secret setting", key), "use one of: "+strings.Join(secretKeys(), ", "))
		case !ok || source != "-" && !strings.HasPrefix(source, "@"):
			return nil, usage("--secret", "the value of "+key+" stands on the command line, or is missing", "give KEY=@FILE or KEY=-")
		case source == "-" && stdin != "":
			return nil, usage("--secret", "two secrets cannot be read from the standard input", "give one of them as KEY=@FILE")
		case source == "-":
			stdin = key
		}
	}
	values := map[string]string{}
	for _, flag := range flags {
		key, source, _ := strings.Cut(flag, "=")
		text, err := a.readSecret(source)
		if err != nil {
			return nil, usage("--secret", "the value of "+key+" cannot be read: "+err.Error(), "name a file that can be read")
		}
		s, _ := config.Find(key)
		value, err := s.Parse(text)
		if err != nil {
			return nil, err
		}
		if values[key] = config.TextOf(value); values[key] == "" {
			return nil, usage("--secret", "the value of "+key+" is empty", `to delete it, set it to "" in the file`)
		}
	}
	return values, nil
}

// readSecret reads "-" or "@FILE", without the end of the line.
func (a *app) readSecret(source string) (string, error) {
	const most = 64 << 10
	in := a.stdin
	if path, isFile := strings.CutPrefix(source, "@"); isFile {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, most))
	return strings.TrimRight(string(text), "\r\n"), err
}

func secretKeys() []string {
	var keys []string
	for _, s := range config.Settings() {
		if s.Secret {
			keys = append(keys, s.Key)
		}
	}
	slices.Sort(keys)
	return keys
}
