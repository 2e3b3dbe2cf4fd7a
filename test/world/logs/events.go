package logs

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of PutLogEvents, GetLogEvents and FilterLogEvents (source: their API
// references).
const (
	maxBatch     = 1 << 20 // bytes
	maxEvents    = 10_000  // in a batch or a page
	maxPageBytes = 1 << 20
	maxAge       = 14 * 24 * time.Hour
	maxAhead     = 2 * time.Hour
	maxSpan      = 24 * time.Hour
)

// PutLogEvents adds events to a stream. Those that are too old or too new are
// left out, and the answer says which. Metrics that are embedded in events go
// to CloudWatch.
func (s *Service) PutLogEvents(_ *wire.Call, in *sdk.PutLogEventsInput) (*sdk.PutLogEventsOutput, error) {
	taken, out, err := s.put(in)
	if err != nil {
		return nil, err
	}
	for _, message := range taken.messages {
		s.extract(taken.metrics, taken.group.name, taken.group.class, message)
	}
	s.measure(taken.metrics, taken.filters, taken.messages)
	return out, nil
}

// batch is what was taken of the events that were put.
type batch struct {
	group    *group
	metrics  Metrics
	filters  map[string]*metricFilter
	messages []string
}

func (s *Service) put(in *sdk.PutLogEventsInput) (batch, *sdk.PutLogEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return batch{}, nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return batch{}, nil, err
	}
	if err := checkBatch(in.LogEvents); err != nil {
		return batch{}, nil, err
	}
	taken := batch{group: g, metrics: s.metrics, filters: g.filters}
	now := s.clock.Now()
	expired := now.Add(-maxAge)
	if g.retention > 0 {
		if limit := now.Add(-time.Duration(g.retention) * 24 * time.Hour); limit.After(expired) {
			expired = limit
		}
	}
	var rejected types.RejectedLogEventsInfo
	any := false
	for i, e := range in.LogEvents {
		at := time.UnixMilli(*e.Timestamp)
		switch {
		case at.Before(now.Add(-maxAge)):
			rejected.TooOldLogEventEndIndex, any = ptr(int32(i+1)), true
		case at.Before(expired):
			rejected.ExpiredLogEventEndIndex, any = ptr(int32(i+1)), true
		case at.After(now.Add(maxAhead)):
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex, any = ptr(int32(i)), true
			}
		default:
			s.add(st, *e.Timestamp, now, *e.Message)
			taken.messages = append(taken.messages, *e.Message)
		}
	}
	out := &sdk.PutLogEventsOutput{NextSequenceToken: ptr(token("sequence", int(s.seq)))}
	if any {
		out.RejectedLogEventsInfo = &rejected
	}
	return taken, out, nil
}

