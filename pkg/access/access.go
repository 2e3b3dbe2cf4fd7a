// Package access is the one place where it is written what each part of the
// agent may do: as IAM statements and as Kubernetes rules, both plain data.
// The stack in infra renders it, the doctor verifies it, tests prove it.
package access

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Statement allows actions on resources.
type Statement struct {
	Why       string                    `json:"why"`                 // what needs it
	Actions   []string                  `json:"actions"`             // without wildcards
	Resources []string                  `json:"resources"`           // ARNs; a * in them stands for any text
	Wide      string                    `json:"wide,omitempty"`      // why Resources is "*"; empty when it is not
	Condition map[string]map[string]any `json:"condition,omitempty"` // operator, key, value or []string
}

// Role is an IAM role of the agent.
type Role struct {
	Name       string                    `json:"name"`
	Purpose    string                    `json:"purpose"`             // part of a sentence: "the execute phase"
	Service    string                    `json:"service"`             // principal that takes it on: "lambda.amazonaws.com"
	AssumedIf  map[string]map[string]any `json:"assumedIf,omitempty"` // condition of its trust policy
	Statements []Statement               `json:"statements"`
	Group      Group                     `json:"group,omitempty"` // in the clusters; empty: it talks to none
}

// Roles returns all roles, in the order in which an upgrade needs them.
func Roles(n Names) []Role {
	var all []Role
	for _, f := range Functions() {
		all = append(all, Role{Name: f.Name, Purpose: f.Purpose, Service: "lambda.amazonaws.com", Statements: Function(f.Name, n), Group: groupOf(f.Name)})
	}
	for _, b := range Builds() {
		all = append(all, Role{Name: b.Name, Purpose: b.Purpose, Service: "codebuild.amazonaws.com", AssumedIf: n.InThisAccount(), Statements: Build(b.Name, n), Group: groupOf(b.Name)})
	}
	for _, m := range Machines() {
		all = append(all, Role{Name: MachineRole(m.Name), Purpose: m.Purpose, Service: "states.amazonaws.com", AssumedIf: n.InThisAccount(), Statements: Machine(m.Name, n)})
	}
	for _, s := range services {
		r := Role{Name: s.Name, Purpose: s.Purpose, Service: s.service, Statements: Service(s.Name, n)}
		if !s.bare {
			r.AssumedIf = n.InThisAccount()
		}
		all = append(all, r)
	}
	return all
}

// RoleNamed returns the role with a name; false where the agent has none of it.
func RoleNamed(name string, n Names) (Role, bool) {
	all := Roles(n)
	i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// Part is a function, a build or a state machine of the agent.
type Part struct {
	Name    string // of the resource in AWS
	Purpose string // part of a sentence
}

// Functions returns the Lambda functions.
func Functions() []Part {
	var all []Part
	for _, phase := range upgrade.Phases() {
		all = append(all, Part{FunctionName(phase), "the " + string(phase) + " phase"})
	}
	return append(all, Part{AnswerFunction, "the approval API"}, Part{StreamFunction, "the stream of what happens"},
		Part{SurveyFunction, "the survey of clusters between upgrades"})
}

// Builds returns the CodeBuild projects.
func Builds() []Part {
	return []Part{
		{ProvisionProject, "the build that makes green clusters"},
		{ScanProject, "the build that runs kubent and pluto"},
	}
}

// Machines returns the state machines.
func Machines() []Part {
	return []Part{{UpgradeMachine, "the state machine of an upgrade"}, {FleetMachine, "the state machine of a fleet"}}
}

// InThisAccount keeps a service from taking on a role on behalf of another
// account. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (n Names) InThisAccount() map[string]map[string]any {
	return map[string]map[string]any{"StringEquals": {"aws:SourceAccount": n.Account}}
}

func allow(why string, resources []string, actions ...string) Statement {
	return Statement{Why: why, Actions: actions, Resources: resources}
}

// wide allows actions on everything, because of the reason given.
func wide(why, reason string, actions ...string) Statement {
	return Statement{Why: why, Wide: reason, Actions: actions, Resources: []string{"*"}}
}

func (s Statement) when(condition map[string]map[string]any) Statement {
	s.Condition = condition
	return s
}
