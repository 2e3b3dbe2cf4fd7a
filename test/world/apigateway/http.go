package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxBody is the quota of a request's body.
const maxBody = 10 << 20

// locate finds the API that a request is for: by the path that ApiEndpoint has,
// or by the host name of AWS. path is what follows, as the API sees it.
func (s *Service) locate(r *http.Request) (id, path string, ok bool) {
	if rest, is := strings.CutPrefix(r.URL.Path, PathPrefix); is {
		id, path, _ = strings.Cut(rest, "/")
		return id, "/" + path, true
	}
	host, _, _ := strings.Cut(r.Host, ":")
	id, is := strings.CutSuffix(host, ".execute-api."+s.o.Region+".amazonaws.com")
	return id, r.URL.Path, is && id != ""
}

// Serves reports whether a request is one of an API's clients.
func (s *Service) Serves(r *http.Request) bool {
	_, _, ok := s.locate(r)
	return ok
}

// ServeHTTP serves the clients of APIs.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, path, _ := s.locate(r)
	s.mu.Lock()
	a := s.apis[id]
	s.mu.Unlock()
	switch {
	case a == nil:
		fail(w, http.StatusForbidden, "Forbidden")
	case aws.ToBool(a.v.DisableExecuteApiEndpoint):
		fail(w, http.StatusNotFound, "Not Found")
	case a.webSocket():
		s.serveWebSocket(w, r, id, path)
	default:
		s.serveHTTP(w, r, a, path)
	}
}

// fail answers with an error of API Gateway's own.
func fail(w http.ResponseWriter, status int, message string) {
	b, _ := json.Marshal(map[string]string{"message": message}) // of strings: it cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that went away is not the server's error
}

// Invocation is a request of an API's client, as it is recorded.
type Invocation struct {
	ApiId, StageName, RouteKey string //nolint:revive // AWS's name
	Method, Path               string
	// Authorization is the route's, and ResourceArn what AWS_IAM asks for.
	Authorization, ResourceArn string
}

// Response is what a client gets, as it is recorded.
type Response struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// request is one request of a HTTP API.
type request struct {
	s        *Service
	http     *http.Request
	api      types.Api
	stage    types.Stage
	live     *stage
	deployed *deployment
	chosen   chosen
	id       string
	trace    string
	path     string // without the stage
	rawPath  string // with it, unless it is $default
	body     []byte
	at       time.Time

	authorizer any               // for requestContext
	iam        *identity         // who signed
	logged     map[string]string // $context variables
}

