package kube_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/kubetest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

type describer struct{ cluster *types.Cluster }

func (d describer) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	if d.cluster == nil || *d.cluster.Name != *in.Name {
		return nil, &types.ResourceNotFoundException{Message: aws.String("No cluster found for name: " + *in.Name)}
	}
	return &eks.DescribeClusterOutput{Cluster: d.cluster}, nil
}

var limits = kube.Limits{QPS: 50, Burst: 100, Timeout: time.Minute}

func presigner() *sts.PresignClient {
	return sts.NewPresignClient(sts.New(sts.Options{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "session"}, nil
	})}))
}

func TestConnectProvesWhoItIsToTheRightServer(t *testing.T) {
	var authorization, agent string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization, agent = r.Header.Get("Authorization"), r.UserAgent()
		fmt.Fprint(w, `{"gitVersion":"v1.34.2-eks-2d5f9a1"}`)
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	cluster := &types.Cluster{Name: aws.String("shop"), Endpoint: &server.URL,
		CertificateAuthority: &types.Certificate{Data: aws.String(base64.StdEncoding.EncodeToString(ca))}}

	client, err := kube.Connect(t.Context(), describer{cluster}, presigner(), "shop", limits)
	if err != nil {
		t.Fatal(err)
	}
	git, minor, err := client.Version(t.Context())
	if err != nil || git != "v1.34.2-eks-2d5f9a1" || minor != (upgrade.Version{Major: 1, Minor: 34}) {
		t.Fatalf("version %q, %v, %v", git, minor, err)
	}
	if agent != "eks-upgrade-agent" {
		t.Errorf("user agent %q", agent)
	}
	token, ok := strings.CutPrefix(authorization, "Bearer k8s-aws-v1.")
	if !ok {
		t.Fatalf("authorization %q has no EKS token", authorization)
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := url.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	query := signed.Query()
	if signed.Host != "sts.eu-west-1.amazonaws.com" || query.Get("Action") != "GetCallerIdentity" || query.Get("X-Amz-Expires") != "60" ||
		query.Get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id" || query.Get("X-Amz-Security-Token") != "session" {
		t.Errorf("token is %s", signed)
	}
}

func TestVersionIsTheOneThatIsServed(t *testing.T) {
	for body, want := range map[string]upgrade.Version{
		`{"gitVersion":"v1.37.2"}`: {Major: 1, Minor: 37},
		`{"gitVersion":"v1.37.2","emulationMajor":"1","emulationMinor":"34"}`: {Major: 1, Minor: 34},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		client, err := kube.New(&rest.Config{Host: server.URL}, "shop", limits)
		if err != nil {
			t.Fatal(err)
		}
		if _, minor, err := client.Version(t.Context()); err != nil || minor != want {
			t.Errorf("%s: %s, %v, want %s", body, minor, err, want)
		}
		server.Close()
	}
}

func TestConnectSaysWhyItCannot(t *testing.T) {
	tests := []struct {
		name    string
		cluster *types.Cluster
		code    upgrade.Code
	}{
		{"no such cluster", nil, upgrade.CodeNotFound},
		{"no endpoint yet", &types.Cluster{Name: aws.String("shop"), Status: types.ClusterStatusCreating}, upgrade.CodeUnavailable},
		{"authority is not base64", &types.Cluster{Name: aws.String("shop"), Endpoint: aws.String("https://x"), CertificateAuthority: &types.Certificate{Data: aws.String("%")}}, upgrade.CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := kube.Connect(t.Context(), describer{tt.cluster}, presigner(), "shop", limits); upgrade.CodeOf(err) != tt.code {
				t.Errorf("error %v has code %q, want %q", err, upgrade.CodeOf(err), tt.code)
			}
		})
	}
}

var (
	nodes       = kube.Resource{Version: "v1", Name: "nodes", Kind: "Node"}
	configMaps  = kube.Resource{Version: "v1", Name: "configmaps", Kind: "ConfigMap", Namespaced: true}
	deployments = kube.Resource{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true}
	metrics     = kube.Resource{Group: "metrics.k8s.io", Version: "v1beta1", Name: "pods", Kind: "PodMetrics", Namespaced: true}
)

func manyNodes(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%04d", i)}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.34.2"}}}
	}
	return out
}

func TestListsComeInPagesAndBeginAgainWhenTheyExpire(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, nodes, manyNodes(1203)...)
	server.Fail("/api/v1/nodes", 200, 410) // the second page
	client := server.KubeClient(t)

	got, err := client.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1203 || got[1202].Name != "node-1202" || got[7].Status.NodeInfo.KubeletVersion != "v1.34.2" {
		t.Errorf("got %d nodes", len(got))
	}
	if n := len(server.Requests()); n != 5 {
		t.Errorf("%d requests, want 2 of the expired list and 3 of the whole one: %v", n, server.Requests())
	}

	server.Fail("/api/v1/nodes", 200, 410)
	count := 0
	if err := kube.Each(t.Context(), client, nodes, kube.Selection{}, func() { count = 0 }, func(*objects.Metadata) { count++ }); err != nil || count != 1203 {
		t.Errorf("counted %d, %v", count, err)
	}

	server.Fail("/api/v1/nodes", 200, 410, 200, 410, 200, 410, 200, 410)
	all, err := client.Objects(t.Context(), nodes, "")
	if upgrade.CodeOf(err) != upgrade.CodeUnavailable {
		t.Errorf("a list that always expires gave %d objects, %v", len(all), err)
	}
}

