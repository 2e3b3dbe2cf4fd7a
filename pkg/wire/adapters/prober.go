package adapters

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/validation"
)

// probeTimeout is how long an endpoint may take to answer: longer, and users
// have gone. It is real time, as the users' is.
const probeTimeout = 10 * time.Second

// prober sends the probes of endpoints through the HTTP client of the AWS
// configuration, so that proxies and test doubles of it count for probes too.
// It follows no redirect: that names the record, and DNS may lead to the other
// cluster. A client of another type than the SDK's is on its own there.
func prober(cfg aws.Config) validation.Doer {
	var transport http.RoundTripper
	switch client := cfg.HTTPClient.(type) {
	case nil:
	case *awshttp.BuildableClient:
		transport = client.GetTransport()
	default:
		return limited{client}
	}
	return limited{&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type limited struct{ next aws.HTTPClient }

// Do gives the request, with the reading of its answer, probeTimeout.
func (l limited) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	response, err := l.next.Do(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = body{response.Body, cancel}
	return response, nil
}

type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
