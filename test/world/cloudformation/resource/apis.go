package resource

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	apitypes "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

type api struct {
	ApiKeySelectionExpression *string
	CorsConfiguration         *types.Cors
	CredentialsArn            *string
	Description               *string
	DisableExecuteApiEndpoint *bool
	DisableSchemaValidation   *bool
	IpAddressType             types.IpAddressType
	Name                      *string
	ProtocolType              types.ProtocolType
	RouteKey                  *string
	RouteSelectionExpression  *string
	Tags                      map[string]string
	Target                    *string
	Version                   *string
}

type stage struct {
	AccessLogSettings    *types.AccessLogSettings
	AccessPolicyId       *string
	ApiId                string `cfn:"required"`
	AutoDeploy           *bool
	ClientCertificateId  *string
	DefaultRouteSettings *types.RouteSettings
	DeploymentId         *string
	Description          *string
	RouteSettings        map[string]types.RouteSettings
	StageName            string `cfn:"required"`
	StageVariables       map[string]string
	Tags                 map[string]string
}

type route struct {
	ApiId                            string `cfn:"required"`
	ApiKeyRequired                   *bool
	AuthorizationScopes              []string
	AuthorizationType                types.AuthorizationType
	AuthorizerId                     *string
	ModelSelectionExpression         *string
	OperationName                    *string
	RequestModels                    map[string]string
	RequestParameters                map[string]types.ParameterConstraints
	RouteKey                         string `cfn:"required"`
	RouteResponseSelectionExpression *string
	Target                           *string
}

type integration struct {
	ApiId                       string `cfn:"required"`
	ConnectionId                *string
	ConnectionType              types.ConnectionType
	ContentHandlingStrategy     types.ContentHandlingStrategy
	CredentialsArn              *string
	Description                 *string
	IntegrationMethod           *string
	IntegrationSubtype          *string
	IntegrationType             types.IntegrationType `cfn:"required"`
	IntegrationUri              *string
	PassthroughBehavior         types.PassthroughBehavior
	PayloadFormatVersion        *string
	RequestParameters           map[string]string
	RequestTemplates            map[string]string
	ResponseParameters          any
	TemplateSelectionExpression *string
	TimeoutInMillis             *int32
	TlsConfig                   *types.TlsConfigInput
}

type authorizer struct {
	ApiId                          string `cfn:"required"`
	AuthorizerCredentialsArn       *string
	AuthorizerPayloadFormatVersion *string
	AuthorizerResultTtlInSeconds   *int32
	AuthorizerType                 types.AuthorizerType `cfn:"required"`
	AuthorizerUri                  *string
	EnableSimpleResponses          *bool
	IdentitySource                 []string
	IdentityValidationExpression   *string
	JwtConfiguration               *types.JWTConfiguration
	Name                           string `cfn:"required"`
}

type deployment struct {
	ApiId       string `cfn:"required"`
	Description *string
	StageName   *string
}

type account struct{ CloudWatchRoleArn *string }

// ids gives a State whose only attribute is the id.
func ids(name string) func(id string) (State, error) {
	return func(id string) (State, error) { return State{Attributes: map[string]any{name: id}}, nil }
}

func init() {
	register(apiTypes()...)
	register(definition[account]{
		name: "AWS::ApiGateway::Account", attributes: []string{"Id"}, takes: 3 * time.Second,
		create: func(x *Context, p *account) (string, error) { return made(x.Name(60), p.put(x)) },
		read:   func(_ *Context, id string, _ *account) (State, error) { return ids("Id")(id) },
		update: func(x *Context, _ string, _, p *account) error { return p.put(x) },
		// AWS leaves the account's role alone, too: other stacks may need it.
	})
}

func (p *account) put(x *Context) error {
	op := apitypes.PatchOperation{Op: apitypes.OpReplace, Path: aws.String("/cloudwatchRoleArn"), Value: aws.String(aws.ToString(p.CloudWatchRoleArn))}
	return do(x, &apigateway.UpdateAccountInput{PatchOperations: []apitypes.PatchOperation{op}})
}

