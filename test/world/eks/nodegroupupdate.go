package eks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// UpdateNodegroupVersion brings the nodes to the cluster's version, to another
// AMI release of their own version, or to another version of their launch
// template, in a rolling update.
//
// Versions do not go back, but for one case: while the cluster itself can be
// rolled back, its node groups go first (EKS User Guide, "Roll back a cluster to
// a previous Kubernetes version", step 2).
func (s *Service) UpdateNodegroupVersion(_ *wire.Call, in *sdk.UpdateNodegroupVersionInput) (*sdk.UpdateNodegroupVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, n, repeated, err := s.updatable(in.ClusterName, in.NodegroupName, in.ClientRequestToken, in, types.UpdateTypeVersionUpdate)
	if repeated != nil || err != nil {
		return &sdk.UpdateNodegroupVersionOutput{Update: repeated}, err
	}
	next := ptr(*n)
	if next.template, err = s.nextTemplate(c, n, in.LaunchTemplate); err != nil {
		return nil, err
	}
	if next.template != nil {
		next.LaunchTemplate = &types.LaunchTemplateSpecification{Id: &next.template.ID, Name: &next.template.Name, Version: &next.template.Version}
	}
	if err := s.nextVersion(c, n, next, in); err != nil {
		return nil, err
	}
	params := []types.UpdateParam{}
	if n.AmiType != types.AMITypesCustom {
		params = append(params, param(types.UpdateParamTypeVersion, *next.Version), param(types.UpdateParamTypeReleaseVersion, *next.ReleaseVersion))
	}
	if in.LaunchTemplate != nil {
		params = append(params, param(types.UpdateParamTypeLaunchTemplateName, next.template.Name), param(types.UpdateParamTypeLaunchTemplateVersion, next.template.Version))
	}
	u := s.startUpdate(c, types.UpdateTypeVersionUpdate, *n.NodegroupName, "", params...)
	c.remember(in.ClientRequestToken, in, u)
	r := &rollout{s: s, c: c, n: n, next: next, u: u, force: in.Force}
	r.begin()
	return &sdk.UpdateNodegroupVersionOutput{Update: ptr(u.Update)}, nil
}

// nextVersion sets the version and the AMI release that an update leads to.
func (s *Service) nextVersion(c *cluster, n, next *nodegroup, in *sdk.UpdateNodegroupVersionInput) error {
	if n.AmiType == types.AMITypesCustom {
		if in.Version != nil || in.ReleaseVersion != nil {
			return invalidParameter(c.Name, "You cannot specify the field kubernetesVersion or releaseVersion when using custom AMIs.")
		}
		if in.LaunchTemplate == nil {
			return invalidParameter(c.Name, "You must specify a launch template version when updating a nodegroup with a custom AMI")
		}
		next.Version = c.Version
		return releaseOf(c, next, nil)
	}
	version := *c.Version
	switch {
	case in.Version != nil:
		version = *in.Version
	case in.ReleaseVersion != nil || in.LaunchTemplate != nil:
		version = *n.Version
	}
	if minor(version) < 0 {
		return invalidParameter(c.Name, "unsupported Kubernetes version %s", version)
	}
	back := minor(version) < minor(*n.Version)
	switch {
	case back && version != *c.Version && !(c.canGoBack(s.opts.Clock.Now()) && version == c.hop.from):
		return invalidParameter(c.Name, "%s", versionMismatch(c, n))
	case !back && version != *c.Version && version != *n.Version:
		return invalidParameter(c.Name, "%s", versionMismatch(c, n))
	}
	if err := checkAMI(c, n.AmiType, version); err != nil {
		return err
	}
	next.Version = ptr(version)
	if err := releaseOf(c, next, in.ReleaseVersion); err != nil {
		return err
	}
	v, _ := findVersion(version)
	known := releases(v, n.AmiType) // newest first
	if version == *n.Version && slices.Index(known, *next.ReleaseVersion) > slices.Index(known, *n.ReleaseVersion) && slices.Contains(known, *n.ReleaseVersion) {
		return invalidParameter(c.Name, "Nodegroup release version %s cannot be downgraded to %s", *n.ReleaseVersion, *next.ReleaseVersion)
	}
	return nil
}

// versionMismatch is what EKS says to every other version, older ones too.
func versionMismatch(c *cluster, n *nodegroup) string {
	return fmt.Sprintf("Nodegroup Kubernetes version should be equal to Cluster kubernetes version %s or NodeGroup kubernetes version %s", *c.Version, *n.Version)
}

