package dynamodb

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/expr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxPage is how many bytes a page of Query or Scan reads.
const maxPage = 1 << 20

// read is a query or a scan.
type read struct {
	t          *table
	index      string
	match      *expr.Cond // key condition; nil for a scan
	filter     *expr.Cond
	projection []expr.Path
	selected   types.Select
	limit      int
	start      attr.Item
	backward   bool
}

type page struct {
	items   []map[string]types.AttributeValue
	count   int32
	scanned int32
	bytes   int // read
	last    attr.Item
}

// keys returns the key schema that orders the read.
func (r *read) keys() keySchema {
	if r.index != "" {
		return r.t.indexes[r.index]
	}
	return r.t.key
}

// run reads one page.
func (r *read) run() (page, error) {
	k := r.keys()
	var items []attr.Item
	for _, key := range slices.Sorted(maps.Keys(r.t.items)) {
		item := r.t.items[key]
		if _, ok := item[k.hash]; !ok {
			continue // not in a sparse index
		}
		if _, ok := item[k.sort]; !ok && k.sort != "" {
			continue
		}
		if r.match == nil || r.match.Holds(item) {
			items = append(items, item)
		}
	}
	slices.SortStableFunc(items, r.order)
	if r.backward {
		slices.Reverse(items)
	}
	from, err := r.position(items)
	if err != nil {
		return page{}, err
	}
	p := page{items: []map[string]types.AttributeValue{}}
	for i, item := range items[from:] {
		p.bytes += sizeOf(item)
		p.scanned++
		if r.filter == nil || r.filter.Holds(item) {
			p.count++
			p.items = append(p.items, r.view(item))
		}
		more := from+i+1 < len(items)
		if (r.limit > 0 && int(p.scanned) >= r.limit) || (p.bytes >= maxPage && more) {
			p.last = r.t.onlyKey(item, r.index)
			break
		}
	}
	if r.selected == types.SelectCount {
		p.items = nil
	}
	return p, nil
}

// order sorts by partition, then by sort key.
func (r *read) order(a, b attr.Item) int {
	k := r.keys()
	if c := strings.Compare(encodeScalar(a[k.hash]), encodeScalar(b[k.hash])); c != 0 {
		return c
	}
	if k.sort == "" {
		return 0
	}
	c, _ := attr.Compare(a[k.sort], b[k.sort])
	return c
}

// position returns where to go on after ExclusiveStartKey.
func (r *read) position(items []attr.Item) (int, error) {
	if r.start == nil {
		return 0, nil
	}
	want := r.t.onlyKey(r.start, r.index)
	if len(want) != len(r.start) {
		return 0, validation("The provided starting key is invalid")
	}
	key, err := r.t.keyOf(r.t.onlyKey(r.start, ""), true)
	if err != nil {
		return 0, validation("The provided starting key is invalid: %v", wire.Describe(err).Message)
	}
	for i, item := range items {
		c := r.order(item, r.start)
		if r.backward {
			c = -c
		}
		here, err := r.t.keyOf(item, false)
		if err != nil {
			return 0, err
		}
		if c == 0 && here == key {
			return i + 1, nil
		}
		if c > 0 { // the item itself is gone
			return i, nil
		}
	}
	return len(items), nil
}

func (r *read) view(item attr.Item) attr.Item {
	if r.projection != nil {
		return expr.Project(item, r.projection)
	}
	p := r.t.projections[r.index]
	if r.index == "" || p == nil || p.ProjectionType == types.ProjectionTypeAll || p.ProjectionType == "" {
		return attr.CloneItem(item)
	}
	out := r.t.onlyKey(item, r.index)
	for _, name := range p.NonKeyAttributes {
		if v, ok := item[name]; ok {
			out[name] = v
		}
	}
	return attr.CloneItem(out)
}

// prepare checks what Query and Scan have in common.
func (s *Service) prepare(r *read, name, index, filter, projection *string, limit *int32, start attr.Item, env *expr.Env) error {
	var err error
	if r.t, err = s.table(name); err != nil {
		return err
	}
	if index != nil {
		r.index = *index
		if _, ok := r.t.indexes[r.index]; !ok {
			return validation("The table does not have the specified index: %s", r.index)
		}
	}
	if r.filter, err = condition("FilterExpression", filter, env); err != nil {
		return err
	}
	if projection != nil {
		if r.projection, err = expr.Projection(*projection, env); err != nil {
			return invalid("ProjectionExpression", err)
		}
	}
	if limit != nil {
		if *limit < 1 {
			return validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *limit)
		}
		r.limit = int(*limit)
	}
	if start != nil {
		if err := checkItem(start); err != nil {
			return err
		}
	}
	r.start = start
	return nil
}

