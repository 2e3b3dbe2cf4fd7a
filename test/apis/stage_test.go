// Package apis_test runs the functions behind the agent's two APIs in the
// simulated AWS, with its API Gateway, Step Functions, DynamoDB, SNS and
// EventBridge, and uses them as people do: over HTTP, over a WebSocket, and by
// the command line.
package apis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	gw "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eb "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/agentapi"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	wireanswer "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/approve"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	wirelease "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	wirestream "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	snssim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
)

const id = "shop-135"

// stage is the agent's approve phase, its two APIs, and the part of its state
// machine that waits for an approval.
type stage struct {
	t       *testing.T
	world   *world.World
	cfg     aws.Config
	config  config.Config
	topic   *snssim.Service
	stream  string // wss address
	plan    upgrade.Plan
	log     *safeBuffer
	machine string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.System{}})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s := &stage{t: t, world: w, cfg: w.AWSConfig(), topic: w.SNS(), log: &safeBuffer{}}
	topic, err := sns.NewFromConfig(s.cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("eks-upgrade-alerts")})
	must(t, err)
	s.config, err = config.Load([]string{config.Prefix + "BUCKET=artifacts", config.Prefix + "NOTIFICATION_TOPIC=" + *topic.TopicArn, config.Prefix + "EVENTS_BUS=" + events.Bus})
	must(t, err)
	must(t, w.S3().AddBucket(s.config.Bucket))
	s.table(s.config.Tables.Leases, "cluster", "", "")
	s.table(s.config.Tables.Records, "upgrade", "key", "")
	s.table(s.config.Tables.Approvals, "upgrade", "", "")
	s.table(s.config.Tables.Connections, "connection", "", stream.Index)
	s.apis()
	s.functions()
	s.rule()
	s.createMachine()
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stage) table(name, partition, sort, index string) {
	s.t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: ddb.BillingModePayPerRequest,
		AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: &partition, AttributeType: ddb.ScalarAttributeTypeS}}, KeySchema: []ddb.KeySchemaElement{{AttributeName: &partition, KeyType: ddb.KeyTypeHash}}}
	if sort != "" {
		in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: &sort, AttributeType: ddb.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, ddb.KeySchemaElement{AttributeName: &sort, KeyType: ddb.KeyTypeRange})
	}
	if index != "" {
		in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: &index, AttributeType: ddb.ScalarAttributeTypeS})
		in.GlobalSecondaryIndexes = []ddb.GlobalSecondaryIndex{{IndexName: &index, KeySchema: []ddb.KeySchemaElement{{AttributeName: &index, KeyType: ddb.KeyTypeHash}}, Projection: &ddb.Projection{ProjectionType: ddb.ProjectionTypeAll}}}
	}
	must(s.t, s.world.DynamoDB().AddTable(in))
}

// functions makes the functions as in production, with a log that tests read.
func (s *stage) functions() {
	s.t.Helper()
	log, err := logging.New(s.log, logging.Options{Level: "debug", Format: logging.JSON, Clock: clock.System{}})
	must(s.t, err)
	ctx := log.WithContext(s.t.Context())
	register(s, ctx, "eks-upgrade-approve", approve.New)
	register(s, ctx, "eks-upgrade-lease", wirelease.New)
	register(s, ctx, "eks-upgrade-answer", wireanswer.New)
	register(s, ctx, "eks-upgrade-stream", wirestream.New)
}

func register[O any](s *stage, ctx context.Context, name string, make start.New[O]) {
	s.t.Helper()
	var f boundary.Function[O]
	f, err := make(ctx, s.world.FunctionConfig(name), s.config, clock.System{})
	must(s.t, err)
	s.world.Lambda().Register(name, f, time.Minute)
}

