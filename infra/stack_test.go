package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

// The one synthesis that all tests look at: as assertions, and as plain data.
var (
	template  assertions.Template
	resources map[string]resource
)

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

func TestMain(m *testing.M) {
	code, err := synthesized(m.Run)
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func synthesized(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "infra-test-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing depends on it any more
	settings := Settings{Account: "123456789012", Region: "eu-west-1", Clusters: []string{"shop", "shop-green"},
		HostedZones: []string{"Z0123456789ABCDEFGHIJ"}, Roles: []string{"shop-cluster", "shop-nodes"}, Dist: filepath.Join(dir, "dist")}
	if err := fakeDist(settings.Dist); err != nil {
		return 1, err
	}
	var cdk struct{ Context map[string]any }
	data, err := os.ReadFile("../cdk.json")
	if err == nil {
		err = json.Unmarshal(data, &cdk)
	}
	if err != nil {
		return 1, err
	}
	app := awscdk.NewApp(&awscdk.AppProps{Context: &cdk.Context, Outdir: jsii.String(filepath.Join(dir, "cdk.out"))})
	template = assertions.Template_FromStack(newStack(app, settings), nil)
	if data, err = json.Marshal(template.ToJSON()); err != nil {
		return 1, err
	}
	var all struct{ Resources map[string]resource }
	if err := json.Unmarshal(data, &all); err != nil {
		return 1, err
	}
	resources = all.Resources
	return run(), nil
}

// fakeDist writes what `make build` writes, with other content.
func fakeDist(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "source"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "source", "eks-upgrade"), []byte("a program"), 0o755); err != nil {
		return err
	}
	for _, phase := range upgrade.Phases() {
		if err := os.WriteFile(filepath.Join(dir, string(phase)+".zip"), []byte("the zip of "+phase), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// holds turns the panic of an assertion into a failure of the test.
func holds(t *testing.T, assertion func()) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%v", r)
		}
	}()
	assertion()
}

// named returns the resource of a type whose property has a value.
func named(t *testing.T, kind, property, value string) resource {
	t.Helper()
	for _, r := range resources {
		if r.Type == kind && r.Properties[property] == value {
			return r
		}
	}
	t.Fatalf("there is no %s with %s %q", kind, property, value)
	return resource{}
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
	for _, r := range resources {
		if r.Type == "AWS::Lambda::Function" {
			functions = append(functions, r.Properties["FunctionName"].(string))
		}
	}
	slices.Sort(functions)
	if !slices.Equal(folders, functions) {
		t.Errorf("the folders are %v, the functions %v", folders, functions)
	}
}

func TestFunctions(t *testing.T) {
	for _, phase := range upgrade.Phases() {
		t.Run(string(phase), func(t *testing.T) {
			holds(t, func() {
				template.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
					"FunctionName": functionName(phase), "Architectures": []string{"arm64"}, "Runtime": "provided.al2023", "Timeout": timeout(phase),
					"TracingConfig": map[string]any{"Mode": "Active"},
				})
			})
			holds(t, func() {
				template.HasResourceProperties(jsii.String("AWS::Logs::LogGroup"), map[string]any{
					"LogGroupName": "/aws/lambda/" + functionName(phase), "RetentionInDays": 180})
			})
		})
	}
}

func TestConfigurationOfFunctionsIsValid(t *testing.T) {
	for _, phase := range upgrade.Phases() {
		environment := named(t, "AWS::Lambda::Function", "FunctionName", functionName(phase)).Properties["Environment"].(map[string]any)
		var environ []string
		for name, value := range environment["Variables"].(map[string]any) {
			environ = append(environ, name+"="+value.(string))
		}
		c, err := config.Load(environ)
		if err != nil {
			t.Errorf("%s: %v", phase, err)
			continue
		}
		named(t, "AWS::S3::Bucket", "BucketName", c.Bucket)
		named(t, "AWS::SNS::Topic", "TopicName", c.Notification.Topic[strings.LastIndex(c.Notification.Topic, ":")+1:])
		for _, table := range []string{c.Tables.Leases, c.Tables.Records, c.Tables.Approvals} {
			named(t, "AWS::DynamoDB::Table", "TableName", table)
		}
		named(t, "AWS::CodeBuild::Project", "Name", c.Terraform.Project)
	}
}

