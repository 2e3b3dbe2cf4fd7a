package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

// permission is one action on one resource.
type permission struct{ action, resource, condition string }

// permissions returns what each role may do, by the role's name.
func permissions(t *testing.T, one template) map[string][]permission {
	t.Helper()
	out := map[string][]permission{}
	for id, r := range one.Resources {
		switch r.Type {
		case "AWS::IAM::Role":
			name, named := r.Properties["RoleName"].(string)
			if !named {
				t.Errorf("%s is a role without a name: nobody wrote it by hand", id)
			}
			for _, p := range list(r.Properties["Policies"]) {
				out[name] = append(out[name], statements(t, id, at(p, "PolicyDocument"))...)
			}
		case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
			t.Errorf("%s is a policy beside the roles: nobody wrote it by hand", id)
		}
	}
	return out
}

func statements(t *testing.T, id string, document any) []permission {
	t.Helper()
	var out []permission
	for _, s := range list(at(document, "Statement")) {
		statement := s.(map[string]any)
		if statement["Effect"] != "Allow" || statement["NotAction"] != nil || statement["NotResource"] != nil {
			t.Errorf("%s has a statement that allows nothing, or all but something: %v", id, statement)
		}
		condition := ""
		if statement["Condition"] != nil {
			condition = written(statement["Condition"])
		}
		for _, action := range list(statement["Action"]) {
			for _, on := range list(statement["Resource"]) {
				out = append(out, permission{action.(string), written(on), condition})
			}
		}
	}
	return out
}

// golden compares a text with a file; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("it is not as %s says; if that is meant, run this test with -update (-want +got):\n%s", path, diff)
	}
}

// The golden files are for auditors: everything that any role may do.
func TestRolesMayDoWhatIsWrittenDown(t *testing.T) {
	for name, one := range map[string]template{"full": full, "least": least, "spoke": spoke} {
		t.Run(name, func(t *testing.T) {
			all := permissions(t, one)
			var b strings.Builder
			for _, role := range slices.Sorted(maps.Keys(all)) {
				lines := make([]string, 0, len(all[role]))
				for _, p := range all[role] {
					line := fmt.Sprintf("  %-34s %s", p.action, p.resource)
					if p.condition != "" {
						line += "\n      if " + p.condition
					}
					lines = append(lines, line)
				}
				slices.Sort(lines)
				if twice := len(lines) - len(slices.Compact(slices.Clone(lines))); twice > 0 {
					t.Errorf("%s: %d permissions are given twice", role, twice)
				}
				fmt.Fprintf(&b, "%s\n%s\n\n", role, strings.Join(lines, "\n"))
			}
			golden(t, name+".permissions.golden", b.String())
		})
	}
}

// The stack has the roles of pkg/access and no others.
func TestTheRolesAreThoseOfPackageAccess(t *testing.T) {
	for name, c := range map[string]struct {
		one  template
		less []string
	}{"full": {full, []string{access.GatewayRole}}, "least": {least, nil}} {
		t.Run(name, func(t *testing.T) {
			var want, got []string
			for _, r := range access.Roles(access.Names{}) {
				if !slices.Contains(c.less, r.Name) {
					want = append(want, r.Name)
				}
			}
			for _, r := range c.one.of("AWS::IAM::Role") {
				got = append(got, r.Properties["RoleName"].(string))
				if r.Properties["ManagedPolicyArns"] != nil {
					t.Errorf("%s has the managed policies %v", r.Properties["RoleName"], r.Properties["ManagedPolicyArns"])
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-access +stack):\n%s", diff)
			}
		})
	}
}

func TestNoActionHasAWildcard(t *testing.T) {
	forEach(t, func(t *testing.T, one template) {
		for role, all := range permissions(t, one) {
			for _, p := range all {
				if strings.Contains(p.action, "*") {
					t.Errorf("%s: %s", role, p.action)
				}
			}
		}
	})
}

