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

// prober sends the probes of endpoints through the HTTP client of the AWS
// configuration, so that proxies and test doubles of it count for probes too.
// It follows no redirect: that names the record, and DNS may lead to the other
// cluster. A client of another type than the SDK's is on its own there. Each
// probe has so much real time, as the users' is: longer, and they have gone.
func prober(cfg aws.Config, timeout time.Duration) validation.Doer {
	var transport http.RoundTripper
	switch client := cfg.HTTPClient.(type) {
	case nil:
	case *awshttp.BuildableClient:
		transport = client.GetTransport()
	default:
		return limited{client, timeout}
	}
	return limited{&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, timeout}
}

type limited struct {
	next    aws.HTTPClient
	timeout time.Duration
}

// Do gives the request, with the reading of its answer, the timeout.
func (l limited) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), l.timeout)
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
