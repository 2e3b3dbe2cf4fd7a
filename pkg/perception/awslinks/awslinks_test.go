package awslinks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/awslinks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	worldec2 "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// place is a simulated AWS with cluster "shop".
type place struct {
	*world.World
	services *full.Services
	clock    *clock.Virtual
	cluster  ekstypes.Cluster
	zone     string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	virtual := clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
	w, err := world.New(world.Options{Clock: virtual})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{World: w, services: full.Add(w, full.Options{}), clock: virtual}
	t.Cleanup(func() {
		p.services.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, vpc := range []string{"vpc-1", "vpc-2"} {
		must(t, p.services.EC2.AddVPC(vpc, "10.0.0.0/16", nil))
	}
	must(t, p.services.EC2.AddSubnet(worldec2.Subnet{ID: "subnet-a", VPC: "vpc-1", Zone: "eu-west-1a", CIDR: "10.0.0.0/20", FreeIPs: 100}))
	must(t, p.services.EC2.AddSubnet(worldec2.Subnet{ID: "subnet-b", VPC: "vpc-1", Zone: "eu-west-1b", CIDR: "10.0.16.0/20", FreeIPs: 100}))
	api := eks.NewFromConfig(w.AWSConfig())
	_, err = api.CreateCluster(t.Context(), &eks.CreateClusterInput{Name: aws.String("shop"), Version: aws.String("1.34"), RoleArn: aws.String("arn:aws:iam::123456789012:role/shop"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b"}}})
	must(t, err)
	for range 60 {
		virtual.Advance(time.Minute)
		if c, _ := p.services.EKS.Cluster("shop"); c.Status == ekstypes.ClusterStatusActive {
			p.cluster = c
			break
		}
	}
	zone, err := route53.NewFromConfig(w.AWSConfig()).CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("1")})
	must(t, err)
	p.zone = strings.TrimPrefix(*zone.HostedZone.Id, "/hostedzone/")
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *place) issuer() string {
	return strings.TrimPrefix(*p.cluster.Identity.Oidc.Issuer, "https://")
}

// base has seen the cluster.
type base struct{ err error }

func (b base) Collect(context.Context, upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	return upgrade.Snapshot{AWS: &upgrade.ClusterState{Name: "shop"}}, "EKS 1.34", b.err
}

// failing makes one operation err.
func failing(cfg aws.Config, operation string, err error) aws.Config {
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("fail", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if operation != "" && awsmiddleware.GetServiceID(ctx)+"."+awsmiddleware.GetOperationName(ctx) == operation {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	return cfg
}

func (p *place) collect(t *testing.T, operation string, err error) (upgrade.Snapshot, string, error) {
	t.Helper()
	p.clock.Advance(time.Minute) // Route 53 takes five calls a second
	cfg := failing(p.AWSConfig(), operation, err)
	c := awslinks.Around(base{}, awslinks.Clients{Clusters: eks.NewFromConfig(cfg), Network: ec2.NewFromConfig(cfg), Identity: iam.NewFromConfig(cfg), Balancers: elb.NewFromConfig(cfg),
		Classic: elasticloadbalancing.NewFromConfig(cfg), Databases: rds.NewFromConfig(cfg), Caches: elasticache.NewFromConfig(cfg), Records: route53.NewFromConfig(cfg)})
	return c.Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Traffic: upgrade.Traffic{HostedZone: p.zone, Record: "Shop.example.com"}}}})
}

// see collects and wants all to be seen.
func (p *place) see(t *testing.T) upgrade.Surroundings {
	t.Helper()
	snapshot, _, err := p.collect(t, "", nil)
	if err != nil || len(snapshot.NotChecked) > 0 {
		t.Fatalf("not checked %+v, %v", snapshot.NotChecked, err)
	}
	return *snapshot.AWS.Surroundings
}

func TestAnEmptyAccountIsSeenToBeEmpty(t *testing.T) {
	p := newPlace(t)
	got := p.see(t)
	want := upgrade.Surroundings{SecurityGroup: *p.cluster.ResourcesVpcConfig.ClusterSecurityGroupId, Networks: []string{"10.0.0.0/20", "10.0.16.0/20"}, NodeSecurityGroups: []string{},
		Providers: []upgrade.OIDCProvider{}, Roles: []upgrade.TrustedRole{}, PodIdentities: []upgrade.PodIdentity{}, Logins: []upgrade.LoginProvider{},
		LoadBalancers: []upgrade.LoadBalancer{}, TargetGroups: []upgrade.TargetGroup{}, Databases: []upgrade.Datastore{}, Caches: []upgrade.Datastore{},
		Names: &upgrade.NameOwners{Zone: p.zone, Records: 2, Owners: map[string]int{}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRolesThatTrustTheClustersServiceAccounts(t *testing.T) {
	p := newPlace(t)
	api, ctx := iam.NewFromConfig(p.AWSConfig()), t.Context()
	provider := func(issuer string) string { return "arn:aws:iam::123456789012:oidc-provider/" + issuer }
	for _, issuer := range []string{p.issuer(), "oidc.eks.eu-west-1.amazonaws.com/id/OTHER"} {
		_, err := api.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://" + issuer), ClientIDList: []string{"sts.amazonaws.com"}})
		must(t, err)
	}
	trust := func(issuer, operator, sub string) string {
		return fmt.Sprintf(`{"Effect": "Allow", "Principal": {"Federated": %q}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {%q: {"%s:sub": %q, "%s:aud": "sts.amazonaws.com"}}}`,
			provider(issuer), operator, issuer, sub, issuer)
	}
	policy := func(statements ...string) *string {
		return aws.String(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ", ") + `]}`)
	}
	for name, document := range map[string]*string{
		"orders":  policy(trust(p.issuer(), "StringEquals", "system:serviceaccount:default:orders"), trust("oidc.eks.eu-west-1.amazonaws.com/id/OTHER", "StringEquals", "system:serviceaccount:default:orders")),
		"any":     policy(trust(p.issuer(), "StringLike", "system:serviceaccount:team-*:*")),
		"foreign": policy(trust("oidc.eks.eu-west-1.amazonaws.com/id/OTHER", "StringEquals", "system:serviceaccount:default:orders")),
		"nodes":   policy(`{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}`),
	} {
		_, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: document})
		must(t, err)
	}
	for n := range 130 { // more than one page
		_, err := api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(fmt.Sprintf("a-%03d", n)), AssumeRolePolicyDocument: policy(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)})
		must(t, err)
	}
	must(t, pods(t, p))

	got := p.see(t)
	if len(got.Roles) != 2 || got.Roles[0].Name != "any" || got.Roles[1].Name != "orders" {
		t.Fatalf("roles %+v", got.Roles)
	}
	want := upgrade.TrustedRole{Name: "orders", ARN: "arn:aws:iam::123456789012:role/orders", Size: got.Roles[1].Size, Issuers: []string{p.issuer(), "oidc.eks.eu-west-1.amazonaws.com/id/OTHER"},
		Trusts: []upgrade.TrustStatement{{Subjects: []upgrade.TrustCondition{{Operator: "StringEquals", Values: []string{"system:serviceaccount:default:orders"}}},
			Audiences: []upgrade.TrustCondition{{Operator: "StringEquals", Values: []string{"sts.amazonaws.com"}}}}}}
	slices.Sort(want.Issuers)
	if diff := cmp.Diff(want, got.Roles[1]); diff != "" || got.Roles[1].Size < 500 {
		t.Errorf("size %d: %s", got.Roles[1].Size, diff)
	}
	if got.Roles[0].Trusts[0].Subjects[0].Operator != "StringLike" {
		t.Errorf("role %+v", got.Roles[0])
	}
	own := slices.IndexFunc(got.Providers, func(o upgrade.OIDCProvider) bool { return o.ARN == provider(p.issuer()) })
	if len(got.Providers) != 2 || own < 0 || !slices.Equal(got.Providers[own].Audiences, []string{"sts.amazonaws.com"}) || got.Providers[1-own].Audiences != nil {
		t.Errorf("providers %+v", got.Providers)
	}
	if diff := cmp.Diff([]upgrade.PodIdentity{{Namespace: "default", ServiceAccount: "cart"}}, got.PodIdentities); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]upgrade.LoginProvider{{Name: "staff", Type: "oidc"}}, got.Logins); diff != "" {
		t.Error(diff)
	}
}

