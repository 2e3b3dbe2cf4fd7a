package world

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestTablesTellWhatTheyCostAndRefuse(t *testing.T) {
	w, clk := newWorld(t)
	ctx, c := t.Context(), dynamodb.NewFromConfig(w.AWSConfig())
	key := func(name string, kind ddbtypes.KeyType) ddbtypes.KeySchemaElement {
		return ddbtypes.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	in := &dynamodb.CreateTableInput{TableName: aws.String("plans"), BillingMode: ddbtypes.BillingModePayPerRequest, KeySchema: []ddbtypes.KeySchemaElement{key("pk", "HASH"), key("sk", "RANGE")},
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}, {AttributeName: aws.String("x"), AttributeType: "S"}}}
	_, err := c.CreateTable(ctx, in)
	if wantCode(t, err, "ValidationException"); !strings.Contains(err.Error(), "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions") {
		t.Errorf("err = %v", err)
	}
	in.AttributeDefinitions = in.AttributeDefinitions[:2]
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	clk.Advance(time.Minute)
	text := func(s string) ddbtypes.AttributeValue { return &ddbtypes.AttributeValueMemberS{Value: s} }
	id := map[string]ddbtypes.AttributeValue{"pk": text("a"), "sk": text("b")}
	put, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: in.TableName, ReturnConsumedCapacity: "TOTAL",
		Item: map[string]ddbtypes.AttributeValue{"pk": text("a"), "sk": text("b"), "v": text(strings.Repeat("x", 5000))}})
	if err != nil || *put.ConsumedCapacity.CapacityUnits != 5 {
		t.Errorf("a write of 5 KB: %+v, %v", put, err)
	}
	for consistent, want := range map[bool]float64{false: 1, true: 2} {
		got, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: in.TableName, Key: id, ConsistentRead: &consistent, ReturnConsumedCapacity: "TOTAL"})
		if err != nil || *got.ConsumedCapacity.CapacityUnits != want {
			t.Errorf("a read of 5 KB, consistent %v: %+v, %v", consistent, got, err)
		}
	}
	_, err = c.Query(ctx, &dynamodb.QueryInput{TableName: in.TableName, KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("v = :p OR size(sk) > :n"),
		ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":p": text("a"), ":n": &ddbtypes.AttributeValueMemberN{Value: "1"}}})
	if wantCode(t, err, "ValidationException"); !strings.Contains(err.Error(), "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk") {
		t.Errorf("err = %v", err)
	}
	_, err = c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("x"), Key: id})
	wantCode(t, err, "ResourceNotFoundException")
	out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName})
	if err != nil || out.Table.TableId == nil || *out.Table.DeletionProtectionEnabled || out.Table.BillingModeSummary.LastUpdateToPayPerRequestDateTime == nil {
		t.Errorf("%+v, %v", out, err)
	}
}
