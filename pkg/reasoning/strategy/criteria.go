package strategy

import (
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (p plan) name(side upgrade.Side) string {
	if side == upgrade.Green {
		return p.green
	}
	return p.blue
}

// blip is how long a node or a replica may be not ready when the bake is over:
// in a large cluster some node is always being replaced and some pod is always
// restarting. What users see, the endpoint and the error rate, bears no delay.
const blip = 5 * time.Minute

// serving verifies a split of the traffic: the weights hold, both sides are
// healthy, and those that take traffic answer it. The side without traffic is
// looked at too, so that its verdict is fresh when traffic is to go there. bake
// is the time between the change and the verification.
func (p plan) serving(w upgrade.Weights, bake, window upgrade.Duration) []upgrade.Criterion {
	out := []upgrade.Criterion{p.weightsHold(w)}
	for _, side := range []upgrade.Side{upgrade.Blue, upgrade.Green} {
		for _, c := range p.healthy(side, 0) {
			if c.Kind != upgrade.EndpointAnswers {
				c.Within = bake + upgrade.Duration(blip)
			}
			out = append(out, c)
		}
		if w.Of(side) > 0 {
			t := p.Request.Traffic
			out = append(out, upgrade.Criterion{Kind: upgrade.ErrorRate, Cluster: p.name(side), Side: side, Service: t.Service,
				MaxErrorRate: t.MaxErrorRate, MinRequests: t.MinRequests, Window: window})
		}
	}
	return out
}

// healthy verifies a whole cluster from the inside and at its endpoint. Green
// must have every application of blue too.
func (p plan) healthy(side upgrade.Side, within time.Duration) []upgrade.Criterion {
	ready := upgrade.Criterion{Kind: upgrade.WorkloadsReady, Cluster: p.name(side), Side: side, Within: upgrade.Duration(within)}
	if side == upgrade.Green {
		ready.Like = p.blue
	}
	return []upgrade.Criterion{p.nodesReady(side, within), ready, p.endpointAnswers(side, within)}
}

func (p plan) active(side upgrade.Side, version upgrade.Version) upgrade.Criterion {
	return upgrade.Criterion{Kind: upgrade.ClusterActive, Cluster: p.name(side), Side: side, Version: version}
}

func (p plan) nodesReady(side upgrade.Side, within time.Duration) upgrade.Criterion {
	return upgrade.Criterion{Kind: upgrade.NodesReady, Cluster: p.name(side), Side: side, Within: upgrade.Duration(within)}
}

func (p plan) endpointAnswers(side upgrade.Side, within time.Duration) upgrade.Criterion {
	return upgrade.Criterion{Kind: upgrade.EndpointAnswers, Cluster: p.name(side), Side: side, Within: upgrade.Duration(within), Service: p.Request.Traffic.Service}
}

func (p plan) weightsHold(w upgrade.Weights) upgrade.Criterion {
	t := p.Request.Traffic
	return upgrade.Criterion{Kind: upgrade.WeightsHold, HostedZone: t.HostedZone, Record: t.Record, Weights: w, Blue: p.blue, Green: p.green}
}