// apis makes the APIs as the stack does.
func (s *stage) apis() {
	s.t.Helper()
	ctx, api := s.t.Context(), v2.NewFromConfig(s.cfg)
	make := func(protocol gw.ProtocolType, function, format, stageName, selection string, routes map[string]gw.AuthorizationType) string {
		in := &v2.CreateApiInput{Name: aws.String(function), ProtocolType: protocol}
		if selection != "" {
			in.RouteSelectionExpression = &selection
		}
		a, err := api.CreateApi(ctx, in)
		must(s.t, err)
		uri := s.world.Lambda().ARN(function)
		if protocol == gw.ProtocolTypeWebsocket {
			uri = "arn:aws:apigateway:" + s.cfg.Region + ":lambda:path/2015-03-31/functions/" + uri + "/invocations"
		}
		i, err := api.CreateIntegration(ctx, &v2.CreateIntegrationInput{ApiId: a.ApiId, IntegrationType: gw.IntegrationTypeAwsProxy, IntegrationUri: &uri, PayloadFormatVersion: &format})
		must(s.t, err)
		for key, auth := range routes {
			_, err := api.CreateRoute(ctx, &v2.CreateRouteInput{ApiId: a.ApiId, RouteKey: &key, AuthorizationType: auth, Target: aws.String("integrations/" + *i.IntegrationId)})
			must(s.t, err)
		}
		_, err = api.CreateStage(ctx, &v2.CreateStageInput{ApiId: a.ApiId, StageName: &stageName, AutoDeploy: aws.Bool(true)})
		must(s.t, err)
		s.world.Lambda().Register(function, func() error { return nil }, time.Minute) // so that it can be permitted
		s.permit(function, "apigateway.amazonaws.com", "arn:aws:execute-api:"+s.cfg.Region+":"+s.world.Account()+":"+*a.ApiId+"/*")
		return *a.ApiEndpoint
	}
	s.config.Approval.URL = make(gw.ProtocolTypeHttp, "eks-upgrade-answer", "2.0", "$default", "", map[string]gw.AuthorizationType{answer.GetRoute: gw.AuthorizationTypeAwsIam, answer.PostRoute: gw.AuthorizationTypeAwsIam})
	s.stream = make(gw.ProtocolTypeWebsocket, "eks-upgrade-stream", "1.0", "live", "$request.body.action", map[string]gw.AuthorizationType{"$connect": gw.AuthorizationTypeAwsIam, "$disconnect": gw.AuthorizationTypeNone, "$default": gw.AuthorizationTypeNone}) + "/live"
	s.config.Stream.URL = strings.Replace(s.stream, "ws", "http", 1)
}

func (s *stage) permit(function, principal, source string) {
	s.t.Helper()
	_, err := sdklambda.NewFromConfig(s.cfg).AddPermission(s.t.Context(), &sdklambda.AddPermissionInput{FunctionName: &function, StatementId: aws.String(strings.ReplaceAll(principal, ".", "-")),
		Action: aws.String("lambda:InvokeFunction"), Principal: &principal, SourceArn: &source})
	must(s.t, err)
}

// rule sends progress to the stream, by the pattern of the stack's rule.
func (s *stage) rule() {
	s.t.Helper()
	ctx, api := s.t.Context(), eventbridge.NewFromConfig(s.cfg)
	_, err := api.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String(events.Bus)})
	must(s.t, err)
	rule, err := api.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("progress"), EventBusName: aws.String(events.Bus), EventPattern: aws.String(string(events.Pattern("upgrade-progress")))})
	must(s.t, err)
	s.permit("eks-upgrade-stream", "events.amazonaws.com", *rule.RuleArn)
	_, err = api.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("progress"), EventBusName: aws.String(events.Bus), Targets: []eb.Target{{Id: aws.String("stream"), Arn: aws.String(s.world.Lambda().ARN("eks-upgrade-stream"))}}})
	must(s.t, err)
}

// createMachine makes a machine of the real document's states from AwaitApproval on,
// up to the first that would change something.
func (s *stage) createMachine() {
	s.t.Helper()
	var doc struct {
		States map[string]json.RawMessage `json:"States"`
	}
	must(s.t, json.Unmarshal(statemachine.Upgrade, &doc))
	states := map[string]json.RawMessage{
		"Begin":     json.RawMessage(`{"Type":"Pass","Assign":{"run":"{% $states.input.run %}","plan":"{% $states.input.plan %}","planHash":"{% $states.input.planHash %}","assessment":"{% $states.input.assessment %}","approvalSeconds":600,"cause":null},"Output":{},"Next":"AwaitApproval"}`),
		"MoreSteps": json.RawMessage(`{"Type":"Succeed","Output":{"outcome":"succeeded","reason":"{% $reason %}"}}`),
		"Unchanged": json.RawMessage(`{"Type":"Fail","Error":"Failed","Cause":"{% $cause.text %}"}`),
	}
	for _, name := range []string{"AwaitApproval", "ApprovalExpired", "RedeemApproval", "Approved", "Reject"} {
		if states[name] = doc.States[name]; states[name] == nil {
			s.t.Fatalf("the state machine has no state %s", name)
		}
	}
	definition, err := json.Marshal(map[string]any{"QueryLanguage": "JSONata", "StartAt": "Begin", "States": states})
	must(s.t, err)
	m, err := sfn.NewFromConfig(s.cfg).CreateStateMachine(s.t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("eks-upgrade"), Definition: aws.String(string(definition)), RoleArn: aws.String("arn:aws:iam::123456789012:role/m")})
	must(s.t, err)
	s.machine = *m.StateMachineArn
}

