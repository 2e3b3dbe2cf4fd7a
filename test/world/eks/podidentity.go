package eks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CreatePodIdentityAssociation gives the pods of a service account a role.
func (s *Service) CreatePodIdentityAssociation(_ *wire.Call, in *sdk.CreatePodIdentityAssociationInput) (*sdk.CreatePodIdentityAssociationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	if err := required("namespace", in.Namespace, "serviceAccount", in.ServiceAccount, "roleArn", in.RoleArn); err != nil {
		return nil, err
	}
	if a, err := answered[types.PodIdentityAssociation](c, in.ClientRequestToken, in); a != nil || err != nil {
		return &sdk.CreatePodIdentityAssociationOutput{Association: a}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(c.pods)) {
		if have := c.pods[id]; *have.Namespace == *in.Namespace && *have.ServiceAccount == *in.ServiceAccount {
			return nil, inUse(c.Name, "Association already exists: %s", id)
		}
	}
	id := "a-" + strings.ReplaceAll(s.uuid(), "-", "")[:17]
	a := &types.PodIdentityAssociation{
		ClusterName: c.Name, AssociationId: ptr(id), AssociationArn: s.arn("podidentityassociation/%s/%s", *c.Name, id),
		Namespace: in.Namespace, ServiceAccount: in.ServiceAccount, Tags: cloneTags(in.Tags), CreatedAt: s.now(), DisableSessionTags: ptr(false),
	}
	if err := s.changeAssociation(c, a, in.RoleArn, in.TargetRoleArn, in.Policy, in.DisableSessionTags); err != nil {
		return nil, err
	}
	c.pods[id] = a
	answer := ptr(*a)
	c.answer(in.ClientRequestToken, in, answer)
	return &sdk.CreatePodIdentityAssociationOutput{Association: answer}, nil
}

// changeAssociation checks and applies what a request says; nil leaves a member
// as it is, an empty target role or policy removes it.
func (s *Service) changeAssociation(c *cluster, a *types.PodIdentityAssociation, role, target, policy *string, noTags *bool) error {
	next := *a
	if role != nil {
		if !roleARN.MatchString(*role) {
			return invalidParameter(c.Name, "Role provided in the request is invalid: %s", *role)
		}
		next.RoleArn = role
	}
	if noTags != nil {
		next.DisableSessionTags = noTags
	}
	if target != nil {
		next.TargetRoleArn, next.ExternalId = nil, nil
		if *target != "" {
			if !roleARN.MatchString(*target) {
				return invalidParameter(c.Name, "Target role provided in the request is invalid: %s", *target)
			}
			next.TargetRoleArn, next.ExternalId = target, ptr(s.uuid())
		}
	}
	if policy != nil {
		next.Policy = nil
		if *policy != "" {
			if !json.Valid([]byte(*policy)) {
				return invalidParameter(c.Name, "The policy is not valid JSON")
			}
			next.Policy = policy
		}
	}
	if next.Policy != nil && !value(next.DisableSessionTags) {
		return invalidParameter(c.Name, "disableSessionTags must be true when a policy is specified")
	}
	next.ModifiedAt = s.now()
	*a = next
	return nil
}

func (c *cluster) association(id *string) (*types.PodIdentityAssociation, error) {
	if err := required("associationId", id); err != nil {
		return nil, err
	}
	a := c.pods[*id]
	if a == nil {
		return nil, &types.ResourceNotFoundException{ClusterName: c.Name, Message: ptr(fmt.Sprintf("Association with ID %s not found", *id))}
	}
	return a, nil
}

// DescribePodIdentityAssociation describes one association.
func (s *Service) DescribePodIdentityAssociation(_ *wire.Call, in *sdk.DescribePodIdentityAssociationInput) (*sdk.DescribePodIdentityAssociationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribePodIdentityAssociationOutput{Association: ptr(*a)}, nil
}

// UpdatePodIdentityAssociation changes the role of an association.
func (s *Service) UpdatePodIdentityAssociation(_ *wire.Call, in *sdk.UpdatePodIdentityAssociationInput) (*sdk.UpdatePodIdentityAssociationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if known, err := answered[types.PodIdentityAssociation](c, in.ClientRequestToken, in); known != nil || err != nil {
		return &sdk.UpdatePodIdentityAssociationOutput{Association: known}, err
	}
	if err := s.changeAssociation(c, a, in.RoleArn, in.TargetRoleArn, in.Policy, in.DisableSessionTags); err != nil {
		return nil, err
	}
	answer := ptr(*a)
	c.answer(in.ClientRequestToken, in, answer)
	return &sdk.UpdatePodIdentityAssociationOutput{Association: answer}, nil
}

// ListPodIdentityAssociations lists associations by namespace, service account
// and id.
func (s *Service) ListPodIdentityAssociations(_ *wire.Call, in *sdk.ListPodIdentityAssociationsInput) (*sdk.ListPodIdentityAssociationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	byKey := map[string]*types.PodIdentityAssociation{}
	for id, a := range c.pods {
		if (in.Namespace == nil || *in.Namespace == *a.Namespace) && (in.ServiceAccount == nil || *in.ServiceAccount == *a.ServiceAccount) {
			byKey[*a.Namespace+"/"+*a.ServiceAccount+"/"+id] = a
		}
	}
	keys, next, err := page(slices.Sorted(maps.Keys(byKey)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListPodIdentityAssociationsOutput{NextToken: next, Associations: []types.PodIdentityAssociationSummary{}}
	for _, k := range keys {
		out.Associations = append(out.Associations, convert[types.PodIdentityAssociationSummary](byKey[k]))
	}
	return out, nil
}

// DeletePodIdentityAssociation removes an association.
func (s *Service) DeletePodIdentityAssociation(_ *wire.Call, in *sdk.DeletePodIdentityAssociationInput) (*sdk.DeletePodIdentityAssociationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(in.ClusterName)
	if err != nil {
		return nil, err
	}
	a, err := c.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if a.OwnerArn != nil {
		return nil, invalidRequest(c.Name, "Association %s is owned by the add-on %s", *a.AssociationId, *a.OwnerArn)
	}
	delete(c.pods, *a.AssociationId)
	return &sdk.DeletePodIdentityAssociationOutput{Association: ptr(*a)}, nil
}
