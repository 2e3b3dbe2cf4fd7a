package sts

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Claims are those of an OIDC token that STS looks at.
type Claims struct {
	Issuer   string
	Subject  string
	Audience []string
	Expires  time.Time
}

// Provider is the issuer without its scheme, as IAM names providers and
// condition keys.
func (c Claims) Provider() string { return strings.TrimPrefix(c.Issuer, "https://") }

// ParseClaims reads the claims of a JSON Web Token. Its signature is not
// verified: the simulated issuers publish no keys.
func ParseClaims(token string) (Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}, invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	var body struct {
		Iss string          `json:"iss"`
		Sub string          `json:"sub"`
		Aud json.RawMessage `json:"aud"`
		Exp *float64        `json:"exp"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return Claims{}, invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	c := Claims{Issuer: body.Iss, Subject: body.Sub}
	if err := json.Unmarshal(body.Aud, &c.Audience); err != nil {
		var one string
		if err := json.Unmarshal(body.Aud, &one); err != nil {
			return Claims{}, invalidToken("Missing a required claim: aud")
		}
		c.Audience = []string{one}
	}
	if c.Issuer == "" || c.Subject == "" || body.Exp == nil || len(c.Audience) == 0 {
		return Claims{}, invalidToken("Missing a required claim")
	}
	c.Expires = time.Unix(int64(*body.Exp), 0)
	return c, nil
}

func invalidToken(message string) error {
	return &types.InvalidIdentityTokenException{Message: aws.String(message)}
}

// AssumeRoleWithWebIdentity opens a session of a role for the holder of an OIDC
// token, as pods with a service account's role do. The token's age is judged by
// the machine's clock, by which real control planes sign.
func (s *Service) AssumeRoleWithWebIdentity(_ *wire.Call, in *awssts.AssumeRoleWithWebIdentityInput) (*awssts.AssumeRoleWithWebIdentityOutput, error) {
	var v constraint.Violations
	v.RequiredText("webIdentityToken", in.WebIdentityToken, 4, 20000, nil)
	if err := v.Err("ValidationError"); err != nil {
		return nil, err
	}
	session, d, err := s.check(request{in.RoleArn, in.RoleSessionName, in.Policy, in.DurationSeconds, in.PolicyArns}, false)
	if err != nil {
		return nil, err
	}
	claims, err := ParseClaims(*in.WebIdentityToken)
	if err != nil {
		return nil, err
	}
	if now := time.Now(); now.After(claims.Expires) {
		return nil, &types.ExpiredTokenException{Message: aws.String(fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), claims.Expires.Unix()))}
	}
	session.Federated = fmt.Sprintf("arn:aws:iam::%s:oidc-provider/%s", s.account, claims.Provider())
	cred := s.open(session, d)
	return &awssts.AssumeRoleWithWebIdentityOutput{
		Credentials: credentials(cred), AssumedRoleUser: s.user(session), Audience: aws.String(claims.Audience[0]),
		Provider: aws.String(session.Federated), SubjectFromWebIdentityToken: aws.String(claims.Subject),
	}, nil
}
