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

// UpdateNodegroupVersion brings the nodes to the cluster's version or to
// another AMI release of their own version. The backend replaces the nodes.
func (s *Service) UpdateNodegroupVersion(_ *wire.Call, in *sdk.UpdateNodegroupVersionInput) (*sdk.UpdateNodegroupVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, n, repeated, err := s.updatable(in.ClusterName, in.NodegroupName, in.ClientRequestToken, in, types.UpdateTypeVersionUpdate)
	if repeated != nil || err != nil {
		return &sdk.UpdateNodegroupVersionOutput{Update: repeated}, err
	}
	if in.LaunchTemplate != nil {
		return nil, invalidParameter(c.Name, "Cannot update a launch template on a nodegroup that was not created with one")
	}
	version := *c.Version
	if in.Version != nil {
		version = *in.Version
	}
	if version != *c.Version && version != *n.Version {
		return nil, invalidParameter(c.Name, "Nodegroup version %s is not valid: it must be the cluster's version %s or the nodegroup's version %s", version, *c.Version, *n.Version)
	}
	if minor(version) < minor(*n.Version) {
		return nil, invalidParameter(c.Name, "Nodegroup version %s cannot be downgraded to %s", *n.Version, version)
	}
	if err := checkAMI(c, n.AmiType, version); err != nil {
		return nil, err
	}
	v, _ := findVersion(version)
	if in.ReleaseVersion != nil && *in.ReleaseVersion != v.release() && *in.ReleaseVersion != value(n.ReleaseVersion) {
		return nil, invalidParameter(c.Name, "Requested release version %s is not valid for kubernetes version %s.", *in.ReleaseVersion, version)
	}
	u := s.startUpdate(c, types.UpdateTypeVersionUpdate, *n.NodegroupName, "",
		param(types.UpdateParamTypeVersion, v.version), param(types.UpdateParamTypeReleaseVersion, v.release()))
	c.remember(in.ClientRequestToken, in, u)
	next := *n
	next.Version, next.ReleaseVersion = ptr(v.version), ptr(v.release())
	s.runNodegroupUpdate(n, next, u, s.scale(&next, next.ScalingConfig.DesiredSize))
	return &sdk.UpdateNodegroupVersionOutput{Update: ptr(u.Update)}, nil
}

// UpdateNodegroupConfig changes scaling, labels, taints and update settings.
func (s *Service) UpdateNodegroupConfig(_ *wire.Call, in *sdk.UpdateNodegroupConfigInput) (*sdk.UpdateNodegroupConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, n, repeated, err := s.updatable(in.ClusterName, in.NodegroupName, in.ClientRequestToken, in, types.UpdateTypeConfigUpdate)
	if repeated != nil || err != nil {
		return &sdk.UpdateNodegroupConfigOutput{Update: repeated}, err
	}
	next := *n
	var params []types.UpdateParam
	if in.ScalingConfig != nil {
		if next.ScalingConfig, err = scalingOf(c, in.ScalingConfig, *n.ScalingConfig); err != nil {
			return nil, err
		}
		params = append(params,
			param(types.UpdateParamTypeMinSize, strconv.Itoa(int(*next.ScalingConfig.MinSize))),
			param(types.UpdateParamTypeMaxSize, strconv.Itoa(int(*next.ScalingConfig.MaxSize))),
			param(types.UpdateParamTypeDesiredSize, strconv.Itoa(int(*next.ScalingConfig.DesiredSize))))
	}
	if l := in.Labels; l != nil {
		next.Labels = cloneTags(n.Labels)
		maps.Copy(next.Labels, l.AddOrUpdateLabels)
		for _, k := range l.RemoveLabels {
			delete(next.Labels, k)
		}
		params = append(params, param(types.UpdateParamTypeLabelsToAdd, toJSON(l.AddOrUpdateLabels)), param(types.UpdateParamTypeLabelsToRemove, toJSON(l.RemoveLabels)))
	}
	if t := in.Taints; t != nil {
		changed := slices.Concat(t.AddOrUpdateTaints, t.RemoveTaints)
		next.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(have types.Taint) bool {
			return slices.ContainsFunc(changed, func(x types.Taint) bool { return value(x.Key) == value(have.Key) && x.Effect == have.Effect })
		})
		next.Taints = append(next.Taints, t.AddOrUpdateTaints...)
		params = append(params, param(types.UpdateParamTypeTaintsToAdd, toJSON(t.AddOrUpdateTaints)), param(types.UpdateParamTypeTaintsToRemove, toJSON(t.RemoveTaints)))
	}
	if in.UpdateConfig != nil {
		next.UpdateConfig = in.UpdateConfig
		params = append(params, param(types.UpdateParamTypeMaxUnavailable, strconv.Itoa(int(value(in.UpdateConfig.MaxUnavailable)))))
	}
	if in.NodeRepairConfig != nil {
		next.NodeRepairConfig = in.NodeRepairConfig
		params = append(params, param(types.UpdateParamTypeNodeRepairEnabled, strconv.FormatBool(value(in.NodeRepairConfig.Enabled))))
	}
	if len(params) == 0 {
		return nil, invalidParameter(c.Name, "No changes needed for the nodegroup config provided")
	}
	u := s.startUpdate(c, types.UpdateTypeConfigUpdate, *n.NodegroupName, "", params...)
	c.remember(in.ClientRequestToken, in, u)
	s.runNodegroupUpdate(n, next, u, s.scale(&next, next.ScalingConfig.DesiredSize))
	return &sdk.UpdateNodegroupConfigOutput{Update: ptr(u.Update)}, nil
}

// updatable finds a node group that takes an update, or the update that the
// same request started before.
func (s *Service) updatable(cluster, nodegroup, token *string, request any, typ types.UpdateType) (*cluster, *types.Nodegroup, *types.Update, error) {
	c, err := s.cluster(cluster)
	if err != nil {
		return nil, nil, nil, err
	}
	n, err := c.nodegroup(nodegroup)
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

// runNodegroupUpdate replaces n by next when the update has worked.
func (s *Service) runNodegroupUpdate(n *types.Nodegroup, next types.Nodegroup, u *update, work func(context.Context) error) {
	before := n.Status
	n.Status = types.NodegroupStatusUpdating
	s.after(s.takes(WorkUpdateNodegroup, *n.ClusterName+"/"+*n.NodegroupName), work, func(err error) {
		if err != nil {
			n.Status, n.ModifiedAt = before, s.now()
			u.end(types.ErrorCodeNodeCreationFailure, err.Error(), *n.NodegroupName)
			return
		}
		tags, health := n.Tags, n.Health // may have changed meanwhile
		*n = next
		n.Tags, n.Health, n.Status, n.ModifiedAt = tags, health, types.NodegroupStatusActive, s.now()
		u.end("", "")
	})
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("eks: SDK values are plain data: %v", err))
	}
	return string(b)
}
