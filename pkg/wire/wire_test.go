package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/approve"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/execute"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/perceive"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/reason"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/record"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/rollback"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/validate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	ekssim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	r53sim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
	snssim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// agent is the agent's functions as deployed, in a simulated AWS that holds no
// cluster yet.
type agent struct {
	t      *testing.T
	now    *clock.Virtual
	cfg    aws.Config
	config config.Config
	zone   string
	topic  *snssim.Service
}

func deploy(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, now: clock.NewVirtual(start)}
	w, err := world.New(world.Options{Clock: a.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	clusters := ekssim.New(ekssim.Options{Clock: a.now, Account: w.Account(), Region: w.Region()})
	t.Cleanup(clusters.Close)
	a.topic = w.SNS()
	w.Mux().Register("eks", clusters)
	w.Mux().Register("route53", r53sim.New(r53sim.Options{Clock: a.now}))
	a.cfg = w.AWSConfig()
	topic, err := sns.NewFromConfig(a.cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("eks-upgrade-alerts")})
	a.must(err)
	a.config, err = config.Load([]string{config.Prefix + "BUCKET=artifacts", config.Prefix + "NOTIFICATION_TOPIC=" + *topic.TopicArn})
	a.must(err)
	a.table(a.config.Tables.Leases, "cluster", "")
	a.table(a.config.Tables.Records, "upgrade", "key")
	a.table(a.config.Tables.Approvals, "upgrade", "")
	a.must(w.S3().AddBucket(a.config.Bucket))
	a.record()
	a.now.Advance(5 * time.Minute) // tables become ACTIVE, records INSYNC
	return a
}

func (a *agent) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *agent) table(name, hash, sort string) {
	a.t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: ddb.BillingModePayPerRequest}
	for _, k := range []struct {
		name string
		kind ddb.KeyType
	}{{hash, ddb.KeyTypeHash}, {sort, ddb.KeyTypeRange}} {
		if k.name != "" {
			in.KeySchema = append(in.KeySchema, ddb.KeySchemaElement{AttributeName: &k.name, KeyType: k.kind})
			in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: &k.name, AttributeType: ddb.ScalarAttributeTypeS})
		}
	}
	_, err := dynamodb.NewFromConfig(a.cfg).CreateTable(a.t.Context(), in)
	a.must(err)
}

// record gives all traffic to blue.
func (a *agent) record() {
	a.t.Helper()
	api := route53.NewFromConfig(a.cfg)
	zone, err := api.CreateHostedZone(a.t.Context(), &route53.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("test")})
	a.must(err)
	a.zone = strings.TrimPrefix(*zone.HostedZone.Id, "/hostedzone/")
	_, err = api.ChangeResourceRecordSets(a.t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &a.zone, ChangeBatch: &r53.ChangeBatch{Changes: []r53.Change{{
		Action: r53.ChangeActionCreate, ResourceRecordSet: &r53.ResourceRecordSet{Name: aws.String("shop.example.com"), Type: r53.RRTypeCname, SetIdentifier: aws.String("shop"),
			Weight: aws.Int64(100), TTL: aws.Int64(60), ResourceRecords: []r53.ResourceRecord{{Value: aws.String("blue.elb.example.com")}}}}}}})
	a.must(err)
}

// call invokes a function as Lambda does.
func call[O any](a *agent, phase func(context.Context, aws.Config, config.Config, clock.Clock) (boundary.Function[O], error), in any) (O, error) {
	a.t.Helper()
	f, err := phase(a.t.Context(), a.cfg, a.config, a.now)
	a.must(err)
	payload, err := json.Marshal(in)
	a.must(err)
	answer, err := awslambda.NewHandler(f).Invoke(a.t.Context(), payload)
	var out O
	if err == nil {
		a.must(json.Unmarshal(answer, &out))
	}
	return out, err
}

func (a *agent) acquire(id string) (upgrade.Run, error) {
	a.t.Helper()
	out, err := call(a, lease.New, map[string]any{"action": "acquire", "id": id, "startedAt": start, "request": map[string]any{
		"cluster": "shop", "target": "1.35", "traffic": map[string]any{"hostedZone": a.zone, "record": "shop.example.com", "service": "default/frontend"}}})
	if err != nil {
		return upgrade.Run{}, err
	}
	return *out.Run, nil
}

