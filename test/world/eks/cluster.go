package eks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxClusters is the quota of clusters in a region.
const maxClusters = 100

// CreateCluster starts a cluster. It is ACTIVE when the simulated time has
// passed and the backend's API server is ready, FAILED when the backend fails.
// A repetition with the same ClientRequestToken answers with the same cluster.
func (s *Service) CreateCluster(call *wire.Call, in *sdk.CreateClusterInput) (*sdk.CreateClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := required("name", in.Name, "roleArn", in.RoleArn, "resourcesVpcConfig", in.ResourcesVpcConfig); err != nil {
		return nil, err
	}
	if !clusterName.MatchString(*in.Name) {
		return nil, invalidParameter(in.Name, "Cluster name should start with letter or digit and can have any of the following characters: the set of Unicode letters, digits, hyphens and underscores, and be at most 100 characters")
	}
	if old := s.clusters[*in.Name]; old != nil {
		if t := value(in.ClientRequestToken); t == "" || t != value(old.ClientRequestToken) {
			return nil, inUse(in.Name, "Cluster already exists with name: %s", *in.Name)
		}
		if old.created != fingerprint(in) {
			return nil, invalidRequest(in.Name, "The ClientRequestToken %s was already used with different parameters", *in.ClientRequestToken)
		}
		return &sdk.CreateClusterOutput{Cluster: ptr(old.Cluster)}, nil
	}
	c, err := s.newCluster(in)
	if err != nil {
		return nil, err
	}
	s.clusters[*in.Name] = c
	s.grantFirst(c, call, in.AccessConfig)
	version := *c.Version
	s.after(s.takes(WorkCreateCluster, *in.Name), func(ctx context.Context) error {
		e, err := s.opts.Clusters.CreateCluster(ctx, *in.Name, version)
		if err != nil {
			return err
		}
		s.mu.Lock()
		c.endpoint = e
		s.mu.Unlock()
		return s.grantAll(ctx, c)
	}, func(err error) { s.clusterCreated(c, err) })
	return &sdk.CreateClusterOutput{Cluster: ptr(c.Cluster)}, nil
}

// newCluster checks a request and returns the cluster that it describes.
func (s *Service) newCluster(in *sdk.CreateClusterInput) (*cluster, error) {
	if !roleARN.MatchString(*in.RoleArn) {
		return nil, invalidParameter(in.Name, "Role with arn: %s, could not be assumed because it does not exist or the trusted entity is not correct", *in.RoleArn)
	}
	if len(s.clusters) >= maxClusters {
		return nil, &types.ResourceLimitExceededException{ClusterName: in.Name, Message: ptr(fmt.Sprintf("Cluster limit exceeded: at most %d clusters per region", maxClusters))}
	}
	if in.OutpostConfig != nil {
		return nil, invalidParameter(in.Name, "the simulated EKS has no local clusters on AWS Outposts")
	}
	v := defaultVersion()
	if in.Version != nil {
		var ok bool
		if v, ok = findVersion(*in.Version); !ok || v.status(s.opts.Clock.Now()) == types.VersionStatusUnsupported {
			return nil, invalidParameter(in.Name, "unsupported Kubernetes version")
		}
	}
	vpc, err := s.clusterVPC(in)
	if err != nil {
		return nil, err
	}
	c := &cluster{
		Cluster: types.Cluster{
			Name: in.Name, Arn: s.arn("cluster/%s", *in.Name), RoleArn: in.RoleArn, CreatedAt: s.now(),
			Version: ptr(v.version), PlatformVersion: ptr(v.platform), Status: types.ClusterStatusCreating,
			ClientRequestToken: in.ClientRequestToken, ResourcesVpcConfig: vpc, CertificateAuthority: &types.Certificate{},
			DeletionProtection: ptr(value(in.DeletionProtection)), EncryptionConfig: in.EncryptionConfig,
			Health: &types.ClusterHealth{Issues: []types.ClusterIssue{}}, Tags: cloneTags(in.Tags),
			AccessConfig:              &types.AccessConfigResponse{AuthenticationMode: types.AuthenticationModeConfigMap},
			ControlPlaneScalingConfig: &types.ControlPlaneScalingConfig{Tier: types.ProvisionedControlPlaneTierStandard},
		},
		created:    fingerprint(in),
		nodegroups: map[string]*nodegroup{}, addons: map[string]*types.Addon{}, profiles: map[string]*types.FargateProfile{},
		access: map[string]*accessEntry{}, pods: map[string]*types.PodIdentityAssociation{}, providers: map[string]*types.OidcIdentityProviderConfig{},
		tokens: map[string]tokenUse{}, apis: map[apiKey]apiUse{}, unready: map[string]time.Time{},
	}
	if err := s.configure(c, v, in); err != nil {
		return nil, err
	}
	return c, nil
}

