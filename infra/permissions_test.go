package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

var update = flag.Bool("update", false, "write the golden files")

// permission is one action on one resource.
type permission struct{ action, resource, condition string }

// permissions returns what each role may do, by the role's name.
func permissions(t *testing.T) map[string][]permission {
	t.Helper()
	out := map[string][]permission{}
	for id, r := range resources {
		switch r.Type {
		case "AWS::IAM::Role":
			name, named := r.Properties["RoleName"].(string)
			if !named {
				name = id
				t.Errorf("%s is a role without a name: nobody wrote it by hand", id)
			}
			for _, p := range list(r.Properties["Policies"]) {
				out[name] = append(out[name], statements(t, id, p.(map[string]any)["PolicyDocument"])...)
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
	for _, s := range list(document.(map[string]any)["Statement"]) {
		statement := s.(map[string]any)
		if statement["Effect"] != "Allow" || statement["NotAction"] != nil || statement["NotResource"] != nil {
			t.Errorf("%s has a statement that allows nothing, or all but something: %v", id, statement)
		}
		condition := ""
		if statement["Condition"] != nil {
			data, err := json.Marshal(statement["Condition"])
			if err != nil {
				t.Fatal(err)
			}
			condition = string(data)
		}
		for _, action := range list(statement["Action"]) {
			for _, on := range list(statement["Resource"]) {
				out = append(out, permission{action.(string), on.(string), condition})
			}
		}
	}
	return out
}

// list returns what CloudFormation writes as one value or as a list of them.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// The golden file is for auditors: everything that any role may do.
func TestRolesMayDoWhatIsWrittenDown(t *testing.T) {
	all := permissions(t)
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
	const golden = "testdata/permissions.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("roles may do something else than %s says; if that is meant, run this test with -update (-want +got):\n%s", golden, diff)
	}
}

func TestNoActionHasAWildcard(t *testing.T) {
	for role, all := range permissions(t) {
		for _, p := range all {
			if strings.Contains(p.action, "*") {
				t.Errorf("%s: %s", role, p.action)
			}
		}
	}
}

// Actions that AWS lets nobody narrow to a resource; each has its reason where
// it is allowed. Source: the service authorization reference.
var unnarrowed = []string{
	"cloudwatch:GetMetricData", "ec2:DescribeSubnets",
	"eks:CreateCluster", "eks:DescribeAddonVersions", "eks:DescribeClusterVersions",
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
	"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
	"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

func TestOnlyActionsWithoutResourcesAreAllowedOnAll(t *testing.T) {
	for role, all := range permissions(t) {
		for _, p := range all {
			if p.resource == "*" && !slices.Contains(unnarrowed, p.action) {
				t.Errorf("%s may %s on everything", role, p.action)
			}
			if p.action == "eks:CreateCluster" && p.condition == "" {
				t.Errorf("%s may create clusters without the agent's tag", role)
			}
		}
	}
}

func TestNoRoleHasAManagedPolicy(t *testing.T) {
	for id, r := range resources {
		if r.Type == "AWS::IAM::Role" && r.Properties["ManagedPolicyArns"] != nil {
			t.Errorf("%s has %v", id, r.Properties["ManagedPolicyArns"])
		}
	}
}

// The state machine's role allows what the tasks of the document do, and
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
	for _, p := range permissions(t)["eks-upgrade-machine"] {
		if !strings.HasPrefix(p.action, "logs:") && !strings.HasPrefix(p.action, "xray:") {
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
