// Package cli is the command line of eks-upgrade. Run drives it without a
// process of its own, so that tests can.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/rehearsal"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRolledBack  = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells say it
)

const exitHelp = `Exit codes:
  0    the upgrade succeeded
  1    it failed, could not be carried out, or broke an invariant
  2    bad input: one line on stderr says which, and what to do
  3    it was rolled back: all traffic is on the old cluster
  130  it was interrupted`

var errInterrupted = errors.New("interrupted")

// app is one run of the program, with what it uses of the world.
type app struct {
	stdin      io.Reader
	stdout     io.Writer
	stderr     io.Writer
	clock      clock.Clock
	terminal   func(file any) bool
	programs   func() error // checks that what a rehearsal runs is there
	injections []Injection
	rehearse   func(context.Context, Options) (report.Data, error)
	provision  func(ctx context.Context, location string, out io.Writer) error
	aws        func(context.Context) (aws.Config, error) // of the environment
	awsOf      func(ctx context.Context, profile, region string) (aws.Config, error)

	runID     string // names this run, in its log and in CloudTrail
	calledAWS bool

	started bool                      // the arguments were good; a command runs
	live    atomic.Pointer[live.View] // what draws on the terminal; nil: nothing
}

// Run runs the program with args and returns its exit code. It ends early when
// ctx does.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(stdin, stdout, stderr).run(ctx, args)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, clock: clock.System{}, terminal: isTerminal, runID: newRunID(),
		programs: findPrograms, injections: rehearsal.Injections(), rehearse: rehearsal.Run, provision: provisionInAWS}
	a.aws, a.awsOf = a.loadAWS, a.loadAWSOf
	return a
}

func isTerminal(file any) bool {
	f, ok := file.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(f.Fd())
}

// exitCode is an error that carries the exit code and was already shown.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func (a *app) run(ctx context.Context, args []string) int {
	ctx, err := traced(ctx, a.runID, os.Getenv(levelVariable), a.stderr)
	if err == nil {
		err = a.command(args).ExecuteContext(ctx)
	}
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	code = a.codeOf(ctx, err)
	if code == exitInterrupted {
		err = errInterrupted // whatever failed next follows from that
	}
	if code == exitUsage && upgrade.CodeOf(err) == upgrade.CodeInternal { // cobra's own errors
		err = upgrade.KindInvalidInput.Field("", "", err.Error(), "see eks-upgrade --help")
	}
	a.showError(err, wantsJSON(args))
	return int(code)
}

func (a *app) codeOf(ctx context.Context, err error) exitCode {
	switch {
	case errors.Is(context.Cause(ctx), errInterrupted), errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted
	case !a.started, upgrade.CodeOf(err) == upgrade.CodeInvalidRequest:
		return exitUsage
	}
	return exitFailed
}

// showError says what went wrong in one line, and in one of JSON too when that
// was asked for.
func (a *app) showError(err error, asJSON bool) {
	if asJSON {
		lines := progress.NewJSON(a.stdout)
		event := progress.ErrorEvent(upgrade.At(a.clock.Now()), err)
		event.Text = logging.Redact(event.Text)
		lines.Event(event)
		if closeErr := lines.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}
	fmt.Fprintln(a.stderr, "error: "+progress.Clean(logging.Redact(err.Error())))
	a.showRun()
}

// wantsJSON looks for --output json in the arguments themselves, because an
// error among them may come before it is parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		if arg == "--" {
			return false
		}
		if strings.HasPrefix(arg, "-o") && !strings.HasPrefix(arg, "-o=") && len(arg) > 2 {
			arg = "-o=" + arg[2:] // as pflag reads it
		}
		name, value, joined := strings.Cut(arg, "=")
		if !slices.Contains([]string{"--output", "-o"}, name) {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if value == outputJSON {
			return true
		}
	}
	return false
}

func (a *app) command(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "eks-upgrade",
		Short:         "Upgrade Amazon EKS clusters, and rehearse it first",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddCommand(a.rehearseCommand(), a.worldCommand(), a.provisionCommand(), a.versionCommand(), a.startCommand(), a.statusCommand(), a.configCommand())
	root.AddCommand(a.approveCommand(), a.watchCommand())
	root.AddCommand(a.accessCommand(), a.doctorCommand(), a.proveCommand())
	root.AddCommand(a.assessCommand(), a.checksCommand())
	return root
}

func usage(field, message, remedy string) error {
	return upgrade.KindInvalidInput.Field("", field, message, remedy)
}
