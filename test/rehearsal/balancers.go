package rehearsal

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

const balancerDomain = ".elb.eu-west-1.amazonaws.com"

// balancers stands in for the AWS Load Balancer Controller: Services of type
// LoadBalancer get a host name, and that name leads to the cluster's ingress.
type balancers struct {
	mu      sync.Mutex
	address map[string]string // host:port of the ingress, by cluster
}

var services = schema.GroupVersionResource{Version: "v1", Resource: "services"}

// balancerPoll is how often Services are looked at, in real time: the
// controller works while the simulated clock runs fast or not.
const balancerPoll = 200 * time.Millisecond

// serve gives host names to the Services of a cluster until ctx ends. An API
// server that is away is tried again.
func (b *balancers) serve(ctx context.Context, cluster, ingress string, config *rest.Config) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("load balancers of %s: %w", cluster, err)
	}
	b.mu.Lock()
	b.address[cluster] = ingress
	b.mu.Unlock()
	tick := time.NewTicker(balancerPoll)
	defer tick.Stop()
	for {
		// An error here is the API server's being away or busy: the next look tells.
		_ = assign(ctx, client, cluster)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func assign(ctx context.Context, client dynamic.Interface, cluster string) error {
	list, err := client.Resource(services).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, s := range list.Items {
		if typ, _, _ := unstructured.NestedString(s.Object, "spec", "type"); typ != "LoadBalancer" {
			continue
		}
		if has, _, _ := unstructured.NestedSlice(s.Object, "status", "loadBalancer", "ingress"); len(has) > 0 {
			continue
		}
		patch := fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"hostname":%q}]}}}`, hostname(cluster, s.GetNamespace(), s.GetName()))
		if _, err := client.Resource(services).Namespace(s.GetNamespace()).Patch(ctx, s.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
			return err
		}
	}
	return nil
}

// hostname is the load balancer's name: the cluster stands in it, so that it
// leads back.
func hostname(cluster, namespace, name string) string {
	return fmt.Sprintf("k8s-%s-%s.%s%s", namespace, name, cluster, balancerDomain)
}

// lookup leads from a load balancer's host name to the ingress behind it.
func (b *balancers) lookup(host string) (string, error) {
	labels := strings.Split(strings.TrimSuffix(strings.TrimSuffix(host, "."), balancerDomain), ".")
	b.mu.Lock()
	defer b.mu.Unlock()
	address, known := b.address[labels[len(labels)-1]]
	if !known {
		return "", fmt.Errorf("no load balancer has the name %s", host)
	}
	return address, nil
}

// client sends requests for load balancers to their ingress and the rest where
// they belong.
func (b *balancers) client(next aws.HTTPClient) aws.HTTPClient { return balancerClient{b, next} }

type balancerClient struct {
	balancers *balancers
	next      aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (c balancerClient) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Hostname(), balancerDomain) {
		return c.next.Do(r)
	}
	address, err := c.balancers.lookup(r.URL.Hostname())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.URL.Host = address
	return c.next.Do(r)
}

// authority shows the simulated Route 53 to the users' resolvers.
type authority struct{ *route53.Service }

// Records implements traffic.Records.
func (r authority) Records(name string) []traffic.Answer {
	var answers []traffic.Answer
	for _, a := range r.Resolve(name) {
		if len(a.Values) == 1 {
			answers = append(answers, traffic.Answer{SetIdentifier: a.SetIdentifier, Target: a.Values[0], Weight: int(a.Weight), TTL: a.TTL})
		}
	}
	return answers
}
