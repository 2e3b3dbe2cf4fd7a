package kubestate_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/kubestate"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var update = flag.Bool("update", false, "write the golden files")

func parse(t *testing.T, text, file string) []kubestate.Object {
	t.Helper()
	var all []kubestate.Object
	for _, document := range strings.Split(text, "\n---\n") {
		o := kubestate.Object{Unstructured: unstructured.Unstructured{}, Source: file}
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		all = append(all, o)
	}
	return all
}

func TestFilesAreReadAsTheClusterIs(t *testing.T) {
	text, err := os.ReadFile("testdata/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	state, unread := kubestate.FromObjects(parse(t, string(text), "shop.yaml"))
	if len(unread) > 0 {
		t.Errorf("unread: %+v", unread)
	}
	got, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/objects.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got)+"\n", "\n")); diff != "" {
		t.Errorf("run with -update if it is meant (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "pass.word", "looks.like", "user:", "token@", "secret@"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("the state has %q in it", secret)
		}
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	state, unread := kubestate.FromObjects(parse(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: many}\n---\n"+
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec: {}", "deploy/web.yaml"))
	if len(unread) != 1 || unread[0].What != "Deployment web (apps/v1) in deploy/web.yaml" || !strings.Contains(unread[0].Why, "replicas") {
		t.Errorf("unread: %+v", unread)
	}
	if len(state.Workloads) != 1 || state.Workloads[0].Source != "deploy/web.yaml" {
		t.Errorf("workloads: %+v", state.Workloads)
	}
}

func TestFilesSayNothingOfWhatOnlyLives(t *testing.T) {
	state, _ := kubestate.FromObjects(nil)
	if state.Nodes != nil || state.Pods != nil || state.Usage != nil || state.KubeProxy != nil || state.DeprecatedAPIs != nil || state.Attachments != nil {
		t.Errorf("state: %+v", state)
	}
	if state.Workloads == nil || state.Budgets == nil || state.Webhooks == nil || state.ServerVersion != (upgrade.Version{}) {
		t.Errorf("what no file has is not in the cluster: %+v", state)
	}
}
