package eksbackend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster/eksbackend"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const none = time.Duration(-1)

// world is an EKS with real control planes, in which nothing takes longer than
// the control planes themselves.
type world struct {
	t     *testing.T
	ctx   context.Context
	api   *sdk.Client
	fleet *cluster.Fleet
}

func newWorld(t *testing.T) *world {
	t.Helper()
	assets, err := cluster.FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := cluster.NewFleet(cluster.Options{Assets: assets, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	service := eks.New(eks.Options{Clock: clock.System{}, Account: "123456789012", Region: "eu-west-1", Clusters: eksbackend.New(fleet),
		Durations: eks.Durations{CreateCluster: none, UpdateVersion: none, CreateNodegroup: none, LaunchNode: none, InsightsRefresh: none}})
	mux := wire.NewMux(time.Now, nil)
	mux.Register("eks", service)
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(func() {
		cancel()
		server.Close()
		service.Close()
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, ctx, sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "not-a-secret", "")}), fleet}
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until asks again until the answer is yes.
func (w *world) until(what string, f func() (bool, error)) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := f()
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		if done {
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("%s: %v", what, w.ctx.Err())
		case <-tick.C:
		}
	}
}

func (w *world) config() *rest.Config {
	w.t.Helper()
	config, err := w.fleet.RESTConfig("shop")
	w.must(config, err)
	return config
}

// version changes the cluster's version through the API and checks what is there
// afterwards: the API server's own version and the nodes' kubelets.
func (w *world) version(to string, want types.UpdateType) {
	w.t.Helper()
	began := time.Now()
	out, err := w.api.UpdateClusterVersion(w.ctx, &sdk.UpdateClusterVersionInput{Name: aws.String("shop"), Version: &to})
	w.must(out, err)
	if out.Update.Type != want {
		w.t.Fatalf("update = %s, want %s", out.Update.Type, want)
	}
	w.until("update to "+to, func() (bool, error) {
		d, err := w.api.DescribeUpdate(w.ctx, &sdk.DescribeUpdateInput{Name: aws.String("shop"), UpdateId: out.Update.Id})
		if err != nil {
			return false, err
		}
		if d.Update.Status == types.UpdateStatusFailed {
			return false, fmt.Errorf("%s", *d.Update.Errors[0].ErrorMessage)
		}
		return d.Update.Status == types.UpdateStatusSuccessful, nil
	})
	w.t.Logf("%s to %s in %v", want, to, time.Since(began).Round(time.Millisecond))
	client, err := rest.HTTPClientFor(w.config())
	w.must(client, err)
	response, err := client.Get(w.config().Host + "/version")
	w.must(response, err)
	defer response.Body.Close()
	var says map[string]string
	if err := json.NewDecoder(response.Body).Decode(&says); err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("/version: %s, %v", response.Status, err)
	}
	if got := says["emulationMajor"] + "." + says["emulationMinor"]; got != to {
		w.t.Errorf("the API server is at %s, want %s", got, to)
	}
	nodes, err := w.objects(w.config(), "", "v1", "nodes", "").List(w.ctx, metav1.ListOptions{})
	w.must(nodes, err)
	if len(nodes.Items) != 2 {
		w.t.Fatalf("%d nodes", len(nodes.Items))
	}
	for _, n := range nodes.Items {
		kubelet, _, _ := unstructured.NestedString(n.Object, "status", "nodeInfo", "kubeletVersion")
		if !strings.HasPrefix(kubelet, "v1.34.") {
			w.t.Errorf("node %s has kubelet %s: nodes keep theirs", n.GetName(), kubelet)
		}
	}
}

func (w *world) objects(config *rest.Config, group, version, resource, namespace string) dynamic.ResourceInterface {
	w.t.Helper()
	client, err := dynamic.NewForConfig(config)
	w.must(client, err)
	return client.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: resource}).Namespace(namespace)
}

