package sts

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Rules of EKS tokens (source: aws-iam-authenticator, pkg/token).
const (
	tokenPrefix    = "k8s-aws-v1."
	clusterHeader  = "x-k8s-aws-id"
	maxTokenLength = 4 << 10
	maxExpires     = 15 * time.Minute
	signedAt       = "20060102T150405Z"
)

// tokenReview is the part of authentication.k8s.io/v1 TokenReview that matters.
type tokenReview struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Spec       reviewSpec   `json:"spec"`
	Status     reviewStatus `json:"status"`
}

type reviewSpec struct {
	Token     string   `json:"token,omitempty"`
	Audiences []string `json:"audiences,omitempty"`
}

type reviewStatus struct {
	Authenticated bool        `json:"authenticated"`
	User          *reviewUser `json:"user,omitempty"`
	Error         string      `json:"error,omitempty"`
}

type reviewUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra,omitempty"`
}

// TokenReviewHandler is the webhook that a kube-apiserver asks whose token it
// got (--authentication-token-webhook-config-file). The path ends with the name
// of the cluster that asks (kube-apiserver drops a query): tokens are bound to one.
func (s *Service) TokenReviewHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review tokenReview
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&review); err != nil || review.Kind != "TokenReview" {
			http.Error(w, "the body is not a TokenReview", http.StatusBadRequest)
			return
		}
		token := review.Spec.Token
		review.Spec = reviewSpec{}
		user, err := s.review(r.Context(), token, r.PathValue("cluster"))
		if err != nil {
			review.Status = reviewStatus{Error: err.Error()}
		} else {
			review.Status = reviewStatus{Authenticated: true, User: &user}
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that went away is not the server's error.
		_ = json.NewEncoder(w).Encode(review)
	})
}

// review says who the holder of a token is to Kubernetes.
func (s *Service) review(ctx context.Context, token, cluster string) (reviewUser, error) {
	key, err := s.Authenticate(ctx, token, cluster)
	if err != nil {
		return reviewUser{}, err
	}
	arn := s.CallerARN(key)
	user := reviewUser{Username: arn, UID: arn, Groups: []string{masters}, Extra: map[string][]string{"arn": {arn}, "accessKeyId": {key}}}
	if session, ok := s.Session(key); ok {
		user.Username, user.Groups, err = s.entry(ctx, cluster, session.RoleArn, session.SessionName)
	} else if u, ok := s.User(key); ok {
		user.Username, user.Groups, err = s.entry(ctx, cluster, u.ARN, "")
	}
	return user, err
}

// Authenticate returns the access key of the caller that made an EKS token for
// the cluster.
func (s *Service) Authenticate(ctx context.Context, token, cluster string) (accessKeyID string, err error) {
	if cluster == "" {
		return "", errors.New("the webhook's URL names no cluster")
	}
	encoded, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(token) > maxTokenLength {
		return "", fmt.Errorf("the token does not begin with %s or is too long", tokenPrefix)
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return "", errors.New("the token is not base64url")
	}
	u, err := url.Parse(string(text))
	if err != nil {
		return "", errors.New("the token holds no URL")
	}
	q := u.Query()
	if q.Get("Action") != "GetCallerIdentity" {
		return "", fmt.Errorf("the token's action is %q, not GetCallerIdentity", q.Get("Action"))
	}
	if !slices.Contains(strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";"), clusterHeader) {
		return "", fmt.Errorf("the token's signature does not cover %s", clusterHeader)
	}
	if q.Get("X-Amz-Signature") == "" {
		return "", errors.New("the token is not signed")
	}
	if err := fresh(q); err != nil {
		return "", err
	}
	id, ok := wire.Identify(&http.Request{URL: u, Header: http.Header{}})
	if !ok || id.Service != "sts" {
		return "", errors.New("the token is not signed for sts")
	}
	if err := s.verify(ctx, u, id, cluster); err != nil {
		return "", err
	}
	return id.AccessKeyID, nil
}

// emptyHash is the SHA-256 of no payload.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// verify checks for which cluster a token is signed. Keys of sessions and users
// have one secret. Any other key is the account's own, and nobody gave it a
// secret: a token of one is refused only when it is seen to be for another
// cluster, with the world's secret or with the key as its own.
func (s *Service) verify(ctx context.Context, u *url.URL, id wire.Identity, cluster string) error {
	secrets, given := []string{s.secretOf(id.AccessKeyID)}, s.given(id.AccessKeyID)
	if !given {
		secrets = append(secrets, id.AccessKeyID)
	}
	others := []string{cluster}
	if !given {
		others = append(others, s.clusters(ctx)...)
	}
	for _, name := range others {
		for _, secret := range secrets {
			ok, err := s.signed(ctx, u, id, secret, name)
			switch {
			case err != nil:
				return err
			case ok && name == cluster:
				return nil
			case ok:
				return fmt.Errorf("the token is signed for the cluster %s, not for %s", name, cluster)
			}
		}
	}
	if given {
		return fmt.Errorf("the token is not signed for the cluster %s", cluster)
	}
	return nil
}

// clusters lists the clusters of EKS.
func (s *Service) clusters(ctx context.Context) []string {
	if !slices.Contains(s.mux.Operations("eks"), "ListClusters") {
		return nil
	}
	var names []string
	in := &awseks.ListClustersInput{}
	for {
		out, err := s.mux.Peek(&wire.Call{Context: ctx, Service: "eks", Operation: "ListClusters"}, in)
		if err != nil {
			return names
		}
		page := out.(*awseks.ListClustersOutput)
		if names = append(names, page.Clusters...); page.NextToken == nil {
			return names
		}
		in = &awseks.ListClustersInput{NextToken: page.NextToken}
	}
}

// signed signs the URL again, for the cluster, and compares the signatures.
func (s *Service) signed(ctx context.Context, u *url.URL, id wire.Identity, secret, cluster string) (bool, error) {
	q := u.Query()
	want := q.Get("X-Amz-Signature")
	at, err := time.Parse(signedAt, q.Get("X-Amz-Date"))
	if err != nil {
		return false, errors.New("the token's X-Amz-Date is not a date")
	}
	for _, name := range []string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Security-Token"} {
		q.Del(name)
	}
	again := *u
	again.RawQuery = q.Encode()
	r := &http.Request{Method: http.MethodGet, URL: &again, Host: u.Host, Header: http.Header{"X-K8s-Aws-Id": {cluster}}}
	presigned, _, err := v4.NewSigner().PresignHTTP(ctx, aws.Credentials{AccessKeyID: id.AccessKeyID, SecretAccessKey: secret, SessionToken: s.token(id.AccessKeyID)}, r, emptyHash, id.Service, id.Region, at)
	if err != nil {
		return false, fmt.Errorf("the token cannot be verified: %w", err)
	}
	v, err := url.Parse(presigned)
	if err != nil {
		return false, fmt.Errorf("the token cannot be verified: %w", err)
	}
	return hmac.Equal([]byte(v.Query().Get("X-Amz-Signature")), []byte(want)), nil
}

// fresh checks the token's age by the machine's clock, not the simulated one,
// because it is by that clock that the SDK signs.
func fresh(q url.Values) error {
	signed, err := time.Parse(signedAt, q.Get("X-Amz-Date"))
	if err != nil {
		return errors.New("the token's X-Amz-Date is not a date")
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > maxExpires {
		return errors.New("the token's X-Amz-Expires must be within 15 minutes")
	}
	if age := time.Since(signed); age > maxExpires || age < -maxExpires {
		return errors.New("the token has expired")
	}
	return nil
}
