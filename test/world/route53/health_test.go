package route53

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// endpoint is an HTTP server that answers with the status it is told.
type endpoint struct {
	status atomic.Int64
	hits   atomic.Int64
	ip     string
	port   int32
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.status.Store(200)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.hits.Add(1)
		w.WriteHeader(int(e.status.Load()))
		fmt.Fprintf(w, "path %s host %s", r.URL.Path, r.Host)
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	e.ip, e.port = u.Hostname(), int32(port) //nolint:gosec // a port
	return e
}

func (e *endpoint) check() types.HealthCheckConfig {
	return types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: &e.ip, Port: &e.port, ResourcePath: ptr("/healthz"), RequestInterval: ptr(int32(10))}
}

func (f *fixture) newCheck(config types.HealthCheckConfig) string {
	f.t.Helper()
	f.seq++
	out, err := f.CreateHealthCheck(&wire.Call{}, &sdk.CreateHealthCheckInput{CallerReference: ptr(strconv.Itoa(f.seq)), HealthCheckConfig: &config})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.HealthCheck.Id
}

func (f *fixture) isHealthy(id string) bool {
	f.t.Helper()
	healthy, exists := f.Healthy(id)
	if !exists {
		f.t.Fatalf("there is no health check %s", id)
	}
	return healthy
}