func apiTypes() []Type {
	return []Type{
		definition[api]{
			name: "AWS::ApiGatewayV2::Api", replace: []string{"ProtocolType"}, attributes: []string{"ApiEndpoint", "ApiId"},
			create: createAPI, read: readAPI, update: updateAPI,
			remove: func(x *Context, id string, _ *api) error { return do(x, &apigatewayv2.DeleteApiInput{ApiId: &id}) },
		},
		definition[stage]{
			name: "AWS::ApiGatewayV2::Stage", nameProperty: "StageName", replace: []string{"ApiId", "StageName"},
			create: createStage, update: updateStage,
			remove: func(x *Context, id string, p *stage) error {
				return do(x, &apigatewayv2.DeleteStageInput{ApiId: &p.ApiId, StageName: &id})
			},
		},
		definition[route]{
			name: "AWS::ApiGatewayV2::Route", replace: []string{"ApiId"}, attributes: []string{"RouteId"},
			create: func(x *Context, p *route) (string, error) {
				out, err := invoke[apigatewayv2.CreateRouteOutput](x, &apigatewayv2.CreateRouteInput{ApiId: &p.ApiId, RouteKey: &p.RouteKey, ApiKeyRequired: p.ApiKeyRequired,
					AuthorizationScopes: p.AuthorizationScopes, AuthorizationType: p.AuthorizationType, AuthorizerId: p.AuthorizerId, ModelSelectionExpression: p.ModelSelectionExpression,
					OperationName: p.OperationName, RequestModels: p.RequestModels, RequestParameters: p.RequestParameters,
					RouteResponseSelectionExpression: p.RouteResponseSelectionExpression, Target: p.Target})
				if err != nil {
					return "", err
				}
				return *out.RouteId, nil
			},
			read: func(_ *Context, id string, _ *route) (State, error) { return ids("RouteId")(id) },
			update: func(x *Context, id string, _, p *route) error {
				authorization := p.AuthorizationType
				if authorization == "" {
					authorization = types.AuthorizationTypeNone
				}
				return do(x, &apigatewayv2.UpdateRouteInput{ApiId: &p.ApiId, RouteId: &id, RouteKey: &p.RouteKey, ApiKeyRequired: p.ApiKeyRequired,
					AuthorizationScopes: p.AuthorizationScopes, AuthorizationType: authorization, AuthorizerId: p.AuthorizerId, ModelSelectionExpression: p.ModelSelectionExpression,
					OperationName: p.OperationName, RequestModels: p.RequestModels, RequestParameters: p.RequestParameters,
					RouteResponseSelectionExpression: p.RouteResponseSelectionExpression, Target: p.Target})
			},
			remove: func(x *Context, id string, p *route) error {
				return do(x, &apigatewayv2.DeleteRouteInput{ApiId: &p.ApiId, RouteId: &id})
			},
		},
		definition[integration]{
			name: "AWS::ApiGatewayV2::Integration", replace: []string{"ApiId"}, attributes: []string{"IntegrationId"},
			create: createIntegration,
			read:   func(_ *Context, id string, _ *integration) (State, error) { return ids("IntegrationId")(id) },
			update: updateIntegration,
			remove: func(x *Context, id string, p *integration) error {
				return do(x, &apigatewayv2.DeleteIntegrationInput{ApiId: &p.ApiId, IntegrationId: &id})
			},
		},
		definition[authorizer]{
			name: "AWS::ApiGatewayV2::Authorizer", replace: []string{"ApiId"}, attributes: []string{"AuthorizerId"},
			create: func(x *Context, p *authorizer) (string, error) {
				out, err := invoke[apigatewayv2.CreateAuthorizerOutput](x, &apigatewayv2.CreateAuthorizerInput{ApiId: &p.ApiId, AuthorizerType: p.AuthorizerType, IdentitySource: p.IdentitySource,
					Name: &p.Name, AuthorizerCredentialsArn: p.AuthorizerCredentialsArn, AuthorizerPayloadFormatVersion: p.AuthorizerPayloadFormatVersion,
					AuthorizerResultTtlInSeconds: p.AuthorizerResultTtlInSeconds, AuthorizerUri: p.AuthorizerUri, EnableSimpleResponses: p.EnableSimpleResponses,
					IdentityValidationExpression: p.IdentityValidationExpression, JwtConfiguration: p.JwtConfiguration})
				if err != nil {
					return "", err
				}
				return *out.AuthorizerId, nil
			},
			read: func(_ *Context, id string, _ *authorizer) (State, error) { return ids("AuthorizerId")(id) },
			update: func(x *Context, id string, _, p *authorizer) error {
				return do(x, &apigatewayv2.UpdateAuthorizerInput{ApiId: &p.ApiId, AuthorizerId: &id, AuthorizerType: p.AuthorizerType, IdentitySource: p.IdentitySource, Name: &p.Name,
					AuthorizerCredentialsArn: p.AuthorizerCredentialsArn, AuthorizerPayloadFormatVersion: p.AuthorizerPayloadFormatVersion,
					AuthorizerResultTtlInSeconds: p.AuthorizerResultTtlInSeconds, AuthorizerUri: p.AuthorizerUri, EnableSimpleResponses: p.EnableSimpleResponses,
					IdentityValidationExpression: p.IdentityValidationExpression, JwtConfiguration: p.JwtConfiguration})
			},
			remove: func(x *Context, id string, p *authorizer) error {
				return do(x, &apigatewayv2.DeleteAuthorizerInput{ApiId: &p.ApiId, AuthorizerId: &id})
			},
		},
		definition[deployment]{
			name: "AWS::ApiGatewayV2::Deployment", replace: []string{"ApiId"}, attributes: []string{"DeploymentId"},
			create: func(x *Context, p *deployment) (string, error) {
				out, err := invoke[apigatewayv2.CreateDeploymentOutput](x, &apigatewayv2.CreateDeploymentInput{ApiId: &p.ApiId, Description: p.Description, StageName: p.StageName})
				if err != nil {
					return "", err
				}
				return *out.DeploymentId, nil
			},
			read: func(_ *Context, id string, _ *deployment) (State, error) { return ids("DeploymentId")(id) },
			update: func(x *Context, id string, _, p *deployment) error {
				return do(x, &apigatewayv2.UpdateDeploymentInput{ApiId: &p.ApiId, DeploymentId: &id, Description: aws.String(aws.ToString(p.Description))})
			},
			remove: func(x *Context, id string, p *deployment) error {
				return do(x, &apigatewayv2.DeleteDeploymentInput{ApiId: &p.ApiId, DeploymentId: &id})
			},
		},
	}
}