func checkBatch(events []types.InputLogEvent) error {
	if len(events) == 0 || len(events) > maxEvents {
		return invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to %d and greater than or equal to 1", maxEvents)
	}
	size := 0
	for i, e := range events {
		if e.Timestamp == nil || e.Message == nil || *e.Message == "" {
			return invalid("1 validation error detected: Value at 'logEvents.%d.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1", i+1)
		}
		size += len(*e.Message) + eventOverhead
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatch {
		return invalid("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	if first, last := *events[0].Timestamp, *events[len(events)-1].Timestamp; last-first > maxSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// GetLogEvents returns a page of a stream: the newest events unless StartFromHead,
// or what follows or precedes a token. At the end of the stream the answer's
// token is the one that was given.
func (s *Service) GetLogEvents(_ *wire.Call, in *sdk.GetLogEventsInput) (*sdk.GetLogEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	st, err := g.stream(in.LogStreamName)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(in.Limit)
	if err != nil {
		return nil, err
	}
	events := between(s.live(g, st), in.StartTime, in.EndTime)
	head := value(in.StartFromHead)
	start, end := 0, len(events)
	if in.NextToken != nil {
		place, forward, ok := parsePlace(*in.NextToken)
		if !ok {
			return nil, invalid("The specified nextToken is invalid.")
		}
		if head = forward; head {
			start = place.in(events)
		} else {
			end = place.in(events)
		}
	}
	if head {
		end = min(end, start+limit)
		end = start + fitting(events[start:end], false)
	} else {
		start = max(start, end-limit)
		start = end - fitting(events[start:end], true)
	}
	out := &sdk.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	for _, e := range events[start:end] {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: ptr(e.at), IngestionTime: ptr(e.ingestion), Message: ptr(e.message)})
	}
	var first, after place
	if end > start {
		first, after = place{events[start].at, events[start].seq}, place{events[end-1].at, events[end-1].seq + 1}
	}
	out.NextForwardToken, out.NextBackwardToken = ptr(after.token("f")), ptr(first.token("b"))
	if in.NextToken != nil && end == start {
		place, _, _ := parsePlace(*in.NextToken)
		out.NextForwardToken, out.NextBackwardToken = ptr(place.token("f")), ptr(place.token("b"))
	}
	return out, nil
}

// place is between two events of a stream; events that come later do not move it.
type place struct{ at, seq int64 }

// in returns the index of the first event after the place.
func (p place) in(events []event) int {
	return sort.Search(len(events), func(i int) bool {
		e := events[i]
		return e.at > p.at || (e.at == p.at && e.seq >= p.seq)
	})
}

// token has the form of AWS's: a direction and 56 digits.
func (p place) token(direction string) string {
	return fmt.Sprintf("%s/%020d%036d", direction, p.at, p.seq)
}

func parsePlace(token string) (p place, forward, ok bool) {
	direction, digits, _ := strings.Cut(token, "/")
	if len(digits) != 56 || (direction != "f" && direction != "b") {
		return p, false, false
	}
	var err, err2 error
	p.at, err = strconv.ParseInt(digits[:20], 10, 64)
	p.seq, err2 = strconv.ParseInt(digits[20:], 10, 64)
	return p, direction == "f", err == nil && err2 == nil
}

// fitting returns how many of the first (or last) events fit into a page.
func fitting(events []event, last bool) int {
	size := 0
	for n := range events {
		i := n
		if last {
			i = len(events) - 1 - n
		}
		size += len(events[i].message) + eventOverhead
		if size > maxPageBytes && n > 0 {
			return n
		}
	}
	return len(events)
}

func pageLimit(limit *int32) (int, error) {
	if limit == nil {
		return maxEvents, nil
	}
	if *limit < 1 || *limit > maxEvents {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *limit, maxEvents)
	}
	return int(*limit), nil
}

// between returns the events from start on and before end, in milliseconds.
func between(events []event, start, end *int64) []event {
	from, to := 0, len(events)
	if start != nil {
		from = sort.Search(len(events), func(i int) bool { return events[i].at >= *start })
	}
	if end != nil {
		to = sort.Search(len(events), func(i int) bool { return events[i].at >= *end })
	}
	return events[from:max(from, to)]
}

// FilterLogEvents returns the events of a group's streams that match a pattern.
func (s *Service) FilterLogEvents(_ *wire.Call, in *sdk.FilterLogEventsInput) (*sdk.FilterLogEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("LogStreamNames and LogStreamNamePrefix cannot be specified together.")
	}
	for _, name := range in.LogStreamNames {
		if _, err := g.stream(&name); err != nil {
			return nil, err
		}
	}
	limit, err := pageLimit(in.Limit)
	if err != nil {
		return nil, err
	}
	matches, err := parsePattern(value(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	type hit struct {
		event
		stream string
	}
	var hits []hit
	for _, name := range slices.Sorted(maps.Keys(g.streams)) {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, name) || !strings.HasPrefix(name, value(in.LogStreamNamePrefix)) {
			continue
		}
		for _, e := range between(s.live(g, g.streams[name]), in.StartTime, in.EndTime) {
			if matches(e.message) {
				hits = append(hits, hit{e, name})
			}
		}
	}
	sort.SliceStable(hits, func(i, j int) bool {
		if hits[i].at != hits[j].at {
			return hits[i].at < hits[j].at
		}
		return hits[i].seq < hits[j].seq
	})
	if in.StartFromHead != nil && !*in.StartFromHead {
		slices.Reverse(hits)
	}
	page, next, err := paged(hits, in.NextToken, ptr(int32(limit)), maxEvents) //nolint:gosec // at most 10,000
	if err != nil {
		return nil, err
	}
	out := &sdk.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}, NextToken: next}
	for _, h := range page {
		out.Events = append(out.Events, types.FilteredLogEvent{EventId: ptr(fmt.Sprintf("%056d", h.seq)), IngestionTime: ptr(h.ingestion), LogStreamName: ptr(h.stream), Message: ptr(h.message), Timestamp: ptr(h.at)})
	}
	return out, nil
}
