package apigateway

import (
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// defaultStage is served at the root of an HTTP API's address.
const defaultStage = "$default"

var (
	stageName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	variableName  = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9-._~:/?#&=,]+$`)
	logGroupARN   = regexp.MustCompile(`^arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:([A-Za-z0-9_/.#-]+)(:\*)?$`)
)

// stage is one stage and what it counts.
type stage struct {
	v       types.Stage
	buckets map[string]*bucket // throttling, by route key; "" for the others together
	grants  map[string]grant   // answers of Lambda authorizers
}

// deployment is an API as it was when it was deployed.
type deployment struct {
	v            types.Deployment
	routes       []types.Route
	integrations map[string]types.Integration
	authorizers  map[string]types.Authorizer
}

// checkStage refuses what a stage cannot be; s.mu is held.
func (s *Service) checkStage(a *api, v types.Stage) error {
	name := aws.ToString(v.StageName)
	if name != defaultStage && !stageName.MatchString(name) || name == defaultStage && a.webSocket() {
		return refuse("Stage name only allows alphanumeric characters, hyphens, and underscores, or $default. Max length is 128 characters.")
	}
	if v.ClientCertificateId != nil {
		return notSimulated("client certificates")
	}
	for name, value := range v.StageVariables {
		if !variableName.MatchString(name) || !variableValue.MatchString(value) {
			return refuse("Invalid stage variable %s: names can have alphanumeric characters and underscores, and values must match [A-Za-z0-9-._~:/?#&=,]+", name)
		}
	}
	if v.DeploymentId != nil && a.deployments[*v.DeploymentId] == nil {
		return refuse("Invalid deployment identifier specified")
	}
	logs := false
	all := maps.Clone(v.RouteSettings)
	if all == nil {
		all = map[string]types.RouteSettings{}
	}
	if v.DefaultRouteSettings != nil {
		all[""] = *v.DefaultRouteSettings
	}
	for key, set := range all {
		if key != "" && !hasRoute(a, key) {
			return notFound("Unable to find Route by key %s within the provided RouteSettings", key)
		}
		if !a.webSocket() && (aws.ToBool(set.DataTraceEnabled) || set.LoggingLevel != "" && set.LoggingLevel != types.LoggingLevelOff) {
			return refuse("Execution logs are not supported on protocol type HTTP")
		}
		logs = logs || set.LoggingLevel != "" && set.LoggingLevel != types.LoggingLevelOff || aws.ToBool(set.DataTraceEnabled)
	}
	if l := v.AccessLogSettings; l != nil {
		if aws.ToString(l.Format) == "" || !strings.Contains(*l.Format, "$context.requestId") && !strings.Contains(*l.Format, "$context.extendedRequestId") {
			return refuse("Access Log format must include at least $context.requestId or $context.extendedRequestId")
		}
		if !logGroupARN.MatchString(aws.ToString(l.DestinationArn)) {
			return refuse("Invalid ARN specified in the request. The destination of access logs must be a log group")
		}
		logs = logs || a.webSocket()
	}
	if logs && s.role == "" {
		return refuse("CloudWatch Logs role ARN must be set in account settings to enable logging")
	}
	return nil
}

func hasRoute(a *api, key string) bool {
	for _, r := range a.routes {
		if *r.RouteKey == key {
			return true
		}
	}
	return false
}

// newStage makes a stage; s.mu is held.
func (s *Service) newStage(a *api, in *v2.CreateStageInput) (*stage, error) {
	st := &stage{buckets: map[string]*bucket{}, grants: map[string]grant{}}
	st.v = types.Stage{AutoDeploy: ptr(false), DefaultRouteSettings: &types.RouteSettings{DetailedMetricsEnabled: ptr(false)}, RouteSettings: map[string]types.RouteSettings{},
		StageVariables: map[string]string{}, Tags: map[string]string{}}
	assign(&st.v, in)
	if err := s.checkStage(a, st.v); err != nil {
		return nil, err
	}
	if _, ok := a.stages[*in.StageName]; ok {
		return nil, conflict("Stage already exists")
	}
	if aws.ToBool(in.AutoDeploy) && in.DeploymentId != nil {
		return nil, refuse("Deployment ID cannot be set for stages with AutoDeploy enabled")
	}
	now := s.o.Clock.Now()
	st.v.CreatedDate, st.v.LastUpdatedDate = &now, &now
	a.stages[*in.StageName] = st
	s.count++
	a.numbers[*in.StageName] = s.count
	s.autoDeploy(a, st)
	return st, nil
}

func (st *stage) shown() types.Stage {
	v := st.v
	v.Tags = maps.Clone(v.Tags)
	return v
}

// CreateStage makes a stage.
func (s *Service) CreateStage(_ *wire.Call, in *v2.CreateStageInput) (*v2.CreateStageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := s.newStage(a, in)
	if err != nil {
		return nil, err
	}
	return project[v2.CreateStageOutput](st.shown()), nil
}

// GetStage describes a stage.
func (s *Service) GetStage(_ *wire.Call, in *v2.GetStageInput) (*v2.GetStageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := part(a.stages, in.StageName, "stage")
	if err != nil {
		return nil, err
	}
	return project[v2.GetStageOutput](st.shown()), nil
}

// GetStages lists an API's stages.
func (s *Service) GetStages(_ *wire.Call, in *v2.GetStagesInput) (*v2.GetStagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	all := []types.Stage{}
	for _, st := range sorted(a, a.stages) {
		all = append(all, st.shown())
	}
	items, next, err := page(all, in.MaxResults, in.NextToken)
	return &v2.GetStagesOutput{Items: items, NextToken: next}, err
}

// UpdateStage changes what it names; a new deployment is what clients reach from
// now on.
func (s *Service) UpdateStage(_ *wire.Call, in *v2.UpdateStageInput) (*v2.UpdateStageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := part(a.stages, in.StageName, "stage")
	if err != nil {
		return nil, err
	}
	v := st.v
	assign(&v, in)
	if aws.ToBool(v.AutoDeploy) && in.DeploymentId != nil {
		return nil, refuse("Deployment ID cannot be set for stages with AutoDeploy enabled")
	}
	if err := s.checkStage(a, v); err != nil {
		return nil, err
	}
	v.LastUpdatedDate = ptr(s.o.Clock.Now())
	st.v, st.buckets = v, map[string]*bucket{}
	s.autoDeploy(a, st)
	return project[v2.UpdateStageOutput](st.shown()), nil
}

// DeleteStage deletes a stage; its connections end.
func (s *Service) DeleteStage(_ *wire.Call, in *v2.DeleteStageInput) (*v2.DeleteStageOutput, error) {
	s.mu.Lock()
	a, err := s.api(in.ApiId)
	if err == nil {
		_, err = part(a.stages, in.StageName, "stage")
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	delete(a.stages, *in.StageName)
	gone := s.connectionsOf(*in.ApiId, *in.StageName)
	s.mu.Unlock()
	for _, c := range gone {
		c.end(closeGoingAway, "Going away")
	}
	return &v2.DeleteStageOutput{}, nil
}

// DeleteAccessLogSettings ends a stage's access log.
func (s *Service) DeleteAccessLogSettings(_ *wire.Call, in *v2.DeleteAccessLogSettingsInput) (*v2.DeleteAccessLogSettingsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := part(a.stages, in.StageName, "stage")
	if err != nil {
		return nil, err
	}
	st.v.AccessLogSettings = nil
	return &v2.DeleteAccessLogSettingsOutput{}, nil
}

// DeleteRouteSettings takes the settings of one route away.
func (s *Service) DeleteRouteSettings(_ *wire.Call, in *v2.DeleteRouteSettingsInput) (*v2.DeleteRouteSettingsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := part(a.stages, in.StageName, "stage")
	if err != nil {
		return nil, err
	}
	if _, ok := st.v.RouteSettings[aws.ToString(in.RouteKey)]; !ok {
		return nil, notFound("Invalid route key specified")
	}
	left := maps.Clone(st.v.RouteSettings)
	delete(left, *in.RouteKey)
	st.v.RouteSettings, st.buckets = left, map[string]*bucket{}
	return &v2.DeleteRouteSettingsOutput{}, nil
}

// ResetAuthorizersCache forgets the answers of Lambda authorizers.
func (s *Service) ResetAuthorizersCache(_ *wire.Call, in *v2.ResetAuthorizersCacheInput) (*v2.ResetAuthorizersCacheOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	st, err := part(a.stages, in.StageName, "stage")
	if err != nil {
		return nil, err
	}
	st.grants = map[string]grant{}
	return &v2.ResetAuthorizersCacheOutput{}, nil
}
