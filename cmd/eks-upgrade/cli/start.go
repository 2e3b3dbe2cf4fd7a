package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const startExitHelp = `Exit codes:
  0    started; with --wait: succeeded
  1    not started, or failed; or started and out of sight, as the error then says
  2    bad input
  3    with --wait: rolled back, all traffic is on the old cluster
  130  interrupted; the upgrade goes on`

// startOptions are the flags of start.
type startOptions struct {
	request upgrade.Request
	target  string
	service string
	name    string
	fleet   bool
	dryRun  bool
	wait    bool
	every   time.Duration
	output  string
}

// requestFlags are the flags that are fields of one request.
var requestFlags = []string{"cluster", "target", "green", "hosted-zone", "record", "service"}

func (a *app) startCommand() *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start [FILE | -]",
		Short: "Start an upgrade of a cluster, or of a fleet, with the deployed agent",
		Long: `Start an upgrade with the deployed agent: an execution of the state machine
eks-upgrade. The request is a file (JSON or YAML, - is the standard input), or
flags, or both: flags win. It is checked before anything is started.

The name of the execution is the upgrade's id. It is derived from the cluster,
the target and the day, so that starting the same upgrade twice finds the one
that runs.

With --fleet the file lists waves of requests for the machine eks-upgrade-fleet:

  waves:
    - name: canary
      requests: [{cluster: dev, target: "1.35", traffic: {...}}]
      soakMinutes: 60
    - requests: [...]
      maxConcurrency: 2   # default 1
      maxFailures: 0

` + startExitHelp,
		Example: `  eks-upgrade start request.yaml
  eks-upgrade start --cluster shop --target 1.35 --hosted-zone Z0123456789ABC --record shop.example.com --service default/frontend --wait
  eks-upgrade start --fleet waves.yaml --dry-run`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.start(c, o, args) },
	}
	f := c.Flags()
	// What is named here is in requestFlags too.
	f.StringVar(&o.request.Cluster, "cluster", "", "name of the EKS cluster")
	f.StringVar(&o.target, "target", "", "Kubernetes version to reach, such as 1.35")
	f.StringVar(&o.request.Green, "green", "", "name of the new cluster (default: <cluster>-green)")
	f.StringVar(&o.request.Traffic.HostedZone, "hosted-zone", "", "id of the Route 53 hosted zone")
	f.StringVar(&o.request.Traffic.Record, "record", "", "DNS name of the weighted records")
	f.StringVar(&o.service, "service", "", "Service of type LoadBalancer that takes the traffic, namespace/name")
	f.StringVar(&o.name, "name", "", "name of the execution (default: derived from cluster, target and day)")
	f.BoolVar(&o.fleet, "fleet", false, "the file lists waves of requests")
	f.BoolVar(&o.dryRun, "dry-run", false, "check and print the input, start nothing")
	f.BoolVar(&o.wait, "wait", false, "wait for the end")
	f.DurationVar(&o.every, "every", 15*time.Second, "with --wait: time between two looks")
	addOutputFlag(c, &o.output)
	return c
}

func (a *app) start(c *cobra.Command, o startOptions, args []string) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.every < time.Second {
		return usage("--every", fmt.Sprintf("%s is too short", o.every), "give 1s or more")
	}
	data, err := a.readInput(args)
	if err != nil {
		return err
	}
	machine, input, name := executions.Upgrade, []byte(nil), o.name
	if o.fleet {
		machine = executions.Fleet
		for _, flag := range requestFlags {
			if c.Flags().Changed(flag) {
				return usage("--"+flag, "is of one upgrade, and --fleet starts many", "write it into the requests of the file")
			}
		}
		if name == "" {
			return usage("--name", "is missing", "name the fleet's upgrade: --name 2026-q3")
		}
		input, err = executions.CheckFleet(data)
	} else {
		var request upgrade.Request
		request, input, err = requestOf(c, o, data)
		if name == "" && err == nil {
			name = executions.NameOf(request, a.clock.Now())
		}
	}
	if err != nil {
		return err
	}
	if err := executions.CheckName(name); err != nil {
		return err
	}
	if o.dryRun {
		return a.show(o.output, json.RawMessage(input), func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s would be started as %s with\n%s\n", machine, name, input)
			return err
		})
	}
	a.started = true
	client, err := a.executions(c.Context())
	if err != nil {
		return err
	}
	e, err := client.Start(c.Context(), machine, name, input)
	if err != nil {
		return err
	}
	if !o.wait {
		return a.show(o.output, e, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Started %s.\n  eks-upgrade status %s\n  eks-upgrade watch %s\n", e.ARN, e.Name, e.Name)
			return err
		})
	}
	return a.waitFor(c.Context(), client, e, o)
}

