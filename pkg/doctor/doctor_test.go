package doctor_test

import (
	"archive/zip"
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/doctor"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// account is a simulated account with a deployment that is well.
type account struct {
	*testing.T
	ctx   context.Context
	world *world.World
	clock *clock.Virtual
	cfg   aws.Config // of the administrator
	names access.Names
	zone  string
	api   *apiServer
}

// apiServer is Kubernetes as who asks sees it: its groups may do what their
// roles say, but for what is taken away.
type apiServer struct {
	without func(kube.Attributes) bool
	writer  bool  // the writers may deliver
	err     error // of reviews
	down    error
}

func (a *apiServer) Version(context.Context) (string, upgrade.Version, error) {
	return "v1.34.2-eks-2d5f9a1", upgrade.Version{Major: 1, Minor: 34}, a.down
}

func (a *apiServer) Review(_ context.Context, groups []string, ask kube.Attributes) (bool, error) {
	if a.err != nil || a.without != nil && a.without(ask) {
		return false, a.err
	}
	for _, r := range access.Kubernetes() {
		if !slices.Contains(groups, string(r.Group)) || r.GreenOnly && !a.writer {
			continue
		}
		for _, rule := range r.Rules {
			if slices.Contains(rule.Verbs, ask.Verb) && (ask.Path != "" && slices.Contains(rule.URLs, ask.Path) ||
				slices.Contains(rule.APIGroups, ask.Group) && slices.Contains(rule.Resources, ask.Resource)) {
				return true, nil
			}
		}
	}
	return false, nil
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var started = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// deployed makes the deployment.
func deployed(t *testing.T) *account {
	clk := clock.NewVirtual(started)
	w := ok[*world.World](t)(world.New(world.Options{Clock: clk, IAM: true}))
	services := full.Add(w, full.Options{})
	t.Cleanup(func() {
		services.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := services.AddDefaultVPC(w.Region()); err != nil {
		t.Fatal(err)
	}
	a := &account{T: t, ctx: t.Context(), world: w, clock: clk, cfg: w.AWSConfig(), api: &apiServer{},
		names: access.Names{Partition: "aws", Account: w.Account(), Region: w.Region(), Clusters: []string{"shop*"}, Roles: []string{"shop-cluster"}}}
	a.addZone()
	a.addStorage()
	a.addRoles()
	a.addParts()
	a.addCluster()
	return a
}

func (a *account) addZone() {
	api := route53.NewFromConfig(a.cfg)
	out := ok[*route53.CreateHostedZoneOutput](a.T)(api.CreateHostedZone(a.ctx, &route53.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("1")}))
	a.zone = strings.TrimPrefix(*out.HostedZone.Id, "/hostedzone/")
	a.names.HostedZones = []string{a.zone}
	a.record(r53types.ChangeActionCreate, "shop", 100)
}

func (a *account) record(action r53types.ChangeAction, id string, weight int64) {
	a.Helper()
	ok[*route53.ChangeResourceRecordSetsOutput](a.T)(route53.NewFromConfig(a.cfg).ChangeResourceRecordSets(a.ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &a.zone,
		ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{Action: action, ResourceRecordSet: &r53types.ResourceRecordSet{Name: aws.String("shop.example.com"), Type: r53types.RRTypeCname,
			SetIdentifier: &id, Weight: &weight, TTL: aws.Int64(60), ResourceRecords: []r53types.ResourceRecord{{Value: aws.String("lb.example.net")}}}}}}}))
	a.clock.Advance(2 * time.Minute)
}

