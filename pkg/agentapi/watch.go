package agentapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	names "github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/stream"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	pingEvery = 4 * time.Minute // API Gateway hangs up after 10 idle ones
	lookEvery = time.Minute     // at the execution: who dies publishes nothing
	backOff   = time.Second     // before the first new connection; doubles
	maxBack   = 30 * time.Second
	keptIDs   = 2000 // of messages, to know those that come twice
)

// Watch follows an upgrade, or with "" all of them, over as many connections
// as it takes.
type Watch struct {
	Upgrade string
	Listen  func(ctx context.Context, upgradeID string) (*Listener, error)
	// Look says how far the upgrade's execution is; not called for all upgrades.
	Look  func(ctx context.Context, upgradeID string) (executions.Execution, error)
	Tell  func(events.Progress) // gets the events, one at a time
	Clock clock.Clock

	ids   map[string]bool
	order []string
	last  map[string]time.Time
	since time.Time // of the last connection
}

// Run returns how the upgrade ended, when it has; watching all it ends with
// ctx only. What happened while nobody listened is not made up: a note says so,
// and the state of the execution.
func (w *Watch) Run(ctx context.Context) (upgrade.Outcome, error) {
	w.ids, w.last = map[string]bool{}, map[string]time.Time{}
	wait := backOff
	for {
		begun := w.Clock.Now()
		outcome, err := w.session(ctx)
		switch {
		case outcome != "" || ctx.Err() != nil:
			return outcome, context.Cause(ctx)
		case !upgrade.CodeOf(err).Retryable():
			return "", err
		}
		if w.Clock.Now().Sub(begun) > maxBack { // it was a connection, not only a try
			wait = backOff
		}
		text := "the connection is over and is made anew: "
		if w.since.IsZero() {
			text = "there is no connection yet, and it is tried again: "
		}
		w.note(progress.Warning, text+err.Error())
		if err := clock.Sleep(ctx, w.Clock, wait); err != nil {
			return "", err
		}
		wait = min(2*wait, maxBack)
	}
}

