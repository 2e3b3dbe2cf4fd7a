package apigateway

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/coder/websocket"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// bodySelection is a route selection expression: a path in a JSON message.
var bodySelection = regexp.MustCompile(`^\$request\.body(\.[A-Za-z0-9_-]+)+$`)

// managed begins the paths of the @connections API.
const managed = "@connections/"

// shortID makes the ids of requests, messages and connections; s.mu is held.
func (s *Service) shortID(kind string) string {
	s.count++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", s.o.Account, kind, s.o.Seed, s.count))
	return base64.URLEncoding.EncodeToString(sum[:11])
}

func (s *Service) requestID() string { return s.shortID("request") }

// serveWebSocket opens a connection, or serves the @connections API.
func (s *Service) serveWebSocket(w http.ResponseWriter, r *http.Request, id, path string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	s.mu.Lock()
	a := s.apis[id]
	var st *stage
	var d *deployment
	if a != nil {
		if st = a.stages[name]; st != nil {
			d = a.deployments[aws.ToString(st.v.DeploymentId)]
		}
	}
	s.mu.Unlock()
	switch {
	case st == nil || d == nil:
		fail(w, http.StatusForbidden, "Forbidden")
	case strings.HasPrefix(rest, managed):
		s.manage(w, r, id, name, rest)
	case rest != "":
		fail(w, http.StatusForbidden, "Forbidden")
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		fail(w, http.StatusUpgradeRequired, "Upgrade Required")
	default:
		s.mu.Lock()
		c := s.newConnection(a, st, d, r)
		s.mu.Unlock()
		s.connect(w, r, c)
	}
}

// manage hands a request of the @connections API to its operations.
func (s *Service) manage(w http.ResponseWriter, r *http.Request, id, stage, path string) {
	method := r.Method
	arn := s.executeARN(id, stage, method+"/"+path)
	inner := r.Clone(wire.WithResource(r.Context(), arn))
	raw := r.URL.EscapedPath()
	raw = raw[max(strings.Index(raw, managed), strings.Index(raw, "%40connections/"), 0):]
	inner.URL.Path, inner.URL.RawPath = "/"+path, "/"+strings.Replace(raw, "%40", "@", 1)
	s.o.Mux.ServeHTTP(w, inner)
}

