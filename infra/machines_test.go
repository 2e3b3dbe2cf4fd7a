package main

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

func TestStateMachinesAreTheDocuments(t *testing.T) {
	for name, document := range map[string][]byte{"eks-upgrade": statemachine.Upgrade, "eks-upgrade-fleet": statemachine.Fleet} {
		t.Run(name, func(t *testing.T) {
			p := least.named(t, "AWS::StepFunctions::StateMachine", "StateMachineName", name).Properties
			for path, want := range map[string]any{
				"StateMachineType": "STANDARD", "DefinitionString": string(document), "TracingConfiguration.Enabled": true,
				// The data of executions holds task tokens.
				"LoggingConfiguration.Level": "ALL", "LoggingConfiguration.IncludeExecutionData": false,
			} {
				if got := at(p, path); got != want {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			least.named(t, "AWS::Logs::LogGroup", "LogGroupName", "/aws/vendedlogs/states/"+name)
		})
	}
}

// The version is of the machine's revision, so that a change of the document
// publishes a new one; old ones stay, for the executions that run.
func TestAChangedDocumentPublishesAVersion(t *testing.T) {
	for id, v := range least.of("AWS::StepFunctions::StateMachineVersion") {
		if !strings.Contains(written(v.Properties["StateMachineRevisionId"]), "StateMachineRevisionId") || v.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s: %v, %s", id, v.Properties, v.UpdateReplacePolicy)
		}
	}
	aliases := least.of("AWS::StepFunctions::StateMachineAlias")
	if len(aliases) != 2 {
		t.Errorf("%d aliases", len(aliases))
	}
	for id, a := range aliases {
		version, _ := at(a.Properties, "RoutingConfiguration.0.StateMachineVersionArn.Ref").(string)
		if a.Properties["Name"] != "live" || least.Resources[version].Type != "AWS::StepFunctions::StateMachineVersion" || at(a.Properties, "RoutingConfiguration.0.Weight") != 100.0 {
			t.Errorf("%s: %v", id, a.Properties)
		}
	}
}

func TestProjectsRunTheScripts(t *testing.T) {
	for name, spec := range map[string]string{"eks-upgrade-provision": scripts.ProvisionBuildspec, "eks-upgrade-scan": scripts.ScanBuildspec} {
		for _, c := range []struct {
			one   template
			kind  string
			image string
		}{{least, "ARM_CONTAINER", "aarch64"}, {full, "LINUX_CONTAINER", "x86_64"}} {
			p := c.one.named(t, "AWS::CodeBuild::Project", "Name", name).Properties
			if at(p, "Source.BuildSpec") != spec {
				t.Errorf("%s has another buildspec than scripts:\n%v", name, at(p, "Source.BuildSpec"))
			}
			if at(p, "Environment.Type") != c.kind || !strings.Contains(at(p, "Environment.Image").(string), c.image) || at(p, "Environment.PrivilegedMode") != false {
				t.Errorf("%s runs in %v", name, p["Environment"])
			}
			if (p["VpcConfig"] != nil) != (c.kind == "LINUX_CONTAINER") {
				t.Errorf("%s has the network %v", name, p["VpcConfig"])
			}
		}
	}
	// Where perception looks for the scanners' output: scans/<build id>/.
	p := least.named(t, "AWS::CodeBuild::Project", "Name", "eks-upgrade-scan").Properties
	for path, want := range map[string]any{"Type": "S3", "Location": "eks-upgrade-artifacts-123456789012-eu-west-1", "Path": "scans", "NamespaceType": "BUILD_ID", "Name": "/", "Packaging": "NONE"} {
		if got := at(p, "Artifacts."+path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}
