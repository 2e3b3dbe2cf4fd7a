package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// How events reach targets, in simulated time: AWS's typical latency, and its
// retries with growing pauses, by default 185 within 24 hours.
const (
	latency        = 500 * time.Millisecond
	firstPause     = time.Second
	longestPause   = 10 * time.Minute
	defaultRetries = 185
	defaultAge     = 24 * time.Hour
)

// delivery brings one event to one target.
type delivery struct {
	s                 *Service
	event             Event
	text              json.RawMessage
	decoded           map[string]any
	ruleName, ruleArn string
	target            types.Target
	failures          int
}

// kinds of targets, by the service and the resource in their ARN.
func kind(arn string) string {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return ""
	}
	switch {
	case p[2] == "states" && strings.HasPrefix(p[5], "stateMachine:"):
		return "states"
	case p[2] == "lambda" && strings.HasPrefix(p[5], "function:"):
		return "lambda"
	case p[2] == "sns":
		return "sns"
	}
	return ""
}

func checkTarget(t types.Target) error {
	if aws.ToString(t.Id) == "" || aws.ToString(t.Arn) == "" {
		return validation("Parameter Targets is not valid. Reason: Id and Arn are required.")
	}
	switch kind(*t.Arn) {
	case "":
		return validation("Parameter %s is not valid. Reason: the simulated AWS delivers to state machines, Lambda functions and SNS topics.", *t.Arn)
	case "states":
		if t.RoleArn == nil {
			return validation("RoleArn is required for target %s.", *t.Arn)
		}
	}
	given := 0
	for _, set := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if set {
			given++
		}
	}
	if given > 1 {
		return validation("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", *t.Id)
	}
	if t.Input != nil && !json.Valid([]byte(*t.Input)) {
		return validation("JSON syntax error in input for target %s", *t.Id)
	}
	if t.InputTransformer != nil {
		if _, err := transform(t.InputTransformer, map[string]any{}, variables{}); err != nil {
			return validation("Invalid InputTransformer for target %s : %v", *t.Id, err)
		}
	}
	return nil
}

// payload is what the target gets.
func (d *delivery) payload() (json.RawMessage, error) {
	t := d.target
	switch {
	case t.Input != nil:
		return json.RawMessage(*t.Input), nil
	case t.InputPath != nil:
		v, err := selectPath(*t.InputPath, d.decoded)
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	case t.InputTransformer != nil:
		return transform(t.InputTransformer, d.decoded, variables{
			ruleArn: d.ruleArn, ruleName: d.ruleName, event: d.text, ingestion: d.event.Time.Format(time.RFC3339),
		})
	}
	return d.text, nil
}

// attempt delivers the event, or tries again later.
func (d *delivery) attempt() {
	payload, err := d.payload()
	if err != nil {
		d.drop(err)
		return
	}
	arn := *d.target.Arn
	switch kind(arn) {
	case "states":
		name := d.event.ID + "_" + *d.target.Id
		input := string(payload)
		_, err = d.call("sfn", "StartExecution", &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String(name[:min(len(name), 80)]), Input: &input})
	case "sns":
		message := string(payload)
		_, err = d.call("sns", "Publish", &sns.PublishInput{TopicArn: &arn, Message: &message})
	case "lambda":
		err = d.s.functions.Invoke(arn, payload, func(r lambda.Result) {
			if r.FunctionError != "" {
				d.retry(fmt.Errorf("%s: %s", r.ErrorType, r.Payload))
			}
		})
	}
	if err == nil {
		return
	}
	if info := wire.Describe(err); info.Status >= 500 || strings.HasPrefix(info.Code, "Thrott") {
		d.retry(err)
		return
	}
	d.drop(err)
}

func (d *delivery) call(service, operation string, in any) (any, error) {
	return d.s.mux.Invoke(&wire.Call{Context: context.Background(), Service: service, Operation: operation, RequestID: d.s.mux.NewRequestID(),
		Region: d.s.region, Time: d.s.clock.Now(), UserAgent: "events.amazonaws.com"}, in)
}

func (d *delivery) retry(err error) {
	retries, age := defaultRetries, defaultAge
	if p := d.target.RetryPolicy; p != nil {
		if p.MaximumRetryAttempts != nil {
			retries = int(*p.MaximumRetryAttempts)
		}
		if p.MaximumEventAgeInSeconds != nil {
			age = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
		}
	}
	pause := min(firstPause<<min(d.failures, 20), longestPause)
	d.failures++
	if d.failures > retries || d.s.clock.Now().Add(pause).Sub(d.event.Time) > age {
		d.drop(err)
		return
	}
	d.s.clock.AfterFunc(pause, d.attempt)
}

// drop gives the delivery up.
func (d *delivery) drop(err error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.undelivered = append(d.s.undelivered, fmt.Errorf("eventbridge: event %s by rule %s to %s: %w", d.event.ID, d.ruleName, *d.target.Arn, err))
}
