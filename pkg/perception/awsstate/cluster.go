package awsstate

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// cluster describes the cluster itself, without which nothing else is looked at.
// Of its subnets only the ids are set.
func (c *Collector) cluster(ctx context.Context, name string) (upgrade.ClusterState, error) {
	op := "describe cluster " + name
	out, err := c.clusters.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if awserr.Is(err, "ResourceNotFoundException") {
		return upgrade.ClusterState{}, upgrade.KindClusterNotFound.Field(op, "cluster", fmt.Sprintf("EKS knows no cluster %q in this account and region", name),
			"correct the name, or run in the cluster's account and region")
	}
	if err != nil {
		return upgrade.ClusterState{}, wrap(op, err)
	}
	from := out.Cluster
	version, err := upgrade.ParseVersion(aws.ToString(from.Version))
	if err != nil {
		return upgrade.ClusterState{}, upgrade.KindSourceUnreadable.Errorf(op, "%w", err)
	}
	state := upgrade.ClusterState{
		Name: name, ARN: aws.ToString(from.Arn), Version: version, PlatformVersion: aws.ToString(from.PlatformVersion), CreatedAt: instant(from.CreatedAt),
		Status: string(from.Status), RoleARN: aws.ToString(from.RoleArn), DeletionProtection: aws.ToBool(from.DeletionProtection), Tags: from.Tags,
	}
	network(&state, from)
	options(&state, from)
	if from.Health != nil {
		for _, i := range from.Health.Issues {
			state.Health = append(state.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
		}
	}
	return state, nil
}

func network(state *upgrade.ClusterState, from *types.Cluster) {
	if vpc := from.ResourcesVpcConfig; vpc != nil {
		state.VPC, state.SecurityGroups = aws.ToString(vpc.VpcId), vpc.SecurityGroupIds
		state.Endpoint = upgrade.EndpointAccess{Public: vpc.EndpointPublicAccess, Private: vpc.EndpointPrivateAccess, PublicCIDRs: vpc.PublicAccessCidrs}
		for _, id := range vpc.SubnetIds {
			state.Subnets = append(state.Subnets, upgrade.Subnet{ID: id})
		}
	}
	if n := from.KubernetesNetworkConfig; n != nil {
		state.IPFamily, state.ServiceCIDR = string(n.IpFamily), aws.ToString(n.ServiceIpv4Cidr)
		if n.IpFamily == types.IpFamilyIpv6 {
			state.ServiceCIDR = aws.ToString(n.ServiceIpv6Cidr)
		}
	}
}

func options(state *upgrade.ClusterState, from *types.Cluster) {
	if from.AccessConfig != nil {
		state.AuthenticationMode = string(from.AccessConfig.AuthenticationMode)
	}
	if from.UpgradePolicy != nil {
		state.SupportType = string(from.UpgradePolicy.SupportType)
	}
	if from.ComputeConfig != nil && aws.ToBool(from.ComputeConfig.Enabled) {
		state.AutoMode = &upgrade.AutoMode{NodePools: from.ComputeConfig.NodePools}
	}
	if from.Logging != nil {
		for _, l := range from.Logging.ClusterLogging {
			for _, kind := range l.Types {
				if aws.ToBool(l.Enabled) {
					state.Logging = append(state.Logging, string(kind))
				}
			}
		}
	}
	for _, e := range from.EncryptionConfig {
		if e.Provider != nil {
			state.EncryptionKeys = append(state.EncryptionKeys, aws.ToString(e.Provider.KeyArn))
		}
	}
	if from.Identity != nil && from.Identity.Oidc != nil {
		state.OIDCIssuer = aws.ToString(from.Identity.Oidc.Issuer)
	}
}

func (c *Collector) available(ctx context.Context) ([]upgrade.AvailableVersion, error) {
	found := []upgrade.AvailableVersion{}
	pages := eks.NewDescribeClusterVersionsPaginator(c.clusters, &eks.DescribeClusterVersionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list the versions that EKS offers", err)
		}
		for _, v := range page.ClusterVersions {
			version, err := upgrade.ParseVersion(aws.ToString(v.ClusterVersion))
			if err != nil {
				return nil, upgrade.KindSourceUnreadable.Errorf("list the versions that EKS offers", "%w", err)
			}
			found = append(found, upgrade.AvailableVersion{Version: version, Status: versionStatus(v), Default: v.DefaultVersion, Patch: aws.ToString(v.KubernetesPatchVersion),
				Released: instant(v.ReleaseDate), EndOfStandard: instant(v.EndOfStandardSupportDate), EndOfExtended: instant(v.EndOfExtendedSupportDate)})
		}
	}
	return found, nil
}

// versionStatus prefers the field that replaced the other, older one, which
// spells the same in lower case with hyphens.
func versionStatus(v types.ClusterVersionInformation) string {
	if v.VersionStatus != "" {
		return string(v.VersionStatus)
	}
	return strings.ToUpper(strings.ReplaceAll(string(v.Status), "-", "_"))
}