func createAPI(x *Context, p *api) (string, error) {
	out, err := invoke[apigatewayv2.CreateApiOutput](x, &apigatewayv2.CreateApiInput{Name: p.Name, ProtocolType: p.ProtocolType, ApiKeySelectionExpression: p.ApiKeySelectionExpression,
		CorsConfiguration: p.CorsConfiguration, CredentialsArn: p.CredentialsArn, Description: p.Description, DisableExecuteApiEndpoint: p.DisableExecuteApiEndpoint,
		DisableSchemaValidation: p.DisableSchemaValidation, IpAddressType: p.IpAddressType, RouteKey: p.RouteKey, RouteSelectionExpression: p.RouteSelectionExpression,
		Tags: x.allTags(p.Tags), Target: p.Target, Version: p.Version})
	if err != nil {
		return "", err
	}
	return *out.ApiId, nil
}

func readAPI(x *Context, id string, _ *api) (State, error) {
	out, err := invoke[apigatewayv2.GetApiOutput](x, &apigatewayv2.GetApiInput{ApiId: &id})
	if err != nil {
		return State{}, err
	}
	return State{Attributes: map[string]any{"ApiEndpoint": aws.ToString(out.ApiEndpoint), "ApiId": id}}, nil
}

func updateAPI(x *Context, id string, old, p *api) error {
	if p.CorsConfiguration == nil && old.CorsConfiguration != nil {
		if err := do(x, &apigatewayv2.DeleteCorsConfigurationInput{ApiId: &id}); err != nil {
			return err
		}
	}
	if err := do(x, &apigatewayv2.UpdateApiInput{ApiId: &id, Name: p.Name, ApiKeySelectionExpression: p.ApiKeySelectionExpression, CorsConfiguration: p.CorsConfiguration,
		CredentialsArn: p.CredentialsArn, Description: p.Description, DisableExecuteApiEndpoint: p.DisableExecuteApiEndpoint, DisableSchemaValidation: p.DisableSchemaValidation,
		IpAddressType: p.IpAddressType, RouteKey: p.RouteKey, RouteSelectionExpression: p.RouteSelectionExpression, Target: p.Target, Version: p.Version}); err != nil {
		return err
	}
	return retagAPI(x, "/apis/"+id, old.Tags, p.Tags)
}

