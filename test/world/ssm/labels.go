package ssm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of labels and tags.
const (
	maxLabels = 10 // of one version
	maxTags   = 50
)

var labelSyntax = regexp.MustCompile(`^[a-zA-Z_.\-][a-zA-Z0-9_.\-]{0,99}$`)

// labelled returns the number of the version that has a label.
func (p *parameter) labelled(label string) (int64, bool) {
	for _, v := range p.versions {
		if slices.Contains(v.labels, label) {
			return v.number, true
		}
	}
	return 0, false
}

// at finds a version of a parameter, the latest without a number.
func (s *Service) at(name *string, number *int64) (*parameter, *version, error) {
	p, ok := s.params[aws.ToString(name)]
	if !ok {
		return nil, nil, &types.ParameterNotFound{}
	}
	if number == nil {
		return p, &p.versions[len(p.versions)-1], nil
	}
	for i := range p.versions {
		if p.versions[i].number == *number {
			return p, &p.versions[i], nil
		}
	}
	return nil, nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %d of %s. Verify the version and try again.", *number, *name))}
}

// LabelParameterVersion moves labels to a version. Labels that are not allowed
// are listed and left out.
func (s *Service) LabelParameterVersion(_ *wire.Call, in *awsssm.LabelParameterVersionInput) (*awsssm.LabelParameterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, v, err := s.at(in.Name, in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &awsssm.LabelParameterVersionOutput{InvalidLabels: []string{}, ParameterVersion: v.number}
	var valid []string
	for _, label := range in.Labels {
		lower := strings.ToLower(label)
		if !labelSyntax.MatchString(label) || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm") {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		if !slices.Contains(v.labels, label) && !slices.Contains(valid, label) {
			valid = append(valid, label)
		}
	}
	if len(v.labels)+len(valid) > maxLabels {
		return nil, &types.ParameterVersionLabelLimitExceeded{Message: aws.String("A parameter version can have a maximum of ten labels. Move one or more labels to another version and try again.")}
	}
	for i := range p.versions {
		other := &p.versions[i]
		other.labels = slices.DeleteFunc(slices.Clone(other.labels), func(l string) bool { return slices.Contains(valid, l) })
	}
	v.labels = append(v.labels, valid...)
	return out, nil
}

// UnlabelParameterVersion removes labels from a version.
func (s *Service) UnlabelParameterVersion(_ *wire.Call, in *awsssm.UnlabelParameterVersionInput) (*awsssm.UnlabelParameterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, v, err := s.at(in.Name, in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &awsssm.UnlabelParameterVersionOutput{InvalidLabels: []string{}, RemovedLabels: []string{}}
	for _, label := range in.Labels {
		if !slices.Contains(v.labels, label) {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		out.RemovedLabels = append(out.RemovedLabels, label)
	}
	v.labels = slices.DeleteFunc(slices.Clone(v.labels), func(l string) bool { return slices.Contains(out.RemovedLabels, l) })
	return out, nil
}

// taggable finds the parameter whose tags a request is about.
func (s *Service) taggable(kind types.ResourceTypeForTagging, id *string) (*parameter, error) {
	if kind != types.ResourceTypeForTaggingParameter {
		return nil, &types.InvalidResourceType{}
	}
	p, ok := s.params[aws.ToString(id)]
	if !ok {
		return nil, &types.InvalidResourceId{}
	}
	return p, nil
}

// AddTagsToResource adds tags to a parameter.
func (s *Service) AddTagsToResource(_ *wire.Call, in *awsssm.AddTagsToResourceInput) (*awsssm.AddTagsToResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(p.tags)
	if next == nil {
		next = map[string]string{}
	}
	for _, t := range in.Tags {
		next[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if len(next) > maxTags {
		return nil, &types.TooManyTagsError{}
	}
	p.tags = next
	return &awsssm.AddTagsToResourceOutput{}, nil
}

// RemoveTagsFromResource removes tags from a parameter.
func (s *Service) RemoveTagsFromResource(_ *wire.Call, in *awsssm.RemoveTagsFromResourceInput) (*awsssm.RemoveTagsFromResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(p.tags, k)
	}
	return &awsssm.RemoveTagsFromResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a parameter.
func (s *Service) ListTagsForResource(_ *wire.Call, in *awsssm.ListTagsForResourceInput) (*awsssm.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.taggable(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &awsssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(p.tags)) {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(k), Value: aws.String(p.tags[k])})
	}
	return out, nil
}