func (a *account) addStorage() {
	key := ok[*kms.CreateKeyOutput](a.T)(kms.NewFromConfig(a.cfg).CreateKey(a.ctx, &kms.CreateKeyInput{}))
	ok[*kms.CreateAliasOutput](a.T)(kms.NewFromConfig(a.cfg).CreateAlias(a.ctx, &kms.CreateAliasInput{AliasName: aws.String(access.KeyAlias), TargetKeyId: key.KeyMetadata.KeyId}))
	a.names.Key = *key.KeyMetadata.Arn
	for _, table := range []string{access.Leases, access.Records, access.Approvals, access.Connections} {
		ok[*dynamodb.CreateTableOutput](a.T)(dynamodb.NewFromConfig(a.cfg).CreateTable(a.ctx, &dynamodb.CreateTableInput{TableName: &table, BillingMode: ddbtypes.BillingModePayPerRequest,
			KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("k"), KeyType: ddbtypes.KeyTypeHash}},
			AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("k"), AttributeType: ddbtypes.ScalarAttributeTypeS}}}))
	}
	buckets := s3.NewFromConfig(a.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	ok[*s3.CreateBucketOutput](a.T)(buckets.CreateBucket(a.ctx, &s3.CreateBucketInput{Bucket: aws.String(a.names.Bucket()),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(a.cfg.Region)}}))
	ok[*sns.CreateTopicOutput](a.T)(sns.NewFromConfig(a.cfg).CreateTopic(a.ctx, &sns.CreateTopicInput{Name: aws.String(access.AlertsTopic)}))
	ok[*sqs.CreateQueueOutput](a.T)(sqs.NewFromConfig(a.cfg).CreateQueue(a.ctx, &sqs.CreateQueueInput{QueueName: aws.String(access.DeadLetters)}))
	a.clock.Advance(time.Minute)
}

func (a *account) addRoles() {
	a.names.Source = "arn:aws:s3:::assets/source.zip"
	for _, r := range append(access.Roles(a.names), access.Role{Name: "shop-cluster", Service: "eks.amazonaws.com"}) {
		ok[*iam.CreateRoleOutput](a.T)(iam.NewFromConfig(a.cfg).CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: &r.Name, AssumeRolePolicyDocument: aws.String(r.Trust())}))
		if len(r.Statements) > 0 {
			a.policy(r.Name, "own", access.Document(r.Statements))
		}
	}
}

func (a *account) policy(role, name, text string) {
	a.Helper()
	ok[*iam.PutRolePolicyOutput](a.T)(iam.NewFromConfig(a.cfg).PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &text}))
}

func (a *account) addParts() {
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	f := ok[interface{ Write([]byte) (int, error) }](a.T)(z.CreateHeader(&zip.FileHeader{Name: "bootstrap"}))
	ok[int](a.T)(f.Write([]byte("#!/bin/sh\n")))
	if err := z.Close(); err != nil {
		a.Fatal(err)
	}
	for _, part := range access.Functions() {
		ok[*lambda.CreateFunctionOutput](a.T)(lambda.NewFromConfig(a.cfg).CreateFunction(a.ctx, &lambda.CreateFunctionInput{FunctionName: &part.Name, Role: aws.String(a.names.Role(part.Name)),
			Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
			Environment: &lambdatypes.Environment{Variables: map[string]string{"EKS_UPGRADE_AGENT_CONFIG_PATH": access.ConfigPath}}}))
	}
	machines := sfn.NewFromConfig(a.cfg)
	for name, document := range map[string][]byte{access.UpgradeMachine: statemachine.Upgrade, access.FleetMachine: statemachine.Fleet} {
		ok[*sfn.CreateStateMachineOutput](a.T)(machines.CreateStateMachine(a.ctx, &sfn.CreateStateMachineInput{Name: &name, RoleArn: aws.String(a.names.Role(access.MachineRole(name))), Definition: aws.String(string(document))}))
		version := ok[*sfn.PublishStateMachineVersionOutput](a.T)(machines.PublishStateMachineVersion(a.ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: aws.String(a.names.StateMachine(name))}))
		ok[*sfn.CreateStateMachineAliasOutput](a.T)(machines.CreateStateMachineAlias(a.ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String(access.LiveAlias),
			RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{{StateMachineVersionArn: version.StateMachineVersionArn, Weight: 100}}}))
	}
	for _, b := range access.Builds() {
		ok[*codebuild.CreateProjectOutput](a.T)(codebuild.NewFromConfig(a.cfg).CreateProject(a.ctx, &codebuild.CreateProjectInput{Name: &b.Name, ServiceRole: aws.String(a.names.Role(b.Name)),
			Source:      &cbtypes.ProjectSource{Type: cbtypes.SourceTypeS3, Location: aws.String("assets/source.zip")},
			Artifacts:   &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
			Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeArmContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("image")}}))
	}
	ok[*eventbridge.CreateEventBusOutput](a.T)(eventbridge.NewFromConfig(a.cfg).CreateEventBus(a.ctx, &eventbridge.CreateEventBusInput{Name: aws.String(access.Bus)}))
	ok[*scheduler.CreateScheduleGroupOutput](a.T)(scheduler.NewFromConfig(a.cfg).CreateScheduleGroup(a.ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String(access.ScheduleGroup)}))
	a.clock.Advance(time.Minute)
}

