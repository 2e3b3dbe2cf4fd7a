package eks

import (
	"reflect"
	"slices"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// configChange is one type of update of a cluster's configuration.
type configChange struct {
	typ    types.UpdateType
	work   Work
	params []types.UpdateParam
	apply  func(*types.Cluster)
}

// UpdateClusterConfig changes one part of a cluster's configuration at a time.
func (s *Service) UpdateClusterConfig(_ *wire.Call, in *sdk.UpdateClusterConfigInput) (*sdk.UpdateClusterConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.UpdateClusterConfigOutput{Update: u}, err
	}
	change, err := s.configChange(c, in)
	if err != nil {
		return nil, err
	}
	u, err := s.startConfigChange(c, *change)
	if err != nil {
		return nil, err
	}
	c.remember(in.ClientRequestToken, in, u)
	return &sdk.UpdateClusterConfigOutput{Update: ptr(u.Update)}, nil
}

// startConfigChange runs an update of a cluster's configuration.
func (s *Service) startConfigChange(c *cluster, change configChange) (*update, error) {
	if err := c.takesUpdate(change.typ); err != nil {
		return nil, err
	}
	u := s.startUpdate(c, change.typ, "", "", change.params...)
	c.Status = types.ClusterStatusUpdating
	if failure := c.healthFailure(); failure != nil {
		s.failUpdate(c, u, failure)
		return u, nil
	}
	s.after(s.takes(change.work, *c.Name), nil, func(error) {
		change.apply(&c.Cluster)
		c.Status = types.ClusterStatusActive
		u.end("", "")
		s.startAutoNodes(c)
	})
	return u, nil
}

// configChange checks a request, which must ask for exactly one type of update.
func (s *Service) configChange(c *cluster, in *sdk.UpdateClusterConfigInput) (*configChange, error) {
	auto := in.ComputeConfig != nil || in.StorageConfig != nil || in.KubernetesNetworkConfig != nil
	components := componentConfig{in.KubeApiServerConfig, in.KubeControllerManagerConfig, in.KubeSchedulerConfig}
	var makers []func() (configChange, error)
	for _, m := range []struct {
		given bool
		maker func() (configChange, error)
	}{
		{in.Logging != nil, func() (configChange, error) { return loggingChange(c, in.Logging) }},
		{in.AccessConfig != nil, func() (configChange, error) { return accessChange(c, in.AccessConfig) }},
		{in.UpgradePolicy != nil, func() (configChange, error) { return s.policyChange(c, in.UpgradePolicy) }},
		{in.ZonalShiftConfig != nil, func() (configChange, error) { return shiftChange(in.ZonalShiftConfig), nil }},
		{in.DeletionProtection != nil, func() (configChange, error) { return protectionChange(*in.DeletionProtection), nil }},
		{in.ControlPlaneScalingConfig != nil, func() (configChange, error) { return tierChange(c, in.ControlPlaneScalingConfig) }},
		{in.RemoteNetworkConfig != nil, func() (configChange, error) { return remoteChange(c, in.RemoteNetworkConfig) }},
		{auto, func() (configChange, error) { return autoChange(c, in) }},
		{components.given(), func() (configChange, error) { return componentChange(c, components) }},
	} {
		if m.given {
			makers = append(makers, m.maker)
		}
	}
	if r := in.ResourcesVpcConfig; r != nil {
		if r.EndpointPrivateAccess != nil || r.EndpointPublicAccess != nil || r.PublicAccessCidrs != nil {
			makers = append(makers, func() (configChange, error) { return endpointChange(c, r) })
		}
		if r.SubnetIds != nil || r.SecurityGroupIds != nil {
			makers = append(makers, func() (configChange, error) { return s.vpcChange(c, r) })
		}
		if r.ControlPlaneEgressMode != "" {
			makers = append(makers, func() (configChange, error) { return egressChange(c, r.ControlPlaneEgressMode) })
		}
	}
	switch len(makers) {
	case 0:
		return nil, invalidParameter(c.Name, "The type for cluster update was not provided.")
	case 1:
		change, err := makers[0]()
		return &change, err
	}
	return nil, invalidParameter(c.Name, "Only one type of update can be allowed.")
}

