package cli

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	ekssim "github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
)

const legacyCronJob = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: hello, namespace: jobs}\n"

// assessing is the program in a folder of its own, without a kubeconfig and
// without AWS.
func assessing(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.clock = clock.System{}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f.awsOf = func(context.Context, string, string) (aws.Config, error) {
		return aws.Config{}, errors.New("AWS was asked")
	}
	return f
}

func TestAssessBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string // the line on stderr, or the beginning of it
	}{
		"unknown format":        {[]string{"-o", "xml"}, `--output: "xml" is not known; use one of: table, json, sarif, junit, html`},
		"unknown threshold":     {[]string{"--fail-on", "all"}, `--fail-on: "all" is not known; use one of: never, blocks, serious, any`},
		"unknown strategy":      {[]string{"--strategy", "canary"}, `--strategy: "canary" is not known; use one of: inPlace, blueGreen`},
		"green in place":        {[]string{"--green", "shop2"}, "--green: names a second cluster, and an upgrade in place has none; add --strategy blueGreen, or leave it out"},
		"green is blue":         {[]string{"--strategy", "blueGreen", "--green", "shop", "--cluster", "shop"}, "--green: is the cluster that is assessed; name the second cluster"},
		"no version":            {[]string{"--target", "latest"}, `--target: "latest" is not a Kubernetes version; write it as major.minor, for example "1.35"`},
		"region alone":          {[]string{"--region", "eu-west-1"}, "--region, --profile: say where AWS is asked, and no EKS cluster is named; add --cluster, or leave them out"},
		"empty cluster":         {[]string{"--cluster", ""}, "--cluster: is empty; give the name of the cluster"},
		"bad cluster":           {[]string{"--cluster", "a b"}, `--cluster: "a b" is not an EKS cluster name`},
		"all in JSON":           {[]string{"--all", "-o", "sarif"}, "--all: is for the table; the other formats have every finding; leave it out"},
		"unknown check":         {[]string{"--check", "kubelet"}, `--check: there is no check "kubelet"; see eks-upgrade checks; perhaps kubelet-`},
		"unknown skip":          {[]string{"--skip", "x"}, `--skip: there is no check "x"; see eks-upgrade checks`},
		"no kubeconfig":         {nil, "--kubeconfig: there is no kubeconfig ("},
		"kubeconfig is missing": {[]string{"--kubeconfig", "/nowhere"}, "--kubeconfig: there is no file /nowhere; name a kubeconfig"},
		"no such manifests":     {[]string{"--manifests", "/nowhere", "--target", "1.35"}, `--manifests: /nowhere does not exist; name a file or folder with manifests, or "-" for standard input`},
		"manifests, no target":  {[]string{"--manifests", "good"}, `--target: is needed with manifests only; give the version to assess for, such as "1.35"`},
		"no YAML":               {[]string{"--manifests", "bad.yaml", "--target", "1.35"}, "--manifests: bad.yaml, line "},
		"nothing in it":         {[]string{"--manifests", "empty", "--target", "1.35"}, "--manifests: empty"},
		"no rules":              {[]string{"--rules", "/nowhere"}, "--rules: there is no file /nowhere; docs/rules.example.yaml is a commented sample"},
		"output is a folder":    {[]string{"--output-file", "good"}, "--output-file: good is a folder; name a file, such as good/assess.html"},
		"output in no folder":   {[]string{"--output-file", "none/a.html"}, "--output-file: there is no folder none; make it, or name another file"},
		"unknown flag":          {[]string{"--frobnicate"}, "unknown flag: --frobnicate; see eks-upgrade --help"},
		"an argument":           {[]string{"shop"}, `unknown command "shop" for "eks-upgrade assess"; see eks-upgrade --help`},
	} {
		t.Run(name, func(t *testing.T) {
			f := assessing(t)
			for file, text := range map[string]string{"good/a.yaml": configMap, "bad.yaml": configMap + "---\nkind: [\n", "empty/README.md": "hello"} {
				write(t, file, text)
			}
			code := f.run(t.Context(), append([]string{"assess"}, tc.args...))
			line := f.err.String()
			if code != exitUsage || !strings.HasPrefix(line, "error: "+tc.want) || strings.Count(line, "\n") != 1 || !strings.Contains(line, "; ") {
				t.Errorf("exit code %d, stderr %q, want %q", code, line, tc.want)
			}
			if f.out.Len() > 0 {
				t.Errorf("stdout: %q", f.out.String())
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAssessExitCodes(t *testing.T) {
	rules := "suppressions:\n- check: deprecated-apis\n  object: {kind: CronJob}\n  reason: it goes this week\n  until: 2999-01-01\n"
	for name, tc := range map[string]struct {
		manifest string
		args     []string
		want     int
		says     string
	}{
		"nothing is wrong":       {configMap, nil, exitOK, "GO  "},
		"something blocks":       {legacyCronJob, nil, exitBlocked, "NO-GO"},
		"nothing fails":          {legacyCronJob, []string{"--fail-on", "never"}, exitOK, "NO-GO"},
		"notes fail":             {configMap, []string{"--fail-on", "any"}, exitJudgement, "GO  "},
		"a template is not read": {configMap + "---\n{{ if .Values.x }}\nkind: Pod\n{{ end }}\n", nil, exitJudgement, "GO WITH APPROVAL"},
		"but nothing blocks":     {configMap + "---\n{{ if .Values.x }}\nkind: Pod\n{{ end }}\n", []string{"--fail-on", "blocks"}, exitOK, "GO WITH APPROVAL"},
		"the check is skipped":   {legacyCronJob, []string{"--skip", "deprecated-apis"}, exitOK, "on request: without deprecated-apis"},
		"another check only":     {legacyCronJob, []string{"--check", "eks-insights"}, exitJudgement, "the check could not be made"},
		"another namespace":      {legacyCronJob, []string{"-n", "shop"}, exitOK, "only namespace shop (1 findings elsewhere are left out)"},
		"this namespace":         {legacyCronJob, []string{"-n", "jobs,shop"}, exitBlocked, "CronJob jobs/hello"},
		"a rule suppresses it":   {legacyCronJob, []string{"--rules", "rules.yaml"}, exitOK, "suppressed until 2999-01-01: it goes this week"},
		"the target serves it":   {legacyCronJob, []string{"--target", "1.24", "--fail-on", "blocks"}, exitOK, "is deprecated since 1.21"},
	} {
		t.Run(name, func(t *testing.T) {
			f := assessing(t)
			write(t, "in/a.yaml", tc.manifest)
			write(t, "rules.yaml", rules)
			code := f.run(t.Context(), append([]string{"assess", "--offline", "--manifests", "in", "--target", "1.35"}, tc.args...))
			if code != tc.want || !strings.Contains(f.out.String(), tc.says) {
				t.Errorf("exit code %d, want %d, stdout without %q:\n%s\nstderr: %s", code, tc.want, tc.says, f.out.String(), f.err.String())
			}
			if strings.Contains(f.out.String(), "\x1b") {
				t.Error("an escape sequence is in what is no terminal")
			}
		})
	}
}

// What a rules file says of an API decides like the agent's own table.
func TestAssessKnowsTheUsersAPIs(t *testing.T) {
	f := assessing(t)
	write(t, "in/a.yaml", "apiVersion: acme.example.com/v1alpha1\nkind: Widget\nmetadata: {name: w, namespace: jobs}\n")
	write(t, "rules.yaml", "apis:\n- {group: acme.example.com, versions: [v1alpha1], kinds: {Widget: widgets}, deprecated: \"1.30\", removed: \"1.35\", replacement: v1, source: \"https://example.com\"}\n"+
		"suppressions:\n- check: deprecated-apis\n  object: {kind: CronJob}\n  reason: it went\n  until: 2020-01-01\n")
	args := []string{"assess", "--offline", "--manifests", "in", "--target", "1.35"}
	if code := f.run(t.Context(), args); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, f.out.String())
	}
	f.out.Reset()
	if code := f.run(t.Context(), append(args, "--rules", "rules.yaml")); code != exitBlocked || !strings.Contains(f.out.String(), "Widget jobs/w: acme.example.com/v1alpha1 is not served any more in 1.35") || !strings.Contains(f.out.String(), "suppression-expired") {
		t.Errorf("exit code %d\n%s\n%s", code, f.out.String(), f.err.String())
	}
}

func TestAssessReadsStandardInput(t *testing.T) {
	f := assessing(t)
	*f.stdin = *strings.NewReader(configMap + "---\n" + legacyCronJob)
	if code := f.run(t.Context(), []string{"assess", "--offline", "--manifests", "-", "--target", "1.35"}); code != exitBlocked || !strings.Contains(f.out.String(), "<stdin>:5") {
		t.Errorf("exit code %d\n%s\n%s", code, f.out.String(), f.err.String())
	}
}

func TestAssessWritesEachFormat(t *testing.T) {
	for output, check := range map[string]func([]byte) error{
		"json": func(data []byte) error { var d assess.Document; return json.Unmarshal(data, &d) },
		"sarif": func(data []byte) error {
			var d struct{ Version string }
			if err := json.Unmarshal(data, &d); err != nil || d.Version != "2.1.0" {
				return fmt.Errorf("version %q, %w", d.Version, err)
			}
			return nil
		},
		"junit": func(data []byte) error {
			var d struct {
				XMLName xml.Name `xml:"testsuites"`
			}
			return xml.Unmarshal(data, &d)
		},
		"html": func(data []byte) error {
			if !strings.HasPrefix(string(data), "<!doctype html>") {
				return errors.New("no page")
			}
			return nil
		},
	} {
		t.Run(output, func(t *testing.T) {
			f := assessing(t)
			write(t, "in/a.yaml", legacyCronJob)
			args := []string{"assess", "--offline", "--manifests", "in", "--target", "1.35", "-o", output}
			if code := f.run(t.Context(), args); code != exitBlocked {
				t.Fatalf("exit code %d: %s", code, f.err.String())
			}
			if err := check(f.out.Bytes()); err != nil {
				t.Error(err)
			}
			f.out.Reset()
			if code := f.run(t.Context(), append(args, "--output-file", "report")); code != exitBlocked || f.out.Len() != 0 {
				t.Errorf("exit code %d, stdout %q", code, f.out.String())
			}
			data, err := os.ReadFile("report")
			if err == nil {
				err = check(data)
			}
			if err != nil || !strings.Contains(f.err.String(), "written to report") {
				t.Errorf("%v, stderr %q", err, f.err.String())
			}
		})
	}
}

// apiServer answers as an API server that lets nobody in, or is of no use.
func apiServer(t *testing.T, status int, body string) (kubeconfig string) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return kubeconfigOf(t, s.URL, "shop")
}

func kubeconfigOf(t *testing.T, url, cluster string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	write(t, file, `{apiVersion: v1, kind: Config, current-context: lab, contexts: [{name: lab, context: {cluster: "arn:aws:eks:eu-west-1:123456789012:cluster/`+cluster+`", user: me}}],
 clusters: [{name: "arn:aws:eks:eu-west-1:123456789012:cluster/`+cluster+`", cluster: {server: "`+url+`", insecure-skip-tls-verify: true}}], users: [{name: me, user: {token: very-secret}}]}`)
	return file
}

func TestAssessClustersThatCannotBeReached(t *testing.T) {
	unauthorized := `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`
	for name, tc := range map[string]struct {
		kubeconfig func(*testing.T) string
		args       []string
		code       int
		want       string
	}{
		"an expired token":       {func(t *testing.T) string { return apiServer(t, 401, unauthorized) }, nil, exitFailed, "log in again (for EKS: aws sso login), or name another --context"},
		"nobody is there":        {func(t *testing.T) string { return kubeconfigOf(t, "https://127.0.0.1:1", "shop") }, nil, exitFailed, "check that 127.0.0.1:1 can be reached from here"},
		"another server":         {func(t *testing.T) string { return apiServer(t, 200, "<html>") }, nil, exitFailed, "the answer is no version"},
		"older than what runs":   {func(t *testing.T) string { return apiServer(t, 200, `{"gitVersion":"v1.34.2-eks-2d5f9a1"}`) }, []string{"--target", "1.34"}, exitUsage, "--target: 1.34 is not newer than the cluster's version 1.34; give 1.35"},
		"context of another one": {func(t *testing.T) string { return kubeconfigOf(t, "https://127.0.0.1:1", "other") }, []string{"--cluster", "shop"}, exitUsage, `--context: context "lab" leads to cluster other, and --cluster names shop`},
		"EKS does not know it":   {nil, []string{"--cluster", "moon"}, exitUsage, `--cluster: EKS has no cluster "moon" in eu-west-1; use one of: shop; or choose another --region or --profile`},
		"no region":              {nil, []string{"--cluster", "shop", "--region", "-"}, exitUsage, "--region: is missing, and neither AWS_REGION nor the profile has one"},
		"AWS knows nobody":       {nil, []string{"--cluster", "shop", "--profile", "expired"}, exitFailed, "aws sso login"},
	} {
		t.Run(name, func(t *testing.T) {
			f := assessing(t)
			f.awsOf = simulatedAWS(t)
			args := append([]string{"assess", "--offline"}, tc.args...)
			if tc.kubeconfig != nil {
				args = append(args, "--kubeconfig", tc.kubeconfig(t))
			}
			code := f.run(t.Context(), args)
			first, _, _ := strings.Cut(f.err.String(), "\n")
			if code != tc.code || !strings.HasPrefix(first, "error: ") || !strings.Contains(first, tc.want) {
				t.Errorf("exit code %d, stderr %q, want %d and %q", code, f.err.String(), tc.code, tc.want)
			}
			if f.out.Len() > 0 || strings.Contains(f.err.String(), "very-secret") {
				t.Errorf("stdout %q, stderr %q", f.out.String(), f.err.String())
			}
		})
	}
}

// simulatedAWS has one cluster, shop, whose API server nobody can reach.
func simulatedAWS(t *testing.T) func(context.Context, string, string) (aws.Config, error) {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	clusters := ekssim.New(ekssim.Options{Clock: clock.System{}, Account: w.Account(), Region: w.Region()})
	t.Cleanup(clusters.Close)
	w.Mux().Register("eks", clusters)
	_, err = eks.NewFromConfig(w.AWSConfig()).CreateCluster(t.Context(), &eks.CreateClusterInput{Name: aws.String("shop"), Version: aws.String("1.34"), RoleArn: aws.String("arn:aws:iam::123456789012:role/eks"),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b"}}})
	if err != nil {
		t.Fatal(err)
	}
	return func(_ context.Context, profile, region string) (aws.Config, error) {
		cfg := w.AWSConfig()
		switch {
		case region == "-":
			cfg.Region = ""
		case profile == "expired":
			cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("failed to refresh cached SSO token: the SSO session has expired or is invalid")
			})
		}
		return cfg, nil
	}
}

func TestAssessIsInterrupted(t *testing.T) {
	f := assessing(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel(errInterrupted)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	if code := f.run(ctx, []string{"assess", "--kubeconfig", kubeconfigOf(t, s.URL, "shop")}); code != exitInterrupted || f.err.String() != "error: interrupted\n" {
		t.Errorf("exit code %d, stderr %q", code, f.err.String())
	}
}

func TestChecksCommand(t *testing.T) {
	f := assessing(t)
	if code := f.run(t.Context(), []string{"checks", "-o", "json"}); code != exitOK {
		t.Fatal(code, f.err.String())
	}
	var rules []assess.Rule
	if err := json.Unmarshal(f.out.Bytes(), &rules); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(assess.Catalogue(), rules); diff != "" {
		t.Error(diff)
	}
	f.out.Reset()
	if code := f.run(t.Context(), []string{"checks", "kubelet-skew"}); code != exitOK || !strings.Contains(f.out.String(), "remedy") {
		t.Error(code, f.out.String())
	}
	f.out.Reset()
	if code := f.run(t.Context(), []string{"checks", "moon"}); code != exitUsage || !strings.Contains(f.err.String(), `there is no check "moon"`) {
		t.Error(code, f.err.String())
	}
}
