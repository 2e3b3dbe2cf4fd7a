package dynamodb

import (
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/expr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// write is one change of one item, checked and ready to be applied.
type write struct {
	t     *table
	key   string
	cond  *expr.Cond
	onErr types.ReturnValuesOnConditionCheckFailure
	// next makes the new item from the old; nil deletes it.
	next func(old attr.Item) (attr.Item, error)
	// checkOnly leaves the item as it is.
	checkOnly bool
	update    *expr.Update
}

// holds reports whether the write's condition is met.
func (w *write) holds() bool {
	return w.cond == nil || w.cond.Holds(w.t.items[w.key])
}

// result returns the new item without storing it.
func (w *write) result() (attr.Item, error) {
	if w.checkOnly {
		return w.t.items[w.key], nil
	}
	return w.next(w.t.items[w.key])
}

func (w *write) store(item attr.Item) {
	if item == nil {
		delete(w.t.items, w.key)
		return
	}
	w.t.items[w.key] = item
}

// run checks the condition and applies the write.
func (w *write) run() (old, now attr.Item, err error) {
	old = w.t.items[w.key]
	if !w.holds() {
		return nil, nil, failed(old, w.onErr)
	}
	now, err = w.result()
	if err != nil {
		return nil, nil, err
	}
	if !w.checkOnly {
		w.store(now)
	}
	return old, now, nil
}

func (s *Service) put(name *string, item attr.Item, cond *string, names map[string]string, values map[string]attr.Value, onErr types.ReturnValuesOnConditionCheckFailure) (*write, error) {
	t, err := s.table(name)
	if err != nil {
		return nil, err
	}
	if err := checkItem(item); err != nil {
		return nil, err
	}
	key, err := t.keyOf(item, false)
	if err != nil {
		return nil, err
	}
	w := &write{t: t, key: key, onErr: onErr, next: func(attr.Item) (attr.Item, error) { return attr.CloneItem(item), nil }}
	return w, w.conditioned(cond, names, values)
}

func (w *write) conditioned(cond *string, names map[string]string, values map[string]attr.Value) error {
	env, err := environment(names, values, cond)
	if err != nil {
		return err
	}
	if w.cond, err = condition("ConditionExpression", cond, env); err != nil {
		return err
	}
	return unused(env)
}

func (s *Service) del(name *string, key attr.Item, cond *string, names map[string]string, values map[string]attr.Value, onErr types.ReturnValuesOnConditionCheckFailure) (*write, error) {
	t, encoded, err := s.keyed(name, key)
	if err != nil {
		return nil, err
	}
	w := &write{t: t, key: encoded, onErr: onErr, next: func(attr.Item) (attr.Item, error) { return nil, nil }}
	return w, w.conditioned(cond, names, values)
}

func (s *Service) keyed(name *string, key attr.Item) (*table, string, error) {
	t, err := s.table(name)
	if err != nil {
		return nil, "", err
	}
	if err := checkItem(key); err != nil {
		return nil, "", err
	}
	encoded, err := t.keyOf(key, true)
	return t, encoded, err
}

func (s *Service) update(name *string, key attr.Item, update, cond *string, names map[string]string, values map[string]attr.Value, onErr types.ReturnValuesOnConditionCheckFailure) (*write, error) {
	t, encoded, err := s.keyed(name, key)
	if err != nil {
		return nil, err
	}
	env, err := environment(names, values, update, cond)
	if err != nil {
		return nil, err
	}
	w := &write{t: t, key: encoded, onErr: onErr, update: &expr.Update{}}
	if update != nil {
		if w.update, err = expr.ParseUpdate(*update, env); err != nil {
			return nil, invalid("UpdateExpression", err)
		}
	}
	if w.cond, err = condition("ConditionExpression", cond, env); err != nil {
		return nil, err
	}
	for _, p := range w.update.Paths() {
		if p[0].Name == t.key.hash || (t.key.sort != "" && p[0].Name == t.key.sort) {
			return nil, validation("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", p[0].Name)
		}
	}
	w.next = func(old attr.Item) (attr.Item, error) {
		if old == nil {
			old = attr.CloneItem(key)
		}
		now, err := w.update.Apply(old)
		if err != nil {
			return nil, invalid("UpdateExpression", err)
		}
		return now, checkItem(now)
	}
	return w, unused(env)
}

// PutItem implements the API operation.
func (s *Service) PutItem(_ *wire.Call, in *awsddb.PutItemInput) (*awsddb.PutItemOutput, error) {
	if err := notSupported(in.Expected != nil || in.ConditionalOperator != "", "Expected and ConditionalOperator"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.put(in.TableName, in.Item, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	switch in.ReturnValues {
	case "", types.ReturnValueNone, types.ReturnValueAllOld:
	default:
		return nil, validation("ReturnValues can only be ALL_OLD or NONE")
	}
	old, now, err := w.run()
	if err != nil {
		return nil, err
	}
	out := &awsddb.PutItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, w.t.name, writeUnits(old, now))}
	if in.ReturnValues == types.ReturnValueAllOld {
		out.Attributes = attr.CloneItem(old)
	}
	return out, nil
}

// GetItem implements the API operation.
func (s *Service) GetItem(_ *wire.Call, in *awsddb.GetItemInput) (*awsddb.GetItemOutput, error) {
	if err := notSupported(in.AttributesToGet != nil, "AttributesToGet"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, key, err := s.keyed(in.TableName, in.Key)
	if err != nil {
		return nil, err
	}
	item, err := project(t.items[key], in.ProjectionExpression, in.ExpressionAttributeNames)
	if err != nil {
		return nil, err
	}
	return &awsddb.GetItemOutput{Item: item, ConsumedCapacity: consumed(in.ReturnConsumedCapacity, t.name, readUnits(sizeOf(t.items[key]), in.ConsistentRead))}, nil
}

func project(item attr.Item, projection *string, names map[string]string) (attr.Item, error) {
	env, err := environment(names, nil, projection)
	if err != nil {
		return nil, err
	}
	if projection == nil {
		return attr.CloneItem(item), nil
	}
	paths, err := expr.Projection(*projection, env)
	if err != nil {
		return nil, invalid("ProjectionExpression", err)
	}
	if item == nil {
		return nil, unused(env)
	}
	return expr.Project(item, paths), unused(env)
}

// DeleteItem implements the API operation.
func (s *Service) DeleteItem(_ *wire.Call, in *awsddb.DeleteItemInput) (*awsddb.DeleteItemOutput, error) {
	if err := notSupported(in.Expected != nil || in.ConditionalOperator != "", "Expected and ConditionalOperator"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.del(in.TableName, in.Key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	old, _, err := w.run()
	if err != nil {
		return nil, err
	}
	out := &awsddb.DeleteItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, w.t.name, writeUnits(old, nil))}
	if in.ReturnValues == types.ReturnValueAllOld {
		out.Attributes = attr.CloneItem(old)
	}
	return out, nil
}

// UpdateItem implements the API operation.
func (s *Service) UpdateItem(_ *wire.Call, in *awsddb.UpdateItemInput) (*awsddb.UpdateItemOutput, error) {
	if err := notSupported(in.Expected != nil || in.ConditionalOperator != "" || in.AttributeUpdates != nil, "Expected, ConditionalOperator and AttributeUpdates"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.update(in.TableName, in.Key, in.UpdateExpression, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	old, now, err := w.run()
	if err != nil {
		return nil, err
	}
	out := &awsddb.UpdateItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, w.t.name, writeUnits(old, now))}
	switch in.ReturnValues {
	case types.ReturnValueAllOld:
		out.Attributes = attr.CloneItem(old)
	case types.ReturnValueAllNew:
		out.Attributes = attr.CloneItem(now)
	case types.ReturnValueUpdatedOld:
		if old != nil {
			out.Attributes = expr.Project(old, w.update.Paths())
		}
	case types.ReturnValueUpdatedNew:
		out.Attributes = expr.Project(now, w.update.Paths())
	}
	return out, nil
}
