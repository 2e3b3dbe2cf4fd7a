package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string // the line on stderr
	}{
		"not a version":       {[]string{"--from", "latest"}, `error: --from: "latest" is not a Kubernetes version; write it as major.minor, for example "1.35"`},
		"a patch version":     {[]string{"--target", "1.35.2"}, `error: --target: "1.35.2" is not a Kubernetes version; write it as major.minor, for example "1.35"`},
		"unknown version":     {[]string{"--from", "1.99"}, `error: --from: the rehearsal has no Kubernetes 1.99; give 1.34 to 1.37`},
		"too old":             {[]string{"--from", "1.33"}, `error: --from: the rehearsal has no Kubernetes 1.33; give 1.34 to 1.37`},
		"two minors at once":  {[]string{"--target", "1.36"}, `error: --target: 1.36 is 2 minors newer than 1.34, and EKS upgrades one minor at a time; give --target 1.35, or start nearer: --from 1.35`},
		"backwards":           {[]string{"--from", "1.36", "--target", "1.35"}, `error: --target: 1.35 is not newer than the cluster's version 1.36; name 1.37`},
		"the same version":    {[]string{"--from", "1.37", "--target", "1.37"}, `error: --target: 1.37 is not newer than the cluster's version 1.37; start from an older version: --from 1.36`},
		"nothing newer":       {[]string{"--from", "1.37"}, `error: --from: 1.37 is the newest version that a rehearsal has; start from an older one: --from 1.34`},
		"report in no folder": {[]string{"--report", "/dev/null/report.html"}, `error: --report: mkdir /dev/null: not a directory; name a file in a folder that you may write to`},
		"unknown fault":       {[]string{"--inject", "green-unhealthy,meteor"}, `error: --inject: "meteor" is not a known fault; use one of: green-unhealthy, throttling`},
		"slower than time":    {[]string{"--speed", "0.5"}, `error: --speed: 0.5 is out of range; give 1 (real time) to 100000`},
		"speed is no number":  {[]string{"--speed", "NaN"}, `error: --speed: NaN is out of range; give 1 (real time) to 100000`},
		"negative rate":       {[]string{"--rate", "-1"}, `error: --rate: -1 is out of range; give 1 to 2000 requests a second`},
		"bake too short":      {[]string{"--bake", "30s"}, `error: --bake: 30s is out of range; give 1m to 168h: metrics have a resolution of one minute`},
		"bake is no duration": {[]string{"--bake", "10"}, `error: invalid argument "10" for "--bake" flag: time: missing unit in duration "10"; see eks-upgrade --help`},
		"negative soak":       {[]string{"--soak", "-1h"}, `error: --soak: -1h0m0s is negative; give a duration such as 1h`},
		"unknown output":      {[]string{"--output", "xml"}, `error: --output: "xml" is not known; use one of: text, plain, json`},
		"unknown flag":        {[]string{"--frobnicate"}, `error: unknown flag: --frobnicate; see eks-upgrade --help`},
		"an argument":         {[]string{"now"}, `error: unknown command "now" for "eks-upgrade rehearse"; see eks-upgrade --help`},
		"no such folder":      {[]string{"--manifests", "/nowhere"}, `error: --manifests: /nowhere does not exist; name a folder of Kubernetes manifests`},
		"report is a folder":  {[]string{"--report", "/"}, `error: --report: / is a folder; name a file, such as /report.html`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			args := append([]string{"rehearse", "--yes"}, tc.args...)
			if !strings.Contains(strings.Join(args, " "), "--manifests") {
				args = append(args, "--manifests", good(t))
			}
			if code := f.run(t.Context(), args); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if diff := cmp.Diff(tc.want+"\n", f.err.String()); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
			f.nothingHappened(t)
		})
	}
}

func (f *fixture) nothingHappened(t *testing.T) {
	t.Helper()
	if len(f.runs) > 0 {
		t.Error("the rehearsal was started")
	}
	if f.out.Len() > 0 {
		t.Errorf("stdout: %q", f.out.String())
	}
	if left, err := filepath.Glob("rehearsal-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBadManifests(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"broken YAML":     {map[string]string{"sub/b.yml": configMap + "---\nkind: [\n"}, "b.yml, document 2, line 5: not valid YAML"},
		"no kind":         {map[string]string{"a.yaml": "apiVersion: v1\n"}, "a.yaml, document 1, line 1: apiVersion and kind must be given"},
		"nothing to load": {map[string]string{"README.md": "hello"}, "holds no Kubernetes object"},
		"only comments":   {map[string]string{"a.yaml": "# nothing\n---\n# here\n"}, "holds no Kubernetes object"},
		"not an object":   {map[string]string{"a.json": "[1, 2]"}, "a.json, document 1, line 1: want an object with apiVersion and kind"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			code := f.run(t.Context(), []string{"rehearse", "--yes", "--manifests", good(t), "--manifests", writeManifests(t, tc.files)})
			got := f.err.String()
			if code != exitUsage || !strings.Contains(got, tc.want) || strings.Count(got, "\n") != 1 || !strings.Contains(got, "; ") {
				t.Errorf("exit code %d, stderr %q, want one line with %q and a remedy", code, got, tc.want)
			}
			f.nothingHappened(t)
		})
	}
}

func TestUnreadableManifests(t *testing.T) {
	f := newFixture(t)
	dir := good(t)
	if err := os.Symlink("nowhere", filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if code := f.run(t.Context(), []string{"rehearse", "--yes", "--manifests", dir}); code != exitUsage || !strings.Contains(f.err.String(), filepath.Join(dir, "b.yaml")) {
		t.Errorf("exit code %d, stderr %q", code, f.err.String())
	}
	f.nothingHappened(t)
}

func TestMissingPrograms(t *testing.T) {
	f := newFixture(t)
	f.programs = func() error { return errors.New("no control plane is built yet:\nrun scripts/build-control-plane.sh") }
	code := f.run(t.Context(), []string{"rehearse", "--yes", "--manifests", good(t)})
	if want := "error: no control plane is built yet: run scripts/build-control-plane.sh\n"; code != exitUsage || f.err.String() != want {
		t.Errorf("exit code %d, stderr %q, want %q", code, f.err.String(), want)
	}
	f.nothingHappened(t)
}

func TestApprovalNeedsATerminalOrYes(t *testing.T) {
	for name, args := range map[string][]string{"text": {}, "plain": {"--output", "plain"}, "json": {"--output", "json"}} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if name == "json" { // a terminal does not help there
				f.terminals[f.stdin], f.terminals[&f.err] = true, true
			}
			code := f.run(t.Context(), append([]string{"rehearse", "--manifests", good(t)}, args...))
			if code != exitUsage || !strings.HasPrefix(f.err.String(), "error: --yes: the plan needs an approval") {
				t.Errorf("exit code %d, stderr %q", code, f.err.String())
			}
			if len(f.runs) > 0 {
				t.Error("the rehearsal was started")
			}
		})
	}
}
