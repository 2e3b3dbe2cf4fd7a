package sqs

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	maxBatch     = 10
	maxBatchSize = 1 << 20 // bytes of all messages together
)

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch refuses a batch as a whole.
func checkBatch(ids []*string) error {
	switch {
	case len(ids) == 0:
		return &types.EmptyBatchRequest{Message: aws.String("There should be at least one entry in the request.")}
	case len(ids) > maxBatch:
		return &types.TooManyEntriesInBatchRequest{Message: aws.String("Maximum number of entries per request are 10. You have sent more.")}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchID.MatchString(aws.ToString(id)) {
			return &types.InvalidBatchEntryId{Message: aws.String("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")}
		}
		if seen[*id] {
			return &types.BatchEntryIdsNotDistinct{Message: aws.String("Id " + *id + " repeated.")}
		}
		seen[*id] = true
	}
	return nil
}

// failed is an entry that was refused; the code is that of the query protocol.
func failed(id *string, err error) types.BatchResultErrorEntry {
	info := wire.Describe(err)
	return types.BatchResultErrorEntry{Id: id, Code: aws.String(wire.QueryCode(err)), Message: &info.Message, SenderFault: info.Status < 500}
}

// SendMessageBatch sends up to ten messages; each is refused by itself.
func (s *Service) SendMessageBatch(c *wire.Call, in *awssqs.SendMessageBatchInput) (*awssqs.SendMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	bytes := 0
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
		bytes += size(aws.ToString(e.MessageBody), e.MessageAttributes)
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	if bytes > maxBatchSize {
		return nil, &types.BatchRequestTooLong{Message: aws.String("Batch requests cannot be longer than 1048576 bytes.")}
	}
	out := &awssqs.SendMessageBatchOutput{Successful: []types.SendMessageBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range in.Entries {
		d := draft{e.MessageBody, e.DelaySeconds, e.MessageAttributes, e.MessageSystemAttributes, e.MessageGroupId, e.MessageDeduplicationId}
		m, err := s.send(c, q, d)
		if err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		done := types.SendMessageBatchResultEntry{Id: e.Id, MessageId: &m.id, MD5OfMessageBody: aws.String(sum(*e.MessageBody)), MD5OfMessageAttributes: sumOf(e.MessageAttributes),
			SequenceNumber: optional(m.sequence)}
		if d.trace() != "" {
			done.MD5OfMessageSystemAttributes = sumOfSystem(e.MessageSystemAttributes)
		}
		out.Successful = append(out.Successful, done)
	}
	return out, nil
}

// DeleteMessageBatch deletes up to ten messages.
func (s *Service) DeleteMessageBatch(_ *wire.Call, in *awssqs.DeleteMessageBatchInput) (*awssqs.DeleteMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	out := &awssqs.DeleteMessageBatchOutput{Successful: []types.DeleteMessageBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range in.Entries {
		if err := s.delete(q, e.ReceiptHandle); err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// ChangeMessageVisibilityBatch changes up to ten messages.
func (s *Service) ChangeMessageVisibilityBatch(_ *wire.Call, in *awssqs.ChangeMessageVisibilityBatchInput) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var ids []*string
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	out := &awssqs.ChangeMessageVisibilityBatchOutput{Successful: []types.ChangeMessageVisibilityBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range in.Entries {
		if err := s.change(q, e.ReceiptHandle, e.VisibilityTimeout); err != nil {
			out.Failed = append(out.Failed, failed(e.Id, err))
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
