package eks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	// maxSkew is how many minors kubelets may be older than the control plane.
	maxSkew = 3
	// updateIPs is how many free addresses EKS wants in each subnet of the
	// cluster to replace the control plane's network interfaces.
	updateIPs = 5
)

// UpdateClusterVersion moves a cluster one minor version forward, or back to
// the version before its last upgrade; the way back is in rollback.go.
//
// Refused at once: other steps than one minor, an update in flight, nodes that
// would become too old, and insights of category UPGRADE_READINESS and status
// ERROR for the target version, unless forced. A subnet with fewer than five
// free addresses or an issue of the cluster's health makes the update fail after
// a while; the cluster is then ACTIVE at its old version.
func (s *Service) UpdateClusterVersion(_ *wire.Call, in *sdk.UpdateClusterVersionInput) (*sdk.UpdateClusterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	if err := required("version", in.Version); err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.UpdateClusterVersionOutput{Update: u}, err
	}
	target, ok := findVersion(*in.Version)
	if !ok || target.status(s.opts.Clock.Now()) == types.VersionStatusUnsupported {
		return nil, invalidParameter(in.Name, "unsupported Kubernetes version")
	}
	var u *update
	switch minor(target.version) - minor(*c.Version) {
	case 1:
		u, err = s.versionForward(c, target, in)
	case -1:
		u, err = s.versionBack(c, target, in)
	default:
		err = invalidParameter(in.Name, "Unsupported Kubernetes minor version update from %s to %s", *c.Version, target.version)
	}
	if err != nil {
		return nil, err
	}
	c.remember(in.ClientRequestToken, in, u)
	return &sdk.UpdateClusterVersionOutput{Update: ptr(u.Update)}, nil
}

func (s *Service) versionForward(c *cluster, target clusterVersion, in *sdk.UpdateClusterVersionInput) (*update, error) {
	if in.RollbackConfig != nil {
		return nil, invalidParameter(c.Name, "rollbackConfig can only be specified for a version rollback, not for an update from %s to %s", *c.Version, target.version)
	}
	if err := c.takesUpdate(types.UpdateTypeVersionUpdate); err != nil {
		return nil, err
	}
	var old []string
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		if minor(*c.nodegroups[name].Version) < minor(target.version)-maxSkew {
			old = append(old, name)
		}
	}
	if len(old) > 0 {
		return nil, invalidRequest(c.Name, "Nodegroups %s must be updated to match cluster version %s before updating cluster version", strings.Join(old, ", "), *c.Version)
	}
	if blocking := c.blocking(types.CategoryUpgradeReadiness, target.version, types.InsightStatusValueError); len(blocking) > 0 && !in.Force {
		return nil, &types.InvalidStateException{ClusterName: c.Name, Message: ptr(fmt.Sprintf(
			"Amazon EKS detected upgrade readiness issues (%s). Call the ListInsights API to view detected upgrade blocking issues. Pass the force flag when updating to override upgrade readiness errors.",
			strings.Join(blocking, "; ")))}
	}
	u := s.startUpdate(c, types.UpdateTypeVersionUpdate, "", "", versionParams(target)...)
	s.moveControlPlane(c, u, WorkUpdateVersion, target, func() {
		s.upgraded(c, target, false)
	})
	return u, nil
}

// upgraded notes that an upgrade has ended: from now on it can be rolled back.
func (s *Service) upgraded(c *cluster, target clusterVersion, endOfLife bool) {
	c.hop = &hop{from: *c.Version, at: s.opts.Clock.Now(), endOfLife: endOfLife}
	c.Version, c.PlatformVersion = ptr(target.version), ptr(target.platform)
	if c.autoOn() {
		s.moveAutoNodes(c, target.version, func(error) {})
	}
}

func versionParams(v clusterVersion) []types.UpdateParam {
	return []types.UpdateParam{param(types.UpdateParamTypeVersion, v.version), param(types.UpdateParamTypePlatformVersion, v.platform)}
}

