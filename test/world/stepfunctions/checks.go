package stepfunctions

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// checkTasks checks what depends on AWS's services rather than on the language:
// the resources of tasks, their fields, and what Express workflows may use. The
// definition is one that parses.
func (s *Service) checkTasks(definition []byte, kind types.StateMachineType) []asl.Diagnostic {
	var doc map[string]any
	if err := json.Unmarshal(definition, &doc); err != nil {
		return []asl.Diagnostic{failed("", err.Error())}
	}
	var found []asl.Diagnostic
	s.checkStates(doc, "", kind == types.StateMachineTypeExpress, &found)
	return found
}

func (s *Service) checkStates(block map[string]any, at string, express bool, found *[]asl.Diagnostic) {
	states, _ := block["States"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(states)) {
		state, _ := states[name].(map[string]any)
		at := at + "/States/" + name
		switch state["Type"] {
		case "Task":
			s.checkTask(state, at, express, found)
		case "Parallel":
			branches, _ := state["Branches"].([]any)
			for i, b := range branches {
				branch, _ := b.(map[string]any)
				s.checkStates(branch, fmt.Sprintf("%s/Branches[%d]", at, i), express, found)
			}
		case "Map":
			for _, field := range []string{"ItemProcessor", "Iterator"} {
				if p, ok := state[field].(map[string]any); ok {
					config, _ := p["ProcessorConfig"].(map[string]any)
					if express && config["Mode"] == "DISTRIBUTED" {
						*found = append(*found, failed(at+"/"+field+"/ProcessorConfig/Mode", "Express state machine does not support Distributed Map"))
					}
					s.checkStates(p, at+"/"+field, express || config["ExecutionType"] == "EXPRESS", found)
				}
			}
		}
	}
}

func (s *Service) checkTask(state map[string]any, at string, express bool, found *[]asl.Diagnostic) {
	resource, _ := state["Resource"].(string)
	i, service := parseIntegration(resource)
	problem := func(field, message string) { *found = append(*found, failed(at+"/"+field, message)) }
	switch {
	case express && strings.Contains(resource, ":activity:"):
		problem("Resource", "Express state machine does not support Activity ARN")
		return
	case express && i.pattern == callback: // with a blank at its end, as on AWS
		problem("Resource", "Express state machine does not support '.waitForTaskToken' service integration ")
		return
	case express && i.pattern != "":
		problem("Resource", "Express state machine does not support '.sync' service integration")
		return
	case !service:
		return
	}
	if why := i.check(resource); why != "" {
		problem("Resource", why)
		return
	}
	for _, field := range []string{"Parameters", "Arguments"} {
		fields, ok := state[field].(map[string]any)
		if !ok {
			continue
		}
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, strings.TrimSuffix(name, ".$"))
		}
		for _, message := range s.fieldProblems(i, names) {
			problem(field, message)
		}
	}
}

// lambdaFields are those of lambda:invoke.
var lambdaFields = []string{"ClientContext", "FunctionName", "InvocationType", "LogType", "Payload", "Qualifier"}

// fieldProblems says which of the named fields an action does not have, and
// which it requires beyond them. Of actions that the world does not serve
// nothing is known.
func (s *Service) fieldProblems(i integration, names []string) []string {
	known, required := s.fields(i)
	if known == nil {
		return nil
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		if !slices.Contains(known, name) && !slices.ContainsFunc(known, func(k string) bool { return wire.PascalName(k) == name }) {
			out = append(out, fmt.Sprintf("The field %q is not supported by Step Functions", name))
		}
	}
	for _, name := range required {
		if pascal := wire.PascalName(name); !slices.Contains(names, name) && !slices.Contains(names, pascal) {
			out = append(out, fmt.Sprintf("The field %q is required but was missing", pascal))
		}
	}
	return out
}

// fields lists the fields of an action, and those that it requires.
func (s *Service) fields(i integration) (known, required []string) {
	if !i.sdk && i.service == "lambda" {
		return lambdaFields, []string{"FunctionName"}
	}
	in, err := s.newInput(i)
	if err != nil {
		return nil, nil
	}
	t := reflect.TypeOf(in).Elem()
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() {
			known = append(known, f.Name)
		}
	}
	return known, wire.Required(t)
}
