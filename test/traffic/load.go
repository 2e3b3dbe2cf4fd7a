package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Options configure a load.
type Options struct {
	Records Records
	Clock   clock.Clock // the simulated one: for TTLs and for the series
	Name    string      // what is asked for, such as shop.example.com
	Path    string      // "" is /
	// Address turns a record's target into HOST:PORT; nil takes it as it is.
	Address func(target string) (string, error)
	// Rate is the requests per real second; 0 is 100.
	Rate float64
	// Clients is how many clients, each with a resolver's cache and connections of
	// its own, share the rate; 0 is 50.
	Clients int
	// Timeout is for one request, in real time; 0 is 2 s.
	Timeout time.Duration
	Seed    uint64
}

// Load is a steady load of GET requests. A request has failed when it got no
// answer or one of 500 and above. Nothing is tried again: that would hide failures.
type Load struct {
	options   Options
	transport *http.Transport
	client    *http.Client
	stats     *stats
	stop      chan struct{}
	stopOnce  sync.Once
	clients   sync.WaitGroup
}

// Start begins the load. Stop it.
func Start(options Options) (*Load, error) {
	switch {
	case options.Records == nil:
		return nil, errors.New("traffic: Options.Records must be given")
	case options.Clock == nil:
		return nil, errors.New("traffic: Options.Clock must be given")
	case options.Name == "":
		return nil, errors.New("traffic: Options.Name must be given")
	case options.Rate < 0 || options.Clients < 0 || options.Timeout < 0:
		return nil, errors.New("traffic: Options.Rate, Clients and Timeout must not be negative")
	}
	if options.Path == "" {
		options.Path = "/"
	}
	if options.Address == nil {
		options.Address = func(target string) (string, error) { return target, nil }
	}
	if options.Rate == 0 {
		options.Rate = 100
	}
	if options.Clients == 0 {
		options.Clients = 50
	}
	if options.Timeout == 0 {
		options.Timeout = 2 * time.Second
	}
	transport := &http.Transport{MaxIdleConnsPerHost: options.Clients, IdleConnTimeout: 30 * time.Second}
	l := &Load{
		options:   options,
		transport: transport,
		client: &http.Client{Transport: transport, Timeout: options.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		stats: newStats(options.Seed),
		stop:  make(chan struct{}),
	}
	for n := range options.Clients {
		l.clients.Go(func() { l.run(n) })
	}
	return l, nil
}

// Stop ends the load and returns what it counted. Requests under way are waited
// for, so that an end is not taken for a failure.
func (l *Load) Stop() Snapshot {
	l.stopOnce.Do(func() { close(l.stop) })
	l.clients.Wait()
	l.transport.CloseIdleConnections()
	return l.Snapshot()
}

// Snapshot returns what was counted so far.
func (l *Load) Snapshot() Snapshot { return l.stats.snapshot() }

// run is one client: a request each interval of real time, the first at its
// share of it so that clients do not all ask at once.
func (l *Load) run(n int) {
	interval := time.Duration(float64(time.Second) * float64(l.options.Clients) / l.options.Rate)
	resolver := newResolver(l.options.Records, l.options.Clock, l.options.Seed, uint64(n))
	first := time.NewTimer(interval * time.Duration(n) / time.Duration(l.options.Clients))
	defer first.Stop()
	select {
	case <-l.stop:
		return
	case <-first.C:
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		l.request(resolver)
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
	}
}

func (l *Load) request(resolver *resolver) {
	began := time.Now() // real time: the latency of a real request
	answer, err := resolver.resolve(l.options.Name)
	if err == nil {
		err = l.get(answer)
	}
	target := answer.SetIdentifier
	if target == "" {
		target = answer.Target
	}
	l.stats.add(l.options.Clock.Now(), target, time.Since(began), err)
}

func (l *Load) get(answer Answer) error {
	address, err := l.options.Address(answer.Target)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+address+l.options.Path, nil)
	if err != nil {
		return err
	}
	request.Host = l.options.Name
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to the end, so that the connection is used again; an answer that breaks
	// off is a failure as well.
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return err
	}
	if response.StatusCode >= 500 {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}
