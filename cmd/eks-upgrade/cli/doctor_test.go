package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/doctor"
)

const deployment = "account: '123456789012'\nregion: eu-west-1\nclusters: [shop, 'shop-green*']\nhostedZones: [Z0123456789ABC]\nroles: [shop-cluster]\n"

// settingsOf writes the settings of a deployment.
func settingsOf(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "deploy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAccessPrintsWhatLetsTheAgentIn(t *testing.T) {
	file := settingsOf(t, deployment)
	code, stdout, stderr := in(t, nil, "", "access", "--settings", file)
	if code != exitOK || stderr != "" {
		t.Fatalf("%d: %s", code, stderr)
	}
	for _, want := range access.Commands(access.Names{Partition: "aws", Account: "123456789012", Region: "eu-west-1"}, "shop") {
		if !strings.Contains(stdout, want+"\n") {
			t.Errorf("it lacks %s:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "shop-green") {
		t.Errorf("a pattern is no cluster:\n%s", stdout)
	}
	code, stdout, _ = in(t, nil, "", "access", "--output", "manifest") // settings are not needed
	if code != exitOK || stdout != access.Manifest(false) {
		t.Errorf("%d:\n%s", code, stdout)
	}
	code, stdout, _ = in(t, nil, "", "access", "--settings", file, "--cluster", "other", "--green", "-o", "json")
	var all []accessJSON
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || code != exitOK || len(all) != 1 || all[0].Cluster != "other" ||
		len(all[0].Entries) != len(access.Entries()) || len(all[0].Objects) != len(access.Objects(true)) {
		t.Errorf("%d, %v:\n%s", code, err, stdout)
	}
}

func TestPartitionsFollowFromRegions(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		if got := partitionOf(region); got != want {
			t.Errorf("%s: %s", region, got)
		}
	}
}

func TestBadInputOfAccessAndDoctor(t *testing.T) {
	file, patterns := settingsOf(t, deployment), settingsOf(t, strings.Replace(deployment, "[shop, 'shop-green*']", "['shop*']", 1))
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"no settings":           {[]string{"doctor", "--settings", "none.yaml"}, "deploy.example.yaml"},
		"wrong settings":        {[]string{"doctor", "--settings", settingsOf(t, "acount: '1'\n")}, "account"},
		"unknown output":        {[]string{"doctor", "--settings", file, "-o", "xml"}, "table, json"},
		"request without end":   {[]string{"doctor", "--settings", file, "--request", settingsOf(t, "cluster: shop\n")}, "target"},
		"access for patterns":   {[]string{"access", "--settings", patterns}, "--cluster"},
		"access with a shell's": {[]string{"access", "--settings", file, "--cluster", "shop; reboot"}, "is not an EKS cluster name"},
		"doctor of a bad name":  {[]string{"doctor", "--settings", file, "--cluster", "a b"}, "is not an EKS cluster name"},
		"access as yaml":        {[]string{"access", "--settings", file, "-o", "yaml"}, "commands, manifest, json"},
	} {
		t.Run(what, func(t *testing.T) {
			if code, stdout, stderr := in(t, nil, "", c.args...); code != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("%d: %s%s", code, stdout, stderr)
			}
		})
	}
}

// An account without the agent lacks everything, and says so.
func TestDoctorOfAnEmptyAccount(t *testing.T) {
	w := startedWorld(t, "--speed", "100")
	file := settingsOf(t, deployment)
	code, stdout, stderr := in(t, w, "", "doctor", "--settings", file, "--output", "json")
	var r doctor.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitFailed {
		t.Fatalf("%d, %v: %s%s", code, err, stdout, stderr)
	}
	if r.Count(doctor.Missing) < 40 {
		t.Errorf("%d are missing of %d", r.Count(doctor.Missing), len(r.Findings))
	}
	for _, f := range r.Findings {
		if f.Status != doctor.OK && f.Remedy == "" {
			t.Errorf("no remedy: %+v", f)
		}
	}
	code, stdout, _ = in(t, w, "", "doctor", "--settings", file)
	if code != exitFailed || !strings.Contains(stdout, "eks-upgrade-leases") || !strings.Contains(stdout, "make deploy") || !strings.Contains(stdout, " missing, ") {
		t.Errorf("%d: %s", code, stdout)
	}
	if strings.Contains(stdout, "123456789012 in eu-west-1") { // who asks is ok
		t.Errorf("what is well is shown without --all:\n%s", stdout)
	}
}

func TestAManifestIsWrittenForOneClusterOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fix.yaml")
	one := access.Manifest(false)
	if err := writeFix(file, map[string]string{"shop": one}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != one {
		t.Errorf("%v:\n%s", err, data)
	}
	if err := writeFix(file, map[string]string{"shop": one, "other": one}); err == nil || !strings.Contains(err.Error(), "other, shop") {
		t.Errorf("error %v", err)
	}
	if err := writeFix(filepath.Join(file, "x"), map[string]string{"shop": one}); err == nil {
		t.Error("a file that cannot be written is no error")
	}
}