func (s *Service) serveHTTP(w http.ResponseWriter, r *http.Request, a *api, path string) {
	q := s.newRequest(r, a, path)
	if q == nil {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	w.Header().Set("Apigw-Requestid", q.id)
	if preflight(q.api.CorsConfiguration, w, r) {
		q.log(http.StatusNoContent, 0)
		return
	}
	res := s.answer(q)
	if res == nil { // the answer is lost, as a fault wants it
		panic(http.ErrAbortHandler)
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	allow(q.api.CorsConfiguration, w.Header(), r.Header.Get("Origin"))
	w.WriteHeader(res.StatusCode)
	if r.Method != http.MethodHead {
		_, _ = w.Write(res.Body) // a client that went away is not the server's error
	}
	if q.logged["integrationStatus"] == "" && res.StatusCode >= 400 { // the error is API Gateway's own
		q.logged["error.message"] = messageOf(res)
	}
	q.log(res.StatusCode, len(res.Body))
}

// newRequest finds the stage and its deployment; nil when there is none.
func (s *Service) newRequest(r *http.Request, a *api, path string) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &request{s: s, http: r, api: a.v, path: path, rawPath: path, at: s.o.Clock.Now(), logged: map[string]string{}}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	q.live = a.stages[first]
	if q.live != nil && first != defaultStage {
		q.path = "/" + rest
	} else if q.live = a.stages[defaultStage]; q.live == nil {
		return nil
	}
	q.stage = q.live.v
	if q.deployed = a.deployments[aws.ToString(q.stage.DeploymentId)]; q.deployed == nil {
		return nil
	}
	q.id, q.trace = s.requestID(), fmt.Sprintf("Root=1-%08x-%024x", q.at.Unix(), s.count)
	return q
}

// answer serves a request as a recorded call, so that permissions are judged and
// faults strike; nil is no answer at all.
func (s *Service) answer(q *request) *Response {
	var found bool
	if q.chosen, found = choose(q.deployed.routes, q.http.Method, q.path); !found {
		return failure(http.StatusNotFound, "Not Found")
	}
	body, err := io.ReadAll(io.LimitReader(q.http.Body, maxBody+1))
	switch {
	case err != nil:
		return failure(http.StatusBadRequest, "Bad Request")
	case len(body) > maxBody:
		return failure(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	}
	q.body = body
	route := q.chosen.route
	in := &Invocation{ApiId: *q.api.ApiId, StageName: *q.stage.StageName, RouteKey: *route.RouteKey, Method: q.http.Method, Path: q.rawPath, Authorization: string(route.AuthorizationType),
		ResourceArn: s.executeARN(*q.api.ApiId, *q.stage.StageName, q.http.Method+q.path)}
	c := s.caller(q.http)
	c.Operation = "Invoke"
	if route.AuthorizationType == types.AuthorizationTypeAwsIam {
		if c.AccessKeyID == "" && c.Caller == "" {
			return failure(http.StatusForbidden, "Forbidden")
		}
		q.iam = s.identify(c)
	}
	out, err := s.o.Mux.Intercepted(c, in, func() (any, error) { return s.serve(q), nil })
	switch {
	case errors.Is(err, wire.ErrDropped):
		return nil
	case err != nil:
		return failed(wire.Describe(err).Status)
	}
	return out.(*Response)
}

// failed is what a client sees of a refusal or a fault.
func failed(status int) *Response {
	switch {
	case status == http.StatusTooManyRequests:
		return failure(status, "Too Many Requests")
	case status == http.StatusServiceUnavailable:
		return failure(status, "Service Unavailable")
	case status >= 500:
		return failure(http.StatusInternalServerError, "Internal Server Error")
	}
	return failure(http.StatusForbidden, "Forbidden")
}

func failure(status int, message string) *Response {
	b, _ := json.Marshal(map[string]string{"message": message}) // of strings: it cannot fail
	return &Response{status, http.Header{"Content-Type": {"application/json"}}, b}
}

// serve judges and answers a request whose caller may make it.
func (s *Service) serve(q *request) *Response {
	s.mu.Lock()
	admitted := q.live.admits(*q.chosen.route.RouteKey, q.at)
	s.mu.Unlock()
	if !admitted {
		return failure(http.StatusTooManyRequests, "Too Many Requests")
	}
	if no := s.authorize(q); no != nil {
		q.logged["authorizer.error"] = no.reason
		res := failure(no.status, no.message)
		if no.challenge != "" {
			res.Header.Set("WWW-Authenticate", no.challenge)
		}
		return res
	}
	id, ok := integrationOf(q.chosen.route.Target)
	integration, exists := q.deployed.integrations[id]
	if !ok || !exists {
		return failure(http.StatusInternalServerError, "Internal Server Error")
	}
	v2 := *integration.PayloadFormatVersion == "2.0"
	payload := q.event1()
	if v2 {
		payload = q.event2()
	}
	result, err := s.invoke(q.http.Context(), integration, s.executeARN(*q.api.ApiId, *q.stage.StageName, q.routeResource()), payload)
	if err != nil {
		q.logged["integrationErrorMessage"], q.logged["integration.error"] = err.Error(), err.Error()
		if errors.Is(err, errTimeout) {
			return failure(http.StatusServiceUnavailable, "Service Unavailable")
		}
		return failure(http.StatusInternalServerError, "Internal Server Error")
	}
	q.logged["integrationStatus"], q.logged["integration.status"] = "200", "200"
	res, err := readResponse(result, v2)
	if err != nil {
		q.logged["integrationErrorMessage"], q.logged["integration.error"] = err.Error(), err.Error()
		return failure(http.StatusInternalServerError, "Internal Server Error")
	}
	return res
}

// authorize lets a request through or says why not. AWS_IAM was judged before.
func (s *Service) authorize(q *request) *refused {
	route := q.chosen.route
	switch route.AuthorizationType {
	case types.AuthorizationTypeAwsIam:
		q.authorizer = map[string]any{"iam": q.iam.context()}
	case types.AuthorizationTypeJwt:
		return s.authorizeJWT(q, q.deployed.authorizers[*route.AuthorizerId])
	case types.AuthorizationTypeCustom:
		return s.authorizeByFunction(q, q.deployed.authorizers[*route.AuthorizerId])
	}
	return nil
}

// executeARN is what permissions to call an API are about.
func (s *Service) executeARN(api, stage, resource string) string {
	return fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/%s/%s", s.o.Region, s.o.Account, api, stage, resource)
}

// routeResource is the route's part of the ARN on whose behalf the integration
// is called.
func (q *request) routeResource() string {
	if q.chosen.key.method == "" {
		return defaultRoute
	}
	return q.http.Method + q.chosen.key.path()
}

// caller describes the call of an API's client, who may have signed it.
func (s *Service) caller(r *http.Request) *wire.Call {
	id, _ := wire.Identify(r)
	id.Service, id.Region = "execute-api", s.o.Region
	return s.o.Mux.NewCall(r, id)
}

// query is a request's query without what a presigned request has there.
func query(r *http.Request) url.Values {
	values := r.URL.Query()
	for name := range values {
		if strings.HasPrefix(name, "X-Amz-") {
			values.Del(name)
		}
	}
	return values
}
