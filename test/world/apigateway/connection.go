package apigateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/coder/websocket"
)

// Limits of WebSocket APIs (source: "Quotas for configuring and running a
// WebSocket API").
const (
	maxMessage      = 128 << 10
	idleTimeout     = 10 * time.Minute
	connectionLimit = 2 * time.Hour
	maxWaiting      = 256 // messages that a client has yet to take

	closeNormal    = int(websocket.StatusNormalClosure)
	closeGoingAway = int(websocket.StatusGoingAway)
	closeNoStatus  = int(websocket.StatusNoStatusRcvd)
	closeAbnormal  = int(websocket.StatusAbnormalClosure)
)

// connection is one client of a WebSocket API.
type connection struct {
	s          *Service
	id         string
	api, stage string
	selection  string
	variables  map[string]string
	live       *stage
	settings   types.Stage
	deployed   *deployment
	authorizer map[string]any
	iam        *identity
	sourceIP   string
	userAgent  string
	connected  time.Time
	logged     map[string]string // $context variables of $connect

	waiting chan outgoing

	mu       sync.Mutex
	conn     *websocket.Conn
	active   time.Time
	stopIdle func() bool
	code     int // with which API Gateway ended it
	reason   string
}

// outgoing is a message for a client.
type outgoing struct {
	kind websocket.MessageType
	data []byte
}

// newConnection describes a client that asks to connect; s.mu is held.
func (s *Service) newConnection(a *api, st *stage, d *deployment, r *http.Request) *connection {
	now := s.o.Clock.Now()
	c := &connection{s: s, id: s.shortID("connection"), api: *a.v.ApiId, stage: *st.v.StageName, selection: aws.ToString(a.v.RouteSelectionExpression), variables: st.v.StageVariables,
		live: st, settings: st.v, deployed: d, sourceIP: sourceIP(r), userAgent: r.UserAgent(), connected: now, active: now, waiting: make(chan outgoing, maxWaiting)}
	c.logged = map[string]string{"requestId": s.requestID(), "routeKey": connectRoute, "eventType": "CONNECT", "requestTime": now.UTC().Format(requestTime), "requestTimeEpoch": formatMillis(now)}
	return c
}

// connectionsOf lists the open connections of an API, or of one of its stages;
// s.mu is held.
func (s *Service) connectionsOf(api, stage string) []*connection {
	var out []*connection
	for _, id := range slices.Sorted(maps.Keys(s.connections)) {
		if c := s.connections[id]; c.api == api && (stage == "" || c.stage == stage) {
			out = append(out, c)
		}
	}
	return out
}

// run serves an open connection until it ends, and then the route $disconnect.
func (s *Service) run(c *connection, conn *websocket.Conn) {
	conn.SetReadLimit(maxMessage)
	s.mu.Lock()
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		_ = conn.CloseNow() // the world ends
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopLife := s.o.Clock.AfterFunc(connectionLimit-s.o.Clock.Now().Sub(c.connected), func() { c.end(closeGoingAway, "Going away") })
	c.touch()
	go c.write(ctx)
	var messages sync.WaitGroup
	var err error
	for {
		var kind websocket.MessageType
		var data []byte
		if kind, data, err = conn.Read(ctx); err != nil {
			break
		}
		c.touch()
		messages.Go(func() { s.message(ctx, c, kind, data) })
	}
	stopLife()
	s.mu.Lock()
	delete(s.connections, c.id)
	closed = s.closed
	s.mu.Unlock()
	c.mu.Lock()
	if c.stopIdle != nil {
		c.stopIdle()
	}
	code, reason := c.code, c.reason
	c.mu.Unlock()
	if code == 0 {
		code, reason = ending(err)
	}
	_ = conn.CloseNow() // it is over either way
	if closed {
		cancel()
	} else {
		s.disconnect(c, code, reason)
	}
	messages.Wait()
}

// ending is how a client ended its connection.
func ending(err error) (code int, reason string) {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return int(e.Code), e.Reason
	}
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return int(websocket.StatusMessageTooBig), "Message too long"
	}
	return closeAbnormal, "Connection Closed Abnormally"
}

