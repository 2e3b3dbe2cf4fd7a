package lambda

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Defaults of asynchronous invocation.
const (
	defaultRetries = 2
	defaultAge     = 6 * time.Hour
)

// eventConfig is how a function is invoked asynchronously.
type eventConfig struct {
	arn          string
	modified     time.Time
	retries      *int32
	age          *int32 // seconds
	destinations *types.DestinationConfig
}

func (c *eventConfig) limits() (retries int, age time.Duration) {
	retries, age = defaultRetries, defaultAge
	if c != nil && c.retries != nil {
		retries = int(*c.retries)
	}
	if c != nil && c.age != nil {
		age = time.Duration(*c.age) * time.Second
	}
	return retries, age
}

// destinations are the services that the simulated Lambda can send to.
var destinations = []string{"sqs", "sns", "events", "lambda"}

// checkDestination refuses targets that nothing would ever arrive at.
func (s *Service) checkDestination(arn string, allowed ...string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return invalid("The provided destination config DestinationConfig is invalid: %s is not an ARN.", arn)
	}
	if !slices.Contains(allowed, parts[2]) {
		return invalid("the simulated Lambda sends to %s only, not to %s", strings.Join(allowed, ", "), arn)
	}
	if parts[2] == "sqs" && strings.HasSuffix(arn, ".fifo") {
		return invalid("The provided destination config DestinationConfig is invalid: FIFO queues are not supported.")
	}
	if s.o.Mux == nil && parts[2] != "lambda" {
		return invalid("the simulated Lambda has no way to %s", arn)
	}
	return nil
}

// eventTarget finds the function and the qualifier that a configuration is of.
func (s *Service) eventTarget(name, qualifier *string) (*function, string, error) {
	t, err := s.resolve(value(name), qualifier, false)
	if err != nil {
		return nil, "", err
	}
	if t.qualifier == "" {
		t.qualifier = latestName
	}
	return t.f, t.qualifier, nil
}

func (s *Service) setEventConfig(f *function, qualifier string, c eventConfig) (*eventConfig, error) {
	if c.retries != nil && (*c.retries < 0 || *c.retries > 2) {
		return nil, violation(fmt.Sprint(*c.retries), "maximumRetryAttempts", "Member must have value between 0 and 2")
	}
	if c.age != nil && (*c.age < 60 || *c.age > 21600) {
		return nil, violation(fmt.Sprint(*c.age), "maximumEventAgeInSeconds", "Member must have value between 60 and 21600")
	}
	if d := c.destinations; d != nil {
		for _, arn := range []string{successOf(d), failureOf(d)} {
			if arn == "" {
				continue
			}
			if err := s.checkDestination(arn, destinations...); err != nil {
				return nil, err
			}
			if arn == s.ARN(f.name) || arn == s.qualifiedARN(f.name, qualifier) {
				return nil, invalid("The destination ARN %s can't be the function itself.", arn)
			}
		}
	}
	c.arn, c.modified = s.qualifiedARN(f.name, qualifier), s.o.Clock.Now()
	f.events[qualifier] = &c
	return &c, nil
}

func successOf(d *types.DestinationConfig) string {
	if d == nil || d.OnSuccess == nil {
		return ""
	}
	return value(d.OnSuccess.Destination)
}

func failureOf(d *types.DestinationConfig) string {
	if d == nil || d.OnFailure == nil {
		return ""
	}
	return value(d.OnFailure.Destination)
}

// shown fills what AWS shows in place of nothing.
func (c *eventConfig) shown() *types.DestinationConfig {
	d := types.DestinationConfig{OnSuccess: &types.OnSuccess{}, OnFailure: &types.OnFailure{}}
	if arn := successOf(c.destinations); arn != "" {
		d.OnSuccess.Destination = &arn
	}
	if arn := failureOf(c.destinations); arn != "" {
		d.OnFailure.Destination = &arn
	}
	return &d
}

