package statemachine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type state struct {
	Type           string
	Resource       string
	Arguments      struct{ FunctionName string }
	TimeoutSeconds any
	Seconds        any
	Retry          []struct {
		ErrorEquals     []string
		JitterStrategy  string
		MaxDelaySeconds int
		MaxAttempts     int
	}
	Catch    []struct{ ErrorEquals []string }
	Branches []document
	Next     string
	Default  string
	Choices  []struct{ Next string }
}

type document struct {
	StartAt        string
	TimeoutSeconds any
	States         map[string]state
}

func load(t *testing.T) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(Upgrade, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// each visits every state, those of branches too. Only states of the top
// level must catch: a failing branch fails its Parallel state, which does.
func each(d document, nested bool, visit func(name string, s state, nested bool)) {
	for name, s := range d.States {
		visit(name, s, nested)
		for _, b := range s.Branches {
			each(b, true, visit)
		}
	}
}

func TestEveryTaskHasTimeoutRetryWithJitterAndCatch(t *testing.T) {
	d := load(t)
	if d.TimeoutSeconds == nil {
		t.Error("the machine itself has no timeout")
	}
	each(d, false, func(name string, s state, nested bool) {
		if s.Type != "Task" {
			return
		}
		if s.TimeoutSeconds == nil {
			t.Errorf("%s has no timeout", name)
		}
		if len(s.Retry) == 0 {
			t.Errorf("%s has no Retry", name)
		}
		for _, r := range s.Retry {
			if r.JitterStrategy != "FULL" || r.MaxDelaySeconds == 0 || r.MaxAttempts == 0 {
				t.Errorf("%s retries without jitter or bounds", name)
			}
		}
		if !nested && (len(s.Catch) == 0 || !slices.Contains(s.Catch[len(s.Catch)-1].ErrorEquals, "States.ALL")) {
			t.Errorf("%s does not catch everything", name)
		}
	})
}

func TestErrorNamesAreCodesOfTheDomainOrOfStepFunctions(t *testing.T) {
	known := map[string]bool{}
	for _, c := range upgrade.Codes() {
		known[string(c)] = true
	}
	foreign := []string{"States.", "Lambda.", "Runtime.", "Sandbox.", "CodeBuild."}
	each(load(t), false, func(name string, s state, _ bool) {
		var names []string
		for _, r := range s.Retry {
			names = append(names, r.ErrorEquals...)
		}
		for _, c := range s.Catch {
			names = append(names, c.ErrorEquals...)
		}
		for _, n := range names {
			if !known[n] && !slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(n, p) }) {
				t.Errorf("%s handles %q, which nothing raises", name, n)
			}
		}
	})
}

func TestTasksCallOnlyThePhases(t *testing.T) {
	known := map[string]bool{}
	for _, p := range upgrade.Phases() {
		known["eks-upgrade-"+string(p)] = true
	}
	each(load(t), false, func(name string, s state, _ bool) {
		if strings.Contains(s.Resource, "lambda:invoke") && !known[s.Arguments.FunctionName] {
			t.Errorf("%s calls %q", name, s.Arguments.FunctionName)
		}
	})
}

func TestEveryStateIsReachableAndEnds(t *testing.T) {
	d := load(t)
	seen := map[string]bool{}
	next := map[string][]string{}
	var walk func(string)
	walk = func(name string) {
		if seen[name] {
			return
		}
		s, exists := d.States[name]
		if !exists {
			t.Errorf("%q is named but does not exist", name)
			return
		}
		seen[name] = true
		var raw struct{ Catch []struct{ Next string } }
		var all struct{ States map[string]json.RawMessage }
		if err := json.Unmarshal(Upgrade, &all); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(all.States[name], &raw); err != nil {
			t.Fatal(err)
		}
		to := []string{}
		for _, n := range []string{s.Next, s.Default} {
			if n != "" {
				to = append(to, n)
			}
		}
		for _, c := range s.Choices {
			to = append(to, c.Next)
		}
		for _, c := range raw.Catch {
			to = append(to, c.Next)
		}
		next[name] = to
		for _, n := range to {
			walk(n)
		}
	}
	walk(d.StartAt)
	for name := range d.States {
		if !seen[name] {
			t.Errorf("%s is not reachable", name)
		}
	}
	// A terminal state is reachable from every state.
	ends := map[string]bool{}
	for name, s := range d.States {
		if s.Type == "Succeed" || s.Type == "Fail" {
			ends[name] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for name, to := range next {
			if !ends[name] && slices.ContainsFunc(to, func(n string) bool { return ends[n] }) {
				ends[name], changed = true, true
			}
		}
	}
	for name := range d.States {
		if !ends[name] {
			t.Errorf("no end is reachable from %s", name)
		}
	}
}
