package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
)

// Environment variables with the addresses that AWS makes up.
const (
	approvalURL = "EKS_UPGRADE_AGENT_APPROVAL_URL"
	streamURL   = "EKS_UPGRADE_AGENT_STREAM_URL"
)

// Routes of the approval API, as package answer serves them.
var approvalRoutes = []struct{ id, key string }{{"Get", "GET /approvals/{upgrade}"}, {"Post", "POST /approvals/{upgrade}"}}

// streamStage is the stage of the WebSocket API; a part of its addresses.
const streamStage = "live"

// logFormat has no token: the approval API takes it in the body only.
const logFormat = `{"requestId":"$context.requestId","time":"$context.requestTime","ip":"$context.identity.sourceIp","user":"$context.identity.userArn","subject":"$context.authorizer.claims.sub","route":"$context.routeKey","status":"$context.status","error":"$context.error.message","integration":"$context.integration.error"}`

// newApprovalAPI makes the HTTP API by which people answer; its routes come
// with the function.
func newApprovalAPI(scope constructs.Construct) awsapigatewayv2.CfnApi {
	return awsapigatewayv2.NewCfnApi(scope, jsii.String("Api"), &awsapigatewayv2.CfnApiProps{
		Name: jsii.String("eks-upgrade-approvals"), Description: jsii.String("EKS upgrade agent: approvals"), ProtocolType: jsii.String("HTTP")})
}

// newStreamAPI makes the WebSocket API by which people watch.
func newStreamAPI(scope constructs.Construct) awsapigatewayv2.CfnApi {
	return awsapigatewayv2.NewCfnApi(scope, jsii.String("Api"), &awsapigatewayv2.CfnApiProps{
		Name: jsii.String("eks-upgrade-stream"), Description: jsii.String("EKS upgrade agent: progress"), ProtocolType: jsii.String("WEBSOCKET"), RouteSelectionExpression: jsii.String("$request.body.action")})
}

// urls returns the configuration that only AWS knows, by environment variable.
func (a agent) urls(approvals, stream awsapigatewayv2.CfnApi) map[string]*string {
	host := ".execute-api." + a.Region + "." + a.suffix()
	return map[string]*string{
		approvalURL: jsii.String("https://" + *approvals.Ref() + host),
		streamURL:   jsii.String("https://" + *stream.Ref() + host + "/" + streamStage),
	}
}

// suffix is that of AWS's host names.
func (a agent) suffix() string {
	if a.Partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// newApprovalRoutes serves the approval API: callers sign with IAM, or send a
// token of the issuer in the settings.
func newApprovalRoutes(scope constructs.Construct, a agent, api awsapigatewayv2.CfnApi, f function) {
	kind, authorizer := "AWS_IAM", (*string)(nil)
	if oidc := a.settings.Approvals.OIDC; oidc.Given() {
		kind = "JWT"
		authorizer = awsapigatewayv2.NewCfnAuthorizer(scope, jsii.String("Authorizer"), &awsapigatewayv2.CfnAuthorizerProps{
			ApiId: api.Ref(), Name: jsii.String("oidc"), AuthorizerType: jsii.String("JWT"), IdentitySource: jsii.Strings("$request.header.Authorization"),
			JwtConfiguration: &awsapigatewayv2.CfnAuthorizer_JWTConfigurationProperty{Issuer: jsii.String(oidc.Issuer), Audience: jsii.Strings(oidc.Audience...)}}).Ref()
	}
	integration := awsapigatewayv2.NewCfnIntegration(scope, jsii.String("Integration"), &awsapigatewayv2.CfnIntegrationProps{
		ApiId: api.Ref(), IntegrationType: jsii.String("AWS_PROXY"), IntegrationUri: f.AttrArn(), PayloadFormatVersion: jsii.String("2.0"), TimeoutInMillis: jsii.Number(29000)})
	for _, r := range approvalRoutes {
		props := &awsapigatewayv2.CfnRouteProps{ApiId: api.Ref(), RouteKey: jsii.String(r.key), AuthorizationType: jsii.String(kind), Target: jsii.String("integrations/" + *integration.Ref())}
		if authorizer != nil {
			props.AuthorizerId = authorizer
		}
		awsapigatewayv2.NewCfnRoute(scope, jsii.String(r.id), props)
		method, path, _ := strings.Cut(r.key, " ")
		mayInvoke(scope, a, r.id+"Permission", f, api, method+path)
	}
	// For an HTTP API, Logs delivers: of the prefix as newMachine says.
	log := newLog(scope, a, "/aws/vendedlogs/apigateway/eks-upgrade-approvals")
	awsapigatewayv2.NewCfnStage(scope, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId: api.Ref(), StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		AccessLogSettings:    &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{DestinationArn: log.AttrArn(), Format: jsii.String(logFormat)},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{ThrottlingRateLimit: jsii.Number(5), ThrottlingBurstLimit: jsii.Number(10)},
	})
}

