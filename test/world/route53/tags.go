package route53

import (
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// ListTagsForResource lists the tags of a hosted zone.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	set := &types.ResourceTagSet{ResourceId: ptr(z.id), ResourceType: in.ResourceType, Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(z.tags)) {
		set.Tags = append(set.Tags, types.Tag{Key: ptr(k), Value: ptr(z.tags[k])})
	}
	return &sdk.ListTagsForResourceOutput{ResourceTagSet: set}, nil
}

// ChangeTagsForResource adds and removes tags of a hosted zone.
func (s *Service) ChangeTagsForResource(_ *wire.Call, in *sdk.ChangeTagsForResourceInput) (*sdk.ChangeTagsForResourceOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, k := range in.RemoveTagKeys {
		delete(z.tags, k)
	}
	for _, t := range in.AddTags {
		z.tags[value(t.Key)] = value(t.Value)
	}
	return &sdk.ChangeTagsForResourceOutput{}, nil
}

func (s *Service) taggable(kind types.TagResourceType, id *string) (*zone, error) {
	switch kind {
	case types.TagResourceTypeHostedzone:
		return s.zone(id)
	case types.TagResourceTypeHealthcheck:
		return nil, &types.NoSuchHealthCheck{Message: ptr("No health check exists with the specified ID: " + value(id))}
	default:
		return nil, invalidInput("Invalid value '%s' at 'resourceType': Member must satisfy enum value set: [healthcheck, hostedzone]", kind)
	}
}
