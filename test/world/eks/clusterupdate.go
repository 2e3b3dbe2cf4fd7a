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

// UpdateClusterVersion moves a cluster one minor version forward.
//
// Refused at once: other steps than one minor forward, an update in flight,
// nodes that would become too old, and insights of category UPGRADE_READINESS
// and status ERROR for the target version, unless forced. A subnet with fewer
// than five free addresses makes the update fail after a while (IpNotAvailable);
// the cluster is then ACTIVE at its old version.
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
	target, err := s.checkVersionUpdate(c, in)
	if err != nil {
		return nil, err
	}
	u := s.startUpdate(c, types.UpdateTypeVersionUpdate, "", "",
		param(types.UpdateParamTypeVersion, target.version), param(types.UpdateParamTypePlatformVersion, target.platform))
	c.remember(in.ClientRequestToken, in, u)
	c.Status = types.ClusterStatusUpdating
	accepted := ptr(u.Update)
	if full := s.fullSubnets(c); len(full) > 0 {
		s.after(s.takes(WorkFailUpdate, *in.Name), nil, func(error) {
			c.Status = types.ClusterStatusActive
			u.end(types.ErrorCodeIpNotAvailable, fmt.Sprintf("One or more of the subnets of the cluster do not have at least %d available IP addresses", updateIPs), full...)
		})
		return &sdk.UpdateClusterVersionOutput{Update: accepted}, nil
	}
	s.after(s.takes(WorkUpdateVersion, *in.Name), func(ctx context.Context) error {
		return s.opts.Clusters.UpgradeCluster(ctx, *in.Name, target.version)
	}, func(err error) {
		c.Status = types.ClusterStatusActive
		if err != nil {
			u.end(types.ErrorCodeUnknown, err.Error(), *in.Name)
			return
		}
		c.Version, c.PlatformVersion = ptr(target.version), ptr(target.platform)
		u.end("", "")
		s.refreshInsights(c)
	})
	return &sdk.UpdateClusterVersionOutput{Update: accepted}, nil
}

func (s *Service) checkVersionUpdate(c *cluster, in *sdk.UpdateClusterVersionInput) (clusterVersion, error) {
	target, ok := findVersion(*in.Version)
	if !ok {
		return target, invalidParameter(in.Name, "unsupported Kubernetes version %s", *in.Version)
	}
	if u := c.inFlight(); u != nil {
		return target, inUse(in.Name, "Cannot VersionUpdate because cluster %s currently has update %s in progress", *in.Name, *u.Id)
	}
	if c.Status != types.ClusterStatusActive {
		return target, inUse(in.Name, "Cannot VersionUpdate because cluster %s is in %s status", *in.Name, c.Status)
	}
	if minor(target.version) != minor(*c.Version)+1 {
		return target, invalidParameter(in.Name, "Unsupported Kubernetes minor version update from %s to %s", *c.Version, target.version)
	}
	if in.RollbackConfig != nil {
		return target, invalidParameter(in.Name, "rollbackConfig is not valid for a version update from %s to %s", *c.Version, target.version)
	}
	var old []string
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		if minor(*c.nodegroups[name].Version) < minor(target.version)-maxSkew {
			old = append(old, name)
		}
	}
	if len(old) > 0 {
		return target, invalidRequest(in.Name, "Nodegroups %s must be updated to match cluster version %s before updating cluster version", strings.Join(old, ", "), *c.Version)
	}
	if blocking := c.blockingInsights(target.version); len(blocking) > 0 && !in.Force {
		return target, &types.InvalidStateException{ClusterName: in.Name, Message: ptr(fmt.Sprintf(
			"Amazon EKS detected upgrade readiness issues (%s). Call the ListInsights API to view detected upgrade blocking issues. Pass the force flag when updating to override upgrade readiness errors.",
			strings.Join(blocking, "; ")))}
	}
	return target, nil
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