func (w *world) deployment() *unstructured.Unstructured {
	w.t.Helper()
	var got *unstructured.Unstructured
	w.until("workload", func() (bool, error) {
		d, err := w.objects(w.config(), "apps", "v1", "deployments", "default").Get(w.ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		got = d
		available, _, _ := unstructured.NestedInt64(d.Object, "status", "availableReplicas")
		return available == 2, nil
	})
	return got
}

// TestControlPlaneGoesForwardAndBack restarts a real API server in both
// directions over the same etcd; what is in the cluster stays.
func TestControlPlaneGoesForwardAndBack(t *testing.T) {
	w := newWorld(t)
	name := aws.String("shop")
	role := aws.String("arn:aws:iam::123456789012:role/eks")
	w.must(w.api.CreateCluster(w.ctx, &sdk.CreateClusterInput{Name: name, RoleArn: role, Version: aws.String("1.34"),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-a", "subnet-b"}},
		AccessConfig:       &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}}))
	w.until("cluster", func() (bool, error) {
		out, err := w.api.DescribeCluster(w.ctx, &sdk.DescribeClusterInput{Name: name})
		if err == nil && out.Cluster.Status == types.ClusterStatusFailed {
			err = fmt.Errorf("%s", *out.Cluster.Health.Issues[0].Message)
		}
		return err == nil && out.Cluster.Status == types.ClusterStatusActive, err
	})
	w.must(w.api.CreateNodegroup(w.ctx, &sdk.CreateNodegroupInput{ClusterName: name, NodegroupName: aws.String("workers"), NodeRole: role, Subnets: []string{"subnet-a", "subnet-b"},
		ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(2), MaxSize: aws.Int32(2), DesiredSize: aws.Int32(2)}}))
	web := &unstructured.Unstructured{}
	if err := web.UnmarshalJSON([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"registry.example.com/web:1"}]}}}}`)); err != nil {
		t.Fatal(err)
	}
	w.must(w.objects(w.config(), "apps", "v1", "deployments", "default").Create(w.ctx, web, metav1.CreateOptions{}))
	before := w.deployment()

	w.version("1.35", types.UpdateTypeVersionUpdate)
	w.accessPolicies()
	w.version("1.34", types.UpdateTypeVersionRollback)

	after := w.deployment()
	if before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() {
		t.Errorf("the workload was made anew: %s %d, then %s %d", before.GetUID(), before.GetGeneration(), after.GetUID(), after.GetGeneration())
	}
	pods, err := w.objects(w.config(), "", "v1", "pods", "default").List(w.ctx, metav1.ListOptions{LabelSelector: "app=web"})
	w.must(pods, err)
	for _, p := range pods.Items {
		if made := p.GetCreationTimestamp(); made.Sub(before.GetCreationTimestamp().Time) > 10*time.Second {
			t.Errorf("pod %s was replaced, %v after the workload was made", p.GetName(), made.Sub(before.GetCreationTimestamp().Time))
		}
	}
}

// accessPolicies associates policies and uses the rights that come of them.
func (w *world) accessPolicies() {
	w.t.Helper()
	someone := "arn:aws:iam::123456789012:role/someone"
	w.must(w.api.CreateAccessEntry(w.ctx, &sdk.CreateAccessEntryInput{ClusterName: aws.String("shop"), PrincipalArn: &someone}))
	var groups []string
	for policy, scope := range map[string]*types.AccessScope{
		"AmazonEKSViewPolicy": {Type: types.AccessScopeTypeCluster},
		"AmazonEKSEditPolicy": {Type: types.AccessScopeTypeNamespace, Namespaces: []string{"default"}},
	} {
		out, err := w.api.AssociateAccessPolicy(w.ctx, &sdk.AssociateAccessPolicyInput{ClusterName: aws.String("shop"), PrincipalArn: &someone,
			PolicyArn: aws.String("arn:aws:eks::aws:cluster-access-policy/" + policy), AccessScope: scope})
		w.must(out, err)
		groups = append(groups, eks.AccessGroups(*out.AssociatedAccessPolicy)...)
	}
	config := rest.CopyConfig(w.config())
	config.Impersonate = rest.ImpersonationConfig{UserName: "someone", Groups: groups}
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "made"}}}
	w.until("rights", func() (bool, error) {
		_, list := w.objects(config, "", "v1", "pods", "kube-system").List(w.ctx, metav1.ListOptions{})
		_, create := w.objects(config, "", "v1", "configmaps", "default").Create(w.ctx, object.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return list == nil && create == nil, nil
	})
	if _, err := w.objects(config, "", "v1", "configmaps", "kube-system").Create(w.ctx, object.DeepCopy(), metav1.CreateOptions{}); err == nil {
		w.t.Error("the right to edit is for one namespace only")
	}
	if _, err := w.objects(config, "", "v1", "secrets", "kube-system").List(w.ctx, metav1.ListOptions{}); err == nil {
		w.t.Error("the view policy does not show secrets")
	}
}
