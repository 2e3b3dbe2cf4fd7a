package invariants

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// tokenFields are the members that AWS deduplicates calls by.
var tokenFields = []string{"ClientRequestToken", "IdempotencyToken"}

// randomToken is what the SDK fills in when the caller gives no token: UUID 4.
var randomToken = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// tokensAreDerived: a random token would differ when the same call is made
// again after a crash, and a constant one would be the same for another call.
func tokensAreDerived(_ context.Context, c *Checker, call world.CallRecord) error {
	if !governed[call.Service] || call.Caller == "" {
		return nil
	}
	in := reflect.Indirect(reflect.ValueOf(call.Input))
	if in.Kind() != reflect.Struct {
		return nil
	}
	for _, name := range tokenFields {
		field := in.FieldByName(name)
		if !field.IsValid() {
			continue
		}
		token, _ := field.Interface().(*string)
		if token == nil || *token == "" {
			return fmt.Errorf("%s has no %s", call.Operation, name)
		}
		if randomToken.MatchString(*token) {
			return fmt.Errorf("the %s %s of %s is random", name, *token, call.Operation)
		}
		rest := reflect.New(in.Type()).Elem()
		rest.Set(in)
		rest.FieldByName(name).SetZero()
		body, err := json.Marshal(rest.Interface())
		if err != nil {
			return err
		}
		return c.noteToken(call.Service+"."+call.Operation+string(body), *token)
	}
	return nil
}

func (c *Checker) noteToken(intent, token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, seen := c.tokens[intent]; seen && known != token {
		return fmt.Errorf("the same intent had the token %.16s before and has %.16s now", known, token)
	}
	if other, seen := c.intents[token]; seen && other != intent {
		return fmt.Errorf("the token %.16s was used for another intent", token)
	}
	c.tokens[intent], c.intents[token] = token, intent
	return nil
}

// leaseOwner reads the lease table itself, not through the code under test.
func (c *Checker) leaseOwner(ctx context.Context) (string, error) {
	out, err := c.Leases.GetItem(ctx, &dynamodb.GetItemInput{TableName: &c.LeaseTable, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"cluster": &types.AttributeValueMemberS{Value: c.Cluster}}})
	if err != nil {
		return "", err
	}
	data, _ := out.Item["data"].(*types.AttributeValueMemberS)
	if data == nil {
		return "", nil
	}
	var lease struct {
		Owner    string `json:"owner"`
		Released bool   `json:"released"`
	}
	if err := json.Unmarshal([]byte(data.Value), &lease); err != nil {
		return "", err
	}
	if lease.Released {
		return "", nil
	}
	return lease.Owner, nil
}