// UpdateNodegroupConfig changes scaling, labels, taints, and settings of
// updates, repairs and warm pools. Labels and taints change on the nodes that
// there are, too.
func (s *Service) UpdateNodegroupConfig(_ *wire.Call, in *sdk.UpdateNodegroupConfigInput) (*sdk.UpdateNodegroupConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, n, repeated, err := s.updatable(in.ClusterName, in.NodegroupName, in.ClientRequestToken, in, types.UpdateTypeConfigUpdate)
	if repeated != nil || err != nil {
		return &sdk.UpdateNodegroupConfigOutput{Update: repeated}, err
	}
	next := ptr(*n)
	change := NodeChange{}
	var params []types.UpdateParam
	for _, edit := range []func() ([]types.UpdateParam, error){
		func() ([]types.UpdateParam, error) { return next.editScaling(c, in.ScalingConfig) },
		func() ([]types.UpdateParam, error) { return next.editLabels(c, in.Labels, &change) },
		func() ([]types.UpdateParam, error) { return next.editTaints(c, in.Taints, &change) },
		func() ([]types.UpdateParam, error) { return next.editUpdateConfig(c, in.UpdateConfig) },
		func() ([]types.UpdateParam, error) { return next.editRepair(c, in.NodeRepairConfig) },
		func() ([]types.UpdateParam, error) { return next.editWarmPool(c, in.WarmPoolConfig) },
	} {
		changed, err := edit()
		if err != nil {
			return nil, err
		}
		params = append(params, changed...)
	}
	if len(params) == 0 {
		return nil, invalidParameter(c.Name, "No changes needed for the nodegroup config provided")
	}
	u := s.startUpdate(c, types.UpdateTypeConfigUpdate, *n.NodegroupName, "", params...)
	c.remember(in.ClientRequestToken, in, u)
	s.applyConfig(c, n, next, u, change)
	return &sdk.UpdateNodegroupConfigOutput{Update: ptr(u.Update)}, nil
}

func (n *nodegroup) editScaling(c *cluster, in *types.NodegroupScalingConfig) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	scaling, err := scalingOf(c, in, *n.ScalingConfig)
	if err != nil {
		return nil, err
	}
	n.ScalingConfig = scaling
	return []types.UpdateParam{
		param(types.UpdateParamTypeMinSize, strconv.Itoa(int(*scaling.MinSize))),
		param(types.UpdateParamTypeMaxSize, strconv.Itoa(int(*scaling.MaxSize))),
		param(types.UpdateParamTypeDesiredSize, strconv.Itoa(int(*scaling.DesiredSize))),
	}, nil
}

func (n *nodegroup) editLabels(c *cluster, in *types.UpdateLabelsPayload, change *NodeChange) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	n.Labels = cloneTags(n.Labels)
	maps.Copy(n.Labels, in.AddOrUpdateLabels)
	for _, k := range in.RemoveLabels {
		if _, both := in.AddOrUpdateLabels[k]; both {
			return nil, invalidParameter(c.Name, "The label %s cannot be both added or updated and removed", k)
		}
		delete(n.Labels, k)
	}
	change.Labels, change.RemoveLabels = in.AddOrUpdateLabels, in.RemoveLabels
	params := []types.UpdateParam{}
	if len(in.AddOrUpdateLabels) > 0 {
		params = append(params, param(types.UpdateParamTypeLabelsToAdd, toJSON(in.AddOrUpdateLabels)))
	}
	if len(in.RemoveLabels) > 0 {
		params = append(params, param(types.UpdateParamTypeLabelsToRemove, toJSON(in.RemoveLabels)))
	}
	return params, checkLabels(c, n.Labels)
}

func (n *nodegroup) editTaints(c *cluster, in *types.UpdateTaintsPayload, change *NodeChange) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	same := func(a, b types.Taint) bool { return value(a.Key) == value(b.Key) && a.Effect == b.Effect }
	changed := slices.Concat(in.AddOrUpdateTaints, in.RemoveTaints)
	n.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(have types.Taint) bool {
		return slices.ContainsFunc(changed, func(x types.Taint) bool { return same(x, have) })
	})
	n.Taints = append(n.Taints, in.AddOrUpdateTaints...)
	change.Taints, change.RemoveTaints = kubernetesTaints(in.AddOrUpdateTaints), kubernetesTaints(in.RemoveTaints)
	params := []types.UpdateParam{}
	if len(in.AddOrUpdateTaints) > 0 {
		params = append(params, param(types.UpdateParamTypeTaintsToAdd, toJSON(taintsAsSent(in.AddOrUpdateTaints))))
	}
	if len(in.RemoveTaints) > 0 {
		params = append(params, param(types.UpdateParamTypeTaintsToRemove, toJSON(taintsAsSent(in.RemoveTaints))))
	}
	return params, checkTaints(c, n.Taints)
}

