package stepfunctions

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var tagCharacters = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// newTags adds tags to those that are there.
func newTags(list []types.Tag, old map[string]string) (map[string]string, error) {
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	for i, t := range list {
		key, value := fmt.Sprintf("tags.%d.member.key", i+1), fmt.Sprintf("tags.%d.member.value", i+1)
		if err := errors.Join(length(key, aws.String(aws.ToString(t.Key)), 1, 128), length(value, t.Value, 0, 256)); err != nil {
			return nil, first(err)
		}
		for _, part := range [][2]string{{key, *t.Key}, {value, aws.ToString(t.Value)}} {
			if !tagCharacters.MatchString(part[1]) {
				return nil, constraint(part[0], part[1], "satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$")
			}
		}
		tags[*t.Key] = aws.ToString(t.Value)
	}
	if len(tags) > maxTags {
		return nil, &types.TooManyTags{Message: aws.String(fmt.Sprintf("The maximum number of tags for a resource is %d", maxTags))}
	}
	return tags, nil
}

// tagsOf finds the tags of a state machine or an activity; s.mu is held.
func (s *Service) tagsOf(arn *string) (*map[string]string, error) {
	r, err := parseArn(arn, "stateMachine", "activity")
	if err != nil {
		return nil, err
	}
	if m, ok := s.machines[r.arn]; ok {
		return &m.tags, nil
	}
	if a := s.activities.find(r.arn); a != nil {
		return &a.tags, nil
	}
	return nil, &types.ResourceNotFound{Message: aws.String(fmt.Sprintf("Resource not found: '%s'", r.arn)), ResourceName: &r.arn}
}

// TagResource implements the API operation.
func (s *Service) TagResource(_ *wire.Call, in *sfn.TagResourceInput) (*sfn.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	added, err := newTags(in.Tags, *tags)
	if err != nil {
		return nil, err
	}
	*tags = added
	return &sfn.TagResourceOutput{}, nil
}

// UntagResource implements the API operation.
func (s *Service) UntagResource(_ *wire.Call, in *sfn.UntagResourceInput) (*sfn.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(*tags, key)
	}
	return &sfn.UntagResourceOutput{}, nil
}

// ListTagsForResource implements the API operation: by key.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sfn.ListTagsForResourceInput) (*sfn.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagsOf(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(*tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String((*tags)[key])})
	}
	return out, nil
}
