package lambda

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// queued is an event that waits for its asynchronous invocation.
type queued struct {
	request
	s         *Service
	name      string
	qualifier string
	accepted  time.Time
	attempts  int // that ran
	throttles int // in a row
}

// Pauses between throttled attempts (source: "Lambda asynchronous invocation":
// exponentially from 1 second to 5 minutes).
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// The conditions under which an event leaves the queue.
const (
	conditionSuccess = "Success"
	conditionRetries = "RetriesExhausted"
	conditionAge     = "EventAgeExceeded"
	conditionZero    = "ZeroReservedConcurrency"
)

// InvokeEvent invokes a function asynchronously, for services of AWS that hand
// their events over to Lambda and do not wait: it is queued, retried, and sent
// to the function's destinations.
func (s *Service) InvokeEvent(ref string, payload json.RawMessage) error {
	return s.enqueue(request{ref: ref, payload: payload})
}

// enqueue accepts an event.
func (s *Service) enqueue(r request) error {
	if len(r.payload) > maxEvent {
		return tooLarge(len(r.payload), types.InvocationTypeEvent, maxEvent)
	}
	s.mu.Lock()
	t, err := s.resolve(r.ref, r.qualifier, false)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.count++
	r.id, r.ref, r.qualifier = uuid(s.count), s.qualifiedARN(t.f.name, t.qualifier), nil
	q := &queued{request: r, s: s, name: t.f.name, qualifier: t.qualifier, accepted: s.o.Clock.Now()}
	if q.qualifier == "" {
		q.qualifier = latestName
	}
	s.mu.Unlock()
	s.o.Clock.AfterFunc(0, q.attempt)
	return nil
}

// config is how the function is invoked at this moment.
func (q *queued) config() (c *eventConfig, dead string, role string, zero, exists bool) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	f := q.s.funcs[q.name]
	if f == nil {
		return nil, "", "", false, false
	}
	if d := f.latest.config.DeadLetterConfig; d != nil {
		dead = value(d.TargetArn)
	}
	return f.events[q.qualifier], dead, value(f.latest.config.Role), f.reserved != nil && *f.reserved == 0, true
}

// attempt invokes the function, or finds that it cannot be.
func (q *queued) attempt() {
	c, _, _, zero, exists := q.config()
	if !exists { // deleted meanwhile: AWS drops its events
		return
	}
	_, age := c.limits()
	switch {
	case zero:
		q.leave(conditionZero, nil)
		return
	case q.s.o.Clock.Now().Sub(q.accepted) > age:
		q.leave(conditionAge, nil)
		return
	}
	err := q.s.start(q.request, q.ran)
	if err == nil {
		return
	}
	if info := wire.Describe(err); info.Code == "ResourceNotFoundException" || info.Code == "ServiceException" {
		return // its version is deleted, or the world is closed
	}
	pause := min(firstPause<<min(q.throttles, 20), longestPause)
	q.throttles++
	q.retry(pause, nil)
}

// ran takes the result of an attempt.
func (q *queued) ran(r Result) {
	q.attempts++
	q.throttles = 0
	if r.FunctionError == "" {
		q.leave(conditionSuccess, &r)
		return
	}
	c, _, _, _, _ := q.config()
	retries, _ := c.limits()
	if q.attempts > retries {
		q.leave(conditionRetries, &r)
		return
	}
	q.retry(time.Duration(q.attempts)*time.Minute, &r)
}

// retry attempts again after a pause, unless the event is too old by then.
func (q *queued) retry(pause time.Duration, last *Result) {
	c, _, _, _, _ := q.config()
	_, age := c.limits()
	if left := age - q.s.o.Clock.Now().Sub(q.accepted); pause > left {
		q.s.o.Clock.AfterFunc(left, func() { q.leave(conditionAge, last) })
		return
	}
	q.s.o.Clock.AfterFunc(pause, q.attempt)
}

