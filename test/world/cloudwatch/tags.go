package cloudwatch

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxTags is AWS's limit of tags of one alarm.
const maxTags = 50

// byARN finds an alarm by its ARN; s.mu is held.
func (s *Service) byARN(arn *string) (*alarm, error) {
	for _, a := range s.alarms {
		if a.arn == aws.ToString(arn) {
			return a, nil
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("The resource " + aws.ToString(arn) + " does not exist."), ResourceId: arn, ResourceType: aws.String("alarm")}
}

// ListTagsForResource lists the tags of an alarm.
func (s *Service) ListTagsForResource(_ *wire.Call, in *awscw.ListTagsForResourceInput) (*awscw.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &awscw.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(a.tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(a.tags[k])})
	}
	return out, nil
}

// TagResource adds tags to an alarm.
func (s *Service) TagResource(_ *wire.Call, in *awscw.TagResourceInput) (*awscw.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(a.tags)
	for _, t := range in.Tags {
		next[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if len(next) > maxTags {
		return nil, invalidValue("A resource has at most 50 tags.")
	}
	a.tags = next
	return &awscw.TagResourceOutput{}, nil
}

// UntagResource removes tags from an alarm.
func (s *Service) UntagResource(_ *wire.Call, in *awscw.UntagResourceInput) (*awscw.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.byARN(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(a.tags, k)
	}
	return &awscw.UntagResourceOutput{}, nil
}
