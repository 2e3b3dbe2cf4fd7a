// Package delivery calls what EventBridge rules and EventBridge Scheduler have
// as targets, and tries again as they do when a target is throttled or fails.
package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Kind of a target.
type Kind string

// The kinds of targets that are simulated.
const (
	StateMachine Kind = "state machine"
	Function     Kind = "Lambda function"
	Topic        Kind = "SNS topic"
	Bus          Kind = "event bus"
	Project      Kind = "CodeBuild project"
	Queue        Kind = "SQS queue"
)

// KindOf tells a target's kind by its ARN; "" for those that are not simulated.
func KindOf(arn string) Kind {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return ""
	}
	resource := func(prefix string) bool { return strings.HasPrefix(p[5], prefix) }
	switch {
	case p[2] == "states" && resource("stateMachine:"):
		return StateMachine
	case p[2] == "lambda" && resource("function:"):
		return Function
	case p[2] == "sns":
		return Topic
	case p[2] == "sqs":
		return Queue
	case p[2] == "events" && resource("event-bus/"):
		return Bus
	case p[2] == "codebuild" && resource("project/"):
		return Project
	}
	return ""
}

// NeedsRole reports whether a target of this kind is called with a role; the
// others allow the service by their own policy.
func (k Kind) NeedsRole() bool { return k == StateMachine || k == Bus || k == Project }

// Policy says how often and how long a delivery is tried again.
type Policy struct {
	Retries int
	Age     time.Duration
}

// DefaultPolicy is that of EventBridge and of Scheduler: 185 retries in 24 hours.
var DefaultPolicy = Policy{Retries: 185, Age: 24 * time.Hour}

// With returns the policy with the members of a target's retry policy.
func (p Policy) With(retries, ageSeconds *int32) Policy {
	if retries != nil {
		p.Retries = int(*retries)
	}
	if ageSeconds != nil {
		p.Age = time.Duration(*ageSeconds) * time.Second
	}
	return p
}

// Request is one delivery to one target.
type Request struct {
	ARN, Role string
	Payload   json.RawMessage
	// Name names an execution, so that a delivery that is repeated starts no
	// second one; "" leaves it to Step Functions.
	Name string
	// SourceArn is the rule or schedule that delivers.
	SourceArn string
	// Group is the message group id for a queue.
	Group string
	// Source and DetailType are of the event for an event bus.
	Source, DetailType string
}

// Sender makes the calls.
type Sender struct {
	Clock           clock.Clock
	Mux             *wire.Mux
	Region, Account string
	Principal       string // the service that delivers, such as "events.amazonaws.com"
}

// Pauses between attempts, in simulated time; AWS tells only that they grow.
const (
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// Deliver sends a request until it is accepted, cannot be accepted, or the
// policy ends, counted from since; the last error goes to drop then, as a GivenUp.
func (s Sender) Deliver(r Request, p Policy, since time.Time, drop func(error)) {
	s.attempt(func() error { return s.Send(r) }, p, since, 0, drop)
}

// Retry calls f until it works, as Deliver does.
func (s Sender) Retry(f func() error, p Policy, since time.Time, drop func(error)) {
	s.attempt(f, p, since, 0, drop)
}

func (s Sender) attempt(f func() error, p Policy, since time.Time, failures int, drop func(error)) {
	err := f()
	if err == nil {
		return
	}
	info := wire.Describe(err)
	again := info.Status >= 500 || info.Status == 429 || strings.HasPrefix(info.Code, "Throttl") || strings.HasPrefix(info.Code, "TooManyRequests")
	pause := min(firstPause<<min(failures, 20), longestPause)
	given := &GivenUp{Err: err, Retries: failures}
	switch {
	case !again:
		drop(given)
		return
	case failures >= p.Retries:
		given.Condition = RetriesExhausted
		drop(given)
		return
	case s.Clock.Now().Add(pause).Sub(since) > p.Age:
		given.Condition = AgeExceeded
		drop(given)
		return
	}
	s.Clock.AfterFunc(pause, func() { s.attempt(f, p, since, failures+1, drop) })
}

// Send calls a target once.
func (s Sender) Send(r Request) error {
	text := string(r.Payload)
	var in any
	service, operation := "", ""
	switch KindOf(r.ARN) {
	case StateMachine:
		start := &sfn.StartExecutionInput{StateMachineArn: &r.ARN, Input: &text}
		if r.Name != "" {
			start.Name = &r.Name
		}
		service, operation, in = "sfn", "StartExecution", start
	case Function:
		service, operation, in = "lambda", "Invoke", &lambda.InvokeInput{FunctionName: &r.ARN, Payload: r.Payload, InvocationType: lambdatypes.InvocationTypeEvent}
	case Topic:
		service, operation, in = "sns", "Publish", &sns.PublishInput{TopicArn: &r.ARN, Message: &text}
	case Queue:
		service, operation, in = "sqs", "SendMessage", message(r.ARN, text, r.Group, nil)
	case Bus:
		return s.put(r)
	case Project:
		_, project, _ := strings.Cut(r.ARN, ":project/")
		build := &codebuild.StartBuildInput{}
		if err := json.Unmarshal(r.Payload, build); err != nil { // names regardless of case; what is no parameter, as of an event, is left out
			return wire.Errorf("InvalidInputException", "the input of %s is not valid: %v", r.ARN, err)
		}
		build.ProjectName = &project
		service, operation, in = "codebuild", "StartBuild", build
	default:
		return fmt.Errorf("the simulated AWS does not deliver to %s", r.ARN)
	}
	_, err := s.Call(service, operation, r, in)
	return err
}

func (s Sender) put(r Request) error {
	detail := string(r.Payload)
	out, err := s.Call("eventbridge", "PutEvents", r, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		{EventBusName: &r.ARN, Source: &r.Source, DetailType: &r.DetailType, Detail: &detail}}})
	if err != nil {
		return err
	}
	if put := out.(*eventbridge.PutEventsOutput); put.FailedEntryCount > 0 {
		return wire.Errorf(*put.Entries[0].ErrorCode, "%s", *put.Entries[0].ErrorMessage)
	}
	return nil
}

// Call makes one call in process for a delivery: by its role, or by the
// service's own name.
func (s Sender) Call(service, operation string, r Request, in any) (any, error) {
	return s.Mux.Invoke(&wire.Call{Context: context.Background(), Service: service, Operation: operation, RequestID: s.Mux.NewRequestID(),
		Region: s.Region, Role: r.Role, Principal: s.Principal, SourceArn: r.SourceArn, Time: s.Clock.Now(), UserAgent: s.Principal}, in)
}