func TestResourcesSurviveAnAPIServerThatDoesNotAnswer(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, nodes)
	server.Serve(t, deployments)
	server.Serve(t, kube.Resource{Group: "apps", Version: "v1beta2", Name: "deployments", Kind: "Deployment", Namespaced: true})
	server.Stale = []kube.Resource{metrics}
	resources, err := server.KubeClient(t).Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resources.Unanswered, []string{"metrics.k8s.io/v1beta1"}) {
		t.Errorf("unanswered: %v", resources.Unanswered)
	}
	if len(resources.All) != 3 || len(resources.Preferred()) != 2 {
		t.Errorf("all %v, preferred %v", resources.All, resources.Preferred())
	}
	got, ok := resources.ByKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	if !ok || !got.Namespaced || got.Name != "deployments" || !got.Can("list") || got.APIVersion() != "apps/v1" {
		t.Errorf("deployments: %+v, %v", got, ok)
	}
}

func TestApplyFindsTheResourceAndAsksAgainForNewKinds(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, nodes)
	client := server.KubeClient(t)
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "a", "namespace": "shop"}, "data": map[string]any{"k": "v"}}}
	if _, err := client.Apply(t.Context(), object, "eks-upgrade-agent", true); upgrade.CodeOf(err) != upgrade.CodeNotFound {
		t.Errorf("a kind that is not served: %v", err)
	}
	server.Serve(t, configMaps)
	for range 2 { // the second time the mapping is known
		if _, err := client.Apply(t.Context(), object, "eks-upgrade-agent", true); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Get(t.Context(), object.GroupVersionKind(), "shop", "a")
	if err != nil {
		t.Fatal(err)
	}
	if data, _, _ := unstructured.NestedString(got.Object, "data", "k"); data != "v" {
		t.Errorf("applied object: %v", got.Object)
	}
	want := "PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=eks-upgrade-agent&force=true&timeout=1m0s"
	if !slices.Contains(server.Requests(), want) {
		t.Errorf("requests %v lack %s", server.Requests(), want)
	}
}

func TestDeleteRemovesOneObject(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, configMaps, map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "a"}}, map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "b"}})
	client := server.KubeClient(t)
	for _, want := range []upgrade.Code{"", upgrade.CodeNotFound} {
		if err := client.Delete(t.Context(), configMaps.GVK(), "shop", "a"); upgrade.CodeOf(err) != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if left, err := client.Objects(t.Context(), configMaps, ""); err != nil || len(left) != 1 || left[0].GetName() != "b" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestErrorsCarryTheAgentsCodes(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, nodes)
	client := server.KubeClient(t)
	tests := []struct {
		status int
		code   upgrade.Code
	}{
		{400, upgrade.CodeInvalidRequest}, {401, upgrade.CodePermissionDenied}, {403, upgrade.CodePermissionDenied}, {404, upgrade.CodeNotFound},
		{409, upgrade.CodeConflict}, {410, upgrade.CodeUnavailable}, {418, upgrade.CodeInternal}, {429, upgrade.CodeThrottled},
		{500, upgrade.CodeUnavailable}, {503, upgrade.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			server.Fail("/api/v1/nodes", tt.status)
			if _, err := client.Nodes(t.Context()); upgrade.CodeOf(err) != tt.code {
				t.Errorf("error %v has code %s, want %s", err, upgrade.CodeOf(err), tt.code)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		server.Close()
		if _, err := client.Nodes(t.Context()); upgrade.CodeOf(err) != upgrade.CodeUnavailable {
			t.Errorf("error %v has code %s", err, upgrade.CodeOf(err))
		}
	})
	t.Run("an error that has a code keeps it", func(t *testing.T) {
		own := upgrade.Errorf(upgrade.CodeThrottled, "sign", "slow down")
		if err := kube.Wrap("list", fmt.Errorf("Get: %w", own)); !errors.Is(err, own) || upgrade.CodeOf(err) != upgrade.CodeThrottled {
			t.Errorf("got %v", err)
		}
	})
}

func TestServiceIsReadByName(t *testing.T) {
	server := kubetest.New(t, "v1.34.2")
	server.Serve(t, kube.Resource{Version: "v1", Name: "services", Kind: "Service", Namespaced: true}, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "frontend"},
		Status:     corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}}}})
	client := server.KubeClient(t)
	service, err := client.Service(t.Context(), upgrade.ObjectName{Namespace: "default", Name: "frontend"})
	if err != nil || service.Status.LoadBalancer.Ingress[0].Hostname != "lb.example.com" {
		t.Errorf("service %v, %v", service, err)
	}
	if _, err := client.Service(t.Context(), upgrade.ObjectName{Namespace: "default", Name: "none"}); upgrade.CodeOf(err) != upgrade.CodeNotFound {
		t.Errorf("missing service: %v", err)
	}
}
