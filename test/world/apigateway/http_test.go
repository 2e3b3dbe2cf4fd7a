package apigateway_test

import (
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

func TestEventsOfHTTPAPIs(t *testing.T) {
	for _, format := range []string{"1.0", "2.0"} {
		t.Run(format, func(t *testing.T) {
			s := newStand(t, false)
			f := s.function("answer", ok)
			id, _ := s.httpAPI(nil)
			s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("POST /upgrades/{id}/approval"), Target: s.integration(id, f.arn, format)})
			must[*v2.CreateStageOutput](t)(s.api.CreateStage(t.Context(), &v2.CreateStageInput{ApiId: &id, StageName: aws.String("prod"), AutoDeploy: aws.Bool(true),
				StageVariables: map[string]string{"color": "green"}}))
			r := s.request(http.MethodPost, s.URL()+"/_apigateway/"+id+"/prod/upgrades/a%20b/approval?x=1&y=2&x=3&empty=", `{"approve":true}`)
			r.Header = http.Header{"Content-Type": {"application/json"}, "Cookie": {"a=1; b=2"}, "X-Two": {"one", "two"}, "User-Agent": {"test"}, "Accept-Encoding": {"gzip"}}
			if got := s.do(r); got.status != 200 || got.body != "fine" || got.header.Get("Content-Type") != "text/plain;charset=UTF-8" || got.header.Get("Apigw-Requestid") == "" {
				t.Fatalf("got %+v", got)
			}
			golden(t, "event-"+format+".json", strings.ReplaceAll(pretty(t, f.last(t)), id, "APIID"))
		})
	}
}

func TestBodiesAreBinaryUnlessTheirTypeIsText(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", ok)
	id, url := s.httpAPI(nil)
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("$default"), Target: s.integration(id, f.arn, "2.0")})
	for _, tc := range []struct {
		contentType, body, want string
		binary                  bool
	}{
		{"application/json", "{}", "{}", false},
		{"text/plain; charset=utf-8", "ä", "ä", false},
		{"application/problem+json", "{}", "{}", false},
		{"", "x", "x", false},
		{"application/x-www-form-urlencoded", "a=b", "YT1i", true},
		{"application/octet-stream", "\x00\xff", "AP8=", true},
		{"text/plain", "\xff", "/w==", true},
	} {
		r := s.request(http.MethodPut, url+"/x", tc.body)
		r.Header.Set("Content-Type", tc.contentType)
		s.do(r)
		if e := f.last(t); e["body"] != tc.want || e["isBase64Encoded"] != tc.binary {
			t.Errorf("%s: body %v, binary %v", tc.contentType, e["body"], e["isBase64Encoded"])
		}
	}
	s.get(url)
	if e := f.last(t); e["rawPath"] != "/" || e["routeKey"] != "$default" {
		t.Errorf("the root: %v %v", e["rawPath"], e["routeKey"])
	}
	if _, has := f.last(t)["body"]; has {
		t.Error("a request without a body has one in the event")
	}
}

