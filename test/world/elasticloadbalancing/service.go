// Package elasticloadbalancing simulates as much of Elastic Load Balancing as an
// upgrade looks at: which load balancers and target groups there are, with their
// tags, and which targets take traffic. Load balancers and target groups are set
// from Go; no traffic goes through them.
package elasticloadbalancing

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	maxPage      = 400 // items on a page, of either API
	maxDescribed = 20  // resources whose tags are asked for at once
	noDelay      = "300"
)

// Service is the API of application, network and gateway load balancers. It is
// safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string
	classic         *Classic

	mu        sync.Mutex
	balancers map[string]types.LoadBalancer // by ARN
	groups    map[string]*group             // by ARN
	tags      map[string]map[string]string  // by ARN
}

// group is a target group with its targets.
type group struct {
	types.TargetGroup
	targets    map[string]types.TargetHealthDescription // by id and port
	attributes map[string]string
}

// New returns an Elastic Load Balancing without load balancers.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, classic: &Classic{clock: c, region: region, balancers: map[string]balancer{}},
		balancers: map[string]types.LoadBalancer{}, groups: map[string]*group{}, tags: map[string]map[string]string{}}
}

// Classic is the API of classic load balancers.
func (s *Service) Classic() *Classic { return s.classic }

// id is the last part of an ARN, the same in every run.
func (s *Service) id(kind, name string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s.account+s.region+kind+name)))[:16]
}

func (s *Service) arn(resource string) *string {
	return aws.String(fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:%s", s.region, s.account, resource))
}

// PutLoadBalancer adds a load balancer, or replaces the one of its name, and
// returns its ARN. ARN, DNS name, state, scheme and time are made up unless they
// are set. It panics without a name.
func (s *Service) PutLoadBalancer(b types.LoadBalancer, tags map[string]string) string {
	name := *b.LoadBalancerName
	if b.Type == "" {
		b.Type = types.LoadBalancerTypeEnumApplication
	}
	short := map[types.LoadBalancerTypeEnum]string{types.LoadBalancerTypeEnumApplication: "app", types.LoadBalancerTypeEnumNetwork: "net", types.LoadBalancerTypeEnumGateway: "gwy"}[b.Type]
	id := s.id("loadbalancer", name)
	if b.LoadBalancerArn == nil {
		b.LoadBalancerArn = s.arn("loadbalancer/" + short + "/" + name + "/" + id)
	}
	if b.Scheme == "" {
		b.Scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	if b.DNSName == nil {
		domain := name + "-" + id + "." + s.region + ".elb.amazonaws.com"
		if b.Type == types.LoadBalancerTypeEnumNetwork {
			domain = name + "-" + id + ".elb." + s.region + ".amazonaws.com"
		}
		b.DNSName = &domain
	}
	if b.State == nil {
		b.State = &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive}
	}
	if b.CreatedTime == nil {
		b.CreatedTime = aws.Time(s.clock.Now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.balancers[*b.LoadBalancerArn] = b
	s.tags[*b.LoadBalancerArn] = maps.Clone(tags)
	return *b.LoadBalancerArn
}

// PutTargetGroup adds a target group, or replaces the one of its name, and
// returns its ARN, which is made up unless it is set. It has no targets. It
// panics without a name.
func (s *Service) PutTargetGroup(g types.TargetGroup, tags map[string]string) string {
	if g.TargetGroupArn == nil {
		g.TargetGroupArn = s.arn("targetgroup/" + *g.TargetGroupName + "/" + s.id("targetgroup", *g.TargetGroupName))
	}
	if g.TargetType == "" {
		g.TargetType = types.TargetTypeEnumInstance
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[*g.TargetGroupArn] = &group{TargetGroup: g, targets: map[string]types.TargetHealthDescription{}, attributes: map[string]string{"deregistration_delay.timeout_seconds": noDelay, "stickiness.enabled": "false"}}
	s.tags[*g.TargetGroupArn] = maps.Clone(tags)
	return *g.TargetGroupArn
}

// SetTargets replaces the targets of a target group, whose ARN it returns an
// error for when there is none of it.
func (s *Service) SetTargets(arn string, targets ...types.TargetHealthDescription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[arn]
	if !ok {
		return fmt.Errorf("elasticloadbalancing: no target group %s", arn)
	}
	clear(g.targets)
	for _, t := range targets {
		g.targets[targetKey(g, *t.Target)] = t
	}
	return nil
}

// SetDelay sets the deregistration delay of a target group.
func (s *Service) SetDelay(arn string, seconds int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[arn]
	if !ok {
		return fmt.Errorf("elasticloadbalancing: no target group %s", arn)
	}
	g.attributes["deregistration_delay.timeout_seconds"] = strconv.Itoa(seconds)
	return nil
}

// targetKey tells targets apart: one id may be registered with several ports.
func targetKey(g *group, t types.TargetDescription) string {
	return fmt.Sprintf("%s:%d", aws.ToString(t.Id), aws.ToInt32(cmpOr(t.Port, g.Port)))
}

func cmpOr[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func notFound(code, format string, args ...any) error {
	return &wire.Error{Code: code, Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// cut returns one page of a list. A page has no least size. Source: the
// parameters Marker and PageSize in the API references.
func cut[T any](all []T, marker *string, size *int32) ([]T, *string, error) {
	n := maxPage
	if size != nil {
		if n = int(*size); n < 1 || n > maxPage {
			return nil, nil, wire.Errorf("ValidationError", "The value '%d' for parameter PageSize is not valid. It must be between 1 and %d.", n, maxPage)
		}
	}
	page, next, ok := paging.CutHidden(all, marker, n)
	if !ok {
		return nil, nil, wire.Errorf("ValidationError", "Invalid marker %s", *marker)
	}
	return page, next, nil
}

// sorted returns the values of a map in the order of its keys.
func sorted[T any](m map[string]T) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
