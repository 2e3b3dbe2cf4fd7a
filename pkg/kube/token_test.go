package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// counter signs a different URL each time.
type counter struct{ n int }

func (c *counter) PresignGetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.PresignOptions)) (*v4.PresignedHTTPRequest, error) {
	c.n++
	return &v4.PresignedHTTPRequest{URL: fmt.Sprintf("https://sts/?%d", c.n)}, nil
}

func TestTokenIsSignedAgainBeforeItsFifteenMinutesEnd(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	signer := &counter{}
	tokens := newTokenSource(signer, "shop")
	tokens.now = func() time.Time { return now }
	for _, tt := range []struct {
		after  time.Duration
		signed int
	}{{0, 1}, {12 * time.Minute, 1}, {13 * time.Minute, 2}, {25 * time.Minute, 2}, {26 * time.Minute, 3}} {
		now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC).Add(tt.after)
		if _, err := tokens.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if signer.n != tt.signed {
			t.Errorf("after %s: signed %d times, want %d", tt.after, signer.n, tt.signed)
		}
	}
}

func TestTokenThatTheServerRefusesIsNotUsedAgain(t *testing.T) {
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	signer := &counter{}
	client := &http.Client{Transport: &tokenTransport{tokens: newTokenSource(signer, "shop"), next: http.DefaultTransport}}
	for _, tt := range []struct{ status, signed int }{{401, 1}, {200, 2}, {200, 2}} {
		status = tt.status
		response, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if signer.n != tt.signed {
			t.Errorf("status %d: signed %d times, want %d", tt.status, signer.n, tt.signed)
		}
	}
}