// write sends what waits for the client.
func (c *connection) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-c.waiting:
			if c.conn.Write(ctx, m.kind, m.data) != nil {
				return // reading ends, too
			}
		}
	}
}

// send puts a message before the client; false when too many wait already.
func (c *connection) send(m outgoing) bool {
	select {
	case c.waiting <- m:
		c.touch()
		return true
	default:
		return false
	}
}

// touch begins the idle timeout anew.
func (c *connection) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = c.s.o.Clock.Now()
	if c.stopIdle != nil {
		c.stopIdle()
	}
	c.stopIdle = c.s.o.Clock.AfterFunc(idleTimeout, func() { c.end(closeGoingAway, "Going away") })
}

// end closes a connection for API Gateway; it does not wait for the client.
func (c *connection) end(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code != 0 || c.conn == nil {
		return
	}
	c.code, c.reason = code, reason
	conn := c.conn
	go func() { _ = conn.Close(websocket.StatusCode(code), reason) }() // a client that is gone already is closed, too
}

// message serves one message: by the route that it selects, or $default.
func (s *Service) message(ctx context.Context, c *connection, kind websocket.MessageType, data []byte) {
	key := selected(c.selection, data)
	route, ok := c.route(key)
	if !ok || strings.HasPrefix(key, "$") {
		key = defaultRoute
		route, ok = c.route(key)
	}
	s.mu.Lock()
	request, id := s.requestID(), s.shortID("message")
	admitted := c.live.admits(key, s.o.Clock.Now())
	s.mu.Unlock()
	logged := map[string]string{"requestId": request, "messageId": id, "routeKey": key, "eventType": "MESSAGE", "status": "200"}
	refuse := func(status int, message string) {
		logged["status"], logged["error.message"] = strconv.Itoa(status), message
		b, _ := json.Marshal(map[string]string{"message": message, "connectionId": c.id, "requestId": request}) // of strings: it cannot fail
		c.send(outgoing{websocket.MessageText, b})
	}
	integration, exists := types.Integration{}, false
	if target, has := integrationOf(route.Target); has {
		integration, exists = c.deployed.integrations[target]
	}
	switch {
	case !ok:
		refuse(http.StatusForbidden, "Forbidden")
	case !admitted:
		refuse(http.StatusTooManyRequests, "Too Many Requests")
	case !exists:
		refuse(http.StatusInternalServerError, "Internal server error")
	default:
		e := c.event(key, "MESSAGE")
		rc := e["requestContext"].(map[string]any)
		rc["messageId"], rc["requestId"] = id, request
		e["body"] = string(data)
		if kind == websocket.MessageBinary {
			e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(data), true
		}
		if _, err := s.invoke(ctx, integration, s.executeARN(c.api, c.stage, key), encode(e)); err != nil && ctx.Err() == nil {
			logged["integrationErrorMessage"] = err.Error()
			refuse(http.StatusInternalServerError, "Internal server error")
		}
	}
	c.logOf(logged)
}

