package world

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func str(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func num(v int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
}

// records makes a table with a sort key, an index and n items of each of two
// upgrades.
func records(t *testing.T, n int) (*World, *dynamodb.Client) {
	t.Helper()
	w, _ := newWorld(t)
	if err := w.DynamoDB().AddTable(&dynamodb.CreateTableInput{
		TableName: aws.String("records"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("upgrade"), AttributeType: "S"}, {AttributeName: aws.String("seq"), AttributeType: "N"}, {AttributeName: aws.String("state"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("upgrade"), KeyType: "HASH"}, {AttributeName: aws.String("seq"), KeyType: "RANGE"}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("by-state"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("state"), KeyType: "HASH"}}}},
	}); err != nil {
		t.Fatal(err)
	}
	c := dynamodb.NewFromConfig(w.AWSConfig())
	for _, upgrade := range []string{"u1", "u2"} {
		for i := range n {
			item := map[string]types.AttributeValue{"upgrade": str(upgrade), "seq": num(i), "note": str(fmt.Sprintf("step %d", i))}
			if i%2 == 0 {
				item["state"] = str("done")
			}
			if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: item}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w, c
}

func TestQueryPagesInTheOrderOfTheSortKey(t *testing.T) {
	_, c := records(t, 12)
	for _, forward := range []bool{true, false} {
		var got []string
		p := dynamodb.NewQueryPaginator(c, &dynamodb.QueryInput{TableName: aws.String("records"), Limit: aws.Int32(5), ScanIndexForward: &forward,
			KeyConditionExpression: aws.String("upgrade = :u AND seq BETWEEN :a AND :b"), FilterExpression: aws.String("attribute_exists(#s)"), ProjectionExpression: aws.String("seq"),
			ExpressionAttributeNames:  map[string]string{"#s": "state"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":u": str("u1"), ":a": num(2), ":b": num(11)}})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if page.ScannedCount > 5 || int(page.Count) != len(page.Items) {
				t.Errorf("page = %d of %d", page.Count, page.ScannedCount)
			}
			for _, item := range page.Items {
				if len(item) != 1 {
					t.Errorf("item = %v", item)
				}
				got = append(got, item["seq"].(*types.AttributeValueMemberN).Value)
			}
		}
		want := "[2 4 6 8 10]"
		if !forward {
			want = "[10 8 6 4 2]"
		}
		if fmt.Sprint(got) != want {
			t.Errorf("forward %v: %v, want %s", forward, got, want)
		}
	}
}

func TestIndexQueryAndScan(t *testing.T) {
	_, c := records(t, 3)
	byState, err := c.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("records"), IndexName: aws.String("by-state"), KeyConditionExpression: aws.String("#s = :d"),
		ExpressionAttributeNames: map[string]string{"#s": "state"}, ExpressionAttributeValues: map[string]types.AttributeValue{":d": str("done")}})
	if err != nil || byState.Count != 4 || byState.Items[0]["note"] != nil {
		t.Errorf("by state = %+v, %v", byState, err)
	}
	total := 0
	p := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: aws.String("records"), Limit: aws.Int32(4)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total += len(page.Items)
	}
	if total != 6 {
		t.Errorf("scanned %d items, want 6", total)
	}
}

