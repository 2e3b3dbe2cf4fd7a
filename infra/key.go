package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// newKey makes the key that encrypts what the agent keeps and returns its ARN.
// It outlives the stack: without it nobody reads the tables and the bucket
// again.
func newKey(scope constructs.Construct, a agent) *string {
	key := awskms.NewCfnKey(scope, jsii.String("Key"), &awskms.CfnKeyProps{
		Description:         jsii.String("EKS upgrade agent: artifacts, tables, logs, alerts, secrets"),
		EnableKeyRotation:   jsii.Bool(true),
		PendingWindowInDays: jsii.Number(30),
		KeyPolicy:           a.keyPolicy().json(),
	})
	keep(key)
	alias := awskms.NewCfnAlias(scope, jsii.String("Alias"), &awskms.CfnAliasProps{AliasName: jsii.String(access.KeyAlias), TargetKeyId: key.Ref()})
	keep(alias)
	return key.AttrArn()
}

var (
	useOfKey = []any{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
	// What people and CloudFormation need to look after a key. No use of it.
	careOfKey = []any{
		"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation",
		"kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
		"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
	}
)

// keyPolicy says who looks after the key and who uses it. The account's root as
// a principal means: whom IAM policies of this account allow it. In a key's
// policy the resource * is the key itself. Sources, of the services' parts:
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
// https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
func (a agent) keyPolicy() document {
	account := map[string]any{"AWS": "arn:" + a.Partition + ":iam::" + a.Account + ":root"}
	through := func(services ...string) []any {
		var out []any
		for _, s := range services {
			for _, host := range a.Via(s) {
				out = append(out, host)
			}
		}
		return out
	}
	return document{
		{"Sid": "CareByWhomIAMAllows", "Effect": "Allow", "Principal": account, "Action": careOfKey, "Resource": "*"},
		{"Sid": "UseThroughServicesByWhomIAMAllows", "Effect": "Allow", "Principal": account, "Action": useOfKey, "Resource": "*",
			"Condition": map[string]any{"StringEquals": map[string]any{
				"kms:CallerAccount": a.Account, "kms:ViaService": through("dynamodb", "s3", "sns", "sqs", "ssm")}}},
		{"Sid": "DynamoDBAndCodeBuildWorkInBackground", "Effect": "Allow", "Principal": account, "Action": "kms:CreateGrant", "Resource": "*",
			"Condition": map[string]any{"StringEquals": map[string]any{"kms:CallerAccount": a.Account, "kms:ViaService": through("codebuild", "dynamodb")},
				"Bool": map[string]any{"kms:GrantIsForAWSResource": "true"}}},
		{"Sid": "LogsOfThisAccount", "Effect": "Allow", "Principal": map[string]any{"Service": "logs." + a.Region + "." + a.suffix()}, "Action": useOfKey, "Resource": "*",
			"Condition": map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:logs:arn": "arn:" + a.Partition + ":logs:" + a.Region + ":" + a.Account + ":log-group:/aws/*"}}},
		{"Sid": "AlarmsAndBudgetsOfThisAccount", "Effect": "Allow", "Principal": map[string]any{"Service": []any{"budgets.amazonaws.com", "cloudwatch.amazonaws.com"}},
			"Action": []any{"kms:Decrypt", "kms:GenerateDataKey"}, "Resource": "*", "Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": a.Account}}},
		// EventBridge says neither rule nor account when it delivers.
		{"Sid": "AlertsAndDeadLettersOfRules", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"},
			"Action": []any{"kms:Decrypt", "kms:GenerateDataKey"}, "Resource": "*"},
	}
}
