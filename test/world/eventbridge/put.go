package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// PutEvents implements the API operation. Entries fail one by one.
func (s *Service) PutEvents(_ *wire.Call, in *awseb.PutEventsInput) (*awseb.PutEventsOutput, error) {
	if len(in.Entries) == 0 || len(in.Entries) > maxEntries {
		return nil, validation("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and %d", maxEntries)
	}
	size := 0
	for _, e := range in.Entries {
		size += len(aws.ToString(e.Detail)) + len(aws.ToString(e.DetailType)) + len(aws.ToString(e.Source))
	}
	if size > maxEntry {
		return nil, validation("Total size of the entries in the request is over the limit.")
	}
	out := &awseb.PutEventsOutput{Entries: []types.PutEventsResultEntry{}}
	for _, e := range in.Entries {
		id, code, why := s.putEntry(e)
		if why != "" {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &why})
			continue
		}
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: &id})
	}
	return out, nil
}

// putEntry takes one event; else code and why say what is wrong with it.
func (s *Service) putEntry(e types.PutEventsRequestEntry) (id, code, why string) {
	const invalid = "InvalidArgument"
	switch {
	case aws.ToString(e.Source) == "":
		return "", invalid, "Parameter Source is not valid. Reason: Source is a required argument."
	case strings.HasPrefix(*e.Source, "aws."):
		return "", "NotAuthorizedForSourceException", "Not authorized for the source."
	case aws.ToString(e.DetailType) == "":
		return "", invalid, "Parameter DetailType is not valid. Reason: DetailType is a required argument."
	case e.Detail == nil:
		return "", invalid, "Parameter Detail is not valid. Reason: Detail is a required argument."
	}
	if _, err := decodeObject([]byte(*e.Detail)); err != nil {
		return "", "MalformedDetail", "Detail is malformed."
	}
	s.mu.Lock()
	bus, err := s.findBus(e.EventBusName)
	s.mu.Unlock()
	if err != nil {
		return "", invalid, fmt.Sprintf("Event bus %s does not exist.", aws.ToString(e.EventBusName))
	}
	ev := Event{Source: *e.Source, DetailType: *e.DetailType, Resources: e.Resources, Detail: json.RawMessage(*e.Detail)}
	if e.Time != nil {
		ev.Time = e.Time.UTC()
	}
	return s.accept(bus.name, ev), "", ""
}

// Emit puts an event of an AWS service on the bus. detail is encoded as JSON.
func (s *Service) Emit(source, detailType string, detail any, resources ...string) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("eventbridge: detail of %s: %w", detailType, err)
	}
	s.accept(defaultBus, Event{Source: source, DetailType: detailType, Resources: resources, Detail: b})
	return nil
}

// accept completes an event and hands it to the rules that match.
func (s *Service) accept(bus string, ev Event) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete(&ev)
	s.events = append(s.events, ev)
	if _, decoded, err := encode(ev); err == nil {
		s.deliver(bus, ev, func(r *rule) bool { return r.pattern != nil && r.pattern.Match(decoded) })
	} else {
		s.undelivered = append(s.undelivered, err)
	}
	return ev.ID
}

// complete gives an event its id, time, account and region; s.mu is held.
func (s *Service) complete(ev *Event) {
	s.count++
	ev.Version, ev.Account, ev.Region = "0", s.account, s.region
	ev.ID = fmt.Sprintf("%08x-4d6f-4b8a-9c2e-%012x", s.count, s.count)
	if ev.Time.IsZero() {
		ev.Time = s.clock.Now()
	}
	ev.Time = ev.Time.Truncate(1e9) // the bus knows seconds
	if ev.Resources == nil {
		ev.Resources = []string{}
	}
}

func encode(ev Event) (json.RawMessage, map[string]any, error) {
	text, err := json.Marshal(ev)
	if err != nil {
		return nil, nil, fmt.Errorf("eventbridge: event %s: %w", ev.ID, err)
	}
	decoded, err := decodeObject(text)
	return text, decoded, err
}

func decodeObject(b []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil || dec.More() {
		return nil, errors.New("not one JSON object")
	}
	return m, nil
}