func loggingChange(c *cluster, in *types.Logging) (configChange, error) {
	next, err := loggingOf(c.Name, c.Logging, in)
	if err != nil {
		return configChange{}, err
	}
	if reflect.DeepEqual(next, c.Logging) {
		return configChange{}, invalidParameter(c.Name, "No changes needed for the logging config provided")
	}
	return configChange{types.UpdateTypeLoggingUpdate, WorkUpdateLogging, []types.UpdateParam{param(types.UpdateParamTypeClusterLogging, memberJSON(in))},
		func(to *types.Cluster) { to.Logging = next }}, nil
}

// accessChange moves from aws-auth to access entries, step by step, never back.
func accessChange(c *cluster, in *types.UpdateAccessConfigRequest) (configChange, error) {
	steps := []types.AuthenticationMode{types.AuthenticationModeConfigMap, types.AuthenticationModeApiAndConfigMap, types.AuthenticationModeApi}
	from, to := c.AccessConfig.AuthenticationMode, in.AuthenticationMode
	if err := checkEnum(c.Name, "accessConfig.authenticationMode", to, to.Values()); err != nil {
		return configChange{}, err
	}
	if slices.Index(steps, to) != slices.Index(steps, from)+1 {
		return configChange{}, invalidParameter(c.Name, "Unsupported authentication mode update from %s to %s", from, to)
	}
	return configChange{types.UpdateTypeAccessConfigUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeAuthenticationMode, string(to))},
		func(cluster *types.Cluster) {
			cluster.AccessConfig = &types.AccessConfigResponse{AuthenticationMode: to}
		}}, nil
}

func (s *Service) policyChange(c *cluster, in *types.UpgradePolicyRequest) (configChange, error) {
	v, _ := findVersion(*c.Version)
	support, err := supportOf(c.Name, v, s.opts.Clock.Now(), in)
	if err != nil {
		return configChange{}, err
	}
	if support == c.UpgradePolicy.SupportType {
		return configChange{}, invalidParameter(c.Name, "Cluster is already at the desired configuration with supportType: %s", support)
	}
	return configChange{types.UpdateTypeUpgradePolicyUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeUpgradePolicy, memberJSON(in))},
		func(to *types.Cluster) { to.UpgradePolicy = &types.UpgradePolicyResponse{SupportType: support} }}, nil
}

func shiftChange(in *types.ZonalShiftConfigRequest) configChange {
	return configChange{types.UpdateTypeZonalShiftConfigUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeZonalShiftConfig, memberJSON(in))},
		func(to *types.Cluster) {
			to.ZonalShiftConfig = &types.ZonalShiftConfigResponse{Enabled: ptr(value(in.Enabled))}
		}}
}

func protectionChange(on bool) configChange {
	return configChange{types.UpdateTypeDeletionProtectionUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeDeletionProtection, strconv.FormatBool(on))},
		func(to *types.Cluster) { to.DeletionProtection = ptr(on) }}
}

func tierChange(c *cluster, in *types.ControlPlaneScalingConfig) (configChange, error) {
	before := c.ControlPlaneScalingConfig.Tier
	if err := checkEnum(c.Name, "controlPlaneScalingConfig.tier", in.Tier, in.Tier.Values()); err != nil {
		return configChange{}, err
	}
	if in.Tier == "" || in.Tier == before {
		return configChange{}, invalidParameter(c.Name, "Cluster is already at the desired configuration with control plane scaling tier: %s", before)
	}
	return configChange{types.UpdateTypeControlPlaneScalingConfigUpdate, WorkUpdateConfig, []types.UpdateParam{
		param(types.UpdateParamTypeUpdatedTier, string(in.Tier)), param(types.UpdateParamTypePreviousTier, string(before))},
		func(to *types.Cluster) {
			to.ControlPlaneScalingConfig = &types.ControlPlaneScalingConfig{Tier: in.Tier}
		}}, nil
}

