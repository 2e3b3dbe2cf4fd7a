package apigateway

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const httpSelection = "${request.method} ${request.path}"

// PathPrefix begins the paths by which APIs are reached on the world's port:
// PathPrefix + id + path, as AWS has it behind the host name of the API.
const PathPrefix = "/_apigateway/"

// endpoint is where an API is reached. On AWS it is a host name of its own; here
// it is a path of the world's address, so that programs can really call it.
func (s *Service) endpoint(id string, protocol types.ProtocolType) string {
	address := s.o.Endpoint()
	if protocol == types.ProtocolTypeWebsocket {
		address = "ws" + strings.TrimPrefix(address, "http")
	}
	return address + PathPrefix + id
}

// domain is the host name that an API has on AWS, and here for those who set
// the Host header themselves.
func (s *Service) domain(id string) string {
	return id + ".execute-api." + s.o.Region + ".amazonaws.com"
}

// shown is an API as it is answered, with the address that the world has now.
func (s *Service) shown(a *api) types.Api {
	v := a.v
	v.ApiEndpoint = aws.String(s.endpoint(*v.ApiId, v.ProtocolType))
	v.Tags = maps.Clone(v.Tags)
	return v
}

// CreateApi makes an API; with Target also a route, an integration and the stage
// $default (quick create).
func (s *Service) CreateApi(_ *wire.Call, in *v2.CreateApiInput) (*v2.CreateApiOutput, error) { //nolint:revive // AWS's name
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &api{routes: map[string]types.Route{}, integrations: map[string]types.Integration{}, authorizers: map[string]types.Authorizer{}, deployments: map[string]*deployment{},
		stages: map[string]*stage{}, numbers: map[string]int{}}
	assign(&a.v, in)
	a.v.ApiKeySelectionExpression = ptr(aws.ToString(in.ApiKeySelectionExpression))
	if in.ApiKeySelectionExpression == nil {
		a.v.ApiKeySelectionExpression = ptr("$request.header.x-api-key")
	}
	if in.DisableExecuteApiEndpoint == nil {
		a.v.DisableExecuteApiEndpoint = ptr(false)
	}
	if in.IpAddressType == "" {
		a.v.IpAddressType = types.IpAddressTypeIpv4
	}
	if in.RouteSelectionExpression == nil && !a.webSocket() {
		a.v.RouteSelectionExpression = ptr(httpSelection)
	}
	if a.v.Tags == nil {
		a.v.Tags = map[string]string{}
	}
	if err := checkAPI(a); err != nil {
		return nil, err
	}
	if a.webSocket() && (in.Target != nil || in.RouteKey != nil) {
		return nil, refuse("Quick create is supported only for HTTP APIs")
	}
	a.v.ApiId, a.v.CreatedDate = ptr(s.id("api", apiIDLength)), ptr(s.o.Clock.Now())
	if in.Target != nil {
		if err := s.quickCreate(a, in); err != nil {
			return nil, err
		}
	}
	s.apis[*a.v.ApiId] = a
	return project[v2.CreateApiOutput](s.shown(a)), nil
}

// quickCreate adds an integration, a route to it and a stage that deploys itself.
func (s *Service) quickCreate(a *api, in *v2.CreateApiInput) error {
	i, err := s.newIntegration(a, &v2.CreateIntegrationInput{IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: in.Target, CredentialsArn: in.CredentialsArn,
		PayloadFormatVersion: ptr("2.0")})
	if err != nil {
		return err
	}
	key := in.RouteKey
	if key == nil {
		key = ptr(defaultRoute)
	}
	if _, err := s.newRoute(a, &v2.CreateRouteInput{RouteKey: key, Target: ptr("integrations/" + *i.IntegrationId)}); err != nil {
		return err
	}
	_, err = s.newStage(a, &v2.CreateStageInput{StageName: ptr(defaultStage), AutoDeploy: ptr(true)})
	return err
}

// checkAPI refuses what an API cannot be.
func checkAPI(a *api) error {
	selection := aws.ToString(a.v.RouteSelectionExpression)
	switch {
	case len(aws.ToString(a.v.Name)) < 1 || len(*a.v.Name) > 128:
		return refuse("Invalid API name. Name must be between 1 and 128 characters in length")
	case len(aws.ToString(a.v.Description)) > 1024:
		return refuse("Invalid API description. Description must be between 1 and 1024 characters in length")
	case a.webSocket() && selection == "":
		return refuse("Invalid route selection expression specified: RouteSelectionExpression is required")
	case a.webSocket() && !bodySelection.MatchString(selection):
		return notSimulated("route selection expression %s, only $request.body.{path}", selection)
	case !a.webSocket() && selection != httpSelection:
		return refuse("Invalid route selection expression specified. HTTP APIs support only %s", httpSelection)
	case a.webSocket() && a.v.CorsConfiguration != nil:
		return refuse("CORS configuration is supported only for HTTP APIs")
	}
	return checkCORS(a.v.CorsConfiguration)
}

// GetApi describes an API.
func (s *Service) GetApi(_ *wire.Call, in *v2.GetApiInput) (*v2.GetApiOutput, error) { //nolint:revive // AWS's name
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	return project[v2.GetApiOutput](s.shown(a)), nil
}

// GetApis lists the APIs, by name.
func (s *Service) GetApis(_ *wire.Call, in *v2.GetApisInput) (*v2.GetApisOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.Api{}
	for _, id := range slices.Sorted(maps.Keys(s.apis)) {
		all = append(all, s.shown(s.apis[id]))
	}
	slices.SortStableFunc(all, func(a, b types.Api) int { return strings.Compare(*a.Name, *b.Name) })
	items, next, err := page(all, in.MaxResults, in.NextToken)
	return &v2.GetApisOutput{Items: items, NextToken: next}, err
}

// UpdateApi changes what it names.
func (s *Service) UpdateApi(_ *wire.Call, in *v2.UpdateApiInput) (*v2.UpdateApiOutput, error) { //nolint:revive // AWS's name
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	if in.Target != nil || in.RouteKey != nil || in.CredentialsArn != nil {
		return nil, notSimulated("update of what quick create made: update the route and the integration")
	}
	changed := *a
	assign(&changed.v, in)
	if err := checkAPI(&changed); err != nil {
		return nil, err
	}
	a.v = changed.v
	s.changed(a)
	return project[v2.UpdateApiOutput](s.shown(a)), nil
}

// DeleteApi deletes an API with all its parts; connections end.
func (s *Service) DeleteApi(_ *wire.Call, in *v2.DeleteApiInput) (*v2.DeleteApiOutput, error) { //nolint:revive // AWS's name
	s.mu.Lock()
	a, err := s.api(in.ApiId)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	delete(s.apis, *in.ApiId)
	gone := s.connectionsOf(*a.v.ApiId, "")
	s.mu.Unlock()
	for _, c := range gone {
		c.end(closeGoingAway, "Going away")
	}
	return &v2.DeleteApiOutput{}, nil
}

// DeleteCorsConfiguration takes the CORS configuration away.
func (s *Service) DeleteCorsConfiguration(_ *wire.Call, in *v2.DeleteCorsConfigurationInput) (*v2.DeleteCorsConfigurationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	a.v.CorsConfiguration = nil
	s.changed(a)
	return &v2.DeleteCorsConfigurationOutput{}, nil
}
