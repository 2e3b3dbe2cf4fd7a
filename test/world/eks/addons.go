package eks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var namespaceForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CreateAddon installs an add-on, by default in the default version for the
// cluster's version. Where the same software is installed already and differs,
// it ends CREATE_FAILED unless resolveConflicts is OVERWRITE.
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
	if a, err := answered[types.Addon](c, in.ClientRequestToken, in); a != nil || err != nil {
		return &sdk.CreateAddonOutput{Addon: a}, err
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
	values, err := checkConfiguration(c, in.AddonName, in.ConfigurationValues)
	if err != nil {
		return nil, err
	}
	namespace := info.namespace
	if in.NamespaceConfig != nil && in.NamespaceConfig.Namespace != nil {
		if namespace = *in.NamespaceConfig.Namespace; !namespaceForm.MatchString(namespace) {
			return nil, invalidAddon(c, in.AddonName, "The namespace %s is not a valid Kubernetes namespace name", namespace)
		}
	}
	for _, check := range []error{checkTags(in.Tags), checkAddonRole(c, in.AddonName, in.ServiceAccountRoleArn), checkResolve(c, in.AddonName, in.ResolveConflicts)} {
		if check != nil {
			return nil, check
		}
	}
	a := &types.Addon{
		AddonName: in.AddonName, ClusterName: c.Name, AddonVersion: ptr(version), AddonArn: s.arn("addon/%s/%s/%s", *c.Name, *in.AddonName, s.uuid()),
		Status: types.AddonStatusCreating, CreatedAt: s.now(), ModifiedAt: s.now(), ConfigurationValues: in.ConfigurationValues,
		ServiceAccountRoleArn: in.ServiceAccountRoleArn, Tags: cloneTags(in.Tags), Health: &types.AddonHealth{Issues: []types.AddonIssue{}},
		NamespaceConfig: &types.AddonNamespaceConfigResponse{Namespace: ptr(namespace)},
	}
	if info.owner == ownerMarketplace {
		a.Owner, a.Publisher, a.MarketplaceInformation = ptr(info.ownedBy()), ptr(info.publishedBy()), marketplace(*in.AddonName)
	}
	if a.PodIdentityAssociations, err = s.associateAddon(c, a, in.PodIdentityAssociations); err != nil {
		return nil, err
	}
	c.addons[*in.AddonName] = a
	out := ptr(*a)
	c.answer(in.ClientRequestToken, in, out)
	// PRESERVE is like NONE here (API reference of CreateAddon).
	s.applyAddon(c, a, values, in.ResolveConflicts == types.ResolveConflictsOverwrite, false, func(i *types.AddonIssue) {
		if a.Status != types.AddonStatusCreating { // deleted meanwhile
			return
		}
		a.Status, a.ModifiedAt = types.AddonStatusActive, s.now()
		if i != nil {
			a.Status, a.Health = types.AddonStatusCreateFailed, &types.AddonHealth{Issues: []types.AddonIssue{*i}}
		}
		s.watchAddon(c, *a.AddonName)
	})
	return &sdk.CreateAddonOutput{Addon: out}, nil
}

// applyAddon brings an add-on's workload to the cluster; done gets the issue that
// it failed with, with the lock held.
func (s *Service) applyAddon(c *cluster, a *types.Addon, values string, overwrite, preserve bool, done func(*types.AddonIssue)) {
	d := s.takes(WorkAddon, *c.Name+"/"+*a.AddonName)
	if i := s.struck(c, "", *a.AddonName); i != nil {
		resolved := types.AddonIssueCode(i.Code) == types.AddonIssueCodeConfigurationConflict && (overwrite || preserve)
		if !resolved {
			s.after(d, nil, func(error) { done(ptr(i.addonIssue())) })
			return
		}
	}
	name, w := *c.Name, workload(a, values)
	var conflicts []string
	s.after(d, func(ctx context.Context) (err error) {
		conflicts, err = s.opts.Clusters.ApplyAddon(ctx, name, w, overwrite, preserve)
		return err
	}, func(err error) {
		switch {
		case err != nil:
			done(&types.AddonIssue{Code: types.AddonIssueCodeClusterUnreachable, Message: ptr(err.Error()), ResourceIds: []string{}})
		case len(conflicts) > 0:
			done(&types.AddonIssue{Code: types.AddonIssueCodeConfigurationConflict, ResourceIds: []string{}, Message: ptr(
				"Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts:\n" + strings.Join(conflicts, "\n"))})
		default:
			done(nil)
		}
	})
}

