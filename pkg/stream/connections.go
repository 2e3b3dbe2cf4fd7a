package stream

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
)

// The attributes of the table of connections: its key, the key of its index,
// and the one that DynamoDB deletes expired items by.
const (
	keyAttribute     = "connection"
	upgradeAttribute = "upgrade"
	expiryAttribute  = "expiresAt" // seconds since the epoch
	// Index is the name of the index by upgrade.
	Index = "upgrade"
	// everything is the upgrade of those who listen to all; no upgrade has that
	// id.
	everything = "*"
)

// DynamoDB is what the table needs.
type DynamoDB interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Connections is the table of those who listen.
type Connections struct {
	API   DynamoDB
	Table string
}

// Put remembers that a connection listens to an upgrade, or with "" to all.
func (c Connections) Put(ctx context.Context, connection, upgradeID string, expires time.Time) error {
	_, err := c.API.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: map[string]types.AttributeValue{
		keyAttribute:     text(connection),
		upgradeAttribute: text(indexed(upgradeID)),
		expiryAttribute:  &types.AttributeValueMemberN{Value: strconv.FormatInt(expires.Unix(), 10)},
	}})
	return awserr.Wrap("remember a listener", err)
}

// Delete forgets a connection.
func (c Connections) Delete(ctx context.Context, connection string) error {
	_, err := c.API.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &c.Table, Key: map[string]types.AttributeValue{keyAttribute: text(connection)}})
	return awserr.Wrap("forget a listener", err)
}

// each calls f for every connection that listens to an upgrade, or with "" to
// all, page by page.
func (c Connections) each(ctx context.Context, upgradeID string, f func(connection string)) error {
	index := Index
	pages := dynamodb.NewQueryPaginator(c.API, &dynamodb.QueryInput{TableName: &c.Table, IndexName: &index,
		KeyConditionExpression:    ptr("#upgrade = :upgrade"),
		ProjectionExpression:      ptr("#connection"),
		ExpressionAttributeNames:  map[string]string{"#upgrade": upgradeAttribute, "#connection": keyAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":upgrade": text(indexed(upgradeID))}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awserr.Wrap("find listeners", err)
		}
		for _, item := range page.Items {
			if id, ok := item[keyAttribute].(*types.AttributeValueMemberS); ok {
				f(id.Value)
			}
		}
	}
	return nil
}

func indexed(upgradeID string) string {
	if upgradeID == "" {
		return everything
	}
	return upgradeID
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func ptr(s string) *string { return &s }
