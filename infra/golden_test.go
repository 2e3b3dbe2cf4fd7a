package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
)

var assetHash = regexp.MustCompile(`[0-9a-f]{64}`)

// The golden files show a reader of a change what it does to the template.
// What changes with every build is taken out, and what has tests and golden
// files of its own: permissions, documents, buildspecs, the dashboard.
func TestTemplates(t *testing.T) {
	for name, one := range map[string]template{"full": full, "least": least, "spoke": spoke} {
		t.Run(name, func(t *testing.T) {
			var whole map[string]any
			if err := json.Unmarshal(assetHash.ReplaceAll(one.raw, []byte("HASH")), &whole); err != nil {
				t.Fatal(err)
			}
			for _, r := range whole["Resources"].(map[string]any) {
				resource := r.(map[string]any)
				delete(resource, "Metadata")
				properties, _ := resource["Properties"].(map[string]any)
				switch resource["Type"] {
				case "AWS::IAM::Role":
					properties["Policies"] = "see the golden file of permissions"
				case "AWS::StepFunctions::StateMachine":
					properties["DefinitionString"] = "see statemachine/"
				case "AWS::StepFunctions::StateMachineVersion":
					properties["Description"] = "document HASH"
				case "AWS::CodeBuild::Project":
					properties["Source"].(map[string]any)["BuildSpec"] = "see scripts/"
				case "AWS::Events::Rule":
					properties["EventPattern"] = "see events/patterns/"
				case "AWS::CloudWatch::Dashboard":
					properties["DashboardBody"] = "see dashboard.go"
				}
			}
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", " ")
			if err := encoder.Encode(whole); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".template.golden", b.String())
		})
	}
}

// The template takes no parameters but the one of CDK's bootstrap, looks
// nothing up and has no resources that run code in the account.
func TestTemplatesNeedNothingElse(t *testing.T) {
	forEach(t, func(t *testing.T, one template) {
		for name := range one.Parameters {
			if name != "BootstrapVersion" {
				t.Errorf("parameter %s", name)
			}
		}
		for id, r := range one.Resources {
			if !supported[r.Type] {
				t.Errorf("%s is of the type %s", id, r.Type)
			}
		}
		if len(one.raw) > 1<<20 || len(one.Resources) > 500 {
			t.Errorf("CloudFormation takes 1 MB and 500 resources: %d bytes, %d resources", len(one.raw), len(one.Resources))
		}
	})
}

// supported are the types that the simulated CloudFormation makes. No custom
// resources: they are functions with rights of their own.
var supported = map[string]bool{
	"AWS::ApiGateway::Account": true, "AWS::ApiGatewayV2::Api": true, "AWS::ApiGatewayV2::Authorizer": true, "AWS::ApiGatewayV2::Integration": true, "AWS::ApiGatewayV2::Route": true, "AWS::ApiGatewayV2::Stage": true,
	"AWS::Budgets::Budget": true, "AWS::CloudWatch::Alarm": true, "AWS::CloudWatch::Dashboard": true, "AWS::CodeBuild::Project": true, "AWS::DynamoDB::Table": true, "AWS::EC2::SecurityGroup": true,
	"AWS::EKS::AccessEntry": true, "AWS::Events::EventBus": true, "AWS::Events::EventBusPolicy": true, "AWS::Events::Rule": true, "AWS::IAM::Role": true, "AWS::KMS::Alias": true, "AWS::KMS::Key": true,
	"AWS::Lambda::EventInvokeConfig": true, "AWS::Lambda::Function": true, "AWS::Lambda::Permission": true, "AWS::Logs::LogGroup": true, "AWS::S3::Bucket": true, "AWS::S3::BucketPolicy": true,
	"AWS::SNS::Subscription": true, "AWS::SNS::Topic": true, "AWS::SNS::TopicPolicy": true, "AWS::SQS::Queue": true, "AWS::SQS::QueuePolicy": true, "AWS::SSM::Parameter": true,
	"AWS::Scheduler::Schedule": true, "AWS::Scheduler::ScheduleGroup": true, "AWS::StepFunctions::StateMachine": true, "AWS::StepFunctions::StateMachineAlias": true, "AWS::StepFunctions::StateMachineVersion": true,
}
