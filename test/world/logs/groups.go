package logs

import (
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// retentions are the days that AWS accepts (source: PutRetentionPolicy).
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// CreateLogGroup creates a log group.
func (s *Service) CreateLogGroup(_ *wire.Call, in *sdk.CreateLogGroupInput) (*sdk.CreateLogGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkGroupName(in.LogGroupName); err != nil {
		return nil, err
	}
	if s.groups[*in.LogGroupName] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: ptr("The specified log group already exists")}
	}
	if in.LogGroupClass != "" && !slices.Contains(in.LogGroupClass.Values(), in.LogGroupClass) {
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]", in.LogGroupClass)
	}
	g := s.newGroup(*in.LogGroupName)
	if in.LogGroupClass != "" {
		g.class = in.LogGroupClass
	}
	g.kmsKey, g.protected = in.KmsKeyId, value(in.DeletionProtectionEnabled)
	maps.Copy(g.tags, in.Tags)
	return &sdk.CreateLogGroupOutput{}, nil
}

// DeleteLogGroup deletes a log group with its streams.
func (s *Service) DeleteLogGroup(_ *wire.Call, in *sdk.DeleteLogGroupInput) (*sdk.DeleteLogGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if g.protected {
		return nil, &types.ValidationException{Message: ptr("The log group has deletion protection enabled. Disable deletion protection before deleting the log group.")}
	}
	delete(s.groups, g.name)
	return &sdk.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups lists log groups by name.
func (s *Service) DescribeLogGroups(_ *wire.Call, in *sdk.DescribeLogGroupsInput) (*sdk.DescribeLogGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	var all []types.LogGroup
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		if !strings.HasPrefix(name, value(in.LogGroupNamePrefix)) || !strings.Contains(strings.ToLower(name), strings.ToLower(value(in.LogGroupNamePattern))) ||
			(in.LogGroupClass != "" && in.LogGroupClass != g.class) ||
			(len(in.LogGroupIdentifiers) > 0 && !slices.Contains(in.LogGroupIdentifiers, name) && !slices.Contains(in.LogGroupIdentifiers, s.groupARN(name))) {
			continue
		}
		d := types.LogGroup{LogGroupName: ptr(name), Arn: ptr(s.groupARN(name) + ":*"), LogGroupArn: ptr(s.groupARN(name)), CreationTime: ptr(g.created.UnixMilli()),
			LogGroupClass: g.class, MetricFilterCount: ptr(int32(0)), KmsKeyId: g.kmsKey, StoredBytes: ptr(int64(0)), DeletionProtectionEnabled: ptr(g.protected)}
		if g.retention > 0 {
			d.RetentionInDays = ptr(g.retention)
		}
		for _, st := range g.streams {
			s.live(g, st)
			*d.StoredBytes += st.bytes
		}
		all = append(all, d)
	}
	page, next, err := paged(all, in.NextToken, in.Limit, 50)
	return &sdk.DescribeLogGroupsOutput{LogGroups: page, NextToken: next}, err
}

// PutRetentionPolicy sets after how many days events go.
func (s *Service) PutRetentionPolicy(_ *wire.Call, in *sdk.PutRetentionPolicyInput) (*sdk.PutRetentionPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(retentions, value(in.RetentionInDays)) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]", value(in.RetentionInDays))
	}
	g.retention = *in.RetentionInDays
	return &sdk.PutRetentionPolicyOutput{}, nil
}

// DeleteRetentionPolicy lets events stay for ever.
func (s *Service) DeleteRetentionPolicy(_ *wire.Call, in *sdk.DeleteRetentionPolicyInput) (*sdk.DeleteRetentionPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	g.retention = 0
	return &sdk.DeleteRetentionPolicyOutput{}, nil
}

// TagResource tags a log group.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(nil, ptr(value(in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	merged := maps.Clone(g.tags)
	maps.Copy(merged, in.Tags)
	if len(merged) > 50 {
		return nil, &types.TooManyTagsException{Message: ptr("The resource can have no more than 50 tags."), ResourceName: in.ResourceArn}
	}
	g.tags = merged
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(nil, ptr(value(in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(g.tags, k)
	}
	return &sdk.UntagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a log group.
func (s *Service) ListTagsForResource(_ *wire.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(nil, ptr(value(in.ResourceArn)))
	if err != nil {
		return nil, err
	}
	return &sdk.ListTagsForResourceOutput{Tags: maps.Clone(g.tags)}, nil
}
