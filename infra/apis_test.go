package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routes returns the authorization of an API's routes by their keys.
func routes(one template, api string) map[string]any {
	out := map[string]any{}
	for _, r := range one.of("AWS::ApiGatewayV2::Route") {
		if id, _ := at(r.Properties, "ApiId.Ref").(string); one.Resources[id].Properties["Name"] == api {
			out[r.Properties["RouteKey"].(string)] = r.Properties["AuthorizationType"]
		}
	}
	return out
}

func TestTheApprovalAPIKnowsWhoAnswers(t *testing.T) {
	for _, c := range []struct {
		one  template
		kind string
	}{{least, "AWS_IAM"}, {full, "JWT"}} {
		want := map[string]any{"GET /approvals/{upgrade}": c.kind, "POST /approvals/{upgrade}": c.kind}
		if diff := cmp.Diff(want, routes(c.one, "eks-upgrade-approvals")); diff != "" {
			t.Error(diff)
		}
	}
	for _, a := range full.of("AWS::ApiGatewayV2::Authorizer") {
		if at(a.Properties, "JwtConfiguration.Issuer") != "https://login.example.com/" || at(a.Properties, "JwtConfiguration.Audience.0") != "eks-upgrade" {
			t.Errorf("%v", a.Properties)
		}
	}
	if len(full.of("AWS::ApiGatewayV2::Authorizer")) != 1 || len(least.of("AWS::ApiGatewayV2::Authorizer")) != 0 {
		t.Error("there is an authorizer where there should be none, or none")
	}
}

// The routes are those that package answer serves. It is read, not imported: it
// would bring the SDK into this module.
func TestTheApprovalRoutesAreThoseOfTheFunction(t *testing.T) {
	source, err := os.ReadFile("../pkg/answer/api.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range approvalRoutes {
		if !strings.Contains(string(source), `"`+r.key+`"`) {
			t.Errorf("package answer does not serve %s", r.key)
		}
	}
}

func TestTheStreamKnowsWhoConnects(t *testing.T) {
	want := map[string]any{"$connect": "AWS_IAM", "$disconnect": "NONE", "$default": "NONE"}
	if diff := cmp.Diff(want, routes(least, "eks-upgrade-stream")); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		one template
		n   int
	}{{least, 1}, {full, 0}} {
		if got := len(c.one.of("AWS::ApiGateway::Account")); got != c.n {
			t.Errorf("%d settings of the account's logging", got)
		}
	}
}

func TestStagesAreThrottledAndLogged(t *testing.T) {
	stages := least.of("AWS::ApiGatewayV2::Stage")
	if len(stages) != 2 {
		t.Errorf("%d stages", len(stages))
	}
	for id, s := range stages {
		limit, _ := at(s.Properties, "DefaultRouteSettings.ThrottlingRateLimit").(float64)
		format, _ := at(s.Properties, "AccessLogSettings.Format").(string)
		if limit < 1 || at(s.Properties, "AccessLogSettings.DestinationArn") == nil || strings.Contains(strings.ToLower(format), "token") || s.Properties["AutoDeploy"] != true {
			t.Errorf("%s: %v", id, s.Properties)
		}
		if at(s.Properties, "DefaultRouteSettings.DataTraceEnabled") == true {
			t.Errorf("%s logs what is said", id)
		}
	}
}

func TestFunctionsAreInvokedByTheirOwnCallersOnly(t *testing.T) {
	for id, p := range least.of("AWS::Lambda::Permission") {
		// No service but S3 and SES says SourceAccount: with it the permission never applies.
		if p.Properties["SourceArn"] == nil || p.Properties["SourceAccount"] != nil {
			t.Errorf("%s: %v", id, p.Properties)
		}
	}
	if got := len(least.of("AWS::Lambda::Permission")); got != 4 { // two routes, the stream, the rule
		t.Errorf("%d permissions", got)
	}
}
