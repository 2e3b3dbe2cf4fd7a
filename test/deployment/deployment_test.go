package deployment_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/deployment"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

func newWorld(t *testing.T) *world.World {
	t.Helper()
	clk, err := clock.NewFast(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), 1000)
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(world.Options{Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	return w
}

// write makes an application as CDK synthesizes it: one stack with a file and a
// folder as assets.
func write(t *testing.T, value string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"version":"48.0.0","artifacts":{"App":{"type":"aws:cloudformation:stack","environment":"aws://123456789012/eu-west-1",
			"properties":{"templateFile":"App.template.json","tags":{"owner":"platform"},"bootstrapStackVersionSsmParameter":"/cdk-bootstrap/hnb659fds/version"}},"Tree":{"type":"cdk:tree","properties":{"file":"tree.json"}}}}`,
		"App.assets.json": `{"version":"48.0.0","files":{"a1":{"source":{"path":"asset.a1","packaging":"file"},"destinations":{"x":{"bucketName":"assets-123456789012-${AWS::Region}","objectKey":"a1.txt"}}},
			"a2":{"source":{"path":"asset.a2","packaging":"zip"},"destinations":{"x":{"bucketName":"assets-123456789012-eu-west-1","objectKey":"a2.zip"}}},
			"t":{"source":{"path":"App.template.json","packaging":"file"},"destinations":{"x":{"bucketName":"assets-123456789012-eu-west-1","objectKey":"t.json"}}}}}`,
		"App.template.json": `{"Parameters":{"BootstrapVersion":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/cdk-bootstrap/hnb659fds/version"}},
			"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/app","Type":"String","Value":"` + value + `"}}},"Outputs":{"Value":{"Value":{"Fn::GetAtt":["P","Value"]}}}}`,
		"asset.a1": "hello", "asset.a2/bootstrap": "x",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDeployUploadsCreatesUpdatesAndDeletes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, value := range []string{"one", "one", "two"} {
		out, err := deployment.Deploy(ctx, w.AWSConfig(), write(t, value), "App")
		if err != nil || out["Value"] != value {
			t.Fatalf("outputs = %v, %v", out, err)
		}
	}
	if b, err := w.Object("assets-123456789012-eu-west-1", "a1.txt"); err != nil || string(b) != "hello" {
		t.Errorf("asset = %q, %v", b, err)
	}
	if b, err := w.Object("assets-123456789012-eu-west-1", "a2.zip"); err != nil || !strings.HasPrefix(string(b), "PK") {
		t.Errorf("folder = %q, %v", b, err)
	}
	if err := deployment.Delete(ctx, w.AWSConfig(), "App"); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.SSM().Value("/app"); ok {
		t.Error("the parameter is still there")
	}
	if err := deployment.Delete(ctx, w.AWSConfig(), "App"); err != nil {
		t.Error(err)
	}
}

func TestAFailureNamesTheResource(t *testing.T) {
	w := newWorld(t)
	_, err := deployment.Deploy(t.Context(), w.AWSConfig(), write(t, ""), "App")
	if err == nil || !strings.Contains(err.Error(), "P (AWS::SSM::Parameter): CREATE_FAILED") {
		t.Errorf("err = %v", err)
	}
	if _, err := deployment.Deploy(t.Context(), w.AWSConfig(), write(t, "x"), "Other"); err == nil || !strings.Contains(err.Error(), `no stack "Other"`) {
		t.Errorf("err = %v", err)
	}
	if _, err := deployment.Deploy(t.Context(), w.AWSConfig(), t.TempDir(), "App"); err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("err = %v", err)
	}
}
