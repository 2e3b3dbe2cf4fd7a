package access

import "strings"

// uses says what a service does with the key of what it holds when it is asked
// for something, as its caller. Sources: the pages on encryption at rest and
// KMS permissions of S3, DynamoDB, SNS, SQS and Parameter Store.
var uses = []struct{ action, service, kms string }{
	{"s3:GetObject", "s3", "kms:Decrypt"},
	{"s3:PutObject", "s3", "kms:GenerateDataKey"},
	{"dynamodb:", "dynamodb", "kms:Decrypt"},
	{"sns:Publish", "sns", "kms:Decrypt"},
	{"sns:Publish", "sns", "kms:GenerateDataKey"},
	{"sqs:SendMessage", "sqs", "kms:Decrypt"},
	{"sqs:SendMessage", "sqs", "kms:GenerateDataKey"},
	{"ssm:GetParametersByPath", "ssm", "kms:Decrypt"},
}

// Via returns the names by which KMS knows a service that calls it for somebody,
// as values of kms:ViaService. In China names of services end in either suffix.
func (n Names) Via(service string) []string {
	name := service + "." + n.Region + ".amazonaws.com"
	if n.Partition == "aws-cn" {
		return []string{name, name + ".cn"}
	}
	return []string{name}
}

// withKey adds what the statements need of the agent's key: to use it through
// the services that are called, and in no other way.
func withKey(n Names, may []Statement) []Statement {
	if n.Key == "" {
		return may
	}
	for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
		var via []string
		for _, u := range uses {
			if u.kms == action && does(may, u.action) {
				via = append(via, n.Via(u.service)...)
			}
		}
		if len(via) == 0 {
			continue
		}
		why := "reads what is encrypted at rest"
		if action == "kms:GenerateDataKey" {
			why = "writes what is encrypted at rest"
		}
		may = append(may, allow(why, []string{n.Key}, action).when(map[string]map[string]any{"StringEquals": {"kms:ViaService": via}}))
	}
	return may
}

func does(may []Statement, action string) bool {
	for _, s := range may {
		for _, a := range s.Actions {
			if a == action || strings.HasSuffix(action, ":") && strings.HasPrefix(a, action) {
				return true
			}
		}
	}
	return false
}
