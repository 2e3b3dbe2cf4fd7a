package eventbridge

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var busName = regexp.MustCompile(`^[/.\-_A-Za-z0-9]{1,256}$`)

// bus is an event bus.
type bus struct {
	name, arn   string
	description *string
	kmsKey      *string
	created     time.Time
	tags        map[string]string
	policy      []statement
}

func (s *Service) newBus(name string) *bus {
	return &bus{name: name, arn: fmt.Sprintf("arn:aws:events:%s:%s:event-bus/%s", s.region, s.account, name), created: s.clock.Now(), tags: map[string]string{}}
}

// findBus finds a bus by name or ARN; none named is the default one. s.mu is
// held.
func (s *Service) findBus(ref *string) (*bus, error) {
	name := aws.ToString(ref)
	if name == "" {
		name = defaultBus
	}
	if _, after, ok := strings.Cut(name, ":event-bus/"); ok && strings.HasPrefix(name, "arn:") {
		name = after
	}
	if b, ok := s.buses[name]; ok {
		return b, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Event bus %s does not exist.", name))}
}

// CreateEventBus creates a custom bus.
func (s *Service) CreateEventBus(_ *wire.Call, in *awseb.CreateEventBusInput) (*awseb.CreateEventBusOutput, error) {
	name := aws.ToString(in.Name)
	if !busName.MatchString(name) || strings.Contains(name, "/") || strings.HasPrefix(name, "aws.") {
		return nil, validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+", name)
	}
	if in.EventSourceName != nil || in.DeadLetterConfig != nil {
		return nil, validation("the simulated AWS has no partner event sources and no SQS queues")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.buses[name]; known {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String(fmt.Sprintf("Event bus %s already exists.", name))}
	}
	if len(s.buses) >= maxBuses {
		return nil, &types.LimitExceededException{Message: aws.String("The requested resource exceeds the maximum number allowed")}
	}
	b := s.newBus(name)
	b.description, b.kmsKey = in.Description, in.KmsKeyIdentifier
	for _, t := range in.Tags {
		b.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.buses[name] = b
	return &awseb.CreateEventBusOutput{EventBusArn: &b.arn, Description: b.description, KmsKeyIdentifier: b.kmsKey}, nil
}

// DescribeEventBus describes a bus.
func (s *Service) DescribeEventBus(_ *wire.Call, in *awseb.DescribeEventBusInput) (*awseb.DescribeEventBusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.Name)
	if err != nil {
		return nil, err
	}
	policy, err := policyText(b.policy)
	if err != nil {
		return nil, err
	}
	var text *string
	if policy != "" {
		text = &policy
	}
	return &awseb.DescribeEventBusOutput{Policy: text, Name: &b.name, Arn: &b.arn, Description: b.description, KmsKeyIdentifier: b.kmsKey, CreationTime: &b.created, LastModifiedTime: &b.created}, nil
}

// ListEventBuses lists the buses by name.
func (s *Service) ListEventBuses(_ *wire.Call, in *awseb.ListEventBusesInput) (*awseb.ListEventBusesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.EventBus{}
	for _, name := range slices.Sorted(maps.Keys(s.buses)) {
		if b := s.buses[name]; strings.HasPrefix(name, aws.ToString(in.NamePrefix)) {
			all = append(all, types.EventBus{Name: &b.name, Arn: &b.arn, Description: b.description, CreationTime: &b.created, LastModifiedTime: &b.created})
		}
	}
	page, next, err := paged(all, in.Limit, in.NextToken)
	return &awseb.ListEventBusesOutput{EventBuses: page, NextToken: next}, err
}

// DeleteEventBus deletes a custom bus without rules.
func (s *Service) DeleteEventBus(_ *wire.Call, in *awseb.DeleteEventBusInput) (*awseb.DeleteEventBusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.Name)
	switch {
	case name == defaultBus:
		return nil, validation("Cannot delete event bus default.")
	case len(s.rulesOf(name)) > 0:
		return nil, validation("Cannot delete event bus %s because it has rules.", name)
	}
	delete(s.buses, name)
	return &awseb.DeleteEventBusOutput{}, nil
}

// tagged finds the tags of a rule or a bus, to be changed in place.
func (s *Service) tagged(arn *string) (map[string]string, error) {
	for _, b := range s.buses {
		if b.arn == aws.ToString(arn) {
			return b.tags, nil
		}
	}
	for _, r := range s.rules {
		if r.arn == aws.ToString(arn) {
			return r.tags, nil
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Resource %s does not exist.", aws.ToString(arn)))}
}

// ListTagsForResource lists the tags of a rule or a bus.
func (s *Service) ListTagsForResource(_ *wire.Call, in *awseb.ListTagsForResourceInput) (*awseb.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &awseb.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}

// TagResource adds tags to a rule or a bus.
func (s *Service) TagResource(_ *wire.Call, in *awseb.TagResourceInput) (*awseb.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
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
	return &awseb.TagResourceOutput{}, nil
}

// UntagResource removes tags from a rule or a bus.
func (s *Service) UntagResource(_ *wire.Call, in *awseb.UntagResourceInput) (*awseb.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(tags, k)
	}
	return &awseb.UntagResourceOutput{}, nil
}
