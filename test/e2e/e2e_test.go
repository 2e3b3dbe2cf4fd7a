// Package e2e rehearses whole upgrades: the state machine and the handlers of
// production, the simulated AWS, real control planes, real requests. Each
// rehearsal has its golden path of states and its golden order of AWS calls,
// and every invariant is checked after every call.
package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/functions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/rehearsal"
)

var update = flag.Bool("update", false, "write the golden files")

// executable is the command that CodeBuild runs, built once.
var executable string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "eks-upgrade-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	executable = filepath.Join(dir, "eks-upgrade")
	code := 1
	build := exec.Command("go", "build", "-o", executable, "../../cmd/eks-upgrade")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Makefile builds it
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build eks-upgrade: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	if code == 0 && whole() {
		for _, wrong := range unexercised(exercised.actions) {
			fmt.Fprintln(os.Stderr, wrong)
			code = 1
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestRehearsals(t *testing.T) {
	cases := []struct {
		inject  string
		outcome upgrade.Outcome
		weights upgrade.Weights
		why     string // part of the reason
		perfect bool   // no request failed
	}{
		{"", upgrade.Succeeded, upgrade.AllGreen, "", true},
		{"green-unhealthy", upgrade.RolledBack, upgrade.AllBlue, rehearsal.Green, true},
		{"error-rate-at-50", upgrade.RolledBack, upgrade.AllBlue, "errorRate", false},
		{"apiserver-down", upgrade.RolledBack, upgrade.AllBlue, rehearsal.Green, true},
		{"throttling", upgrade.Succeeded, upgrade.AllGreen, "", true},
		{"crash-after-effect", upgrade.Succeeded, upgrade.AllGreen, "", true},
	}
	for _, c := range cases {
		name := c.inject
		if name == "" {
			name = "good-path"
		}
		t.Run(name, func(t *testing.T) {
			data, states := rehearse(t, func(o *rehearsal.Options) {
				if c.inject != "" {
					o.Inject = []string{c.inject}
				}
			})
			r := data.Result
			if r.Outcome != c.outcome {
				t.Fatalf("outcome %s (%s; not read: %v), want %s", r.Outcome, r.Reason, r.NotRead, c.outcome)
			}
			if !strings.Contains(r.Reason, c.why) || r.Reason == "" {
				t.Errorf("reason %q does not say why: %q", r.Reason, c.why)
			}
			if r.Weights == nil || *r.Weights != c.weights {
				t.Errorf("weights at the end: %v, want %v", r.Weights, c.weights)
			}
			if data.Requests.Total == 0 || (c.perfect && data.Requests.Failed > 0) {
				t.Errorf("%d of %d requests failed: %+v", data.Requests.Failed, data.Requests.Total, data.Failures)
			}
			for _, v := range data.Invariants {
				t.Error(v)
			}
			golden(t, name, path(t, states)+"\n"+calls(data.Calls))
		})
	}
}

// TestFunctionsAsProcesses upgrades with each function running from its zip, as
// on AWS: the path and the calls are those of the handlers in process.
func TestFunctionsAsProcesses(t *testing.T) {
	dir := t.TempDir()
	names, err := functions.Build(t.Context(), dir, functions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, states := rehearse(t, func(o *rehearsal.Options) { o.Functions = dir })
	if r := data.Result; r.Outcome != upgrade.Succeeded || r.Weights == nil || *r.Weights != upgrade.AllGreen {
		t.Fatalf("outcome %s (%s; not read: %v), weights %v", r.Outcome, r.Reason, r.NotRead, r.Weights)
	}
	if data.Requests.Total == 0 || data.Requests.Failed > 0 {
		t.Errorf("%d of %d requests failed: %+v", data.Requests.Failed, data.Requests.Total, data.Failures)
	}
	for _, v := range data.Invariants {
		t.Error(v)
	}
	golden(t, "good-path", path(t, states)+"\n"+calls(data.Calls))
	t.Logf("%d functions as processes, %s of real time", len(names), data.Real.Round(time.Second))
}

// rehearse runs one rehearsal of the smaller application.
func rehearse(t *testing.T, change func(*rehearsal.Options)) (report.Data, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var states []string
	o := rehearsal.Options{Manifests: []string{"../testdata/clusters/online-boutique"}, Dir: t.TempDir(), Executable: executable, Seed: 1,
		Bake: 3 * time.Minute, Soak: 5 * time.Minute,
		Approve: func(_ context.Context, a rehearsal.Approval) (upgrade.ApprovalAnswer, error) {
			seen(t, a.Assessment)
			return upgrade.ApprovalAnswer{PlanHash: a.PlanHash, Approved: true, By: "test"}, nil
		},
		Usage: permitted(t),
		Events: func(e progress.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == progress.State {
				states = append(states, e.State)
			}
			if e.Kind != progress.Requests && e.Kind != progress.State {
				t.Logf("%s %-9s %-16s %-12s %s", e.Time.Format("15:04:05"), e.Kind, e.Step, e.Status, e.Text)
			}
		}}
	change(&o)
	data, err := rehearsal.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return data, states
}

// path is the states of the document's top level in the order in which they
// were entered. How often a step is looked at depends on the machine, so a look
// that says "wait" does not count.
func path(t *testing.T, states []string) string {
	t.Helper()
	var doc struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal(statemachine.Upgrade, &doc); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, s := range states {
		switch {
		case doc.States[s] == nil:
		case s == "WaitForProgress" || s == "WaitForEvidence":
			kept = kept[:len(kept)-2] // the look and its choice
		default:
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// calls is the calls that changed something outside the agent's own storage,
// each once in a row: a repetition is how a crash or a throttle is survived.
func calls(all []report.Call) string {
	var lines []string
	for _, c := range all {
		// A refresh of insights changes nothing, and begins before or after the scan.
		if c.Error != "" || c.Service == "dynamodb" || c.Service == "s3" || c.Operation == "StartInsightsRefresh" {
			continue
		}
		line := fmt.Sprintf("%s: %s.%s", c.Caller, c.Service, c.Operation)
		if c.Service == "route53" {
			line += ": " + c.Resource // the weights
		}
		if len(lines) == 0 || lines[len(lines)-1] != line {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: write it with -update", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (write it with -update when that is right):\n%s", file, diff)
	}
}