// configure checks and applies the optional members of a request.
func (s *Service) configure(c *cluster, v clusterVersion, in *sdk.CreateClusterInput) error {
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if err := encryptionOf(in.Name, s.opts.Region, in.EncryptionConfig); err != nil {
		return err
	}
	auto, err := autoModeOf(in.Name, nil, in.ComputeConfig, in.KubernetesNetworkConfig, in.StorageConfig)
	if err != nil {
		return err
	}
	if a := in.AccessConfig; a != nil && a.AuthenticationMode != "" {
		if err := checkEnum(in.Name, "accessConfig.authenticationMode", a.AuthenticationMode, types.AuthenticationMode("").Values()); err != nil {
			return err
		}
		c.AccessConfig.AuthenticationMode = a.AuthenticationMode
	} else if auto.on() {
		c.AccessConfig.AuthenticationMode = types.AuthenticationModeApiAndConfigMap // the least that Auto Mode can do with
	}
	if auto.on() && c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return invalidParameter(in.Name, "EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP")
	}
	if a := in.AccessConfig; a != nil && a.BootstrapClusterCreatorAdminPermissions != nil && !*a.BootstrapClusterCreatorAdminPermissions &&
		c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap {
		return invalidParameter(in.Name, "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP")
	}
	if auto.on() && value(in.BootstrapSelfManagedAddons) {
		return invalidParameter(in.Name, "When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false")
	}
	support, err := supportOf(in.Name, v, s.opts.Clock.Now(), in.UpgradePolicy)
	if err != nil {
		return err
	}
	c.UpgradePolicy = &types.UpgradePolicyResponse{SupportType: support}
	if c.KubernetesNetworkConfig, err = s.networkOf(in, *c.ResourcesVpcConfig.VpcId); err != nil {
		return err
	}
	if c.Logging, err = loggingOf(in.Name, nil, in.Logging); err != nil {
		return err
	}
	if c.RemoteNetworkConfig, err = remoteOf(in.Name, c.AccessConfig.AuthenticationMode, c.KubernetesNetworkConfig.ServiceIpv4Cidr, in.RemoteNetworkConfig); err != nil {
		return err
	}
	if z := in.ZonalShiftConfig; z != nil {
		c.ZonalShiftConfig = &types.ZonalShiftConfigResponse{Enabled: ptr(value(z.Enabled))}
	}
	if t := in.ControlPlaneScalingConfig; t != nil && t.Tier != "" {
		if err := checkEnum(in.Name, "controlPlaneScalingConfig.tier", t.Tier, types.ProvisionedControlPlaneTier("").Values()); err != nil {
			return err
		}
		c.ControlPlaneScalingConfig = t
	}
	components := componentConfig{in.KubeApiServerConfig, in.KubeControllerManagerConfig, in.KubeSchedulerConfig}
	if err := components.check(in.Name, c.ControlPlaneScalingConfig.Tier); err != nil {
		return err
	}
	components.apply(&c.Cluster)
	auto.apply(&c.Cluster)
	return nil
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
	s.complete(c)
	if c.endpoint.URL != "" {
		c.Endpoint = ptr(c.endpoint.URL)
		c.CertificateAuthority = &types.Certificate{Data: ptr(base64.StdEncoding.EncodeToString(c.endpoint.CAData))}
	}
	s.refreshInsights(c)
	s.startAutoNodes(c)
}

// complete adds what a cluster has when it is there: its issuer of tokens, and the
// security group of its control plane and its nodes.
func (s *Service) complete(c *cluster) {
	id := fmt.Sprintf("%X", sha256.Sum256([]byte(s.uuid())))[:32]
	issuer := cmp.Or(c.endpoint.Issuer, fmt.Sprintf("https://oidc.eks.%s.amazonaws.com/id/%s", s.opts.Region, id))
	c.Identity = &types.Identity{Oidc: &types.OIDC{Issuer: &issuer}}
	h := sha256.Sum256([]byte(s.uuid()))
	group := fmt.Sprintf("sg-0%x", h)[:20]
	vpc := *c.ResourcesVpcConfig
	vpc.ClusterSecurityGroupId = ptr(group)
	c.ResourcesVpcConfig = &vpc
	s.opts.EC2.OwnSecurityGroup(group, *vpc.VpcId, fmt.Sprintf("eks-cluster-sg-%s-%d", *c.Name, binary.BigEndian.Uint32(h[:4])),
		"EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
		map[string]string{"Name": "eks-cluster-sg-" + *c.Name, "aws:eks:cluster-name": *c.Name, "kubernetes.io/cluster/" + *c.Name: "owned"})
}

// clusterVPC checks the network of a new cluster.
func (s *Service) clusterVPC(in *sdk.CreateClusterInput) (*types.VpcConfigResponse, error) {
	r := in.ResourcesVpcConfig
	vpc, err := s.checkSubnets(in.Name, r.SubnetIds)
	if err != nil {
		return nil, err
	}
	if err := s.checkSecurityGroups(in.Name, vpc, r.SecurityGroupIds); err != nil {
		return nil, err
	}
	mode := r.ControlPlaneEgressMode
	if err := checkEnum(in.Name, "resourcesVpcConfig.controlPlaneEgressMode", mode, mode.Values()); err != nil {
		return nil, err
	}
	if mode == "" {
		mode = types.ControlPlaneEgressModeTypeAwsManaged
	}
	out := &types.VpcConfigResponse{
		VpcId: ptr(vpc), SubnetIds: slices.Clone(r.SubnetIds), SecurityGroupIds: append([]string{}, r.SecurityGroupIds...),
		EndpointPublicAccess: true, ControlPlaneEgressMode: mode,
	}
	return out, endpointAccess(in.Name, out, r)
}