// Query implements the API operation.
func (s *Service) Query(_ *wire.Call, in *awsddb.QueryInput) (*awsddb.QueryOutput, error) {
	if err := notSupported(in.KeyConditions != nil || in.QueryFilter != nil || in.AttributesToGet != nil, "KeyConditions, QueryFilter and AttributesToGet"); err != nil {
		return nil, err
	}
	if in.KeyConditionExpression == nil {
		return nil, validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	env, err := environment(in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.KeyConditionExpression)
	if err != nil {
		return nil, err
	}
	r := &read{selected: in.Select, backward: in.ScanIndexForward != nil && !*in.ScanIndexForward}
	if err := s.prepare(r, in.TableName, in.IndexName, in.FilterExpression, in.ProjectionExpression, in.Limit, in.ExclusiveStartKey, env); err != nil {
		return nil, err
	}
	if r.match, err = condition("KeyConditionExpression", in.KeyConditionExpression, env); err != nil {
		return nil, err
	}
	if err := checkKeyCondition(r.match, r.keys()); err != nil {
		return nil, err
	}
	if err := checkFilter(r.filter, r.keys()); err != nil {
		return nil, err
	}
	if err := unused(env); err != nil {
		return nil, err
	}
	p, err := r.run()
	if err != nil {
		return nil, err
	}
	return &awsddb.QueryOutput{Items: p.items, Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last,
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, r.t.name, readUnits(p.bytes, in.ConsistentRead))}, nil
}

// checkFilter refuses a query's filter that tests the key.
func checkFilter(c *expr.Cond, k keySchema) error {
	if c == nil {
		return nil
	}
	for _, part := range []*expr.Cond{c.Left, c.Right} {
		if err := checkFilter(part, k); err != nil {
			return err
		}
	}
	for _, a := range c.Args {
		for o := &a; o != nil; o = o.Size {
			if len(o.Path) > 0 && (o.Path[0].Name == k.hash || k.sort != "" && o.Path[0].Name == k.sort) {
				return validation("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", o.Path[0].Name)
			}
		}
	}
	return nil
}

// checkKeyCondition allows an equality on the partition key and at most one
// test of the sort key, joined by AND.
func checkKeyCondition(c *expr.Cond, k keySchema) error {
	tests := []*expr.Cond{c}
	if c.Op == "and" {
		tests = []*expr.Cond{c.Left, c.Right}
	}
	hash, sort := 0, 0
	for _, t := range tests {
		if len(t.Args) == 0 || t.Args[0].Path == nil || len(t.Args[0].Path) != 1 {
			return validation("Invalid operator used in KeyConditionExpression: %s", strings.ToUpper(t.Op))
		}
		name := t.Args[0].Path[0].Name
		switch {
		case name == k.hash && t.Op == "=":
			hash++
		case name == k.sort && k.sort != "" && slices.Contains([]string{"=", "<", "<=", ">", ">=", "between", "begins_with"}, t.Op):
			sort++
		case name == k.hash || name == k.sort:
			return validation("Query key condition not supported")
		default:
			return validation("Query condition missed key schema element: %s", k.hash)
		}
		for _, a := range t.Args[1:] {
			if a.Value == nil {
				return validation("Invalid KeyConditionExpression: the right side must be a value")
			}
		}
	}
	if hash != 1 {
		return validation("Query condition missed key schema element: %s", k.hash)
	}
	if sort > 1 {
		return validation("KeyConditionExpressions must only contain one condition per key")
	}
	return nil
}

// Scan implements the API operation.
func (s *Service) Scan(_ *wire.Call, in *awsddb.ScanInput) (*awsddb.ScanOutput, error) {
	if err := notSupported(in.ScanFilter != nil || in.AttributesToGet != nil, "ScanFilter and AttributesToGet"); err != nil {
		return nil, err
	}
	if in.TotalSegments != nil && aws.ToInt32(in.TotalSegments) != 1 {
		return nil, validation("the simulated AWS does not scan in parallel segments")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	env, err := environment(in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.FilterExpression, in.ProjectionExpression)
	if err != nil {
		return nil, err
	}
	r := &read{selected: in.Select}
	if err := s.prepare(r, in.TableName, in.IndexName, in.FilterExpression, in.ProjectionExpression, in.Limit, in.ExclusiveStartKey, env); err != nil {
		return nil, err
	}
	if err := unused(env); err != nil {
		return nil, err
	}
	p, err := r.run()
	if err != nil {
		return nil, err
	}
	return &awsddb.ScanOutput{Items: p.items, Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last,
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, r.t.name, readUnits(p.bytes, in.ConsistentRead))}, nil
}
