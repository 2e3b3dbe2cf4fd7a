package traffic

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// zone is an authority whose records can be changed.
type zone struct {
	mu      sync.Mutex
	answers []Answer
	asked   int
}

func (z *zone) Records(name string) []Answer {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	if name != "shop.example.com" {
		return nil
	}
	return append([]Answer{}, z.answers...)
}

func (z *zone) set(answers ...Answer) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.answers = answers
}

func TestClientsSpreadByWeight(t *testing.T) {
	tests := []struct {
		name        string
		blue, green int
		wantGreen   float64
	}{
		{"all on blue", 100, 0, 0},
		{"ten percent", 90, 10, 0.1},
		{"weights need not sum to 100", 1, 3, 0.75},
		{"all on green", 0, 100, 1},
		{"all zero is an equal split", 0, 0, 0.5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			z := &zone{}
			z.set(Answer{SetIdentifier: "blue", Weight: test.blue, TTL: time.Minute}, Answer{SetIdentifier: "green", Weight: test.green, TTL: time.Minute})
			const clients = 20000
			green := 0
			for n := range clients {
				answer, err := newResolver(z, clock.NewVirtual(noon), 1, uint64(n)).resolve("shop.example.com")
				if err != nil {
					t.Fatal(err)
				}
				if answer.SetIdentifier == "green" {
					green++
				}
			}
			got := float64(green) / clients
			if test.wantGreen == 0 || test.wantGreen == 1 {
				if got != test.wantGreen {
					t.Errorf("green got %v, want exactly %v", got, test.wantGreen)
				}
			} else if math.Abs(got-test.wantGreen) > 0.015 {
				t.Errorf("green got %v, want about %v", got, test.wantGreen)
			}
		})
	}
}

func TestAnswerIsKeptForItsTTL(t *testing.T) {
	z, c := &zone{}, clock.NewVirtual(noon)
	z.set(Answer{SetIdentifier: "blue", Weight: 100, TTL: time.Minute})
	r := newResolver(z, c, 1, 1)
	resolve := func() string {
		t.Helper()
		answer, err := r.resolve("shop.example.com")
		if err != nil {
			t.Fatal(err)
		}
		return answer.SetIdentifier
	}
	first := resolve()
	z.set(Answer{SetIdentifier: "green", Weight: 100, TTL: time.Minute})
	c.Advance(time.Minute - time.Second)
	if first != "blue" || resolve() != "blue" || z.asked != 1 {
		t.Errorf("within the TTL the authority was asked %d times", z.asked)
	}
	c.Advance(time.Second)
	if got := resolve(); got != "green" || z.asked != 2 {
		t.Errorf("after the TTL: %s, asked %d times", got, z.asked)
	}
}

func TestUnknownNameAndBadWeightAreErrors(t *testing.T) {
	z := &zone{}
	r := newResolver(z, clock.NewVirtual(noon), 1, 1)
	if _, err := r.resolve("other.example.com"); err == nil || !strings.Contains(err.Error(), "other.example.com") {
		t.Errorf("err = %v", err)
	}
	z.set(Answer{Weight: -1})
	if _, err := r.resolve("shop.example.com"); err == nil {
		t.Error("a weight below 0 was taken")
	}
}

func FuzzPickReturnsAWeightedRecord(f *testing.F) {
	f.Add(0, 0, 0.5)
	f.Add(10, 90, 0.999999)
	f.Fuzz(func(t *testing.T, a, b int, at float64) {
		if a < 0 || b < 0 || a > 255 || b > 255 || !(at >= 0 && at < 1) {
			return // outside what the caller promises
		}
		got, err := pick([]Answer{{SetIdentifier: "a", Weight: a}, {SetIdentifier: "b", Weight: b}}, at)
		if err != nil {
			t.Fatal(err)
		}
		if got.Weight == 0 && a+b > 0 {
			t.Errorf("%q has weight 0 and was picked", got.SetIdentifier)
		}
	})
}

// waitFor runs the load until it has counted n requests.
func waitFor(t *testing.T, l *Load, n int) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for l.Snapshot().Count.Total < n {
		select {
		case <-deadline:
			t.Fatalf("only %d requests", l.Snapshot().Count.Total)
		case <-tick.C:
		}
	}
}

