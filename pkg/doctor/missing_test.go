package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/doctor"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestPartsThatAreGoneAreNamed(t *testing.T) {
	for what, c := range map[string]struct {
		remove     func(*account)
		area, what string
		status     doctor.Status
	}{
		"function": {func(a *account) {
			ok[*lambda.DeleteFunctionOutput](a.T)(lambda.NewFromConfig(a.cfg).DeleteFunction(a.ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("eks-upgrade-reason")}))
		}, "functions", "eks-upgrade-reason", doctor.Missing},
		"alias of a machine": {func(a *account) {
			ok[*sfn.DeleteStateMachineAliasOutput](a.T)(sfn.NewFromConfig(a.cfg).DeleteStateMachineAlias(a.ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: aws.String(a.names.Live(access.UpgradeMachine))}))
		}, "state machines", "eks-upgrade:live", doctor.Missing},
		"another document": {func(a *account) {
			ok[*sfn.UpdateStateMachineOutput](a.T)(sfn.NewFromConfig(a.cfg).UpdateStateMachine(a.ctx, &sfn.UpdateStateMachineInput{StateMachineArn: aws.String(a.names.StateMachine(access.UpgradeMachine)),
				Definition: aws.String(`{"StartAt":"End","States":{"End":{"Type":"Succeed"}}}`)}))
		}, "state machines", "eks-upgrade", doctor.Warning},
		"table": {func(a *account) {
			ok[*dynamodb.DeleteTableOutput](a.T)(dynamodb.NewFromConfig(a.cfg).DeleteTable(a.ctx, &dynamodb.DeleteTableInput{TableName: aws.String(access.Approvals)}))
			a.clock.Advance(1 << 40)
		}, "storage", access.Approvals, doctor.Missing},
		"key": {func(a *account) {
			ok[*kms.DisableKeyOutput](a.T)(kms.NewFromConfig(a.cfg).DisableKey(a.ctx, &kms.DisableKeyInput{KeyId: &a.names.Key}))
		}, "storage", access.KeyAlias, doctor.Missing},
		"project": {func(a *account) {
			ok[*codebuild.DeleteProjectOutput](a.T)(codebuild.NewFromConfig(a.cfg).DeleteProject(a.ctx, &codebuild.DeleteProjectInput{Name: aws.String(access.ScanProject)}))
		}, "builds", access.ScanProject, doctor.Missing},
		"bus": {func(a *account) {
			ok[*eventbridge.DeleteEventBusOutput](a.T)(eventbridge.NewFromConfig(a.cfg).DeleteEventBus(a.ctx, &eventbridge.DeleteEventBusInput{Name: aws.String(access.Bus)}))
		}, "events", "bus eks-upgrade", doctor.Missing},
		"role": {func(a *account) {
			api := iam.NewFromConfig(a.cfg)
			ok[*iam.DeleteRolePolicyOutput](a.T)(api.DeleteRolePolicy(a.ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("eks-upgrade-events"), PolicyName: aws.String("own")}))
			ok[*iam.DeleteRoleOutput](a.T)(api.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: aws.String("eks-upgrade-events")}))
		}, "role eks-upgrade-events", "role", doctor.Missing},
	} {
		t.Run(what, func(t *testing.T) {
			a := deployed(t)
			c.remove(a)
			r := a.examine(a.options())
			for _, f := range bad(r) {
				if f.Area == c.area && f.What == c.what && f.Status == c.status && f.Remedy != "" {
					return
				}
			}
			t.Errorf("nobody says that it is gone: %+v", bad(r))
		})
	}
}

// Who may see nothing gets no ok, and each remedy is the statement to add.
func TestNothingIsOKWithoutEvidence(t *testing.T) {
	a := deployed(t)
	api := iam.NewFromConfig(a.cfg)
	ok[*iam.CreateUserOutput](t)(api.CreateUser(a.ctx, &iam.CreateUserInput{UserName: aws.String("nobody")}))
	key := ok[*iam.CreateAccessKeyOutput](t)(api.CreateAccessKey(a.ctx, &iam.CreateAccessKeyInput{UserName: aws.String("nobody")}))
	o := a.options()
	o.AWS.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	o.Clusters = []string{"shop"}
	a.api.err = upgrade.KindKubernetesForbidden.Errorf("ask", "403")
	r := a.examine(o)
	if r.Count(doctor.OK) != 1 || r.Count(doctor.Missing) != 0 || r.Count(doctor.Warning) != 0 { // the caller
		for _, f := range r.Findings {
			if f.Status != doctor.NotChecked {
				t.Errorf("%+v", f)
			}
		}
	}
	for _, f := range r.Findings {
		if f.Status == doctor.NotChecked && !strings.Contains(f.Remedy, `"Effect":"Allow"`) && !strings.Contains(f.Remedy, "subjectaccessreviews") {
			t.Errorf("no statement to add: %+v", f)
		}
	}
}

func TestAnotherAccountIsBadInput(t *testing.T) {
	a := deployed(t)
	o := a.options()
	o.Names.Account = "999999999999"
	_, err := doctor.Run(a.ctx, o)
	if own, is := errors.AsType[*upgrade.Error](err); !is || own.Code != upgrade.CodeInvalidRequest || own.Field != "account" {
		t.Errorf("error %v", err)
	}
}