func TestAnswersOfFunctions(t *testing.T) {
	for name, tc := range map[string]struct {
		format string
		answer any
		err    error
		want   answer
	}{
		"all members": {"2.0", map[string]any{"statusCode": 201, "headers": map[string]any{"X-A": "b", "Content-Type": "text/html", "X-N": 5}, "cookies": []string{"a=1", "b=2"}, "body": "<p>"}, nil,
			answer{201, http.Header{"X-A": {"b"}, "Content-Type": {"text/html"}, "X-N": {"5"}, "Set-Cookie": {"a=1", "b=2"}}, "<p>"}},
		"base64":             {"2.0", map[string]any{"statusCode": 200, "body": "aGk=", "isBase64Encoded": true}, nil, answer{200, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}, "hi"}},
		"no body":            {"2.0", map[string]any{"statusCode": 204}, nil, answer{204, http.Header{}, ""}},
		"a text":             {"2.0", "Hello", nil, answer{200, http.Header{"Content-Type": {"application/json"}}, "Hello"}},
		"an object":          {"2.0", map[string]any{"a": 1}, nil, answer{200, http.Header{"Content-Type": {"application/json"}}, `{"a":1}`}},
		"a list":             {"2.0", []int{1}, nil, answer{200, http.Header{"Content-Type": {"application/json"}}, `[1]`}},
		"format 1.0":         {"1.0", map[string]any{"statusCode": 200, "multiValueHeaders": map[string]any{"X-A": []string{"1", "2"}}, "body": "x"}, nil, answer{200, http.Header{"X-A": {"1", "2"}}, "x"}},
		"1.0 has no short":   {"1.0", map[string]any{"a": 1}, nil, answer{500, http.Header{"Content-Type": {"application/json"}}, `{"message":"Internal Server Error"}`}},
		"bad status":         {"2.0", map[string]any{"statusCode": "many"}, nil, answer{500, nil, `{"message":"Internal Server Error"}`}},
		"bad base64":         {"2.0", map[string]any{"statusCode": 200, "body": "?", "isBase64Encoded": true}, nil, answer{500, nil, `{"message":"Internal Server Error"}`}},
		"the function fails": {"2.0", nil, errors.New("secret"), answer{500, nil, `{"message":"Internal Server Error"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, false)
			f := s.function("answer", func(map[string]any) (any, error) { return tc.answer, tc.err })
			id, url := s.httpAPI(nil)
			s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /"), Target: s.integration(id, f.arn, tc.format)})
			got := s.get(url + "/")
			if got.status != tc.want.status || got.body != tc.want.body {
				t.Errorf("got %d %s", got.status, got.body)
			}
			for k, v := range tc.want.header {
				if strings.Join(got.header[k], "|") != strings.Join(v, "|") {
					t.Errorf("header %s: %v", k, got.header[k])
				}
			}
		})
	}
}

func TestStagesServeTheirDeployment(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", ok)
	a := must[*v2.CreateApiOutput](t)(s.api.CreateApi(t.Context(), &v2.CreateApiInput{Name: aws.String("a"), ProtocolType: types.ProtocolTypeHttp}))
	id, url := *a.ApiId, *a.ApiEndpoint
	if _, err := s.api.CreateDeployment(t.Context(), &v2.CreateDeploymentInput{ApiId: &id}); codeOf(err) != "BadRequestException" {
		t.Errorf("a deployment without routes: %v", err)
	}
	target := s.integration(id, f.arn, "2.0")
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /old"), Target: target})
	must[*v2.CreateStageOutput](t)(s.api.CreateStage(t.Context(), &v2.CreateStageInput{ApiId: &id, StageName: aws.String("prod")}))
	if got := s.get(url + "/prod/old"); got.status != 404 || got.body != `{"message":"Not Found"}` {
		t.Errorf("a stage without a deployment: %+v", got)
	}
	d := must[*v2.CreateDeploymentOutput](t)(s.api.CreateDeployment(t.Context(), &v2.CreateDeploymentInput{ApiId: &id, StageName: aws.String("prod")}))
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /new"), Target: target})
	if old, fresh := s.get(url+"/prod/old").status, s.get(url+"/prod/new").status; old != 200 || fresh != 404 {
		t.Errorf("deployed %d, not deployed %d", old, fresh)
	}
	if _, err := s.api.DeleteDeployment(t.Context(), &v2.DeleteDeploymentInput{ApiId: &id, DeploymentId: d.DeploymentId}); codeOf(err) != "BadRequestException" {
		t.Errorf("the deployment of a stage is deleted: %v", err)
	}
	must[*v2.UpdateStageOutput](t)(s.api.UpdateStage(t.Context(), &v2.UpdateStageInput{ApiId: &id, StageName: aws.String("prod"), AutoDeploy: aws.Bool(true)}))
	if got := s.get(url + "/prod/new").status; got != 200 {
		t.Errorf("after auto deploy: %d", got)
	}
	if got := s.get(url + "/prod/none"); got.status != 404 {
		t.Errorf("no route: %+v", got)
	}
	byHost := s.request(http.MethodGet, s.URL()+"/prod/new", "")
	byHost.Host = id + ".execute-api.eu-west-1.amazonaws.com"
	if got := s.do(byHost); got.status != 200 {
		t.Errorf("by host name: %+v", got)
	}
	if got := s.get(s.URL() + "/_apigateway/none/x"); got.status != 403 {
		t.Errorf("an unknown API: %+v", got)
	}
}

func TestCORS(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", func(map[string]any) (any, error) {
		return map[string]any{"statusCode": 200, "headers": map[string]string{"Access-Control-Allow-Origin": "https://evil"}}, nil
	})
	id, url := s.httpAPI(&types.Cors{AllowOrigins: []string{"https://example.com"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"authorization"}, MaxAge: aws.Int32(300)})
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("ANY /x"), Target: s.integration(id, f.arn, "2.0"), AuthorizationType: types.AuthorizationTypeAwsIam})
	preflight := func(origin string) answer {
		r := s.request(http.MethodOptions, url+"/x", "")
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		return s.do(r)
	}
	got := preflight("https://example.com")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://example.com" || got.header.Get("Access-Control-Allow-Methods") != "GET,POST" ||
		got.header.Get("Access-Control-Allow-Headers") != "authorization" || got.header.Get("Access-Control-Max-Age") != "300" {
		t.Errorf("preflight: %+v", got)
	}
	if got := preflight("https://other.com"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %+v", got)
	}
	if f.count() != 0 {
		t.Error("a preflight reached the function")
	}
	r := s.signed(http.MethodGet, url+"/x", s.AWSConfig().Credentials)
	r.Header.Set("Origin", "https://example.com")
	if got := s.do(r); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "https://example.com" {
		t.Errorf("a request: %+v", got)
	}
	if got := s.do(s.signed(http.MethodGet, url+"/x", s.AWSConfig().Credentials)); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the function's own headers count: %+v", got)
	}
	if _, err := s.api.UpdateApi(t.Context(), &v2.UpdateApiInput{ApiId: &id, CorsConfiguration: &types.Cors{AllowOrigins: []string{"*"}, AllowCredentials: aws.Bool(true)}}); codeOf(err) != "BadRequestException" {
		t.Errorf("credentials for everybody: %v", err)
	}
}

func TestThrottling(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", ok)
	id, url := s.httpAPI(nil)
	target := s.integration(id, f.arn, "2.0")
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /a"), Target: target})
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /b"), Target: target})
	must[*v2.UpdateStageOutput](t)(s.api.UpdateStage(t.Context(), &v2.UpdateStageInput{ApiId: &id, StageName: aws.String("$default"),
		DefaultRouteSettings: &types.RouteSettings{ThrottlingRateLimit: aws.Float64(1), ThrottlingBurstLimit: aws.Int32(2)},
		RouteSettings:        map[string]types.RouteSettings{"GET /b": {ThrottlingBurstLimit: aws.Int32(1), ThrottlingRateLimit: aws.Float64(0)}}}))
	var statuses []int
	for range 3 {
		statuses = append(statuses, s.get(url+"/a").status)
	}
	if statuses[1] != 200 || statuses[2] != 429 {
		t.Errorf("burst of two: %v", statuses)
	}
	if got := s.get(url + "/a"); got.body != `{"message":"Too Many Requests"}` {
		t.Errorf("body %s", got.body)
	}
	if a, b := s.get(url+"/b").status, s.get(url+"/b").status; a != 200 || b != 429 {
		t.Errorf("settings of the route: %d %d", a, b)
	}
	s.clk.Advance(1e9)
	if a, b := s.get(url+"/a").status, s.get(url+"/a").status; a != 200 || b != 429 {
		t.Errorf("a second later: %d %d", a, b)
	}
}
