package apigateway

import (
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// checkAuthorizer refuses what an authorizer cannot be.
func checkAuthorizer(a *api, z types.Authorizer) error {
	if len(aws.ToString(z.Name)) < 1 || len(*z.Name) > 128 {
		return refuse("Invalid authorizer name. Name must be between 1 and 128 characters in length")
	}
	if z.AuthorizerType == types.AuthorizerTypeJwt {
		return checkJWT(a, z)
	}
	_, byPath, ok := functionOf(aws.ToString(z.AuthorizerUri))
	format, ttl := aws.ToString(z.AuthorizerPayloadFormatVersion), aws.ToInt32(z.AuthorizerResultTtlInSeconds)
	switch {
	case z.JwtConfiguration != nil:
		return refuse("JwtConfiguration is supported only for JWT authorizers")
	case !ok || !byPath:
		return refuse("Invalid Authorizer URI: %s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", aws.ToString(z.AuthorizerUri))
	case a.webSocket() && (z.AuthorizerPayloadFormatVersion != nil || z.AuthorizerResultTtlInSeconds != nil || z.EnableSimpleResponses != nil):
		return refuse("AuthorizerPayloadFormatVersion, AuthorizerResultTtlInSeconds and EnableSimpleResponses are supported only for HTTP APIs")
	case !a.webSocket() && format != "1.0" && format != "2.0":
		return refuse("AuthorizerPayloadFormatVersion is a required parameter for HTTP Lambda authorizers, and must be 1.0 or 2.0")
	case aws.ToBool(z.EnableSimpleResponses) && format != "2.0":
		return refuse("EnableSimpleResponses is supported only for authorizer payload format version 2.0")
	case ttl < 0 || ttl > 3600:
		return refuse("Invalid Authorizer result TTL: it must be between 0 and 3600 seconds")
	case ttl > 0 && len(z.IdentitySource) == 0:
		return refuse("IdentitySource is required when authorizer caching is enabled")
	case z.AuthorizerCredentialsArn != nil && !roleARN.MatchString(*z.AuthorizerCredentialsArn):
		return refuse("Invalid ARN specified in the request: %s", *z.AuthorizerCredentialsArn)
	}
	for _, source := range z.IdentitySource {
		if _, err := parseSource(source, a.webSocket()); err != nil {
			return refuse("Invalid identity source: %s", source)
		}
	}
	return nil
}

func checkJWT(a *api, z types.Authorizer) error {
	switch {
	case a.webSocket():
		return refuse("JWT authorizers are supported only for HTTP APIs")
	case z.JwtConfiguration == nil || aws.ToString(z.JwtConfiguration.Issuer) == "":
		return refuse("Issuer is a required parameter for JWT authorizers")
	case len(z.JwtConfiguration.Audience) == 0:
		return refuse("Audience is a required parameter for JWT authorizers")
	case len(z.IdentitySource) != 1:
		return refuse("JWT authorizers need exactly one identity source")
	case !secureIssuer(*z.JwtConfiguration.Issuer):
		return refuse("Invalid issuer: %s. Issuer must have a valid URL starting with https.", *z.JwtConfiguration.Issuer)
	}
	s, err := parseSource(z.IdentitySource[0], false)
	if err != nil || s.kind != "header" && s.kind != "querystring" {
		return refuse("Invalid identity source: %s", z.IdentitySource[0])
	}
	return nil
}

// secureIssuer reports whether an issuer may be asked for its keys: by https,
// or on this machine.
func secureIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// source is one part of an identity source.
type source struct{ kind, name string }

// parseSource reads an expression such as $request.header.Authorization, or
// route.request.header.Authorization for WebSocket APIs.
func parseSource(text string, webSocket bool) (source, error) {
	prefix := "$"
	if webSocket {
		prefix = "route."
	}
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok && webSocket { // stageVariables and context stand without a prefix
		rest, ok = text, strings.HasPrefix(text, "stageVariables.") || strings.HasPrefix(text, "context.")
	}
	rest = strings.TrimPrefix(rest, "request.")
	kind, name, dotted := strings.Cut(rest, ".")
	switch kind {
	case "header", "querystring", "stageVariables", "context":
		if ok && dotted && name != "" {
			return source{kind, name}, nil
		}
	}
	return source{}, refuse("Invalid identity source: %s", text)
}

// CreateAuthorizer makes an authorizer. Unlike AWS it does not ask the issuer.
func (s *Service) CreateAuthorizer(_ *wire.Call, in *v2.CreateAuthorizerInput) (*v2.CreateAuthorizerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	var z types.Authorizer
	assign(&z, in)
	if err := checkAuthorizer(a, z); err != nil {
		return nil, err
	}
	z.AuthorizerId = ptr(s.id("authorizer", 6))
	a.authorizers[*z.AuthorizerId], a.numbers[*z.AuthorizerId] = z, s.count
	s.changed(a)
	return project[v2.CreateAuthorizerOutput](z), nil
}

// GetAuthorizer describes an authorizer.
func (s *Service) GetAuthorizer(_ *wire.Call, in *v2.GetAuthorizerInput) (*v2.GetAuthorizerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	z, err := part(a.authorizers, in.AuthorizerId, "Authorizer")
	if err != nil {
		return nil, err
	}
	return project[v2.GetAuthorizerOutput](z), nil
}

// GetAuthorizers lists an API's authorizers.
func (s *Service) GetAuthorizers(_ *wire.Call, in *v2.GetAuthorizersInput) (*v2.GetAuthorizersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(sorted(a, a.authorizers), in.MaxResults, in.NextToken)
	return &v2.GetAuthorizersOutput{Items: items, NextToken: next}, err
}

// UpdateAuthorizer changes what it names.
func (s *Service) UpdateAuthorizer(_ *wire.Call, in *v2.UpdateAuthorizerInput) (*v2.UpdateAuthorizerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	z, err := part(a.authorizers, in.AuthorizerId, "Authorizer")
	if err != nil {
		return nil, err
	}
	assign(&z, in)
	if err := checkAuthorizer(a, z); err != nil {
		return nil, err
	}
	a.authorizers[*z.AuthorizerId] = z
	s.changed(a)
	return project[v2.UpdateAuthorizerOutput](z), nil
}

// DeleteAuthorizer deletes an authorizer that no route needs.
func (s *Service) DeleteAuthorizer(_ *wire.Call, in *v2.DeleteAuthorizerInput) (*v2.DeleteAuthorizerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := part(a.authorizers, in.AuthorizerId, "Authorizer"); err != nil {
		return nil, err
	}
	for _, r := range sorted(a, a.routes) {
		if aws.ToString(r.AuthorizerId) == *in.AuthorizerId {
			return nil, conflict("Cannot delete authorizer '%s', is referenced in route: %s", *in.AuthorizerId, *r.RouteKey)
		}
	}
	delete(a.authorizers, *in.AuthorizerId)
	s.changed(a)
	return &v2.DeleteAuthorizerOutput{}, nil
}