// taintsAsSent gives taints the member names of the API.
func taintsAsSent(taints []types.Taint) []map[string]string {
	out := []map[string]string{}
	for _, t := range taints {
		m := map[string]string{"effect": string(t.Effect), "key": value(t.Key)}
		if t.Value != nil {
			m["value"] = *t.Value
		}
		out = append(out, m)
	}
	return out
}

func (n *nodegroup) editUpdateConfig(c *cluster, in *types.NodegroupUpdateConfig) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	if err := checkUpdateConfig(c, in); err != nil {
		return nil, err
	}
	next := *in
	if next.MaxUnavailable == nil && next.MaxUnavailablePercentage == nil { // the strategy alone changes
		next.MaxUnavailable, next.MaxUnavailablePercentage = value(n.UpdateConfig).MaxUnavailable, value(n.UpdateConfig).MaxUnavailablePercentage
	}
	if next.UpdateStrategy == "" {
		next.UpdateStrategy = value(n.UpdateConfig).UpdateStrategy
	}
	n.UpdateConfig = &next
	params := []types.UpdateParam{}
	if in.MaxUnavailable != nil {
		params = append(params, param(types.UpdateParamTypeMaxUnavailable, strconv.Itoa(int(*in.MaxUnavailable))))
	}
	if in.MaxUnavailablePercentage != nil {
		params = append(params, param(types.UpdateParamTypeMaxUnavailablePercentage, strconv.Itoa(int(*in.MaxUnavailablePercentage))))
	}
	if in.UpdateStrategy != "" {
		params = append(params, param(types.UpdateParamTypeUpdateStrategy, string(in.UpdateStrategy)))
	}
	return params, nil
}

func (n *nodegroup) editRepair(c *cluster, in *types.NodeRepairConfig) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	n.NodeRepairConfig = in
	return []types.UpdateParam{param(types.UpdateParamTypeNodeRepairEnabled, strconv.FormatBool(value(in.Enabled)))}, checkRepair(c, in)
}

func (n *nodegroup) editWarmPool(c *cluster, in *types.WarmPoolConfig) ([]types.UpdateParam, error) {
	if in == nil {
		return nil, nil
	}
	next := value(n.WarmPoolConfig)
	params := []types.UpdateParam{}
	if in.Enabled != nil {
		next.Enabled = in.Enabled
		params = append(params, param(types.UpdateParamTypeWarmPoolEnabled, strconv.FormatBool(*in.Enabled)))
	}
	if in.MaxGroupPreparedCapacity != nil {
		next.MaxGroupPreparedCapacity = in.MaxGroupPreparedCapacity
		params = append(params, param(types.UpdateParamTypeWarmPoolMaxGroupPreparedCapacity, strconv.Itoa(int(*in.MaxGroupPreparedCapacity))))
	}
	if in.MinSize != nil {
		next.MinSize = in.MinSize
		params = append(params, param(types.UpdateParamTypeWarmPoolMinSize, strconv.Itoa(int(*in.MinSize))))
	}
	if in.PoolState != "" {
		next.PoolState = in.PoolState
		params = append(params, param(types.UpdateParamTypeWarmPoolState, string(in.PoolState)))
	}
	if in.ReuseOnScaleIn != nil {
		next.ReuseOnScaleIn = in.ReuseOnScaleIn
		params = append(params, param(types.UpdateParamTypeWarmPoolReuseOnScaleIn, strconv.FormatBool(*in.ReuseOnScaleIn)))
	}
	n.WarmPoolConfig = &next
	return params, checkWarmPool(c, n.AmiType, &next)
}

