package rehearsal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

const vpc = "vpc-0a1b2c3d4e5f60000"

// subnets of the simulated cluster, one a zone.
var subnets = []ec2.Subnet{
	{ID: "subnet-0a1b2c3d4e5f60001", VPC: vpc, Zone: "eu-west-1a", CIDR: "10.0.0.0/20", FreeIPs: 3900},
	{ID: "subnet-0a1b2c3d4e5f60002", VPC: vpc, Zone: "eu-west-1b", CIDR: "10.0.16.0/20", FreeIPs: 3900},
	{ID: "subnet-0a1b2c3d4e5f60003", VPC: vpc, Zone: "eu-west-1c", CIDR: "10.0.32.0/20", FreeIPs: 3900},
}

// nodeGroups of blue: name and number of nodes.
var nodeGroups = []struct {
	name     string
	desired  int32
	instance string
}{{"general", 3, "m6i.xlarge"}, {"monitoring", 2, "m6i.large"}}

// addons of blue, at the default versions of its Kubernetes version.
var addons = []string{"vpc-cni", "coredns", "kube-proxy"}

const (
	clusterRole  = "arn:aws:iam::123456789012:role/shop-cluster"
	nodeRole     = "arn:aws:iam::123456789012:role/shop-nodes"
	machineRole  = "arn:aws:iam::123456789012:role/eks-upgrade-machine"
	machineName  = "eks-upgrade"
	scanProject  = "eks-upgrade-scan" // as the state machine names it
	buildImage   = "aws/codebuild/amazonlinux2-aarch64-standard:3.0"
	buildTimeout = 480           // minutes; commands run in real time while the clock runs fast
	setupTimeout = 6 * time.Hour // simulated, per part
)

// createAgentResources makes what a deployment of the agent makes.
func (s *stage) createAgentResources(ctx context.Context, cfg config.Config) error {
	db := dynamodb.NewFromConfig(s.aws)
	for _, t := range []struct{ name, hash, sort string }{
		{cfg.Tables.Leases, "cluster", ""}, {cfg.Tables.Records, "upgrade", "key"}, {cfg.Tables.Approvals, "upgrade", ""},
	} {
		in := &dynamodb.CreateTableInput{TableName: &t.name, BillingMode: ddbtypes.BillingModePayPerRequest,
			KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: &t.hash, KeyType: ddbtypes.KeyTypeHash}},
			AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: &t.hash, AttributeType: ddbtypes.ScalarAttributeTypeS}}}
		if t.sort != "" {
			in.KeySchema = append(in.KeySchema, ddbtypes.KeySchemaElement{AttributeName: &t.sort, KeyType: ddbtypes.KeyTypeRange})
			in.AttributeDefinitions = append(in.AttributeDefinitions, ddbtypes.AttributeDefinition{AttributeName: &t.sort, AttributeType: ddbtypes.ScalarAttributeTypeS})
		}
		if _, err := db.CreateTable(ctx, in); err != nil {
			return fmt.Errorf("create table %s: %w", t.name, err)
		}
		if err := s.until(ctx, "table "+t.name, func() (string, error) {
			out, err := db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.name})
			if err != nil {
				return "", err
			}
			return string(out.Table.TableStatus), nil
		}); err != nil {
			return err
		}
	}
	if _, err := awsclient.S3(s.aws).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &cfg.Bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(s.aws.Region)}}); err != nil {
		return fmt.Errorf("create bucket %s: %w", cfg.Bucket, err)
	}
	if _, err := sns.NewFromConfig(s.aws).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("eks-upgrade-alerts")}); err != nil {
		return fmt.Errorf("create topic: %w", err)
	}
	builds := codebuild.NewFromConfig(s.aws)
	for project, spec := range map[string]string{cfg.Terraform.Project: scripts.ProvisionBuildspec, scanProject: scripts.ScanBuildspec} {
		if _, err := builds.CreateProject(ctx, &codebuild.CreateProjectInput{Name: &project, ServiceRole: aws.String(s.names().Role(project)),
			Source:           &cbtypes.ProjectSource{Type: cbtypes.SourceTypeGithub, Location: aws.String(sourceLocation), Buildspec: &spec},
			Artifacts:        &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeS3, Name: aws.String("/"), Location: &cfg.Bucket, Path: aws.String("scans"), NamespaceType: cbtypes.ArtifactNamespaceBuildId, Packaging: cbtypes.ArtifactPackagingNone},
			Environment:      &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeArmContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String(buildImage)},
			TimeoutInMinutes: aws.Int32(buildTimeout)}); err != nil {
			return fmt.Errorf("create CodeBuild project %s: %w", project, err)
		}
	}
	out, err := sfn.NewFromConfig(s.aws).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String(machineName),
		RoleArn: aws.String(machineRole), Definition: aws.String(string(statemachine.Upgrade))})
	if err != nil {
		return fmt.Errorf("create state machine: %w", err)
	}
	s.machine = aws.ToString(out.StateMachineArn)
	return nil
}

