package sqs

import (
	"crypto/md5" //nolint:gosec // it is what SQS tells of messages
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// message is one message of a queue.
type message struct {
	id, body   string
	attributes map[string]types.MessageAttributeValue
	trace      string // AWSTraceHeader
	sender     string
	source     string // the queue whose dead letter it is
	sent       time.Time
	visible    time.Time // from when on it can be received
	flying     bool      // received, and not visible again yet
	first      time.Time // when it was received first
	receives   int
	receipt    int // number of the latest receipt

	group, deduplication, sequence string
}

// handle is the receipt of the message's latest reception.
func (m *message) handle() string {
	return base64.StdEncoding.EncodeToString([]byte(m.id + "/" + strconv.Itoa(m.receipt)))
}

// parseHandle reads a receipt.
func parseHandle(handle string) (id string, receipt int, err error) {
	bad := &types.ReceiptHandleIsInvalid{Message: aws.String(fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle))}
	text, decode := base64.StdEncoding.DecodeString(handle)
	id, number, ok := strings.Cut(string(text), "/")
	if decode != nil || !ok {
		return "", 0, bad
	}
	if receipt, err = strconv.Atoi(number); err != nil {
		return "", 0, bad
	}
	return id, receipt, nil
}

// expire forgets messages that are older than the queue keeps them, and receipts
// of those that are visible again.
func (q *queue) expire(now time.Time) {
	kept := seconds(q.attribute("MessageRetentionPeriod"))
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return now.Sub(m.sent) > kept })
	for _, m := range q.messages {
		if m.flying && !m.visible.After(now) {
			m.flying = false
		}
	}
	maps.DeleteFunc(q.sent, func(_ string, d duplicate) bool { return now.Sub(d.at) >= deduplicationInterval })
	maps.DeleteFunc(q.attempts, func(_ string, a *attempt) bool { return now.Sub(a.at) >= deduplicationInterval })
}

func (q *queue) counts(now time.Time) (visible, flying, delayed int) {
	for _, m := range q.messages {
		switch {
		case !m.visible.After(now):
			visible++
		case m.flying:
			flying++
		default:
			delayed++
		}
	}
	return visible, flying, delayed
}

func (q *queue) message(id string) *message {
	for _, m := range q.messages {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (q *queue) remove(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(o *message) bool { return o == m })
}

func sum(text string) string {
	h := md5.Sum([]byte(text)) //nolint:gosec // see above
	return hex.EncodeToString(h[:])
}

// sumOf is the MD5 of attributes (source: "Calculating the MD5 message digest
// for message attributes"); nil without any.
func sumOf(attributes map[string]types.MessageAttributeValue) *string {
	if len(attributes) == 0 {
		return nil
	}
	var b []byte
	add := func(text []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add([]byte(name))
		add([]byte(aws.ToString(a.DataType)))
		if strings.HasPrefix(aws.ToString(a.DataType), "Binary") {
			b = append(b, 2)
			add(a.BinaryValue)
		} else {
			b = append(b, 1)
			add([]byte(aws.ToString(a.StringValue)))
		}
	}
	return aws.String(sum(string(b)))
}

const maxAttributes = 10

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\..+)?$`)
)

func checkAttributes(attributes map[string]types.MessageAttributeValue) error {
	refuse := func(format string, args ...any) error {
		return wire.Errorf("InvalidParameterValueException", format, args...)
	}
	if len(attributes) > maxAttributes {
		return refuse("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		kind, lower := aws.ToString(a.DataType), strings.ToLower(name)
		switch {
		case len(name) > 256 || !attributeName.MatchString(name):
			return refuse("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.", name)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return refuse("Message attribute name '%s' starts with an invalid prefix (i.e. Amazon. and AWS.).", name)
		case kind == "":
			return refuse("The message attribute '%s' must contain a non-empty attribute type.", name)
		case !attributeType.MatchString(kind) || len(kind) > 256:
			return refuse("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case strings.HasPrefix(kind, "Binary") && len(a.BinaryValue) == 0, !strings.HasPrefix(kind, "Binary") && aws.ToString(a.StringValue) == "":
			return refuse("The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, kind)
		}
		if strings.HasPrefix(kind, "Number") {
			if _, err := strconv.ParseFloat(*a.StringValue, 64); err != nil {
				return refuse("Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
	}
	return nil
}

// size is what counts against a queue's MaximumMessageSize.
func size(body string, attributes map[string]types.MessageAttributeValue) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// checkBody refuses characters that SQS does not take (source: SendMessage).
func checkBody(body string) error {
	for _, r := range body {
		if r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			continue
		}
		return &types.InvalidMessageContents{Message: aws.String(fmt.Sprintf("Invalid binary character '#x%X' was found in the message body, the set of allowed characters is [ #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF ]", r))}
	}
	return nil
}
