package full_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/perceive"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/functions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// begin is far from the present: a process that told the time by the machine
// would be seen.
var begin = time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)

const (
	bucket = "artifacts"
	topic  = "arn:aws:sns:eu-west-1:123456789012:alerts"
)

// agent is the agent's deployment in a world of its own.
type agent struct {
	*world.World
	t      *testing.T
	config config.Config
	cfg    aws.Config
	clock  *clock.Fast
}

func deploy(t *testing.T) *agent {
	t.Helper()
	clk, err := clock.NewFast(begin, 100)
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(world.Options{Clock: clk, Hold: clk.Hold, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	services := full.Add(w, full.Options{Hold: clk.Hold, TempDir: t.TempDir()})
	t.Cleanup(func() {
		services.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	a := &agent{World: w, t: t, cfg: w.AWSConfig(), clock: clk}
	if a.config, err = config.Load(environment()); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	db := dynamodb.NewFromConfig(a.cfg)
	for _, table := range []struct{ name, hash, sort string }{{a.config.Tables.Leases, "cluster", ""}, {a.config.Tables.Records, "upgrade", "key"}, {a.config.Tables.Approvals, "upgrade", ""}} {
		in := &dynamodb.CreateTableInput{TableName: &table.name, BillingMode: ddbtypes.BillingModePayPerRequest,
			KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: &table.hash, KeyType: ddbtypes.KeyTypeHash}},
			AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: &table.hash, AttributeType: ddbtypes.ScalarAttributeTypeS}}}
		if table.sort != "" {
			in.KeySchema = append(in.KeySchema, ddbtypes.KeySchemaElement{AttributeName: &table.sort, KeyType: ddbtypes.KeyTypeRange})
			in.AttributeDefinitions = append(in.AttributeDefinitions, ddbtypes.AttributeDefinition{AttributeName: &table.sort, AttributeType: ddbtypes.ScalarAttributeTypeS})
		}
		a.must(db.CreateTable(ctx, in))
		if err := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, 20*time.Millisecond
		}).Wait(ctx,
			&dynamodb.DescribeTableInput{TableName: &table.name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	a.must(awsclient.S3(a.cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}))
	a.must(sns.NewFromConfig(a.cfg).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")}))
	return a
}

func (a *agent) must(_ any, err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// environment is what the deployment gives to its functions.
func environment() []string {
	return []string{config.Prefix + "BUCKET=" + bucket, config.Prefix + "NOTIFICATION_TOPIC=" + topic, config.Prefix + "RELEASE_NOTES_URL=" + config.Bundled}
}

// inProcess registers handlers of production.
func (a *agent) inProcess() {
	a.t.Helper()
	log, err := logging.New(io.Discard, logging.Options{Level: a.config.Logging.Level, Format: a.config.Logging.Format, Clock: a.clock})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx := log.WithContext(a.t.Context())
	register(ctx, a, upgrade.PhaseLease, lease.New)
	register(ctx, a, upgrade.PhasePerceive, perceive.New)
	register(ctx, a, upgrade.PhaseReport, report.New)
}

func register[O any](ctx context.Context, a *agent, phase upgrade.Phase, make start.New[O]) {
	a.t.Helper()
	name := "eks-upgrade-" + string(phase)
	handler, err := make(ctx, a.FunctionConfig(name), a.config, a.clock)
	if err != nil {
		a.t.Fatal(err)
	}
	a.Lambda().Register(name, handler, 15*time.Minute)
}

// processes creates the same functions from the zips of lambdas/.
func (a *agent) processes(dir string, names []string) {
	a.t.Helper()
	api := lambda.NewFromConfig(a.cfg)
	variables := map[string]string{}
	for _, pair := range environment() {
		k, v, _ := strings.Cut(pair, "=")
		variables[k] = v
	}
	for _, phase := range names {
		code, err := os.ReadFile(filepath.Join(dir, phase+".zip"))
		a.must(code, err)
		name := "eks-upgrade-" + phase
		a.must(api.CreateFunction(a.t.Context(), &lambda.CreateFunctionInput{FunctionName: &name, Role: aws.String("arn:aws:iam::123456789012:role/" + name), Runtime: lambdatypes.RuntimeProvidedal2023,
			Handler: aws.String("bootstrap"), Timeout: aws.Int32(900), MemorySize: aws.Int32(512), Environment: &lambdatypes.Environment{Variables: variables}, Code: &lambdatypes.FunctionCode{ZipFile: code}}))
		if err := lambda.NewFunctionActiveV2Waiter(api, func(o *lambda.FunctionActiveV2WaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, 20*time.Millisecond
		}).Wait(a.t.Context(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute); err != nil {
			a.t.Fatal(err)
		}
	}
}

// run runs the machine of production and returns the path through its states,
// those of parallel branches aside, and how it ended.
func (a *agent) run(request upgrade.Request) (path []string, status, failure string) {
	a.t.Helper()
	ctx, api := a.t.Context(), sfn.NewFromConfig(a.cfg)
	machine, err := api.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("eks-upgrade"), RoleArn: aws.String("arn:aws:iam::123456789012:role/machine"), Definition: aws.String(string(statemachine.Upgrade))})
	a.must(machine, err)
	input, err := json.Marshal(request)
	a.must(nil, err)
	execution, err := api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine.StateMachineArn, Name: aws.String("run"), Input: aws.String(string(input))})
	a.must(execution, err)
	x, ok := a.StepFunctions().Execution(*execution.ExecutionArn)
	if !ok {
		a.t.Fatal("there is no execution")
	}
	select {
	case <-x.Done():
	case <-time.After(time.Minute):
		a.t.Fatal("the execution does not end")
	}
	var definition struct{ States map[string]any }
	a.must(nil, json.Unmarshal([]byte(statemachine.Upgrade), &definition))
	pages := sfn.NewGetExecutionHistoryPaginator(api, &sfn.GetExecutionHistoryInput{ExecutionArn: execution.ExecutionArn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		a.must(page, err)
		for _, e := range page.Events {
			if d := e.StateEnteredEventDetails; d != nil && definition.States[*d.Name] != nil {
				path = append(path, *d.Name)
			}
		}
	}
	d, err := api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: execution.ExecutionArn})
	a.must(d, err)
	return path, string(d.Status), aws.ToString(d.Error)
}

