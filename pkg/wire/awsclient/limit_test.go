package awsclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
)

// The bucket of Service Quotas holds 10 tokens and gets 5 a second: the calls
// after those wait, and one that cannot wait long enough is not made.
func TestAttemptsTakeTokensOfTheirService(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	environment(t, server.URL)
	cfg, err := awsclient.Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	limited := awsclient.Limited(cfg)
	api := servicequotas.NewFromConfig(limited)
	ask := func(ctx context.Context) error {
		_, err := api.ListServices(ctx, &servicequotas.ListServicesInput{})
		return err
	}
	for range 10 {
		if err := ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	refused := 0
	for range 5 {
		if err := ask(short); errors.Is(err, context.DeadlineExceeded) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if made := int(calls.Load()); refused == 0 || made+refused != 15 {
		t.Errorf("%d calls were made and %d refused", made, refused)
	}
	if limited.Retryer().MaxAttempts() != awsclient.Attempts {
		t.Errorf("%d attempts", limited.Retryer().MaxAttempts())
	}
	if unlimited := servicequotas.NewFromConfig(cfg); unlimited == nil || len(cfg.APIOptions) == len(limited.APIOptions) {
		t.Error("the configuration that was given is changed")
	}
}
