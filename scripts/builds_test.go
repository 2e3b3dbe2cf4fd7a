package scripts_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bash runs a script of this folder with only the given programs, those of the
// system, and the given environment. Its argument is the folder scans.
func bash(t *testing.T, script string, programs map[string]string, env ...string) (scans, out string, err error) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	scans = filepath.Join(bin, "scans")
	cmd := exec.CommandContext(t.Context(), "bash", script, scans)
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + bin}, env...)
	data, err := cmd.CombinedOutput()
	return scans, string(data), err
}

type status struct{ Tool, Version, Status, Detail string }

func statuses(t *testing.T, scans string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(scans, "tool-status.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []status
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	out := map[string]string{}
	for _, s := range all {
		out[s.Tool] = s.Status
		if s.Detail == "" {
			t.Errorf("%s is %s without a word", s.Tool, s.Status)
		}
	}
	return out
}

func TestScanSaysHowEachToolFared(t *testing.T) {
	kubent := `case "$1" in --version) echo "version 0.7.3";; *) echo '[]';; esac`
	pluto := `case "$1" in version) echo "Version:5.22";; *) echo '{"items":[]}'; exit 3;; esac`
	prove := func(status string) string {
		return `case "$1" in version) echo v1;; *) echo "$*"; exit ` + status + `;; esac`
	}
	env := []string{"CLUSTER=shop", "TARGET_VERSION=1.35"}
	for what, c := range map[string]struct {
		programs map[string]string
		env      []string
		want     map[string]string
		files    []string
	}{
		"both run":           {map[string]string{"kubent": kubent, "pluto": pluto}, []string{"KUBECONFIG=x"}, map[string]string{"kubent": "ok", "pluto": "ok"}, []string{"kubent.json", "pluto.json"}},
		"the cluster by aws": {map[string]string{"kubent": kubent, "pluto": pluto, "aws": "exit 0"}, nil, map[string]string{"kubent": "ok", "pluto": "ok"}, []string{"kubent.json", "pluto.json"}},
		"none is there":      {nil, []string{"KUBECONFIG=x"}, map[string]string{"kubent": "missing", "pluto": "missing", "prove": "missing"}, nil},
		"one fails": {map[string]string{"kubent": `echo 'no "such"	cluster' >&2; exit 1`, "pluto": pluto}, []string{"KUBECONFIG=x"},
			map[string]string{"kubent": "failed", "pluto": "ok"}, []string{"pluto.json"}},
		"one prints nothing":              {map[string]string{"kubent": `exit 0`, "pluto": pluto}, []string{"KUBECONFIG=x"}, map[string]string{"kubent": "failed", "pluto": "ok"}, []string{"pluto.json"}},
		"the proof finds something":       {map[string]string{"eks-upgrade": prove("4")}, nil, map[string]string{"kubent": "missing", "pluto": "missing", "prove": "ok"}, []string{"proof.json"}},
		"the proof is not complete":       {map[string]string{"eks-upgrade": prove("3")}, nil, map[string]string{"kubent": "missing", "pluto": "missing", "prove": "ok"}, []string{"proof.json"}},
		"the proof cannot be carried out": {map[string]string{"eks-upgrade": prove("1")}, nil, map[string]string{"kubent": "missing", "pluto": "missing", "prove": "failed"}, nil},
		"no way to the cluster": {map[string]string{"kubent": kubent, "pluto": pluto, "aws": "echo AccessDenied >&2; exit 254"}, nil,
			map[string]string{"kubent": "failed", "pluto": "failed"}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			scans, out, err := bash(t, "scan.sh", c.programs, append(env, c.env...)...)
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if c.want["prove"] == "" {
				c.want["prove"] = "missing"
			}
			if diff := cmp.Diff(c.want, statuses(t, scans)); diff != "" {
				t.Error(diff)
			}
			for _, tool := range []string{"kubent.json", "pluto.json", "proof.json"} {
				_, err := os.Stat(filepath.Join(scans, tool))
				if wanted := strings.Contains(strings.Join(c.files, " "), tool); wanted != (err == nil) {
					t.Errorf("%s: %v, wanted: %t", tool, err, wanted)
				}
			}
		})
	}
}

