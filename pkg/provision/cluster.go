package provision

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// cluster makes the control plane and waits until it is ACTIVE.
func (r *run) cluster(ctx context.Context, like *types.Cluster) error {
	now, err := r.describe(ctx, r.spec.Cluster)
	if err != nil {
		return err
	}
	if now == nil {
		if err := r.createCluster(ctx, like); err != nil {
			return err
		}
	}
	return r.await(ctx, func() (bool, error) {
		now, err := r.describe(ctx, r.spec.Cluster)
		if err != nil {
			return false, err
		}
		if now == nil {
			return false, r.failed("the cluster", "is gone: somebody deleted it")
		}
		if err := r.ours(now); err != nil {
			return false, err
		}
		switch now.Status {
		case types.ClusterStatusActive:
			r.say("cluster "+r.spec.Cluster, "ACTIVE at %s", aws.ToString(now.Version))
			return true, nil
		case types.ClusterStatusFailed, types.ClusterStatusDeleting:
			return false, r.failed("the cluster", "is %s: %s", now.Status, clusterIssues(now))
		}
		r.say("cluster "+r.spec.Cluster, "%s", now.Status)
		return false, nil
	})
}

// ours refuses a cluster that another upgrade made, or of another version.
func (r *run) ours(cluster *types.Cluster) error {
	if tag := cluster.Tags[UpgradeTag]; tag != r.opts.Upgrade {
		return upgrade.KindClusterForeign.Errorf("provision "+r.spec.Cluster, "there is a cluster of this name whose tag %s says %q, not %q", UpgradeTag, tag, r.opts.Upgrade).
			WithRemedy("name another green cluster in the request, or delete this one")
	}
	if v := aws.ToString(cluster.Version); v != r.spec.Version.String() {
		return r.failed("the cluster", "has version %s instead of %s", v, r.spec.Version)
	}
	return nil
}

func (r *run) createCluster(ctx context.Context, like *types.Cluster) error {
	in := &eks.CreateClusterInput{
		Name: &r.spec.Cluster, Version: aws.String(r.spec.Version.String()), RoleArn: &r.spec.RoleARN,
		ClientRequestToken: r.token("create cluster"),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: r.spec.Subnets, SecurityGroupIds: r.spec.SecurityGroups},
		EncryptionConfig:   like.EncryptionConfig,
		Logging:            like.Logging,
		Tags:               ownTags(like.Tags, r.opts.Upgrade),
	}
	if vpc := like.ResourcesVpcConfig; vpc != nil {
		in.ResourcesVpcConfig.EndpointPublicAccess = &vpc.EndpointPublicAccess
		in.ResourcesVpcConfig.EndpointPrivateAccess = &vpc.EndpointPrivateAccess
		if vpc.EndpointPublicAccess {
			in.ResourcesVpcConfig.PublicAccessCidrs = vpc.PublicAccessCidrs
		}
	}
	if access := like.AccessConfig; access != nil && access.AuthenticationMode != "" {
		in.AccessConfig = &types.CreateAccessConfigRequest{AuthenticationMode: access.AuthenticationMode}
		if access.AuthenticationMode == types.AuthenticationModeConfigMap { // the agent itself gets in by access entries
			in.AccessConfig.AuthenticationMode = types.AuthenticationModeApiAndConfigMap
		}
	}
	if policy := like.UpgradePolicy; policy != nil && policy.SupportType != "" {
		in.UpgradePolicy = &types.UpgradePolicyRequest{SupportType: policy.SupportType}
	}
	if network := like.KubernetesNetworkConfig; network != nil {
		in.KubernetesNetworkConfig = &types.KubernetesNetworkConfigRequest{IpFamily: network.IpFamily}
		if network.IpFamily != types.IpFamilyIpv6 { // EKS chooses the range of an IPv6 cluster itself
			in.KubernetesNetworkConfig.ServiceIpv4Cidr = network.ServiceIpv4Cidr
		}
	}
	_, err := r.api.CreateCluster(ctx, in)
	return awserr.Wrap("create cluster "+r.spec.Cluster, err)
}

// ownTags returns the tags without those that AWS reserves, and with ours.
func ownTags(tags map[string]string, upgradeID string) map[string]string {
	own := maps.Clone(tags)
	maps.DeleteFunc(own, func(key, _ string) bool { return strings.HasPrefix(key, "aws:") })
	if own == nil {
		own = map[string]string{}
	}
	own[UpgradeTag] = upgradeID
	return own
}

func clusterIssues(cluster *types.Cluster) string {
	var texts []string
	if cluster.Health != nil {
		for _, issue := range cluster.Health.Issues {
			texts = append(texts, fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message)))
		}
	}
	return orNoReason(texts)
}

func orNoReason(texts []string) string {
	if len(texts) == 0 {
		return "EKS gives no reason"
	}
	return strings.Join(texts, "; ")
}