// connect judges a client, asks the route $connect, and serves the connection
// until it ends.
func (s *Service) connect(w http.ResponseWriter, r *http.Request, c *connection) {
	header, status, message := s.admit(r, c)
	if status == 0 { // the answer is lost, as a fault wants it
		panic(http.ErrAbortHandler)
	}
	c.logged["status"], c.logged["error.message"] = fmt.Sprint(status), message
	c.log()
	if status != http.StatusOK {
		b, _ := json.Marshal(map[string]string{"message": message, "connectionId": c.id, "requestId": c.logged["requestId"]}) // of strings: it cannot fail
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(b) // a client that went away is not the server's error
		return
	}
	options := &websocket.AcceptOptions{InsecureSkipVerify: true} // as AWS: it looks at no origin
	if protocol := header.Get("Sec-Websocket-Protocol"); protocol != "" {
		options.Subprotocols = []string{protocol}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		fail(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	s.connections[c.id] = c // messages may come for it as soon as the client knows
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	conn, err := websocket.Accept(w, r, options)
	if err != nil { // it has answered
		s.mu.Lock()
		delete(s.connections, c.id)
		s.mu.Unlock()
		return
	}
	s.run(c, conn)
}

// admit serves $connect: 200 lets the client in.
func (s *Service) admit(r *http.Request, c *connection) (header http.Header, status int, message string) {
	route, ok := c.route(connectRoute)
	in := &Invocation{ApiId: c.api, StageName: c.stage, RouteKey: connectRoute, Method: r.Method, Path: "/" + c.stage, ResourceArn: s.executeARN(c.api, c.stage, connectRoute)}
	if ok {
		in.Authorization = string(route.AuthorizationType)
	}
	call := s.caller(r)
	call.Operation = "Invoke"
	if in.Authorization == string(types.AuthorizationTypeAwsIam) {
		if call.AccessKeyID == "" && call.Caller == "" {
			return nil, http.StatusForbidden, "Missing Authentication Token"
		}
		c.iam = s.identify(call)
	}
	out, err := s.o.Mux.Intercepted(call, in, func() (any, error) {
		s.mu.Lock()
		admitted := c.live.admits(connectRoute, s.o.Clock.Now())
		s.mu.Unlock()
		if !admitted {
			return failure(http.StatusTooManyRequests, "Too Many Requests"), nil
		}
		if !ok {
			return &Response{StatusCode: http.StatusOK}, nil
		}
		return s.askConnect(r, c, route), nil
	})
	switch {
	case errors.Is(err, wire.ErrDropped):
		return nil, 0, ""
	case err != nil:
		info := wire.Describe(err)
		if info.Status == http.StatusForbidden {
			return nil, info.Status, info.Message
		}
		res := failed(info.Status)
		return nil, res.StatusCode, messageOf(res)
	}
	res := out.(*Response)
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res.Header, http.StatusOK, ""
	}
	return nil, res.StatusCode, messageOf(res)
}

func messageOf(r *Response) string {
	var m struct{ Message string }
	_ = json.Unmarshal(r.Body, &m) // a body that is no JSON has none
	if m.Message == "" {
		return http.StatusText(r.StatusCode)
	}
	return m.Message
}

// askConnect asks the authorizer and the integration of $connect.
func (s *Service) askConnect(r *http.Request, c *connection, route types.Route) *Response {
	if route.AuthorizationType == types.AuthorizationTypeCustom {
		if no := s.authorizeConnection(r, c, c.deployed.authorizers[*route.AuthorizerId]); no != nil {
			c.logged["authorizer.error"] = no.reason
			return failure(no.status, no.message)
		}
	}
	id, ok := integrationOf(route.Target)
	integration, exists := c.deployed.integrations[id]
	if !ok || !exists {
		return &Response{StatusCode: http.StatusOK}
	}
	e := c.event(connectRoute, "CONNECT")
	c.addRequest(e, r)
	out, err := s.invoke(r.Context(), integration, s.executeARN(c.api, c.stage, connectRoute), encode(e))
	if err != nil {
		c.logged["integrationErrorMessage"], c.logged["integration.error"] = err.Error(), err.Error()
		if errors.Is(err, errFailed) || errors.Is(err, errTimeout) {
			return failure(http.StatusBadGateway, "Internal server error")
		}
		return failure(http.StatusInternalServerError, "Internal server error")
	}
	res, err := readResponse(out, false)
	if err != nil {
		return failure(http.StatusBadGateway, "Internal server error")
	}
	return res
}

// authorizeConnection asks a Lambda authorizer of $connect (source: "Control
// access to WebSocket APIs with AWS Lambda REQUEST authorizers").
func (s *Service) authorizeConnection(r *http.Request, c *connection, z types.Authorizer) *refused {
	for _, text := range z.IdentitySource {
		src, err := parseSource(text, true)
		if err != nil {
			return internal(err.Error())
		}
		value := ""
		switch src.kind {
		case "header":
			value = r.Header.Get(src.name)
		case "querystring":
			value = r.URL.Query().Get(src.name)
		case "stageVariables":
			value = c.variables[src.name]
		default:
			value = c.value(src.name)
		}
		if value == "" {
			return &refused{status: http.StatusUnauthorized, message: "Unauthorized", reason: "an identity source is missing"}
		}
	}
	resource := s.executeARN(c.api, c.stage, connectRoute)
	e := c.event(connectRoute, "CONNECT")
	c.addRequest(e, r)
	delete(e, "isBase64Encoded")
	e["type"], e["methodArn"], e["stageVariables"] = "REQUEST", resource, c.variables
	g, no := s.askFunction(r, z, c.api, e)
	if no != nil {
		return no
	}
	ok, err := g.allows(false, resource)
	switch {
	case err != nil:
		return internal("the authorizer's policy is not valid")
	case !ok:
		return forbidden("the authorizer does not allow the connection")
	}
	c.authorizer = map[string]any{"principalId": g.Principal}
	for name, value := range g.Context {
		c.authorizer[name] = fmt.Sprint(value) // texts, whatever they were
	}
	c.logged["authorizer.principalId"] = g.Principal
	return nil
}

// selected is the route key that a message asks for; "" when it asks for none.
func selected(expression string, message []byte) string {
	path := strings.Split(strings.TrimPrefix(expression, "$request.body."), ".")
	var v any
	if json.Unmarshal(message, &v) != nil {
		return ""
	}
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[name]
	}
	switch x := v.(type) {
	case string:
		return x
	case float64, bool:
		return fmt.Sprint(x)
	}
	return ""
}

// route finds a route of the connection's deployment.
func (c *connection) route(key string) (types.Route, bool) {
	i := slices.IndexFunc(c.deployed.routes, func(r types.Route) bool { return *r.RouteKey == key })
	if i < 0 {
		return types.Route{}, false
	}
	return c.deployed.routes[i], true
}
