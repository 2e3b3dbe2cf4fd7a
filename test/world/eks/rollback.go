package eks

import (
	"fmt"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The way back, as the EKS User Guide has it under "Roll back a cluster to a
// previous Kubernetes version" and "Rollback EKS Auto Mode clusters", and the
// doc comments of RollbackConfig and CancelUpdate in the SDK.
const (
	rollbackWindow         = 7 * 24 * time.Hour // from the end of the upgrade
	defaultRollbackTimeout = 720                // minutes
	minRollbackTimeout     = 120
	maxRollbackTimeout     = 10080
	// cancelTime is how long a node that is being replaced keeps a cancellation.
	cancelTime = time.Minute
)

// hop is an upgrade that has ended.
type hop struct {
	from      string
	at        time.Time // when it ended
	endOfLife bool      // EKS made it at the end of extended support
}

// rollback is a rollback of an Auto Mode cluster while its nodes go back.
type rollback struct {
	update *update
	target clusterVersion
	force  bool
	nodes  bool // the nodes go back; later, the control plane does
}

// RollbackVersion returns the version that a cluster can be rolled back to;
// false when there is none or the time for it is over.
func (s *Service) RollbackVersion(cluster string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[cluster]
	if c == nil || !c.canGoBack(s.opts.Clock.Now()) {
		return "", false
	}
	return c.hop.from, true
}

func (c *cluster) canGoBack(now time.Time) bool {
	return c.hop != nil && !c.hop.endOfLife && now.Sub(c.hop.at) <= rollbackWindow
}

// versionBack starts a rollback. What cannot be forced is refused with
// InvalidRequestException; insights that do not pass, with InvalidStateException.
func (s *Service) versionBack(c *cluster, target clusterVersion, in *sdk.UpdateClusterVersionInput) (*update, error) {
	timeout, err := rollbackTimeout(c, in.RollbackConfig)
	if err != nil {
		return nil, err
	}
	if err := c.takesUpdate(types.UpdateTypeVersionRollback); err != nil {
		return nil, err
	}
	now := s.opts.Clock.Now()
	switch {
	case c.hop == nil:
		return nil, invalidRequest(c.Name, "Cluster %s cannot be rolled back from version %s to %s because its last version change was not an upgrade from %s", *c.Name, *c.Version, target.version, target.version)
	case c.hop.endOfLife:
		return nil, invalidRequest(c.Name, "Cluster %s cannot be rolled back to version %s because it was upgraded automatically at the end of extended support", *c.Name, target.version)
	case now.Sub(c.hop.at) > rollbackWindow:
		return nil, invalidRequest(c.Name, "Cluster %s cannot be rolled back to version %s because more than 7 days have passed since the upgrade completed", *c.Name, target.version)
	case target.status(now) == types.VersionStatusExtendedSupport && c.UpgradePolicy.SupportType != types.SupportTypeExtended:
		return nil, invalidRequest(c.Name, "Cluster %s cannot be rolled back to version %s, which is in extended support, because its upgrade policy is %s. Change the upgrade policy to EXTENDED first", *c.Name, target.version, c.UpgradePolicy.SupportType)
	}
	if !in.Force {
		s.refreshInsights(c)
		if err := c.rollbackBlocked(target.version); err != nil {
			return nil, err
		}
	}
	u := s.startUpdate(c, types.UpdateTypeVersionRollback, "", "", versionParams(target)...)
	if !c.autoOn() {
		s.controlPlaneBack(c, u, target)
		return u, nil
	}
	run := &rollback{update: u, target: target, force: in.Force, nodes: true}
	c.auto.rollback = run
	s.moveAutoNodes(c, target.version, func(err error) { s.autoNodesBack(c, run, err) })
	s.after(timeout, nil, func(error) {
		if run.nodes {
			s.nodesStay(c, run)
			u.end(types.ErrorCodeUnknown, fmt.Sprintf("The rollback timed out: not all EKS Auto Mode nodes were at version %s after %d minutes", target.version, int(timeout.Minutes())), *c.Name)
		}
	})
	return u, nil
}

func rollbackTimeout(c *cluster, config *types.RollbackConfig) (time.Duration, error) {
	minutes := int32(defaultRollbackTimeout)
	if config != nil && config.TimeoutMinutes != nil {
		minutes = *config.TimeoutMinutes
	}
	if minutes < minRollbackTimeout || minutes > maxRollbackTimeout {
		return 0, invalidParameter(c.Name, "rollbackConfig.timeoutMinutes must be between %d and %d", minRollbackTimeout, maxRollbackTimeout)
	}
	return time.Duration(minutes) * time.Minute, nil
}

// rollbackBlocked tells which insights stop a rollback: those that EKS cannot
// answer as well as those that fail.
func (c *cluster) rollbackBlocked(target string) error {
	blocking := c.blocking(types.CategoryRollbackReadiness, target, types.InsightStatusValueError, types.InsightStatusValueUnknown)
	if len(blocking) == 0 {
		return nil
	}
	return &types.InvalidStateException{ClusterName: c.Name, Message: ptr(fmt.Sprintf(
		"Amazon EKS detected rollback readiness issues (%s). Call the ListInsights API to view detected rollback blocking issues. Pass the force flag when updating to override rollback readiness errors.",
		strings.Join(blocking, "; ")))}
}

func (s *Service) controlPlaneBack(c *cluster, u *update, target clusterVersion) {
	s.moveControlPlane(c, u, WorkRollbackVersion, target, func() {
		c.Version, c.PlatformVersion = ptr(target.version), ptr(target.platform)
		c.hop = nil // no way further back, and none forward again but an update
	})
}

// autoNodesBack goes on when Auto Mode's nodes are back, with another look at
// the insights.
func (s *Service) autoNodesBack(c *cluster, run *rollback, err error) {
	if !run.nodes {
		return // cancelled or timed out
	}
	if err != nil {
		s.nodesStay(c, run)
		run.update.end(types.ErrorCodeNodeCreationFailure, err.Error(), *c.Name)
		return
	}
	if !run.force {
		s.refreshInsights(c)
		if err := c.rollbackBlocked(run.target.version); err != nil {
			s.nodesStay(c, run)
			run.update.end(types.ErrorCodeOperationNotPermitted, err.Error(), *c.Name)
			return
		}
	}
	run.nodes = false
	if k := run.update.Cancellation; k != nil && k.Status == types.CancellationStatusInProgress {
		run.update.Cancellation = &types.Cancellation{Status: types.CancellationStatusFailed, Reason: ptr("The control plane rollback has already begun")}
	}
	c.auto.rollback = nil
	s.controlPlaneBack(c, run.update, run.target)
}

// nodesStay ends the part of a rollback that moves nodes: they drift to the
// control plane's version again.
func (s *Service) nodesStay(c *cluster, run *rollback) {
	run.nodes, c.auto.rollback = false, nil
	s.moveAutoNodes(c, *c.Version, func(error) {})
}

// CancelUpdate stops the rollback of an Auto Mode cluster while its nodes go
// back. Nothing else can be cancelled.
func (s *Service) CancelUpdate(_ *wire.Call, in *sdk.CancelUpdateInput) (*sdk.CancelUpdateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.Name)
	if err != nil {
		return nil, err
	}
	if err := required("updateId", in.UpdateId); err != nil {
		return nil, err
	}
	if u, err := c.repeated(in.ClientRequestToken, in); u != nil || err != nil {
		return &sdk.CancelUpdateOutput{Update: u}, err
	}
	u := c.findUpdate(*in.UpdateId)
	switch {
	case u == nil:
		return nil, &types.ResourceNotFoundException{ClusterName: in.Name, Message: ptr(fmt.Sprintf("No update found for ID: %s", *in.UpdateId))}
	case u.Status != types.UpdateStatusInProgress:
		return nil, invalidRequest(in.Name, "Update %s cannot be cancelled because it is in %s status", *u.Id, u.Status)
	case u.Type != types.UpdateTypeVersionRollback || !c.autoOn():
		return nil, invalidRequest(in.Name, "Update %s of type %s cannot be cancelled: only version rollbacks of EKS Auto Mode clusters can", *u.Id, u.Type)
	}
	run := c.auto.rollback
	if run == nil || run.update != u || !run.nodes {
		return nil, invalidRequest(in.Name, "Update %s cannot be cancelled because the control plane rollback has already begun", *u.Id)
	}
	if u.Cancellation == nil {
		u.Cancellation = &types.Cancellation{Status: types.CancellationStatusInProgress, Reason: ptr("Cancellation was requested")}
		s.after(cancelTime, nil, func(error) {
			if run.nodes {
				s.nodesStay(c, run)
				u.Status = types.UpdateStatusCancelled
				u.Cancellation = &types.Cancellation{Status: types.CancellationStatusSuccessful, Reason: ptr("The node rollback was stopped")}
			}
		})
	}
	c.remember(in.ClientRequestToken, in, u)
	return &sdk.CancelUpdateOutput{Update: ptr(u.Update)}, nil
}
