package route53

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// healthCheck is one health check and what its checkers saw.
type healthCheck struct {
	id, callerReference string
	config              types.HealthCheckConfig
	version             int64
	tags                map[string]string

	healthy     bool // as observed, before Disabled and Inverted
	streak      int  // results in a row that say otherwise
	last        *types.StatusReport
	lastFailure *types.StatusReport
	stop        func() bool
	generation  int // of the schedule; an older probe's result counts for nothing
}

func (h *healthCheck) location() string {
	return "https://route53.amazonaws.com/2013-04-01/healthcheck/" + h.id
}

func (h *healthCheck) describe() *types.HealthCheck {
	config := h.config
	return &types.HealthCheck{Id: ptr(h.id), CallerReference: ptr(h.callerReference), HealthCheckConfig: &config, HealthCheckVersion: ptr(h.version)}
}

func sameHealthCheck(a, b types.HealthCheckConfig) bool { return reflect.DeepEqual(a, b) }

// checkers are the addresses of one checker a region, from the blocks that AWS
// reserves for documentation.
var checkers = map[types.HealthCheckRegion]string{
	types.HealthCheckRegionUsEast1: "192.0.2.1", types.HealthCheckRegionUsWest1: "192.0.2.2", types.HealthCheckRegionUsWest2: "192.0.2.3",
	types.HealthCheckRegionEuWest1: "192.0.2.4", types.HealthCheckRegionApSoutheast1: "192.0.2.5", types.HealthCheckRegionApSoutheast2: "192.0.2.6",
	types.HealthCheckRegionApNortheast1: "192.0.2.7", types.HealthCheckRegionSaEast1: "192.0.2.8",
}

// observations gives a report as every region's checker saw it: here one probe
// stands for all of them.
func (h *healthCheck) observations(report *types.StatusReport) []types.HealthCheckObservation {
	out := []types.HealthCheckObservation{}
	if report == nil {
		return out
	}
	regions := h.config.Regions
	if len(regions) == 0 {
		regions = types.HealthCheckRegion("").Values()
	}
	for _, region := range slices.Sorted(slices.Values(regions)) {
		out = append(out, types.HealthCheckObservation{Region: region, IPAddress: ptr(checkers[region]), StatusReport: report})
	}
	return out
}

func (h *healthCheck) halt() {
	h.generation++
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// schedule has the endpoint probed after d, and from then on in the interval of
// the health check. The lock must be held.
func (s *Service) schedule(h *healthCheck, d time.Duration) {
	h.halt()
	if !probes(h.config.Type) || value(h.config.Disabled) {
		return
	}
	generation := h.generation
	h.stop = s.opts.Clock.AfterFunc(d, func() { s.probe(h, generation) })
}

// probe checks an endpoint once. It runs without the lock: the endpoint may be
// slow, or be the world itself.
func (s *Service) probe(h *healthCheck, generation int) {
	s.lock()
	current := h.generation == generation
	config := h.config
	s.unlock()
	if !current {
		return
	}
	release := s.opts.Hold()
	healthy, status := s.opts.Prober.Probe(config)
	release()
	s.lock()
	defer s.unlock()
	if h.generation != generation {
		return
	}
	report := &types.StatusReport{CheckedTime: ptr(s.opts.Clock.Now()), Status: ptr(status)}
	h.last = report
	if !healthy {
		h.lastFailure = report
	}
	if healthy == h.healthy {
		h.streak = 0
	} else if h.streak++; h.streak >= int(value(h.config.FailureThreshold)) {
		h.healthy, h.streak = healthy, 0
	}
	s.schedule(h, time.Duration(value(h.config.RequestInterval))*time.Second)
}

// Healthy reports whether Route 53 considers a health check healthy, and
// whether it exists.
func (s *Service) Healthy(id string) (healthy, exists bool) {
	s.lock()
	defer s.unlock()
	return s.healthOf(id), s.checks[id] != nil
}

// healthOf is the status of a health check. One that does not exist any more is
// healthy: Route 53 goes on answering with the records that refer to it.
func (s *Service) healthOf(id string) bool {
	h := s.checks[id]
	if h == nil {
		return true
	}
	healthy := true
	switch {
	case value(h.config.Disabled):
	case h.config.Type == types.HealthCheckTypeCalculated:
		n := int32(0)
		for _, child := range h.config.ChildHealthChecks {
			if s.healthOf(child) {
				n++
			}
		}
		healthy = n >= value(h.config.HealthThreshold)
	case h.config.Type == types.HealthCheckTypeCloudwatchMetric:
		healthy = s.alarmHealth(h)
	default:
		healthy = h.healthy
	}
	return healthy != value(h.config.Inverted)
}

// alarmHealth follows the state of an alarm; h.healthy keeps the last state for
// which there was enough data.
func (s *Service) alarmHealth(h *healthCheck) bool {
	state := ""
	if s.opts.Alarms != nil {
		state = s.opts.Alarms.AlarmState(value(h.config.AlarmIdentifier.Name))
	}
	switch state {
	case "OK", "ALARM":
		h.healthy = state == "OK"
		return h.healthy
	}
	switch h.config.InsufficientDataHealthStatus {
	case types.InsufficientDataHealthStatusHealthy:
		return true
	case types.InsufficientDataHealthStatusUnhealthy:
		return false
	}
	return h.healthy
}

// nextUUID returns an id like AWS gives health checks, the same in every run
// that makes the same calls.
func (s *Service) nextUUID() string {
	s.seq++
	h := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "healthcheck/%d", s.seq)))
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:32]}, "-")
}
