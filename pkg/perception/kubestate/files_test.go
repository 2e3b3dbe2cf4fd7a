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

// Files have versions that no cluster serves any more: their few fields are read
// all the same, with the defaults of that time.
func TestOldVersionsInFilesAreReadAsTheirSuccessors(t *testing.T) {
	state, unread := kubestate.FromObjects(parse(t, `apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web:1}]}}}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: none, namespace: shop}
spec: {minAvailable: 1, selector: {}}
---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {backend: {serviceName: other, servicePort: 80}, rules: [{host: shop.example.com, http: {paths: [{path: /, backend: {serviceName: web, servicePort: 80}}]}}]}
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: nightly, namespace: shop}
spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: job:1}]}}}}}
---
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 2, maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: hook.example.com, clientConfig: {service: {namespace: shop, name: hook}}}]`, "old.yaml"))
	if len(unread) > 0 {
		t.Fatalf("unread: %+v", unread)
	}
	var workloads []string
	for _, w := range state.Workloads {
		workloads = append(workloads, w.Object.String()+" "+w.Selector.Labels["app"]+" "+w.Schedule)
	}
	if diff := cmp.Diff([]string{"CronJob shop/nightly (batch/v1)  0 3 * * *", "Deployment shop/web (apps/v1) web "}, workloads); diff != "" {
		t.Error(diff)
	}
	if b := state.Budgets; len(b) != 2 || b[0].MinAvailable != "2" || b[0].Selector.Labels["app"] != "web" || !b[1].Selector.IsZero() {
		t.Errorf("budgets %+v", b)
	}
	if i := state.Ingresses; len(i) != 1 || strings.Join(i[0].Services, " ") != "other web" {
		t.Errorf("ingresses %+v", i)
	}
	if a := state.Autoscalers; len(a) != 1 || a[0].Max != 4 || a[0].Target.Name != "web" {
		t.Errorf("autoscalers %+v", a)
	}
	if w := state.Webhooks; len(w) != 1 || w[0].FailurePolicy != "Ignore" || w[0].TimeoutSeconds != 30 {
		t.Errorf("webhooks %+v", w)
	}
	if state.Objects["policy/v1beta1, PodDisruptionBudget"] != 2 {
		t.Errorf("objects are counted as they are written: %v", state.Objects)
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