func (a *account) addCluster() {
	api := eks.NewFromConfig(a.cfg)
	ok[*eks.CreateClusterOutput](a.T)(api.CreateCluster(a.ctx, &eks.CreateClusterInput{Name: aws.String("shop"), Version: aws.String("1.34"), RoleArn: aws.String(a.names.Role("shop-cluster")),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{full.DefaultSubnet(1), full.DefaultSubnet(2)}},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi}}))
	a.clock.Advance(time.Hour)
	for _, e := range access.Entries() {
		ok[*eks.CreateAccessEntryOutput](a.T)(api.CreateAccessEntry(a.ctx, &eks.CreateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: aws.String(a.names.Role(e.Role)), KubernetesGroups: []string{string(e.Group)}}))
	}
}

func (a *account) options() doctor.Options {
	names := a.names
	names.Key, names.Source = "", "" // doctor finds them
	return doctor.Options{AWS: a.cfg, Names: names, Connect: func(context.Context, string) (doctor.Cluster, error) { return a.api, nil }}
}

func (a *account) examine(o doctor.Options) doctor.Report {
	a.Helper()
	return ok[doctor.Report](a.T)(doctor.Run(a.ctx, o))
}

// bad returns the findings that are not ok, but for those that the world's
// deployment always has: nobody listens to its topic.
func bad(r doctor.Report) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f doctor.Finding) bool { return f.Status == doctor.OK || f.What == access.AlertsTopic })
}

// one wants one finding that is not ok and returns it.
func (a *account) one(r doctor.Report, status doctor.Status, area, what string) doctor.Finding {
	a.Helper()
	found := bad(r)
	if len(found) != 1 || found[0].Status != status || found[0].Area != area || found[0].What != what {
		a.Fatalf("want one finding, %s of %s: %s; there are %d: %+v", status, area, what, len(found), found)
	}
	if found[0].Detail == "" || found[0].Remedy == "" {
		a.Errorf("it says too little: %+v", found[0])
	}
	return found[0]
}

func TestADeploymentThatIsWell(t *testing.T) {
	a := deployed(t)
	r := a.examine(a.options())
	if found := bad(r); len(found) > 0 {
		t.Errorf("%d findings: %+v", len(found), found)
	}
	for _, f := range r.Findings {
		if f.Status == doctor.OK && f.Detail == "" {
			t.Errorf("%s %s is ok without evidence", f.Area, f.What)
		}
	}
	if r.Count(doctor.OK) < 60 || len(r.Manifests) > 0 {
		t.Errorf("%d things are ok, manifests %v", r.Count(doctor.OK), r.Manifests)
	}
}

func TestAMissingActionIsNamed(t *testing.T) {
	a := deployed(t)
	execute := access.FunctionName(upgrade.PhaseExecute)
	var less []access.Statement
	for _, s := range access.Function(execute, a.names) {
		s.Actions = slices.DeleteFunc(slices.Clone(s.Actions), func(action string) bool { return action == "eks:DeleteCluster" })
		if len(s.Actions) > 0 {
			less = append(less, s)
		}
	}
	a.policy(execute, "own", access.Document(less))
	f := a.one(a.examine(a.options()), doctor.Missing, "role "+execute, "eks:DeleteCluster")
	if !strings.Contains(f.Detail, "no policy allows it on arn:aws:eks:eu-west-1:123456789012:cluster/shopexample") || !strings.Contains(f.Remedy, `"eks:DeleteCluster"`) {
		t.Errorf("%+v", f)
	}
}

