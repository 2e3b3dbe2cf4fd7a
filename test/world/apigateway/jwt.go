package apigateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// issuerTimeout bounds a question to an issuer, in real time; AWS gives up after
// 1,500 ms.
const issuerTimeout = 1500 * time.Millisecond

// providers are the issuers that were asked for their keys.
type providers struct {
	clock clock.Clock
	mu    sync.Mutex
	known map[string]*oidc.Provider
}

func newProviders(c clock.Clock) *providers {
	return &providers{clock: c, known: map[string]*oidc.Provider{}}
}

// provider discovers an issuer, once.
func (p *providers) provider(issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.known[issuer]; known != nil {
		return known, nil
	}
	ctx := oidc.ClientContext(context.Background(), &http.Client{Timeout: issuerTimeout})
	found, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	p.known[issuer] = found
	return found, nil
}

// refused is why a request was not let through.
type refused struct {
	status  int
	message string
	// challenge is the WWW-Authenticate header, for JWT.
	challenge string
	// reason is for the access log ($context.authorizer.error).
	reason string
}

func unauthorized(reason string) *refused {
	r := &refused{status: http.StatusUnauthorized, message: "Unauthorized", reason: reason, challenge: "Bearer"}
	if reason != "" {
		r.challenge = fmt.Sprintf(`Bearer scope="" error="invalid_token" error_description=%q`, reason)
	}
	return r
}

func forbidden(reason string) *refused {
	return &refused{status: http.StatusForbidden, message: "Forbidden", reason: reason}
}

// algorithms are those that API Gateway takes: RSA only.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// bearer is the token of a header: by itself, or after "Bearer".
func bearer(value string) string {
	if scheme, token, ok := strings.Cut(strings.TrimSpace(value), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return strings.TrimSpace(value)
}

// keyOf is the key id of a token's header, when the token is signed as it must be.
func keyOf(token string) (id, problem string) {
	if strings.Count(token, ".") != 2 {
		return "", "invalid number of segments"
	}
	parsed, err := jose.ParseSigned(token, algorithms)
	if err != nil {
		return "", "the token is malformed or its signing method is not supported"
	}
	if len(parsed.Signatures) != 1 || parsed.Signatures[0].Header.KeyID == "" {
		return "", "kid is missing in the header of the token"
	}
	return parsed.Signatures[0].Header.KeyID, ""
}

// claims are what a token says beyond what go-oidc reads.
type claims struct {
	ClientID  string       `json:"client_id"`
	NotBefore *json.Number `json:"nbf"`
	IssuedAt  *json.Number `json:"iat"`
	Scope     any          `json:"scope"`
	Scp       any          `json:"scp"`
}

// verify judges a token (source: "Control access to HTTP APIs with JWT
// authorizers in API Gateway"). The clock is the simulated one.
func (p *providers) verify(ctx context.Context, token string, c *types.JWTConfiguration, scopes []string) (map[string]any, *refused) {
	if _, problem := keyOf(token); problem != "" {
		return nil, unauthorized(problem)
	}
	provider, err := p.provider(*c.Issuer)
	if err != nil {
		return nil, unauthorized("OIDC discovery endpoint communication error")
	}
	now := p.clock.Now()
	verified, err := provider.Verifier(&oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512}, Now: func() time.Time { return now }}).Verify(ctx, token)
	if err != nil {
		return nil, unauthorized(problemOf(err))
	}
	var said claims
	all := map[string]any{}
	if err := verified.Claims(&said); err != nil {
		return nil, unauthorized("the token has claims that cannot be read")
	}
	var raw json.RawMessage
	if err := verified.Claims(&raw); err != nil {
		return nil, unauthorized("the token has claims that cannot be read")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&all); err != nil {
		return nil, unauthorized("the token has claims that cannot be read")
	}
	switch {
	case after(said.NotBefore, now):
		return nil, unauthorized("the token is not valid yet")
	case after(said.IssuedAt, now):
		return nil, unauthorized("the token was issued in the future")
	case !audienceMatches(verified.Audience, said.ClientID, c.Audience):
		return nil, unauthorized("the token does not have a valid audience")
	}
	granted := append(words(said.Scope), words(said.Scp)...)
	if len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(granted, s) }) {
		r := forbidden("the token does not have a required scope")
		r.challenge = fmt.Sprintf(`Bearer scope=%q error="insufficient_scope" error_description="the token does not have a required scope"`, strings.Join(scopes, " "))
		return nil, r
	}
	texts := map[string]string{}
	for name, v := range all {
		texts[name] = fmt.Sprint(v) // as API Gateway does: lists are [a b]
	}
	var shown any
	if len(scopes) > 0 {
		shown = granted
	}
	return map[string]any{"claims": texts, "scopes": shown}, nil
}

// problemOf words an error of the verification without anything of the token.
func problemOf(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "expired"):
		return "the token has expired"
	case strings.Contains(text, "different provider"):
		return "the token has an invalid issuer"
	case strings.Contains(text, "before the nbf"):
		return "the token is not valid yet"
	case strings.Contains(text, "fetching keys"):
		return "JWKS communication error"
	}
	return "the signature of the token is invalid"
}

func after(at *json.Number, now time.Time) bool {
	if at == nil {
		return false
	}
	seconds, err := at.Float64()
	return err != nil || seconds > float64(now.UnixMilli())/1e3
}

// audienceMatches looks at aud, and at client_id only where there is no aud.
func audienceMatches(aud []string, clientID string, allowed []string) bool {
	if len(aud) == 0 {
		return clientID != "" && slices.Contains(allowed, clientID)
	}
	return slices.ContainsFunc(aud, func(a string) bool { return slices.Contains(allowed, a) })
}

// words reads scopes: a text with spaces, or a list.
func words(v any) []string {
	switch x := v.(type) {
	case string:
		return strings.Fields(x)
	case []any:
		var out []string
		for _, e := range x {
			if text, ok := e.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// authorizeJWT lets a request through whose token is good.
func (s *Service) authorizeJWT(q *request, z types.Authorizer) *refused {
	src, err := parseSource(z.IdentitySource[0], false)
	if err != nil {
		return unauthorized("")
	}
	token := bearer(q.identity(src))
	if token == "" {
		return unauthorized("")
	}
	jwt, no := s.jwks.verify(q.http.Context(), token, z.JwtConfiguration, q.chosen.route.AuthorizationScopes)
	if no != nil {
		return no
	}
	q.authorizer = map[string]any{"jwt": jwt}
	for name, value := range jwt["claims"].(map[string]string) {
		q.logged["authorizer.claims."+name] = value
	}
	return nil
}

// identity is the value of an identity source in a request.
func (q *request) identity(src source) string {
	switch src.kind {
	case "header":
		return strings.Join(q.http.Header.Values(src.name), ",")
	case "querystring":
		return q.http.URL.Query().Get(src.name)
	case "stageVariables":
		return q.stage.StageVariables[src.name]
	}
	return q.variable(src.name)
}
