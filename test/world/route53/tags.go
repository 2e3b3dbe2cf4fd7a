package route53

import (
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// ListTagsForResource lists the tags of a hosted zone or a health check.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	id, tags, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTagsForResourceOutput{ResourceTagSet: tagSet(in.ResourceType, id, tags)}, nil
}

// ListTagsForResources lists the tags of up to ten zones or health checks.
func (s *Service) ListTagsForResources(_ *wire.Call, in *sdk.ListTagsForResourcesInput) (*sdk.ListTagsForResourcesOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	if n := len(in.ResourceIds); n < 1 || n > 10 {
		return nil, invalidInput("1 validation error detected: Value at 'resourceIds' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	out := &sdk.ListTagsForResourcesOutput{}
	for _, ref := range in.ResourceIds {
		id, tags, err := s.taggable(in.ResourceType, &ref)
		if err != nil {
			return nil, err
		}
		out.ResourceTagSets = append(out.ResourceTagSets, *tagSet(in.ResourceType, id, tags))
	}
	return out, nil
}

func tagSet(kind types.TagResourceType, id string, tags map[string]string) *types.ResourceTagSet {
	set := &types.ResourceTagSet{ResourceId: ptr(id), ResourceType: kind, Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		set.Tags = append(set.Tags, types.Tag{Key: ptr(k), Value: ptr(tags[k])})
	}
	return set
}

// maxTags is AWS's limit of tags of one resource.
const maxTags = 10

// ChangeTagsForResource adds and removes tags of a hosted zone or health check.
func (s *Service) ChangeTagsForResource(_ *wire.Call, in *sdk.ChangeTagsForResourceInput) (*sdk.ChangeTagsForResourceOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	_, tags, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(tags)
	for _, k := range in.RemoveTagKeys {
		delete(next, k)
	}
	for _, t := range in.AddTags {
		next[value(t.Key)] = value(t.Value)
	}
	if len(next) > maxTags {
		return nil, invalidInput("The number of tags for a resource can't be larger than %d", maxTags)
	}
	clear(tags)
	maps.Copy(tags, next)
	return &sdk.ChangeTagsForResourceOutput{}, nil
}

// taggable finds the tags of a resource, to be changed in place.
func (s *Service) taggable(kind types.TagResourceType, id *string) (bare string, tags map[string]string, err error) {
	switch kind {
	case types.TagResourceTypeHostedzone:
		z, err := s.zone(id)
		if err != nil {
			return "", nil, err
		}
		return z.id, z.tags, nil
	case types.TagResourceTypeHealthcheck:
		h, err := s.healthCheck(id)
		if err != nil {
			return "", nil, err
		}
		return h.id, h.tags, nil
	}
	return "", nil, invalidInput("Invalid value '%s' at 'resourceType': Member must satisfy enum value set: [healthcheck, hostedzone]", kind)
}
