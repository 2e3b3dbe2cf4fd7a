package worldcli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// deploy makes the state machines and the rule of requests, as the stack does;
// the machines only wait.
func deploy(t *testing.T, w *world.World) {
	t.Helper()
	api := sfn.NewFromConfig(w.AWSConfig())
	var live string
	for _, name := range []string{"eks-upgrade-fleet", "eks-upgrade"} {
		m, err := api.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: &name, RoleArn: aws.String("arn:aws:iam::123456789012:role/m"), Publish: true,
			Definition: aws.String(`{"StartAt":"P","States":{"P":{"Type":"Wait","Seconds":86400,"End":true}}}`)})
		if err != nil {
			t.Fatal(err)
		}
		a, err := api.CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{Name: aws.String("live"),
			RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: m.StateMachineVersionArn, Weight: 100}}})
		if err != nil {
			t.Fatal(err)
		}
		live = *a.StateMachineAliasArn
	}
	bus := eventbridge.NewFromConfig(w.AWSConfig())
	if _, err := bus.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String(events.Bus)}); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventBusName: aws.String(events.Bus), EventPattern: aws.String(string(events.Pattern("upgrade-requested")))}); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), EventBusName: aws.String(events.Bus),
		Targets: []ebtypes.Target{{Id: aws.String("m"), Arn: &live, RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), InputPath: aws.String("$.detail")}}}); err != nil {
		t.Fatal(err)
	}
}

// script runs scripts/start.sh with the AWS CLI on its path.
func script(t *testing.T, cli Tool, env map[string]string, args ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte("#!/bin/sh\nexec python3 "+filepath.Join(cli.Dir, "aws")+` "$@"`+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"../../scripts/start.sh"}, args...)...)
	cmd.Env = append(cli.environ(dir, env), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// inputs returns the inputs of a machine's executions.
func inputs(t *testing.T, w *world.World, machine string) []string {
	t.Helper()
	api := sfn.NewFromConfig(w.AWSConfig())
	list, err := api.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String("arn:aws:states:eu-west-1:123456789012:stateMachine:" + machine)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Executions {
		d, err := api.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: e.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(strings.Fields(*d.Input), ""))
	}
	return out
}

func TestTheStartScript(t *testing.T) {
	cli := tool(t)
	w, clk, env := newWorld(t)
	deploy(t, w)
	request := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(request, []byte("{\n\t\"cluster\": \"shop\",\n\t\"note\": \"a \\\"quoted\\\" \\\\ word\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = `{"cluster":"shop","note":"a\"quoted\"\\word"}`
	for range 2 { // the second finds the first
		if out, code := script(t, cli, env, "shop-1", request); code != 0 || out != "arn:aws:states:eu-west-1:123456789012:execution:eks-upgrade:shop-1" {
			t.Fatalf("%d: %s", code, out)
		}
	}
	if out, code := script(t, cli, env, "--fleet", "q3", request); code != 0 || !strings.HasSuffix(out, ":eks-upgrade-fleet:q3") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := script(t, cli, env, "--event", request); code != 0 || !strings.HasPrefix(out, "Asked for the upgrade") {
		t.Errorf("%d: %s", code, out)
	}
	clk.Advance(time.Second)
	if got := inputs(t, w, "eks-upgrade"); len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("upgrades: %q", got)
	}
	if got := inputs(t, w, "eks-upgrade-fleet"); len(got) != 1 || got[0] != want {
		t.Errorf("fleets: %q", got)
	}
}

func TestTheStartScriptSaysWhatIsWrong(t *testing.T) {
	cli := tool(t)
	_, _, env := newWorld(t)
	request := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(request, []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "scripts/start.sh NAME REQUEST.json"},
		{[]string{"--force", "a", request}, 2, "scripts/start.sh NAME REQUEST.json"},
		{[]string{"a b", request}, 2, "is no name of an execution"},
		{[]string{"a", "/nowhere.json"}, 2, "/nowhere.json cannot be read"},
		{[]string{"--event", "/nowhere.json"}, 2, "/nowhere.json cannot be read"},
		{[]string{"--event", request}, 1, "EventBridge did not take the event"},
		{[]string{"a", request}, 254, "StateMachineDoesNotExist"},
	} {
		if out, code := script(t, cli, env, c.args...); code == 0 || (c.code < 3 && code != c.code) || !strings.Contains(out, c.says) {
			t.Errorf("%q: %d: %s", c.args, code, out)
		}
	}
}
