package elasticloadbalancing

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awselb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// DescribeLoadBalancers lists load balancers by ARN.
func (s *Service) DescribeLoadBalancers(_ *wire.Call, in *awselb.DescribeLoadBalancersInput) (*awselb.DescribeLoadBalancersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.LoadBalancer{}
	for _, b := range sorted(s.balancers) {
		if named(in.LoadBalancerArns, *b.LoadBalancerArn) && named(in.Names, *b.LoadBalancerName) {
			found = append(found, b)
		}
	}
	if len(found) < max(len(in.LoadBalancerArns), len(in.Names)) {
		return nil, notFound("LoadBalancerNotFound", "One or more load balancers not found")
	}
	items, next, err := cut(found, in.Marker, in.PageSize)
	if err != nil {
		return nil, err
	}
	return &awselb.DescribeLoadBalancersOutput{LoadBalancers: items, NextMarker: next}, nil
}

// DescribeTargetGroups lists target groups by ARN.
func (s *Service) DescribeTargetGroups(_ *wire.Call, in *awselb.DescribeTargetGroupsInput) (*awselb.DescribeTargetGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.LoadBalancerArn != nil {
		if _, ok := s.balancers[*in.LoadBalancerArn]; !ok {
			return nil, notFound("LoadBalancerNotFound", "Load balancer '%s' not found", *in.LoadBalancerArn)
		}
	}
	found := []types.TargetGroup{}
	for _, g := range sorted(s.groups) {
		if named(in.TargetGroupArns, *g.TargetGroupArn) && named(in.Names, *g.TargetGroupName) && (in.LoadBalancerArn == nil || slices.Contains(g.LoadBalancerArns, *in.LoadBalancerArn)) {
			found = append(found, g.TargetGroup)
		}
	}
	if len(found) < max(len(in.TargetGroupArns), len(in.Names)) {
		return nil, notFound("TargetGroupNotFound", "One or more target groups not found")
	}
	items, next, err := cut(found, in.Marker, in.PageSize)
	if err != nil {
		return nil, err
	}
	return &awselb.DescribeTargetGroupsOutput{TargetGroups: items, NextMarker: next}, nil
}

// named reports whether a list that may be empty asks for a name.
func named(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

func (s *Service) group(arn *string) (*group, error) {
	g, ok := s.groups[aws.ToString(arn)]
	if !ok {
		return nil, notFound("TargetGroupNotFound", "Target groups '%s' not found", aws.ToString(arn))
	}
	return g, nil
}

// DescribeTargetHealth tells the state of targets.
func (s *Service) DescribeTargetHealth(_ *wire.Call, in *awselb.DescribeTargetHealthInput) (*awselb.DescribeTargetHealthOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &awselb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	if len(in.Targets) == 0 {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, sorted(g.targets)...)
		return out, nil
	}
	for _, t := range in.Targets {
		d, ok := g.targets[targetKey(g, t)]
		if !ok {
			d = types.TargetHealthDescription{Target: &t, TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered,
				Description: aws.String("Target is not registered to the target group")}}
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, d)
	}
	return out, nil
}

// DescribeTargetGroupAttributes tells the attributes of a target group.
func (s *Service) DescribeTargetGroupAttributes(_ *wire.Call, in *awselb.DescribeTargetGroupAttributesInput) (*awselb.DescribeTargetGroupAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &awselb.DescribeTargetGroupAttributesOutput{}
	for _, key := range slices.Sorted(maps.Keys(g.attributes)) {
		out.Attributes = append(out.Attributes, types.TargetGroupAttribute{Key: aws.String(key), Value: aws.String(g.attributes[key])})
	}
	return out, nil
}

// DescribeTags tells the tags of up to 20 resources.
func (s *Service) DescribeTags(_ *wire.Call, in *awselb.DescribeTagsInput) (*awselb.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > maxDescribed {
		return nil, wire.Errorf("ValidationError", "1 validation error detected: Value at 'resourceArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxDescribed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awselb.DescribeTagsOutput{TagDescriptions: []types.TagDescription{}}
	for _, arn := range in.ResourceArns {
		if err := s.exists(arn); err != nil {
			return nil, err
		}
		d := types.TagDescription{ResourceArn: aws.String(arn), Tags: []types.Tag{}}
		for _, key := range slices.Sorted(maps.Keys(s.tags[arn])) {
			d.Tags = append(d.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.tags[arn][key])})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}

func (s *Service) exists(arn string) error {
	if _, ok := s.groups[arn]; ok {
		return nil
	}
	if _, ok := s.balancers[arn]; ok {
		return nil
	}
	return notFound("LoadBalancerNotFound", "The specified resource '%s' does not exist", arn)
}

// AddTags adds tags to resources.
func (s *Service) AddTags(_ *wire.Call, in *awselb.AddTagsInput) (*awselb.AddTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, arn := range in.ResourceArns {
		if err := s.exists(arn); err != nil {
			return nil, err
		}
	}
	for _, arn := range in.ResourceArns {
		if s.tags[arn] == nil {
			s.tags[arn] = map[string]string{}
		}
		for _, t := range in.Tags {
			s.tags[arn][aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	return &awselb.AddTagsOutput{}, nil
}

// RegisterTargets adds targets, which take a while to become healthy on AWS and
// are so at once here.
func (s *Service) RegisterTargets(_ *wire.Call, in *awselb.RegisterTargetsInput) (*awselb.RegisterTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		g.targets[targetKey(g, t)] = types.TargetHealthDescription{Target: &types.TargetDescription{Id: t.Id, Port: cmpOr(t.Port, g.Port), AvailabilityZone: t.AvailabilityZone},
			TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumHealthy}}
	}
	return &awselb.RegisterTargetsOutput{}, nil
}

// DeregisterTargets takes targets away at once; AWS drains them first.
func (s *Service) DeregisterTargets(_ *wire.Call, in *awselb.DeregisterTargetsInput) (*awselb.DeregisterTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		delete(g.targets, targetKey(g, t))
	}
	return &awselb.DeregisterTargetsOutput{}, nil
}