// The cluster does not exist: the run takes the lease, looks in four ways, fails,
// reports and gives the lease back. It is the shortest run of the real document
// in which several functions do real work, and needs no Kubernetes.
func TestProcessesAndHandlersTakeTheSamePath(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three functions of production")
	}
	request := upgrade.Request{Cluster: "shop", Green: "shop-green", Target: upgrade.Version{Major: 1, Minor: 35},
		Traffic: upgrade.Traffic{HostedZone: "Z0123456789ABCDEFGHIJ", Record: "shop.example.com", Service: upgrade.ObjectName{Namespace: "default", Name: "shop"}}}.WithDefaults()
	handlers := deploy(t)
	handlers.inProcess()
	path, status, failure := handlers.run(request)
	processes := deploy(t)
	dir := t.TempDir()
	names, err := functions.Build(t.Context(), dir, functions.Options{Names: []string{"lease", "perceive", "report"}})
	if err != nil {
		t.Fatal(err)
	}
	processes.processes(dir, names)
	path2, status2, failure2 := processes.run(request)
	if d := cmp.Diff(path, path2); d != "" || status != status2 || failure != failure2 {
		t.Errorf("in process %s %s, as processes %s %s\n%s", status, failure, status2, failure2, d)
	}
	if len(path) < 5 || path[0] != "AcquireLease" || path[1] != "Perceive" || path[len(path)-1] != "Failed" {
		t.Errorf("path = %v, %s", path, failure)
	}
	group := "/aws/lambda/eks-upgrade-lease"
	out, err := cloudwatchlogs.NewFromConfig(processes.cfg).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: aws.String(`"Init Duration"`)})
	if err != nil || len(out.Events) == 0 {
		t.Errorf("%+v, %v", out, err)
	}
	logs := cloudwatchlogs.NewFromConfig(processes.cfg)
	lines, err := logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: aws.String(`"\"time\":"`)})
	if err != nil || len(lines.Events) == 0 {
		t.Errorf("no line of the handler in the log: %v", err)
	}
	for _, e := range lines.Events {
		if line := aws.ToString(e.Message); !strings.Contains(line, begin.Format(`"time":"2006-01-02T15:`)) {
			t.Errorf("a process does not tell the world's time: %s", line)
		}
	}
	callers := map[string]bool{}
	for _, c := range processes.Calls() {
		callers[c.Caller] = true
	}
	for _, name := range []string{"eks-upgrade-lease", "eks-upgrade-perceive", "eks-upgrade-report"} {
		if !callers[name] {
			t.Errorf("no call is known to be of %s: %v", name, callers)
		}
	}
	t.Logf("%s %s: %s", status, failure, strings.Join(path, ", "))
}
