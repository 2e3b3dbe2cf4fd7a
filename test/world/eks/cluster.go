package eks

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CreateCluster starts a cluster. It is ACTIVE when the simulated time has
// passed and the backend's API server is ready, FAILED when the backend fails.
// A repetition with the same ClientRequestToken answers with the same cluster.
func (s *Service) CreateCluster(_ *wire.Call, in *sdk.CreateClusterInput) (*sdk.CreateClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := required("name", in.Name, "roleArn", in.RoleArn, "resourcesVpcConfig", in.ResourcesVpcConfig); err != nil {
		return nil, err
	}
	if !clusterName.MatchString(*in.Name) {
		return nil, invalidParameter(in.Name, "Cluster name should start with letter or digit and can have any of the following characters: the set of Unicode letters, digits, hyphens and underscores, and be at most 100 characters")
	}
	if !roleARN.MatchString(*in.RoleArn) {
		return nil, invalidParameter(in.Name, "Role with arn: %s, could not be assumed because it does not exist or the trusted entity is not correct", *in.RoleArn)
	}
	if old := s.clusters[*in.Name]; old != nil {
		if t := value(in.ClientRequestToken); t != "" && t == value(old.ClientRequestToken) {
			return &sdk.CreateClusterOutput{Cluster: ptr(old.Cluster)}, nil
		}
		return nil, inUse(in.Name, "Cluster already exists with name: %s", *in.Name)
	}
	v := defaultVersion()
	if in.Version != nil {
		var ok bool
		if v, ok = findVersion(*in.Version); !ok || v.status(s.opts.Clock.Now()) == types.VersionStatusUnsupported {
			return nil, invalidParameter(in.Name, "unsupported Kubernetes version %s", *in.Version)
		}
	}
	vpc, err := s.clusterVPC(in)
	if err != nil {
		return nil, err
	}
	c := s.newCluster(in, v, vpc)
	s.clusters[*in.Name] = c
	s.after(s.takes(WorkCreateCluster, *in.Name), func(ctx context.Context) error {
		e, err := s.opts.Clusters.CreateCluster(ctx, *in.Name, v.version)
		s.mu.Lock()
		defer s.mu.Unlock()
		c.endpoint = e
		return err
	}, func(err error) { s.clusterCreated(c, err) })
	return &sdk.CreateClusterOutput{Cluster: ptr(c.Cluster)}, nil
}

func (s *Service) newCluster(in *sdk.CreateClusterInput, v clusterVersion, vpc *types.VpcConfigResponse) *cluster {
	id := fmt.Sprintf("%X", sha256.Sum256([]byte(s.uuid())))[:32]
	access := &types.AccessConfigResponse{AuthenticationMode: types.AuthenticationModeConfigMap}
	if in.AccessConfig != nil && in.AccessConfig.AuthenticationMode != "" {
		access.AuthenticationMode = in.AccessConfig.AuthenticationMode
	}
	upgrade := &types.UpgradePolicyResponse{SupportType: types.SupportTypeExtended}
	if in.UpgradePolicy != nil && in.UpgradePolicy.SupportType != "" {
		upgrade.SupportType = in.UpgradePolicy.SupportType
	}
	network := &types.KubernetesNetworkConfigResponse{IpFamily: types.IpFamilyIpv4, ServiceIpv4Cidr: ptr("172.20.0.0/16")}
	if k := in.KubernetesNetworkConfig; k != nil {
		if k.ServiceIpv4Cidr != nil {
			network.ServiceIpv4Cidr = k.ServiceIpv4Cidr
		}
		if k.IpFamily != "" {
			network.IpFamily = k.IpFamily
		}
	}
	logging := in.Logging
	if logging == nil {
		logging = &types.Logging{ClusterLogging: []types.LogSetup{{Enabled: ptr(false), Types: types.LogType("").Values()}}}
	}
	return &cluster{
		Cluster: types.Cluster{
			Name: in.Name, Arn: s.arn("cluster/%s", *in.Name), RoleArn: in.RoleArn, CreatedAt: s.now(),
			Version: ptr(v.version), PlatformVersion: ptr(v.platform), Status: types.ClusterStatusCreating,
			ClientRequestToken: in.ClientRequestToken, ResourcesVpcConfig: vpc, AccessConfig: access,
			KubernetesNetworkConfig: network, Logging: logging, UpgradePolicy: upgrade,
			DeletionProtection: ptr(value(in.DeletionProtection)), EncryptionConfig: in.EncryptionConfig,
			Health: &types.ClusterHealth{Issues: []types.ClusterIssue{}}, Tags: cloneTags(in.Tags),
			Identity: &types.Identity{Oidc: &types.OIDC{Issuer: ptr(fmt.Sprintf("https://oidc.eks.%s.amazonaws.com/id/%s", s.opts.Region, id))}},
		},
		nodegroups: map[string]*types.Nodegroup{}, addons: map[string]*types.Addon{},
		access: map[string]types.AccessEntry{}, tokens: map[string]tokenUse{},
	}
}

// clusterCreated ends a creation. The lock is held.
func (s *Service) clusterCreated(c *cluster, err error) {
	if err != nil {
		c.Status = types.ClusterStatusFailed
		c.Health = &types.ClusterHealth{Issues: []types.ClusterIssue{{
			Code: types.ClusterIssueCodeInternalFailure, Message: ptr(err.Error()), ResourceIds: []string{*c.Name}}}}
		return
	}
	c.Status = types.ClusterStatusActive
	if c.endpoint.URL != "" {
		c.Endpoint = ptr(c.endpoint.URL)
		c.CertificateAuthority = &types.Certificate{Data: ptr(base64.StdEncoding.EncodeToString(c.endpoint.CAData))}
	}
	s.refreshInsights(c)
}

