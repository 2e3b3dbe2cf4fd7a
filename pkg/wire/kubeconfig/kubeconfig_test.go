package kubeconfig_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/kubeconfig"
)

const sample = `apiVersion: v1
kind: Config
current-context: shop
clusters:
- name: plain
  cluster: {server: "https://10.0.0.1:6443"}
- name: arn:aws:eks:eu-west-1:123456789012:cluster/shop
  cluster: {server: "https://abc.gr7.eu-west-1.eks.amazonaws.com"}
users:
- name: token
  user: {token: very-secret}
- name: exec
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: aws
      args: [--region, eu-west-1, eks, get-token, --cluster-name, shop, --output, json]
      env: [{name: AWS_PROFILE, value: prod}]
contexts:
- name: shop
  context: {cluster: "arn:aws:eks:eu-west-1:123456789012:cluster/shop", user: exec}
- name: eksctl
  context: {cluster: plain, user: exec}
- name: lab
  context: {cluster: plain, user: token}
- name: torn
  context: {cluster: gone, user: token}
`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadFindsTheConnection(t *testing.T) {
	file := write(t, sample)
	for name, tc := range map[string]struct {
		context string
		want    kubeconfig.Connection
	}{
		"the current context, as EKS names it": {"", kubeconfig.Connection{Context: "shop", Cluster: "shop", Server: "https://abc.gr7.eu-west-1.eks.amazonaws.com", EKS: kubeconfig.EKS{Name: "shop", Region: "eu-west-1", Profile: "prod"}}},
		"the token command names the cluster":  {"eksctl", kubeconfig.Connection{Context: "eksctl", Cluster: "shop", Server: "https://10.0.0.1:6443", EKS: kubeconfig.EKS{Name: "shop", Region: "eu-west-1", Profile: "prod"}}},
		"no EKS":                               {"lab", kubeconfig.Connection{Context: "lab", Cluster: "lab", Server: "https://10.0.0.1:6443"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := kubeconfig.Load(kubeconfig.Selection{File: file, Context: tc.context})
			if err != nil {
				t.Fatal(err)
			}
			if got.Config == nil || got.Config.Host != got.Server {
				t.Errorf("config %v", got.Config)
			}
			got.Config = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadReadsTheEnvironment(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")+string(os.PathListSeparator)+write(t, sample))
	got, err := kubeconfig.Load(kubeconfig.Selection{Context: "lab"})
	if err != nil || got.Host() != "10.0.0.1:6443" {
		t.Errorf("%s, %v", got.Host(), err)
	}
}

func TestMistakesNameTheFlagAndTheRemedy(t *testing.T) {
	good := write(t, sample)
	for name, tc := range map[string]struct {
		selection kubeconfig.Selection
		want      string
	}{
		"no such file":       {kubeconfig.Selection{File: "/nowhere/config"}, "--kubeconfig: there is no file /nowhere/config; name a kubeconfig"},
		"no YAML":            {kubeconfig.Selection{File: write(t, "a: [")}, "--kubeconfig: error loading config file"},
		"another kind":       {kubeconfig.Selection{File: write(t, "apiVersion: v1\nkind: Pod\n")}, "--kubeconfig: error loading config file"},
		"empty":              {kubeconfig.Selection{File: write(t, "")}, "names no cluster; name another file"},
		"no kubeconfig":      {kubeconfig.Selection{}, "--kubeconfig: there is no kubeconfig ("},
		"unknown context":    {kubeconfig.Selection{File: good, Context: "moon"}, `--context: "moon" is not in ` + good + "; use one of: eksctl, lab, shop, torn"},
		"no current context": {kubeconfig.Selection{File: write(t, strings.Replace(sample, "current-context: shop", "", 1))}, "has no current context; name one: eksctl, lab"},
		"current is gone":    {kubeconfig.Selection{File: write(t, strings.Replace(sample, "current-context: shop", "current-context: old", 1))}, `--context: the current context "old" is not in`},
		"cluster is missing": {kubeconfig.Selection{File: good, Context: "torn"}, `--context: context "torn" cannot be used`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			_, err := kubeconfig.Load(tc.selection)
			if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "; ") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "very-secret") {
				t.Errorf("a secret is in the error: %v", err)
			}
		})
	}
}

// server answers as an API server does whose clients have to log in.
func server(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer very-secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`))
			return
		}
		_, _ = w.Write([]byte(`{"gitVersion":"v1.34.2-eks-2d5f9a1"}`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestConnect(t *testing.T) {
	for name, tc := range map[string]struct {
		user string
		want upgrade.Kind
	}{
		"a token":                      {"{token: very-secret}", ""},
		"a command that makes a token": {`{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: ['{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"very-secret"}}']}}`, ""},
		"an old token":                 {"{token: expired}", upgrade.KindKubernetesUnauthorized},
		"a command that fails":         {`{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: "false"}}`, upgrade.KindKubernetesUnauthorized},
		"no such command":              {`{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: /nowhere/aws}}`, upgrade.KindKubernetesUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a, cluster: {server: "`+server(t)+`", insecure-skip-tls-verify: true}}], users: [{name: a, user: `+tc.user+`}]}`)
			c, err := kubeconfig.Load(kubeconfig.Selection{File: file})
			if err != nil {
				t.Fatal(err)
			}
			client, err := c.Connect(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			git, _, err := client.Version(t.Context())
			if tc.want == ("") {
				if err != nil || git != "v1.34.2-eks-2d5f9a1" {
					t.Errorf("%q, %v", git, err)
				}
				return
			}
			if upgrade.KindOf(err) != tc.want {
				t.Errorf("%v is %s, want %s", err, upgrade.KindOf(err), tc.want)
			}
		})
	}
}