// retagAPI tags an API or a stage, whose ARNs have no account.
func retagAPI(x *Context, path string, old, is map[string]string) error {
	arn := "arn:" + x.Partition + ":apigateway:" + x.Region + "::" + path
	return retag(x, list(old), list(is),
		func(tags map[string]string) error {
			return do(x, &apigatewayv2.TagResourceInput{ResourceArn: &arn, Tags: tags})
		},
		func(keys []string) error {
			return do(x, &apigatewayv2.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
		})
}

func createStage(x *Context, p *stage) (string, error) {
	if p.AccessPolicyId != nil {
		return "", refuse("AccessPolicyId")
	}
	return made(p.StageName, do(x, &apigatewayv2.CreateStageInput{ApiId: &p.ApiId, StageName: &p.StageName, AccessLogSettings: p.AccessLogSettings, AutoDeploy: p.AutoDeploy,
		ClientCertificateId: p.ClientCertificateId, DefaultRouteSettings: p.DefaultRouteSettings, DeploymentId: p.DeploymentId, Description: p.Description, RouteSettings: p.RouteSettings,
		StageVariables: p.StageVariables, Tags: x.allTags(p.Tags)}))
}

func updateStage(x *Context, id string, old, p *stage) error {
	if p.AccessLogSettings == nil && old.AccessLogSettings != nil {
		if err := do(x, &apigatewayv2.DeleteAccessLogSettingsInput{ApiId: &p.ApiId, StageName: &id}); err != nil {
			return err
		}
	}
	if err := do(x, &apigatewayv2.UpdateStageInput{ApiId: &p.ApiId, StageName: &id, AccessLogSettings: p.AccessLogSettings, AutoDeploy: p.AutoDeploy, ClientCertificateId: p.ClientCertificateId,
		DefaultRouteSettings: p.DefaultRouteSettings, DeploymentId: p.DeploymentId, Description: p.Description, RouteSettings: p.RouteSettings, StageVariables: p.StageVariables}); err != nil {
		return err
	}
	return retagAPI(x, "/apis/"+p.ApiId+"/stages/"+id, old.Tags, p.Tags)
}

func (p *integration) check() error {
	if p.ResponseParameters != nil {
		return refuse("ResponseParameters")
	}
	return nil
}

func createIntegration(x *Context, p *integration) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	out, err := invoke[apigatewayv2.CreateIntegrationOutput](x, &apigatewayv2.CreateIntegrationInput{ApiId: &p.ApiId, IntegrationType: p.IntegrationType, ConnectionId: p.ConnectionId,
		ConnectionType: p.ConnectionType, ContentHandlingStrategy: p.ContentHandlingStrategy, CredentialsArn: p.CredentialsArn, Description: p.Description,
		IntegrationMethod: p.IntegrationMethod, IntegrationSubtype: p.IntegrationSubtype, IntegrationUri: p.IntegrationUri, PassthroughBehavior: p.PassthroughBehavior,
		PayloadFormatVersion: p.PayloadFormatVersion, RequestParameters: p.RequestParameters, RequestTemplates: p.RequestTemplates,
		TemplateSelectionExpression: p.TemplateSelectionExpression, TimeoutInMillis: p.TimeoutInMillis, TlsConfig: p.TlsConfig})
	if err != nil {
		return "", err
	}
	return *out.IntegrationId, nil
}

func updateIntegration(x *Context, id string, _, p *integration) error {
	if err := p.check(); err != nil {
		return err
	}
	return do(x, &apigatewayv2.UpdateIntegrationInput{ApiId: &p.ApiId, IntegrationId: &id, IntegrationType: p.IntegrationType, ConnectionId: p.ConnectionId, ConnectionType: p.ConnectionType,
		ContentHandlingStrategy: p.ContentHandlingStrategy, CredentialsArn: p.CredentialsArn, Description: p.Description, IntegrationMethod: p.IntegrationMethod,
		IntegrationSubtype: p.IntegrationSubtype, IntegrationUri: p.IntegrationUri, PassthroughBehavior: p.PassthroughBehavior, PayloadFormatVersion: p.PayloadFormatVersion,
		RequestParameters: p.RequestParameters, RequestTemplates: p.RequestTemplates, TemplateSelectionExpression: p.TemplateSelectionExpression,
		TimeoutInMillis: p.TimeoutInMillis, TlsConfig: p.TlsConfig})
}
