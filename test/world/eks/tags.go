package eks

import (
	"fmt"
	"maps"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// cloneTags returns a map of its own, never nil.
func cloneTags(m map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, m)
	return out
}

// tags finds the tags of the resource with the ARN. The lock must be held.
func (s *Service) tags(arn *string) (*map[string]string, error) {
	if err := required("resourceArn", arn); err != nil {
		return nil, &types.BadRequestException{Message: ptr("Missing required parameter: resourceArn")}
	}
	if !strings.HasPrefix(*arn, *s.arn("")) {
		return nil, &types.BadRequestException{Message: ptr(fmt.Sprintf("Invalid ARN: %s", *arn))}
	}
	for _, c := range s.clusters {
		if *c.Arn == *arn {
			return &c.Tags, nil
		}
		for _, n := range c.nodegroups {
			if *n.NodegroupArn == *arn {
				return &n.Tags, nil
			}
		}
		for _, a := range c.addons {
			if *a.AddonArn == *arn {
				return &a.Tags, nil
			}
		}
		for _, p := range c.profiles {
			if *p.FargateProfileArn == *arn {
				return &p.Tags, nil
			}
		}
		for _, e := range c.access {
			if *e.AccessEntryArn == *arn {
				return &e.Tags, nil
			}
		}
		for _, a := range c.pods {
			if *a.AssociationArn == *arn {
				return &a.Tags, nil
			}
		}
		for _, p := range c.providers {
			if *p.IdentityProviderConfigArn == *arn {
				return &p.Tags, nil
			}
		}
	}
	return nil, &types.NotFoundException{Message: ptr(fmt.Sprintf("Resource not found: %s", *arn))}
}

// TagResource adds tags to a cluster or one of its parts.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tags(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	changed := cloneTags(*tags) // answers may share the old map
	maps.Copy(changed, in.Tags)
	if len(changed) > 50 {
		return nil, &types.BadRequestException{Message: ptr("Too many tags: at most 50 are allowed")}
	}
	*tags = changed
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tags(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	changed := cloneTags(*tags)
	for _, k := range in.TagKeys {
		delete(changed, k)
	}
	*tags = changed
	return &sdk.UntagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a cluster or one of its parts.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tags(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTagsForResourceOutput{Tags: cloneTags(*tags)}, nil
}
