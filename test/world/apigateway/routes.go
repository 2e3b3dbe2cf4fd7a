package apigateway

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The routes with a meaning of their own.
const (
	defaultRoute    = "$default"
	connectRoute    = "$connect"
	disconnectRoute = "$disconnect"
)

// integrationOf is the id of the integration that a route's target names.
func integrationOf(target *string) (string, bool) {
	return strings.CutPrefix(aws.ToString(target), "integrations/")
}

// checkRoute refuses what a route cannot be.
func checkRoute(a *api, r types.Route) error {
	key := aws.ToString(r.RouteKey)
	if a.webSocket() {
		if err := checkWebSocketRoute(r); err != nil {
			return err
		}
	} else if _, err := parseRouteKey(key); err != nil {
		return refuse("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"")
	}
	for _, other := range a.routes {
		if *other.RouteKey == key && *other.RouteId != aws.ToString(r.RouteId) {
			return conflict("Route with key %s already exists for this API", key)
		}
	}
	if aws.ToBool(r.ApiKeyRequired) {
		return notSimulated("API keys")
	}
	if len(r.RequestModels) > 0 || len(r.RequestParameters) > 0 || r.ModelSelectionExpression != nil {
		return notSimulated("request models and parameters of routes")
	}
	if r.Target != nil {
		id, ok := integrationOf(r.Target)
		if !ok {
			return refuse("Invalid target specified for the route: %s", *r.Target)
		}
		if _, ok := a.integrations[id]; !ok {
			return refuse("Invalid integration identifier specified in the target %s", *r.Target)
		}
	}
	return checkAuthorization(a, r)
}

func checkWebSocketRoute(r types.Route) error {
	key := aws.ToString(r.RouteKey)
	switch {
	case key == "" || len(key) > 128:
		return refuse("Invalid route key. Key must be between 1 and 128 characters in length")
	case strings.HasPrefix(key, "$") && key != connectRoute && key != disconnectRoute && key != defaultRoute:
		return refuse("The provided route key is not formatted properly. Keys that begin with $ are $connect, $disconnect and $default")
	case key != connectRoute && r.AuthorizationType != types.AuthorizationTypeNone:
		return refuse("Currently, authorization is restricted to the $connect route only")
	case r.AuthorizationType == types.AuthorizationTypeJwt:
		return refuse("JWT authorization is supported only for HTTP APIs")
	}
	return nil
}

func checkAuthorization(a *api, r types.Route) error {
	wants := map[types.AuthorizationType]types.AuthorizerType{types.AuthorizationTypeJwt: types.AuthorizerTypeJwt, types.AuthorizationTypeCustom: types.AuthorizerTypeRequest}[r.AuthorizationType]
	if len(r.AuthorizationScopes) > 0 && r.AuthorizationType != types.AuthorizationTypeJwt {
		return refuse("Authorization scopes are supported only for JWT authorization")
	}
	if wants == "" {
		return nil
	}
	if r.AuthorizerId == nil {
		return refuse("AuthorizerId is required for authorization type %s", r.AuthorizationType)
	}
	authorizer, ok := a.authorizers[*r.AuthorizerId]
	switch {
	case !ok:
		return refuse("Invalid authorizer identifier specified %s", *r.AuthorizerId)
	case authorizer.AuthorizerType != wants:
		return refuse("Authorizer type %s does not match the authorization type %s of the route", authorizer.AuthorizerType, r.AuthorizationType)
	}
	return nil
}

// newRoute makes a route; s.mu is held.
func (s *Service) newRoute(a *api, in *v2.CreateRouteInput) (types.Route, error) {
	r := types.Route{AuthorizationType: types.AuthorizationTypeNone, ApiKeyRequired: ptr(false)}
	assign(&r, in)
	if err := checkRoute(a, r); err != nil {
		return r, err
	}
	r.RouteId = ptr(s.id("route", partIDLength))
	a.routes[*r.RouteId], a.numbers[*r.RouteId] = r, s.count
	s.changed(a)
	return r, nil
}

// CreateRoute makes a route.
func (s *Service) CreateRoute(_ *wire.Call, in *v2.CreateRouteInput) (*v2.CreateRouteOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	r, err := s.newRoute(a, in)
	if err != nil {
		return nil, err
	}
	return project[v2.CreateRouteOutput](r), nil
}

// GetRoute describes a route.
func (s *Service) GetRoute(_ *wire.Call, in *v2.GetRouteInput) (*v2.GetRouteOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	r, err := part(a.routes, in.RouteId, "Route")
	if err != nil {
		return nil, err
	}
	return project[v2.GetRouteOutput](r), nil
}

// sorted lists parts in the order of their creation.
func sorted[T any](a *api, parts map[string]T) []T {
	ids := slices.SortedFunc(maps.Keys(parts), func(x, y string) int { return cmp.Compare(a.numbers[x], a.numbers[y]) })
	out := []T{}
	for _, id := range ids {
		out = append(out, parts[id])
	}
	return out
}

// GetRoutes lists an API's routes.
func (s *Service) GetRoutes(_ *wire.Call, in *v2.GetRoutesInput) (*v2.GetRoutesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(sorted(a, a.routes), in.MaxResults, in.NextToken)
	return &v2.GetRoutesOutput{Items: items, NextToken: next}, err
}

// UpdateRoute changes what it names.
func (s *Service) UpdateRoute(_ *wire.Call, in *v2.UpdateRouteInput) (*v2.UpdateRouteOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	r, err := part(a.routes, in.RouteId, "Route")
	if err != nil {
		return nil, err
	}
	assign(&r, in)
	if r.AuthorizationType == types.AuthorizationTypeNone || r.AuthorizationType == types.AuthorizationTypeAwsIam {
		r.AuthorizerId = nil
	}
	if err := checkRoute(a, r); err != nil {
		return nil, err
	}
	a.routes[*r.RouteId] = r
	s.changed(a)
	return project[v2.UpdateRouteOutput](r), nil
}

// DeleteRoute deletes a route.
func (s *Service) DeleteRoute(_ *wire.Call, in *v2.DeleteRouteInput) (*v2.DeleteRouteOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := part(a.routes, in.RouteId, "Route"); err != nil {
		return nil, err
	}
	delete(a.routes, *in.RouteId)
	s.changed(a)
	return &v2.DeleteRouteOutput{}, nil
}
