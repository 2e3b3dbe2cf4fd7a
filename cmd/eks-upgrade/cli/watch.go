package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/live"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// watchFlags are the flags of watch.
type watchFlags struct {
	url, stack, output string
	verbose            bool
}

func (a *app) watchCommand() *cobra.Command {
	var f watchFlags
	c := &cobra.Command{
		Use:   "watch [UPGRADE]",
		Short: "Follow an upgrade of the deployed agent, or all of them, as it happens",
		Long: `Follow an upgrade of the deployed agent as it happens, over its WebSocket API;
without an id all upgrades. The connection is signed with AWS credentials and is
made anew when API Gateway ends it, after two hours at the latest. What happened
while nobody listened is not shown; the state of the execution then is.

The address is that of the stack's output ` + access.StreamOutput + `; --url gives another one.

Exit codes:
  0    the upgrade succeeded
  1    it failed, or could not be followed
  2    bad input
  3    it was rolled back: all traffic is on the old cluster
  130  interrupted; the upgrade goes on`,
		Example: `  eks-upgrade watch shop-1-35-20260801
  eks-upgrade watch --output json | jq -c 'select(.kind == "summary")'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.watch(c.Context(), strings.Join(args, ""), f)
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.url, "url", "", "wss address of the stream (default: the stack's output)")
	flags.StringVar(&f.stack, "stack", access.Stack, "name of the agent's stack")
	flags.StringVarP(&f.output, "output", "o", outputText, "text: a live view on a terminal, lines elsewhere; plain: lines; json: one JSON line an event")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "with lines: every look at a waiting step")
	return c
}

func (a *app) watch(ctx context.Context, id string, f watchFlags) error {
	if !slices.Contains([]string{outputText, outputPlain, outputJSON}, f.output) {
		return usage("--output", `"`+f.output+`" is not known`, "use one of: text, plain, json")
	}
	if id != "" {
		if err := executions.CheckName(id); err != nil {
			return err
		}
	}
	a.started = true
	cfg, err := a.aws(ctx)
	if err != nil {
		return err
	}
	address, err := addressOf(ctx, cfg, f.url, f.stack, access.StreamOutput)
	if err != nil {
		return err
	}
	client, err := a.executions(ctx)
	if err != nil {
		return err
	}
	auth := a.auth(cfg)
	auth.Bearer = "" // WebSocket APIs know IAM only
	screen := a.watchScreen(id, f)
	w := agentapi.Watch{Upgrade: id, Listen: agentapi.Stream{URL: address, Auth: auth}.Listen, Look: client.Get, Tell: screen.tell, Clock: a.clock}
	defer a.live.Store(nil)
	outcome, err := w.Run(ctx)
	if err := errors.Join(err, screen.close()); err != nil {
		return err
	}
	switch outcome {
	case upgrade.Succeeded:
		return nil
	case upgrade.RolledBack:
		return exitCode(exitRolledBack)
	}
	return exitCode(exitFailed)
}

// watchScreen shows events in the way that was asked for.
func (a *app) watchScreen(id string, f watchFlags) *watchScreen {
	s := &watchScreen{upgrades: map[string]*shownUpgrade{}}
	switch {
	case f.output == outputJSON:
		s.lines = json.NewEncoder(a.stdout)
	case f.output == outputText && id != "" && a.terminal(a.stdout):
		view := live.New(a.stdout, a.stdin)
		a.live.Store(view)
		s.make = func(string) progress.Renderer { return view }
	default:
		s.make = func(name string) progress.Renderer {
			if id != "" {
				return progress.NewPlain(a.stdout, f.verbose)
			}
			return progress.NewPlain(prefixed{a.stdout, progress.Clean(name) + "  "}, f.verbose) // of many, each line says which
		}
	}
	return s
}

// watchScreen has a renderer for each upgrade, or lines of JSON.
type watchScreen struct {
	mu       sync.Mutex
	lines    *json.Encoder
	make     func(upgradeID string) progress.Renderer
	upgrades map[string]*shownUpgrade
	err      error
}

type shownUpgrade struct {
	progress.Renderer
	phase upgrade.Phase // of the last step
}

func (s *watchScreen) tell(e events.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines != nil {
		if err := s.lines.Encode(e); err != nil && s.err == nil {
			s.err = err
		}
		return
	}
	u := s.upgrades[e.Upgrade]
	if u == nil {
		u = &shownUpgrade{Renderer: s.make(e.Upgrade)}
		s.upgrades[e.Upgrade] = u
	}
	if e.Kind == progress.Step && e.Phase != "" && e.Phase != u.phase { // steps come without events of their phases
		if u.phase != "" {
			u.Event(progress.Event{Time: e.Time, Kind: progress.Phase, Phase: u.phase, Status: progress.Passed})
		}
		u.Event(progress.Event{Time: e.Time, Kind: progress.Phase, Phase: e.Phase, Status: progress.Running})
		u.phase = e.Phase
	}
	u.Event(e.Event)
}

func (s *watchScreen) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.err}
	for _, id := range slices.Sorted(maps.Keys(s.upgrades)) {
		errs = append(errs, s.upgrades[id].Close())
	}
	return errors.Join(errs...)
}

// prefixed puts something before each line; renderers write whole lines.
type prefixed struct {
	to     io.Writer
	prefix string
}

func (p prefixed) Write(data []byte) (int, error) {
	for line := range strings.Lines(string(data)) {
		if _, err := io.WriteString(p.to, p.prefix+line); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}