func pods(t *testing.T, p *place) error {
	t.Helper()
	api := eks.NewFromConfig(p.AWSConfig())
	_, err := api.CreatePodIdentityAssociation(t.Context(), &eks.CreatePodIdentityAssociationInput{ClusterName: aws.String("shop"), Namespace: aws.String("default"), ServiceAccount: aws.String("cart"), RoleArn: aws.String("arn:aws:iam::123456789012:role/cart")})
	must(t, err)
	_, err = api.AssociateIdentityProviderConfig(t.Context(), &eks.AssociateIdentityProviderConfigInput{ClusterName: aws.String("shop"), Oidc: &ekstypes.OidcIdentityProviderConfigRequest{
		IdentityProviderConfigName: aws.String("staff"), IssuerUrl: aws.String("https://login.example.com"), ClientId: aws.String("kubernetes")}})
	return err
}

func TestLoadBalancersAndTargetGroupsByTheirTags(t *testing.T) {
	p := newPlace(t)
	b := p.LoadBalancing()
	web := b.PutLoadBalancer(elbtypes.LoadBalancer{LoadBalancerName: aws.String("k8s-web"), VpcId: aws.String("vpc-1"), SecurityGroups: []string{"sg-1"},
		AvailabilityZones: []elbtypes.AvailabilityZone{{ZoneName: aws.String("eu-west-1a")}}}, map[string]string{"elbv2.k8s.aws/cluster": "shop", "ingress.k8s.aws/stack": "default/web"})
	b.PutLoadBalancer(elbtypes.LoadBalancer{LoadBalancerName: aws.String("by-hand"), VpcId: aws.String("vpc-1")}, map[string]string{"team": "shop"})
	b.PutLoadBalancer(elbtypes.LoadBalancer{LoadBalancerName: aws.String("elsewhere"), VpcId: aws.String("vpc-2")}, map[string]string{"elbv2.k8s.aws/cluster": "shop"})
	b.PutLoadBalancer(elbtypes.LoadBalancer{LoadBalancerName: aws.String("auto"), VpcId: aws.String("vpc-1"), Type: elbtypes.LoadBalancerTypeEnumNetwork}, map[string]string{"eks:eks-cluster-name": "other", "service.eks.amazonaws.com/stack": "default/api"})
	b.Classic().Put(classictypes.LoadBalancerDescription{LoadBalancerName: aws.String("a0123"), VPCId: aws.String("vpc-1"), AvailabilityZones: []string{"eu-west-1b"}},
		map[string]string{"kubernetes.io/cluster/shop": "owned", "kubernetes.io/service-name": "default/old"})
	b.Classic().Put(classictypes.LoadBalancerDescription{LoadBalancerName: aws.String("shared"), VPCId: aws.String("vpc-1")}, map[string]string{"kubernetes.io/cluster/shop": "shared"})
	for n := range 45 { // tags come 20 at a time
		b.PutTargetGroup(elbtypes.TargetGroup{TargetGroupName: aws.String(fmt.Sprintf("other-%02d", n)), VpcId: aws.String("vpc-1")}, map[string]string{"elbv2.k8s.aws/cluster": "other"})
	}
	own := b.PutTargetGroup(elbtypes.TargetGroup{TargetGroupName: aws.String("web"), VpcId: aws.String("vpc-1"), TargetType: elbtypes.TargetTypeEnumIp, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, LoadBalancerArns: []string{web}},
		map[string]string{"elbv2.k8s.aws/cluster": "shop", "ingress.k8s.aws/stack": "default/web"})
	target := func(id string, state elbtypes.TargetHealthStateEnum) elbtypes.TargetHealthDescription {
		return elbtypes.TargetHealthDescription{Target: &elbtypes.TargetDescription{Id: &id}, TargetHealth: &elbtypes.TargetHealth{State: state, Reason: elbtypes.TargetHealthReasonEnumTimeout, Description: aws.String("Request timed out")}}
	}
	must(t, b.SetTargets(own, target("10.0.0.1", elbtypes.TargetHealthStateEnumHealthy), target("10.0.0.2", elbtypes.TargetHealthStateEnumUnhealthy), target("10.0.0.3", elbtypes.TargetHealthStateEnumDraining), target("10.0.0.4", elbtypes.TargetHealthStateEnumInitial)))
	must(t, b.SetDelay(own, 15))
	b.PutTargetGroup(elbtypes.TargetGroup{TargetGroupName: aws.String("zz-by-hand"), VpcId: aws.String("vpc-1")}, nil)

	got := p.see(t)
	var names []string
	for _, l := range got.LoadBalancers {
		names = append(names, fmt.Sprintf("%s %s %s %s %s", l.Name, l.Type, l.Owner.Cluster, l.Owner.Stack, l.Owner.By))
	}
	if diff := cmp.Diff([]string{"k8s-web application shop default/web controller", "auto network other default/api autoMode", "a0123 classic shop default/old cloudProvider"}, names); diff != "" {
		t.Error(diff)
	}
	if len(got.TargetGroups) != 47 {
		t.Fatalf("%d target groups", len(got.TargetGroups))
	}
	byName := map[string]upgrade.TargetGroup{}
	for _, g := range got.TargetGroups {
		byName[g.Name] = g
	}
	want := upgrade.TargetGroup{Name: "web", ARN: own, Type: "ip", Protocol: "HTTP", Port: 80, LoadBalancers: []string{web}, Owner: upgrade.TagOwner{Cluster: "shop", Stack: "default/web", By: "controller"},
		Targets: &upgrade.TargetHealth{Healthy: 1, Unhealthy: 1, Draining: 1, Other: 1, Why: "Target.Timeout Request timed out"}, Delay: aws.Int(15)}
	if diff := cmp.Diff(want, byName["web"]); diff != "" {
		t.Error(diff)
	}
	if hand := byName["zz-by-hand"]; hand.Targets == nil || *hand.Delay != 300 || hand.Owner.Cluster != "" {
		t.Errorf("by hand %+v", hand)
	}
	if byName["other-07"].Targets != nil {
		t.Error("targets of another cluster were looked at")
	}
}