func remoteChange(c *cluster, in *types.RemoteNetworkConfigRequest) (configChange, error) {
	next, err := remoteOf(c.Name, c.AccessConfig.AuthenticationMode, c.KubernetesNetworkConfig.ServiceIpv4Cidr, in)
	if err != nil {
		return configChange{}, err
	}
	return configChange{types.UpdateTypeRemoteNetworkConfigUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeRemoteNetworkConfig, memberJSON(in))},
		func(to *types.Cluster) { to.RemoteNetworkConfig = next }}, nil
}

func autoChange(c *cluster, in *sdk.UpdateClusterConfigInput) (configChange, error) {
	if k := in.KubernetesNetworkConfig; k != nil && (k.IpFamily != "" || k.ServiceIpv4Cidr != nil) {
		return configChange{}, invalidParameter(c.Name, "ipFamily and serviceIpv4Cidr cannot be changed after the cluster was created")
	}
	spec, err := autoModeOf(c.Name, c.ComputeConfig, in.ComputeConfig, in.KubernetesNetworkConfig, in.StorageConfig)
	switch {
	case err != nil:
		return configChange{}, err
	case spec == nil:
		return configChange{}, invalidParameter(c.Name, "The type for cluster update was not provided.")
	case !spec.enabled && !c.autoOn():
		return configChange{}, invalidRequest(c.Name, "Cannot modify EKS Auto Mode configuration. Auto Mode is not enabled on this cluster.")
	case spec.enabled && c.AccessConfig.AuthenticationMode == types.AuthenticationModeConfigMap:
		return configChange{}, invalidParameter(c.Name, "EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP")
	}
	return configChange{types.UpdateTypeAutoModeUpdate, WorkUpdateConfig, []types.UpdateParam{
		param(types.UpdateParamTypeComputeConfig, memberJSON(spec.compute)),
		param(types.UpdateParamTypeKubernetesNetworkConfig, memberJSON(in.KubernetesNetworkConfig)),
		param(types.UpdateParamTypeStorageConfig, memberJSON(in.StorageConfig))}, spec.apply}, nil
}

func componentChange(c *cluster, k componentConfig) (configChange, error) {
	if err := k.check(c.Name, c.ControlPlaneScalingConfig.Tier); err != nil {
		return configChange{}, err
	}
	change := configChange{typ: types.UpdateTypeControlPlaneComponentConfigUpdate, work: WorkUpdateConfig, apply: k.apply}
	if k.apiServer != nil {
		change.params = append(change.params, param(types.UpdateParamTypeKubeApiServerConfig, memberJSON(k.apiServer)))
	}
	if k.scheduler != nil {
		change.params = append(change.params, param(types.UpdateParamTypeKubeSchedulerConfig, memberJSON(k.scheduler)))
	}
	if k.controller != nil {
		change.params = append(change.params, param(types.UpdateParamTypeKubeControllerManagerConfig, memberJSON(k.controller)))
	}
	return change, nil
}

func endpointChange(c *cluster, r *types.VpcConfigRequest) (configChange, error) {
	before := c.ResourcesVpcConfig
	next := *before
	if err := endpointAccess(c.Name, &next, r); err != nil {
		return configChange{}, err
	}
	if reflect.DeepEqual(&next, before) {
		return configChange{}, invalidParameter(c.Name, "Cluster is already at the desired configuration with endpointPrivateAccess: %t , endpointPublicAccess: %t, and Public Endpoint Restrictions: %v",
			before.EndpointPrivateAccess, before.EndpointPublicAccess, before.PublicAccessCidrs)
	}
	return configChange{types.UpdateTypeEndpointAccessUpdate, WorkUpdateConfig, []types.UpdateParam{
		param(types.UpdateParamTypeEndpointPublicAccess, strconv.FormatBool(next.EndpointPublicAccess)),
		param(types.UpdateParamTypeEndpointPrivateAccess, strconv.FormatBool(next.EndpointPrivateAccess)),
		param(types.UpdateParamTypePublicAccessCidrs, toJSON(next.PublicAccessCidrs))},
		func(to *types.Cluster) { to.ResourcesVpcConfig = &next }}, nil
}

