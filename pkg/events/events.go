// Package events tells the world what happens in an upgrade: at the boundary of
// each call of a phase it puts events on the agent's EventBridge bus. They are
// made of what the phase was given and what it answered, and of the documents
// that these refer to; there is no other source.
//
// Who listens must expect an event twice, late, out of order, or never: a
// failure to publish never fails the phase, and a function that dies publishes
// nothing. How an execution ended is what Step Functions says.
package events

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	names "github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Progress is the detail of an event of type "Upgrade Progress".
type Progress struct {
	Upgrade string `json:"upgrade"`
	progress.Event
}

// Finished is the detail of an event of type "Upgrade Finished".
type Finished struct {
	Upgrade string          `json:"upgrade"`
	Cluster string          `json:"cluster"`
	Outcome upgrade.Outcome `json:"outcome"`
	Reason  string          `json:"reason"`
	From    upgrade.Version `json:"from,omitzero"`
	Target  upgrade.Version `json:"target,omitzero"`
}

// Limits of PutEvents, with room to spare. Source: EventBridge API reference,
// PutEvents.
const (
	maxEntries = 10
	maxBytes   = 240 << 10 // of one call, and so of one event
	overhead   = 200       // of an entry beside its detail
)

const (
	// patience is how long one attempt to publish may take, and attempts how
	// many there are: a phase waits no longer than both.
	patience = 1500 * time.Millisecond
	attempts = 2
	// reading is how long the documents may take that a story is made of: the
	// phase has done its work, and must not run out of time for what is told of it.
	reading = 5 * time.Second
	// maxText bounds each text in characters.
	maxText = 1000
)

// API is what the publisher needs of EventBridge.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Documents reads what inputs and outputs refer to.
type Documents interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
	Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error)
}

// Publisher puts events on a bus. All fields are needed. A nil Publisher
// publishes nothing.
type Publisher struct {
	API       API
	Bus       string
	Documents Documents
	Clock     clock.Clock
}

// Around returns the phase f, told about before and after.
func Around[I, O any](p *Publisher, f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	if p == nil {
		return f
	}
	return func(ctx context.Context, in I) (O, error) {
		p.publish(ctx, p.before(in))
		out, err := f(ctx, in)
		bounded, cancel := context.WithTimeout(ctx, reading)
		defer cancel()
		p.publish(ctx, p.after(bounded, in, out, err))
		return out, err
	}
}

// story is what there is to tell of one upgrade.
type story struct {
	upgrade  string
	events   []progress.Event
	finished *Finished
}

// publish puts a story on the bus. What cannot be put there is logged and
// counted; the phase goes on.
func (p *Publisher) publish(ctx context.Context, s story) {
	entries, err := p.entries(s)
	lost := 0
	for len(entries) > 0 && err == nil {
		batch := firstBatch(entries)
		entries = entries[len(batch):]
		var failed int
		failed, err = p.put(ctx, batch)
		lost += failed
	}
	if lost += len(entries); lost == 0 && err == nil { // what follows an error is not tried: the phase does not wait for it
		return
	}
	lost = max(lost, 1)
	metrics.From(ctx).Add(metrics.EventFailures, float64(lost), nil)
	line := logging.From(ctx).Warn().Int("events", lost).Str("bus", p.Bus)
	if err != nil {
		line = line.Str("cause", logging.Redact(err.Error()))
	}
	line.Msg("events could not be published")
}

// put puts one batch, what fails once more, and returns how many events were
// lost.
func (p *Publisher) put(ctx context.Context, batch []types.PutEventsRequestEntry) (lost int, err error) {
	for range attempts {
		// A phase whose time is over still says what became of it.
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		out, failed := p.API.PutEvents(attempt, &eventbridge.PutEventsInput{Entries: batch}, func(o *eventbridge.Options) { o.RetryMaxAttempts = 1; o.Retryer = aws.NopRetryer{} })
		cancel()
		if err = failed; err != nil {
			continue
		}
		var again []types.PutEventsRequestEntry
		for i, result := range out.Entries {
			if result.ErrorCode != nil && i < len(batch) {
				again = append(again, batch[i])
				err = upgrade.KindEventRefused.Errorf("publish event", "%s: %s", *result.ErrorCode, aws.ToString(result.ErrorMessage))
			}
		}
		if batch = again; len(batch) == 0 {
			return 0, nil
		}
	}
	return len(batch), err
}

func (p *Publisher) entries(s story) ([]types.PutEventsRequestEntry, error) {
	var out []types.PutEventsRequestEntry
	add := func(detailType string, detail any) error {
		text, err := json.Marshal(detail)
		if err != nil {
			return upgrade.KindEventUnencodable.Errorf("write event", "%w", err)
		}
		out = append(out, types.PutEventsRequestEntry{EventBusName: &p.Bus, Source: aws.String(names.Source), DetailType: &detailType, Detail: aws.String(string(text)), Time: aws.Time(p.Clock.Now())})
		return nil
	}
	for _, e := range s.events {
		if e.Time.IsZero() {
			e.Time = upgrade.At(p.Clock.Now())
		}
		if err := add(names.UpgradeProgress, Progress{s.upgrade, cleaned(e)}); err != nil {
			return out, err
		}
	}
	if s.finished != nil {
		f := *s.finished
		f.Reason = clean(f.Reason)
		if err := add(names.UpgradeFinished, f); err != nil {
			return out, err
		}
	}
	return out, nil
}

// firstBatch returns as many entries as one call takes.
func firstBatch(entries []types.PutEventsRequestEntry) []types.PutEventsRequestEntry {
	size := 0
	for i, e := range entries {
		size += len(*e.Detail) + overhead
		if i == maxEntries || i > 0 && size > maxBytes {
			return entries[:i]
		}
	}
	return entries
}

// cleaned returns an event whose texts are one short line each, without
// secrets: they come from clusters, builds and errors.
func cleaned(e progress.Event) progress.Event {
	e.Text = clean(e.Text)
	if e.Finding != nil {
		f := *e.Finding
		f.Title, f.Evidence, f.Remedy = clean(f.Title), clean(f.Evidence), clean(f.Remedy)
		if f.Object != nil {
			o := *f.Object
			o.APIVersion, o.Kind, o.Namespace, o.Name = clean(o.APIVersion), clean(o.Kind), clean(o.Namespace), clean(o.Name)
			f.Object = &o
		}
		e.Finding = &f
	}
	return e
}

func clean(text string) string { return logging.Line(text, maxText) }