// createBlue makes the cluster that is upgraded, its node groups and add-ons,
// as its owners would have.
func (s *stage) createBlue(ctx context.Context) error {
	var ids []string
	if err := s.ec2.AddVPC(vpc, "10.0.0.0/16", nil); err != nil {
		return err
	}
	for _, n := range subnets {
		if err := s.ec2.AddSubnet(n); err != nil {
			return err
		}
		ids = append(ids, n.ID)
	}
	api := eks.NewFromConfig(s.aws)
	version := s.o.From.String()
	if _, err := api.CreateCluster(ctx, &eks.CreateClusterInput{Name: aws.String(Cluster), Version: &version, RoleArn: aws.String(clusterRole),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: ids},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi}}); err != nil {
		return fmt.Errorf("create cluster %s: %w", Cluster, err)
	}
	if err := s.until(ctx, "cluster "+Cluster, func() (string, error) {
		out, err := api.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String(Cluster)})
		if err != nil {
			return "", err
		}
		return string(out.Cluster.Status), nil
	}); err != nil {
		return err
	}
	for _, g := range nodeGroups {
		if _, err := api.CreateNodegroup(ctx, &eks.CreateNodegroupInput{ClusterName: aws.String(Cluster), NodegroupName: &g.name, NodeRole: aws.String(nodeRole),
			Subnets: ids, InstanceTypes: []string{g.instance}, AmiType: ekstypes.AMITypesAl2023X8664Standard, Labels: map[string]string{"workload": g.name},
			ScalingConfig: &ekstypes.NodegroupScalingConfig{MinSize: aws.Int32(1), DesiredSize: aws.Int32(g.desired), MaxSize: aws.Int32(2 * g.desired)}}); err != nil {
			return fmt.Errorf("create node group %s: %w", g.name, err)
		}
	}
	for _, name := range addons {
		if _, err := api.CreateAddon(ctx, &eks.CreateAddonInput{ClusterName: aws.String(Cluster), AddonName: &name}); err != nil {
			return fmt.Errorf("create add-on %s: %w", name, err)
		}
	}
	for _, g := range nodeGroups {
		if err := s.until(ctx, "node group "+g.name, func() (string, error) {
			out, err := api.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: aws.String(Cluster), NodegroupName: &g.name})
			if err != nil {
				return "", err
			}
			if h := out.Nodegroup.Health; h != nil && len(h.Issues) > 0 {
				return "", fmt.Errorf("%s: %s", h.Issues[0].Code, aws.ToString(h.Issues[0].Message))
			}
			return string(out.Nodegroup.Status), nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// until polls until a status is ACTIVE.
func (s *stage) until(ctx context.Context, what string, status func() (string, error)) error {
	deadline := s.clock.Now().Add(setupTimeout)
	for {
		now, err := status()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case now == "ACTIVE":
			return nil
		case now == "CREATE_FAILED" || now == "FAILED":
			return fmt.Errorf("%s is %s: the logs of its control plane are in %s", what, now, s.o.Dir)
		case s.clock.Now().After(deadline):
			return fmt.Errorf("%s is still %s after %s", what, now, setupTimeout)
		}
		if err := clock.Sleep(ctx, s.clock, 15*time.Second); err != nil {
			return err
		}
	}
}

// createRecord gives all traffic to blue.
func (s *stage) createRecord(ctx context.Context, target string) error {
	api := route53.NewFromConfig(s.aws)
	out, err := api.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String(zone), CallerReference: aws.String("rehearsal")})
	if err != nil {
		return fmt.Errorf("create hosted zone: %w", err)
	}
	s.zone = strings.TrimPrefix(aws.ToString(out.HostedZone.Id), "/hostedzone/")
	_, err = api.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &s.zone, ChangeBatch: &r53types.ChangeBatch{
		Changes: []r53types.Change{{Action: r53types.ChangeActionCreate, ResourceRecordSet: &r53types.ResourceRecordSet{
			Name: aws.String(Record), Type: r53types.RRTypeCname, SetIdentifier: aws.String(Cluster), Weight: aws.Int64(100), TTL: aws.Int64(60),
			ResourceRecords: []r53types.ResourceRecord{{Value: &target}}}}}}})
	if err != nil {
		return fmt.Errorf("create record %s: %w", Record, err)
	}
	for len(s.route53.Resolve(Record)) == 0 { // until it is in sync
		if err := clock.Sleep(ctx, s.clock, 5*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// request is what a person would send to start this upgrade.
func (s *stage) request() upgrade.Request {
	return upgrade.Request{
		Cluster: Cluster, Green: Green, Target: s.o.Target,
		Traffic: upgrade.Traffic{HostedZone: s.zone, Record: Record, Service: s.o.service, Bake: upgrade.Duration(s.o.Bake)},
		Soak:    upgrade.Duration(s.o.Soak),
	}.WithDefaults()
}
