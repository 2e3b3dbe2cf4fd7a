package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	v1types "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	mgmt "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/coder/websocket"
)

// webSocket is a WebSocket API whose stage prod is deployed.
type webSocket struct {
	*stand
	id, url string
	f       *function
	told    chan map[string]any // events other than $connect
}

func newWebSocket(t *testing.T, s *stand, connect v2.CreateRouteInput, keys ...string) *webSocket {
	t.Helper()
	ctx := t.Context()
	a := must[*v2.CreateApiOutput](t)(s.api.CreateApi(ctx, &v2.CreateApiInput{Name: aws.String("progress"), ProtocolType: types.ProtocolTypeWebsocket, RouteSelectionExpression: aws.String("$request.body.action")}))
	w := &webSocket{stand: s, id: *a.ApiId, url: *a.ApiEndpoint + "/prod", told: make(chan map[string]any, 100)}
	w.f = s.function("stream", func(e map[string]any) (any, error) {
		rc := e["requestContext"].(map[string]any)
		if rc["eventType"] != "CONNECT" {
			w.told <- e
		}
		if q, _ := e["queryStringParameters"].(map[string]any); q["refuse"] != nil {
			return map[string]any{"statusCode": 403, "body": `{"message":"not you"}`}, nil
		}
		if body, _ := e["body"].(string); strings.Contains(body, "fail") {
			return nil, errors.New("broken")
		}
		return map[string]any{"statusCode": 200, "body": "ignored"}, nil
	})
	must[*awslambda.AddPermissionOutput](t)(awslambda.NewFromConfig(s.AWSConfig()).AddPermission(ctx, &awslambda.AddPermissionInput{FunctionName: aws.String("stream"), StatementId: aws.String("api"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com"), SourceArn: aws.String("arn:aws:execute-api:eu-west-1:123456789012:" + w.id + "/*")}))
	target := s.integration(w.id, invocation(w.f.arn), "1.0")
	connect.ApiId, connect.RouteKey, connect.Target = &w.id, aws.String("$connect"), target
	s.route(&connect)
	for _, key := range keys {
		s.route(&v2.CreateRouteInput{ApiId: &w.id, RouteKey: &key, Target: target})
	}
	must[*v2.CreateStageOutput](t)(s.api.CreateStage(ctx, &v2.CreateStageInput{ApiId: &w.id, StageName: aws.String("prod"), AutoDeploy: aws.Bool(true)}))
	return w
}

// dial opens a connection; header may be nil.
func (w *webSocket) dial(query string, header http.Header) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return websocket.Dial(ctx, w.url+query, &websocket.DialOptions{HTTPHeader: header})
}

func (w *webSocket) open() *websocket.Conn {
	w.t.Helper()
	c, _, err := w.dial("", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// connection is the id of the connection that was opened last.
func (w *webSocket) connection() string {
	w.t.Helper()
	return w.f.last(w.t)["requestContext"].(map[string]any)["connectionId"].(string)
}

func (w *webSocket) management(from aws.CredentialsProvider) *mgmt.Client {
	cfg := w.AWSConfig()
	if from != nil {
		cfg.Credentials = from
	}
	endpoint := "http" + strings.TrimPrefix(w.url, "ws")
	cfg.BaseEndpoint = &endpoint
	return mgmt.NewFromConfig(cfg)
}

// next waits for an event.
func (w *webSocket) next() map[string]any {
	w.t.Helper()
	select {
	case e := <-w.told:
		return e
	case <-time.After(10 * time.Second):
		w.t.Fatal("the function got no event")
		return nil
	}
}

func read(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWebSocketMessages(t *testing.T) {
	s := newStand(t, false)
	w := newWebSocket(t, s, v2.CreateRouteInput{}, "$disconnect", "$default", "subscribe")
	c := w.open()
	id := w.connection()
	for _, tc := range []struct{ message, key string }{
		{`{"action":"subscribe","upgrade":"u-1"}`, "subscribe"}, {`{"action":"else"}`, "$default"}, {`{"action":{}}`, "$default"}, {`no JSON`, "$default"}, {`{"action":"$connect"}`, "$default"},
	} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(tc.message)); err != nil {
			t.Fatal(err)
		}
		e := w.next()
		rc := e["requestContext"].(map[string]any)
		if rc["routeKey"] != tc.key || e["body"] != tc.message || rc["connectionId"] != id || rc["eventType"] != "MESSAGE" || rc["messageId"] == nil {
			t.Errorf("%s: %v", tc.message, e)
		}
	}
	if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"subscribe","x":"fail"}`)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); !strings.HasPrefix(got, `{"connectionId":"`+id+`","message":"Internal server error","requestId":"`) {
		t.Errorf("a function that fails: %s", got)
	}
	w.next()
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Fatal(err)
	}
	e := w.next()
	rc := e["requestContext"].(map[string]any)
	if rc["eventType"] != "DISCONNECT" || rc["disconnectStatusCode"] != 1000.0 || rc["disconnectReason"] != "done" || rc["routeKey"] != "$disconnect" {
		t.Errorf("disconnect %v", rc)
	}
	w.f.mu.Lock()
	first := w.f.events[0]
	w.f.mu.Unlock()
	text := pretty(t, first)
	text = strings.ReplaceAll(strings.ReplaceAll(text, w.id, "APIID"), id, "CONNECTION")
	for name := range first["headers"].(map[string]any) {
		if name == "Sec-Websocket-Key" {
			text = strings.ReplaceAll(text, first["headers"].(map[string]any)[name].(string), "KEY")
		}
	}
	golden(t, "connect.json", text)
}

func TestWebSocketWithoutDefaultRoute(t *testing.T) {
	s := newStand(t, false)
	w := newWebSocket(t, s, v2.CreateRouteInput{})
	c := w.open()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"none"}`)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); !strings.Contains(got, `"message":"Forbidden"`) {
		t.Errorf("got %s", got)
	}
}

func TestConnectionsAreRefused(t *testing.T) {
	s := newStand(t, false)
	w := newWebSocket(t, s, v2.CreateRouteInput{})
	if _, res, err := w.dial("?refuse=1", nil); err == nil || res.StatusCode != 403 {
		t.Errorf("the function refuses: %v", err)
	}
	w.url = strings.Replace(w.url, "/prod", "/test", 1)
	if _, res, err := w.dial("", nil); err == nil || res.StatusCode != 403 {
		t.Errorf("another stage: %v", err)
	}
	plain := s.get("http" + strings.TrimPrefix(strings.Replace(w.url, "/test", "/prod", 1), "ws"))
	if plain.status != http.StatusUpgradeRequired {
		t.Errorf("no WebSocket: %+v", plain)
	}
}

func TestManagementOfConnections(t *testing.T) {
	s := newStand(t, true)
	w := newWebSocket(t, s, v2.CreateRouteInput{AuthorizationType: types.AuthorizationTypeAwsIam}, "$disconnect")
	may := s.role("viewer", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:eu-west-1:123456789012:`+w.id+`/prod/$connect"}}`)
	nobody := s.role("nobody", "")
	sender := s.role("sender", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:ManageConnections","Resource":"arn:aws:execute-api:eu-west-1:123456789012:`+w.id+`/prod/POST/@connections/*"}}`)
	if _, res, err := w.dial("", nil); err == nil || res.StatusCode != 403 {
		t.Fatalf("unsigned: %v", err)
	}
	address := "http" + strings.TrimPrefix(w.url, "ws")
	if _, res, err := w.dial("", s.signed(http.MethodGet, address, nobody).Header); err == nil || res.StatusCode != 403 {
		t.Fatalf("without the permission: %v", err)
	}
	c, _, err := w.dial("", s.signed(http.MethodGet, address, may).Header)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	id := w.connection()
	if who := w.f.last(t)["requestContext"].(map[string]any)["identity"].(map[string]any); who["userArn"] != "arn:aws:sts::123456789012:assumed-role/viewer/test" {
		t.Errorf("identity %v", who)
	}
	ctx := t.Context()
	admin := w.management(nil)
	must[*mgmt.PostToConnectionOutput](t)(w.management(sender).PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: &id, Data: []byte(`{"step":1}`)}))
	if got := read(t, c); got != `{"step":1}` {
		t.Errorf("got %s", got)
	}
	if _, err := w.management(sender).DeleteConnection(ctx, &mgmt.DeleteConnectionInput{ConnectionId: &id}); codeOf(err) != "ForbiddenException" {
		t.Errorf("deleting without the permission: %v", err)
	}
	if _, err := w.management(nobody).PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: &id, Data: []byte("x")}); codeOf(err) != "ForbiddenException" {
		t.Errorf("posting without the permission: %v", err)
	}
	s.clk.Advance(time.Minute)
	got := must[*mgmt.GetConnectionOutput](t)(admin.GetConnection(ctx, &mgmt.GetConnectionInput{ConnectionId: &id}))
	if !got.ConnectedAt.Equal(start) || !got.LastActiveAt.Equal(start) || *got.Identity.SourceIp != "127.0.0.1" {
		t.Errorf("connection %+v", got)
	}
	if _, err := admin.PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: &id, Data: make([]byte, 128<<10+1)}); codeOf(err) != "PayloadTooLargeException" {
		t.Errorf("too large: %v", err)
	}
	if _, err := admin.PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: aws.String("AAAAAAAAAAAAAAA="), Data: []byte("x")}); codeOf(err) != "GoneException" {
		t.Errorf("an unknown connection: %v", err)
	}
	other := must[*v2.CreateApiOutput](t)(s.api.CreateApi(ctx, &v2.CreateApiInput{Name: aws.String("other"), ProtocolType: types.ProtocolTypeWebsocket, RouteSelectionExpression: aws.String("$request.body.action")}))
	s.route(&v2.CreateRouteInput{ApiId: other.ApiId, RouteKey: aws.String("$default")})
	must[*v2.CreateStageOutput](t)(s.api.CreateStage(ctx, &v2.CreateStageInput{ApiId: other.ApiId, StageName: aws.String("prod"), AutoDeploy: aws.Bool(true)}))
	foreign := (&webSocket{stand: s, url: *other.ApiEndpoint + "/prod"}).management(nil)
	if _, err := foreign.PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: &id, Data: []byte("x")}); codeOf(err) != "GoneException" {
		t.Errorf("another API's connection: %v", err)
	}
	if _, err := admin.PostToConnection(ctx, &mgmt.PostToConnectionInput{ConnectionId: aws.String("???"), Data: []byte("x")}); codeOf(err) != "BadRequestException" {
		t.Errorf("no connection id: %v", err)
	}
	closed := make(chan error, 1)
	go func() {
		_, _, err := c.Read(ctx)
		closed <- err
	}()
	must[*mgmt.DeleteConnectionOutput](t)(admin.DeleteConnection(ctx, &mgmt.DeleteConnectionInput{ConnectionId: &id}))
	if _, err := admin.GetConnection(ctx, &mgmt.GetConnectionInput{ConnectionId: &id}); codeOf(err) != "GoneException" {
		t.Errorf("a deleted connection: %v", err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the client sees %v", err)
	}
	if e := w.next(); e["requestContext"].(map[string]any)["eventType"] != "DISCONNECT" {
		t.Errorf("got %v", e)
	}
}

func TestConnectionsEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		steps []time.Duration // of the clock, with a message from the client before each
		open  bool
	}{
		"after ten minutes without a message":  {[]time.Duration{10 * time.Minute}, false},
		"not before":                           {[]time.Duration{9*time.Minute + 59*time.Second, 9 * time.Minute}, true},
		"after two hours, whatever was told":   {append(steps(13, 9*time.Minute), 3*time.Minute), false},
		"not before two hours when it is busy": {steps(13, 9*time.Minute), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, false)
			w := newWebSocket(t, s, v2.CreateRouteInput{}, "$disconnect")
			c := w.open()
			id := w.connection()
			for _, d := range tc.steps {
				if err := c.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
					t.Fatal(err)
				}
				read(t, c) // nobody takes the message: API Gateway says so
				s.clk.Advance(d)
			}
			if tc.open {
				must[*mgmt.GetConnectionOutput](t)(w.management(nil).GetConnection(t.Context(), &mgmt.GetConnectionInput{ConnectionId: &id}))
				return
			}
			if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
				t.Errorf("the client sees %v", err)
			}
			if rc := w.next()["requestContext"].(map[string]any); rc["disconnectStatusCode"] != 1001.0 {
				t.Errorf("disconnect %v", rc)
			}
		})
	}
}

func steps(n int, d time.Duration) []time.Duration {
	var out []time.Duration
	for range n {
		out = append(out, d)
	}
	return out
}

func TestRequestAuthorizersOfConnections(t *testing.T) {
	s := newStand(t, false)
	judge := s.function("judge", func(e map[string]any) (any, error) {
		effect := "Deny"
		if e["queryStringParameters"].(map[string]any)["token"] == "good" {
			effect = "Allow"
		}
		return map[string]any{"principalId": "ann", "policyDocument": map[string]any{"Version": "2012-10-17",
			"Statement": []any{map[string]any{"Effect": effect, "Action": "execute-api:Invoke", "Resource": e["methodArn"]}}}, "context": map[string]any{"n": 7}}, nil
	})
	w := newWebSocket(t, s, v2.CreateRouteInput{})
	z := must[*v2.CreateAuthorizerOutput](t)(s.api.CreateAuthorizer(t.Context(), &v2.CreateAuthorizerInput{ApiId: &w.id, Name: aws.String("judge"), AuthorizerType: types.AuthorizerTypeRequest,
		AuthorizerUri: aws.String(invocation(judge.arn)), IdentitySource: []string{"route.request.querystring.token"}}))
	routes := must[*v2.GetRoutesOutput](t)(s.api.GetRoutes(t.Context(), &v2.GetRoutesInput{ApiId: &w.id}))
	must[*v2.UpdateRouteOutput](t)(s.api.UpdateRoute(t.Context(), &v2.UpdateRouteInput{ApiId: &w.id, RouteId: routes.Items[0].RouteId, AuthorizationType: types.AuthorizationTypeCustom, AuthorizerId: z.AuthorizerId}))
	for query, status := range map[string]int{"?token=good": 101, "?token=bad": 403, "": 401} {
		c, res, _ := w.dial(query, nil)
		if res.StatusCode != status {
			t.Errorf("%s: %d", query, res.StatusCode)
		}
		if c != nil {
			_ = c.CloseNow()
		}
	}
	if got := w.f.last(t)["requestContext"].(map[string]any)["authorizer"].(map[string]any); got["principalId"] != "ann" || got["n"] != "7" {
		t.Errorf("authorizer %v", got)
	}
}

func TestAccessLogs(t *testing.T) {
	s := newStand(t, false)
	ctx := t.Context()
	w := newWebSocket(t, s, v2.CreateRouteInput{}, "$default")
	settings := &types.AccessLogSettings{DestinationArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:/apis/stream"),
		Format: aws.String(`{"id":"$context.requestId","route":"$context.routeKey","status":"$context.status","none":"$context.nothing"}`)}
	set := func() error {
		_, err := s.api.UpdateStage(ctx, &v2.UpdateStageInput{ApiId: &w.id, StageName: aws.String("prod"), AccessLogSettings: settings})
		return err
	}
	if err := set(); codeOf(err) != "BadRequestException" {
		t.Fatalf("without a role of the account: %v", err)
	}
	account := v1.NewFromConfig(s.AWSConfig())
	role := "arn:aws:iam::123456789012:role/logs"
	must[*v1.UpdateAccountOutput](t)(account.UpdateAccount(ctx, &v1.UpdateAccountInput{PatchOperations: []v1types.PatchOperation{{Op: v1types.OpReplace, Path: aws.String("/cloudwatchRoleArn"), Value: &role}}}))
	if got := must[*v1.GetAccountOutput](t)(account.GetAccount(ctx, nil)); *got.CloudwatchRoleArn != role || got.ThrottleSettings.RateLimit != 10000 {
		t.Errorf("account %+v", got)
	}
	if err := set(); err != nil {
		t.Fatal(err)
	}
	w.open()
	var line map[string]string
	if err := json.Unmarshal([]byte(s.Logs().Text("/apis/stream", "prod")), &line); err != nil {
		t.Fatal(err)
	}
	if line["route"] != "$connect" || line["status"] != "200" || line["none"] != "-" || line["id"] == "" {
		t.Errorf("line %v", line)
	}
}

func TestAccessLogsOfHTTPAPIs(t *testing.T) {
	s := newStand(t, false)
	f := s.function("answer", ok)
	id, url := s.httpAPI(nil)
	s.route(&v2.CreateRouteInput{ApiId: &id, RouteKey: aws.String("GET /x"), Target: s.integration(id, f.arn, "2.0")})
	must[*v2.UpdateStageOutput](t)(s.api.UpdateStage(t.Context(), &v2.UpdateStageInput{ApiId: &id, StageName: aws.String("$default"), AccessLogSettings: &types.AccessLogSettings{
		DestinationArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:/apis/http"), Format: aws.String("$context.requestId $context.httpMethod $context.path $context.status $context.responseLength $context.error.message $context.identity.sourceIp")}}))
	one := s.get(url + "/x").header.Get("Apigw-Requestid")
	two := s.get(url + "/y").header.Get("Apigw-Requestid")
	want := one + " GET /x 200 4 - 127.0.0.1\n" + two + " GET /y 404 23 Not Found 127.0.0.1"
	if got := strings.TrimSpace(s.Logs().Text("/apis/http", "$default")); got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}