func workload(a *types.Addon, values string) Workload {
	return Workload{Addon: *a.AddonName, Version: *a.AddonVersion, Namespace: *a.NamespaceConfig.Namespace, Values: values, RoleARN: value(a.ServiceAccountRoleArn)}
}

func invalidAddon(c *cluster, addon *string, format string, args ...any) error {
	return &types.InvalidParameterException{ClusterName: c.Name, AddonName: addon, Message: ptr(fmt.Sprintf(format, args...))}
}

func checkAddonRole(c *cluster, addon, role *string) error {
	if role != nil && !roleARN.MatchString(*role) {
		return invalidAddon(c, addon, "Role with arn: %s is not a valid role", *role)
	}
	return nil
}

func checkResolve(c *cluster, addon *string, r types.ResolveConflicts) error {
	if r != "" && !slices.Contains(r.Values(), r) {
		return invalidAddon(c, addon, "resolveConflicts must be one of %v", r.Values())
	}
	return nil
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

// associateAddon makes the Pod Identity associations of an add-on, and returns their
// ARNs. Those that the add-on has already are replaced.
func (s *Service) associateAddon(c *cluster, a *types.Addon, wanted []types.AddonPodIdentityAssociations) ([]string, error) {
	namespace, info := *a.NamespaceConfig.Namespace, addonCatalog[*a.AddonName]
	for _, w := range wanted {
		if !slices.ContainsFunc(info.accounts, func(p podAccount) bool { return p.name == value(w.ServiceAccount) }) {
			return nil, invalidAddon(c, a.AddonName, "Addon %s does not support pod identity associations for service account %s", *a.AddonName, value(w.ServiceAccount))
		}
		if err := checkAddonRole(c, a.AddonName, cmp.Or(w.RoleArn, ptr(""))); err != nil {
			return nil, err
		}
		for _, id := range slices.Sorted(maps.Keys(c.pods)) {
			have := c.pods[id]
			if *have.Namespace == namespace && *have.ServiceAccount == *w.ServiceAccount && value(have.OwnerArn) != *a.AddonArn {
				return nil, inUse(c.Name, "Association already exists: %s", id)
			}
		}
	}
	s.dissociateAddon(c, a)
	var arns []string
	for _, w := range wanted {
		id := "a-" + strings.ReplaceAll(s.uuid(), "-", "")[:17]
		p := &types.PodIdentityAssociation{
			ClusterName: c.Name, AssociationId: ptr(id), AssociationArn: s.arn("podidentityassociation/%s/%s", *c.Name, id), OwnerArn: a.AddonArn, RoleArn: w.RoleArn,
			Namespace: ptr(namespace), ServiceAccount: w.ServiceAccount, Tags: map[string]string{}, CreatedAt: s.now(), ModifiedAt: s.now(), DisableSessionTags: ptr(false),
		}
		c.pods[id] = p
		arns = append(arns, *p.AssociationArn)
	}
	return arns, nil
}

func (s *Service) dissociateAddon(c *cluster, a *types.Addon) {
	maps.DeleteFunc(c.pods, func(_ string, p *types.PodIdentityAssociation) bool { return value(p.OwnerArn) == *a.AddonArn })
}

// UpdateAddon changes an add-on's version, configuration or role. An update that
// meets conflicts, and has neither OVERWRITE nor PRESERVE to resolve them, is
// Failed; the add-on is then UPDATE_FAILED at its old version.
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
	values, err := checkConfiguration(c, a.AddonName, cmp.Or(in.ConfigurationValues, a.ConfigurationValues))
	if err != nil {
		return nil, err
	}
	next := ptr(*a)
	params, err := s.nextAddon(c, next, in)
	if err != nil {
		return nil, err
	}
	u := s.startUpdate(c, types.UpdateTypeAddonUpdate, "", *a.AddonName, params...)
	c.remember(in.ClientRequestToken, in, u)
	a.Status = types.AddonStatusUpdating
	s.applyAddon(c, next, values, in.ResolveConflicts == types.ResolveConflictsOverwrite, in.ResolveConflicts == types.ResolveConflictsPreserve, func(i *types.AddonIssue) {
		if i != nil {
			a.Status, a.ModifiedAt, a.Health = types.AddonStatusUpdateFailed, s.now(), &types.AddonHealth{Issues: []types.AddonIssue{*i}}
			u.end(types.ErrorCode(i.Code), *i.Message, append([]string{}, i.ResourceIds...)...)
			return
		}
		tags := a.Tags // may have changed meanwhile
		*a = *next
		a.Tags, a.Health, a.Status, a.ModifiedAt = tags, &types.AddonHealth{Issues: []types.AddonIssue{}}, types.AddonStatusActive, s.now()
		u.end("", "")
		delete(c.unready, *a.AddonName)
		s.watchAddon(c, *a.AddonName)
	})
	return &sdk.UpdateAddonOutput{Update: ptr(u.Update)}, nil
}