func TestTables(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []string
	}{{"eks-upgrade-leases", []string{"cluster"}}, {"eks-upgrade-records", []string{"upgrade", "key"}}, {"eks-upgrade-approvals", []string{"upgrade"}}} {
		t.Run(c.name, func(t *testing.T) {
			table := named(t, "AWS::DynamoDB::Table", "TableName", c.name)
			if table.DeletionPolicy != "Retain" || table.UpdateReplacePolicy != "Retain" {
				t.Errorf("it goes with the stack: %q, %q", table.DeletionPolicy, table.UpdateReplacePolicy)
			}
			var keys []map[string]any
			for i, key := range c.keys {
				keys = append(keys, map[string]any{"AttributeName": key, "KeyType": []string{"HASH", "RANGE"}[i]})
			}
			holds(t, func() {
				template.HasResourceProperties(jsii.String("AWS::DynamoDB::Table"), map[string]any{
					"TableName": c.name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys,
					"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
				})
			})
		})
	}
}

func TestBucketIsClosedVersionedAndTLSOnly(t *testing.T) {
	holds(t, func() {
		template.HasResource(jsii.String("AWS::S3::Bucket"), map[string]any{
			"DeletionPolicy": "Retain",
			"Properties": map[string]any{
				"BucketName":              "eks-upgrade-artifacts-123456789012-eu-west-1",
				"VersioningConfiguration": map[string]any{"Status": "Enabled"},
				"BucketEncryption": map[string]any{"ServerSideEncryptionConfiguration": []any{
					map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}}}},
				"PublicAccessBlockConfiguration": map[string]any{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true},
			},
		})
	})
	holds(t, func() {
		template.HasResource(jsii.String("AWS::S3::BucketPolicy"), map[string]any{
			"DeletionPolicy": "Retain",
			"Properties": map[string]any{"PolicyDocument": map[string]any{"Statement": assertions.Match_ArrayWith(&[]any{
				assertions.Match_ObjectLike(&map[string]any{"Effect": "Deny", "Action": "s3:*", "Principal": map[string]any{"AWS": "*"},
					"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}),
			})}},
		})
	})
}

func TestProjectsRunTheScripts(t *testing.T) {
	for name, spec := range map[string]string{"eks-upgrade-provision": scripts.ProvisionBuildspec, "eks-upgrade-scan": scripts.ScanBuildspec} {
		source := named(t, "AWS::CodeBuild::Project", "Name", name).Properties["Source"].(map[string]any)
		if source["BuildSpec"] != spec {
			t.Errorf("%s has another buildspec than scripts:\n%v", name, source["BuildSpec"])
		}
	}
	// Where perception looks for the scanners' output: scans/<build id>/.
	holds(t, func() {
		template.HasResourceProperties(jsii.String("AWS::CodeBuild::Project"), map[string]any{"Name": "eks-upgrade-scan",
			"Artifacts": map[string]any{"Type": "S3", "Location": "eks-upgrade-artifacts-123456789012-eu-west-1", "Path": "scans", "NamespaceType": "BUILD_ID", "Name": "/", "Packaging": "NONE"}})
	})
}

func TestStateMachineIsTheDocument(t *testing.T) {
	holds(t, func() {
		template.HasResourceProperties(jsii.String("AWS::StepFunctions::StateMachine"), map[string]any{
			"StateMachineName": "eks-upgrade", "StateMachineType": "STANDARD", "DefinitionString": string(statemachine.Upgrade),
			"TracingConfiguration": map[string]any{"Enabled": true},
			// The data of executions holds task tokens.
			"LoggingConfiguration": map[string]any{"Level": "ALL", "IncludeExecutionData": false},
		})
	})
}
