package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// deployed is a world with the state machines, which end as their definitions
// say, and the table of the records.
func deployed(t *testing.T, definition string) *runningWorld {
	t.Helper()
	w := startedWorld(t, "--speed", "100")
	api := sfn.NewFromConfig(w.config())
	for _, name := range []string{"eks-upgrade", "eks-upgrade-fleet"} {
		m, err := api.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: &name, RoleArn: aws.String("arn:aws:iam::" + w.Account + ":role/m"), Definition: &definition, Publish: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: m.StateMachineVersionArn, Weight: 100}}}); err != nil {
			t.Fatal(err)
		}
	}
	db := dynamodb.NewFromConfig(w.config())
	if _, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: aws.String("eks-upgrade-records"), BillingMode: ddbtypes.BillingModePayPerRequest,
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("upgrade"), KeyType: ddbtypes.KeyTypeHash}, {AttributeName: aws.String("key"), KeyType: ddbtypes.KeyTypeRange}},
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("upgrade"), AttributeType: ddbtypes.ScalarAttributeTypeS}, {AttributeName: aws.String("key"), AttributeType: ddbtypes.ScalarAttributeTypeS}}}); err != nil {
		t.Fatal(err)
	}
	if err := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 100*time.Millisecond
	}).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("eks-upgrade-records")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return w
}

// in runs a command against a world; its clock runs fast, so that waiting takes
// no time.
func in(t *testing.T, w *runningWorld, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := newApp(strings.NewReader(stdin), &out, &errs)
	fast, err := clock.NewFast(a.clock.Now(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	a.clock = fast
	a.aws = func(context.Context) (aws.Config, error) { return w.config(), nil }
	code = a.run(t.Context(), args)
	return code, out.String(), errs.String()
}

const (
	endsWell   = `{"StartAt":"MoreSteps","States":{"MoreSteps":{"Type":"Pass","Result":{"outcome":"succeeded"},"End":true}}}`
	rollsBack  = `{"StartAt":"RolledBack","States":{"RolledBack":{"Type":"Fail","Error":"RolledBack","Cause":"green was ill"}}}`
	fails      = `{"StartAt":"Failed","States":{"Failed":{"Type":"Fail","Error":"Failed","Cause":"no-go"}}}`
	neverEnds  = `{"StartAt":"AwaitApproval","States":{"AwaitApproval":{"Type":"Wait","Seconds":99999999,"End":true}}}`
	requestDoc = "cluster: shop\ntarget: '1.35'\ntraffic: {hostedZone: Z0123456789ABC, record: shop.example.com, service: default/frontend}\n"
)

func TestAnUpgradeIsStartedOnceAndShown(t *testing.T) {
	w := deployed(t, neverEnds)
	file := filepath.Join(t.TempDir(), "request.yaml")
	if err := os.WriteFile(file, []byte(requestDoc), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := in(t, w, "", "status"); code != 0 || !strings.Contains(out, "There are no upgrades") {
		t.Errorf("status: %d %s%s", code, out, errs)
	}
	var first, second struct{ Name, ARN, Status, State, Input string }
	for _, e := range []any{&first, &second} {
		code, out, errs := in(t, w, "", "start", file, "--target", "1.36", "-o", "json")
		if code != 0 {
			t.Fatalf("%d: %s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), e); err != nil {
			t.Fatal(err)
		}
	}
	if first.ARN != second.ARN || !strings.HasPrefix(first.Name, "shop-1-36-2") || first.Status != "RUNNING" {
		t.Errorf("started %+v and %+v", first, second)
	}
	if first.Input != `{"cluster":"shop","target":"1.36","traffic":{"hostedZone":"Z0123456789ABC","record":"shop.example.com","service":"default/frontend"}}` {
		t.Errorf("input %s", first.Input)
	}
	run := upgrade.Run{ID: first.Name}
	plan := upgrade.Plan{Upgrade: first.Name, Mode: upgrade.Forward, Steps: []upgrade.Step{{ID: "provision", Kind: upgrade.StepProvision, Title: "Make \x1b[31mgreen"}}}
	if _, err := records.New(dynamodb.NewFromConfig(w.config()), "eks-upgrade-records", clock.System{}).StartStep(t.Context(), run, plan, 0); err != nil {
		t.Fatal(err)
	}
	code, out, errs := in(t, w, "", "status", first.Name)
	for _, want := range []string{"RUNNING", "AwaitApproval", "Make green", "started", first.Name} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d does not say %q: %s%s", code, want, out, errs)
		}
	}
	if strings.Contains(out, "\x1b[31m") {
		t.Error("an escape sequence of a record reaches the terminal")
	}
	for _, args := range [][]string{{"status"}, {"status", "--running"}} {
		if code, out, errs = in(t, w, "", args...); code != 0 || strings.Count(out, "RUNNING") != 1 {
			t.Errorf("%s: %d %s%s", args, code, out, errs)
		}
	}
	code, out, _ = in(t, w, "", "status", first.ARN, "-o", "json")
	var shown struct {
		Name  string
		Steps []struct{ Title string }
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != 0 || shown.Name != first.Name || len(shown.Steps) != 1 {
		t.Errorf("%d, %v: %s", code, err, out)
	}
	if code, _, errs = in(t, w, "", "start", file, "--name", first.Name); code != 1 || !strings.Contains(errs, "give another --name") {
		t.Errorf("another request under the same name: %d %s", code, errs)
	}
	if code, _, errs = in(t, w, "", "status", "nobody"); code != 1 || !strings.Contains(errs, "there is none") {
		t.Errorf("an unknown upgrade: %d %s", code, errs)
	}
}

// Who may not read the steps still sees how far the upgrade is.
func TestAnUpgradeIsShownWithoutItsSteps(t *testing.T) {
	w := deployed(t, neverEnds)
	if code, _, errs := in(t, w, requestDoc, "start", "-", "--name", "shown"); code != exitOK {
		t.Fatalf("%d: %s", code, errs)
	}
	code, out, errs := in(t, w, "", "status", "shown", "--records", "no-such-table")
	if code != exitFailed || !strings.Contains(out, "RUNNING") || !strings.Contains(errs, "no-such-table") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	if code, out, _ = in(t, w, "", "status", "shown", "--records", "no-such-table", "-ojson"); code != exitFailed || !json.Valid([]byte(out)) || strings.Contains(out, "RUNNING") {
		t.Errorf("%d: %s", code, out)
	}
}

func TestWaitingForTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		definition string
		code       int
		says       string
	}{
		"succeeded":   {endsWell, exitOK, "SUCCEEDED"},
		"rolled back": {rollsBack, exitRolledBack, "green was ill"},
		"failed":      {fails, exitFailed, "no-go"},
	} {
		t.Run(name, func(t *testing.T) {
			w := deployed(t, c.definition)
			code, out, errs := in(t, w, requestDoc, "start", "-", "--wait")
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("%d, want %d: %s%s", code, c.code, out, errs)
			}
		})
	}
}