// session is one connection. It begins to listen before it looks, so that
// nothing falls in between.
func (w *Watch) session(ctx context.Context) (upgrade.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := w.Listen(ctx, w.Upgrade)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }() // what it was for is over
	if outcome, err := w.catchUp(ctx); outcome != "" || err != nil {
		return outcome, err
	}
	messages, failed := make(chan stream.Message), make(chan error, 1)
	go func() {
		for {
			m, err := l.Next(ctx)
			if err != nil {
				failed <- err
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	ping, look := w.after(ctx, pingEvery), w.after(ctx, lookEvery)
	for {
		select {
		case m := <-messages:
			if outcome, err := w.hear(m); outcome != "" || err != nil {
				return outcome, err
			}
		case err := <-failed:
			return "", err
		case <-ping:
			if err := l.Ping(ctx); err != nil {
				return "", err
			}
			ping = w.after(ctx, pingEvery)
		case <-look:
			if outcome, err := w.look(ctx); outcome != "" || err != nil && !upgrade.CodeOf(err).Retryable() {
				return outcome, err
			}
			look = w.after(ctx, lookEvery)
		}
	}
}

// after returns a channel that is closed after d.
func (w *Watch) after(ctx context.Context, d time.Duration) <-chan struct{} {
	over := make(chan struct{})
	stop := w.Clock.AfterFunc(d, func() { close(over) })
	context.AfterFunc(ctx, func() { stop() })
	return over
}

// catchUp says what is known at the beginning of a connection.
func (w *Watch) catchUp(ctx context.Context) (upgrade.Outcome, error) {
	before := w.since
	w.since = w.Clock.Now()
	if w.Upgrade == "" {
		if !before.IsZero() {
			w.note(progress.Note, "listening again; what happened meanwhile was not seen")
		}
		return "", nil
	}
	e, err := w.Look(ctx, w.Upgrade)
	if err != nil {
		return "", err
	}
	if !e.Running() {
		return w.ended(e), nil
	}
	text := "listening to the upgrade, which runs since " + e.StartedAt.UTC().Format(time.RFC3339)
	if !before.IsZero() {
		text = "listening again"
	}
	if e.State != "" {
		text += "; it is in state " + e.State
	}
	w.note(progress.Note, text+"; what happened before was not seen")
	return "", nil
}

// look asks whether the upgrade has ended without a word.
func (w *Watch) look(ctx context.Context) (upgrade.Outcome, error) {
	if w.Upgrade == "" {
		return "", nil
	}
	e, err := w.Look(ctx, w.Upgrade)
	if err != nil || e.Running() {
		return "", err
	}
	return w.ended(e), nil
}

// ended tells how an execution ended, as Step Functions says it.
func (w *Watch) ended(e executions.Execution) upgrade.Outcome {
	s := progress.Event{Time: e.StoppedAt, Kind: progress.Summary, Outcome: upgrade.Failed, Text: e.Cause}
	switch {
	case e.Status == "SUCCEEDED":
		s.Outcome = upgrade.Succeeded
		var out struct {
			Reason string `json:"reason"`
		}
		if json.Unmarshal([]byte(e.Output), &out) == nil {
			s.Text = out.Reason
		}
	case e.Error == "RolledBack":
		s.Outcome = upgrade.RolledBack
	case e.Status != "FAILED":
		s.Text = fmt.Sprintf("the execution is %s: %s", e.Status, e.Cause)
	}
	w.Tell(events.Progress{Upgrade: w.Upgrade, Event: s})
	return s.Outcome
}

// hear takes a message. One that came before, or that is older than what is
// known of the same thing, tells nothing new.
func (w *Watch) hear(m stream.Message) (upgrade.Outcome, error) {
	if m.ID != "" && w.ids[m.ID] {
		return "", nil
	}
	w.ids[m.ID] = true
	if w.order = append(w.order, m.ID); len(w.order) > keptIDs {
		delete(w.ids, w.order[0])
		w.order = w.order[1:]
	}
	switch m.Type {
	case names.UpgradeProgress:
		// Not strict: a newer agent may say more.
		var p events.Progress
		if err := json.Unmarshal(m.Detail, &p); err != nil {
			return "", upgrade.KindAPIUnreadable.Errorf("read an event", "%w", err)
		}
		if p.Kind == progress.Summary || w.stale(p) { // how it ended is the other event's to say
			return "", nil
		}
		w.Tell(p)
	case names.UpgradeFinished:
		var f events.Finished
		if err := json.Unmarshal(m.Detail, &f); err != nil {
			return "", upgrade.KindAPIUnreadable.Errorf("read an event", "%w", err)
		}
		w.Tell(events.Progress{Upgrade: f.Upgrade, Event: progress.Event{Time: upgrade.At(w.Clock.Now()), Kind: progress.Summary, Outcome: f.Outcome, Text: f.Reason}})
		if w.Upgrade != "" {
			return f.Outcome, nil
		}
	}
	return "", nil
}

// stale reports whether something newer is known of the same step, phase or
// split of the traffic: events may overtake each other.
func (w *Watch) stale(p events.Progress) bool {
	if p.Kind != progress.Step && p.Kind != progress.Phase && p.Kind != progress.Weights {
		return false
	}
	key := fmt.Sprintf("%s|%s|%s|%s|%s", p.Upgrade, p.Kind, p.Mode, p.Step, p.Phase)
	if p.Kind == progress.Step { // a verdict follows what was executed
		key = fmt.Sprintf("%s|%s|%s|%s", p.Upgrade, p.Kind, p.Mode, p.Step)
	}
	if p.Time.Before(w.last[key]) {
		return true
	}
	w.last[key] = p.Time.Time
	return false
}

func (w *Watch) note(kind progress.Kind, text string) {
	w.Tell(events.Progress{Upgrade: w.Upgrade, Event: progress.Event{Time: upgrade.At(w.Clock.Now()), Kind: kind, Text: text}})
}