func TestWhatARoleMayBeyondItsNeedIsAWarning(t *testing.T) {
	a := deployed(t)
	lease := access.FunctionName(upgrade.PhaseLease)
	a.policy(lease, "extra", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	f := a.one(a.examine(a.options()), doctor.Warning, "role "+lease, "s3:*")
	if !strings.Contains(f.Detail, "policy extra") {
		t.Errorf("%+v", f)
	}
}

func TestABoundaryIsSeenWhereItStops(t *testing.T) {
	a := deployed(t)
	record := access.FunctionName(upgrade.PhaseRecord)
	api := iam.NewFromConfig(a.cfg)
	p := ok[*iam.CreatePolicyOutput](t)(api.CreatePolicy(a.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("limit"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"events:PutEvents","Resource":"*"}]}`)}))
	ok[*iam.PutRolePermissionsBoundaryOutput](t)(api.PutRolePermissionsBoundary(a.ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &record, PermissionsBoundary: p.Policy.Arn}))
	found := bad(a.examine(a.options()))
	if len(found) != 2 || found[0].What != "boundary" || found[0].Status != doctor.Warning || found[1].What != "events:PutEvents" || !strings.Contains(found[1].Detail, "the permissions boundary does not allow it") {
		t.Errorf("%+v", found)
	}
}

func TestAMissingAccessEntryIsNamed(t *testing.T) {
	a := deployed(t)
	api := eks.NewFromConfig(a.cfg)
	role := a.names.Role(access.FunctionName(upgrade.PhaseExecute))
	ok[*eks.DeleteAccessEntryOutput](t)(api.DeleteAccessEntry(a.ctx, &eks.DeleteAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: &role}))
	f := a.one(a.examine(a.options()), doctor.Missing, "cluster shop", "access entry of eks-upgrade-execute")
	if !strings.HasPrefix(f.Remedy, "aws eks create-access-entry --region eu-west-1 --cluster-name shop --principal-arn "+role) {
		t.Errorf("%+v", f)
	}
}

func TestAccessEntriesThatDiffer(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*account, *eks.Client, *string)
		status doctor.Status
		detail string
	}{
		"another group": {func(a *account, api *eks.Client, role *string) {
			ok[*eks.UpdateAccessEntryOutput](a.T)(api.UpdateAccessEntry(a.ctx, &eks.UpdateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: role, KubernetesGroups: []string{"ops"}}))
		}, doctor.Missing, "not in the group eks-upgrade-agent:readers"},
		"a group more": {func(a *account, api *eks.Client, role *string) {
			ok[*eks.UpdateAccessEntryOutput](a.T)(api.UpdateAccessEntry(a.ctx, &eks.UpdateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: role, KubernetesGroups: []string{"ops", string(access.Readers)}}))
		}, doctor.Warning, "more groups"},
		"an access policy": {func(a *account, api *eks.Client, role *string) {
			ok[*eks.AssociateAccessPolicyOutput](a.T)(api.AssociateAccessPolicy(a.ctx, &eks.AssociateAccessPolicyInput{ClusterName: aws.String("shop"), PrincipalArn: role,
				PolicyArn: aws.String("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"), AccessScope: &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster}}))
		}, doctor.Warning, "AmazonEKSClusterAdminPolicy"},
	} {
		t.Run(what, func(t *testing.T) {
			a := deployed(t)
			role := a.names.Role(access.FunctionName(upgrade.PhaseValidate))
			c.change(a, eks.NewFromConfig(a.cfg), &role)
			if f := a.one(a.examine(a.options()), c.status, "cluster shop", "access entry of eks-upgrade-validate"); !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%+v", f)
			}
		})
	}
}
