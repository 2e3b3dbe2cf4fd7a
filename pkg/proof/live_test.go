package proof_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/proof"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// refusing answers 403 where somebody lists one of the resources, as RBAC does.
type refusing struct {
	next      http.RoundTripper
	resources []string
	asked     map[string]bool
}

func (r *refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	resource := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]
	if request.Method == http.MethodGet {
		r.asked[resource] = true
	}
	if !slices.Contains(r.resources, resource) || request.Method != http.MethodGet {
		return r.next.RoundTrip(request)
	}
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"%s is forbidden","reason":"Forbidden","code":403}`, resource)
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: request}, nil
}

// live is what somebody has put into a cluster of 1.35, by the API versions that
// he wrote it in.
const live = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
{apiVersion: v1, kind: Secret, metadata: {name: secret, namespace: shop}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: leading-zero, namespace: shop}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.010.0.0/16}}]}]}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata:
  name: written-in-v1
  namespace: shop
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"apiVersion":"autoscaling/v2beta2","kind":"HorizontalPodAutoscaler","metadata":{"name":"written-in-v1"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"a"}}}'}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bare, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: of-a-replicaset, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: a, uid: u-1, controller: true}]}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: of-a-widget, namespace: shop, ownerReferences: [{apiVersion: example.com/v1, kind: Widget, name: a, uid: u-2, controller: true}]}, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: small, namespace: shop}, spec: {size: 1}}
---
{apiVersion: example.com/v1, kind: Old, metadata: {name: any}}
`

func TestACluster(t *testing.T) {
	ctx := t.Context()
	server, err := controlplane.Start(ctx, programs(t), "1.35", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	config := server.Config()
	wire := &refusing{resources: []string{"olds", "statefulsets", "daemonsets"}, asked: map[string]bool{}}
	config.WrapTransport = func(next http.RoundTripper) http.RoundTripper { wire.next = next; return wire }
	client, err := kube.New(config, "shop", kube.Limits{QPS: 500, Burst: 500, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	create := func(o *unstructured.Unstructured) {
		t.Helper()
		if err := controlplane.Retry(ctx, "it", func(ctx context.Context) error {
			r, err := client.Resource(ctx, o.GroupVersionKind())
			if err != nil {
				return err
			}
			_, err = client.Dynamic().Resource(r.GVR()).Namespace(o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{FieldManager: "somebody"})
			return err
		}); err != nil {
			t.Fatalf("%s: %v", o.GetName(), err)
		}
	}
	for _, o := range read(t, "testdata/definitions.yaml") {
		unstructured.RemoveNestedField(o.Object, "spec", "preserveUnknownFields")
		unstructured.RemoveNestedField(o.Object, "spec", "conversion")
		create(o)
	}
	for _, text := range strings.Split(live, "\n---\n") {
		o := parse(t, text)
		if err := controlplane.Poll(ctx, o.GetKind(), func(ctx context.Context) (bool, error, error) {
			_, err := client.Resource(ctx, o.GroupVersionKind())
			return err == nil, err, nil
		}); err != nil {
			t.Fatal(err)
		}
		create(o)
	}
	create(release(t))
	wire.asked = map[string]bool{}

	c, err := proof.Read(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for m, err := range c.Manifests(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Object.GetNamespace() == "shop" {
			got = append(got, m.Ref().String()+" "+m.Source.From)
		}
	}
	slices.Sort(got)
	want := []string{
		"HorizontalPodAutoscaler shop/written-in-v1 (autoscaling/v1) live",
		"HorizontalPodAutoscaler shop/written-in-v1 (autoscaling/v2) live",
		"HorizontalPodAutoscaler shop/written-in-v1 (autoscaling/v2beta2) lastApplied",
		"NetworkPolicy shop/leading-zero (networking.k8s.io/v1) live",
		"Pod shop/bare (v1) live",
		"Pod shop/of-a-widget (v1) live",
		"ServiceAccount shop/default (v1) live",
		"Widget shop/small (example.com/v1) live",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.Version != v(35) || wire.asked["secrets"] || wire.asked["configmaps"] || wire.asked["events"] || !wire.asked["widgets"] {
		t.Errorf("version %s, asked for %v", c.Version, wire.asked)
	}

	p, err := proof.OfCluster(ctx, client, proof.Options{Programs: programs(t), Version: v(36), Dir: t.TempDir(), Helm: true})
	if err != nil {
		t.Fatal(err)
	}
	var rejected []string
	for _, r := range p.Results {
		rejected = append(rejected, string(r.Verdict)+" "+r.Object.Namespace+"/"+r.Object.Name+" "+r.Source.String())
	}
	if diff := cmp.Diff([]string{"rejected shop/leading-zero the live object", "rejected shop/of-a-chart Helm release shop/web"}, rejected); diff != "" || p.Against != v(35) || p.BySource[upgrade.FromHelm] != 1 {
		t.Error(diff, p.Against, p.BySource)
	}
	if p.Unchanged != 1 { // the autoscaler as it was applied once
		t.Errorf("unchanged %d", p.Unchanged)
	}
	var grants []string
	for _, n := range p.NotTried {
		if n.Grant == nil || n.Why == "" || n.Remedy == "" {
			t.Errorf("%+v", n)
			continue
		}
		grants = append(grants, n.What+": "+strings.Join(n.Grant.Verbs, ",")+" "+n.Grant.APIGroups[0]+"/"+strings.Join(n.Grant.Resources, ","))
	}
	slices.Sort(grants)
	if diff := cmp.Diff([]string{"Old (example.com/v1): list example.com/olds", "daemonsets, statefulsets of group \"apps\": list apps/daemonsets,statefulsets"}, grants); diff != "" {
		t.Error(diff)
	}
}

// release is what Helm stores of a release with one NetworkPolicy.
func release(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	data, err := json.Marshal(map[string]any{"name": "web", "namespace": "shop", "version": 1, "info": map[string]any{"status": "deployed"}, "chart": map[string]any{"metadata": map[string]any{"name": "web", "version": "1.0.0"}},
		"manifest": "---\n# Source: web/templates/policy.yaml\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: of-a-chart}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.010.0.0/16}}]}]}\n"})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	stored := base64.StdEncoding.EncodeToString(packed.Bytes())
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{"name": "sh.helm.release.v1.web.v1", "namespace": "shop", "labels": map[string]any{"owner": "helm", "status": "deployed", "name": "web", "version": "1"}},
		"data":     map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(stored))}}}
}