func TestLoadCountsWhatFails(t *testing.T) {
	var status atomic.Int64
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "shop.example.com" {
			t.Errorf("Host = %q", r.Host)
		}
		if status.Load() == 0 {
			<-hang
		}
		w.WriteHeader(max(int(status.Load()), 200))
	}))
	defer server.Close()
	defer close(hang)
	closed := httptest.NewServer(nil)
	closed.Close()

	tests := []struct {
		name   string
		target string
		status int64
		failed bool
		reason string
	}{
		{"answered", server.URL, 200, false, ""},
		{"a client's error is an answer", server.URL, 404, false, ""},
		{"server error", server.URL, 503, true, "503 Service Unavailable"},
		{"nobody listens", closed.URL, 200, true, "connection refused"},
		{"no answer in time", server.URL, 0, true, "deadline exceeded"},
		{"target without an address", "unknown", 200, true, "no such target"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status.Store(test.status)
			z := &zone{}
			z.set(Answer{SetIdentifier: "blue", Target: test.target, Weight: 1, TTL: time.Minute})
			l, err := Start(Options{Records: z, Clock: clock.NewVirtual(noon), Name: "shop.example.com", Rate: 500, Clients: 5,
				Timeout: 50 * time.Millisecond, Address: func(target string) (string, error) {
					address, ok := strings.CutPrefix(target, "http://")
					if !ok {
						return "", errors.New("no such target")
					}
					return address, nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, l, 20)
			s := l.Stop()
			want := 0
			if test.failed {
				want = s.Count.Total
			}
			if s.Count.Failed != want || s.ByTarget["blue"] != s.Count || len(s.Failures) != want {
				t.Errorf("%+v", s)
			}
			if test.failed && !strings.Contains(s.Failures[0].Reason, test.reason) {
				t.Errorf("reason %q, want %q", s.Failures[0].Reason, test.reason)
			}
			if len(s.Minutes) != 1 || s.Minutes[0].Start != noon || s.Minutes[0].Count != s.Count || s.P50 <= 0 || s.P99 < s.P50 {
				t.Errorf("minutes %+v, p50 %v, p99 %v", s.Minutes, s.P50, s.P99)
			}
			if again := l.Stop(); again.Count != s.Count {
				t.Error("requests were made after Stop")
			}
		})
	}
}

func TestLoadFollowsTheRecords(t *testing.T) {
	blue, green := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer blue.Close()
	defer green.Close()
	z, c := &zone{}, clock.NewVirtual(noon)
	z.set(Answer{"blue", blue.Listener.Addr().String(), 100, time.Minute})
	l, err := Start(Options{Records: z, Clock: c, Name: "shop.example.com", Rate: 500, Clients: 4})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, l, 20)
	z.set(Answer{"green", green.Listener.Addr().String(), 100, time.Minute})
	waitFor(t, l, l.Snapshot().Count.Total+20)
	if n := l.Snapshot().ByTarget["green"].Total; n > 0 {
		t.Errorf("%d requests on green within the TTL", n)
	}
	c.Advance(time.Minute)
	waitFor(t, l, l.Snapshot().Count.Total+20)
	s := l.Stop()
	if s.ByTarget["green"].Total == 0 || s.Count.Failed > 0 || len(s.Minutes) != 2 {
		t.Errorf("%+v", s)
	}
	sum := Count{}
	for _, m := range s.Minutes {
		sum = sum.plus(m.Count)
	}
	if sum != s.Count {
		t.Errorf("minutes sum to %+v, want %+v", sum, s.Count)
	}
}

func TestFailuresAreKeptUpToALimitAndAllCounted(t *testing.T) {
	s := newStats(1)
	for n := range keepFailures + 5 {
		s.add(noon.Add(time.Duration(n)*time.Second), "blue", time.Millisecond, fmt.Errorf("no %d", n))
	}
	got := s.snapshot()
	if len(got.Failures) != keepFailures || got.Count.Failed != keepFailures+5 || got.Failures[0].Reason != "no 0" {
		t.Errorf("%d kept, %+v counted", len(got.Failures), got.Count)
	}
}

func TestQuantilesOfALargeSample(t *testing.T) {
	s := newStats(1)
	for n := range 100_000 {
		s.add(noon, "blue", time.Duration(n+1)*time.Microsecond, nil)
	}
	got := s.snapshot()
	if got.P50 < 40*time.Millisecond || got.P50 > 60*time.Millisecond || got.P99 < 97*time.Millisecond {
		t.Errorf("p50 %v, p99 %v of 1 µs to 100 ms", got.P50, got.P99)
	}
}

func TestStartRefusesIncompleteOptions(t *testing.T) {
	full := Options{Records: &zone{}, Clock: clock.NewVirtual(noon), Name: "shop.example.com"}
	for field, breakIt := range map[string]func(*Options){
		"Records": func(o *Options) { o.Records = nil },
		"Clock":   func(o *Options) { o.Clock = nil },
		"Name":    func(o *Options) { o.Name = "" },
		"Rate":    func(o *Options) { o.Rate = -1 },
	} {
		o := full
		breakIt(&o)
		if l, err := Start(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: load %v, err %v", field, l, err)
		}
	}
}