// ask starts an upgrade that asks for approval, and returns the token that the
// message to people has.
func (s *stage) ask() (token string) {
	s.t.Helper()
	out, err := wireLease(s)
	must(s.t, err)
	store := artifacts.New(awsclient.S3(s.cfg), s.config.Bucket)
	assessment, err := store.Put(s.t.Context(), "assessments", upgrade.Assessment{Upgrade: id, Cluster: "shop", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35}, Decision: upgrade.GoWithApproval,
		Reason: "one finding needs a person", Snapshots: []upgrade.Ref{}, Findings: []upgrade.Finding{{Check: "deprecated-api", Title: "An API goes away", Severity: upgrade.High, Evidence: "seen \x1b[2Jthere", Remedy: "migrate"}}})
	must(s.t, err)
	s.plan = upgrade.Plan{Upgrade: id, Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35}, Strategy: upgrade.BlueGreen, Mode: upgrade.Forward,
		Steps: []upgrade.Step{{ID: "look", Kind: upgrade.StepVerify, Title: "Look <at> it", Input: json.RawMessage("null"), Verify: []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: "shop-green"}}, Timeout: 1, VerifyTimeout: 1}}}
	must(s.t, s.plan.Seal())
	plan, err := store.Put(s.t.Context(), "plans", s.plan)
	must(s.t, err)
	input, err := json.Marshal(map[string]any{"run": out, "plan": plan, "planHash": s.plan.Hash, "assessment": assessment})
	must(s.t, err)
	_, err = sfn.NewFromConfig(s.cfg).StartExecution(s.t.Context(), &sfn.StartExecutionInput{StateMachineArn: &s.machine, Name: aws.String(id), Input: aws.String(string(input))})
	must(s.t, err)
	s.eventually("people are asked", func() bool {
		for _, m := range s.topic.Messages("") {
			if found := regexp.MustCompile(`#token=(\S+)\n`).FindStringSubmatch(m.Body); found != nil {
				token = found[1]
			}
		}
		return token != ""
	})
	return token
}

func wireLease(s *stage) (upgrade.Run, error) {
	f, err := wirelease.New(s.t.Context(), s.world.FunctionConfig("eks-upgrade-lease"), s.config, clock.System{})
	if err != nil {
		return upgrade.Run{}, err
	}
	request := json.RawMessage(`{"cluster":"shop","target":"1.35","traffic":{"hostedZone":"Z0123456789ABC","record":"shop.example.com","service":"default/frontend"}}`)
	payload, err := json.Marshal(upgrade.LeaseInput{Action: upgrade.LeaseAcquire, ID: id, StartedAt: upgrade.At(time.Now()), Request: request})
	if err != nil {
		return upgrade.Run{}, err
	}
	out, err := f(s.t.Context(), payload)
	if err != nil {
		return upgrade.Run{}, err
	}
	return *out.Run, nil
}

func (s *stage) execution() *sfn.DescribeExecutionOutput {
	s.t.Helper()
	out, err := sfn.NewFromConfig(s.cfg).DescribeExecution(s.t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String(strings.Replace(s.machine, "stateMachine", "execution", 1) + ":" + id)})
	must(s.t, err)
	return out
}

// eventually waits for what other goroutines do.
func (s *stage) eventually(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-patience:
			s.t.Fatalf("%s: not in 30 seconds\n%s", what, s.log)
		}
	}
}

// safeBuffer is written to by many functions.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *stage) auth() agentapi.Auth { return agentapi.Auth{AWS: s.cfg, Clock: clock.System{}} }