// PutFunctionEventInvokeConfig replaces how a function is invoked asynchronously.
func (s *Service) PutFunctionEventInvokeConfig(_ *wire.Call, in *sdk.PutFunctionEventInvokeConfigInput) (*sdk.PutFunctionEventInvokeConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.eventTarget(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil && in.DestinationConfig == nil {
		return nil, invalid("You must specify at least one of error handling or destination setting.")
	}
	c, err := s.setEventConfig(f, qualifier, eventConfig{retries: in.MaximumRetryAttempts, age: in.MaximumEventAgeInSeconds, destinations: in.DestinationConfig})
	if err != nil {
		return nil, err
	}
	return &sdk.PutFunctionEventInvokeConfigOutput{FunctionArn: &c.arn, LastModified: &c.modified, MaximumRetryAttempts: c.retries, MaximumEventAgeInSeconds: c.age, DestinationConfig: c.shown()}, nil
}

func (s *Service) eventConfig(name, wanted *string) (*function, string, *eventConfig, error) {
	f, qualifier, err := s.eventTarget(name, wanted)
	if err != nil {
		return nil, "", nil, err
	}
	c := f.events[qualifier]
	if c == nil {
		return nil, "", nil, notFound(fmt.Sprintf("The function %s doesn't have an EventInvokeConfig", s.qualifiedARN(f.name, qualifier)))
	}
	return f, qualifier, c, nil
}

// UpdateFunctionEventInvokeConfig changes what it names.
func (s *Service) UpdateFunctionEventInvokeConfig(_ *wire.Call, in *sdk.UpdateFunctionEventInvokeConfigInput) (*sdk.UpdateFunctionEventInvokeConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, old, err := s.eventConfig(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	c := *old
	if in.MaximumRetryAttempts != nil {
		c.retries = in.MaximumRetryAttempts
	}
	if in.MaximumEventAgeInSeconds != nil {
		c.age = in.MaximumEventAgeInSeconds
	}
	if d := in.DestinationConfig; d != nil {
		merged := old.shown()
		if d.OnSuccess != nil {
			merged.OnSuccess = d.OnSuccess
		}
		if d.OnFailure != nil {
			merged.OnFailure = d.OnFailure
		}
		c.destinations = merged
	}
	now, err := s.setEventConfig(f, qualifier, c)
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateFunctionEventInvokeConfigOutput{FunctionArn: &now.arn, LastModified: &now.modified, MaximumRetryAttempts: now.retries, MaximumEventAgeInSeconds: now.age, DestinationConfig: now.shown()}, nil
}

// GetFunctionEventInvokeConfig describes a configuration.
func (s *Service) GetFunctionEventInvokeConfig(_ *wire.Call, in *sdk.GetFunctionEventInvokeConfigInput) (*sdk.GetFunctionEventInvokeConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, c, err := s.eventConfig(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &sdk.GetFunctionEventInvokeConfigOutput{FunctionArn: &c.arn, LastModified: &c.modified, MaximumRetryAttempts: c.retries, MaximumEventAgeInSeconds: c.age, DestinationConfig: c.shown()}, nil
}

// ListFunctionEventInvokeConfigs lists a function's configurations.
func (s *Service) ListFunctionEventInvokeConfigs(_ *wire.Call, in *sdk.ListFunctionEventInvokeConfigsInput) (*sdk.ListFunctionEventInvokeConfigsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(value(in.FunctionName))
	if err != nil {
		return nil, err
	}
	var all []types.FunctionEventInvokeConfig
	for _, q := range slices.Sorted(maps.Keys(f.events)) {
		c := f.events[q]
		all = append(all, types.FunctionEventInvokeConfig{FunctionArn: &c.arn, LastModified: &c.modified, MaximumRetryAttempts: c.retries, MaximumEventAgeInSeconds: c.age, DestinationConfig: c.shown()})
	}
	page, next, err := paged(all, func(c types.FunctionEventInvokeConfig) string { return *c.FunctionArn }, in.Marker, in.MaxItems, 50)
	return &sdk.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: page, NextMarker: next}, err
}

// DeleteFunctionEventInvokeConfig goes back to the defaults.
func (s *Service) DeleteFunctionEventInvokeConfig(_ *wire.Call, in *sdk.DeleteFunctionEventInvokeConfigInput) (*sdk.DeleteFunctionEventInvokeConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, _, err := s.eventConfig(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	delete(f.events, qualifier)
	return &sdk.DeleteFunctionEventInvokeConfigOutput{}, nil
}
