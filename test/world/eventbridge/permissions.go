package eventbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxBusPolicy is the longest policy of a bus, in bytes.
const maxBusPolicy = 10240

var accountOrAll = regexp.MustCompile(`^(\d{12}|\*)$`)

// statement is one of a bus's policy.
type statement map[string]any

// PutPermission adds a statement to a bus's policy, or replaces the policy.
func (s *Service) PutPermission(_ *wire.Call, in *awseb.PutPermissionInput) (*awseb.PutPermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	statements := slices.Clone(b.policy)
	if in.Policy != nil {
		if in.StatementId != nil || in.Action != nil || in.Principal != nil || in.Condition != nil {
			return nil, validation("Policy cannot be used with StatementId, Action, Principal and Condition.")
		}
		var doc struct {
			Version   string
			Id        string
			Statement json.RawMessage
		}
		if err := json.Unmarshal([]byte(*in.Policy), &doc); err != nil {
			return nil, validation("Policy is not valid JSON: %v", err)
		}
		statements = nil
		if json.Unmarshal(doc.Statement, &statements) != nil {
			var one statement
			if err := json.Unmarshal(doc.Statement, &one); err != nil {
				return nil, validation("Policy has no statements.")
			}
			statements = []statement{one}
		}
	} else {
		one, err := s.permission(b, in)
		if err != nil {
			return nil, err
		}
		statements = append(without(statements, *in.StatementId), one)
	}
	text, err := policyText(statements)
	if err != nil {
		return nil, err
	}
	if len(text) > maxBusPolicy {
		return nil, &types.PolicyLengthExceededException{Message: aws.String("The policy of the event bus is too long.")}
	}
	b.policy = statements
	return &awseb.PutPermissionOutput{}, nil
}

// permission is the statement that PutPermission's other parameters make.
func (s *Service) permission(b *bus, in *awseb.PutPermissionInput) (statement, error) {
	switch {
	case aws.ToString(in.StatementId) == "":
		return nil, validation("Parameter StatementId is not valid.")
	case aws.ToString(in.Action) != "events:PutEvents":
		return nil, validation("Provided value in parameter 'action' is not supported.")
	case !accountOrAll.MatchString(aws.ToString(in.Principal)):
		return nil, validation("Provided value in parameter 'principal' is not valid.")
	}
	one := statement{"Sid": *in.StatementId, "Effect": "Allow", "Principal": "*", "Action": *in.Action, "Resource": b.arn}
	if *in.Principal != "*" {
		one["Principal"] = map[string]any{"AWS": fmt.Sprintf("arn:aws:iam::%s:root", *in.Principal)}
	}
	if c := in.Condition; c != nil {
		if aws.ToString(c.Type) != "StringEquals" || aws.ToString(c.Key) != "aws:PrincipalOrgID" {
			return nil, validation("Condition must be StringEquals of aws:PrincipalOrgID.")
		}
		one["Condition"] = map[string]any{*c.Type: map[string]any{*c.Key: aws.ToString(c.Value)}}
	}
	return one, nil
}

func without(statements []statement, sid string) []statement {
	return slices.DeleteFunc(statements, func(one statement) bool { return one["Sid"] == sid })
}

func policyText(statements []statement) (string, error) {
	if len(statements) == 0 {
		return "", nil
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(b), err
}

// RemovePermission removes a statement of a bus's policy, or all of it.
func (s *Service) RemovePermission(_ *wire.Call, in *awseb.RemovePermissionInput) (*awseb.RemovePermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	if in.RemoveAllPermissions {
		b.policy = nil
		return &awseb.RemovePermissionOutput{}, nil
	}
	left := without(slices.Clone(b.policy), aws.ToString(in.StatementId))
	if len(left) == len(b.policy) {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Statement with the provided id does not exist.")}
	}
	b.policy = left
	return &awseb.RemovePermissionOutput{}, nil
}

// UpdateEventBus changes the description and the key of a bus.
func (s *Service) UpdateEventBus(_ *wire.Call, in *awseb.UpdateEventBusInput) (*awseb.UpdateEventBusOutput, error) {
	if in.DeadLetterConfig != nil || in.LogConfig != nil {
		return nil, validation("the simulated AWS has no dead letter queues and no logs of event buses")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findBus(in.Name)
	if err != nil {
		return nil, err
	}
	b.description, b.kmsKey = in.Description, in.KmsKeyIdentifier
	return &awseb.UpdateEventBusOutput{Arn: &b.arn, Name: &b.name, Description: b.description, KmsKeyIdentifier: b.kmsKey}, nil
}
