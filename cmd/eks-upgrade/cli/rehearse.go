package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/rehearsal"
)

// The values of --output.
const (
	outputText  = "text"
	outputAuto  = "auto"
	outputPlain = "plain"
	outputJSON  = "json"
)

const (
	minBake = time.Minute // metrics have a resolution of one minute
	maxBake = 7 * 24 * time.Hour
)

type rehearseFlags struct {
	from, target string
	manifests    []string
	inject       []string
	yes          bool
	output       string
	speed        float64
	rate         int
	bake, soak   time.Duration
	seed         int64
	report       string
	keep         bool
	verbose      bool
}

func (a *app) rehearseCommand() *cobra.Command {
	var f rehearseFlags
	c := &cobra.Command{
		Use:   "rehearse",
		Short: "Rehearse an upgrade on this machine: real control planes, simulated AWS",
		Long: `Rehearse a blue/green upgrade on this machine.

Two real Kubernetes control planes run your workloads on simulated nodes, AWS is
simulated, and users send real requests all the time. The state machine and its
handlers are those that run in AWS. Nothing outside this machine is touched.`,
		Example: `  eks-upgrade rehearse
  eks-upgrade rehearse --inject error-rate-at-50 --yes
  eks-upgrade rehearse --manifests ./deploy --from 1.36
  eks-upgrade rehearse --yes --output json | tail -n 1 | jq .outcome`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := a.options(f)
			if err != nil {
				return err
			}
			a.started = true
			return a.runRehearsal(c.Context(), f, options)
		},
	}
	c.Long += "\n\n" + a.injectionHelp() + "\n\n" + exitHelp
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "1.34", "version of the cluster")
	flags.StringVar(&f.target, "target", "", "version to upgrade to (default: one minor newer than --from)")
	flags.StringArrayVar(&f.manifests, "manifests", nil, "folder of Kubernetes manifests to load; repeatable (default: "+strings.Join(bundled, " and ")+" of the source tree)")
	flags.StringSliceVar(&f.inject, "inject", nil, "make it go wrong: name of a fault, see above; repeatable")
	flags.BoolVarP(&f.yes, "yes", "y", false, "approve the plan without asking")
	flags.StringVarP(&f.output, "output", "o", outputText, "text: live in a terminal, else lines; plain: lines; json: one JSON object a line, the summary last")
	flags.Float64Var(&f.speed, "speed", rehearsal.DefaultSpeed, "how many times faster than real time everything that only waits goes")
	flags.IntVar(&f.rate, "rate", rehearsal.DefaultRate, "requests that users send each real second")
	flags.DurationVar(&f.bake, "bake", 0, "simulated time of observation after each traffic shift (default: the request's, 10m)")
	flags.DurationVar(&f.soak, "soak", 0, "simulated time at 100 % on the new cluster before the old one goes (default: the request's, 1h)")
	flags.Int64Var(&f.seed, "seed", 1, "seed of everything that is random")
	flags.StringVar(&f.report, "report", "", "path of the HTML report (default: rehearsal-<time>/report.html)")
	flags.BoolVar(&f.keep, "keep", false, "keep the logs and artifacts of a rehearsal that went well, too")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "with lines of text: show the states of the state machine, too")
	return c
}

func (a *app) injectionHelp() string {
	var b strings.Builder
	b.WriteString("Faults for --inject:")
	for _, i := range a.injections {
		fmt.Fprintf(&b, "\n  %-18s %s (ends: %s)", i.Name, i.Description, progress.Words(string(i.Expect)))
	}
	return b.String()
}

// options checks the flags. Everything that can be wrong shows here, before
// anything is started or written.
func (a *app) options(f rehearseFlags) (Options, error) {
	none := Options{}
	from, err := parseVersion("--from", f.from)
	if err != nil {
		return none, err
	}
	if f.target == "" {
		f.target = from.Next().String()
		if from == rehearsal.Newest {
			return none, usage("--from", fmt.Sprintf("%s is the newest version that a rehearsal has", from), "start from an older one: --from "+rehearsal.Oldest.String())
		}
	}
	target, err := parseVersion("--target", f.target)
	if err != nil {
		return none, err
	}
	if err := checkHop(from, target); err != nil {
		return none, err
	}
	inject, err := a.checkInjections(f.inject)
	if err != nil {
		return none, err
	}
	if err := checkNumbers(f); err != nil {
		return none, err
	}
	if err := a.checkOutput(f); err != nil {
		return none, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return none, err
	}
	manifests := f.manifests
	if len(manifests) == 0 {
		if manifests, err = bundledManifests(wd); err != nil {
			return none, err
		}
	}
	if err := checkManifests(manifests); err != nil {
		return none, err
	}
	if f.report != "" {
		if info, err := os.Stat(f.report); err == nil && info.IsDir() {
			return none, usage("--report", f.report+" is a folder", "name a file, such as "+filepath.Join(f.report, "report.html"))
		}
	}
	if err := a.programs(); err != nil {
		return none, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Err: err}
	}
	executable, err := os.Executable()
	if err != nil {
		return none, fmt.Errorf("cannot tell the path of this program: %w", err)
	}
	return Options{From: from, Target: target, Manifests: manifests, Inject: inject, Speed: f.speed, Rate: f.rate,
		Seed: f.seed, Bake: f.bake, Soak: f.soak, Executable: executable}, nil
}