// plan stores a plan of one step that changes nothing: EKS must not know a
// cluster of that name.
func (a *agent) plan(run upgrade.Run) (upgrade.Plan, upgrade.Ref, upgrade.Ref) {
	a.t.Helper()
	store := artifacts.New(awsclient.S3(a.cfg), a.config.Bucket)
	assessment, err := store.Put(a.t.Context(), "assessments", upgrade.Assessment{Upgrade: run.ID, Cluster: "shop", From: upgrade.Version{Major: 1, Minor: 34}, Target: run.Request.Target,
		Decision: upgrade.Go, Findings: []upgrade.Finding{}, Snapshots: []upgrade.Ref{}, MadeAt: upgrade.At(start)})
	a.must(err)
	p := upgrade.Plan{Upgrade: run.ID, Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: run.Request.Target, Strategy: upgrade.BlueGreen, Mode: upgrade.Forward,
		Assessment: assessment, MadeAt: upgrade.At(start), Steps: []upgrade.Step{{ID: "look", Kind: upgrade.StepVerify, Title: "Look", Input: json.RawMessage("null"),
			Verify:  []upgrade.Criterion{{Kind: upgrade.ClusterGone, Cluster: "shop-green"}, {Kind: upgrade.WeightsHold, HostedZone: a.zone, Record: "shop.example.com", Blue: "shop", Green: "shop-green", Weights: upgrade.AllBlue}},
			Timeout: upgrade.Duration(time.Minute), VerifyTimeout: upgrade.Duration(time.Minute)}}}
	a.must(p.Seal())
	ref, err := store.Put(a.t.Context(), "plans", p)
	a.must(err)
	return p, ref, assessment
}

func wantType(t *testing.T, err error, want upgrade.Code) {
	t.Helper()
	var response messages.InvokeResponse_Error
	if !errors.As(err, &response) || response.Type != string(want) {
		t.Fatalf("error %#v, want type %s", err, want)
	}
}

