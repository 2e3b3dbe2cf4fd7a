package validation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Endpoints finds the host name of the load balancer of a Service; "" while it
// has none.
type Endpoints interface {
	Hostname(ctx context.Context, cluster string, service upgrade.ObjectName) (string, error)
}

// Doer sends an HTTP request; *http.Client is one. It brings its own timeout.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// probes is how many requests the endpoint must answer, one after the other:
// behind a load balancer one answer says little.
const probes = 3

// EndpointAnswers checks that the Service's load balancer answers HTTP with a
// status below 500. The cluster is asked directly, not through DNS weights, so
// that one without traffic can be judged.
type EndpointAnswers struct {
	Endpoints Endpoints
	HTTP      Doer
}

// Check implements Checker.
func (e EndpointAnswers) Check(ctx context.Context, run upgrade.Run, _ upgrade.Plan, c upgrade.Criterion) (Result, error) {
	hostname, err := e.Endpoints.Hostname(ctx, c.Cluster, c.Service)
	if err != nil {
		return Result{}, err
	}
	if hostname == "" {
		return fail("the Service %s has no load balancer", c.Service), nil
	}
	var last int
	for range probes {
		status, err := e.probe(ctx, hostname, run.Request.Traffic.Record)
		switch {
		case ctx.Err() != nil: // our own time is up, which says nothing of the endpoint
			return inconclusive("%s was not asked: %v", hostname, ctx.Err()), nil
		case err != nil:
			return fail("%s does not answer: %v", hostname, err), nil
		case status >= http.StatusInternalServerError:
			return fail("%s answers with status %d", hostname, status), nil
		}
		last = status
	}
	return pass("%s answers with status %d, %d times", hostname, last, probes), nil
}

// probe asks as a user of the record would, by its name.
func (e EndpointAnswers) probe(ctx context.Context, hostname, record string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostname+"/", nil)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", "eks-upgrade-agent")
	if record != "" {
		request.Host = record
	}
	response, err := e.HTTP.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, errors.Join(err, response.Body.Close())
}