// What is allowed on everything has its reason in pkg/access, and clusters are
// made with the agent's tag only.
func TestOnlyActionsWithAReasonAreAllowedOnEverything(t *testing.T) {
	reasons := map[string]bool{}
	for _, r := range access.Roles(access.Names{VPC: true}) {
		for _, s := range r.Statements {
			for _, action := range s.Actions {
				if s.Wide != "" {
					reasons[action] = true
				}
			}
		}
	}
	forEach(t, func(t *testing.T, one template) {
		for role, all := range permissions(t, one) {
			for _, p := range all {
				if p.resource == "*" && !reasons[p.action] {
					t.Errorf("%s may %s on everything", role, p.action)
				}
				if p.action == "eks:CreateCluster" && !strings.Contains(p.condition, "aws:RequestTag/eks-upgrade-agent/upgrade") {
					t.Errorf("%s may create clusters without the agent's tag", role)
				}
			}
		}
	})
}

// A role of a service is taken on for this account only. Lambda and API Gateway
// do not say for whom they act.
func TestRolesAreTakenOnForThisAccountOnly(t *testing.T) {
	for _, one := range []template{full, least} {
		for _, r := range one.of("AWS::IAM::Role") {
			trust := at(r.Properties, "AssumeRolePolicyDocument.Statement.0")
			service, _ := at(trust, "Principal.Service").(string)
			switch {
			case service == "":
				t.Errorf("%s is taken on by %v", r.Properties["RoleName"], at(trust, "Principal"))
			case service == "lambda.amazonaws.com" || service == "apigateway.amazonaws.com":
			case at(trust, "Condition.StringEquals").(map[string]any)["aws:SourceAccount"] != "123456789012":
				t.Errorf("%s is taken on by %s for anybody", r.Properties["RoleName"], service)
			}
		}
	}
}

// The upgrade machine's role allows what the tasks of the document do, and
// nothing more.
func TestStateMachineMayDoItsTasksOnly(t *testing.T) {
	want := map[string]bool{}
	on := func(resource string, actions ...string) {
		for _, a := range actions {
			want[a+" "+resource] = true
		}
	}
	for _, task := range tasks(t, statemachine.Upgrade) {
		switch task.Resource {
		case "arn:aws:states:::lambda:invoke", "arn:aws:states:::lambda:invoke.waitForTaskToken":
			on("arn:aws:lambda:eu-west-1:123456789012:function:"+task.Arguments.FunctionName, "lambda:InvokeFunction")
		case "arn:aws:states:::codebuild:startBuild.sync":
			on("arn:aws:codebuild:eu-west-1:123456789012:project/"+task.Arguments.ProjectName, "codebuild:StartBuild", "codebuild:StopBuild", "codebuild:BatchGetBuilds")
			on("arn:aws:events:eu-west-1:123456789012:rule/StepFunctionsGetEventForCodeBuildStartBuildRule", "events:PutTargets", "events:PutRule", "events:DescribeRule")
		case "arn:aws:states:::sns:publish":
			on("arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts", "sns:Publish")
		default:
			t.Errorf("what a task with the resource %s needs is not known here", task.Resource)
		}
	}
	got := map[string]bool{}
	for _, p := range permissions(t, least)["eks-upgrade-machine"] {
		if !strings.HasPrefix(p.action, "logs:") && !strings.HasPrefix(p.action, "xray:") && !strings.HasPrefix(p.action, "kms:") {
			got[p.action+" "+p.resource] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-needed +allowed):\n%s", diff)
	}
}

type task struct {
	Type      string
	Resource  string
	Arguments struct{ FunctionName, ProjectName, TopicArn string }
	Branches  []struct{ States map[string]json.RawMessage }
}

// tasks returns the Task states of a document, those in branches too.
func tasks(t *testing.T, document []byte) []task {
	t.Helper()
	var machine struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal(document, &machine); err != nil {
		t.Fatal(err)
	}
	var found []task
	var walk func(states map[string]json.RawMessage)
	walk = func(states map[string]json.RawMessage) {
		for name, data := range states {
			var kind struct{ Type string }
			if err := json.Unmarshal(data, &kind); err != nil {
				t.Fatalf("state %s: %v", name, err)
			}
			if kind.Type != "Task" && kind.Type != "Parallel" {
				continue
			}
			var s task
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatalf("state %s: %v", name, err)
			}
			if s.Type == "Task" {
				found = append(found, s)
			}
			for _, b := range s.Branches {
				walk(b.States)
			}
		}
	}
	walk(machine.States)
	return found
}