func TestKubernetesPermissionsThatAreMissing(t *testing.T) {
	a := deployed(t)
	a.api.without = func(ask kube.Attributes) bool { return ask.Group == "" && ask.Resource == "nodes" }
	r := a.examine(a.options())
	f := a.one(r, doctor.Missing, "cluster shop", string(access.Readers))
	if !strings.Contains(f.Detail, "it may not list nodes") {
		t.Errorf("%+v", f)
	}
	var role map[string]any
	if err := yaml.UnmarshalStrict([]byte(strings.Split(r.Manifests["shop"], "---\n")[1]), &role); err != nil {
		t.Fatal(err)
	}
	// What is there already must not be replaced.
	if name := role["metadata"].(map[string]any)["name"]; name != access.ReadRole+"-more" || len(role["rules"].([]any)) != 1 {
		t.Errorf("manifest:\n%s", r.Manifests["shop"])
	}

	a.api.without = func(kube.Attributes) bool { return true }
	r = a.examine(a.options())
	if want := access.Manifest(false); r.Count(doctor.Missing) == 0 || !strings.HasSuffix(want, r.Manifests["shop"]) {
		t.Errorf("a cluster without the manifest lacks:\n%s", r.Manifests["shop"])
	}
}

func TestRightsToWriteThatStayed(t *testing.T) {
	a := deployed(t)
	a.api.writer = true
	a.one(a.examine(a.options()), doctor.Warning, "cluster shop", access.DeliverRole)
}

func TestAnAPIServerThatDoesNotAnswerIsNotOK(t *testing.T) {
	a := deployed(t)
	a.api.down = upgrade.KindKubernetesUnavailable.Errorf("read the version", "i/o timeout")
	a.one(a.examine(a.options()), doctor.NotChecked, "cluster shop", "API server")
	o := a.options()
	o.Connect = func(context.Context, string) (doctor.Cluster, error) {
		return nil, upgrade.KindKubernetesUnauthorized.Errorf("connect", "401")
	}
	if f := a.one(a.examine(o), doctor.NotChecked, "cluster shop", "API server"); !strings.Contains(f.Remedy, "access entry") {
		t.Errorf("%+v", f)
	}
}

func TestRequestsAreComparedWithTheZone(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*account, *upgrade.Request)
		status doctor.Status
		what   string
	}{
		"it is well":                            {func(*account, *upgrade.Request) {}, "", ""},
		"a cluster that the roles do not allow": {func(_ *account, r *upgrade.Request) { r.Green = "other" }, doctor.Missing, "cluster other"},
		"a record of another zone":              {func(_ *account, r *upgrade.Request) { r.Traffic.Record = "shop.example.org" }, doctor.Missing, "record shop.example.org"},
		"no record":                             {func(_ *account, r *upgrade.Request) { r.Traffic.Record = "none.example.com" }, doctor.Missing, "record none.example.com"},
		"traffic is on neither":                 {func(a *account, _ *upgrade.Request) { a.record(r53types.ChangeActionUpsert, "shop", 0) }, doctor.Warning, "record shop.example.com"},
		"somebody else's record set":            {func(a *account, _ *upgrade.Request) { a.record(r53types.ChangeActionCreate, "canary", 5) }, doctor.Missing, "record shop.example.com"},
	} {
		t.Run(what, func(t *testing.T) {
			a := deployed(t)
			o := a.options()
			o.Request = upgrade.Request{Cluster: "shop", Green: "shop-green", Target: upgrade.Version{Major: 1, Minor: 35},
				Traffic: upgrade.Traffic{HostedZone: a.zone, Record: "shop.example.com"}}
			c.change(a, &o.Request)
			r := a.examine(o)
			if c.status == "" {
				if len(bad(r)) > 0 {
					t.Errorf("%+v", bad(r))
				}
				return
			}
			a.one(r, c.status, "request", c.what)
		})
	}
}

// What has an id that only AWS knows is found by the stack's outputs.
func TestTheStackSaysWhereTheStreamIs(t *testing.T) {
	a := deployed(t)
	o := a.options()
	o.Stack = "Agent"
	a.one(a.examine(o), doctor.Missing, "stack", "Agent")

	template := `{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"StreamURL":{"Value":"wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"}}}`
	ok[*cloudformation.CreateStackOutput](t)(cloudformation.NewFromConfig(a.cfg).CreateStack(a.ctx, &cloudformation.CreateStackInput{StackName: aws.String("Agent"), TemplateBody: &template}))
	a.clock.Advance(10 * time.Minute)
	a.one(a.examine(o), doctor.Missing, "role eks-upgrade-stream", "execute-api:ManageConnections")

	a.names.StreamAPI = "a1b2c3d4e5"
	a.policy(access.StreamFunction, "own", access.Document(access.Function(access.StreamFunction, a.names)))
	if found := bad(a.examine(o)); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	o.Stack = "" // the API is not known now: what is for it is no excess
	if found := bad(a.examine(o)); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}
