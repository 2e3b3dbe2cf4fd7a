package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

const testManifests = "../testdata/clusters"

func newFleet(t *testing.T) *Fleet {
	t.Helper()
	assets, err := FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFleet(Options{Assets: assets, Dir: t.TempDir(), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(f.dir, "*", "logs", "*.log"))
			for _, log := range logs {
				t.Logf("%s:\n%s", log, controlplane.Tail(log, 15))
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

var workers = Nodes{Count: 3, KubeletVersion: GitVersion("1.34"), InstanceType: "m5.xlarge", Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}}

// TestUpgradeKeepsWhatAClusterHolds is the whole life of a cluster with real
// applications in it.
func TestUpgradeKeepsWhatAClusterHolds(t *testing.T) {
	f, ctx := newFleet(t), deadline(t)
	endpoint, err := f.CreateCluster(ctx, "shop", "1.34")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ScaleNodegroup(ctx, "shop", "workers", workers); err != nil {
		t.Fatal(err)
	}
	config, err := f.RESTConfig("shop")
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != endpoint.URL {
		t.Errorf("endpoint %s, but the administrator's access is to %s", endpoint.URL, config.Host)
	}
	loaded, err := Load(ctx, config, filepath.Join(testManifests, "online-boutique"), filepath.Join(testManifests, "kube-prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects loaded in %v", loaded.Objects, loaded.Took)
	began := time.Now()
	if err := f.WaitSettled(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	t.Logf("settled after %v more", time.Since(began))
	wantVersion(t, f, "shop", "1.34")
	before := objects(ctx, t, f, "shop")
	if n := len(before); n < 200 {
		t.Errorf("only %d objects are in the cluster", n)
	}

	if err := f.UpgradeCluster(ctx, "shop", "1.35"); err != nil {
		t.Fatal(err)
	}
	wantVersion(t, f, "shop", "1.35")
	after := objects(ctx, t, f, "shop")
	for key := range before {
		if _, there := after[key]; !there {
			t.Errorf("%s was lost", key)
		}
	}
	maps.DeleteFunc(before, func(key string, uid string) bool { return after[key] == uid })
	if len(before) > 0 {
		t.Errorf("lost or made anew: %v", before)
	}
	if err := f.WaitSettled(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteCluster(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(endpoint.URL); err == nil {
		t.Error("the API server of the deleted cluster answers")
	}
}

// wantVersion checks /version. Upstream's binaries, which KUBEBUILDER_ASSETS may
// name, show their own version and the one that they emulate.
func wantVersion(t *testing.T, f *Fleet, name, version string) {
	t.Helper()
	says := serverVersion(t, f, name)
	if got := says["emulationMajor"] + "." + says["emulationMinor"]; got != version {
		t.Errorf("/version says that %s is emulated, want %s", got, version)
	}
	if !f.options.Assets.Bundled {
		return
	}
	if got := says["major"] + "." + says["minor"]; got != version || says["gitVersion"] != GitVersion(version) {
		t.Errorf("/version says %s, %s; want %s", got, says["gitVersion"], GitVersion(version))
	}
}

func serverVersion(t *testing.T, f *Fleet, name string) (v map[string]string) {
	t.Helper()
	config, err := f.RESTConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	_, client, disconnect, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	defer disconnect()
	response, err := client.Get(config.Host + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// objects returns the uid of every object that lasts (no events, leases, pods,
// slices), by resource and name.
func objects(ctx context.Context, t *testing.T, f *Fleet, name string) map[string]string {
	t.Helper()
	config, err := f.RESTConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	client, _, disconnect, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	defer disconnect()
	all := map[string]string{}
	for _, resource := range []schema.GroupVersionResource{
		nodes, services, deployments, statefulSets, daemonSets,
		{Version: "v1", Resource: "namespaces"}, {Version: "v1", Resource: "configmaps"},
		{Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "serviceaccounts"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		{Group: "monitoring.coreos.com", Version: "v1", Resource: "prometheusrules"},
		{Group: "monitoring.coreos.com", Version: "v1", Resource: "servicemonitors"},
		{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
		{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
	} {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range list.Items {
			all[fmt.Sprintf("%s %s/%s", resource.Resource, object.GetNamespace(), object.GetName())] = string(object.GetUID())
		}
	}
	return all
}