func TestDatabasesAndCachesAndWhoMayConnect(t *testing.T) {
	p := newPlace(t)
	clusterGroup := *p.cluster.ResourcesVpcConfig.ClusterSecurityGroupId
	allow := func(port int32, group, network string) ec2types.IpPermission {
		rule := ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port}
		if group != "" {
			rule.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: &group}}
		}
		if network != "" {
			rule.IpRanges = []ec2types.IpRange{{CidrIp: &network}}
		}
		return rule
	}
	must(t, p.services.EC2.AddSecurityGroup("sg-db", "vpc-1", "db", allow(5432, clusterGroup, ""), allow(22, "", "0.0.0.0/0")))
	must(t, p.services.EC2.AddSecurityGroup("sg-cache", "vpc-2", "cache", allow(6379, "", "10.0.0.0/8"), ec2types.IpPermission{IpProtocol: aws.String("-1"), PrefixListIds: []ec2types.PrefixListId{{PrefixListId: aws.String("pl-1")}}}))
	at := time.Date(2026, 7, 5, 5, 0, 0, 0, time.UTC)
	p.RDS().PutInstance(rdstypes.DBInstance{DBInstanceIdentifier: aws.String("Orders"), Engine: aws.String("postgres"), EngineVersion: aws.String("16.3"), MultiAZ: aws.Bool(true), PreferredMaintenanceWindow: aws.String("sun:05:00-sun:06:00"),
		DBSubnetGroup: &rdstypes.DBSubnetGroup{VpcId: aws.String("vpc-1")}, VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-db")}},
		MasterUserSecret:      &rdstypes.MasterUserSecret{SecretArn: aws.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1")},
		PendingModifiedValues: &rdstypes.PendingModifiedValues{EngineVersion: aws.String("16.4"), MasterUserPassword: aws.String("hunter2hunter2"), AllocatedStorage: aws.Int32(200)}})
	p.RDS().PutMaintenance("arn:aws:rds:eu-west-1:123456789012:db:orders", rdstypes.PendingMaintenanceAction{Action: aws.String("system-update"), Description: aws.String("New OS"), CurrentApplyDate: &at})
	p.RDS().PutCluster(rdstypes.DBCluster{DBClusterIdentifier: aws.String("carts"), Engine: aws.String("aurora-mysql"), ReaderEndpoint: aws.String("carts.cluster-ro-1.eu-west-1.rds.amazonaws.com")})
	for n, zone := range []string{"eu-west-1a", "eu-west-1b"} {
		p.RDS().PutInstance(rdstypes.DBInstance{DBInstanceIdentifier: aws.String(fmt.Sprintf("carts-%d", n)), DBClusterIdentifier: aws.String("carts"), AvailabilityZone: aws.String(zone), DBSubnetGroup: &rdstypes.DBSubnetGroup{VpcId: aws.String("vpc-1")}})
	}
	p.RDS().PutMaintenance("arn:aws:rds:eu-west-1:123456789012:db:carts-1", rdstypes.PendingMaintenanceAction{Action: aws.String("db-upgrade"), ForcedApplyDate: &at})
	p.ElastiCache().PutReplicationGroup(cachetypes.ReplicationGroup{ReplicationGroupId: aws.String("sessions"), Engine: aws.String("redis"), MemberClusters: []string{"sessions-001"}, MultiAZ: cachetypes.MultiAZStatusDisabled,
		NodeGroups: []cachetypes.NodeGroup{{PrimaryEndpoint: &cachetypes.Endpoint{Address: aws.String("Sessions.abc.cache.amazonaws.com"), Port: aws.Int32(6379)}}}})
	p.ElastiCache().PutCluster(cachetypes.CacheCluster{CacheClusterId: aws.String("sessions-001"), ReplicationGroupId: aws.String("sessions"), EngineVersion: aws.String("7.1"), PreferredMaintenanceWindow: aws.String("mon:01:00-mon:02:00"),
		SecurityGroups: []cachetypes.SecurityGroupMembership{{SecurityGroupId: aws.String("sg-cache")}}})
	p.ElastiCache().PutServerlessCache(cachetypes.ServerlessCache{ServerlessCacheName: aws.String("fast"), Endpoint: &cachetypes.Endpoint{Address: aws.String("fast.serverless.cache.amazonaws.com"), Port: aws.Int32(6379)}})
	record(t, p, "db.example.com", r53types.RRTypeCname, "Orders.c9akciq32rgw.eu-west-1.rds.amazonaws.com")

	got := p.see(t)
	if diff := cmp.Diff([]upgrade.Datastore{
		{ID: "carts", ARN: "arn:aws:rds:eu-west-1:123456789012:cluster:carts", Kind: "cluster", Engine: "aurora-mysql", Status: "available", Port: 3306, VPC: "vpc-1", MultiZone: true, Inbound: []upgrade.InboundRule{},
			Hosts:   []string{"carts.cluster-c9akciq32rgw.eu-west-1.rds.amazonaws.com", "carts.cluster-ro-1.eu-west-1.rds.amazonaws.com", "carts-0.c9akciq32rgw.eu-west-1.rds.amazonaws.com", "carts-1.c9akciq32rgw.eu-west-1.rds.amazonaws.com"},
			Actions: []upgrade.MaintenanceAction{{Action: "db-upgrade", At: upgrade.At(at), Forced: true}}},
		{ID: "orders", ARN: "arn:aws:rds:eu-west-1:123456789012:db:orders", Kind: "instance", Engine: "postgres", Version: "16.3", Status: "available", Hosts: []string{"orders.c9akciq32rgw.eu-west-1.rds.amazonaws.com"},
			Aliases: []string{"db.example.com"}, Port: 5432, VPC: "vpc-1", Groups: []string{"sg-db"}, Inbound: []upgrade.InboundRule{{Groups: []string{clusterGroup}}},
			Secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1", MultiZone: true, Window: "sun:05:00-sun:06:00", Pending: []string{"engine version 16.4", "storage 200", "master password"},
			Actions: []upgrade.MaintenanceAction{{Action: "system-update", Description: "New OS", At: upgrade.At(at)}}},
	}, got.Databases); diff != "" {
		t.Error(diff)
	}
	if len(got.Caches) != 2 {
		t.Fatalf("caches %+v", got.Caches)
	}
	if c := got.Caches[0]; c.ID != "sessions" || c.Hosts[0] != "sessions.abc.cache.amazonaws.com" || c.VPC != "vpc-2" || c.Window != "mon:01:00-mon:02:00" || c.MultiZone || len(c.Inbound) != 2 || c.Inbound[1].PrefixLists[0] != "pl-1" {
		t.Errorf("cache %+v", c)
	}
	if c := got.Caches[1]; c.Kind != "serverlessCache" || !c.MultiZone || c.Port != 6379 {
		t.Errorf("cache %+v", c)
	}
	data, err := json.Marshal(got)
	if must(t, err); strings.Contains(string(data), "hunter2") {
		t.Error("a password is in the snapshot")
	}
}