func TestHealthCheckProbesUntilTheThreshold(t *testing.T) {
	f := newFixture(t)
	e := newEndpoint(t)
	id := f.newCheck(e.check())
	f.clock.Advance(time.Second)
	if e.hits.Load() != 1 || !f.isHealthy(id) {
		t.Fatalf("%d probes, healthy %v; want a first probe at once", e.hits.Load(), f.isHealthy(id))
	}
	e.status.Store(503)
	f.clock.Advance(20 * time.Second)
	if !f.isHealthy(id) {
		t.Error("two failures of three must not make it unhealthy")
	}
	f.clock.Advance(10 * time.Second)
	if f.isHealthy(id) {
		t.Error("three failures in a row make it unhealthy")
	}
	status, err := f.GetHealthCheckStatus(&wire.Call{}, &sdk.GetHealthCheckStatusInput{HealthCheckId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(status.HealthCheckObservations); n != 8 {
		t.Errorf("%d regions observe, want 8", n)
	}
	if got := *status.HealthCheckObservations[0].StatusReport.Status; got != "Failure: HTTP Status Code 503, Service Unavailable" {
		t.Errorf("status = %q", got)
	}
	e.status.Store(302)
	f.clock.Advance(30 * time.Second)
	if !f.isHealthy(id) {
		t.Error("3xx counts as healthy")
	}
	reason, err := f.GetHealthCheckLastFailureReason(&wire.Call{}, &sdk.GetHealthCheckLastFailureReasonInput{HealthCheckId: &id})
	if err != nil || *reason.HealthCheckObservations[0].StatusReport.Status != "Failure: HTTP Status Code 503, Service Unavailable" {
		t.Errorf("last failure = %+v, %v", reason, err)
	}
	if _, err := f.DeleteHealthCheck(&wire.Call{}, &sdk.DeleteHealthCheckInput{HealthCheckId: &id}); err != nil {
		t.Fatal(err)
	}
	before := e.hits.Load()
	f.clock.Advance(time.Minute)
	if e.hits.Load() != before {
		t.Error("a deleted health check probes no more")
	}
}

func TestKindsOfHealthChecks(t *testing.T) {
	e := newEndpoint(t)
	closed := newEndpoint(t)
	closed.port = 1
	match := e.check()
	match.Type, match.SearchString = types.HealthCheckTypeHttpStrMatch, ptr("path /healthz")
	noMatch := e.check()
	noMatch.Type, noMatch.SearchString = types.HealthCheckTypeHttpStrMatch, ptr("all is well")
	tcp := types.HealthCheckConfig{Type: types.HealthCheckTypeTcp, IPAddress: &e.ip, Port: &e.port, RequestInterval: ptr(int32(10))}
	refused := tcp
	refused.Port = &closed.port
	inverted := e.check()
	inverted.Inverted = ptr(true)
	disabled := refused
	disabled.Disabled = ptr(true)
	unknown := e.check()
	unknown.IPAddress, unknown.FullyQualifiedDomainName = nil, ptr("nothing.example.com")
	for _, c := range []struct {
		name   string
		config types.HealthCheckConfig
		want   bool
	}{
		{"HTTP", e.check(), true}, {"string found", match, true}, {"string missing", noMatch, false}, {"TCP", tcp, true}, {"TCP refused", refused, false},
		{"inverted", inverted, false}, {"disabled is healthy", disabled, true}, {"name without an address", unknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			id := f.newCheck(c.config)
			f.clock.Advance(31 * time.Second)
			if got := f.isHealthy(id); got != c.want {
				t.Errorf("healthy = %v, want %v", got, c.want)
			}
		})
	}
}

type alarmStates map[string]string

func (a alarmStates) AlarmState(name string) string { return a[name] }

func TestCalculatedAndAlarmHealthChecks(t *testing.T) {
	f := newFixture(t)
	alarms := alarmStates{"errors": "OK"}
	f.opts.Alarms = alarms
	alarm := func(data types.InsufficientDataHealthStatus) string {
		return f.newCheck(types.HealthCheckConfig{Type: types.HealthCheckTypeCloudwatchMetric, InsufficientDataHealthStatus: data,
			AlarmIdentifier: &types.AlarmIdentifier{Name: ptr("errors"), Region: types.CloudWatchRegionEuWest1}})
	}
	a, b := alarm(types.InsufficientDataHealthStatusUnhealthy), alarm(types.InsufficientDataHealthStatusLastKnownStatus)
	both := f.newCheck(types.HealthCheckConfig{Type: types.HealthCheckTypeCalculated, ChildHealthChecks: []string{a, b}, HealthThreshold: ptr(int32(2))})
	want := func(when string, ids map[string]bool) {
		t.Helper()
		for id, healthy := range ids {
			if f.isHealthy(id) != healthy {
				t.Errorf("%s: healthy(%s) = %v", when, id, !healthy)
			}
		}
	}
	want("OK", map[string]bool{a: true, b: true, both: true})
	alarms["errors"] = "INSUFFICIENT_DATA"
	want("no data", map[string]bool{a: false, b: true, both: false})
	alarms["errors"] = "ALARM"
	want("ALARM", map[string]bool{a: false, b: false, both: false})
	_, err := f.DeleteHealthCheck(&wire.Call{}, &sdk.DeleteHealthCheckInput{HealthCheckId: &a})
	wantCode(t, err, "HealthCheckInUse", both)
	_, err = f.UpdateHealthCheck(&wire.Call{}, &sdk.UpdateHealthCheckInput{HealthCheckId: &both, HealthCheckVersion: ptr(int64(7))})
	wantCode(t, err, "HealthCheckVersionMismatch", "7")
	_, err = f.UpdateHealthCheck(&wire.Call{}, &sdk.UpdateHealthCheckInput{HealthCheckId: &both, ChildHealthChecks: []string{both}})
	wantCode(t, err, "InvalidInput", "child of itself")
}

func TestRefusedHealthChecks(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		name   string
		config types.HealthCheckConfig
		part   string
	}{
		{"no endpoint", types.HealthCheckConfig{Type: types.HealthCheckTypeHttp}, "Either IPAddress or FullyQualifiedDomainName"},
		{"no such type", types.HealthCheckConfig{Type: "PING"}, "healthCheckConfig.type"},
		{"TCP without port", types.HealthCheckConfig{Type: types.HealthCheckTypeTcp, IPAddress: ptr("10.0.0.1")}, "Port must be specified"},
		{"interval", types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0.1"), RequestInterval: ptr(int32(20))}, "10 or 30"},
		{"threshold", types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0.1"), FailureThreshold: ptr(int32(11))}, "failureThreshold"},
		{"search string missing", types.HealthCheckConfig{Type: types.HealthCheckTypeHttpStrMatch, IPAddress: ptr("10.0.0.1")}, "SearchString"},
		{"address", types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0")}, "Invalid IPv4 or IPv6 address"},
		{"child that is not there", types.HealthCheckConfig{Type: types.HealthCheckTypeCalculated, ChildHealthChecks: []string{"x"}}, "does not exist"},
		{"alarm without a name", types.HealthCheckConfig{Type: types.HealthCheckTypeCloudwatchMetric}, "AlarmIdentifier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.CreateHealthCheck(&wire.Call{}, &sdk.CreateHealthCheckInput{CallerReference: ptr("r"), HealthCheckConfig: &c.config})
			wantCode(t, err, "InvalidInput", c.part)
		})
	}
	_, err := f.change(create(func() *types.ResourceRecordSet {
		set := weighted("blue", 1, "10.0.0.1")
		set.HealthCheckId = ptr("nothing")
		return set
	}()))
	wantCode(t, err, "NoSuchHealthCheck", "nothing")
}

func TestTheSameCallerReferenceCreatesOneHealthCheck(t *testing.T) {
	f := newFixture(t)
	config := types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0.1")}
	one := &sdk.CreateHealthCheckInput{CallerReference: ptr("one"), HealthCheckConfig: &config}
	first, err := f.CreateHealthCheck(&wire.Call{}, one)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.CreateHealthCheck(&wire.Call{}, one)
	if err != nil || *again.HealthCheck.Id != *first.HealthCheck.Id {
		t.Errorf("the same request again: %v, %v", again, err)
	}
	other := config
	other.Port = ptr(int32(81))
	_, err = f.CreateHealthCheck(&wire.Call{}, &sdk.CreateHealthCheckInput{CallerReference: ptr("one"), HealthCheckConfig: &other})
	wantCode(t, err, "HealthCheckAlreadyExists", *first.HealthCheck.Id)
}

// TestHealthDecidesAmongRecords lists which records answer for each state of
// their health checks.
func TestHealthDecidesAmongRecords(t *testing.T) {
	type record struct {
		weight  int64
		healthy bool
	}
	for _, c := range []struct {
		name    string
		records []record
		want    []float64
	}{
		{"unhealthy ones get nothing", []record{{90, false}, {10, true}}, []float64{0, 1}},
		{"weights are shared among the healthy", []record{{50, true}, {25, true}, {25, false}}, []float64{2.0 / 3, 1.0 / 3, 0}},
		{"weight 0 stands in when no other is healthy", []record{{100, false}, {0, true}}, []float64{0, 1}},
		{"when none is healthy all are, by weight", []record{{75, false}, {25, false}}, []float64{0.75, 0.25}},
		{"when none is healthy weight 0 stays out", []record{{75, false}, {0, false}}, []float64{1, 0}},
		{"all weights 0 share among the healthy", []record{{0, true}, {0, false}}, []float64{1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			for i, r := range c.records {
				// An inverted, disabled check is unhealthy without a probe.
				id := f.newCheck(types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0.1"), Disabled: ptr(true), Inverted: ptr(!r.healthy)})
				set := weighted(strconv.Itoa(i), r.weight, fmt.Sprintf("10.0.0.%d", i+1))
				set.HealthCheckId = &id
				f.settled(create(set))
			}
			for i, a := range f.Resolve(shop) {
				if a.Share != c.want[i] {
					t.Errorf("record %d gets %v, want %v", i, a.Share, c.want[i])
				}
			}
		})
	}
}

func TestFailoverAndMultivalue(t *testing.T) {
	f := newFixture(t)
	down := f.newCheck(types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: ptr("10.0.0.1"), Disabled: ptr(true), Inverted: ptr(true)})
	failover := func(id string, role types.ResourceRecordSetFailover, ip string) *types.ResourceRecordSet {
		set := simple("app.example.com", types.RRTypeA, ip)
		set.SetIdentifier, set.Failover = &id, role
		return set
	}
	primary := failover("p", types.ResourceRecordSetFailoverPrimary, "10.0.0.1")
	primary.HealthCheckId = &down
	f.settled(create(primary), create(failover("s", types.ResourceRecordSetFailoverSecondary, "10.0.0.2")))
	if got := f.Lookup("app.example.com", types.RRTypeA, 0.5).Records; len(got) != 1 || got[0].Value != "10.0.0.2" {
		t.Errorf("the secondary answers for an unhealthy primary: %v", got)
	}
	if _, err := f.UpdateHealthCheck(&wire.Call{}, &sdk.UpdateHealthCheckInput{HealthCheckId: &down, Inverted: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	if got := f.Lookup("app.example.com", types.RRTypeA, 0.5).Records; len(got) != 1 || got[0].Value != "10.0.0.1" {
		t.Errorf("the primary answers when it is healthy: %v", got)
	}
	_, err := f.change(create(failover("p2", types.ResourceRecordSetFailoverPrimary, "10.0.0.3")))
	wantCode(t, err, "InvalidChangeBatch", "PRIMARY failover set exists")

	var many []types.Change
	for i := range 10 {
		set := simple("many.example.com", types.RRTypeA, fmt.Sprintf("10.0.1.%d", i))
		set.SetIdentifier, set.MultiValueAnswer = ptr(strconv.Itoa(i)), ptr(true)
		many = append(many, create(set))
	}
	f.settled(many...)
	if got := f.Lookup("many.example.com", types.RRTypeA, 0.35).Records; len(got) != maxMultivalue || got[0].Value != "10.0.1.3" {
		t.Errorf("eight of ten records from a random one on: %v", got)
	}
}

func TestAliasToRecordsOfTheZone(t *testing.T) {
	f := newFixture(t)
	f.settled(create(weighted("blue", 1, "10.0.0.1")), create(weighted("green", 1, "10.0.0.2")))
	f.settled(create(&types.ResourceRecordSet{Name: ptr("example.com"), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: ptr(shop), HostedZoneId: &f.zone}}))
	seen := map[string]bool{}
	for _, at := range []float64{0.1, 0.9} {
		reply := f.Lookup("example.com", types.RRTypeA, at)
		if len(reply.Records) != 1 || reply.Records[0].Name != "example.com." || reply.Records[0].TTL != time.Minute {
			t.Fatalf("reply = %+v", reply)
		}
		seen[reply.Records[0].Value] = true
	}
	if len(seen) != 2 {
		t.Errorf("an alias answers by its target's weights: %v", seen)
	}
	out, err := f.TestDNSAnswer(&wire.Call{}, &sdk.TestDNSAnswerInput{HostedZoneId: &f.zone, RecordName: ptr("nothing.example.com"), RecordType: types.RRTypeA})
	if err != nil || *out.ResponseCode != "NXDOMAIN" {
		t.Errorf("TestDNSAnswer = %+v, %v", out, err)
	}
}
