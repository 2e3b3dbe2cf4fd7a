package adapters

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// client answers as told and keeps the request.
type client struct {
	request *http.Request
	err     error
}

func (c *client) Do(r *http.Request) (*http.Response, error) {
	c.request = r
	if c.err != nil {
		return nil, c.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("hello"))}, nil
}

func TestProbesUseTheConfiguredClientWithALimit(t *testing.T) {
	c := &client{}
	before := time.Now()
	response, err := prober(aws.Config{HTTPClient: c}, 10*time.Second).Do(request(t))
	if err != nil {
		t.Fatal(err)
	}
	deadline, limited := c.request.Context().Deadline()
	if !limited || deadline.Before(before.Add(10*time.Second)) || deadline.After(time.Now().Add(10*time.Second)) {
		t.Errorf("deadline %v, limited %t", deadline, limited)
	}
	if text, err := io.ReadAll(response.Body); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v: the limit ended before the answer was read", text, err)
	}
	if c.request.Context().Err() != nil {
		t.Error("the limit ended before the answer was closed")
	}
	if err := response.Body.Close(); err != nil || c.request.Context().Err() == nil {
		t.Errorf("%v; the limit outlives the answer", err)
	}
}

func TestAFailedProbeLeavesNothing(t *testing.T) {
	c := &client{err: errors.New("connection refused")}
	if _, err := prober(aws.Config{HTTPClient: c}, 10*time.Second).Do(request(t)); !errors.Is(err, c.err) {
		t.Errorf("error %v", err)
	}
	if c.request.Context().Err() == nil {
		t.Error("the limit outlives the probe")
	}
}

// A redirect names the record, which DNS may resolve to the other cluster: its
// answer says nothing of the one that was asked. The SDK's own client follows
// 307 and 308, and ingress-nginx redirects to HTTPS by 308.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other cluster was asked") }))
	defer other.Close()
	for _, status := range []int{http.StatusFound, http.StatusPermanentRedirect} {
		asked := httptest.NewServer(http.RedirectHandler(other.URL, status))
		defer asked.Close()
		for name, cfg := range map[string]aws.Config{"no client": {}, "the SDK's client": {HTTPClient: awshttp.NewBuildableClient()}} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, asked.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := prober(cfg, 10*time.Second).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil || response.StatusCode != status {
				t.Errorf("%s: status %d instead of %d, %v", name, response.StatusCode, status, err)
			}
		}
	}
}

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://blue.elb.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
