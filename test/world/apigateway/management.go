package apigateway

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	mgmt "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	mgmttypes "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/coder/websocket"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Connections is the @connections API of WebSocket APIs. Its calls come by the
// address of a stage, which the front hands over as the call's resource.
type Connections struct{ s *Service }

// Connections returns the operations of the @connections API.
func (s *Service) Connections() Connections { return Connections{s} }

// find finds an open connection of the stage that was called.
func (m Connections) find(c *wire.Call, id *string) (*connection, error) {
	raw, err := base64.URLEncoding.DecodeString(aws.ToString(id))
	if err != nil || len(raw) == 0 {
		return nil, refuse("Invalid connectionId: %s", aws.ToString(id))
	}
	parts := strings.Split(c.Resource[strings.LastIndex(c.Resource, ":")+1:], "/")
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	found := m.s.connections[*id]
	if found == nil || len(parts) < 2 || found.api != parts[0] || found.stage != parts[1] {
		return nil, &wire.Error{Code: "GoneException", Message: "Gone", Status: http.StatusGone}
	}
	return found, nil
}

// PostToConnection sends a message to a client.
func (m Connections) PostToConnection(c *wire.Call, in *mgmt.PostToConnectionInput) (*mgmt.PostToConnectionOutput, error) {
	if len(in.Data) > maxMessage {
		return nil, &wire.Error{Code: "PayloadTooLargeException", Message: "Payload Too Large", Status: http.StatusRequestEntityTooLarge}
	}
	to, err := m.find(c, in.ConnectionId)
	if err != nil {
		return nil, err
	}
	out := outgoing{websocket.MessageText, in.Data}
	if !utf8.Valid(in.Data) {
		out.kind = websocket.MessageBinary
	}
	if !to.send(out) {
		return nil, &wire.Error{Code: "LimitExceededException", Message: "The client is sending more than the allowed number of requests per unit of time or the WebSocket client side buffer is full.",
			Status: http.StatusTooManyRequests}
	}
	return &mgmt.PostToConnectionOutput{}, nil
}

// GetConnection describes a client.
func (m Connections) GetConnection(c *wire.Call, in *mgmt.GetConnectionInput) (*mgmt.GetConnectionOutput, error) {
	found, err := m.find(c, in.ConnectionId)
	if err != nil {
		return nil, err
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	return &mgmt.GetConnectionOutput{ConnectedAt: &found.connected, LastActiveAt: ptr(found.active), Identity: &mgmttypes.Identity{SourceIp: &found.sourceIP, UserAgent: &found.userAgent}}, nil
}

// DeleteConnection disconnects a client.
func (m Connections) DeleteConnection(c *wire.Call, in *mgmt.DeleteConnectionInput) (*mgmt.DeleteConnectionOutput, error) {
	found, err := m.find(c, in.ConnectionId)
	if err != nil {
		return nil, err
	}
	found.end(closeNormal, "Connection Closed Normally")
	m.s.mu.Lock()
	delete(m.s.connections, found.id) // gone from now on, whenever its client agrees
	m.s.mu.Unlock()
	return &mgmt.DeleteConnectionOutput{}, nil
}
