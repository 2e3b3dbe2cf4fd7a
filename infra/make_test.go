package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Whoever deploys says what and where: nothing is deployed by the example.
func TestNothingIsDeployedWithoutSettings(t *testing.T) {
	for _, target := range []string{"deploy", "deploy-spoke", "diff", "bootstrap", "destroy"} {
		out, err := exec.Command("make", "--no-print-directory", "-C", "..", target, "SETTINGS=/nowhere/deploy.yaml").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "There is no /nowhere/deploy.yaml. Copy docs/deploy.example.yaml to it") {
			t.Errorf("make %s: %v\n%s", target, err, out)
		}
	}
}

func TestBuildsAreForTheProcessorOfTheSettings(t *testing.T) {
	for settings, want := range map[string]string{"infra/testdata/full.yaml": "GOARCH=amd64", "infra/testdata/least.yaml": "GOARCH=arm64", "docs/deploy.example.yaml": "GOARCH=arm64", "/nowhere": "GOARCH=arm64"} {
		out, err := exec.Command("make", "--no-print-directory", "-C", "..", "-n", "dist/lease.zip", "SETTINGS="+settings).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want+" ") {
			t.Errorf("%s: %v\n%s", settings, err, out)
		}
	}
}

func TestTheProofsProgramGoesWithTheBuildsUnlessTheSettingsSayNo(t *testing.T) {
	for settings, want := range map[string]string{"infra/testdata/full.yaml": "rm -f dist/source/controlplane", "docs/deploy.example.yaml": "CONTROL_PLANE_FOR=linux/arm64 scripts/build-control-plane.sh", "/nowhere": "CONTROL_PLANE_FOR=linux/arm64"} {
		out, err := exec.Command("make", "--no-print-directory", "-C", "..", "-n", "dist/source", "SETTINGS="+settings).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", settings, err, out)
		}
	}
}
