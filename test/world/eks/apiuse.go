package eks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// apiWindow is how long EKS remembers requests to deprecated APIs: an insight
// outlives its cause by as much. Source: EKS User Guide, "Update existing
// cluster to new Kubernetes version".
const apiWindow = 30 * 24 * time.Hour

// APIUse tells of requests to a deprecated API of Kubernetes.
type APIUse struct {
	Path      string // "/apis/flowcontrol.apiserver.k8s.io/v1beta2/flowschemas"
	RemovedIn string // the minor that no longer serves it, "1.29"
	// ReplacedBy is the path to use instead, ReplacedSince the minor that first
	// served it; "" when there is none.
	ReplacedBy, ReplacedSince string
	UserAgent                 string    // "" when nobody knows
	Requests                  int       // how many
	Last                      time.Time // of the last one; zero is now
}

// APIObserver is a ClusterBackend that sees requests to deprecated APIs, as EKS
// does in the audit logs.
type APIObserver interface {
	// DeprecatedAPIs counts requests since the API server started.
	DeprecatedAPIs(ctx context.Context, cluster string) ([]APIUse, error)
}

type apiKey struct{ path, userAgent string }

// apiUse is what is known of one client's use of one API.
type apiUse struct {
	APIUse
	counter int // the backend's, when it was last read
}

// UseDeprecatedAPI has clients of a cluster request deprecated APIs; the
// insights show it after their next refresh and for 30 days.
func (s *Service) UseDeprecatedAPI(cluster string, uses ...APIUse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	for _, u := range uses {
		if !strings.HasPrefix(u.Path, "/api") || minor(u.RemovedIn) < 0 || u.Requests < 1 {
			return fmt.Errorf("eks: a use of a deprecated API needs a path, the version that removes it and a number of requests: %+v", u)
		}
		key := apiKey{u.Path, u.UserAgent}
		known := c.apis[key]
		u.Requests += known.Requests
		if u.Last.IsZero() {
			u.Last = s.opts.Clock.Now()
		}
		c.apis[key] = apiUse{u, known.counter}
	}
	return nil
}

// observe reads the backend's counters. The lock must not be held.
func (s *Service) observe(ctx context.Context, c *cluster) error {
	observer, ok := s.opts.Clusters.(APIObserver)
	if !ok {
		return nil
	}
	uses, err := observer.DeprecatedAPIs(ctx, *c.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.blind = err != nil
	if err != nil {
		return err
	}
	c.observed = s.opts.Clock.Now()
	for _, u := range uses {
		key := apiKey{u.Path, u.UserAgent}
		known := c.apis[key]
		grown := u.Requests - known.counter
		if grown < 0 {
			grown = u.Requests // the API server was restarted
		}
		known.counter = u.Requests
		total := known.Requests + grown
		if grown > 0 {
			if u.Last.IsZero() {
				u.Last = c.observed
			}
			known.APIUse = u
		}
		known.Requests = total
		c.apis[key] = known
	}
	return nil
}

// observeDaily reads the backend's counters before insights are shown, when that
// was not done for a day. A failure shows as an insight that is UNKNOWN.
func (s *Service) observeDaily(name *string) {
	s.mu.Lock()
	c := s.clusters[value(name)]
	due := c != nil && c.Status == types.ClusterStatusActive && s.opts.Clock.Now().Sub(c.observed) >= insightsAge
	s.mu.Unlock()
	if due && s.observe(s.ctx, c) != nil {
		s.mu.Lock()
		s.refreshInsights(c)
		s.mu.Unlock()
	}
}

// apisRemovedIn returns the uses in the last 30 days of APIs that a version no
// longer serves, by path and user agent.
func (c *cluster) apisRemovedIn(version string, now time.Time) []APIUse {
	var uses []APIUse
	for _, u := range c.apis {
		if u.RemovedIn == version && u.Requests > 0 && now.Sub(u.Last) <= apiWindow {
			uses = append(uses, u.APIUse)
		}
	}
	slices.SortFunc(uses, func(a, b APIUse) int {
		return strings.Compare(a.Path+"\x00"+a.UserAgent, b.Path+"\x00"+b.UserAgent)
	})
	return uses
}

// removals returns the versions after the cluster's that remove an API in use,
// and the next version in any case.
func (c *cluster) removals(now time.Time) []string {
	versions := map[string]bool{next(*c.Version): true}
	for _, u := range c.apis {
		if minor(u.RemovedIn) > minor(*c.Version) && now.Sub(u.Last) <= apiWindow {
			versions[u.RemovedIn] = true
		}
	}
	return slices.Sorted(maps.Keys(versions))
}

// deprecationDetails shows uses as DescribeInsight does: one entry for each API,
// with its clients.
func deprecationDetails(uses []APIUse) []types.DeprecationDetail {
	details := []types.DeprecationDetail{}
	for _, u := range uses {
		if n := len(details); n == 0 || *details[n-1].Usage != u.Path {
			d := types.DeprecationDetail{Usage: ptr(u.Path), StopServingVersion: ptr(u.RemovedIn), ClientStats: []types.ClientStat{}}
			if u.ReplacedBy != "" {
				d.ReplacedWith, d.StartServingReplacementVersion = ptr(u.ReplacedBy), ptr(u.ReplacedSince)
			}
			details = append(details, d)
		}
		agent := u.UserAgent
		if agent == "" {
			agent = "unknown"
		}
		d := &details[len(details)-1]
		d.ClientStats = append(d.ClientStats, types.ClientStat{UserAgent: ptr(agent), NumberOfRequestsLast30Days: int32(u.Requests), LastRequestTime: ptr(u.Last)})
	}
	return details
}
