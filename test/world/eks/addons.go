package eks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CreateAddon installs an add-on, by default in the default version for the
// cluster's version.
func (s *Service) CreateAddon(_ *wire.Call, in *sdk.CreateAddonInput) (*sdk.CreateAddonOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.activeCluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("addonName", in.AddonName); err != nil {
		return nil, err
	}
	info, ok := addonCatalog[*in.AddonName]
	if !ok {
		return nil, invalidAddon(c, in.AddonName, "Addon %s specified is not supported", *in.AddonName)
	}
	if c.addons[*in.AddonName] != nil {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, AddonName: in.AddonName, Message: ptr("Addon already exists.")}
	}
	version, err := addonFor(c, in.AddonName, info, in.AddonVersion)
	if err != nil {
		return nil, err
	}
	if err := checkConfiguration(c, in.AddonName, in.ConfigurationValues); err != nil {
		return nil, err
	}
	a := &types.Addon{
		AddonName: in.AddonName, ClusterName: c.Name, AddonVersion: ptr(version), AddonArn: s.arn("addon/%s/%s/%s", *c.Name, *in.AddonName, s.uuid()),
		Status: types.AddonStatusCreating, CreatedAt: s.now(), ModifiedAt: s.now(), ConfigurationValues: in.ConfigurationValues,
		ServiceAccountRoleArn: in.ServiceAccountRoleArn, Tags: cloneTags(in.Tags), Health: &types.AddonHealth{Issues: []types.AddonIssue{}},
		NamespaceConfig: &types.AddonNamespaceConfigResponse{Namespace: ptr(info.namespace)},
	}
	c.addons[*in.AddonName] = a
	s.after(s.takes(WorkAddon, *c.Name+"/"+*a.AddonName), nil, func(error) {
		if a.Status == types.AddonStatusCreating { // not deleted meanwhile
			a.Status, a.ModifiedAt = types.AddonStatusActive, s.now()
		}
	})
	return &sdk.CreateAddonOutput{Addon: ptr(*a)}, nil
}

func invalidAddon(c *cluster, addon *string, format string, args ...any) error {
	return &types.InvalidParameterException{ClusterName: c.Name, AddonName: addon, Message: ptr(fmt.Sprintf(format, args...))}
}

// addonFor returns the version to install on the cluster.
func addonFor(c *cluster, name *string, info addonInfo, version *string) (string, error) {
	if version == nil {
		v, ok := info.defaultFor(minor(*c.Version))
		if !ok {
			return "", invalidAddon(c, name, "Addon %s has no version for Kubernetes %s", *name, *c.Version)
		}
		return v.version, nil
	}
	v, ok := info.find(*version)
	if !ok || !v.runsOn(minor(*c.Version)) {
		return "", invalidAddon(c, name, "Addon version specified is not supported")
	}
	return v.version, nil
}

func checkConfiguration(c *cluster, addon, values *string) error {
	if v := value(values); v != "" && !json.Valid([]byte(v)) {
		return invalidAddon(c, addon, "ConfigurationValue is not in valid JSON format")
	}
	return nil
}

// UpdateAddon changes an add-on's version, configuration or role.
func (s *Service) UpdateAddon(_ *wire.Call, in *sdk.UpdateAddonInput) (*sdk.UpdateAddonOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.addon(in.AddonName)
	if err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.UpdateAddonOutput{Update: u}, err
	}
	if c.Status != types.ClusterStatusActive {
		return nil, invalidRequest(c.Name, "Cluster '%s' is not in ACTIVE status", *c.Name)
	}
	if a.Status == types.AddonStatusCreating || a.Status == types.AddonStatusUpdating || a.Status == types.AddonStatusDeleting {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, AddonName: a.AddonName,
			Message: ptr(fmt.Sprintf("Addon %s cannot be updated as it is currently in %s state", *a.AddonName, a.Status))}
	}
	next := *a
	var params []types.UpdateParam
	if in.AddonVersion != nil {
		version, err := addonFor(c, a.AddonName, addonCatalog[*a.AddonName], in.AddonVersion)
		if err != nil {
			return nil, err
		}
		if step := minorOf(version) - minorOf(*a.AddonVersion); *a.AddonName == "vpc-cni" && (step > 1 || step < -1) {
			return nil, invalidAddon(c, a.AddonName, "Updating VPC-CNI can only go up or down 1 minor version at a time")
		}
		next.AddonVersion = ptr(version)
		params = append(params, param(types.UpdateParamTypeAddonVersion, version))
	}
	if in.ConfigurationValues != nil {
		if err := checkConfiguration(c, a.AddonName, in.ConfigurationValues); err != nil {
			return nil, err
		}
		next.ConfigurationValues = in.ConfigurationValues
		params = append(params, param(types.UpdateParamTypeConfigurationValues, *in.ConfigurationValues))
	}
	if in.ServiceAccountRoleArn != nil {
		next.ServiceAccountRoleArn = in.ServiceAccountRoleArn
		params = append(params, param(types.UpdateParamTypeServiceAccountRoleArn, *in.ServiceAccountRoleArn))
	}
	if in.ResolveConflicts != "" {
		params = append(params, param(types.UpdateParamTypeResolveConflicts, string(in.ResolveConflicts)))
	}
	u := s.startUpdate(c, types.UpdateTypeAddonUpdate, "", *a.AddonName, params...)
	c.remember(in.ClientRequestToken, in, u)
	a.Status = types.AddonStatusUpdating
	s.after(s.takes(WorkAddon, *c.Name+"/"+*a.AddonName), nil, func(error) {
		tags, health := a.Tags, a.Health // may have changed meanwhile
		*a = next
		a.Tags, a.Health, a.Status, a.ModifiedAt = tags, health, types.AddonStatusActive, s.now()
		u.end("", "")
	})
	return &sdk.UpdateAddonOutput{Update: ptr(u.Update)}, nil
}

// DescribeAddon describes an installed add-on.
func (s *Service) DescribeAddon(_ *wire.Call, in *sdk.DescribeAddonInput) (*sdk.DescribeAddonOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.addon(in.AddonName)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeAddonOutput{Addon: ptr(*a)}, nil
}

// ListAddons lists the names of installed add-ons, sorted.
func (s *Service) ListAddons(_ *wire.Call, in *sdk.ListAddonsInput) (*sdk.ListAddonsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(c.addons)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sdk.ListAddonsOutput{Addons: names, NextToken: next}, nil
}

// DeleteAddon removes an add-on.
func (s *Service) DeleteAddon(_ *wire.Call, in *sdk.DeleteAddonInput) (*sdk.DeleteAddonOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.addon(in.AddonName)
	if err != nil {
		return nil, err
	}
	if a.Status == types.AddonStatusDeleting || a.Status == types.AddonStatusUpdating {
		return nil, &types.ResourceInUseException{ClusterName: c.Name, AddonName: a.AddonName,
			Message: ptr(fmt.Sprintf("Addon %s cannot be deleted as it is currently in %s state", *a.AddonName, a.Status))}
	}
	a.Status, a.ModifiedAt = types.AddonStatusDeleting, s.now()
	s.after(s.takes(WorkAddon, *c.Name+"/"+*a.AddonName), nil, func(error) { delete(c.addons, *a.AddonName) })
	return &sdk.DeleteAddonOutput{Addon: ptr(*a)}, nil
}
