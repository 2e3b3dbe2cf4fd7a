package worldcli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

var errNoCDK = errors.New("the CDK CLI is not installed: run make synth")

// findCDK looks for the CDK CLI of the Makefile's version in the Makefile's
// cache.
func findCDK(makefile string) (string, error) {
	text, err := os.ReadFile(makefile)
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^CDK_VERSION := (\S+)$`).FindSubmatch(text)
	if version == nil {
		return "", errors.New(makefile + " has no CDK_VERSION")
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "tools", "aws-cdk-"+string(version[1]), "node_modules", ".bin", "cdk")
	if _, err := os.Stat(path); err != nil {
		return "", errNoCDK
	}
	if _, err := exec.LookPath("node"); err != nil {
		return "", err
	}
	return path, nil
}

// assembly writes a cloud assembly of the agent's stack as infra's golden file
// has it: what is left out there, code, the state machines' definitions, the
// dashboard's body and the patterns of rules, is filled in, but for the roles' permissions.
func assembly(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../infra/testdata/least.template.golden")
	if err != nil {
		t.Fatal(err)
	}
	var template map[string]any
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template["Resources"].(map[string]any) {
		resource := r.(map[string]any)
		properties, _ := resource["Properties"].(map[string]any)
		if resource["Type"] == "AWS::StepFunctions::StateMachine" {
			properties["DefinitionString"] = string(statemachine.Upgrade)
		}
		if body, text := properties["DashboardBody"].(string); text && !json.Valid([]byte(body)) {
			properties["DashboardBody"] = `{"widgets":[]}`
		}
		if _, text := properties["EventPattern"].(string); text {
			properties["EventPattern"] = map[string]any{"source": []string{"test"}}
		}
		if _, left := properties["Policies"].(string); left {
			delete(properties, "Policies") // they are golden files of their own
		}
	}
	if text, err = json.Marshal(template); err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	f, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", ExternalAttrs: 0o755 << 16})
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	const publish = `"assumeRoleArn":"arn:${AWS::Partition}:iam::123456789012:role/cdk-hnb659fds-file-publishing-role-123456789012-eu-west-1","region":"eu-west-1"`
	asset := func(path, key string) string {
		return `"` + key + `":{"displayName":"` + path + `","source":{"path":"` + path + `","packaging":"file"},"destinations":{"here":{"bucketName":"cdk-hnb659fds-assets-123456789012-eu-west-1","objectKey":"` + key + `",` + publish + `}}}`
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"cdk.out": `{"version":"48.0.0"}`,
		"manifest.json": `{"version":"48.0.0","artifacts":{
			"EksUpgradeAgent.assets":{"type":"cdk:asset-manifest","properties":{"file":"EksUpgradeAgent.assets.json","requiresBootstrapStackVersion":6,"bootstrapStackVersionSsmParameter":"/cdk-bootstrap/hnb659fds/version"}},
			"EksUpgradeAgent":{"type":"aws:cloudformation:stack","environment":"aws://123456789012/eu-west-1","displayName":"EksUpgradeAgent","dependencies":["EksUpgradeAgent.assets"],
			"properties":{"templateFile":"EksUpgradeAgent.template.json","terminationProtection":false,"tags":{"application":"eks-upgrade-agent"},"validateOnSynth":false,"requiresBootstrapStackVersion":6,
			"assumeRoleArn":"arn:${AWS::Partition}:iam::123456789012:role/cdk-hnb659fds-deploy-role-123456789012-eu-west-1",
			"cloudFormationExecutionRoleArn":"arn:${AWS::Partition}:iam::123456789012:role/cdk-hnb659fds-cfn-exec-role-123456789012-eu-west-1",
			"stackTemplateAssetObjectUrl":"s3://cdk-hnb659fds-assets-123456789012-eu-west-1/template.json",
			"bootstrapStackVersionSsmParameter":"/cdk-bootstrap/hnb659fds/version","additionalDependencies":["EksUpgradeAgent.assets"]}}}}`,
		"EksUpgradeAgent.template.json": string(text),
		"EksUpgradeAgent.assets.json":   `{"version":"48.0.0","files":{` + asset("code.zip", "HASH.zip") + `,` + asset("EksUpgradeAgent.template.json", "template.json") + `},"dockerImages":{}}`,
		"code.zip":                      code.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTheCDKDeploysTheAgent runs the real CDK CLI: bootstrap, deploy, a
// deployment without changes, destroy; each call is judged by IAM.
func TestTheCDKDeploysTheAgent(t *testing.T) {
	cdk, err := findCDK("../../Makefile")
	if errors.Is(err, errNoCDK) || errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	clk, err := clock.NewFast(time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC), 20)
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(world.Options{Clock: clk, IAM: true})
	if err != nil {
		t.Fatal(err)
	}
	services := full.Add(w, full.Options{TempDir: t.TempDir()})
	defer func() {
		services.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	dir, home := assembly(t), t.TempDir()
	run := func(want string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, cdk, append(args, "--no-notices", "--ci")...)
		c.Dir = home
		c.Env = append(os.Environ(), "HOME="+home, "AWS_ENDPOINT_URL="+w.URL(), "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
		began := time.Now()
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("cdk %s: %v, want %q\n%s", strings.Join(args, " "), err, want, out)
		}
		t.Logf("cdk %s: %.0f s", args[0], time.Since(began).Seconds())
	}
	run("bootstrapped", "bootstrap", "aws://123456789012/eu-west-1")
	run("EksUpgradeAgent.StateMachine = arn:aws:states:eu-west-1:123456789012:stateMachine:eks-upgrade:live", "deploy", "--app", dir, "EksUpgradeAgent", "--require-approval", "never")
	run("(no changes)", "deploy", "--app", dir, "EksUpgradeAgent", "--require-approval", "never")
	run("destroyed", "destroy", "--app", dir, "EksUpgradeAgent", "--force")
}
