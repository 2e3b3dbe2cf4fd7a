package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	pageSize = 100
	maxTags  = 200
)

// group is a schedule group.
type group struct {
	types.ScheduleGroupSummary
	tags  map[string]string
	token tokenUse
}

func (s *Service) newGroup(name string) *group {
	now := s.clock.Now()
	return &group{tags: map[string]string{}, ScheduleGroupSummary: types.ScheduleGroupSummary{Name: &name, State: types.ScheduleGroupStateActive, CreationDate: &now, LastModificationDate: &now,
		Arn: aws.String(fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule-group/%s", s.region, s.account, name))}}
}

func (s *Service) group(name *string) (*group, error) {
	if g, ok := s.groups[aws.ToString(name)]; ok {
		return g, nil
	}
	return nil, missing("Schedule group %s does not exist.", aws.ToString(name))
}

// CreateScheduleGroup creates a group.
func (s *Service) CreateScheduleGroup(_ *wire.Call, in *sdk.CreateScheduleGroupInput) (*sdk.CreateScheduleGroupOutput, error) {
	name := aws.ToString(in.Name)
	if !nameSyntax.MatchString(name) {
		return nil, validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	use := tokenOf(in.ClientToken, in)
	if g, known := s.groups[name]; known {
		if use.token != "" && g.token == use {
			return &sdk.CreateScheduleGroupOutput{ScheduleGroupArn: g.Arn}, nil
		}
		return nil, conflict("Schedule group %s already exists.", name)
	}
	g := s.newGroup(name)
	g.token = use
	for _, t := range in.Tags {
		g.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.groups[name] = g
	return &sdk.CreateScheduleGroupOutput{ScheduleGroupArn: g.Arn}, nil
}

// GetScheduleGroup describes a group.
func (s *Service) GetScheduleGroup(_ *wire.Call, in *sdk.GetScheduleGroupInput) (*sdk.GetScheduleGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	return &sdk.GetScheduleGroupOutput{Name: g.Name, Arn: g.Arn, State: g.State, CreationDate: g.CreationDate, LastModificationDate: g.LastModificationDate}, nil
}

// ListScheduleGroups lists the groups by name.
func (s *Service) ListScheduleGroups(_ *wire.Call, in *sdk.ListScheduleGroupsInput) (*sdk.ListScheduleGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.ScheduleGroupSummary{}
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		if strings.HasPrefix(name, aws.ToString(in.NamePrefix)) {
			all = append(all, s.groups[name].ScheduleGroupSummary)
		}
	}
	page, next, err := paged(all, in.MaxResults, in.NextToken)
	return &sdk.ListScheduleGroupsOutput{ScheduleGroups: page, NextToken: next}, err
}

// DeleteScheduleGroup deletes a group with its schedules, at once.
func (s *Service) DeleteScheduleGroup(_ *wire.Call, in *sdk.DeleteScheduleGroupInput) (*sdk.DeleteScheduleGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.Name)
	if err != nil {
		return nil, err
	}
	if *g.Name == defaultGroup {
		return nil, validation("The default schedule group cannot be deleted.")
	}
	for _, e := range s.schedules {
		if *e.GroupName == *g.Name {
			s.forget(e)
		}
	}
	delete(s.groups, *g.Name)
	return &sdk.DeleteScheduleGroupOutput{}, nil
}

func (s *Service) tagged(arn *string) (map[string]string, error) {
	for _, g := range s.groups {
		if *g.Arn == aws.ToString(arn) {
			return g.tags, nil
		}
	}
	return nil, missing("Resource %s does not exist; only schedule groups have tags.", aws.ToString(arn))
}

// ListTagsForResource lists the tags of a group.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}

// TagResource adds tags to a group.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(tags)
	for _, t := range in.Tags {
		next[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if len(next) > maxTags {
		return nil, validation("A resource has at most %d tags.", maxTags)
	}
	maps.Copy(tags, next)
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags from a group.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(tags, k)
	}
	return &sdk.UntagResourceOutput{}, nil
}

func paged[T any](all []T, limit *int32, token *string) (page []T, next *string, err error) {
	size := pageSize
	if limit != nil {
		if *limit < 1 || *limit > pageSize {
			return nil, nil, validation("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", *limit, pageSize)
		}
		size = int(*limit)
	}
	page, next, ok := paging.Cut(all, token, size)
	if !ok {
		return nil, nil, validation("Invalid NextToken.")
	}
	return page, next, nil
}
