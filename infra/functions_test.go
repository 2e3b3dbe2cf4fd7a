package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

type definition struct {
	States map[string]struct {
		Arguments      struct{ FunctionName string }
		TimeoutSeconds any
		Branches       []definition
	}
}

// A state that times out invokes its function again. If the first invocation
// still ran then, it could change the weights after a rollback.
func TestFunctionsEndBeforeTheStatesThatWaitForThem(t *testing.T) {
	var document definition
	if err := json.Unmarshal(statemachine.Upgrade, &document); err != nil {
		t.Fatal(err)
	}
	states := 0
	var visit func(definition)
	visit = func(m definition) {
		for name, s := range m.States {
			for _, b := range s.Branches {
				visit(b)
			}
			for _, phase := range upgrade.Phases() {
				seconds, fixed := s.TimeoutSeconds.(float64) // the wait for an approval is an expression
				if s.Arguments.FunctionName != access.FunctionName(phase) || !fixed {
					continue
				}
				states++
				if got := deploy.Sizes()[access.FunctionName(phase)].Timeout.Seconds(); got >= seconds {
					t.Errorf("state %s gives up after %.0f s, but its function runs for up to %.0f s", name, seconds, got)
				}
			}
		}
	}
	visit(document)
	if states < 10 {
		t.Errorf("only %d states were found", states)
	}
}

func TestEveryFolderOfLambdasIsAFunction(t *testing.T) {
	entries, err := os.ReadDir("../lambdas")
	if err != nil {
		t.Fatal(err)
	}
	var folders, functions []string
	for _, e := range entries {
		folders = append(folders, "eks-upgrade-"+e.Name())
	}
	for _, r := range least.of("AWS::Lambda::Function") {
		functions = append(functions, r.Properties["FunctionName"].(string))
	}
	slices.Sort(functions)
	if diff := cmp.Diff(folders, functions); diff != "" {
		t.Errorf("(-folders +functions):\n%s", diff)
	}
}

func TestFunctions(t *testing.T) {
	for _, f := range access.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			size := deploy.Sizes()[f.Name]
			if size.MemoryMiB == 0 || size.Timeout == 0 {
				t.Fatal("it has no size")
			}
			asynchronous := slices.Contains(asynchronous, f.Name)
			for _, c := range []struct {
				one          template
				architecture string
				concurrency  any
				network      bool
				retention    float64
			}{{least, "arm64", 5.0, false, 180}, {full, "x86_64", nil, true, 30}} {
				p := c.one.named(t, "AWS::Lambda::Function", "FunctionName", f.Name).Properties
				for path, want := range map[string]any{
					"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures.0": c.architecture, "MemorySize": float64(size.MemoryMiB), "Timeout": size.Timeout.Seconds(),
					"TracingConfig.Mode": "Active", "ReservedConcurrentExecutions": c.concurrency,
				} {
					if got := at(p, path); got != want {
						t.Errorf("%s is %v, want %v", path, got, want)
					}
				}
				if (at(p, "VpcConfig.SubnetIds.1") == "subnet-0123456789abcdef1") != c.network {
					t.Errorf("its network is %v", p["VpcConfig"])
				}
				if (at(p, "DeadLetterConfig.TargetArn") != nil) != asynchronous {
					t.Errorf("its dead letters go to %v", p["DeadLetterConfig"])
				}
				log := c.one.named(t, "AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/"+f.Name).Properties
				if log["RetentionInDays"] != c.retention || log["KmsKeyId"] == nil {
					t.Errorf("its log is %v", log)
				}
			}
		})
	}
	if got := len(least.of("AWS::Lambda::EventInvokeConfig")); got != len(asynchronous) {
		t.Errorf("%d functions have bounded retries", got)
	}
}

// variables returns the environment of a function, with a value in the place of
// what only AWS knows.
func variables(t *testing.T, one template, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for key, value := range at(one.named(t, "AWS::Lambda::Function", "FunctionName", name).Properties, "Environment.Variables").(map[string]any) {
		if text, plain := value.(string); plain {
			out[key] = text
			continue
		}
		var b strings.Builder
		for _, part := range at(value, "Fn::Join.1").([]any) {
			if text, plain := part.(string); plain {
				b.WriteString(text)
			} else {
				b.WriteString("abcdefghij")
			}
		}
		out[key] = b.String()
	}
	return out
}

func TestConfigurationOfFunctionsIsValidAndNamesWhatThereIs(t *testing.T) {
	for _, f := range access.Functions() {
		var environ []string
		for name, value := range variables(t, least, f.Name) {
			if name == "EKS_UPGRADE_AGENT_CONFIG_PATH" {
				if value != "/eks-upgrade/config/" {
					t.Errorf("the path of settings is %q", value)
				}
				continue // it would be read
			}
			environ = append(environ, name+"="+value)
		}
		c, err := config.Load(environ)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		least.named(t, "AWS::S3::Bucket", "BucketName", c.Bucket)
		least.named(t, "AWS::SNS::Topic", "TopicName", c.Notification.Topic[strings.LastIndex(c.Notification.Topic, ":")+1:])
		for _, table := range []string{c.Tables.Leases, c.Tables.Records, c.Tables.Approvals, c.Tables.Connections} {
			least.named(t, "AWS::DynamoDB::Table", "TableName", table)
		}
		least.named(t, "AWS::CodeBuild::Project", "Name", c.Terraform.Project)
		least.named(t, "AWS::Events::EventBus", "Name", c.Events.Bus)
		if c.Approval.URL != "https://abcdefghij.execute-api.eu-west-1.amazonaws.com" || c.Stream.URL != "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/live" {
			t.Errorf("addresses %q, %q", c.Approval.URL, c.Stream.URL)
		}
	}
}

// The group of the stack lets nothing in and HTTPS out to what was named.
func TestTheSecurityGroupLetsHTTPSOutOnly(t *testing.T) {
	groups := full.of("AWS::EC2::SecurityGroup")
	if len(groups) != 1 || len(least.of("AWS::EC2::SecurityGroup")) != 0 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, g := range groups {
		if g.Properties["SecurityGroupIngress"] != nil {
			t.Errorf("it lets in %v", g.Properties["SecurityGroupIngress"])
		}
		var got []string
		for _, e := range list(g.Properties["SecurityGroupEgress"]) {
			if at(e, "FromPort") != 443.0 || at(e, "ToPort") != 443.0 || at(e, "IpProtocol") != "tcp" {
				t.Errorf("it lets out %v", e)
			}
			for _, to := range []string{"CidrIp", "DestinationPrefixListId"} {
				if v, ok := at(e, to).(string); ok {
					got = append(got, v)
				}
			}
		}
		if diff := cmp.Diff([]string{"10.0.0.0/16", "pl-6da54004"}, got); diff != "" {
			t.Error(diff)
		}
	}
}
