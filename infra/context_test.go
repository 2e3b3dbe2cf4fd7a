package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

func TestContextWinsOverTheFile(t *testing.T) {
	in, err := readContext(map[string]any{"settings": "testdata/least.yaml", "dist": "elsewhere", "architecture": "x86_64", "clusters": "a,b", "reservedConcurrency": 0.0, "cli-telemetry": false,
		"@aws-cdk/core:checkSecretUsage": true, "aws:cdk:bundling-stacks": []any{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	if in.dist != "elsewhere" || in.settings.Architecture != deploy.X86 || len(in.settings.Clusters) != 2 || in.settings.ReservedConcurrency != 0 || in.settings.Account != "123456789012" {
		t.Errorf("%+v", in)
	}
}

func TestTheContextCanSayAll(t *testing.T) {
	t.Chdir(t.TempDir())
	in, err := readContext(map[string]any{"account": "123456789012", "region": "eu-west-1", "clusters": "shop", "hostedZones": "Z1", "roles": "r"})
	if err != nil || in.settings.Account != "123456789012" || in.dist != "dist" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestTheFileOfTheFolderIsRead(t *testing.T) {
	data, err := os.ReadFile("testdata/least.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if _, err := readContext(nil); err == nil || !strings.Contains(err.Error(), "copy docs/deploy.example.yaml to deploy.yaml") {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile("deploy.yaml", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if in, err := readContext(map[string]any{"region": "eu-central-1"}); err != nil || in.settings.Region != "eu-central-1" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestAMisspelledKeyOfTheContextIsSaid(t *testing.T) {
	_, err := readContext(map[string]any{"settings": "testdata/least.yaml", "architekture": "x86_64", "stuckHours": "0"})
	if err == nil || !strings.Contains(err.Error(), `architekture: is not known; did you mean "architecture"?`) || !strings.Contains(err.Error(), "stuckHours: 0 is out of range") {
		t.Errorf("got %v", err)
	}
}

// header is how a Go program for Linux begins, by processor.
func header(machine byte) []byte {
	h := make([]byte, 4096)
	copy(h, "\x7fELF\x02\x01\x01")
	h[16], h[18], h[20], h[52], h[32], h[40], h[54], h[56], h[58], h[60] = 2, machine, 1, 64, 64, 200, 56, 6, 64, 23
	return h
}

func TestFunctionsOfAnotherProcessorAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(machine byte) {
		for _, f := range access.Functions() {
			file, err := os.Create(zipOf(dir, f.Name))
			if err != nil {
				t.Fatal(err)
			}
			w := zip.NewWriter(file)
			part, err := w.Create("bootstrap")
			if err == nil {
				_, err = part.Write(header(machine))
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := checkDist(dir, deploy.Arm); err == nil || !strings.Contains(err.Error(), "build it with: make synth") {
		t.Errorf("nothing is built: %v", err)
	}
	write(183) // EM_AARCH64
	if err := checkDist(dir, deploy.Arm); err != nil {
		t.Error(err)
	}
	if err := checkDist(dir, deploy.X86); err == nil || !strings.Contains(err.Error(), "EM_AARCH64, not for x86_64") {
		t.Errorf("for another processor: %v", err)
	}
	write(62) // EM_X86_64
	if err := checkDist(dir, deploy.X86); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lease.zip"), []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkDist(dir, deploy.X86); err == nil || !strings.Contains(err.Error(), "lease.zip") {
		t.Errorf("no zip: %v", err)
	}
}
