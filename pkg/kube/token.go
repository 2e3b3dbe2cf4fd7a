package kube

import (
	"context"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
)

// STSPresigner signs the request that proves to the API server who the agent
// is; *sts.PresignClient is one.
type STSPresigner interface {
	PresignGetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.PresignOptions)) (*v4.PresignedHTTPRequest, error)
}

// The token is a presigned URL of STS GetCallerIdentity, bound to the cluster
// by a signed header. EKS honours it for 15 minutes whatever X-Amz-Expires
// says; aws-iam-authenticator requires the parameter.
// Source: https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
const (
	tokenPrefix   = "k8s-aws-v1."
	clusterHeader = "x-k8s-aws-id"
	tokenAge      = 13 * time.Minute
)

// tokenSource caches the token of one cluster. It reads the wall clock, not
// the agent's: the signature holds the real time and so does its expiry.
type tokenSource struct {
	presigner STSPresigner
	cluster   string
	now       func() time.Time

	mu     sync.Mutex
	token  string
	signed time.Time
}

func newTokenSource(presigner STSPresigner, cluster string) *tokenSource {
	return &tokenSource{presigner: presigner, cluster: cluster, now: time.Now}
}

// get returns a token that is good for at least another minute.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.token != "" && now.Sub(s.signed) < tokenAge {
		return s.token, nil
	}
	request, err := s.presigner.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, sts.WithAPIOptions(
			smithyhttp.SetHeaderValue(clusterHeader, s.cluster),
			smithyhttp.SetHeaderValue("X-Amz-Expires", "60"),
		))
	})
	if err != nil {
		return "", awserr.Wrap("sign the token for cluster "+s.cluster, err)
	}
	s.token, s.signed = tokenPrefix+base64.RawURLEncoding.EncodeToString([]byte(request.URL)), now
	return s.token, nil
}

// forget drops a token that the API server refused, so that the next request
// signs a new one, perhaps with newer credentials.
func (s *tokenSource) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

// tokenTransport adds the token to each request.
type tokenTransport struct {
	tokens *tokenSource
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := t.tokens.get(request.Context())
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := t.next.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		t.tokens.forget(token)
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the transport beneath.
func (t *tokenTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
