package authz

import "strings"

// gateway needs a method of API Gateway's own REST interface on a path, which is
// what its permissions are about (source: "Actions, resources, and condition
// keys for Amazon API Gateway Management V2").
func gateway(method, path string) Rule {
	return on("apigateway:"+method, func(r Request) []string {
		filled := strings.TrimPrefix(r.fill("apigateway", path), r.arn("apigateway", ""))
		return []string{"arn:aws:apigateway:" + r.Region + "::" + filled}
	})
}

// parts are the operations on one kind of part of an API.
func parts(kind, plural, id string) map[string]Rule {
	list, one := "/apis/{ApiId}/"+plural, "/apis/{ApiId}/"+plural+"/{"+id+"}"
	return map[string]Rule{
		"Create" + kind: gateway("POST", list), "Get" + kind + "s": gateway("GET", list),
		"Get" + kind: gateway("GET", one), "Update" + kind: gateway("PATCH", one), "Delete" + kind: gateway("DELETE", one),
	}
}

var apigatewayv2 = merge(
	map[string]Rule{
		"CreateApi": gateway("POST", "/apis"), "GetApis": gateway("GET", "/apis"), "GetApi": gateway("GET", "/apis/{ApiId}"),
		"UpdateApi": gateway("PATCH", "/apis/{ApiId}"), "DeleteApi": gateway("DELETE", "/apis/{ApiId}"),
		"DeleteCorsConfiguration": gateway("DELETE", "/apis/{ApiId}/cors"),
		"DeleteAccessLogSettings": gateway("DELETE", "/apis/{ApiId}/stages/{StageName}/accesslogsettings"),
		"DeleteRouteSettings":     gateway("DELETE", "/apis/{ApiId}/stages/{StageName}/routesettings/{RouteKey}"),
		"ResetAuthorizersCache":   gateway("DELETE", "/apis/{ApiId}/stages/{StageName}/cache/authorizers"),
		"TagResource":             gateway("POST", "/tags/{ResourceArn}"), "UntagResource": gateway("DELETE", "/tags/{ResourceArn}"), "GetTags": gateway("GET", "/tags/{ResourceArn}"),
	},
	withPassing(parts("Integration", "integrations", "IntegrationId"), "CredentialsArn"), parts("Route", "routes", "RouteId"),
	withPassing(parts("Authorizer", "authorizers", "AuthorizerId"), "AuthorizerCredentialsArn"),
	parts("Deployment", "deployments", "DeploymentId"), parts("Stage", "stages", "StageName"),
)

// withPassing adds iam:PassRole to what hands a role over.
func withPassing(rules map[string]Rule, path string) map[string]Rule {
	for op, rule := range rules {
		if strings.HasPrefix(op, "Create") || strings.HasPrefix(op, "Update") {
			rules[op] = and(rule, pass(path, "apigateway.amazonaws.com"))
		}
	}
	return rules
}

var apigateway = map[string]Rule{
	"GetAccount": gateway("GET", "/account"), "UpdateAccount": and(gateway("PATCH", "/account"), pass("PatchOperations.Value", "apigateway.amazonaws.com")),
}

// about needs an action on what the front found the call to be about.
func about(action string) Rule {
	return on(action, func(r Request) []string { return []string{r.Resource} })
}

var connections = map[string]Rule{
	"PostToConnection": about("execute-api:ManageConnections"), "GetConnection": about("execute-api:ManageConnections"), "DeleteConnection": about("execute-api:ManageConnections"),
}

// executeAPI are the requests of an API's clients: only a route with AWS_IAM
// asks for a permission.
var executeAPI = map[string]Rule{
	"Invoke": func(r Request) []Need {
		if r.text("Authorization") != "AWS_IAM" {
			return nil
		}
		return on("execute-api:Invoke", field("ResourceArn"))(r)
	},
}