// endpointAccess applies the requested access to the API server's endpoint.
func endpointAccess(cluster *string, to *types.VpcConfigResponse, r *types.VpcConfigRequest) error {
	if r.EndpointPublicAccess != nil {
		to.EndpointPublicAccess = *r.EndpointPublicAccess
	}
	if r.EndpointPrivateAccess != nil {
		to.EndpointPrivateAccess = *r.EndpointPrivateAccess
	}
	if !to.EndpointPublicAccess && !to.EndpointPrivateAccess {
		return invalidParameter(cluster, "Private and public endpoint access cannot be false")
	}
	if len(r.PublicAccessCidrs) > 0 && !to.EndpointPublicAccess {
		return invalidParameter(cluster, "Public access CIDRs cannot be specified when public access is disabled")
	}
	for _, cidr := range r.PublicAccessCidrs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil || (p.Addr().IsPrivate() && p.Bits() > 0) {
			return invalidParameter(cluster, "The following CIDRs are invalid in publicAccessCidrs: [%s]", cidr)
		}
	}
	switch {
	case len(r.PublicAccessCidrs) > 0:
		to.PublicAccessCidrs = slices.Clone(r.PublicAccessCidrs)
	case !to.EndpointPublicAccess:
		to.PublicAccessCidrs = []string{}
	case len(to.PublicAccessCidrs) == 0:
		to.PublicAccessCidrs = []string{"0.0.0.0/0"}
	}
	return nil
}

// checkSecurityGroups wants at most five groups, of the cluster's VPC. Without a
// simulated EC2 any will do.
func (s *Service) checkSecurityGroups(cluster *string, vpc string, ids []string) error {
	if len(ids) > 5 {
		return invalidParameter(cluster, "At most 5 security groups may be specified")
	}
	for _, id := range ids {
		switch in, ok := s.opts.EC2.LookupSecurityGroup(id); {
		case s.opts.Subnets == nil:
		case !ok:
			return invalidParameter(cluster, "The security group '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidGroup.NotFound)", id)
		case in != vpc:
			return invalidParameter(cluster, "Security group %s does not belong to the VPC %s of the subnets", id, vpc)
		}
	}
	return nil
}

// checkSubnets returns the VPC of a cluster's subnets, which are two at least,
// in two zones of that VPC.
func (s *Service) checkSubnets(cluster *string, ids []string) (string, error) {
	if len(ids) < 2 {
		return "", invalidParameter(cluster, "Subnets specified must be in at least two different AZs")
	}
	vpcs, zones := map[string]bool{}, map[string]bool{}
	for _, id := range ids {
		vpc, zone, _, ok := s.subnet(id)
		if !ok {
			return "", invalidParameter(cluster, "The subnet ID '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)", id)
		}
		if slices.Contains(s.opts.UnsupportedZones, zone) {
			return "", &types.UnsupportedAvailabilityZoneException{ClusterName: cluster, ValidZones: s.validZones(), Message: ptr(fmt.Sprintf(
				"Cannot create cluster '%s' because %s, the targeted availability zone, does not currently have sufficient capacity to support the cluster. Retry and choose from these availability zones: %s",
				*cluster, zone, strings.Join(s.validZones(), ", ")))}
		}
		vpcs[vpc], zones[zone] = true, true
	}
	if len(vpcs) > 1 {
		return "", invalidParameter(cluster, "Subnets specified must belong to the same VPC")
	}
	if len(zones) < 2 {
		return "", invalidParameter(cluster, "Subnets specified must be in at least two different AZs")
	}
	return slices.Collect(maps.Keys(vpcs))[0], nil
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
	case len(c.profiles) > 0:
		return nil, inUse(in.Name, "Cluster has Fargate profiles attached")
	case value(c.DeletionProtection):
		return nil, invalidRequest(in.Name, "Cluster %s has deletion protection enabled. Disable deletion protection before you delete the cluster", *in.Name)
	}
	before := c.Status
	c.Status = types.ClusterStatusDeleting
	c.auto.generation++ // its nodes need nothing any more
	s.after(s.takes(WorkDeleteCluster, *in.Name), func(ctx context.Context) error {
		return s.opts.Clusters.DeleteCluster(ctx, *in.Name)
	}, func(err error) {
		if err == nil {
			delete(s.clusters, *in.Name)
			if group := c.ResourcesVpcConfig.ClusterSecurityGroupId; group != nil {
				s.opts.EC2.RemoveSecurityGroup(*group)
			}
			return
		}
		// As on AWS: the cluster is there again, and says what is wrong.
		c.Status = before
		c.Health = &types.ClusterHealth{Issues: []types.ClusterIssue{{
			Code: types.ClusterIssueCodeInternalFailure, Message: ptr(err.Error()), ResourceIds: []string{*c.Name}}}}
	})
	return &sdk.DeleteClusterOutput{Cluster: ptr(c.Cluster)}, nil
}