// envelope is what destinations get (source: "Retaining records of asynchronous
// invocations").
type envelope struct {
	Version        string `json:"version"`
	Timestamp      string `json:"timestamp"`
	RequestContext struct {
		RequestID   string `json:"requestId"`
		FunctionArn string `json:"functionArn"`
		Condition   string `json:"condition"`
		Count       int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// leave sends the event to where the function wants it.
func (q *queued) leave(condition string, r *Result) {
	c, dead, role, _, _ := q.config()
	var d *types.DestinationConfig
	if c != nil {
		d = c.destinations
	}
	to := failureOf(d)
	if condition == conditionSuccess {
		to = successOf(d)
	}
	e := envelope{Version: "1.0", Timestamp: q.s.o.Clock.Now().Format("2006-01-02T15:04:05.000Z"), RequestPayload: q.payload}
	e.RequestContext.RequestID, e.RequestContext.FunctionArn = q.id, q.s.qualifiedARN(q.name, q.qualifier)
	e.RequestContext.Condition, e.RequestContext.Count = condition, q.attempts
	if len(e.RequestPayload) == 0 {
		e.RequestPayload = json.RawMessage("{}")
	}
	if r != nil {
		e.ResponseContext = &responseContext{200, r.ExecutedVersion, r.FunctionError}
		if e.ResponsePayload = r.Payload; !json.Valid(r.Payload) {
			e.ResponsePayload = json.RawMessage("null")
		}
	}
	text, err := json.Marshal(e)
	if err == nil && to != "" {
		err = q.send(to, role, condition, e, string(text))
	}
	if err == nil && dead != "" && condition != conditionSuccess {
		err = q.bury(dead, role, condition, r)
	}
	if err != nil && q.s.o.Logs != nil { // as AWS: counted as DestinationDeliveryFailures, and lost
		q.s.o.Logs.Write("/aws/lambda/"+q.name, "destinations", q.s.o.Clock.Now(), fmt.Sprintf("RequestId: %s DestinationDeliveryFailures: %v", q.id, err))
	}
}

func (q *queued) send(to, role, condition string, e envelope, text string) error {
	switch strings.Split(to, ":")[2] {
	case "lambda":
		return q.s.enqueue(request{ref: to, payload: []byte(text)})
	case "sns":
		return q.s.call("sns", "Publish", role, &sns.PublishInput{TopicArn: &to, Message: &text})
	case "sqs":
		address := delivery.QueueURL(to)
		return q.s.call("sqs", "SendMessage", role, &sqs.SendMessageInput{QueueUrl: &address, MessageBody: &text})
	}
	detail := "Lambda Function Invocation Result - Failure"
	if condition == conditionSuccess {
		detail = "Lambda Function Invocation Result - Success"
	}
	return q.s.call("eventbridge", "PutEvents", role, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{EventBusName: &to, Source: ptr("lambda"), DetailType: &detail, Detail: &text,
		Resources: []string{to, e.RequestContext.FunctionArn}, Time: ptr(q.s.o.Clock.Now())}}})
}

// bury sends the event itself to the dead letter queue or topic, with what
// happened as attributes.
func (q *queued) bury(to, role, condition string, r *Result) error {
	text := string(q.payload)
	if text == "" {
		text = "{}"
	}
	code, why := "200", condition
	if r != nil {
		why = message(r.Payload)
	} else {
		code = "429"
	}
	kinds := map[string][2]string{"RequestID": {"String", q.id}, "ErrorCode": {"Number", code}, "ErrorMessage": {"String", why[:min(len(why), 1024)]}}
	if strings.Split(to, ":")[2] == "sqs" {
		address, attributes := delivery.QueueURL(to), map[string]sqstypes.MessageAttributeValue{}
		for name, v := range kinds {
			if v[1] != "" {
				attributes[name] = sqstypes.MessageAttributeValue{DataType: &v[0], StringValue: &v[1]}
			}
		}
		return q.s.call("sqs", "SendMessage", role, &sqs.SendMessageInput{QueueUrl: &address, MessageBody: &text, MessageAttributes: attributes})
	}
	attributes := map[string]snstypes.MessageAttributeValue{}
	for name, v := range kinds {
		if v[1] != "" {
			attributes[name] = snstypes.MessageAttributeValue{DataType: &v[0], StringValue: &v[1]}
		}
	}
	return q.s.call("sns", "Publish", role, &sns.PublishInput{TopicArn: &to, Message: &text, MessageAttributes: attributes})
}