func TestTheFunctionsWorkTogether(t *testing.T) {
	a := deploy(t)
	run, err := a.acquire("shop-135")
	a.must(err)
	p, ref, assessment := a.plan(run)

	// Approve.
	ask := upgrade.ApproveInput{Action: upgrade.ApproveRequest, Run: run, Plan: ref, PlanHash: p.Hash, Assessment: assessment, TaskToken: "token"}
	_, err = call(a, approve.New, ask)
	a.must(err)
	if m := a.topic.Messages(""); len(m) != 1 {
		t.Fatalf("%d messages to people", len(m))
	}
	pending, found, err := approval.NewQuestions(dynamodb.NewFromConfig(a.cfg), a.config.Tables.Approvals).Pending(t.Context(), run.ID)
	if err != nil || !found || pending.TaskToken != "token" {
		t.Fatalf("%+v, found %t, %v", pending, found, err)
	}
	ask.Action, ask.TaskToken, ask.Answer = upgrade.ApproveRedeem, "", &upgrade.ApprovalAnswer{PlanHash: p.Hash, Approved: true, By: "ada"}
	answer, err := call(a, approve.New, ask)
	if err != nil || !answer.Approved {
		t.Fatalf("%+v, %v", answer, err)
	}

	// Execute, validate, record.
	step := upgrade.StepInput{Run: run, Plan: ref, PlanHash: p.Hash, Mode: upgrade.Forward}
	_, err = call(a, record.New, step)
	wantType(t, err, upgrade.CodePrecondition)
	_, err = call(a, validate.New, step)
	wantType(t, err, upgrade.CodePrecondition)
	done, err := call(a, execute.New, step)
	if err != nil || !done.Done {
		t.Fatalf("%+v, %v", done, err)
	}
	verdict, err := call(a, validate.New, step)
	if err != nil || verdict.Status != upgrade.Pass {
		t.Fatalf("%+v, %v", verdict, err)
	}
	next, err := call(a, record.New, step)
	if err != nil || next.Next != 1 {
		t.Fatalf("%+v, %v", next, err)
	}

	// Roll back: there is nothing to undo.
	back, err := call(a, rollback.New, upgrade.RollbackInput{Run: run, Plan: ref, PlanHash: p.Hash, Cause: upgrade.Cause{Error: "StepFailed", Text: "look: it failed"}})
	if err != nil || back.Steps != 0 || back.Closed != "" || back.PlanHash == "" {
		t.Fatalf("%+v, %v", back, err)
	}

	// Report, release.
	out, err := call(a, report.New, upgrade.ReportInput{Run: run, Outcome: upgrade.RolledBack, Cause: &upgrade.Cause{Error: "StepFailed", Text: "look: it failed"}, Assessment: assessment, Plan: ref, Rollback: back.Plan})
	a.must(err)
	if want := "rolled back: look: it failed; traffic is at 100 % on shop and 0 % on shop-green"; out.Reason != want {
		t.Errorf("reason %q, want %q", out.Reason, want)
	}
	result, err := artifacts.Get[upgrade.Result](t.Context(), artifacts.New(awsclient.S3(a.cfg), a.config.Bucket), out.Result)
	a.must(err)
	if len(result.NotRead) != 0 || len(result.Steps) != 1 || result.Steps[0].VerifiedAt.IsZero() || result.Approval == nil || result.Plan == nil || result.Rollback == nil {
		t.Errorf("%+v", result)
	}
	_, err = call(a, lease.New, upgrade.LeaseInput{Action: upgrade.LeaseRelease, ID: run.ID, Run: &run})
	a.must(err)
	again, err := a.acquire("next")
	if err != nil || again.Generation != run.Generation+1 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestPerceiveAndReason(t *testing.T) {
	a := deploy(t)
	a.config.ReleaseNotes.URL = config.Bundled
	run, err := a.acquire("shop-135")
	a.must(err)
	notes, err := call(a, perceive.New, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceReleaseNotes})
	if err != nil || !strings.Contains(notes.Summary, "release notes (kubernetes 1.35 bundled") {
		t.Fatalf("%+v, %v", notes, err)
	}
	scans, err := call(a, perceive.New, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceScanners, Why: "CodeBuild is down"})
	if err != nil || scans.Snapshot.SHA256 == "" {
		t.Fatalf("%+v, %v", scans, err)
	}
	_, err = call(a, perceive.New, upgrade.PerceiveInput{Run: run, Source: upgrade.SourceAWS})
	wantType(t, err, upgrade.CodeNotFound)
	if !strings.Contains(err.Error(), "shop") {
		t.Errorf("%v does not name the cluster", err)
	}
	_, err = call(a, perceive.New, upgrade.PerceiveInput{Run: run, Source: "tea leaves"})
	wantType(t, err, upgrade.CodeInvalidRequest)
	out, err := call(a, reason.New, upgrade.ReasonInput{Run: run, Snapshots: []upgrade.PerceiveOutput{notes, scans}})
	if err == nil && out.Decision != upgrade.NoGo {
		t.Errorf("%+v: a cluster that nobody saw may not be upgraded", out)
	}
}

func TestTheLeaseFencesTheFunctions(t *testing.T) {
	a := deploy(t)
	run, err := a.acquire("first")
	a.must(err)
	p, ref, _ := a.plan(run)
	_, err = a.acquire("second")
	wantType(t, err, upgrade.CodeLeaseHeld)
	a.now.Advance(time.Hour) // the first never began to change anything
	_, err = a.acquire("second")
	a.must(err)
	_, err = call(a, execute.New, upgrade.StepInput{Run: run, Plan: ref, PlanHash: p.Hash, Mode: upgrade.Forward})
	wantType(t, err, upgrade.CodeLeaseLost)
	_, err = call(a, lease.New, upgrade.LeaseInput{Action: upgrade.LeaseRelease, ID: run.ID, Run: &run})
	wantType(t, err, upgrade.CodeLeaseLost)
}

func TestErrorsNameTheField(t *testing.T) {
	a := deploy(t)
	_, err := call(a, lease.New, map[string]any{"action": "acquire", "id": "x", "startedAt": start, "request": map[string]any{"cluster": "shop", "target": "one"}})
	wantType(t, err, upgrade.CodeInvalidRequest)
	if !strings.Contains(err.Error(), "target") {
		t.Errorf("%v", err)
	}
	_, err = call(a, record.New, map[string]any{"idnex": 1})
	wantType(t, err, upgrade.CodeInvalidRequest)
}
