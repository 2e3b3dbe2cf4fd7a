package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// What AWS refuses, or loses without a word, when it is made too early, and no
// reference keeps it from that.
func TestResourcesThatMustComeLater(t *testing.T) {
	for _, c := range []struct {
		what           string
		one            template
		kind, key      string
		name           any
		after, afterIs string
		least          int
	}{
		{"API Gateway deploys no WebSocket API without routes", least, "AWS::ApiGatewayV2::Stage", "StageName", "live", "AWS::ApiGatewayV2::Route", "", 3},
		{"API Gateway writes no log without the account's role", least, "AWS::ApiGatewayV2::Stage", "StageName", "live", "AWS::ApiGateway::Account", "", 1},
		{"S3 writes access logs only where it may", least, "AWS::S3::Bucket", "BucketName", "eks-upgrade-artifacts-123456789012-eu-west-1", "AWS::S3::BucketPolicy", "eks-upgrade-access-logs-123456789012-eu-west-1", 1},
		{"Budgets publishes only where it may", full, "AWS::Budgets::Budget", "Budget.BudgetName", "eks-upgrade-models", "AWS::SNS::TopicPolicy", "", 1},
		{"a bus has one policy, which is written by one at a time", least, "AWS::Events::EventBusPolicy", "StatementId", "OnlyTheAgentSaysWhatItDoes", "AWS::Events::EventBusPolicy", "", 1},
		{"EKS refuses a role of this moment", full, "AWS::EKS::AccessEntry", "ClusterName", "shop", "AWS::StepFunctions::StateMachineAlias", "", 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			seen := false
			for id, r := range c.one.of(c.kind) {
				if at(r.Properties, c.key) != c.name {
					continue
				}
				seen = true
				n := 0
				for _, before := range r.DependsOn {
					other := c.one.Resources[before]
					if other.Type == c.after && (c.afterIs == "" || other.Properties["Bucket"] == c.afterIs) {
						n++
					}
				}
				if n < c.least {
					t.Errorf("%s waits for %v", id, r.DependsOn)
				}
			}
			if !seen {
				t.Errorf("there is no %s %v", c.kind, c.name)
			}
		})
	}
}

// EventBridge replaces what it finds as <name> in the text; \u003cname\u003e it
// leaves as it is.
func TestMessagesOfRulesAreFilledIn(t *testing.T) {
	n := 0
	for id, r := range full.of("AWS::Events::Rule") {
		names, _ := at(r.Properties, "Targets.0.InputTransformer.InputPathsMap").(map[string]any)
		for name := range names {
			n++
			if text := at(r.Properties, "Targets.0.InputTransformer.InputTemplate").(string); !strings.Contains(text, "<"+name+">") {
				t.Errorf("%s: %s is not in %s", id, name, text)
			}
		}
	}
	if n == 0 {
		t.Error("no rule fills in anything")
	}
}

// Step Functions knows integrations by ARNs of the partition that it is in.
func TestDocumentsAreOfTheirPartition(t *testing.T) {
	for _, m := range access.Machines() {
		for _, partition := range []string{"aws", "aws-us-gov", "aws-cn"} {
			text := documentIn(partition, m.Name)
			want := bytes.Count(documents[m.Name], []byte(`"Resource": "arn:aws:states:::`))
			if got := bytes.Count(text, []byte(`"Resource": "arn:`+partition+`:states:::`)); got != want || want == 0 {
				t.Errorf("%s in %s: %d of %d integrations", m.Name, partition, got, want)
			}
		}
	}
}

func TestTheKeyKnowsTheServicesOfItsPartition(t *testing.T) {
	a := agent{Names: access.Names{Partition: "aws-cn", Account: "123456789012", Region: "cn-north-1"}}
	for _, s := range a.keyPolicy() {
		if s["Sid"] == "LogsOfThisAccount" && at(s, "Principal.Service") != "logs.cn-north-1.amazonaws.com.cn" {
			t.Errorf("%v", s["Principal"])
		}
		if s["Sid"] == "UseThroughServicesByWhomIAMAllows" {
			through := list(at(s, "Condition.StringEquals.kms:ViaService"))
			for _, want := range []any{"s3.cn-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"} {
				if !slices.Contains(through, want) {
					t.Errorf("%v is not in %v", want, through)
				}
			}
		}
	}
}
