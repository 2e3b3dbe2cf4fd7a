package apigateway

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// The account's limits (source: "Quotas for API Gateway").
const (
	accountRate  = 10000
	accountBurst = 5000
)

// bucket is a token bucket on the simulated clock.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if b.at.IsZero() {
		b.tokens = burst
	} else {
		b.tokens = min(burst, b.tokens+rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// admits reports whether the stage's limits let a request of a route through.
// A route without settings of its own has those of the stage; s.mu is held.
func (st *stage) admits(key string, now time.Time) bool {
	set, own := st.v.RouteSettings[key]
	if (!own || set.ThrottlingRateLimit == nil && set.ThrottlingBurstLimit == nil) && st.v.DefaultRouteSettings != nil {
		set = *st.v.DefaultRouteSettings
	}
	rate, burst := limits(set)
	if st.buckets[key] == nil {
		st.buckets[key] = &bucket{}
	}
	return st.buckets[key].take(now, rate, burst)
}

func limits(set types.RouteSettings) (rate, burst float64) {
	rate, burst = accountRate, accountBurst
	if set.ThrottlingRateLimit != nil {
		rate = *set.ThrottlingRateLimit
	}
	if set.ThrottlingBurstLimit != nil {
		burst = float64(*set.ThrottlingBurstLimit)
	}
	return rate, burst
}