func TestRequestsThatTablesRefuse(t *testing.T) {
	_, c := records(t, 1)
	ctx, name := t.Context(), aws.String("records")
	key := map[string]types.AttributeValue{"upgrade": str("u1"), "seq": num(0)}
	calls := map[string]struct {
		err  func() error
		code string
	}{
		"no such table": {func() error {
			_, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("nope"), Key: key})
			return err
		}, "ResourceNotFoundException"},
		"half a key": {func() error {
			_, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: name, Key: map[string]types.AttributeValue{"upgrade": str("u1")}})
			return err
		}, "ValidationException"},
		"a key of another type": {func() error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: map[string]types.AttributeValue{"upgrade": str("u1"), "seq": str("0")}})
			return err
		}, "ValidationException"},
		"an item without its key": {func() error {
			_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: name, Item: map[string]types.AttributeValue{"upgrade": str("u1")}})
			return err
		}, "ValidationException"},
		"an empty key": {func() error {
			_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: name, Item: map[string]types.AttributeValue{"upgrade": str(""), "seq": num(1)}})
			return err
		}, "ValidationException"},
		"an update of the key": {func() error {
			_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: name, Key: key, UpdateExpression: aws.String("SET seq = :x"), ExpressionAttributeValues: map[string]types.AttributeValue{":x": num(1)}})
			return err
		}, "ValidationException"},
		"a query without the partition key": {func() error {
			_, err := c.Query(ctx, &dynamodb.QueryInput{TableName: name, KeyConditionExpression: aws.String("seq = :x"), ExpressionAttributeValues: map[string]types.AttributeValue{":x": num(1)}})
			return err
		}, "ValidationException"},
		"a query with OR": {func() error {
			_, err := c.Query(ctx, &dynamodb.QueryInput{TableName: name, KeyConditionExpression: aws.String("upgrade = :x OR upgrade = :x"), ExpressionAttributeValues: map[string]types.AttributeValue{":x": str("u")}})
			return err
		}, "ValidationException"},
		"an unused value": {func() error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: key, ConditionExpression: aws.String("attribute_exists(note)"), ExpressionAttributeValues: map[string]types.AttributeValue{":x": str("u")}})
			return err
		}, "ValidationException"},
		"values without an expression": {func() error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: key, ExpressionAttributeValues: map[string]types.AttributeValue{":x": str("u")}})
			return err
		}, "ValidationException"},
		"a table that exists": {func() error {
			_, err := c.CreateTable(ctx, &dynamodb.CreateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("a"), AttributeType: "S"}}, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("a"), KeyType: "HASH"}}})
			return err
		}, "ResourceInUseException"},
	}
	for what, tc := range calls {
		t.Run(what, func(t *testing.T) { wantCode(t, tc.err(), tc.code) })
	}
}

func TestTransactionsWriteAllOrNothing(t *testing.T) {
	w, c := records(t, 1)
	name := aws.String("records")
	put := func(seq int, cond *string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: name, Item: map[string]types.AttributeValue{"upgrade": str("tx"), "seq": num(seq)}, ConditionExpression: cond,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}}
	}
	check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: name, Key: map[string]types.AttributeValue{"upgrade": str("u1"), "seq": num(0)},
		ConditionExpression: aws.String("note = :n"), ExpressionAttributeValues: map[string]types.AttributeValue{":n": str("step 0")}}}
	absent := aws.String("attribute_not_exists(upgrade)")
	write := func(items ...types.TransactWriteItem) error {
		_, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: items})
		return err
	}
	if err := write(put(1, absent), put(2, absent), check); err != nil {
		t.Fatal(err)
	}
	var canceled *types.TransactionCanceledException
	if err := write(put(3, absent), put(2, absent)); !errors.As(err, &canceled) {
		t.Fatalf("err = %v", err)
	}
	if r := canceled.CancellationReasons; len(r) != 2 || *r[0].Code != "None" || *r[1].Code != "ConditionalCheckFailed" || r[1].Item["upgrade"] == nil {
		t.Errorf("reasons = %+v", r)
	}
	if items := w.DynamoDB().Items("records"); len(items) != 4 {
		t.Errorf("%d items, want 4: the cancelled transaction wrote something", len(items))
	}
	wantCode(t, write(put(5, nil), put(5, nil)), "ValidationException")
}

func TestUpdateItemReturnsWhatWasAsked(t *testing.T) {
	_, c := records(t, 1)
	update := func(rv types.ReturnValue) map[string]types.AttributeValue {
		t.Helper()
		out, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: aws.String("records"), Key: map[string]types.AttributeValue{"upgrade": str("u1"), "seq": num(0)},
			UpdateExpression: aws.String("SET generation = if_not_exists(generation, :zero) + :one"), ReturnValues: rv,
			ExpressionAttributeValues: map[string]types.AttributeValue{":zero": num(0), ":one": num(1)}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes
	}
	if got := update(types.ReturnValueUpdatedNew); len(got) != 1 || got["generation"].(*types.AttributeValueMemberN).Value != "1" {
		t.Errorf("updated new = %v", got)
	}
	if got := update(types.ReturnValueUpdatedOld); len(got) != 1 || got["generation"].(*types.AttributeValueMemberN).Value != "1" {
		t.Errorf("updated old = %v", got)
	}
	if got := update(types.ReturnValueAllNew); len(got) != 5 || got["generation"].(*types.AttributeValueMemberN).Value != "3" {
		t.Errorf("all new = %v", got)
	}
	if got := update(types.ReturnValueNone); got != nil {
		t.Errorf("none = %v", got)
	}
}