func TestAFleetIsStarted(t *testing.T) {
	w := deployed(t, endsWell)
	fleet := "waves: [{name: canary, soakMinutes: 5, requests: [{cluster: shop, target: '1.35', traffic: {hostedZone: Z0123456789ABC, record: shop.example.com, service: default/frontend}}]}]"
	code, out, errs := in(t, w, fleet, "start", "-", "--fleet", "--name", "q3", "--dry-run")
	if code != 0 || !strings.Contains(out, "eks-upgrade-fleet would be started as q3") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	code, out, errs = in(t, w, fleet, "start", "-", "--fleet", "--name", "q3", "--wait")
	if code != 0 || !strings.Contains(out, "SUCCEEDED") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	if code, out, _ = in(t, w, "", "status", "q3"); code != 0 || !strings.Contains(out, "eks-upgrade-fleet") {
		t.Errorf("%d: %s", code, out)
	}
}

func TestBadRequestsAreNotStarted(t *testing.T) {
	w := startedWorld(t)
	for name, c := range map[string]struct {
		stdin string
		args  []string
		code  int
		says  string
	}{
		"nothing":                      {"", []string{"start"}, 2, "name a file with the request"},
		"no such file":                 {"", []string{"start", "/nowhere/request.yaml"}, 2, "/nowhere/request.yaml"},
		"no YAML":                      {"a: [", []string{"start", "-"}, 2, "write it as JSON or YAML"},
		"a key twice":                  {"cluster: a\ncluster: b", []string{"start", "-"}, 2, "already set"},
		"a list":                       {"[1]", []string{"start", "-"}, 2, "it holds no object"},
		"an empty file":                {"", []string{"start", "-"}, 2, "it holds no object"},
		"a file of null":               {"null", []string{"start", "-", "--cluster", "shop"}, 2, "it holds no object"},
		"a request's flag for a fleet": {"waves: []", []string{"start", "-", "--fleet", "--name", "q3", "--cluster", "shop"}, 2, "--cluster: is of one upgrade"},
		"an unknown field":             {requestDoc + "force: true", []string{"start", "-"}, 2, "force"},
		"no zone":                      {"", []string{"start", "--cluster", "shop", "--target", "1.35"}, 2, "traffic.hostedZone"},
		"a bad version":                {requestDoc, []string{"start", "-", "--target", "newest"}, 2, "target"},
		"a bad name":                   {requestDoc, []string{"start", "-", "--name", "a b"}, 2, "is no name of an execution"},
		"an unknown output":            {requestDoc, []string{"start", "-", "-o", "xml"}, 2, "use one of: table, json"},
		"too often":                    {requestDoc, []string{"start", "-", "--every", "1ms"}, 2, "--every"},
		"a fleet without a name":       {"waves: []", []string{"start", "-", "--fleet"}, 2, "name the fleet's upgrade"},
		"a fleet without waves":        {"waves: []", []string{"start", "-", "--fleet", "--name", "q3"}, 2, "waves: is empty"},
		"a fleet without file":         {"", []string{"start", "--fleet", "--name", "q3"}, 2, "name a file with the waves"},
		"a wave without requests": {"waves: [{requests: []}]", []string{"start", "-", "--fleet", "--name", "q3"}, 2,
			"waves[0].requests: is empty"},
		"a bad request in a wave": {"waves: [{requests: [{cluster: a}]}]", []string{"start", "-", "--fleet", "--name", "q3"}, 2, "waves[0].requests[0]: target"},
		"a bad limit":             {"waves: [{requests: [{cluster: a}], maxConcurrency: 0}]", []string{"start", "-", "--fleet", "--name", "q3"}, 2, "maxConcurrency: 0 is out of range"},
		"an agent not deployed":   {requestDoc, []string{"start", "-"}, 1, "deploy the agent"},
		"status of no agent":      {"", []string{"status"}, 1, "deploy the agent"},
		"status with a bad limit": {"", []string{"status", "--limit", "0"}, 2, "--limit"},
		"status of a bad name":    {"", []string{"status", "a b"}, 2, "is no name of an execution"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := in(t, w, c.stdin, c.args...)
			if code != c.code || !strings.Contains(errs, c.says) {
				t.Errorf("%d, want %d and %q: %s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}
