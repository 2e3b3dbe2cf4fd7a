// Package assess_test runs eks-upgrade assess against a real control plane.
package assess_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
)

// fragile is an application whose budget lets nobody drain its node.
const fragile = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: example.com/db:1}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db, namespace: default}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: db}}}
`

func TestAssessARealControlPlane(t *testing.T) {
	assets, err := cluster.FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := cluster.NewFleet(cluster.Options{Assets: assets, Dir: t.TempDir(), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := fleet.CreateCluster(t.Context(), "shop", "1.34"); err != nil {
		t.Fatal(err)
	}
	rest, err := fleet.RESTConfig("shop")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	manifest, kubeconfig := filepath.Join(dir, "db.yaml"), filepath.Join(dir, "config")
	if err := os.WriteFile(manifest, []byte(fragile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Load(t.Context(), rest, manifest); err != nil {
		t.Fatal(err)
	}
	writeKubeconfig(t, rest, kubeconfig)
	waitForBudget(t, rest)

	var out, progress bytes.Buffer
	code := cli.Run(t.Context(), []string{"assess", "--offline", "--kubeconfig", kubeconfig, "--manifests", manifest, "-o", "json"}, strings.NewReader(""), &out, &progress)
	var d assess.Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatalf("exit code %d: %v\n%s", code, err, progress.String())
	}
	if code != 4 && code != 5 || d.Cluster != "shop" || d.From.String() != "1.34" || d.Target.String() != "1.35" {
		t.Errorf("exit code %d, %s %s -> %s: %s", code, d.Cluster, d.From, d.Target, d.Reason)
	}
	i := slices.IndexFunc(d.Findings, func(f assess.Finding) bool {
		return f.Object != nil && f.Object.Kind == "PodDisruptionBudget" && f.Object.Name == "db"
	})
	if i < 0 || d.Findings[i].Location == nil || d.Findings[i].Location.Line == 0 {
		t.Errorf("the budget is not among the findings, or without its place: %+v", d.Findings)
	}
	for _, s := range d.Sources {
		if s.Source == upgrade.SourceKubernetes && s.Status == assess.Unread || s.Source == upgrade.SourceAWS && s.Status != assess.NotAsked {
			t.Errorf("%+v", s)
		}
	}
}

// writeKubeconfig writes a kubeconfig whose context shop leads to a cluster.
func writeKubeconfig(t *testing.T, rest *rest.Config, file string) {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["shop"] = &api.Cluster{Server: rest.Host, CertificateAuthorityData: rest.CAData}
	config.AuthInfos["me"] = &api.AuthInfo{ClientCertificateData: rest.CertData, ClientKeyData: rest.KeyData, Token: rest.BearerToken}
	config.Contexts["shop"], config.CurrentContext = &api.Context{Cluster: "shop", AuthInfo: "me"}, "shop"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
}

// waitForBudget waits until the control plane has counted the pods of the budget db.
func waitForBudget(t *testing.T, rest *rest.Config) {
	t.Helper()
	client, err := dynamic.NewForConfig(rest)
	if err != nil {
		t.Fatal(err)
	}
	budgets := client.Resource(schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}).Namespace("default")
	err = wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		b, err := budgets.Get(ctx, "db", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pods, _, err := unstructured.NestedInt64(b.Object, "status", "expectedPods")
		return pods == 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
