package elasticloadbalancing

import (
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awselb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Classic is the API of classic load balancers, which Kubernetes' own cloud
// provider makes. It is safe for concurrent use.
type Classic struct {
	clock  clock.Clock
	region string

	mu        sync.Mutex
	balancers map[string]balancer
}

type balancer struct {
	types.LoadBalancerDescription
	tags map[string]string
}

// Put adds a classic load balancer, or replaces the one of its name. DNS name,
// scheme and time are made up unless they are set. It panics without a name.
func (s *Classic) Put(b types.LoadBalancerDescription, tags map[string]string) {
	if b.DNSName == nil {
		b.DNSName = aws.String(*b.LoadBalancerName + "-1234567890." + s.region + ".elb.amazonaws.com")
	}
	if b.Scheme == nil {
		b.Scheme = aws.String("internet-facing")
	}
	if b.CreatedTime == nil {
		b.CreatedTime = aws.Time(s.clock.Now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.balancers[*b.LoadBalancerName] = balancer{b, maps.Clone(tags)}
}

// DescribeLoadBalancers lists classic load balancers by name.
func (s *Classic) DescribeLoadBalancers(_ *wire.Call, in *awselb.DescribeLoadBalancersInput) (*awselb.DescribeLoadBalancersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.LoadBalancerDescription{}
	for _, b := range sorted(s.balancers) {
		if named(in.LoadBalancerNames, *b.LoadBalancerName) {
			found = append(found, b.LoadBalancerDescription)
		}
	}
	if len(found) < len(in.LoadBalancerNames) {
		return nil, notFound("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '%s'", in.LoadBalancerNames[0])
	}
	items, next, err := cut(found, in.Marker, in.PageSize)
	if err != nil {
		return nil, err
	}
	return &awselb.DescribeLoadBalancersOutput{LoadBalancerDescriptions: items, NextMarker: next}, nil
}

// DescribeTags tells the tags of up to 20 classic load balancers.
func (s *Classic) DescribeTags(_ *wire.Call, in *awselb.DescribeTagsInput) (*awselb.DescribeTagsOutput, error) {
	if len(in.LoadBalancerNames) > maxDescribed {
		return nil, wire.Errorf("ValidationError", "1 validation error detected: Value at 'loadBalancerNames' failed to satisfy constraint: Member must have length less than or equal to %d", maxDescribed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awselb.DescribeTagsOutput{TagDescriptions: []types.TagDescription{}}
	for _, name := range in.LoadBalancerNames {
		b, ok := s.balancers[name]
		if !ok {
			return nil, notFound("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '%s'", name)
		}
		d := types.TagDescription{LoadBalancerName: aws.String(name), Tags: []types.Tag{}}
		for _, key := range slices.Sorted(maps.Keys(b.tags)) {
			d.Tags = append(d.Tags, types.Tag{Key: aws.String(key), Value: aws.String(b.tags[key])})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
