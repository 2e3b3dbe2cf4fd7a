package delivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The conditions under which a delivery is not tried again.
const (
	RetriesExhausted = "MaximumRetryAttempts"
	AgeExceeded      = "MaximumEventAgeInSeconds"
)

// GivenUp is the error of a delivery that is not tried again.
type GivenUp struct {
	Err     error
	Retries int
	// Condition is RetriesExhausted or AgeExceeded; "" when trying again would not
	// have helped.
	Condition string
}

// Error implements error.
func (e *GivenUp) Error() string { return e.Err.Error() }

// Unwrap returns the last attempt's error.
func (e *GivenUp) Unwrap() error { return e.Err }

// QueueURL is the address of a queue that is named by its ARN.
func QueueURL(arn string) string {
	p := strings.Split(arn, ":")
	if len(p) != 6 {
		return arn
	}
	return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", p[3], p[4], p[5])
}

// IsQueue reports whether an ARN names a queue that may take dead letters: a
// standard one.
func IsQueue(arn string) bool { return KindOf(arn) == Queue && !strings.HasSuffix(arn, ".fifo") }

// message is a SendMessage to a queue with attributes of type String.
func message(arn, body, group string, attributes map[string]string) *sqs.SendMessageInput {
	address, kind := QueueURL(arn), "String"
	in := &sqs.SendMessageInput{QueueUrl: &address, MessageBody: &body}
	if group != "" {
		in.MessageGroupId = &group
	}
	for name, value := range attributes {
		if value == "" {
			continue
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: &kind, StringValue: &value}
	}
	return in
}

// maxReason is how much of an error's message a letter carries.
const maxReason = 1024

// Reasons are the attributes of a dead letter that say why a delivery was given
// up.
func Reasons(err error) map[string]string {
	info := wire.Describe(err)
	out := map[string]string{"ERROR_CODE": code(info), "ERROR_MESSAGE": info.Message[:min(len(info.Message), maxReason)]}
	if g, ok := errors.AsType[*GivenUp](err); ok && g.Condition != "" {
		out["EXHAUSTED_RETRY_CONDITION"], out["RETRY_ATTEMPTS"] = g.Condition, strconv.Itoa(g.Retries)
	}
	return out
}

// code groups errors as EventBridge does.
func code(info wire.ErrorInfo) string {
	switch {
	case info.Status == 403, strings.HasPrefix(info.Code, "AccessDenied"), strings.HasPrefix(info.Code, "Unauthorized"), info.Code == "AuthorizationError":
		return "NO_PERMISSIONS"
	case info.Status == 404, strings.Contains(info.Code, "NotFound"), strings.Contains(info.Code, "DoesNotExist"):
		return "NO_RESOURCE"
	case info.Status == 429, strings.HasPrefix(info.Code, "Throttl"), strings.HasPrefix(info.Code, "TooManyRequests"):
		return "THROTTLING"
	case info.Status >= 500:
		return "SERVICE_ERROR"
	}
	return "SDK_CLIENT_ERROR"
}

// Bury sends a dead letter to a queue: once, by the role or the service's name.
func (s Sender) Bury(queue, role, sourceARN, body string, attributes map[string]string) error {
	_, err := s.Mux.Invoke(&wire.Call{Context: context.Background(), Service: "sqs", Operation: "SendMessage", RequestID: s.Mux.NewRequestID(), Region: s.Region,
		Role: role, Principal: s.Principal, SourceArn: sourceARN, Time: s.Clock.Now(), UserAgent: s.Principal}, message(queue, body, "", attributes))
	return err
}