// The build's role may read no Secret, and Helm keeps its releases in Secrets.
func TestScannersAreNotToReadSecrets(t *testing.T) {
	asked := `case "$1" in --version|version) echo v1;; *) echo "[\"$*\"]";; esac`
	scans, out, err := bash(t, "scan.sh", map[string]string{"kubent": asked, "pluto": asked}, "CLUSTER=shop", "TARGET_VERSION=1.35", "KUBECONFIG=x")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for tool, want := range map[string]string{"kubent": "--helm3=false", "pluto": "detect-api-resources"} {
		data, err := os.ReadFile(filepath.Join(scans, tool+".json"))
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v: %s", tool, err, data)
		}
	}
}

func TestScanNeedsItsEnvironment(t *testing.T) {
	if _, out, err := bash(t, "scan.sh", nil, "CLUSTER=shop"); err == nil || !strings.Contains(out, "TARGET_VERSION") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestProvisionRunsTheProgramOnItsSpecification(t *testing.T) {
	env := []string{"EXECUTION=up-1", "SPEC_BUCKET=b", "SPEC_KEY=provision/x.json"}
	_, out, err := bash(t, "provision.sh", map[string]string{"eks-upgrade": `echo "ran: $*"`}, env...)
	if err != nil || strings.TrimSpace(out) != "ran: provision s3://b/provision/x.json" {
		t.Errorf("%v: %s", err, out)
	}
	if _, out, err := bash(t, "provision.sh", map[string]string{"eks-upgrade": "exit 3"}, env...); err == nil || err.(*exec.ExitError).ExitCode() != 3 {
		t.Errorf("the program's failure is lost: %v: %s", err, out)
	}
	if _, out, err := bash(t, "provision.sh", nil, env...); err == nil || !strings.Contains(out, "put it on PATH") {
		t.Errorf("%v: %s", err, out)
	}
	if _, out, err := bash(t, "provision.sh", nil, env[1:]...); err == nil || !strings.Contains(out, "EXECUTION") {
		t.Errorf("%v: %s", err, out)
	}
}

// lines decodes what a script logs; everything else that it prints fails the
// test.
func lines(t *testing.T, out string) []map[string]string {
	t.Helper()
	var all []map[string]string
	for line := range strings.Lines(out) {
		var m map[string]string
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if m["time"] == "" {
			t.Errorf("no time in %s", line)
		}
		delete(m, "time")
		all = append(all, m)
	}
	return all
}

func TestLinesOfBuildsSayWhatTheyBelongTo(t *testing.T) {
	_, out, err := bash(t, "scan.sh", map[string]string{"kubent": "exit 1"}, "EXECUTION=shop-135", "CLUSTER=shop", "TARGET_VERSION=1.35", "CODEBUILD_BUILD_ID=eks-upgrade-scan:1", "KUBECONFIG=x")
	if err != nil {
		t.Fatal(err)
	}
	common := map[string]string{"level": "warn", "execution": "shop-135", "cluster": "shop", "build": "eks-upgrade-scan:1"}
	want := []map[string]string{
		{"tool": "kubent", "status": "failed", "message": "kubent: failed: it ended with status 1: "},
		{"tool": "pluto", "status": "missing", "message": "pluto: missing: it is not installed in the build image; install it there, or set PLUTO_SHA256 to the SHA-256 of https://github.com/FairwindsOps/pluto/releases/download/v5.22.7/pluto_5.22.7_linux_" + runtime.GOARCH + ".tar.gz"},
		{"tool": "prove", "status": "missing", "message": "prove: missing: there is no program eks-upgrade; put it on PATH or set EKS_UPGRADE to its path"},
	}
	for _, w := range want {
		maps.Copy(w, common)
	}
	if diff := cmp.Diff(want, lines(t, out)); diff != "" {
		t.Error(diff)
	}
	_, out, err = bash(t, "provision.sh", nil, "EXECUTION=shop-135", "CLUSTER=shop", "STEP=forward[1]", "SPEC_BUCKET=b")
	if err == nil {
		t.Error("it ran without its specification")
	}
	want = []map[string]string{{"level": "error", "execution": "shop-135", "cluster": "shop", "step": "forward[1]", "kind": "request.invalid", "code": "InvalidRequest", "field": "SPEC_KEY",
		"message": "SPEC_KEY is not set: the execute phase sets it when it starts the build"}}
	if diff := cmp.Diff(want, lines(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatToolsPrintOfTheirCredentialsStaysOut(t *testing.T) {
	for name, c := range map[string]struct{ prints, secret, keeps string }{
		"EKS token":         {"Unauthorized: token k8s-aws-v1.aHR0cHM6Ly9zdHM expired", "aHR0cHM6", "expired"},
		"bearer token":      {"Authorization: Bearer abcdef0123456789", "abcdef0123", "Authorization"},
		"web token":         {"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl was refused", "c2lnbmF0", "was refused"},
		"signature":         {"GET https://sts/?X-Amz-Signature=5d672d79c15b13162d92&x=1", "5d672d79", "x=1"},
		"secret key":        {"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG AWS_REGION=eu-west-1", "wJalr", "eu-west-1"},
		"key in JSON":       {`{"SecretAccessKey":"wJalrXUtnFEMI","Expiration":"2026"}`, "wJalr", "Expiration"},
		"session token":     {"aws_session_token = IQoJb3JpZ2lu", "IQoJb3", "session_token"},
		"password":          {"password: hunter2hunter2 user: bot", "hunter2", "bot"},
		"nothing of a kind": {"error: no cluster arn:aws:eks:eu-west-1:123456789012:cluster/shop", "\x00", "arn:aws:eks:eu-west-1:123456789012:cluster/shop"},
	} {
		t.Run(name, func(t *testing.T) {
			scans, out, err := bash(t, "scan.sh", map[string]string{"kubent": "cat >&2 <<'END'\n" + c.prints + "\nEND\nexit 1"}, "CLUSTER=shop", "TARGET_VERSION=1.35", "KUBECONFIG=x")
			if err != nil {
				t.Fatal(err)
			}
			kept, err := os.ReadFile(filepath.Join(scans, "tool-status.json"))
			if err != nil {
				t.Fatal(err)
			}
			for place, text := range map[string]string{"the log": out, "the artifact": string(kept)} {
				if strings.Contains(text, c.secret) || !strings.Contains(text, c.keeps) {
					t.Errorf("%s: %s", place, text)
				}
			}
		})
	}
}

// A scanner that the image lacks is downloaded when its checksum is given, and
// is run only when the download has it.
func TestScannersAreDownloadedByTheirChecksum(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pluto"), []byte("#!/bin/sh\ncase \"$1\" in version) echo 5.22.7;; *) echo '{}'; exit 3;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "pluto.tar.gz")
	if out, err := exec.CommandContext(t.Context(), "tar", "-czf", archive, "-C", dir, "pluto").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	const take = `while [ $# -gt 1 ]; do [ "$1" = -o ] && to=$2; shift; done; case "$1" in https://mirror.example.com/FairwindsOps/pluto/releases/download/v5.22.7/*) cp ARCHIVE "$to";; *) exit 22;; esac`
	for name, c := range map[string]struct{ sum, curl, want string }{
		"with its checksum":  {sum, take, "ok"},
		"with another":       {strings.Repeat("0", 64), take, "missing"},
		"without a checksum": {"", take, "missing"},
		"not to be had":      {sum, "echo refused >&2; exit 7", "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			scans, out, err := bash(t, "scan.sh", map[string]string{"curl": strings.ReplaceAll(c.curl, "ARCHIVE", archive)},
				"CLUSTER=shop", "TARGET_VERSION=1.35", "KUBECONFIG=x", "SCANNERS_URL=https://mirror.example.com", "PLUTO_SHA256="+c.sum)
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got := statuses(t, scans)["pluto"]; got != c.want {
				t.Errorf("pluto is %s: %s", got, out)
			}
		})
	}
}