// readInput reads the file of the arguments; nil without one.
func (a *app) readInput(args []string) ([]byte, error) {
	var data []byte
	var err error
	switch {
	case len(args) == 0:
		return nil, nil
	case args[0] == "-":
		data, err = io.ReadAll(a.stdin)
	default:
		data, err = os.ReadFile(args[0])
	}
	if err != nil {
		return nil, usage("file", err.Error(), "name a file with the request, or - for the standard input")
	}
	data, err = yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, usage("file", err.Error(), "write it as JSON or YAML")
	}
	return data, nil
}

// requestOf returns the request of the file and the flags, checked with the
// standard defaults, and as it is sent: what was left out stays out, because
// the deployed agent has defaults of its own.
func requestOf(c *cobra.Command, o startOptions, data []byte) (upgrade.Request, []byte, error) {
	doc := map[string]any{}
	if data != nil {
		if err := json.Unmarshal(data, &doc); err != nil || doc == nil { // an empty file is null
			return upgrade.Request{}, nil, usage("file", "it holds no object", "write it as in events/README.md")
		}
	} else if c.Flags().NFlag() == 0 {
		return upgrade.Request{}, nil, usage("file", "is missing", "name a file with the request, or say --cluster and --target; see --help")
	}
	traffic, _ := doc["traffic"].(map[string]any)
	if traffic == nil {
		traffic = map[string]any{}
	}
	for _, f := range []struct {
		value, key string
		in         map[string]any
	}{
		{o.request.Cluster, "cluster", doc}, {o.target, "target", doc}, {o.request.Green, "green", doc},
		{o.request.Traffic.HostedZone, "hostedZone", traffic}, {o.request.Traffic.Record, "record", traffic}, {o.service, "service", traffic},
	} {
		if f.value != "" {
			f.in[f.key] = f.value
		}
	}
	if _, given := doc["traffic"]; !given || len(traffic) > 0 {
		doc["traffic"] = traffic
	}
	input, err := json.Marshal(doc)
	if err != nil {
		return upgrade.Request{}, nil, err
	}
	request, err := upgrade.DecodeRequest(input)
	return request, input, err
}

// executions returns the client of the environment's account and region.
func (a *app) executions(ctx context.Context) (*executions.Client, error) {
	cfg, err := a.aws(ctx)
	if err != nil {
		return nil, err
	}
	return executions.New(ctx, sfn.NewFromConfig(cfg), sts.NewFromConfig(cfg), cfg.Region)
}

// waitFor looks until the execution has ended. What it prints meanwhile goes to
// the standard error, so that the standard output has the result only.
func (a *app) waitFor(ctx context.Context, client *executions.Client, e executions.Execution, o startOptions) error {
	fmt.Fprintf(a.stderr, "%s is running; Ctrl-C leaves it so\n", e.ARN)
	for state := ""; e.Running(); {
		if e.State != state {
			state = e.State
			fmt.Fprintf(a.stderr, "%s  %s\n", a.clock.Now().Format(time.TimeOnly), progress.Clean(state))
		}
		if err := clock.Sleep(ctx, a.clock, o.every); err != nil {
			return err
		}
		next, err := client.Get(ctx, e.ARN)
		if err != nil {
			if upgrade.CodeOf(err).Retryable() {
				fmt.Fprintln(a.stderr, "still waiting: "+progress.Clean(err.Error()))
				continue
			}
			return err
		}
		e = next
	}
	if err := a.show(o.output, e, func(w io.Writer) error { return printExecution(w, e, nil) }); err != nil {
		return err
	}
	return outcomeOf(e)
}

// outcomeOf returns the exit code of an execution that has ended.
func outcomeOf(e executions.Execution) error {
	switch {
	case e.Status == "SUCCEEDED":
		return nil
	case e.Error == "RolledBack":
		return exitCode(exitRolledBack)
	}
	return exitCode(exitFailed)
}
