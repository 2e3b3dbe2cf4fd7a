package workloads_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/workloads"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const widgetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com, uid: u1, resourceVersion: "7"}
spec: {group: example.com, names: {plural: widgets, kind: Widget}}
status: {conditions: [{type: Established, status: "True"}]}`

// application is one namespace with one of each kind of object.
var application = []string{
	`{apiVersion: v1, kind: Namespace, metadata: {name: web, uid: u2, finalizers: [x]}, spec: {finalizers: [kubernetes]}}`,
	widgetDefinition,
	`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: reader}, rules: []}`,
	`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: web, name: settings, resourceVersion: "9", managedFields: [{manager: kubectl}]}, data: {a: b}}`,
	`{apiVersion: v1, kind: Secret, metadata: {namespace: web, name: password}, data: {p: c2VjcmV0}}`,
	`{apiVersion: v1, kind: Service, metadata: {namespace: web, name: front}, spec: {type: LoadBalancer, clusterIP: 172.20.0.9, clusterIPs: [172.20.0.9], ports: [{port: 80, nodePort: 31000}]}, status: {loadBalancer: {ingress: [{hostname: old.example}]}}}`,
	`{apiVersion: v1, kind: Service, metadata: {namespace: web, name: peers}, spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}}`,
	`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: web, name: front, annotations: {deployment.kubernetes.io/revision: "3", team: shop}}, spec: {replicas: 2}, status: {readyReplicas: 2}}`,
	`{apiVersion: example.com/v1, kind: Widget, metadata: {namespace: web, name: one, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: settings, uid: u9}]}, spec: {size: 3}}`,
	`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: web, name: front}, spec: {minAvailable: 1}}`,
	`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {namespace: web, name: front}, spec: {maxReplicas: 5}}`,
	`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.metrics.example.io}, spec: {group: metrics.example.io, service: {name: metrics, namespace: web}}}`,
	`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: guard}}`,
}

// own is what a cluster makes itself.
var own = []string{
	`{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}`,
	`{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {kubernetes.io/metadata.name: default}}}`,
	`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: web, name: kube-root-ca.crt}}`,
	`{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: web, name: default}}`,
	`{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: kube-system, name: deployment-controller}}`,
	`{apiVersion: v1, kind: Secret, metadata: {namespace: web, name: default-token-x, annotations: {kubernetes.io/service-account.name: default}}, type: kubernetes.io/service-account-token}`,
	`{apiVersion: v1, kind: Service, metadata: {namespace: default, name: kubernetes}}`,
	`{apiVersion: v1, kind: Endpoints, metadata: {namespace: web, name: front, labels: {endpoints.kubernetes.io/managed-by: endpoint-controller}}}`,
	`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: web, name: front-x, labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}}`,
	`{apiVersion: v1, kind: Pod, metadata: {namespace: web, name: alone}}`,
	`{apiVersion: v1, kind: Event, metadata: {namespace: web, name: happened}}`,
	`{apiVersion: v1, kind: Node, metadata: {name: node-1}}`,
	`{apiVersion: batch/v1, kind: Job, metadata: {namespace: web, name: migration}}`,
	`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: kube-system, name: leader}}`,
	`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {namespace: web, name: front-1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: front, uid: u5, controller: true}]}}`,
	`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "system:node"}}`,
	`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}}`,
	`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: kube-system, name: coredns, labels: {eks.amazonaws.com/component: coredns}}}`,
	`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: kube-system, name: ebs-csi-controller, managedFields: [{manager: eks, operation: Apply}]}}`,
	`{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: FlowSchema, metadata: {name: exempt, annotations: {apf.kubernetes.io/autoupdate-spec: "true"}}}`,
	`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.apps, labels: {kube-aggregator.kubernetes.io/automanaged: onstart}}, spec: {group: apps}}`,
	`{apiVersion: metrics.example.io/v1beta1, kind: Reading, metadata: {namespace: web, name: cpu}}`,
	`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: web, name: leaving, deletionTimestamp: "2026-08-01T00:00:00Z"}}`,
}

func clusters() (blue, green *cluster) {
	blue, green = newCluster("example.com/v1 widgets Widget", "metrics.example.io/v1beta1 readings Reading"), newCluster()
	blue.load(application...)
	blue.load(own...)
	green.load(own[0], own[1], `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: "agent:deliver"}}`)
	return blue, green
}

var plan = upgrade.Plan{Upgrade: "up-1", Cluster: lab.Blue, Green: lab.Green, Mode: upgrade.Forward}

func step(from, to string) upgrade.Step {
	input, err := json.Marshal(upgrade.SyncInput{From: from, To: to})
	if err != nil {
		panic(err)
	}
	return upgrade.Step{ID: "sync", Kind: upgrade.StepSync, Input: input}
}

// rights is the binding by which the agent writes to green.
const rights = "agent:deliver"

func look(t testing.TB, l *lab.Lab, run upgrade.Run, blue, green *cluster) (upgrade.Progress, error) {
	t.Helper()
	s := &workloads.Sync{States: l.Records, Guard: l.Leases, Clock: l.Clock, Slice: time.Minute, Parallelism: 4, Rights: rights,
		Connect: func(_ context.Context, name string) (workloads.Cluster, error) {
			return map[string]*cluster{lab.Blue: blue, lab.Green: green}[name], nil
		}}
	return s.Reconcile(t.Context(), run, plan, step(lab.Blue, lab.Green), upgrade.StepRecord{})
}

// deliver looks until all is delivered; green's server establishes definitions
// between two looks.
func deliver(t testing.TB, l *lab.Lab, blue, green *cluster) (upgrade.Progress, error) {
	t.Helper()
	for range 40 {
		p, err := look(t, l, l.Run, blue, green)
		if errors.Is(err, lab.ErrCrash) {
			continue
		}
		if err != nil || p.Done {
			return p, err
		}
		green.establish()
		l.Clock.Advance(p.After.D())
	}
	t.Fatal("not done after 40 looks")
	return upgrade.Progress{}, nil
}

var wantOrder = []string{"Namespace//web", "CustomResourceDefinition//widgets.example.com", "ClusterRole//reader", "ConfigMap/web/settings", "Secret/web/password",
	"Service/web/front", "Service/web/peers", "Deployment/web/front", "Widget/web/one", "PodDisruptionBudget/web/front", "HorizontalPodAutoscaler/web/front",
	"APIService//v1beta1.metrics.example.io", "ValidatingWebhookConfiguration//guard"}

// The right to write to green ends with the delivery, and not before.
func TestSyncGivesItsRightsBack(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	held := func() bool { return green.objects["ClusterRoleBinding//"+rights] != nil }
	green.beforeOp = func(key string) error {
		if !held() {
			t.Errorf("%s after the right to write was given back", key)
		}
		return nil
	}
	if p, err := deliver(t, l, blue, green); err != nil || !p.Done || held() {
		t.Fatalf("%+v, %v, still held: %t", p, err, held())
	}
	green.beforeOp = nil
	if p, err := look(t, l, l.Run, blue, green); err != nil || !p.Done { // as after a crash before that was recorded
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSyncIsNotDoneBeforeItsRightsAreBack(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	green.beforeOp = func(key string) error {
		if key == "ClusterRoleBinding//"+rights {
			return upgrade.KindKubernetesUnavailable.Errorf("delete", "503")
		}
		return nil
	}
	if _, err := deliver(t, l, blue, green); upgrade.CodeOf(err) != upgrade.CodeUnavailable {
		t.Errorf("error %v", err)
	}
}

func TestSyncDeliversWhatPeopleMadeInOrder(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	p, err := deliver(t, l, blue, green)
	if err != nil || !p.Done || p.Note != fmt.Sprintf("%d objects delivered, 17 left to the cluster itself", len(application)) {
		t.Fatalf("%+v, %v", p, err)
	}
	group := func(keys []string) []string { // within a stage the order is free
		out := slices.Clone(keys)
		slices.Sort(out[3:5])
		slices.Sort(out[5:7])
		return out
	}
	if diff := cmp.Diff(group(wantOrder), group(green.order)); diff != "" {
		t.Error("applied (-want +got):\n" + diff)
	}
	if n := len(green.objects) - 2; n != len(application) {
		t.Errorf("%d objects in green, want %d", n, len(application))
	}
}

func TestSyncCleansWhatTheOldClusterSet(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	if _, err := deliver(t, l, blue, green); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]map[string]any{
		"Namespace//web":         {"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "web"}},
		"ConfigMap/web/settings": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "web", "name": "settings"}, "data": map[string]any{"a": "b"}},
		"Service/web/front": {"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": "web", "name": "front"},
			"spec": map[string]any{"type": "LoadBalancer", "ports": []any{map[string]any{"port": int64(80)}}}},
		"Service/web/peers": {"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": "web", "name": "peers"},
			"spec": map[string]any{"clusterIP": "None", "clusterIPs": []any{"None"}, "ports": []any{map[string]any{"port": int64(80)}}}},
		"Deployment/web/front": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": "web", "name": "front", "annotations": map[string]any{"team": "shop"}},
			"spec": map[string]any{"replicas": int64(2)}},
		"Widget/web/one": {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"namespace": "web", "name": "one"}, "spec": map[string]any{"size": int64(3)}},
	} {
		got, err := json.Marshal(green.objects[key])
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(wanted)), strings.TrimSpace(string(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestSyncSurvivesACrashAtAnyPoint(t *testing.T) {
	l := lab.New(t)
	setUp := l.Fuse.Calls
	blue, green := clusters()
	if _, err := deliver(t, l, blue, green); err != nil {
		t.Fatal(err)
	}
	for at := setUp + 1; at <= l.Fuse.Calls; at++ {
		for _, effect := range []bool{false, true} {
			again := lab.New(t)
			again.Fuse.At, again.Fuse.Effect = at, effect
			blue, fresh := clusters()
			if _, err := deliver(t, again, blue, fresh); err != nil {
				t.Fatalf("crash at call %d: %v", at, err)
			}
			if len(fresh.objects) != len(green.objects) {
				t.Fatalf("crash at call %d: %d objects, want %d", at, len(fresh.objects), len(green.objects))
			}
		}
	}
}

func TestSyncGoesOnWhereItsSliceEnded(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	const many = 500
	for i := range many {
		blue.load(fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: web, name: c%04d}}", i))
	}
	green.beforeOp = func(string) error { l.Clock.Advance(time.Second); return nil }
	looks := 0
	for {
		p, err := look(t, l, l.Run, blue, green)
		if err != nil {
			t.Fatal(err)
		}
		looks++
		green.establish()
		if p.Done {
			break
		}
		if looks > 30 {
			t.Fatal("no end")
		}
	}
	if looks < 5 {
		t.Errorf("%d looks: a slice of a minute took all %d objects of a second each", looks, many)
	}
	if green.applies != many+len(application) {
		t.Errorf("%d applies of %d objects: a slice did not go on where the last one ended", green.applies, many+len(application))
	}
}

func TestRefusalsDoNotStopTheRestAndFailTheStep(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	for i := range 15 {
		name := fmt.Sprintf("bad%02d", i)
		blue.load(fmt.Sprintf("{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: web, name: %s}}", name))
		green.refuse["Deployment/web/"+name] = upgrade.Errorf(upgrade.CodeInvalidRequest, "apply "+name, "spec.selector: Required value")
	}
	green.refuse["Secret/web/password"] = upgrade.Errorf(upgrade.CodeInvalidRequest, "apply", `data: Invalid value: "c2VjcmV0"`)
	_, err := deliver(t, l, blue, green)
	if upgrade.CodeOf(err) != upgrade.CodeStepFailed {
		t.Fatalf("error %v", err)
	}
	text := err.Error()
	if !strings.Contains(text, "refused 16 of 28 objects") || strings.Count(text, "Required value") != 9 || !strings.Contains(text, "Secret web/password: InvalidRequest") {
		t.Error(text)
	}
	if strings.Contains(text, "c2VjcmV0") || slices.ContainsFunc(l.Dynamo.Documents("records"), func(d string) bool { return strings.Contains(d, "c2VjcmV0") }) {
		t.Error("a secret is in the error or in the records")
	}
	if green.objects["ValidatingWebhookConfiguration//guard"] == nil {
		t.Error("the rest was not delivered")
	}
}

func TestAKindThatGreenDoesNotServeIsARefusal(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	blue.serve("legacy.example.io/v1beta1 relics Relic")
	blue.load(`{apiVersion: legacy.example.io/v1beta1, kind: Relic, metadata: {namespace: web, name: old}}`)
	_, err := deliver(t, l, blue, green)
	if upgrade.CodeOf(err) != upgrade.CodeStepFailed || !strings.Contains(err.Error(), "relics.legacy.example.io: shop-green serves no version") {
		t.Errorf("error %v", err)
	}
}

func TestAnObjectGoesInAVersionThatBothServe(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	blue.serve("flow.example.io/v1beta3 flows Flow")
	blue.serve("flow.example.io/v1 flows Flow")
	green.serve("flow.example.io/v2 flows Flow")
	green.serve("flow.example.io/v1 flows Flow")
	blue.load(`{apiVersion: flow.example.io/v1beta3, kind: Flow, metadata: {namespace: web, name: f}}`)
	if _, err := deliver(t, l, blue, green); err != nil {
		t.Fatal(err)
	}
	if got := green.objects["Flow/web/f"].GetAPIVersion(); got != "flow.example.io/v1" {
		t.Errorf("delivered as %s", got)
	}
}

func TestCustomResourcesWaitForTheirDefinitions(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	for range 3 {
		p, err := look(t, l, l.Run, blue, green)
		if err != nil || p.Done || !strings.Contains(p.Note, "custom resource definitions") {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if green.objects["ClusterRole//reader"] != nil {
		t.Error("the next stage began")
	}
}

func TestThrottlingIsPassedOnAndNothingIsLost(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	left := 3
	green.beforeOp = func(string) error {
		if left--; left >= 0 {
			return upgrade.Errorf(upgrade.CodeThrottled, "apply", "too many requests")
		}
		return nil
	}
	if _, err := look(t, l, l.Run, blue, green); upgrade.CodeOf(err) != upgrade.CodeThrottled {
		t.Fatalf("error %v", err)
	}
	left = 0
	if _, err := deliver(t, l, blue, green); err != nil {
		t.Fatal(err)
	}
	if len(green.objects)-2 != len(application) {
		t.Errorf("%d objects", len(green.objects)-2)
	}
}

func TestAnObjectThatSomebodyWroteAtTheSameTimeIsAppliedAgain(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	raced := map[string]bool{}
	green.beforeOp = func(key string) error {
		if !raced[key] && key != "ClusterRoleBinding//"+rights {
			raced[key] = true
			return upgrade.Errorf(upgrade.CodeConflict, "apply", "the object has been modified")
		}
		return nil
	}
	if _, err := deliver(t, l, blue, green); err != nil {
		t.Fatal(err)
	}
	if len(green.objects)-2 != len(application) {
		t.Errorf("%d objects", len(green.objects)-2)
	}
}

func TestAStaleLeaseDeliversNothing(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	if _, err := look(t, l, l.Stale(), blue, green); upgrade.CodeOf(err) != upgrade.CodeLeaseLost {
		t.Errorf("error %v", err)
	}
	if green.applies > 0 {
		t.Errorf("%d applies", green.applies)
	}
}

func TestTheWrongWayIsRefused(t *testing.T) {
	l := lab.New(t)
	s := &workloads.Sync{States: l.Records, Guard: l.Leases, Clock: l.Clock}
	for _, way := range [][2]string{{lab.Green, lab.Blue}, {lab.Blue, lab.Blue}, {lab.Blue, "other"}} {
		_, err := s.Reconcile(t.Context(), l.Run, plan, step(way[0], way[1]), upgrade.StepRecord{})
		if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest {
			t.Errorf("%v: error %v", way, err)
		}
	}
}