// clusterVPC checks the subnets: two at least, in two zones of one VPC.
func (s *Service) clusterVPC(in *sdk.CreateClusterInput) (*types.VpcConfigResponse, error) {
	r := in.ResourcesVpcConfig
	if len(r.SubnetIds) < 2 {
		return nil, invalidParameter(in.Name, "Subnets specified must be in at least two different AZs")
	}
	if len(r.SecurityGroupIds) > 5 {
		return nil, invalidParameter(in.Name, "At most 5 security groups may be specified")
	}
	vpcs, zones := map[string]bool{}, map[string]bool{}
	for _, id := range r.SubnetIds {
		vpc, zone, _, ok := s.subnet(id)
		if !ok {
			return nil, invalidParameter(in.Name, "The subnet ID '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)", id)
		}
		if slices.Contains(s.opts.UnsupportedZones, zone) {
			return nil, &types.UnsupportedAvailabilityZoneException{ClusterName: in.Name, ValidZones: s.validZones(), Message: ptr(fmt.Sprintf(
				"Cannot create cluster '%s' because %s, the targeted availability zone, does not currently have sufficient capacity to support the cluster. Retry and choose from these availability zones: %s",
				*in.Name, zone, strings.Join(s.validZones(), ", ")))}
		}
		vpcs[vpc], zones[zone] = true, true
	}
	if len(vpcs) > 1 {
		return nil, invalidParameter(in.Name, "Subnets specified must belong to the same VPC")
	}
	if len(zones) < 2 {
		return nil, invalidParameter(in.Name, "Subnets specified must be in at least two different AZs")
	}
	public := r.EndpointPublicAccess == nil || *r.EndpointPublicAccess
	if !public && !value(r.EndpointPrivateAccess) {
		return nil, invalidParameter(in.Name, "Private and public endpoint access cannot be false")
	}
	out := &types.VpcConfigResponse{
		VpcId: ptr(slices.Collect(maps.Keys(vpcs))[0]), SubnetIds: slices.Clone(r.SubnetIds), SecurityGroupIds: append([]string{}, r.SecurityGroupIds...),
		EndpointPublicAccess: public, EndpointPrivateAccess: value(r.EndpointPrivateAccess), PublicAccessCidrs: slices.Clone(r.PublicAccessCidrs),
		ClusterSecurityGroupId: ptr("sg-" + strings.ReplaceAll(s.uuid(), "-", "")[:17]),
	}
	if public && len(out.PublicAccessCidrs) == 0 {
		out.PublicAccessCidrs = []string{"0.0.0.0/0"}
	}
	return out, nil
}

// subnet looks a subnet up. Without a simulated EC2 the last letter of its id
// names its zone: "subnet-a" lies in zone a.
func (s *Service) subnet(id string) (vpc, zone string, freeIPs int, ok bool) {
	if s.opts.Subnets != nil {
		return s.opts.Subnets.LookupSubnet(id)
	}
	return "vpc-simulated", s.opts.Region + id[max(len(id)-1, 0):], 250, id != ""
}

func (s *Service) validZones() []string {
	var zones []string
	for _, letter := range []string{"a", "b", "c", "d", "e", "f"} {
		if z := s.opts.Region + letter; !slices.Contains(s.opts.UnsupportedZones, z) {
			zones = append(zones, z)
		}
	}
	return zones[:min(len(zones), 3)]
}

// DescribeCluster describes one cluster.
func (s *Service) DescribeCluster(_ *wire.Call, in *sdk.DescribeClusterInput) (*sdk.DescribeClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeClusterOutput{Cluster: ptr(c.Cluster)}, nil
}

// ListClusters lists names, sorted.
func (s *Service) ListClusters(_ *wire.Call, in *sdk.ListClustersInput) (*sdk.ListClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, next, err := page(slices.Sorted(maps.Keys(s.clusters)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListClustersOutput{Clusters: names, NextToken: next}, nil
}

// DeleteCluster deletes a cluster without node groups and Fargate profiles.
func (s *Service) DeleteCluster(_ *wire.Call, in *sdk.DeleteClusterInput) (*sdk.DeleteClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Status == types.ClusterStatusDeleting || c.Status == types.ClusterStatusCreating:
		return nil, inUse(in.Name, "Cannot delete because cluster %s is in %s status", *in.Name, c.Status)
	case c.inFlight() != nil:
		return nil, inUse(in.Name, "Cannot delete because cluster %s currently has an update in progress", *in.Name)
	case len(c.nodegroups) > 0:
		return nil, inUse(in.Name, "Cluster has nodegroups attached")
	case len(c.fargate) > 0:
		return nil, inUse(in.Name, "Cluster has Fargate profiles attached")
	case value(c.DeletionProtection):
		return nil, invalidRequest(in.Name, "Cluster %s has deletion protection enabled. Disable deletion protection before you delete the cluster", *in.Name)
	}
	before := c.Status
	c.Status = types.ClusterStatusDeleting
	s.after(s.takes(WorkDeleteCluster, *in.Name), func(ctx context.Context) error {
		return s.opts.Clusters.DeleteCluster(ctx, *in.Name)
	}, func(err error) {
		if err == nil {
			delete(s.clusters, *in.Name)
			return
		}
		// As on AWS: the cluster is there again, and says what is wrong.
		c.Status = before
		c.Health = &types.ClusterHealth{Issues: []types.ClusterIssue{{
			Code: types.ClusterIssueCodeInternalFailure, Message: ptr(err.Error()), ResourceIds: []string{*c.Name}}}}
	})
	return &sdk.DeleteClusterOutput{Cluster: ptr(c.Cluster)}, nil
}
