package dynamodb

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of transactions and batches.
const (
	maxTransact   = 100
	maxBatchWrite = 25
	maxBatchGet   = 100
)

// TransactWriteItems implements the API operation: all writes or none.
func (s *Service) TransactWriteItems(_ *wire.Call, in *awsddb.TransactWriteItemsInput) (*awsddb.TransactWriteItemsOutput, error) {
	if n := len(in.TransactItems); n == 0 || n > maxTransact {
		return nil, validation("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and %d", maxTransact)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	writes := make([]*write, len(in.TransactItems))
	seen := map[string]bool{}
	for i, item := range in.TransactItems {
		w, err := s.transactItem(item)
		if err != nil {
			return nil, err
		}
		id := w.t.name + "\x00" + w.key
		if seen[id] {
			return nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[id] = true
		writes[i] = w
	}
	results := make([]attr.Item, len(writes))
	reasons := make([]types.CancellationReason, len(writes))
	canceled := false
	for i, w := range writes {
		reasons[i].Code = aws.String("None")
		if !w.holds() {
			canceled = true
			reasons[i] = types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Message: aws.String("The conditional request failed")}
			if w.onErr == types.ReturnValuesOnConditionCheckFailureAllOld {
				reasons[i].Item = attr.CloneItem(w.t.items[w.key])
			}
			continue
		}
		var err error
		if results[i], err = w.result(); err != nil {
			canceled = true
			reasons[i] = types.CancellationReason{Code: aws.String("ValidationError"), Message: aws.String(wire.Describe(err).Message)}
		}
	}
	if canceled {
		codes := make([]string, len(reasons))
		for i, r := range reasons {
			codes[i] = *r.Code
		}
		return nil, &types.TransactionCanceledException{CancellationReasons: reasons, Message: aws.String(fmt.Sprintf(
			"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")))}
	}
	for i, w := range writes {
		if !w.checkOnly {
			w.store(results[i])
		}
	}
	return &awsddb.TransactWriteItemsOutput{}, nil
}

func (s *Service) transactItem(item types.TransactWriteItem) (*write, error) {
	set := 0
	for _, given := range []bool{item.Put != nil, item.Update != nil, item.Delete != nil, item.ConditionCheck != nil} {
		if given {
			set++
		}
	}
	if set != 1 {
		return nil, validation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	switch {
	case item.Put != nil:
		p := item.Put
		return s.put(p.TableName, p.Item, p.ConditionExpression, p.ExpressionAttributeNames, p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure)
	case item.Update != nil:
		u := item.Update
		return s.update(u.TableName, u.Key, u.UpdateExpression, u.ConditionExpression, u.ExpressionAttributeNames, u.ExpressionAttributeValues, u.ReturnValuesOnConditionCheckFailure)
	case item.Delete != nil:
		d := item.Delete
		return s.del(d.TableName, d.Key, d.ConditionExpression, d.ExpressionAttributeNames, d.ExpressionAttributeValues, d.ReturnValuesOnConditionCheckFailure)
	}
	c := item.ConditionCheck
	if c.ConditionExpression == nil {
		return nil, validation("The expression can not be empty;")
	}
	w, err := s.del(c.TableName, c.Key, c.ConditionExpression, c.ExpressionAttributeNames, c.ExpressionAttributeValues, c.ReturnValuesOnConditionCheckFailure)
	if err == nil {
		w.checkOnly = true
	}
	return w, err
}

// TransactGetItems implements the API operation.
func (s *Service) TransactGetItems(_ *wire.Call, in *awsddb.TransactGetItemsInput) (*awsddb.TransactGetItemsOutput, error) {
	if n := len(in.TransactItems); n == 0 || n > maxTransact {
		return nil, validation("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and %d", maxTransact)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsddb.TransactGetItemsOutput{}
	for _, item := range in.TransactItems {
		if item.Get == nil {
			return nil, validation("TransactItems must contain Get")
		}
		t, key, err := s.keyed(item.Get.TableName, item.Get.Key)
		if err != nil {
			return nil, err
		}
		got, err := project(t.items[key], item.Get.ProjectionExpression, item.Get.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
		out.Responses = append(out.Responses, types.ItemResponse{Item: got})
	}
	return out, nil
}

// BatchWriteItem implements the API operation.
func (s *Service) BatchWriteItem(_ *wire.Call, in *awsddb.BatchWriteItemInput) (*awsddb.BatchWriteItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var writes []*write
	seen := map[string]bool{}
	for name, requests := range in.RequestItems {
		for _, r := range requests {
			var w *write
			var err error
			switch {
			case r.PutRequest != nil && r.DeleteRequest == nil:
				w, err = s.put(&name, r.PutRequest.Item, nil, nil, nil, "")
			case r.DeleteRequest != nil && r.PutRequest == nil:
				w, err = s.del(&name, r.DeleteRequest.Key, nil, nil, nil, "")
			default:
				err = validation("Supplied AttributeValue has more than one datatypes set, must contain exactly one of PutRequest and DeleteRequest")
			}
			if err != nil {
				return nil, err
			}
			id := w.t.name + "\x00" + w.key
			if seen[id] {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen[id] = true
			writes = append(writes, w)
		}
	}
	if len(writes) == 0 || len(writes) > maxBatchWrite {
		return nil, validation("Too many items requested for the BatchWriteItem call: between 1 and %d are allowed", maxBatchWrite)
	}
	for _, w := range writes {
		if _, _, err := w.run(); err != nil {
			return nil, err
		}
	}
	return &awsddb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

// BatchGetItem implements the API operation.
func (s *Service) BatchGetItem(_ *wire.Call, in *awsddb.BatchGetItemInput) (*awsddb.BatchGetItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsddb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	total := 0
	for name, want := range in.RequestItems {
		out.Responses[name] = []map[string]types.AttributeValue{}
		total += len(want.Keys)
		if total > maxBatchGet {
			return nil, validation("Too many items requested for the BatchGetItem call: at most %d are allowed", maxBatchGet)
		}
		for _, k := range want.Keys {
			t, key, err := s.keyed(&name, k)
			if err != nil {
				return nil, err
			}
			item, err := project(t.items[key], want.ProjectionExpression, want.ExpressionAttributeNames)
			if err != nil {
				return nil, err
			}
			if item != nil {
				out.Responses[name] = append(out.Responses[name], item)
			}
		}
	}
	return out, nil
}
