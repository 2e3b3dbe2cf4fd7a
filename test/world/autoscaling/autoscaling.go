// Package autoscaling simulates as much of Amazon EC2 Auto Scaling as an upgrade
// looks at: which groups there are and what they launch. The groups of managed
// node groups are EKS's; others are set from Go. The API only describes them.
package autoscaling

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Service is Auto Scaling. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string
	others          func() []types.AutoScalingGroup

	mu             sync.Mutex
	groups         map[string]types.AutoScalingGroup
	configurations map[string]types.LaunchConfiguration
}

// New returns an Auto Scaling without groups of its own; others returns those
// that another service keeps, nil for none.
func New(c clock.Clock, account, region string, others func() []types.AutoScalingGroup) *Service {
	if others == nil {
		others = func() []types.AutoScalingGroup { return nil }
	}
	return &Service{clock: c, account: account, region: region, others: others, groups: map[string]types.AutoScalingGroup{}, configurations: map[string]types.LaunchConfiguration{}}
}

// PutGroup adds a group, or replaces the one of its name. Sizes, zones, ARN and
// time of creation are made up unless they are set. It panics without a name.
func (s *Service) PutGroup(g types.AutoScalingGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[*g.AutoScalingGroupName] = s.complete(g)
}

func (s *Service) complete(g types.AutoScalingGroup) types.AutoScalingGroup {
	for _, size := range []**int32{&g.MinSize, &g.MaxSize, &g.DesiredCapacity} {
		if *size == nil {
			*size = aws.Int32(int32(len(g.Instances))) //nolint:gosec // a group has some instances
		}
	}
	if g.CreatedTime == nil {
		g.CreatedTime = aws.Time(s.clock.Now())
	}
	if g.AutoScalingGroupARN == nil {
		g.AutoScalingGroupARN = aws.String(fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:%s:autoScalingGroupName/%s", s.region, s.account, uuid(*g.AutoScalingGroupName), *g.AutoScalingGroupName))
	}
	if g.HealthCheckType == nil {
		g.HealthCheckType, g.HealthCheckGracePeriod, g.DefaultCooldown = aws.String("EC2"), aws.Int32(15), aws.Int32(300)
	}
	for _, i := range g.Instances {
		if !slices.Contains(g.AvailabilityZones, aws.ToString(i.AvailabilityZone)) {
			g.AvailabilityZones = append(g.AvailabilityZones, aws.ToString(i.AvailabilityZone))
		}
	}
	for i := range g.Tags {
		g.Tags[i].ResourceId, g.Tags[i].ResourceType = g.AutoScalingGroupName, aws.String("auto-scaling-group")
		if g.Tags[i].PropagateAtLaunch == nil {
			g.Tags[i].PropagateAtLaunch = aws.Bool(true)
		}
	}
	return g
}

// uuid looks like one, and is the same for the same name.
func uuid(name string) string {
	h := fmt.Sprintf("%032x", name)
	h = h[len(h)-32:]
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// DeleteGroup removes the group of a name.
func (s *Service) DeleteGroup(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, name)
}

// PutLaunchConfiguration adds a launch configuration, or replaces the one of its
// name. It panics without a name.
func (s *Service) PutLaunchConfiguration(l types.LaunchConfiguration) {
	if l.CreatedTime == nil {
		l.CreatedTime = aws.Time(s.clock.Now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configurations[*l.LaunchConfigurationName] = l
}

// DescribeAutoScalingGroups lists groups by name and tags. A name that no group
// has is passed over.
func (s *Service) DescribeAutoScalingGroups(_ *wire.Call, in *sdk.DescribeAutoScalingGroupsInput) (*sdk.DescribeAutoScalingGroupsOutput, error) {
	all := s.others()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all {
		all[i] = s.complete(all[i])
	}
	for _, g := range s.groups {
		all = append(all, g)
	}
	found := []types.AutoScalingGroup{}
	for _, g := range all {
		if len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, *g.AutoScalingGroupName) {
			continue
		}
		ok, err := tagged(g, in.Filters)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b types.AutoScalingGroup) int {
		return strings.Compare(*a.AutoScalingGroupName, *b.AutoScalingGroupName)
	})
	page, next, err := cut(found, in.NextToken, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeAutoScalingGroupsOutput{AutoScalingGroups: page, NextToken: next}, nil
}

// tagged reports whether a group passes filters: all of them, each by any of its
// values. Source: API reference, DescribeAutoScalingGroups.
func tagged(g types.AutoScalingGroup, filters []types.Filter) (bool, error) {
	for _, f := range filters {
		name := aws.ToString(f.Name)
		key, one := strings.CutPrefix(name, "tag:")
		if !one && name != "tag-key" && name != "tag-value" {
			return false, invalid("Filter type %s is not correct. Allowed filter types are: tag-key, tag-value, tag:<tag-key>", name)
		}
		if !slices.ContainsFunc(g.Tags, func(t types.TagDescription) bool {
			switch {
			case one:
				return aws.ToString(t.Key) == key && slices.Contains(f.Values, aws.ToString(t.Value))
			case name == "tag-key":
				return slices.Contains(f.Values, aws.ToString(t.Key))
			}
			return slices.Contains(f.Values, aws.ToString(t.Value))
		}) {
			return false, nil
		}
	}
	return true, nil
}

// DescribeLaunchConfigurations lists launch configurations by name. A name that
// none has is passed over.
func (s *Service) DescribeLaunchConfigurations(_ *wire.Call, in *sdk.DescribeLaunchConfigurationsInput) (*sdk.DescribeLaunchConfigurationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.LaunchConfiguration{}
	for name, l := range s.configurations {
		if len(in.LaunchConfigurationNames) == 0 || slices.Contains(in.LaunchConfigurationNames, name) {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b types.LaunchConfiguration) int {
		return strings.Compare(*a.LaunchConfigurationName, *b.LaunchConfigurationName)
	})
	page, next, err := cut(found, in.NextToken, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeLaunchConfigurationsOutput{LaunchConfigurations: page, NextToken: next}, nil
}

func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationError", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// Page sizes (source: API reference).
const (
	usualRecords = 50
	maxRecords   = 100
)

func cut[T any](all []T, token *string, records *int32) ([]T, *string, error) {
	n := usualRecords
	if records != nil {
		if n = int(*records); n < 1 || n > maxRecords {
			return nil, nil, invalid("1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must have value between 1 and %d", n, maxRecords)
		}
	}
	page, next, ok := paging.CutHidden(all, token, n)
	if !ok {
		return nil, nil, &types.InvalidNextToken{Message: aws.String("The token '" + *token + "' is invalid")}
	}
	return page, next, nil
}
