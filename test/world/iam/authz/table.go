package authz

import (
	"reflect"
	"regexp"
	"strings"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

func (r Request) table(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	if name == "" {
		name = "*"
	}
	return r.arn("dynamodb", "table/"+name)
}

func table(r Request) []string { return []string{r.table(r.text("TableName"))} }

func index(r Request) []string {
	if name := r.text("IndexName"); name != "" {
		return []string{r.table(r.text("TableName")) + "/index/" + name}
	}
	return table(r)
}

// hashKey is the name of a table's partition key.
func (r Request) hashKey(tableName string) string {
	found := r.ask("dynamodb", "DescribeTable", &awsdynamodb.DescribeTableInput{TableName: &tableName}, "Table.KeySchema.AttributeName")
	kinds := r.ask("dynamodb", "DescribeTable", &awsdynamodb.DescribeTableInput{TableName: &tableName}, "Table.KeySchema.KeyType")
	for i, kind := range kinds {
		if kind == "HASH" && i < len(found) {
			return found[i]
		}
	}
	return ""
}

// scalar is a key's value as dynamodb:LeadingKeys has it.
func scalar(v types.AttributeValue) (string, bool) {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		return x.Value, true
	case *types.AttributeValueMemberN:
		return x.Value, true
	case *types.AttributeValueMemberB:
		return string(x.Value), true
	}
	return "", false
}

// row is one item that a request reads or writes.
func (r Request) row(action, tableName string, item map[string]types.AttributeValue) Need {
	n := Need{Action: "dynamodb:" + action, Resource: r.table(tableName), Context: policy.Context{}}
	if text, ok := scalar(item[r.hashKey(tableName)]); ok {
		n.Context.Set("dynamodb:LeadingKeys", text)
	}
	return n
}

// attributes reads a field that holds an item or a key.
func attributes(v reflect.Value, name string) map[string]types.AttributeValue {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	item, _ := v.FieldByName(name).Interface().(map[string]types.AttributeValue)
	return item
}

func item(action, field string) Rule {
	return func(r Request) []Need {
		n := r.row(action, r.text("TableName"), attributes(reflect.ValueOf(r.Input), field))
		n.Context.Set("dynamodb:ReturnValues", r.texts("ReturnValues")...)
		return []Need{n}
	}
}

var equality = regexp.MustCompile(`(#?\w+)\s*=\s*(:\w+)`)

// queried finds the partition key's value in the key condition.
func queried(r Request) []Need {
	needs := with(on("dynamodb:Query", index), "dynamodb:Select", "Select")(r)
	in, ok := r.Input.(*awsdynamodb.QueryInput)
	if !ok || in.KeyConditionExpression == nil || in.IndexName != nil {
		return needs
	}
	hash := r.hashKey(r.text("TableName"))
	for _, m := range equality.FindAllStringSubmatch(*in.KeyConditionExpression, -1) {
		name := m[1]
		if alias, ok := in.ExpressionAttributeNames[name]; ok {
			name = alias
		}
		if text, ok := scalar(in.ExpressionAttributeValues[m[2]]); ok && name == hash {
			needs[0].Context.Set("dynamodb:LeadingKeys", text)
		}
	}
	return needs
}

func batchGot(r Request) []Need {
	in, ok := r.Input.(*awsdynamodb.BatchGetItemInput)
	if !ok {
		return nil
	}
	var out []Need
	for _, name := range r.texts("RequestItems.#") {
		n := Need{Action: "dynamodb:BatchGetItem", Resource: r.table(name), Context: policy.Context{}}
		for _, key := range in.RequestItems[name].Keys {
			n.leads(r, name, key)
		}
		out = append(out, n)
	}
	return out
}

func (n Need) leads(r Request, tableName string, item map[string]types.AttributeValue) {
	if text, ok := scalar(item[r.hashKey(tableName)]); ok {
		n.Context.Set("dynamodb:LeadingKeys", append(n.Context["dynamodb:leadingkeys"], text)...)
	}
}

func batchWritten(r Request) []Need {
	in, ok := r.Input.(*awsdynamodb.BatchWriteItemInput)
	if !ok {
		return nil
	}
	var out []Need
	for _, name := range r.texts("RequestItems.#") {
		n := Need{Action: "dynamodb:BatchWriteItem", Resource: r.table(name), Context: policy.Context{}}
		for _, w := range in.RequestItems[name] {
			if w.PutRequest != nil {
				n.leads(r, name, w.PutRequest.Item)
			}
			if w.DeleteRequest != nil {
				n.leads(r, name, w.DeleteRequest.Key)
			}
		}
		out = append(out, n)
	}
	return out
}

// transacted needs the single permissions of what a transaction does.
func transacted(r Request) []Need {
	var out []Need
	switch in := r.Input.(type) {
	case *awsdynamodb.TransactGetItemsInput:
		for _, t := range in.TransactItems {
			if t.Get != nil {
				out = append(out, r.row("GetItem", deref(t.Get.TableName), t.Get.Key))
			}
		}
	case *awsdynamodb.TransactWriteItemsInput:
		for _, t := range in.TransactItems {
			switch {
			case t.Put != nil:
				out = append(out, r.row("PutItem", deref(t.Put.TableName), t.Put.Item))
			case t.Update != nil:
				out = append(out, r.row("UpdateItem", deref(t.Update.TableName), t.Update.Key))
			case t.Delete != nil:
				out = append(out, r.row("DeleteItem", deref(t.Delete.TableName), t.Delete.Key))
			case t.ConditionCheck != nil:
				out = append(out, r.row("ConditionCheckItem", deref(t.ConditionCheck.TableName), t.ConditionCheck.Key))
			}
		}
	}
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

var dynamodb = merge(
	map[string]Rule{
		"GetItem": item("GetItem", "Key"), "PutItem": item("PutItem", "Item"), "UpdateItem": item("UpdateItem", "Key"), "DeleteItem": item("DeleteItem", "Key"),
		"Query": queried, "Scan": with(on("dynamodb:Scan", index), "dynamodb:Select", "Select"),
		"BatchGetItem": batchGot, "BatchWriteItem": batchWritten, "TransactGetItems": transacted, "TransactWriteItems": transacted,
		"ListTables": on("dynamodb:ListTables", anything), "DescribeLimits": on("dynamodb:DescribeLimits", anything),
		"DescribeEndpoints": on("dynamodb:DescribeEndpoints", anything),
	},
	same("dynamodb", table, "CreateTable", "DescribeTable", "DeleteTable", "UpdateTable", "DescribeTimeToLive", "UpdateTimeToLive", "DescribeContinuousBackups",
		"UpdateContinuousBackups"),
	same("dynamodb", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsOfResource"),
)
