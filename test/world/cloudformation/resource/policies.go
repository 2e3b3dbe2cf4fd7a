package resource

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// withStatement adds a statement to the text of a policy, "" for none.
func withStatement(policy, sid string, statement map[string]any) (string, error) {
	doc := map[string]any{"Version": "2012-10-17", "Statement": []any{}}
	if policy != "" {
		if err := json.Unmarshal([]byte(policy), &doc); err != nil {
			return "", fmt.Errorf("the policy that is there is not JSON: %w", err)
		}
	}
	all, _ := doc["Statement"].([]any)
	one := map[string]any{"Sid": sid}
	for key, value := range statement {
		one[key] = value
	}
	doc["Statement"] = append(all, one)
	return JSON(doc), nil
}

// failedEntry is the error of one entry of a request for many.
func failedEntry(id, code, message *string) error {
	return wire.Errorf(aws.ToString(code), "%s: %s", aws.ToString(id), aws.ToString(message))
}
