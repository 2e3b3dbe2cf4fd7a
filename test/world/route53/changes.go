package route53

import (
	"fmt"
	"maps"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// ChangeEvent tells that a change was accepted (PENDING) or is now answered by
// every DNS server (INSYNC).
type ChangeEvent struct {
	Seq              int
	Time             time.Time
	ZoneID, ChangeID string
	Status           types.ChangeStatus
	Changes          []types.Change // empty for the creation or deletion of a zone
	Comment          string
	// External marks a change made by ExternalChange, behind the agent's back.
	External bool
	// Caller names the Lambda function that made the change; "" for others.
	Caller string
}

// ChangeResourceRecordSets applies a batch of changes completely or not at all.
func (s *Service) ChangeResourceRecordSets(c *wire.Call, in *sdk.ChangeResourceRecordSetsInput) (*sdk.ChangeResourceRecordSetsOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if in.ChangeBatch == nil || len(in.ChangeBatch.Changes) == 0 {
		return nil, invalidInput("1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if s.opts.Clock.Now().Before(z.busyUntil) {
		return nil, &types.PriorRequestNotComplete{Message: ptr("The request was rejected because Route 53 was still processing a prior request.")}
	}
	info, err := s.apply(z, in.ChangeBatch, ChangeEvent{Caller: c.Caller})
	if err != nil {
		return nil, err
	}
	return &sdk.ChangeResourceRecordSetsOutput{ChangeInfo: info}, nil
}

// apply validates a batch and, when all of it is valid, starts its change.
func (s *Service) apply(z *zone, batch *types.ChangeBatch, e ChangeEvent) (*types.ChangeInfo, error) {
	weight := 0
	for _, ch := range batch.Changes {
		if err := validateChange(ch); err != nil {
			return nil, err
		}
		if id := ch.ResourceRecordSet.HealthCheckId; id != nil && ch.Action != types.ChangeActionDelete {
			if _, err := s.healthCheck(id); err != nil {
				return nil, err
			}
		}
		// AWS counts the records of an UPSERT twice.
		n := len(ch.ResourceRecordSet.ResourceRecords)
		if ch.Action == types.ChangeActionUpsert {
			n *= 2
		}
		weight += max(n, 1)
	}
	if weight > maxBatchRecords {
		return nil, invalidBatch([]string{fmt.Sprintf("Number of records limit of %d exceeded.", maxBatchRecords)})
	}
	next, problems := z.after(batch.Changes)
	if len(problems) > 0 {
		return nil, invalidBatch(problems)
	}
	z.records = next
	z.busyUntil = s.opts.Clock.Now().Add(s.opts.Processing)
	e.Changes, e.Comment = batch.Changes, value(batch.Comment)
	return ptr(s.startChange(z, e)), nil
}

// maxBatchRecords is AWS's limit of ResourceRecord elements in one batch.
const maxBatchRecords = 1000

// after returns the zone's records after the changes, or what is wrong with
// them. The rules on record sets of one name are judged on the result, so a
// batch may replace a simple record set by weighted ones.
func (z *zone) after(changes []types.Change) (recordMap, []string) {
	next := maps.Clone(z.records)
	written := map[recordKey]bool{}
	var problems []string
	for _, ch := range changes {
		set := *ch.ResourceRecordSet
		key := keyOf(&set)
		set.Name = ptr(key.name)
		if !inZone(key.name, z.name) {
			problems = append(problems, fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s", key.name, z.name))
			continue
		}
		old, exists := next[key]
		switch {
		case ch.Action != types.ChangeActionDelete && written[key]:
			problems = append(problems, fmt.Sprintf("The request contains an invalid set of changes for a resource record set '%s %s'", key.typ, key.name))
		case ch.Action == types.ChangeActionCreate && exists:
			problems = append(problems, fmt.Sprintf("Tried to create resource record set %s but it already exists", key))
		case ch.Action == types.ChangeActionDelete && !exists:
			problems = append(problems, fmt.Sprintf("Tried to delete resource record set %s but it was not found", key))
		case ch.Action == types.ChangeActionDelete && !sameRecordSet(old, set):
			problems = append(problems, fmt.Sprintf("Tried to delete resource record set %s but the values provided do not match the current values", key))
		case ch.Action == types.ChangeActionDelete:
			delete(next, key)
		default:
			next[key] = set
			written[key] = true
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return next, z.conflicts(next, written)
}

func (k recordKey) String() string {
	s := fmt.Sprintf("[name='%s', type='%s'", k.name, k.typ)
	if k.setIdentifier != "" {
		s += fmt.Sprintf(", set-identifier='%s'", k.setIdentifier)
	}
	return s + "]"
}

func inZone(name, zoneName string) bool {
	return name == zoneName || strings.HasSuffix(name, "."+zoneName)
}

// startChange makes the zone's current records INSYNC after the propagation.
func (s *Service) startChange(z *zone, e ChangeEvent) types.ChangeInfo {
	now := s.opts.Clock.Now()
	id := s.nextID("C")
	ch := &change{
		info:    types.ChangeInfo{Id: ptr("/change/" + id), Status: types.ChangeStatusPending, SubmittedAt: ptr(now)},
		due:     now.Add(s.opts.Propagation),
		records: z.records,
	}
	if e.Comment != "" {
		ch.info.Comment = ptr(e.Comment)
	}
	e.ZoneID, e.ChangeID = z.id, id
	ch.event = e
	s.changes[id] = ch
	z.pending = append(z.pending, ch)
	s.emit(e, types.ChangeStatusPending, now)
	s.opts.Clock.AfterFunc(s.opts.Propagation, func() {
		s.lock()
		s.settle(z, s.opts.Clock.Now()) // by itself: the zone may be deleted
		s.unlock()
	})
	return ch.info
}

// settle makes the changes of z that are due INSYNC, in the order they came.
func (s *Service) settle(z *zone, now time.Time) {
	for len(z.pending) > 0 && !now.Before(z.pending[0].due) {
		ch := z.pending[0]
		z.pending = z.pending[1:]
		z.live = ch.records
		ch.info.Status = types.ChangeStatusInsync
		s.emit(ch.event, types.ChangeStatusInsync, ch.due)
	}
}

func (s *Service) emit(e ChangeEvent, status types.ChangeStatus, at time.Time) {
	s.events++
	e.Seq, e.Status, e.Time = s.events, status, at
	s.outbox = append(s.outbox, e)
}

// GetChange tells whether a change is PENDING or INSYNC.
func (s *Service) GetChange(_ *wire.Call, in *sdk.GetChangeInput) (*sdk.GetChangeOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	ch := s.changes[bareID(in.Id)]
	if ch == nil {
		return nil, &types.NoSuchChange{Message: ptr("Could not find resource with ID: " + bareID(in.Id))}
	}
	return &sdk.GetChangeOutput{ChangeInfo: ptr(ch.info)}, nil
}
