package apigateway

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var (
	functionARN = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

// functionOf is the function that a URI names: its ARN, or the path to invoke it.
func functionOf(uri string) (arn string, byPath, ok bool) {
	if functionARN.MatchString(uri) {
		return uri, false, true
	}
	_, rest, found := strings.Cut(uri, ":lambda:path/2015-03-31/functions/")
	arn, invocations := strings.CutSuffix(rest, "/invocations")
	return arn, true, found && invocations && strings.HasPrefix(uri, "arn:aws") && strings.Contains(uri, ":apigateway:") && functionARN.MatchString(arn)
}

// checkIntegration refuses what an integration cannot be here.
func checkIntegration(a *api, i types.Integration) error {
	longest := int32(30000)
	if a.webSocket() {
		longest = 29000
	}
	kinds := []types.IntegrationType{types.IntegrationTypeAwsProxy, types.IntegrationTypeHttpProxy}
	if a.webSocket() {
		kinds = i.IntegrationType.Values()
	}
	allowed := false
	for _, k := range kinds {
		allowed = allowed || k == i.IntegrationType
	}
	_, byPath, isFunction := functionOf(aws.ToString(i.IntegrationUri))
	format := aws.ToString(i.PayloadFormatVersion)
	switch {
	case !allowed:
		return refuse("Integration type %s is not supported for protocol type HTTP", i.IntegrationType)
	case i.IntegrationSubtype != nil:
		return notSimulated("integration subtypes (%s), only Lambda functions", *i.IntegrationSubtype)
	case i.IntegrationType != types.IntegrationTypeAwsProxy:
		return notSimulated("integrations of type %s, only AWS_PROXY to Lambda functions", i.IntegrationType)
	case i.ConnectionType == types.ConnectionTypeVpcLink:
		return notSimulated("VPC links")
	case len(i.RequestParameters) > 0 || len(i.ResponseParameters) > 0 || len(i.RequestTemplates) > 0 || i.TemplateSelectionExpression != nil:
		return notSimulated("mapping of parameters and templates")
	case i.ContentHandlingStrategy != "":
		return notSimulated("content handling strategies")
	case !isFunction || a.webSocket() && !byPath:
		return refuse("Invalid integration URI specified")
	case !a.webSocket() && i.PayloadFormatVersion == nil:
		return refuse("PayloadFormatVersion is a required parameter for integration")
	case format != "1.0" && (format != "2.0" || a.webSocket()):
		return refuse("Invalid PayloadFormatVersion %s specified", format)
	case *i.TimeoutInMillis < 50 || *i.TimeoutInMillis > longest:
		return refuse("Timeout should be between 50 ms and %d ms", longest)
	case i.CredentialsArn != nil && *i.CredentialsArn == "arn:aws:iam::*:user/*":
		return notSimulated("integrations with the caller's credentials")
	case i.CredentialsArn != nil && !roleARN.MatchString(*i.CredentialsArn):
		return refuse("Invalid ARN specified in the request: %s", *i.CredentialsArn)
	}
	return nil
}

// newIntegration makes an integration; s.mu is held.
func (s *Service) newIntegration(a *api, in *v2.CreateIntegrationInput) (types.Integration, error) {
	i := types.Integration{ConnectionType: types.ConnectionTypeInternet, TimeoutInMillis: ptr(int32(30000))}
	if a.webSocket() {
		i.TimeoutInMillis, i.PayloadFormatVersion, i.PassthroughBehavior = ptr(int32(29000)), ptr("1.0"), types.PassthroughBehaviorWhenNoMatch
		i.IntegrationResponseSelectionExpression = ptr("${integration.response.statuscode}")
	}
	assign(&i, in)
	if in.IntegrationMethod == nil {
		i.IntegrationMethod = ptr("POST")
	}
	if in.TlsConfig != nil {
		return i, notSimulated("TLS configuration: there are no private integrations")
	}
	if err := checkIntegration(a, i); err != nil {
		return i, err
	}
	i.IntegrationId = ptr(s.id("integration", partIDLength))
	a.integrations[*i.IntegrationId], a.numbers[*i.IntegrationId] = i, s.count
	s.changed(a)
	return i, nil
}

// CreateIntegration makes an integration.
func (s *Service) CreateIntegration(_ *wire.Call, in *v2.CreateIntegrationInput) (*v2.CreateIntegrationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	i, err := s.newIntegration(a, in)
	if err != nil {
		return nil, err
	}
	return project[v2.CreateIntegrationOutput](i), nil
}

// GetIntegration describes an integration.
func (s *Service) GetIntegration(_ *wire.Call, in *v2.GetIntegrationInput) (*v2.GetIntegrationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	i, err := part(a.integrations, in.IntegrationId, "Integration")
	if err != nil {
		return nil, err
	}
	return project[v2.GetIntegrationOutput](i), nil
}

// GetIntegrations lists an API's integrations.
func (s *Service) GetIntegrations(_ *wire.Call, in *v2.GetIntegrationsInput) (*v2.GetIntegrationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := page(sorted(a, a.integrations), in.MaxResults, in.NextToken)
	return &v2.GetIntegrationsOutput{Items: items, NextToken: next}, err
}

// UpdateIntegration changes what it names.
func (s *Service) UpdateIntegration(_ *wire.Call, in *v2.UpdateIntegrationInput) (*v2.UpdateIntegrationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	i, err := part(a.integrations, in.IntegrationId, "Integration")
	if err != nil {
		return nil, err
	}
	if in.TlsConfig != nil {
		return nil, notSimulated("TLS configuration: there are no private integrations")
	}
	assign(&i, in)
	if err := checkIntegration(a, i); err != nil {
		return nil, err
	}
	a.integrations[*i.IntegrationId] = i
	s.changed(a)
	return project[v2.UpdateIntegrationOutput](i), nil
}

// DeleteIntegration deletes an integration that no route needs.
func (s *Service) DeleteIntegration(_ *wire.Call, in *v2.DeleteIntegrationInput) (*v2.DeleteIntegrationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.api(in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := part(a.integrations, in.IntegrationId, "Integration"); err != nil {
		return nil, err
	}
	for _, r := range sorted(a, a.routes) {
		if id, ok := integrationOf(r.Target); ok && id == *in.IntegrationId {
			return nil, conflict("%s", fmt.Sprintf("Cannot delete integration %s: the route %s has it as its target", id, *r.RouteKey))
		}
	}
	delete(a.integrations, *in.IntegrationId)
	s.changed(a)
	return &v2.DeleteIntegrationOutput{}, nil
}
