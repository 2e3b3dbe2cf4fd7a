package eks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// Injection makes something go wrong with a node group or an add-on, under one
// of the SDK's codes.
type Injection struct {
	Cluster          string
	Nodegroup, Addon string // one of them; it need not exist yet
	// Code is a NodegroupIssueCode, an AddonIssueCode or an ErrorCode.
	Code        string
	Message     string // "" is a text that names the code
	ResourceIDs []string
	// Now makes it a health issue of what exists: an ACTIVE resource becomes
	// DEGRADED. Otherwise the next operation on it fails with the code: a creation
	// ends CREATE_FAILED, an update is Failed (an add-on is then UPDATE_FAILED), a
	// deletion ends DELETE_FAILED.
	Now bool
}

func (i Injection) message() string {
	if i.Message != "" {
		return i.Message
	}
	return "Injected failure: " + i.Code
}

func (i Injection) issue(n *nodegroup) *issue {
	resources := i.ResourceIDs
	if len(resources) == 0 {
		resources = []string{*n.NodegroupName}
	}
	return &issue{types.NodegroupIssueCode(i.Code), i.message(), resources}
}

func (i Injection) addonIssue() types.AddonIssue {
	return types.AddonIssue{Code: types.AddonIssueCode(i.Code), Message: ptr(i.message()), ResourceIds: append([]string{}, i.ResourceIDs...)}
}

// Inject makes a failure happen. All codes of the SDK can be reached with it:
//
//   - types.NodegroupIssueCode: in the health of a node group, at once or by a
//     creation or deletion that fails;
//   - types.AddonIssueCode: in the health of an add-on, likewise, and by an
//     update that fails;
//   - types.ErrorCode: in the errors of an update of a node group or an add-on.
//
// A failure of the next operation waits until there is one. SetNodegroupHealth
// and SetAddonHealth without issues heal.
func (s *Service) Inject(i Injection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (i.Nodegroup == "") == (i.Addon == "") {
		return errors.New("eks: an injection needs a Nodegroup or an Addon")
	}
	issueCode := slices.Contains(types.NodegroupIssueCode("").Values(), types.NodegroupIssueCode(i.Code))
	if i.Addon != "" {
		issueCode = slices.Contains(types.AddonIssueCode("").Values(), types.AddonIssueCode(i.Code))
	}
	if errorCode := slices.Contains(types.ErrorCode("").Values(), types.ErrorCode(i.Code)); !issueCode && (i.Now || !errorCode) {
		return fmt.Errorf("eks: %q is no code of the SDK for this", i.Code)
	}
	if !i.Now {
		s.injections = append(s.injections, i)
		return nil
	}
	c, err := s.cluster(&i.Cluster)
	if err != nil {
		return err
	}
	if i.Addon != "" {
		a, err := c.addon(&i.Addon)
		if err != nil {
			return err
		}
		degrade(a, i.addonIssue())
		return nil
	}
	n, err := c.nodegroup(&i.Nodegroup)
	if err != nil {
		return err
	}
	n.report(*i.issue(n))
	return nil
}

// struck takes the injection that waits for an operation on a node group or an
// add-on; nil when there is none. The lock must be held.
func (s *Service) struck(c *cluster, nodegroup, addon string) *Injection {
	i := slices.IndexFunc(s.injections, func(i Injection) bool {
		return i.Cluster == *c.Name && i.Nodegroup == nodegroup && i.Addon == addon
	})
	if i < 0 {
		return nil
	}
	struck := s.injections[i]
	s.injections = slices.Delete(s.injections, i, i+1)
	return &struck
}

// degrade adds a health issue to an add-on; an ACTIVE one is DEGRADED then.
func degrade(a *types.Addon, i types.AddonIssue) {
	var issues []types.AddonIssue
	if a.Health != nil {
		issues = slices.Clone(a.Health.Issues)
	}
	a.Health = &types.AddonHealth{Issues: append(issues, i)}
	if a.Status == types.AddonStatusActive {
		a.Status = types.AddonStatusDegraded
	}
}

// SetAddonHealth replaces an add-on's health issues. With issues it is DEGRADED,
// without it is ACTIVE again.
func (s *Service) SetAddonHealth(cluster, addon string, issues ...types.AddonIssue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	a, err := c.addon(&addon)
	if err != nil {
		return err
	}
	a.Health = &types.AddonHealth{Issues: append([]types.AddonIssue{}, issues...)}
	switch {
	case len(issues) > 0 && a.Status == types.AddonStatusActive:
		a.Status = types.AddonStatusDegraded
	case len(issues) == 0 && a.Status == types.AddonStatusDegraded:
		a.Status = types.AddonStatusActive
	}
	return nil
}
