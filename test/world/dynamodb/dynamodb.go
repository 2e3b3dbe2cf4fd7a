// Package dynamodb simulates Amazon DynamoDB: tables, items, conditional
// writes, queries and transactions, always consistent.
package dynamodb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/expr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxItem is the largest item, in bytes.
const maxItem = 400 << 10

// Service is DynamoDB.
type Service struct {
	clock           clock.Clock
	account, region string

	mu     sync.Mutex
	tables map[string]*table
}

// New returns DynamoDB without tables.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, tables: map[string]*table{}}
}

// Items returns copies of a table's items in the order of their keys, without
// an API call; nil when there is no such table.
func (s *Service) Items(tableName string) []attr.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[tableName]
	if !ok {
		return nil
	}
	out := []attr.Item{}
	for _, key := range slices.Sorted(maps.Keys(t.items)) {
		out = append(out, attr.CloneItem(t.items[key]))
	}
	return out
}

func (s *Service) plainName(name *string) string {
	return strings.TrimPrefix(aws.ToString(name), s.arn(""))
}

// table finds a table that can be used.
func (s *Service) table(name *string) (*table, error) {
	n := s.plainName(name)
	if !plainTableName.MatchString(n) {
		return nil, validation("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", n)
	}
	t, ok := s.tables[n]
	if !ok || s.clock.Now().Before(t.activeAt) {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Requested resource not found")}
	}
	t.expire(s.clock.Now())
	return t, nil
}

func validation(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

// invalid turns a parser's or evaluator's error into DynamoDB's own.
func invalid(where string, err error) error {
	if e, ok := errors.AsType[*expr.SyntaxError](err); ok {
		if where == "" || strings.HasPrefix(e.Message, "Value provided") || strings.HasPrefix(e.Message, "The document path") || strings.HasPrefix(e.Message, "The provided expression refers") {
			return validation("%s", e.Message)
		}
		return validation("Invalid %s: %s", where, e.Message)
	}
	return err
}

// condition parses an optional condition.
func condition(where string, src *string, env *expr.Env) (*expr.Cond, error) {
	if src == nil {
		return nil, nil
	}
	c, err := expr.Condition(*src, env)
	return c, invalid(where, err)
}

// environment checks the placeholders' values and spelling.
func environment(names map[string]string, values map[string]attr.Value, expressions ...*string) (*expr.Env, error) {
	given := false
	for _, e := range expressions {
		given = given || e != nil
	}
	if !given && len(names) > 0 {
		return nil, validation("ExpressionAttributeNames can only be specified when using expressions")
	}
	if !given && len(values) > 0 {
		return nil, validation("ExpressionAttributeValues can only be specified when using expressions")
	}
	for k := range names {
		if !strings.HasPrefix(k, "#") || len(k) < 2 {
			return nil, validation("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", k)
		}
	}
	for k, v := range values {
		if !strings.HasPrefix(k, ":") || len(k) < 2 {
			return nil, validation("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", k)
		}
		if err := attr.Check(v); err != nil {
			return nil, validation("ExpressionAttributeValues contains invalid value: %s for key %s", err, k)
		}
	}
	return expr.NewEnv(names, values), nil
}

// checkItem checks an item's values and size.
func checkItem(item attr.Item) error {
	for name, v := range item {
		if name == "" {
			return validation("One or more parameter values were invalid: empty attribute name")
		}
		if err := attr.Check(v); err != nil {
			return validation("%s", err)
		}
	}
	if attr.Bytes(&types.AttributeValueMemberM{Value: item}) > maxItem {
		return validation("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// failed is the error of a condition that did not hold.
func failed(old attr.Item, rv types.ReturnValuesOnConditionCheckFailure) error {
	e := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if rv == types.ReturnValuesOnConditionCheckFailureAllOld && old != nil {
		e.Item = attr.CloneItem(old)
	}
	return e
}

// readUnits are what a read of bytes costs: half a unit for each 4 KB, a whole
// one when it is strongly consistent.
func readUnits(bytes int, consistent *bool) float64 {
	units := float64(max(1, (bytes+4095)/4096))
	if aws.ToBool(consistent) {
		return units
	}
	return units / 2
}

// writeUnits are what a write costs: a unit for each KB of the larger of the old
// and the new item.
func writeUnits(old, now attr.Item) float64 {
	return float64(max(1, (max(sizeOf(old), sizeOf(now))+1023)/1024))
}

func sizeOf(item attr.Item) int { return attr.Bytes(&types.AttributeValueMemberM{Value: item}) }

func consumed(want types.ReturnConsumedCapacity, name string, units float64) *types.ConsumedCapacity {
	if want == "" || want == types.ReturnConsumedCapacityNone {
		return nil
	}
	return &types.ConsumedCapacity{TableName: &name, CapacityUnits: aws.Float64(units)}
}

// notSupported refuses the parameters that expressions replaced in 2014.
func notSupported(used bool, names string) error {
	if used {
		return validation("the simulated AWS does not take the legacy parameters %s; use expressions", names)
	}
	return nil
}

// unused reports placeholders that no expression used.
func unused(env *expr.Env) error {
	if err := env.Unused(); err != nil {
		return fmt.Errorf("%w", invalid("", err))
	}
	return nil
}
