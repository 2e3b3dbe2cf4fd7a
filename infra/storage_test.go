package main

import (
	"strings"
	"testing"
)

func TestTables(t *testing.T) {
	for _, c := range []struct {
		name   string
		keys   []string
		index  string
		expiry any
		keep   bool
	}{
		{"eks-upgrade-leases", []string{"cluster"}, "", nil, true},
		{"eks-upgrade-records", []string{"upgrade", "key"}, "", nil, true},
		{"eks-upgrade-approvals", []string{"upgrade"}, "", nil, true},
		{"eks-upgrade-connections", []string{"connection"}, "upgrade", "expiresAt", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := least.named(t, "AWS::DynamoDB::Table", "TableName", c.name)
			if kept := table.DeletionPolicy == "Retain" && table.UpdateReplacePolicy == "Retain" && table.Properties["DeletionProtectionEnabled"] == true; kept != c.keep {
				t.Errorf("it is kept: %v", kept)
			}
			for path, want := range map[string]any{
				"BillingMode": "PAY_PER_REQUEST", "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": true, "SSESpecification.SSEEnabled": true, "SSESpecification.SSEType": "KMS",
				"TimeToLiveSpecification.AttributeName": c.expiry, "KeySchema.0.AttributeName": c.keys[0], "KeySchema.0.KeyType": "HASH",
			} {
				if got := at(table.Properties, path); got != want {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			if len(c.keys) > 1 && (at(table.Properties, "KeySchema.1.AttributeName") != c.keys[1] || at(table.Properties, "KeySchema.1.KeyType") != "RANGE") {
				t.Errorf("keys %v", table.Properties["KeySchema"])
			}
			if at(table.Properties, "SSESpecification.KMSMasterKeyId") == nil {
				t.Error("it has AWS's key")
			}
			if c.index != "" && (at(table.Properties, "GlobalSecondaryIndexes.0.IndexName") != c.index || at(table.Properties, "GlobalSecondaryIndexes.0.KeySchema.0.AttributeName") != c.index) {
				t.Errorf("indexes %v", table.Properties["GlobalSecondaryIndexes"])
			}
		})
	}
}

func TestBucketsAreClosedVersionedAndTLSOnly(t *testing.T) {
	for name, algorithm := range map[string]string{"eks-upgrade-artifacts-123456789012-eu-west-1": "aws:kms", "eks-upgrade-access-logs-123456789012-eu-west-1": "AES256"} {
		t.Run(name, func(t *testing.T) {
			bucket := least.named(t, "AWS::S3::Bucket", "BucketName", name)
			policy := least.named(t, "AWS::S3::BucketPolicy", "Bucket", name)
			for _, r := range []resource{bucket, policy} {
				if r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
					t.Errorf("the %s goes with the stack", r.Type)
				}
			}
			for path, want := range map[string]any{
				"VersioningConfiguration.Status": "Enabled", "OwnershipControls.Rules.0.ObjectOwnership": "BucketOwnerEnforced",
				"BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm": algorithm,
				"PublicAccessBlockConfiguration.BlockPublicAcls":                                                  true, "PublicAccessBlockConfiguration.BlockPublicPolicy": true,
				"PublicAccessBlockConfiguration.IgnorePublicAcls": true, "PublicAccessBlockConfiguration.RestrictPublicBuckets": true,
				"LifecycleConfiguration.Rules.1.AbortIncompleteMultipartUpload.DaysAfterInitiation": 7.0,
			} {
				if got := at(bucket.Properties, path); got != want {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			denied := map[string]bool{}
			for _, s := range list(at(policy.Properties, "PolicyDocument.Statement")) {
				if at(s, "Effect") == "Deny" && at(s, "Action") == "s3:*" && at(s, "Principal.AWS") == "*" && len(list(at(s, "Resource"))) == 2 {
					denied[written(at(s, "Condition"))] = true
				}
			}
			if !denied[`{"Bool":{"aws:SecureTransport":"false"}}`] || !denied[`{"NumericLessThan":{"s3:TlsVersion":1.2}}`] {
				t.Errorf("denied is %v", denied)
			}
		})
	}
}

func TestArtifactsStayAsLongAsTheSettingsSay(t *testing.T) {
	const name = "eks-upgrade-artifacts-123456789012-eu-west-1"
	for _, c := range []struct {
		one        template
		days       any
		noncurrent float64
	}{{least, nil, 90}, {full, 365.0, 30}} {
		p := c.one.named(t, "AWS::S3::Bucket", "BucketName", name).Properties
		if got := at(p, "LifecycleConfiguration.Rules.0.ExpirationInDays"); got != c.days {
			t.Errorf("artifacts stay for %v days", got)
		}
		if got := at(p, "LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration.NoncurrentDays"); got != c.noncurrent {
			t.Errorf("old versions stay for %v days", got)
		}
		if at(p, "LoggingConfiguration.DestinationBucketName") == nil {
			t.Error("nobody logs who reads")
		}
	}
}

func TestTheKeyRotatesStaysAndSaysWho(t *testing.T) {
	for _, key := range least.of("AWS::KMS::Key") {
		if key.Properties["EnableKeyRotation"] != true || key.DeletionPolicy != "Retain" {
			t.Errorf("key %v, %v", key.Properties["EnableKeyRotation"], key.DeletionPolicy)
		}
		for _, s := range list(at(key.Properties, "KeyPolicy.Statement")) {
			principal := written(at(s, "Principal"))
			if strings.Contains(principal, `"*"`) {
				t.Errorf("anybody: %v", s)
			}
			care := at(s, "Sid") == "CareByWhomIAMAllows"
			if !care && !ofRules(t, s) && at(s, "Condition") == nil {
				t.Errorf("it may be used without a condition: %v", s)
			}
			for _, action := range list(at(s, "Action")) {
				if strings.Contains(action.(string), "*") {
					t.Errorf("%v of the key", action)
				}
				if care && (action == "kms:Decrypt" || action == "kms:Encrypt" || action == "kms:CreateGrant") {
					t.Errorf("who looks after the key uses it: %v", action)
				}
			}
		}
	}
	least.named(t, "AWS::KMS::Alias", "AliasName", "alias/eks-upgrade")
}

// ofRules reports whether a statement is for EventBridge, which says neither rule
// nor account when it publishes to a topic or uses a key: a condition would drop
// every alert in silence.
func ofRules(t *testing.T, statement any) bool {
	t.Helper()
	if !strings.Contains(written(at(statement, "Principal")), "events.amazonaws.com") {
		return false
	}
	if at(statement, "Principal.Service") != "events.amazonaws.com" || at(statement, "Condition") != nil {
		t.Errorf("EventBridge could not do it: %v", statement)
	}
	return true
}

// What holds the agent's data names the key, by type and property.
func TestNothingIsUnencrypted(t *testing.T) {
	forEach(t, func(t *testing.T, one template) {
		for kind, property := range map[string]string{
			"AWS::DynamoDB::Table": "SSESpecification.KMSMasterKeyId", "AWS::SNS::Topic": "KmsMasterKeyId", "AWS::SQS::Queue": "KmsMasterKeyId",
			"AWS::Logs::LogGroup": "KmsKeyId", "AWS::CodeBuild::Project": "EncryptionKey", "AWS::S3::Bucket": "BucketEncryption",
		} {
			for id, r := range one.of(kind) {
				if at(r.Properties, property) == nil {
					t.Errorf("%s has no %s", id, property)
				}
			}
		}
	})
}

func TestTopicAndQueueTakeWhatThisAccountSendsByTLS(t *testing.T) {
	for kind, sender := range map[string]string{"AWS::SNS::TopicPolicy": `"budgets.amazonaws.com","cloudwatch.amazonaws.com"`, "AWS::SQS::QueuePolicy": `"events.amazonaws.com"`} {
		all := least.of(kind)
		if len(all) != 1 {
			t.Errorf("%d of %s", len(all), kind)
		}
		for _, r := range all {
			text := written(at(r.Properties, "PolicyDocument"))
			for _, part := range []string{`"aws:SecureTransport":"false"`, sender, "123456789012"} {
				if !strings.Contains(text, part) {
					t.Errorf("%s does not say %s: %s", kind, part, text)
				}
			}
			for _, s := range list(at(r.Properties, "PolicyDocument.Statement")) {
				if at(s, "Effect") == "Allow" && at(s, "Condition") == nil && !(kind == "AWS::SNS::TopicPolicy" && ofRules(t, s)) {
					t.Errorf("anybody's %v", s)
				}
			}
		}
	}
}

func TestEverybodyOfTheSettingsIsSubscribed(t *testing.T) {
	if n := len(least.of("AWS::SNS::Subscription")); n != 0 {
		t.Errorf("%d are subscribed without a setting", n)
	}
	for _, address := range []string{"team@example.com", "lead@example.com"} {
		if s := full.named(t, "AWS::SNS::Subscription", "Endpoint", address); s.Properties["Protocol"] != "email" {
			t.Errorf("%v", s.Properties)
		}
	}
}

func TestParametersAreTheSettingsAndNoSecrets(t *testing.T) {
	for name, want := range map[string]any{
		"/eks-upgrade/config/bucket":              "eks-upgrade-artifacts-123456789012-eu-west-1",
		"/eks-upgrade/config/notification/topic":  "arn:aws:sns:eu-west-1:123456789012:eks-upgrade-alerts",
		"/eks-upgrade/config/events/bus":          "eks-upgrade",
		"/eks-upgrade/config/verify/healthMaxAge": "3m",
	} {
		if p := full.named(t, "AWS::SSM::Parameter", "Name", name).Properties; p["Value"] != want || p["Type"] != "String" {
			t.Errorf("%s is %v", name, p)
		}
	}
	for _, name := range []string{"/eks-upgrade/config/approval/url", "/eks-upgrade/config/stream/url"} {
		least.named(t, "AWS::SSM::Parameter", "Name", name)
	}
}

func TestEverythingIsTagged(t *testing.T) {
	for id, r := range full.Resources {
		text := written(r.Properties["Tags"])
		switch r.Type {
		case "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::StepFunctions::StateMachine",
			"AWS::CodeBuild::Project", "AWS::Logs::LogGroup", "AWS::SSM::Parameter", "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::Events::Rule", "AWS::Events::EventBus",
			"AWS::Scheduler::ScheduleGroup", "AWS::EC2::SecurityGroup", "AWS::EKS::AccessEntry", "AWS::CloudWatch::Alarm":
			for _, part := range []string{"eks-upgrade-agent", "platform", "cost-center"} {
				if !strings.Contains(text, part) {
					t.Errorf("%s (%s) lacks the tag %s: %s", id, r.Type, part, text)
				}
			}
		}
	}
}