func (s *Service) vpcChange(c *cluster, r *types.VpcConfigRequest) (configChange, error) {
	next := *c.ResourcesVpcConfig
	change := configChange{typ: types.UpdateTypeVpcConfigUpdate, work: WorkUpdateConfig}
	if r.SubnetIds != nil {
		vpc, err := s.checkSubnets(c.Name, r.SubnetIds)
		if err != nil {
			return change, err
		}
		if vpc != *next.VpcId {
			return change, invalidParameter(c.Name, "Provided subnets belong to the VPC '%s'. The subnets must belong to the VPC '%s' of the cluster", vpc, *next.VpcId)
		}
		next.SubnetIds = slices.Clone(r.SubnetIds)
		change.params = append(change.params, param(types.UpdateParamTypeSubnets, toJSON(next.SubnetIds)))
	}
	if r.SecurityGroupIds != nil {
		if err := s.checkSecurityGroups(c.Name, *c.ResourcesVpcConfig.VpcId, r.SecurityGroupIds); err != nil {
			return change, err
		}
		next.SecurityGroupIds = slices.Clone(r.SecurityGroupIds)
		change.params = append(change.params, param(types.UpdateParamTypeSecurityGroups, toJSON(next.SecurityGroupIds)))
	}
	if reflect.DeepEqual(&next, c.ResourcesVpcConfig) {
		return change, invalidParameter(c.Name, "Provided subnetIds and securityGroupIds are already configured for cluster %s", *c.Name)
	}
	change.apply = func(to *types.Cluster) { to.ResourcesVpcConfig = &next }
	return change, nil
}

// egressChange leaves AWS_MANAGED, which is final.
func egressChange(c *cluster, mode types.ControlPlaneEgressModeType) (configChange, error) {
	before := c.ResourcesVpcConfig
	if err := checkEnum(c.Name, "resourcesVpcConfig.controlPlaneEgressMode", mode, mode.Values()); err != nil {
		return configChange{}, err
	}
	if mode == before.ControlPlaneEgressMode {
		return configChange{}, invalidParameter(c.Name, "Cluster is already at the desired configuration with controlPlaneEgressMode: %s", mode)
	}
	if mode == types.ControlPlaneEgressModeTypeAwsManaged {
		return configChange{}, invalidParameter(c.Name, "controlPlaneEgressMode cannot be changed from %s back to %s", before.ControlPlaneEgressMode, mode)
	}
	return configChange{types.UpdateTypeControlPlaneEgressUpdate, WorkUpdateConfig, []types.UpdateParam{param(types.UpdateParamTypeControlPlaneEgressMode, string(mode))},
		func(to *types.Cluster) {
			next := *to.ResourcesVpcConfig
			next.ControlPlaneEgressMode = mode
			to.ResourcesVpcConfig = &next
		}}, nil
}

// AssociateEncryptionConfig encrypts a cluster's secrets with a KMS key, which
// cannot be undone.
func (s *Service) AssociateEncryptionConfig(_ *wire.Call, in *sdk.AssociateEncryptionConfigInput) (*sdk.AssociateEncryptionConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.AssociateEncryptionConfigOutput{Update: u}, err
	}
	if len(in.EncryptionConfig) == 0 {
		return nil, invalidParameter(c.Name, "Missing required parameter: encryptionConfig")
	}
	if err := encryptionOf(c.Name, s.opts.Region, in.EncryptionConfig); err != nil {
		return nil, err
	}
	if len(c.EncryptionConfig) > 0 {
		return nil, invalidParameter(c.Name, "Encryption is already enabled for cluster %s", *c.Name)
	}
	u, err := s.startConfigChange(c, configChange{types.UpdateTypeAssociateEncryptionConfig, WorkAssociateEncryption,
		[]types.UpdateParam{param(types.UpdateParamTypeEncryptionConfig, memberJSON(in.EncryptionConfig))},
		func(to *types.Cluster) { to.EncryptionConfig = in.EncryptionConfig }})
	if err != nil {
		return nil, err
	}
	c.remember(in.ClientRequestToken, in, u)
	return &sdk.AssociateEncryptionConfigOutput{Update: ptr(u.Update)}, nil
}