// disconnect tells the route $disconnect, as far as it can: its answer counts
// for nothing.
func (s *Service) disconnect(c *connection, code int, reason string) {
	route, ok := c.route(disconnectRoute)
	if !ok {
		return
	}
	logged := map[string]string{"routeKey": disconnectRoute, "eventType": "DISCONNECT", "status": "200"}
	e := c.event(disconnectRoute, "DISCONNECT")
	rc := e["requestContext"].(map[string]any)
	logged["requestId"] = rc["requestId"].(string)
	rc["disconnectStatusCode"], rc["disconnectReason"] = code, reason
	domain := s.domain(c.api)
	e["headers"] = map[string]string{"Host": domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
	e["multiValueHeaders"] = map[string][]string{"Host": {domain}, "x-api-key": {""}, "X-Forwarded-For": {""}, "x-restapi": {""}}
	if target, has := integrationOf(route.Target); has {
		if _, err := s.invoke(context.Background(), c.deployed.integrations[target], s.executeARN(c.api, c.stage, disconnectRoute), encode(e)); err != nil {
			logged["status"], logged["integrationErrorMessage"] = "500", err.Error()
		}
	}
	c.logOf(logged)
}

// event is what functions get (source: "Set up Lambda proxy integrations for
// WebSocket APIs").
func (c *connection) event(key, kind string) map[string]any {
	s := c.s
	s.mu.Lock()
	request := s.requestID()
	s.mu.Unlock()
	if key == connectRoute {
		request = c.logged["requestId"]
	}
	now := s.o.Clock.Now()
	who := map[string]any{"sourceIp": c.sourceIP, "userAgent": c.userAgent}
	if c.iam != nil {
		maps.Copy(who, map[string]any{"accessKey": c.iam.accessKey, "accountId": c.iam.account, "caller": c.iam.caller, "user": c.iam.caller, "userArn": c.iam.arn})
	}
	rc := map[string]any{"routeKey": key, "eventType": kind, "extendedRequestId": request, "requestId": request, "requestTime": now.UTC().Format(requestTime),
		"requestTimeEpoch": now.UnixMilli(), "messageDirection": "IN", "stage": c.stage, "connectedAt": c.connected.UnixMilli(), "identity": who, "domainName": s.domain(c.api),
		"connectionId": c.id, "apiId": c.api}
	if c.authorizer != nil {
		rc["authorizer"] = c.authorizer
	}
	e := map[string]any{"requestContext": rc, "isBase64Encoded": false}
	if len(c.variables) > 0 {
		e["stageVariables"] = c.variables
	}
	return e
}

// addRequest adds what only the request to connect has.
func (c *connection) addRequest(e map[string]any, r *http.Request) {
	single, multi := map[string]string{}, map[string][]string{}
	headers := r.Header.Clone()
	for _, own := range []string{"X-World-Caller", "X-World-Invocation"} {
		headers.Del(own)
	}
	headers.Set("Host", c.s.domain(c.api))
	headers.Add("X-Forwarded-For", c.sourceIP)
	headers.Set("X-Forwarded-Port", "443")
	headers.Set("X-Forwarded-Proto", "https")
	for name, values := range headers {
		single[name], multi[name] = values[len(values)-1], values
	}
	e["headers"], e["multiValueHeaders"] = single, multi
	if q := query(r); len(q) > 0 {
		last := map[string]string{}
		for name, values := range q {
			last[name] = values[len(values)-1]
		}
		e["queryStringParameters"], e["multiValueQueryStringParameters"] = last, map[string][]string(q)
	}
}

// value is a $context variable of the request to connect.
func (c *connection) value(name string) string {
	switch name {
	case "connectionId":
		return c.id
	case "apiId":
		return c.api
	case "stage":
		return c.stage
	case "domainName":
		return c.s.domain(c.api)
	case "connectedAt":
		return formatMillis(c.connected)
	case "identity.sourceIp":
		return c.sourceIP
	case "identity.userAgent":
		return c.userAgent
	case "accountId":
		return c.s.o.Account
	}
	return c.logged[name]
}

// log writes the line of $connect, logOf that of something that came later.
func (c *connection) log() { c.s.writeLog(c.settings, c.connected, c.value) }

func (c *connection) logOf(logged map[string]string) {
	now := c.s.o.Clock.Now()
	c.s.writeLog(c.settings, now, func(name string) string {
		if v, ok := logged[name]; ok {
			return v
		}
		switch name {
		case "requestTime":
			return now.UTC().Format(requestTime)
		case "requestTimeEpoch":
			return formatMillis(now)
		case "extendedRequestId":
			return logged["requestId"]
		case "integrationErrorMessage", "integration.error", "error.message":
			return "" // not that of $connect
		}
		return c.value(name)
	})
}

// Close ends all connections and waits for them.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	all := slices.Collect(maps.Values(s.connections))
	s.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		conn := c.conn
		c.mu.Unlock()
		if conn != nil {
			_ = conn.CloseNow() // the world ends
		}
	}
	s.running.Wait()
}
