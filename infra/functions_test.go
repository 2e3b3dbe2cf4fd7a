package main

import (
	"encoding/json"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

type machine struct {
	States map[string]struct {
		Arguments      struct{ FunctionName string }
		TimeoutSeconds any
		Branches       []machine
	}
}

// A state that times out invokes its function again. If the first invocation
// still ran then, it could change the weights after a rollback.
func TestFunctionsEndBeforeTheStatesThatWaitForThem(t *testing.T) {
	var document machine
	if err := json.Unmarshal(statemachine.Upgrade, &document); err != nil {
		t.Fatal(err)
	}
	states := 0
	var visit func(machine)
	visit = func(m machine) {
		for name, s := range m.States {
			for _, b := range s.Branches {
				visit(b)
			}
			for _, phase := range upgrade.Phases() {
				seconds, fixed := s.TimeoutSeconds.(float64) // the wait for an approval is an expression
				if s.Arguments.FunctionName != functionName(phase) || !fixed {
					continue
				}
				states++
				if timeout(phase) >= seconds {
					t.Errorf("state %s gives up after %.0f s, but its function runs for up to %.0f s", name, seconds, timeout(phase))
				}
			}
		}
	}
	visit(document)
	if states < 10 {
		t.Errorf("only %d states were found", states)
	}
}