func parseVersion(flag, text string) (upgrade.Version, error) {
	v, err := upgrade.ParseVersion(text)
	if err != nil {
		var e *upgrade.Error
		if errors.As(err, &e) {
			return v, usage(flag, e.Message, e.Remedy)
		}
		return v, err
	}
	if v.Compare(rehearsal.Oldest) < 0 || v.Compare(rehearsal.Newest) > 0 {
		return v, usage(flag, fmt.Sprintf("the rehearsal has no Kubernetes %s", v), fmt.Sprintf("give %s to %s", rehearsal.Oldest, rehearsal.Newest))
	}
	return v, nil
}

func checkHop(from, target upgrade.Version) error {
	hops, err := upgrade.Hops(from, target)
	if err != nil {
		var e *upgrade.Error
		if !errors.As(err, &e) {
			return err
		}
		remedy := e.Remedy
		if from.Next().Compare(rehearsal.Newest) > 0 {
			remedy = fmt.Sprintf("start from an older version: --from %d.%d", from.Major, from.Minor-1)
		}
		return usage("--target", e.Message, remedy)
	}
	if len(hops) > 1 {
		return usage("--target", fmt.Sprintf("%s is %d minors newer than %s, and EKS upgrades one minor at a time", target, len(hops), from),
			fmt.Sprintf("give --target %s, or start nearer: --from %d.%d", from.Next(), target.Major, target.Minor-1))
	}
	return nil
}

func (a *app) checkInjections(names []string) ([]string, error) {
	var known, chosen []string
	for _, i := range a.injections {
		known = append(known, i.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usage("--inject", fmt.Sprintf("%q is not a known fault", name), "use one of: "+strings.Join(known, ", "))
		}
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}

func checkNumbers(f rehearseFlags) error {
	switch {
	case !(f.speed >= 1 && f.speed <= 100_000):
		return usage("--speed", fmt.Sprintf("%v is out of range", f.speed), "give 1 (real time) to 100000")
	case f.rate < 1 || f.rate > 2000:
		return usage("--rate", fmt.Sprintf("%d is out of range", f.rate), "give 1 to 2000 requests a second")
	case f.bake != 0 && (f.bake < minBake || f.bake > maxBake):
		return usage("--bake", fmt.Sprintf("%s is out of range", f.bake), "give 1m to 168h: metrics have a resolution of one minute")
	case f.soak < 0:
		return usage("--soak", fmt.Sprintf("%s is negative", f.soak), "give a duration such as 1h")
	}
	return nil
}

func (a *app) checkOutput(f rehearseFlags) error {
	switch f.output {
	case outputText, outputAuto, outputPlain:
		if !f.yes && !(a.terminal(a.stdin) && (a.terminal(a.stdout) || a.terminal(a.stderr))) {
			return usage("--yes", "the plan needs an approval, and there is no terminal to ask on", "run this in a terminal, or give --yes to approve it beforehand")
		}
	case outputJSON:
		if !f.yes {
			return usage("--yes", "the plan needs an approval, and --output json cannot ask for it", "give --yes to approve it beforehand")
		}
	default:
		return usage("--output", fmt.Sprintf("%q is not known", f.output), "use one of: text, plain, json")
	}
	return nil
}

// renderer returns what shows progress.
func (a *app) renderer(f rehearseFlags) progress.Renderer {
	switch {
	case f.output == outputJSON:
		return progress.NewJSON(a.stdout)
	case f.output != outputPlain && a.terminal(a.stdout) && os.Getenv("TERM") != "dumb":
		return live.New(a.stdout, a.stdin)
	default:
		return progress.NewPlain(a.stdout, f.verbose)
	}
}

// runRehearsal runs the rehearsal, shows it, and writes the report.
func (a *app) runRehearsal(ctx context.Context, f rehearseFlags, options Options) error {
	files, err := a.makeFolder(f.report)
	if err != nil {
		return err
	}
	options.Dir = files.work
	closeLog, err := logKubernetes(files.work)
	if err != nil {
		return err
	}
	renderer := a.renderer(f)
	if view, ok := renderer.(*live.View); ok {
		a.live.Store(view)
		defer a.live.Store(nil)
	}
	options.Events = renderer.Event
	options.Approve = a.approver(f.yes, renderer)

	data, runErr := a.rehearse(ctx, options)
	runErr = errors.Join(runErr, renderer.Close(), closeLog())
	if runErr != nil {
		return a.abandon(ctx, files, data, runErr)
	}
	return a.finish(f, files, data)
}
