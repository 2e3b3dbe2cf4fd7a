package apigateway

import (
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const maxTags = 50

// tagged finds the tags of an API or a stage by its ARN, such as
// arn:aws:apigateway:eu-west-1::/apis/abc/stages/prod; s.mu is held.
func (s *Service) tagged(arn *string) (*map[string]string, error) {
	bad := refuse("Invalid ARN specified in the request: %s", aws.ToString(arn))
	_, path, ok := strings.Cut(aws.ToString(arn), ":apigateway:"+s.o.Region+"::/apis/")
	parts := strings.Split(path, "/")
	if !ok || len(parts) != 1 && (len(parts) != 3 || parts[1] != "stages") {
		return nil, bad
	}
	a, err := s.api(&parts[0])
	if err != nil || len(parts) == 1 {
		if err != nil {
			return nil, err
		}
		return &a.v.Tags, nil
	}
	st, err := part(a.stages, &parts[2], "stage")
	if err != nil {
		return nil, err
	}
	return &st.v.Tags, nil
}

// TagResource adds tags to an API or a stage.
func (s *Service) TagResource(_ *wire.Call, in *v2.TagResourceInput) (*v2.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(*tags)
	maps.Copy(all, in.Tags)
	if len(all) > maxTags {
		return nil, refuse("Resource cannot have more than %d tags", maxTags)
	}
	*tags = all
	return &v2.TagResourceOutput{}, nil
}

// UntagResource takes tags away.
func (s *Service) UntagResource(_ *wire.Call, in *v2.UntagResourceInput) (*v2.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	left := maps.Clone(*tags)
	for _, key := range in.TagKeys {
		delete(left, key)
	}
	*tags = left
	return &v2.UntagResourceOutput{}, nil
}

// GetTags shows the tags of an API or a stage.
func (s *Service) GetTags(_ *wire.Call, in *v2.GetTagsInput) (*v2.GetTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &v2.GetTagsOutput{Tags: maps.Clone(*tags)}, nil
}
