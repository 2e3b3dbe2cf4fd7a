package rehearsal

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// meter counts what the clusters' ingresses answer and publishes it to
// CloudWatch, as a load balancer does.
type meter struct {
	api       *cloudwatch.Client
	clock     clock.Clock
	namespace string

	mu     sync.Mutex
	counts map[string]*count // by cluster, since the last publication
}

type count struct{ requests, errors float64 }

// observe counts one answer.
func (m *meter) observe(cluster string, status int, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts[cluster]
	if c == nil {
		c = &count{}
		m.counts[cluster] = c
	}
	c.requests++
	if status >= http.StatusInternalServerError {
		c.errors++
	}
}

// meterPoll is how often metrics are published, in real time: a fraction of a
// simulated minute, whatever the speed.
const meterPoll = 100 * time.Millisecond

// run publishes until ctx ends.
func (m *meter) run(ctx context.Context) error {
	tick := time.NewTicker(meterPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := m.publish(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

func (m *meter) publish(ctx context.Context) error {
	m.mu.Lock()
	counts := m.counts
	m.counts = map[string]*count{}
	m.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	now := m.clock.Now()
	in := &cloudwatch.PutMetricDataInput{Namespace: &m.namespace}
	for cluster, c := range counts {
		dimensions := []types.Dimension{{Name: aws.String("Cluster"), Value: aws.String(cluster)}}
		for name, value := range map[string]float64{"Requests": c.requests, "Errors": c.errors} {
			in.MetricData = append(in.MetricData, types.MetricDatum{MetricName: aws.String(name), Dimensions: dimensions,
				Timestamp: &now, Value: aws.Float64(value), Unit: types.StandardUnitCount})
		}
	}
	_, err := m.api.PutMetricData(ctx, in)
	return err
}
