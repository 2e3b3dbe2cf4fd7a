package stream

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	parallel = 32               // listeners that are told at a time
	patience = 10 * time.Second // with one of them, all attempts together
)

// Posts sends to a connection; the SDK's retries answer throttling.
type Posts interface {
	PostToConnection(context.Context, *apigatewaymanagementapi.PostToConnectionInput, ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.PostToConnectionOutput, error)
}

// tell passes an event on to those who listen to its upgrade and to those who
// listen to all. It tries them all and then fails if one of them could not be
// told: Lambda calls again, and who was told already knows the event's id.
func (h *Handler) tell(ctx context.Context, e events.EventBridgeEvent) error {
	var detail struct {
		Upgrade string `json:"upgrade"`
	}
	if err := json.Unmarshal(e.Detail, &detail); err != nil || detail.Upgrade == "" || !valid(detail.Upgrade) {
		return invalid("detail.upgrade", "the event does not say which upgrade it is about", "publish events as package events does")
	}
	data, err := json.Marshal(Message{ID: e.ID, Type: e.DetailType, Detail: e.Detail})
	if err != nil {
		return upgrade.KindAPIUnreadable.Errorf("write a message", "%w", err)
	}
	if len(data) > maxMessage {
		return invalid("detail", "the event is longer than a WebSocket message may be", "publish events as package events does")
	}
	var (
		errs  []error
		mu    sync.Mutex
		posts sync.WaitGroup
		slots = make(chan struct{}, parallel)
	)
	fail := func(err error) {
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
	}
	for _, listening := range []string{detail.Upgrade, ""} {
		fail(h.Connections.each(ctx, listening, func(connection string) {
			slots <- struct{}{}
			posts.Go(func() {
				defer func() { <-slots }()
				fail(h.post(ctx, connection, data))
			})
		}))
	}
	posts.Wait()
	if len(errs) == 0 {
		return nil
	}
	logging.From(ctx).Warn().Int("failed", len(errs)).Str("event", e.ID).Msg("not everybody was told")
	return errors.Join(errs[:min(len(errs), 5)]...) // a message of thousands of lines helps nobody
}

// post sends to a connection, and forgets one that is gone.
func (h *Handler) post(ctx context.Context, connection string, data []byte) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := h.Posts.PostToConnection(bounded, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &connection, Data: data})
	if awserr.Is(err, "GoneException") {
		return h.Connections.Delete(ctx, connection)
	}
	return awserr.Wrap("tell a listener", err)
}
