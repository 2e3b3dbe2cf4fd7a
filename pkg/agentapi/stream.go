package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/coder/websocket"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxMessage is how many bytes one message may have. Source: API Gateway,
// quotas of WebSocket APIs.
const maxMessage = 128 << 10

// Stream is the progress stream of a deployed agent.
type Stream struct {
	URL  string // wss address
	Auth Auth
	HTTP *http.Client // nil: http.DefaultClient
}

// Listener is one connection of the stream.
type Listener struct{ conn *websocket.Conn }

// Listen connects. Without an upgrade it listens to all of them. It is
// PermissionDenied when the API lets the caller not in.
func (s Stream) Listen(ctx context.Context, upgradeID string) (*Listener, error) {
	const op = "listen to the progress stream"
	u, err := checkURL("url", s.URL, "wss")
	if err != nil {
		return nil, err
	}
	if upgradeID != "" {
		u.RawQuery = url.Values{"upgrade": {upgradeID}}.Encode()
	}
	handshake := *u // what is signed is the HTTP request that the connection begins with
	handshake.Scheme = map[string]string{"wss": "https", "ws": "http"}[u.Scheme]
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, handshake.String(), http.NoBody)
	if err != nil {
		return nil, upgrade.KindAPIInvalid.Errorf(op, "%w", err)
	}
	if err := s.Auth.authorize(ctx, r, nil); err != nil {
		return nil, err
	}
	dialing, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	conn, resp, err := websocket.Dial(dialing, u.String(), &websocket.DialOptions{HTTPClient: s.HTTP, HTTPHeader: r.Header})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, refused(op, resp.StatusCode, nil)
		}
		return nil, upgrade.KindAPIUnavailable.Errorf(op, "%s", logging.Redact(err.Error()))
	}
	conn.SetReadLimit(maxMessage)
	return &Listener{conn}, nil
}

// Next returns the next message of the agent. Unavailable: the connection is
// over, as it is after two hours and now and then; listen anew.
func (l *Listener) Next(ctx context.Context) (stream.Message, error) {
	const op = "listen to the progress stream"
	for {
		_, data, err := l.conn.Read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return stream.Message{}, ctx.Err()
			}
			return stream.Message{}, upgrade.KindAPIUnavailable.Errorf(op, "%w", err)
		}
		var m struct {
			stream.Message
			Error *stream.ProblemDetail `json:"error"`
		}
		switch err := json.Unmarshal(data, &m); {
		case err != nil:
			return stream.Message{}, upgrade.KindAPIUnreadable.Errorf(op, "a message is not JSON: %w", err)
		case m.Error != nil:
			return stream.Message{}, upgrade.KindAPIInvalid.Field(op, "", m.Error.Message, m.Error.Remedy)
		case m.Type != "": // other answers, such as that to a ping, say that all is well
			return m.Message, nil
		}
	}
}

// Ping keeps the connection from being idle.
func (l *Listener) Ping(ctx context.Context) error { return l.Say(ctx, `{"action":"ping"}`) }

// Say sends a message.
func (l *Listener) Say(ctx context.Context, text string) error {
	if err := l.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return upgrade.KindAPIUnavailable.Errorf("listen to the progress stream", "%w", err)
	}
	return nil
}

// Close hangs up.
func (l *Listener) Close() error {
	err := l.conn.Close(websocket.StatusNormalClosure, "")
	var closed websocket.CloseError
	if errors.As(err, &closed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
