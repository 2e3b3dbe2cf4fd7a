// Package logs simulates Amazon CloudWatch Logs: log groups, log streams, events
// with their tokens, filter patterns and retention. Other services write to it
// in process (Write), as AWS's own do.
package logs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Service is the simulated CloudWatch Logs. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string

	mu       sync.Mutex
	groups   map[string]*group
	seq      int64   // of events: makes their ids
	metrics  Metrics // nil: events stay text
	policies map[string]types.ResourcePolicy
}

type group struct {
	name      string
	created   time.Time
	retention int32 // days; 0: for ever
	class     types.LogGroupClass
	kmsKey    *string
	protected bool
	tags      map[string]string
	streams   map[string]*stream
	filters   map[string]*metricFilter // replaced, never changed
}

type stream struct {
	name     string
	created  time.Time
	ingested time.Time
	events   []event // by timestamp, then by arrival
	bytes    int64
}

type event struct {
	seq           int64
	at, ingestion int64 // Unix milliseconds
	message       string
}

// eventOverhead is what AWS counts for an event beyond its text, in bytes.
const eventOverhead = 26

// New returns a CloudWatch Logs without log groups.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, groups: map[string]*group{}}
}

// Write adds one event, and makes the group and the stream where they are
// missing. Writers of one stream should write in order of time.
func (s *Service) Write(groupName, streamName string, at time.Time, message string) {
	s.mu.Lock()
	now := s.clock.Now()
	g := s.groups[groupName]
	if g == nil {
		g = s.newGroup(groupName)
	}
	st := g.streams[streamName]
	if st == nil {
		st = g.newStream(streamName, now)
	}
	s.add(st, at.UnixMilli(), now, message)
	to, class, filters := s.metrics, g.class, g.filters
	s.mu.Unlock()
	s.extract(to, groupName, class, message)
	s.measure(to, filters, []string{message})
}

// Text returns the messages of a stream, one a line; "" when there is none.
func (s *Service) Text(groupName, streamName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupName]
	if g == nil || g.streams[streamName] == nil {
		return ""
	}
	var b strings.Builder
	for _, e := range g.streams[streamName].events {
		b.WriteString(strings.TrimSuffix(e.message, "\n"))
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *Service) newGroup(name string) *group {
	g := &group{name: name, created: s.clock.Now(), class: types.LogGroupClassStandard, tags: map[string]string{}, streams: map[string]*stream{}}
	s.groups[name] = g
	return g
}

func (g *group) newStream(name string, now time.Time) *stream {
	st := &stream{name: name, created: now}
	g.streams[name] = st
	return st
}

// add inserts an event by its timestamp; events of one instant stay in the
// order of their arrival.
func (s *Service) add(st *stream, at int64, now time.Time, message string) {
	s.seq++
	i := len(st.events)
	for i > 0 && st.events[i-1].at > at {
		i--
	}
	st.events = slices.Insert(st.events, i, event{seq: s.seq, at: at, ingestion: now.UnixMilli(), message: message})
	st.ingested = now
	st.bytes += int64(len(message)) + eventOverhead
}

// live drops the events that the group's retention has ended. AWS deletes them
// within some days after; here they are gone at once.
func (s *Service) live(g *group, st *stream) []event {
	if g.retention > 0 {
		oldest := s.clock.Now().Add(-time.Duration(g.retention) * 24 * time.Hour).UnixMilli()
		n := 0
		for n < len(st.events) && st.events[n].at < oldest {
			st.bytes -= int64(len(st.events[n].message)) + eventOverhead
			n++
		}
		st.events = st.events[n:]
	}
	return st.events
}

func (s *Service) groupARN(name string) string {
	return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s", s.region, s.account, name)
}

var (
	groupNames  = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]{1,512}$`)
	streamNames = regexp.MustCompile(`^[^:*]{1,512}$`)
)

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: ptr(fmt.Sprintf(format, args...))}
}

func violated(value, member, pattern string) error {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, member, pattern)
}

func checkGroupName(name *string) error {
	if name == nil {
		return invalid("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	}
	if !groupNames.MatchString(*name) {
		return violated(*name, "logGroupName", `[\.\-_/#A-Za-z0-9]+`)
	}
	return nil
}

func checkStreamName(name *string) error {
	if name == nil {
		return invalid("1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: Member must not be null")
	}
	if !streamNames.MatchString(*name) {
		return violated(*name, "logStreamName", `[^:*]*`)
	}
	return nil
}

// find returns a group by its name, or by a name or ARN that identifies it.
func (s *Service) find(name, identifier *string) (*group, error) {
	switch {
	case name != nil && identifier != nil:
		return nil, invalid("LogGroup name and LogGroup identifier cannot be both provided.")
	case identifier != nil:
		bare := *identifier
		if _, after, ok := strings.Cut(bare, ":log-group:"); ok {
			bare = strings.TrimSuffix(after, ":*")
		}
		name = &bare
	}
	if err := checkGroupName(name); err != nil {
		return nil, err
	}
	g := s.groups[*name]
	if g == nil {
		return nil, &types.ResourceNotFoundException{Message: ptr("The specified log group does not exist.")}
	}
	return g, nil
}

func (g *group) stream(name *string) (*stream, error) {
	if err := checkStreamName(name); err != nil {
		return nil, err
	}
	st := g.streams[*name]
	if st == nil {
		return nil, &types.ResourceNotFoundException{Message: ptr("The specified log stream does not exist.")}
	}
	return st, nil
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
