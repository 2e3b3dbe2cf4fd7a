// Package table keeps JSON documents in DynamoDB with optimistic writes: each
// item has its key attributes, the document in the string attribute "data" and
// a number "version" that rises by one with each write. A write names the
// version that it replaces, so two writers never overwrite each other.
//
// All reads are strongly consistent: a handler that starts again after a crash
// must see what was written before it.
package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	dataAttribute    = "data"
	versionAttribute = "version"
)

// API is what a Table needs of DynamoDB.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Table is one DynamoDB table.
type Table struct {
	api  API
	name string
}

// New returns the table of that name.
func New(api API, name string) Table { return Table{api: api, name: name} }

// Key is the key attributes of an item, all of type string.
type Key map[string]string

func (k Key) attributes() map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, len(k)+2)
	for name, value := range k {
		item[name] = &types.AttributeValueMemberS{Value: value}
	}
	return item
}

// Get reads and strictly decodes a document. Version is 0 when there is none.
func Get[T any](ctx context.Context, t Table, key Key) (doc T, version int64, err error) {
	data, version, err := t.get(ctx, key)
	if err != nil || version == 0 {
		return doc, 0, err
	}
	doc, err = decode[T](t.name, key, data)
	return doc, version, err
}

func (t Table) get(ctx context.Context, key Key) ([]byte, int64, error) {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &t.name, Key: key.attributes(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, 0, awserr.Wrap("read table "+t.name, err)
	}
	if len(out.Item) == 0 {
		return nil, 0, nil
	}
	return split(t.name, out.Item)
}

// attempts bounds how often Update decides again after losing a race. The
// writers of one item are the handlers of one upgrade and the people who help
// it: more than a few races in a row mean that something is wrong.
const attempts = 5

// Decide says what a document becomes. It may run several times and must have
// no effects. write false leaves the document as it is.
type Decide[T any] func(old T, found bool) (next T, write bool, err error)

// Update reads a document, lets decide choose and writes the choice, provided
// that nobody wrote in between; otherwise it starts over. It returns what holds
// at the end. Losing all races is a Conflict.
func Update[T any](ctx context.Context, t Table, key Key, decide Decide[T]) (T, error) {
	var zero T
	for range attempts {
		old, version, err := Get[T](ctx, t, key)
		if err != nil {
			return zero, err
		}
		next, write, err := decide(old, version > 0)
		if err != nil {
			return zero, err
		}
		if !write {
			return old, nil
		}
		data, err := json.Marshal(next)
		if err != nil {
			return zero, upgrade.KindTableUnencodable.Errorf("encode item of table "+t.name, "%w", err)
		}
		written, err := t.put(ctx, key, data, version)
		if err != nil {
			return zero, err
		}
		if written {
			return next, nil
		}
	}
	return zero, upgrade.KindTableContended.Errorf("write table "+t.name, "%v was changed by others %d times in a row", key, attempts).
		WithRemedy("find out who else writes this item")
}

// put writes data over version (0: there must be no item) and reports whether
// it holds now. The SDK repeats a request whose answer was lost, and the repeat
// then fails the condition that its own first try made false: so after a failed
// condition put looks whether its very data is there as the next version.
// Documents are states that say whose they are (never bare counters), so equal
// data by somebody else is the same state and counts as written too.
func (t Table) put(ctx context.Context, key Key, data []byte, version int64) (bool, error) {
	item := key.attributes()
	item[dataAttribute] = &types.AttributeValueMemberS{Value: string(data)}
	item[versionAttribute] = number(version + 1)
	in := &dynamodb.PutItemInput{TableName: &t.name, Item: item,
		ExpressionAttributeNames: map[string]string{"#version": versionAttribute}}
	if version == 0 {
		in.ConditionExpression = aws.String("attribute_not_exists(#version)")
	} else {
		in.ConditionExpression = aws.String("#version = :version")
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":version": number(version)}
	}
	_, err := t.api.PutItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &failed):
		now, at, err := t.get(ctx, key)
		return err == nil && at == version+1 && string(now) == string(data), err
	default:
		return false, awserr.Wrap("write table "+t.name, err)
	}
}

// Query returns the documents of one partition whose sort key begins with
// prefix, in the order of the sort key.
func Query[T any](ctx context.Context, t Table, partition, value, sort, prefix string) ([]T, error) {
	pages := dynamodb.NewQueryPaginator(t.api, &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#partition = :partition AND begins_with(#sort, :prefix)"),
		ExpressionAttributeNames: map[string]string{"#partition": partition, "#sort": sort},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":partition": &types.AttributeValueMemberS{Value: value},
			":prefix":    &types.AttributeValueMemberS{Value: prefix}},
	})
	docs := []T{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("query table "+t.name, err)
		}
		for _, item := range page.Items {
			data, _, err := split(t.name, item)
			if err != nil {
				return nil, err
			}
			doc, err := decode[T](t.name, Key{partition: value, sort: prefix + "*"}, data)
			if err != nil {
				return nil, err
			}
			docs = append(docs, doc)
		}
	}
	return docs, nil
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func split(table string, item map[string]types.AttributeValue) (data []byte, version int64, err error) {
	text, isText := item[dataAttribute].(*types.AttributeValueMemberS)
	n, isNumber := item[versionAttribute].(*types.AttributeValueMemberN)
	if isNumber {
		version, err = strconv.ParseInt(n.Value, 10, 64)
	}
	if !isText || !isNumber || err != nil || version < 1 {
		return nil, 0, damaged(table, upgrade.Detailf("an item has no text %q or no positive number %q", dataAttribute, versionAttribute))
	}
	return []byte(text.Value), version, nil
}

func decode[T any](table string, key Key, data []byte) (T, error) {
	doc, err := upgrade.Decode[T](data)
	if err != nil {
		return doc, damaged(table, fmt.Errorf("%v: %w", key, err))
	}
	return doc, nil
}

// damaged is Internal whatever the cause: the request is not at fault, and
// nothing may be decided on an item that cannot be read.
func damaged(table string, err error) error {
	return upgrade.KindTableDamaged.Errorf("read table "+table, "an item is not as the agent writes it: %w", err).
		WithRemedy("restore the item from the table's point-in-time recovery; it was changed by hand or by another version of the agent")
}