func record(t *testing.T, p *place, name string, kind r53types.RRType, values ...string) {
	t.Helper()
	records(t, p, set(name, kind, values...))
}

func set(name string, kind r53types.RRType, values ...string) r53types.ResourceRecordSet {
	s := r53types.ResourceRecordSet{Name: &name, Type: kind, TTL: aws.Int64(60)}
	for _, v := range values {
		s.ResourceRecords = append(s.ResourceRecords, r53types.ResourceRecord{Value: aws.String(v)})
	}
	return s
}

// records makes record sets in one change.
func records(t *testing.T, p *place, sets ...r53types.ResourceRecordSet) {
	t.Helper()
	p.clock.Advance(time.Minute)
	batch := &r53types.ChangeBatch{}
	for _, s := range sets {
		batch.Changes = append(batch.Changes, r53types.Change{Action: r53types.ChangeActionCreate, ResourceRecordSet: &s})
	}
	_, err := route53.NewFromConfig(p.AWSConfig()).ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &p.zone, ChangeBatch: batch})
	must(t, err)
}

func TestOwnersOfNames(t *testing.T) {
	p := newPlace(t)
	const by = `"heritage=external-dns,external-dns/owner=%s,external-dns/resource=%s"`
	record(t, p, "cname-shop.example.com", r53types.RRTypeTxt, fmt.Sprintf(by, "blue", "ingress/default/web"), `"v=spf1 -all"`)
	record(t, p, "cname-other.example.com", r53types.RRTypeTxt, fmt.Sprintf(by, "blue", "service/default/other"))
	record(t, p, "a-old.example.com", r53types.RRTypeTxt, `"heritage=external-dns" ",external-dns/owner=green"`)
	record(t, p, "a-sealed.example.com", r53types.RRTypeTxt, `"`+strings.Repeat("QUJD", 12)+`"`)
	record(t, p, "shop.example.com", r53types.RRTypeTxt, `"google-site-verification=1"`)
	var many []r53types.ResourceRecordSet
	for n := range 320 { // more than one page
		many = append(many, set(fmt.Sprintf("n%03d.example.com", n), r53types.RRTypeCname, "web.example.net"))
	}
	records(t, p, many...)
	want := &upgrade.NameOwners{Zone: p.zone, Records: 327, Owners: map[string]int{"blue": 2, "green": 1}, Encrypted: 1,
		Traffic: []upgrade.OwnedName{{Name: "cname-shop.example.com", Owner: "blue", Resource: "ingress/default/web"}}}
	if diff := cmp.Diff(want, p.see(t).Names); diff != "" {
		t.Error(diff)
	}
}

