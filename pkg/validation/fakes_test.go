package validation_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
)

var (
	start    = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	run      = upgrade.Run{ID: "up-1", Request: upgrade.Request{Traffic: upgrade.Traffic{Record: "shop.example.com"}}}
	errDown  = errors.New("connection refused")
	frontend = upgrade.ObjectName{Namespace: "default", Name: "frontend"}
)

// account is EKS by cluster name.
type account map[string]types.Cluster

func (a account) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	c, ok := a[*in.Name]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no " + *in.Name)}
	}
	if c.Status == "unreachable" {
		return nil, errDown
	}
	return &eks.DescribeClusterOutput{Cluster: &c}, nil
}

// kubernetes is one API server.
type kubernetes struct {
	nodes        []objects.Node
	deployments  []objects.Deployment
	statefulSets []objects.StatefulSet
	daemonSets   []objects.DaemonSet
	err          error
}

func (k kubernetes) Nodes(context.Context) ([]objects.Node, error) { return k.nodes, k.err }
func (k kubernetes) Deployments(context.Context) ([]objects.Deployment, error) {
	return k.deployments, k.err
}
func (k kubernetes) StatefulSets(context.Context) ([]objects.StatefulSet, error) {
	return k.statefulSets, k.err
}
func (k kubernetes) DaemonSets(context.Context) ([]objects.DaemonSet, error) {
	return k.daemonSets, k.err
}

func servers(all map[string]kubernetes) validation.Connect {
	return func(_ context.Context, cluster string) (validation.Cluster, error) {
		k, ok := all[cluster]
		if !ok {
			return nil, errDown
		}
		return k, nil
	}
}

// balancers are the host names of load balancers by cluster.
type balancers map[string]string

func (b balancers) Hostname(_ context.Context, cluster string, _ upgrade.ObjectName) (string, error) {
	if h, ok := b[cluster]; ok {
		return h, nil
	}
	return "", errDown
}

// web answers with one status after the other, the last one for ever.
type web struct {
	statuses []int
	asked    int
	hosts    []string
}

func (w *web) Do(r *http.Request) (*http.Response, error) {
	w.hosts = append(w.hosts, r.URL.Host+" "+r.Host)
	status := w.statuses[min(w.asked, len(w.statuses)-1)]
	w.asked++
	if status == 0 {
		return nil, errDown
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("hello"))}, nil
}

// metrics answers GetMetricData, one series a page; the newest value, which
// comes first, is of the minute that ended age before the end asked for.
type metrics struct {
	age              time.Duration
	requests, errors []float64
	status           cw.StatusCode
	err              error
	asked            *cloudwatch.GetMetricDataInput
}

func (m *metrics) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	if m.err != nil {
		return nil, m.err
	}
	if in.NextToken == nil {
		m.asked = in
		return &cloudwatch.GetMetricDataOutput{NextToken: aws.String("2"), MetricDataResults: []cw.MetricDataResult{{Id: aws.String("requests"), Values: m.requests, Timestamps: m.minutes(in, len(m.requests)), StatusCode: cw.StatusCodePartialData}}}, nil
	}
	status := m.status
	if status == "" {
		status = cw.StatusCodeComplete
	}
	return &cloudwatch.GetMetricDataOutput{MetricDataResults: []cw.MetricDataResult{{Id: aws.String("errors"), Values: m.errors, Timestamps: m.minutes(in, len(m.errors)), StatusCode: status}}}, nil
}

func (m *metrics) minutes(in *cloudwatch.GetMetricDataInput, n int) []time.Time {
	var out []time.Time
	for i := range n {
		out = append(out, in.EndTime.Add(-m.age-time.Duration(i+1)*time.Minute))
	}
	return out
}

// dns is Route 53's weights.
type dns struct {
	weights upgrade.Weights
	inSync  bool
	err     error
}

func (d dns) Weights(context.Context, upgrade.Run, string, string, string, string) (upgrade.Weights, bool, error) {
	return d.weights, d.inSync, d.err
}

func want(t *testing.T, got validation.Result, err error, status upgrade.Status, text string) {
	t.Helper()
	if err != nil {
		if status != upgrade.Inconclusive {
			t.Fatalf("error %v, want %s", err, status)
		}
		return // the handler makes an error inconclusive
	}
	if got.Status != status || !strings.Contains(got.Evidence, text) {
		t.Errorf("%s: %s; want %s with %q", got.Status, got.Evidence, status, text)
	}
	if got.Evidence == "" {
		t.Error("there is no evidence")
	}
}