// newStreamRoutes serves the WebSocket API. Who connects signs with IAM; what
// comes afterwards belongs to the connection.
func newStreamRoutes(scope constructs.Construct, a agent, api awsapigatewayv2.CfnApi, f function) {
	integration := awsapigatewayv2.NewCfnIntegration(scope, jsii.String("Integration"), &awsapigatewayv2.CfnIntegrationProps{
		ApiId: api.Ref(), IntegrationType: jsii.String("AWS_PROXY"), TimeoutInMillis: jsii.Number(29000),
		IntegrationUri: jsii.String("arn:" + a.Partition + ":apigateway:" + a.Region + ":lambda:path/2015-03-31/functions/" + *f.AttrArn() + "/invocations")})
	var routes []awscdk.CfnResource
	for _, r := range []struct{ id, key, kind string }{{"Connect", "$connect", "AWS_IAM"}, {"Disconnect", "$disconnect", "NONE"}, {"Default", "$default", "NONE"}} {
		route := awsapigatewayv2.NewCfnRoute(scope, jsii.String(r.id), &awsapigatewayv2.CfnRouteProps{
			ApiId: api.Ref(), RouteKey: jsii.String(r.key), AuthorizationType: jsii.String(r.kind), Target: jsii.String("integrations/" + *integration.Ref())})
		routes = append(routes, route)
		if r.kind == "NONE" {
			accept(route, "AwsSolutions-APIG4", "API Gateway authorizes a WebSocket when it connects, and only then: the route "+r.key+" is of a connection that was let in.")
		}
	}
	mayInvoke(scope, a, "Permission", f, api, "*")
	log := newLog(scope, a, "/aws/apigateway/eks-upgrade-stream")
	stage := awsapigatewayv2.NewCfnStage(scope, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId: api.Ref(), StageName: jsii.String(streamStage), AutoDeploy: jsii.Bool(true),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{DestinationArn: log.AttrArn(), Format: jsii.String(logFormat)},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{ThrottlingRateLimit: jsii.Number(20), ThrottlingBurstLimit: jsii.Number(40),
			LoggingLevel: jsii.String("ERROR"), DataTraceEnabled: jsii.Bool(false)},
	})
	// A stage is deployed when it is made, and API Gateway refuses to deploy a
	// WebSocket API without routes. Source:
	// https://github.com/aws/serverless-application-model/issues/2512
	after(stage, routes...)
	if a.settings.AccountLogging {
		after(stage, newAccountLogging(part(scope, "Logging"), a))
	}
}

// newAccountLogging lets API Gateway write the logs of WebSocket APIs: it does
// so by one role an account and region. The setting outlives the stack where
// other APIs use it; the role does not. Source:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
func newAccountLogging(scope constructs.Construct, a agent) awscdk.CfnResource {
	role := newRole(scope, a.roleNamed(access.GatewayRole))
	return awsapigateway.NewCfnAccount(scope, jsii.String("Account"), &awsapigateway.CfnAccountProps{CloudWatchRoleArn: role.AttrArn()})
}

// mayInvoke lets one API, and of it what is named, invoke a function. The ARN
// says the account; services that are not S3 or SES do not say it besides, so that
// a permission with SourceAccount too would never apply. Source:
// https://github.com/awsdocs/aws-cloudformation-user-guide/pull/481
func mayInvoke(scope constructs.Construct, a agent, id string, f function, api awsapigatewayv2.CfnApi, what string) {
	awslambda.NewCfnPermission(scope, jsii.String(id), &awslambda.CfnPermissionProps{Action: jsii.String("lambda:InvokeFunction"), FunctionName: f.Ref(),
		Principal: jsii.String("apigateway.amazonaws.com"),
		SourceArn: jsii.String("arn:" + a.Partition + ":execute-api:" + a.Region + ":" + a.Account + ":" + *api.Ref() + "/*/" + what)})
}
