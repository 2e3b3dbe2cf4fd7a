package full_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

// newWorld is a whole world, with its default VPC, on a clock that stands still.
func newWorld(t *testing.T) *world.World {
	t.Helper()
	w, _ := newWorldWithServices(t)
	return w
}

func newWorldWithServices(t *testing.T) (*world.World, *full.Services) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	services := full.Add(w, full.Options{TempDir: t.TempDir()})
	t.Cleanup(func() {
		services.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := services.AddDefaultVPC(w.Region()); err != nil {
		t.Fatal(err)
	}
	return w, services
}

func TestTheCreatorOfAClusterIsItsRoleWithItsPath(t *testing.T) {
	w := newWorld(t)
	const role = "arn:aws:iam::123456789012:role/team/platform/creator"
	c := w.STS().Issue(role, "anna")
	cfg := w.AWSConfig()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	subnets, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("default-for-az"), Values: []string{"true"}}}})
	if err != nil || len(subnets.Subnets) != 3 {
		t.Fatalf("subnets = %+v, %v", subnets, err)
	}
	api := eks.NewFromConfig(cfg)
	if _, err := api.CreateCluster(t.Context(), &eks.CreateClusterInput{Name: aws.String("shop"), RoleArn: aws.String("arn:aws:iam::123456789012:role/cluster"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{*subnets.Subnets[0].SubnetId, *subnets.Subnets[1].SubnetId}},
		AccessConfig:       &ekstypes.CreateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationModeApi}}); err != nil {
		t.Fatal(err)
	}
	out, err := api.ListAccessEntries(t.Context(), &eks.ListAccessEntriesInput{ClusterName: aws.String("shop")})
	if err != nil || !slices.Contains(out.AccessEntries, role) {
		t.Errorf("entries = %+v, %v", out, err)
	}
}

func TestTheDefaultVPCAndTheRecommendedAMIAreFound(t *testing.T) {
	w := newWorld(t)
	vpcs, err := ec2.NewFromConfig(w.AWSConfig()).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}})
	if err != nil || len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].VpcId != full.DefaultVPC {
		t.Errorf("VPCs = %+v, %v", vpcs, err)
	}
	p, err := ssm.NewFromConfig(w.AWSConfig()).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id")})
	if err != nil {
		t.Fatal(err)
	}
	images, err := ec2.NewFromConfig(w.AWSConfig()).DescribeImages(t.Context(), &ec2.DescribeImagesInput{ImageIds: []string{*p.Parameter.Value}})
	if err != nil || len(images.Images) != 1 {
		t.Errorf("images = %+v, %v", images, err)
	}
}