// nextAddon applies a request to a copy of the add-on. Pod Identity associations
// change at once.
func (s *Service) nextAddon(c *cluster, next *types.Addon, in *sdk.UpdateAddonInput) ([]types.UpdateParam, error) {
	var params []types.UpdateParam
	if in.AddonVersion != nil {
		version, err := addonFor(c, next.AddonName, addonCatalog[*next.AddonName], in.AddonVersion)
		if err != nil {
			return nil, err
		}
		if step := minorOf(version) - minorOf(*next.AddonVersion); *next.AddonName == "vpc-cni" && (step > 1 || step < -1) {
			return nil, invalidAddon(c, next.AddonName, "Updating VPC-CNI can only go up or down 1 minor version at a time")
		}
		next.AddonVersion = ptr(version)
		params = append(params, param(types.UpdateParamTypeAddonVersion, version))
	}
	for _, check := range []error{checkAddonRole(c, next.AddonName, in.ServiceAccountRoleArn), checkResolve(c, next.AddonName, in.ResolveConflicts)} {
		if check != nil {
			return nil, check
		}
	}
	if in.ServiceAccountRoleArn != nil {
		next.ServiceAccountRoleArn = in.ServiceAccountRoleArn
		params = append(params, param(types.UpdateParamTypeServiceAccountRoleArn, *in.ServiceAccountRoleArn))
	}
	if in.ResolveConflicts != "" {
		params = append(params, param(types.UpdateParamTypeResolveConflicts, string(in.ResolveConflicts)))
	}
	if in.ConfigurationValues != nil {
		next.ConfigurationValues = in.ConfigurationValues
		params = append(params, param(types.UpdateParamTypeConfigurationValues, *in.ConfigurationValues))
	}
	if in.PodIdentityAssociations != nil {
		arns, err := s.associateAddon(c, next, in.PodIdentityAssociations)
		if err != nil {
			return nil, err
		}
		next.PodIdentityAssociations = arns
		params = append(params, param(types.UpdateParamTypePodIdentityAssociations, toJSON(podIdentitiesAsSent(in.PodIdentityAssociations))))
	}
	return params, nil
}

func podIdentitiesAsSent(in []types.AddonPodIdentityAssociations) []map[string]string {
	out := []map[string]string{}
	for _, p := range in {
		out = append(out, map[string]string{"roleArn": value(p.RoleArn), "serviceAccount": value(p.ServiceAccount)})
	}
	return out
}

// DescribeAddon describes an installed add-on, with a look at its pods.
func (s *Service) DescribeAddon(call *wire.Call, in *sdk.DescribeAddonInput) (*sdk.DescribeAddonOutput, error) {
	s.mu.Lock()
	c, err := s.cluster(in.ClusterName)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.seeAddon(call.Context, c, value(in.AddonName))
	s.mu.Lock()
	defer s.mu.Unlock()
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

// DeleteAddon removes an add-on; with preserve, its software stays.
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
	out := ptr(*a)
	d := s.takes(WorkAddon, *c.Name+"/"+*a.AddonName)
	failed := func(i types.AddonIssue) {
		a.Status, a.Health = types.AddonStatusDeleteFailed, &types.AddonHealth{Issues: []types.AddonIssue{i}}
	}
	if i := s.struck(c, "", *a.AddonName); i != nil {
		s.after(d, nil, func(error) { failed(i.addonIssue()) })
		return &sdk.DeleteAddonOutput{Addon: out}, nil
	}
	name, w := *c.Name, workload(a, "")
	var work func(context.Context) error
	if !in.Preserve {
		work = func(ctx context.Context) error { return s.opts.Clusters.RemoveAddon(ctx, name, w) }
	}
	s.after(d, work, func(err error) {
		if err != nil {
			failed(types.AddonIssue{Code: types.AddonIssueCodeClusterUnreachable, Message: ptr(err.Error()), ResourceIds: []string{}})
			return
		}
		s.dissociateAddon(c, a)
		delete(c.addons, *a.AddonName)
		delete(c.unready, *a.AddonName)
	})
	return &sdk.DeleteAddonOutput{Addon: out}, nil
}