// updatable finds a node group that takes an update, or the update that the
// same request started before.
func (s *Service) updatable(cluster, name, token *string, request any, typ types.UpdateType) (*cluster, *nodegroup, *types.Update, error) {
	c, err := s.cluster(cluster)
	if err != nil {
		return nil, nil, nil, err
	}
	n, err := c.nodegroup(name)
	if err != nil {
		return nil, nil, nil, err
	}
	if u, err := c.repeated(token, request); u != nil || err != nil {
		return c, n, u, err
	}
	if c.Status != types.ClusterStatusActive {
		return nil, nil, nil, invalidRequest(c.Name, "Cluster '%s' is not in ACTIVE status", *c.Name)
	}
	for _, u := range c.updates {
		if u.nodegroup == *n.NodegroupName && u.Status == types.UpdateStatusInProgress {
			return nil, nil, nil, &types.ResourceInUseException{ClusterName: c.Name, NodegroupName: n.NodegroupName,
				Message: ptr(fmt.Sprintf("Cannot %s because nodegroup %s currently has update %s in progress", typ, *n.NodegroupName, *u.Id))}
		}
	}
	if n.Status != types.NodegroupStatusActive && n.Status != types.NodegroupStatusDegraded {
		return nil, nil, nil, invalidRequest(c.Name, "Nodegroup '%s' is not in ACTIVE status", *n.NodegroupName)
	}
	return c, n, nil, nil
}

// become gives the node group the description of next, but for what may have
// changed meanwhile.
func (n *nodegroup) become(next *nodegroup) {
	tags, health, status := n.Tags, n.Health, n.Status
	n.Nodegroup, n.template = next.Nodegroup, next.template
	n.Tags, n.Health, n.Status = tags, health, status
}

// applyConfig runs an update of the configuration, and changes labels and taints
// of the nodes that there are. When it has ended, Auto Scaling launches nodes
// that are missing, and drains those too many for up to 15 minutes and
// terminates them, whether that worked or not.
func (s *Service) applyConfig(c *cluster, n, next *nodegroup, u *update, change NodeChange) {
	n.Status = types.NodegroupStatusUpdating
	d := s.takes(WorkUpdateNodegroup, *c.Name+"/"+*n.NodegroupName)
	end := func(code types.ErrorCode, message string, resources ...string) {
		n.rest(s.opts.Clock.Now())
		u.end(code, message, resources...)
		s.replenish(c, n)
	}
	if i := s.struck(c, *n.NodegroupName, ""); i != nil {
		s.after(d, nil, func(error) { end(types.ErrorCode(i.Code), i.message(), i.ResourceIDs...) })
		return
	}
	name, names := *c.Name, namesOf(n.nodes)
	var work func(context.Context) error
	if len(change.Labels)+len(change.RemoveLabels)+len(change.Taints)+len(change.RemoveTaints) > 0 {
		work = func(ctx context.Context) error { return s.opts.Clusters.ChangeNodes(ctx, name, names, change) }
	}
	s.after(d, work, func(err error) {
		if err != nil {
			end(types.ErrorCodeClusterUnreachable, err.Error(), *n.NodegroupName)
			return
		}
		n.become(next)
		end("", "")
		s.scaleIn(c, n, len(n.nodes)-int(*n.ScalingConfig.DesiredSize), func(err error) {
			if err != nil {
				n.report(issue{types.NodegroupIssueCodeNodeTerminationFailure, err.Error(), []string{*n.Resources.AutoScalingGroups[0].Name}})
			}
		})
	})
}

// scaleIn removes nodes as an Auto Scaling group does: outdated ones first, then
// the oldest of the zone with the most.
func (s *Service) scaleIn(c *cluster, n *nodegroup, count int, done func(error)) {
	if count <= 0 {
		done(nil)
		return
	}
	left := slices.Clone(n.nodes)
	var gone []*node
	for range count {
		inZone := map[string]int{}
		for _, m := range left {
			inZone[m.zone]++
		}
		worst := slices.MinFunc(left, func(a, b *node) int {
			if a, b := a.config == n.config(), b.config == n.config(); a != b {
				if a {
					return 1
				}
				return -1
			}
			if d := inZone[b.zone] - inZone[a.zone]; d != 0 {
				return d
			}
			return a.launched.Compare(b.launched)
		})
		gone = append(gone, worst)
		left = slices.DeleteFunc(left, func(m *node) bool { return m == worst })
	}
	s.drain(c, gone, false, func([]BlockedPod, error) { // Auto Scaling does not wait longer
		s.remove(c, n, gone, s.takes(WorkTerminateNode, *c.Name+"/"+*n.NodegroupName), done)
	})
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("eks: SDK values are plain data: %v", err))
	}
	return string(b)
}
