// Package stream tells those who listen what happens in upgrades: a WebSocket
// API of API Gateway, whose connections are kept in a table, gets the agent's
// EventBridge events as they come.
//
//	wss://...?upgrade=ID                      listen to one upgrade; without it to all
//	{"action":"subscribe","upgrade":"ID"}     change that; {"subscribed":"ID"} comes back ("" is all)
//	{"action":"ping"}                         {"pong":true} comes back; API Gateway hangs up after 10 idle minutes
//
// What comes is Message, or {"error":{...}} for what was not understood. A
// message may come twice or out of order: Message.ID says which are the same.
// Who may connect is IAM's matter, which API Gateway asks.
package stream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// MaxConnection is how long a connection lasts, and IdleLimit how long one
// without a message. Source: API Gateway developer guide, quotas of WebSocket
// APIs.
const (
	MaxConnection = 2 * time.Hour
	IdleLimit     = 10 * time.Minute
)

const (
	margin     = 5 * time.Minute // beyond MaxConnection, before a connection is forgotten
	maxUpgrade = 80              // characters of an execution's name
	maxBody    = 4 << 10         // of what a client sends
	maxMessage = 120 << 10       // of what it gets; API Gateway takes 128 KB
)

// Message is one event as clients get it.
type Message struct {
	ID     string          `json:"id"`   // of the event; the same event has the same
	Type   string          `json:"type"` // "Upgrade Progress", "Upgrade Finished"
	Detail json.RawMessage `json:"detail"`
}

// Problem is what a client did wrong.
type Problem struct {
	Error ProblemDetail `json:"error"`
}

// ProblemDetail says what is wrong and what to do.
type ProblemDetail struct {
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// Response is what API Gateway gets; EventBridge ignores it.
type Response struct {
	StatusCode int `json:"statusCode"`
}

// Handler is the function. All fields are needed.
type Handler struct {
	Connections Connections
	Posts       Posts
	Clock       clock.Clock
}

// event is what the function is called with: by API Gateway with a request
// context, by EventBridge with a detail.
type event struct {
	RequestContext *struct {
		RouteKey     string `json:"routeKey"`
		ConnectionID string `json:"connectionId"`
		ConnectedAt  int64  `json:"connectedAt"` // milliseconds since the epoch
	} `json:"requestContext"`
	Query    map[string]string `json:"queryStringParameters"`
	Body     string            `json:"body"`
	IsBase64 bool              `json:"isBase64Encoded"`

	events.EventBridgeEvent
}

// Handle serves a route of the WebSocket API, or passes an event on. An error
// of an event makes Lambda call again, and then dead-letter it.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) (Response, error) {
	// Not strict: API Gateway and EventBridge add members to their events.
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return Response{}, invalid("", "this is neither an event of a WebSocket API nor of EventBridge", "call the function by its API or by its rule")
	}
	switch {
	case e.RequestContext == nil && e.DetailType != "":
		return Response{StatusCode: http.StatusOK}, h.tell(ctx, e.EventBridgeEvent)
	case e.RequestContext == nil, e.RequestContext.ConnectionID == "":
		return Response{}, invalid("", "this is neither an event of a WebSocket API nor of EventBridge", "call the function by its API or by its rule")
	}
	connection := e.RequestContext.ConnectionID
	switch e.RequestContext.RouteKey {
	case "$connect":
		id := e.Query["upgrade"]
		if !valid(id) {
			return Response{StatusCode: http.StatusBadRequest}, nil
		}
		if err := h.Connections.Put(ctx, connection, id, h.expiry(e)); err != nil {
			return Response{}, err
		}
		logging.From(ctx).Info().Str("connection", connection).Str("execution", id).Msg("somebody listens")
	case "$disconnect":
		if err := h.Connections.Delete(ctx, connection); err != nil {
			return Response{}, err
		}
	default:
		if err := h.hear(ctx, connection, e); err != nil {
			return Response{}, err
		}
	}
	return Response{StatusCode: http.StatusOK}, nil
}

// expiry is when a connection is over for certain.
func (h *Handler) expiry(e event) time.Time {
	begun := h.Clock.Now()
	if at := e.RequestContext.ConnectedAt; at > 0 && time.UnixMilli(at).Before(begun) {
		begun = time.UnixMilli(at)
	}
	return begun.Add(MaxConnection + margin)
}

// hear answers what a client says.
func (h *Handler) hear(ctx context.Context, connection string, e event) error {
	answer, err := h.understand(ctx, connection, e)
	if err != nil {
		return err
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return upgrade.KindAPIUnreadable.Errorf("answer a listener", "%w", err)
	}
	return h.post(ctx, connection, data)
}

func (h *Handler) understand(ctx context.Context, connection string, e event) (answer any, err error) {
	problem := func(message, remedy string) (any, error) { return Problem{ProblemDetail{message, remedy}}, nil }
	const remedy = `send {"action":"ping"} or {"action":"subscribe","upgrade":"ID"}`
	body := []byte(e.Body)
	if e.IsBase64 {
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return problem("this is not base64, as the event says", remedy)
		}
	}
	if len(body) > maxBody {
		return problem("this is longer than 4 KB", remedy)
	}
	type message struct {
		Action  string `json:"action"`
		Upgrade string `json:"upgrade"`
	}
	m, err := upgrade.Decode[message](body)
	if err != nil {
		return problem("this is not understood", remedy)
	}
	switch {
	case m.Action == "ping":
		return struct {
			Pong bool `json:"pong"`
		}{true}, nil
	case m.Action != "subscribe":
		return problem("there is no such action", remedy)
	case !valid(m.Upgrade):
		return problem("this is no id of an upgrade", remedy)
	}
	if err := h.Connections.Put(ctx, connection, m.Upgrade, h.expiry(e)); err != nil {
		return nil, err
	}
	return struct {
		Subscribed string `json:"subscribed"`
	}{m.Upgrade}, nil
}

// valid reports whether a text can be an upgrade's id; empty stands for all.
func valid(id string) bool {
	return len([]rune(id)) <= maxUpgrade && !strings.ContainsFunc(id, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune("*/", r)
	})
}

func invalid(field, message, remedy string) error {
	return upgrade.KindAPIInvalid.Field("stream", field, message, remedy)
}