func TestWhatMayNotBeSeenIsNamedWithItsPart(t *testing.T) {
	p := newPlace(t)
	p.RDS().PutInstance(rdstypes.DBInstance{DBInstanceIdentifier: aws.String("orders"), Engine: aws.String("postgres"), VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-1")}}})
	p.LoadBalancing().PutTargetGroup(elbtypes.TargetGroup{TargetGroupName: aws.String("web"), VpcId: aws.String("vpc-1")}, nil)
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "is not authorized"}
	for operation, want := range map[string]string{
		"EC2.DescribeSubnets": "aws.networks ec2:DescribeSubnets", "IAM.ListOpenIDConnectProviders": "aws.oidcProviders iam:ListOpenIDConnectProviders", "IAM.ListRoles": "aws.trustedRoles iam:ListRoles",
		"EKS.ListPodIdentityAssociations": "aws.podIdentities eks:ListPodIdentityAssociations", "EKS.ListIdentityProviderConfigs": "aws.loginProviders eks:ListIdentityProviderConfigs",
		"Elastic Load Balancing v2.DescribeLoadBalancers": "aws.loadBalancers elasticloadbalancing:DescribeLoadBalancers", "Elastic Load Balancing.DescribeLoadBalancers": "aws.loadBalancers elasticloadbalancing:DescribeLoadBalancers",
		"Elastic Load Balancing v2.DescribeTargetHealth": "aws.targetGroups elasticloadbalancing:DescribeTargetGroups", "RDS.DescribePendingMaintenanceActions": "aws.databases rds:DescribeDBInstances",
		"ElastiCache.DescribeServerlessCaches": "aws.caches elasticache:DescribeCacheClusters", "Route 53.ListResourceRecordSets": "aws.names route53:ListResourceRecordSets", "EC2.DescribeSecurityGroups": "aws.inbound ec2:DescribeSecurityGroups",
	} {
		t.Run(operation, func(t *testing.T) {
			snapshot, _, err := p.collect(t, operation, denied)
			must(t, err)
			id, action, _ := strings.Cut(want, " ")
			n := snapshot.NotChecked
			if len(n) != 1 || string(n[0].Part) != id || !strings.Contains(n[0].Remedy, action) || !strings.Contains(n[0].Why, "not authorized") {
				t.Errorf("not checked %+v", n)
			}
		})
	}
	snapshot, _, err := p.collect(t, "RDS.DescribeDBInstances", &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "later"})
	must(t, err)
	if n := snapshot.NotChecked; len(n) != 1 || !strings.Contains(n[0].Remedy, "network") || snapshot.AWS.Surroundings.Databases != nil || snapshot.AWS.Surroundings.Caches == nil {
		t.Errorf("not checked %+v", n)
	}
	if _, _, err := p.collect(t, "IAM.ListRoles", &smithy.GenericAPIError{Code: "Throttling"}); upgrade.CodeOf(err) != upgrade.CodeThrottled {
		t.Errorf("throttled: %v", err)
	}
}

func TestErrorsOfTheClusterItselfComeFirst(t *testing.T) {
	p := newPlace(t)
	c := awslinks.Around(base{err: upgrade.KindClusterNotFound.Errorf("describe", "none")}, awslinks.Clients{Clusters: eks.NewFromConfig(p.AWSConfig())})
	if _, _, err := c.Collect(t.Context(), upgrade.PerceiveInput{Run: upgrade.Run{Request: upgrade.Request{Cluster: "none"}}}); upgrade.KindOf(err) != upgrade.KindClusterNotFound {
		t.Errorf("error %v", err)
	}
}