// takesUpdate checks that the control plane takes an update: one at a time.
func (c *cluster) takesUpdate(typ types.UpdateType) error {
	if u := c.inFlight(); u != nil {
		return inUse(c.Name, "Cannot %s because cluster %s currently has update %s in progress", typ, *c.Name, *u.Id)
	}
	if c.Status != types.ClusterStatusActive {
		return inUse(c.Name, "Cannot %s because cluster %s is in %s status", typ, *c.Name, c.Status)
	}
	return nil
}

// moveControlPlane restarts the control plane at another version and ends the
// update; done sees the cluster before its insights are computed anew.
func (s *Service) moveControlPlane(c *cluster, u *update, w Work, target clusterVersion, done func()) {
	c.Status = types.ClusterStatusUpdating
	if failure := s.updateFailure(c); failure != nil {
		s.failUpdate(c, u, failure)
		return
	}
	s.after(s.takes(w, *c.Name), func(ctx context.Context) error {
		// The new API server counts from zero. One that cannot tell any more is no
		// reason not to replace it; the insight says that nobody knows.
		_ = s.observe(ctx, c)
		return s.opts.Clusters.UpgradeCluster(ctx, *c.Name, target.version)
	}, func(err error) {
		c.Status = types.ClusterStatusActive
		if err != nil {
			u.end(types.ErrorCodeUnknown, err.Error(), *c.Name)
			return
		}
		done()
		u.end("", "")
		s.refreshInsights(c)
	})
}

// updateFailure returns why an update of the control plane cannot work.
func (s *Service) updateFailure(c *cluster) *types.ErrorDetail {
	if full := s.fullSubnets(c); len(full) > 0 {
		return &types.ErrorDetail{ErrorCode: types.ErrorCodeIpNotAvailable, ResourceIds: full,
			ErrorMessage: ptr(fmt.Sprintf("One or more of the subnets of the cluster do not have at least %d available IP addresses", updateIPs))}
	}
	return c.healthFailure()
}

// failUpdate ends an update that cannot work, after a while.
func (s *Service) failUpdate(c *cluster, u *update, failure *types.ErrorDetail) {
	s.after(s.takes(WorkFailUpdate, *c.Name), nil, func(error) {
		c.Status = types.ClusterStatusActive
		u.end(failure.ErrorCode, *failure.ErrorMessage, failure.ResourceIds...)
	})
}

// fullSubnets returns the cluster's subnets that have no room for an update.
func (s *Service) fullSubnets(c *cluster) []string {
	var full []string
	for _, id := range c.ResourcesVpcConfig.SubnetIds {
		if _, _, free, ok := s.subnet(id); !ok || free < updateIPs {
			full = append(full, id)
		}
	}
	return full
}

// EndSupport upgrades a cluster whose version has left the support that its
// policy asks for, as EKS does by itself at some time after that day. It returns
// the update's id, or "" when the version is supported.
func (s *Service) EndSupport(cluster string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return "", err
	}
	v, _ := findVersion(*c.Version)
	status := v.status(s.opts.Clock.Now())
	if status == types.VersionStatusStandardSupport || (status == types.VersionStatusExtendedSupport && c.UpgradePolicy.SupportType == types.SupportTypeExtended) {
		return "", nil
	}
	target, ok := findVersion(next(*c.Version))
	if !ok {
		return "", fmt.Errorf("eks: there is no version after %s", *c.Version)
	}
	if err := c.takesUpdate(types.UpdateTypeVersionUpdate); err != nil {
		return "", err
	}
	u := s.startUpdate(c, types.UpdateTypeVersionUpdate, "", "", versionParams(target)...)
	s.moveControlPlane(c, u, WorkUpdateVersion, target, func() {
		s.upgraded(c, target, status == types.VersionStatusUnsupported)
	})
	return *u.Id, nil
}
