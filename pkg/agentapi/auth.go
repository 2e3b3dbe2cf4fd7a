// Package agentapi talks to a deployed agent as people do: it reads what is to
// be approved and answers, and listens to what happens.
package agentapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Auth says who asks: by a bearer token of an identity provider, or else by
// AWS credentials, with which requests are signed.
type Auth struct {
	Bearer string
	AWS    aws.Config
	Clock  clock.Clock
}

// regional takes the region out of the host name of an API.
var regional = regexp.MustCompile(`\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)

// authorize adds to a request who sends it. The signature stands in headers,
// which are in no log and no history, other than addresses. It covers the body.
func (a Auth) authorize(ctx context.Context, r *http.Request, body []byte) error {
	if a.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+a.Bearer)
		return nil
	}
	const op = "sign the request"
	if a.AWS.Credentials == nil {
		return upgrade.KindAPIDenied.Field(op, "", "there are no AWS credentials", "log in (AWS_PROFILE, aws sso login), or give a bearer token in "+BearerVariable)
	}
	credentials, err := a.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return upgrade.KindAPIDenied.Errorf(op, "%w", awserr.Wrap("get AWS credentials", err)).WithRemedy("log in (AWS_PROFILE, aws sso login), or give a bearer token in " + BearerVariable)
	}
	region := a.AWS.Region
	if m := regional.FindStringSubmatch(r.URL.Hostname()); m != nil {
		region = m[1]
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "execute-api", region, a.Clock.Now()); err != nil {
		return upgrade.KindAPIUnreadable.Errorf(op, "%w", err)
	}
	return nil
}

// BearerVariable is the environment variable that people give a bearer token
// in: arguments are in the shell's history, and every process sees them.
const BearerVariable = "EKS_UPGRADE_BEARER_TOKEN"

// checkURL refuses addresses that would send secrets in the clear. An address
// of this machine may: it is a test's.
func checkURL(field, address string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && u.User == nil {
		for _, s := range schemes {
			if u.Scheme == s {
				return u, nil
			}
		}
		if local := u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || u.Hostname() == "::1"; local && (u.Scheme == "http" || u.Scheme == "ws") {
			return u, nil
		}
	}
	return nil, upgrade.KindAPIInvalid.Field("", field, "this is no "+schemes[0]+" address", "give it as the stack's outputs have it")
}
