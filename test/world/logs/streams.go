package logs

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CreateLogStream creates a stream in a group.
func (s *Service) CreateLogStream(_ *wire.Call, in *sdk.CreateLogStreamInput) (*sdk.CreateLogStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if err := checkStreamName(in.LogStreamName); err != nil {
		return nil, err
	}
	if g.streams[*in.LogStreamName] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: ptr("The specified log stream already exists")}
	}
	g.newStream(*in.LogStreamName, s.clock.Now())
	return &sdk.CreateLogStreamOutput{}, nil
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(_ *wire.Call, in *sdk.DeleteLogStreamInput) (*sdk.DeleteLogStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := g.stream(in.LogStreamName); err != nil {
		return nil, err
	}
	delete(g.streams, *in.LogStreamName)
	return &sdk.DeleteLogStreamOutput{}, nil
}

// DescribeLogStreams lists streams by name or by their last event.
func (s *Service) DescribeLogStreams(_ *wire.Call, in *sdk.DescribeLogStreamsInput) (*sdk.DescribeLogStreamsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	all := []types.LogStream{}
	for _, name := range slices.Sorted(maps.Keys(g.streams)) {
		if !strings.HasPrefix(name, value(in.LogStreamNamePrefix)) {
			continue
		}
		st := g.streams[name]
		d := types.LogStream{LogStreamName: ptr(name), CreationTime: ptr(st.created.UnixMilli()), StoredBytes: ptr(int64(0)),
			Arn: ptr(s.groupARN(g.name) + ":log-stream:" + name), UploadSequenceToken: ptr(token("sequence", int(s.seq)))}
		if events := s.live(g, st); len(events) > 0 {
			d.FirstEventTimestamp, d.LastEventTimestamp, d.LastIngestionTime = ptr(events[0].at), ptr(events[len(events)-1].at), ptr(st.ingested.UnixMilli())
		}
		all = append(all, d)
	}
	if byTime {
		slices.SortStableFunc(all, func(a, b types.LogStream) int {
			return cmp.Compare(value(a.LastEventTimestamp), value(b.LastEventTimestamp))
		})
	}
	if value(in.Descending) {
		slices.Reverse(all)
	}
	page, next, err := paged(all, in.NextToken, in.Limit, 50)
	return &sdk.DescribeLogStreamsOutput{LogStreams: page, NextToken: next}, err
}

// paged cuts a page out of all. Tokens are positions: what was added or deleted
// between two pages can shift them.
func paged[T any](all []T, from *string, limit *int32, most int) (page []T, next *string, err error) {
	size := most
	if limit != nil {
		if *limit < 1 || int(*limit) > most {
			return nil, nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *limit, most)
		}
		size = int(*limit)
	}
	start := 0
	if from != nil {
		var ok bool
		if start, ok = position(*from, "page"); !ok || start > len(all) {
			return nil, nil, invalid("The specified nextToken is invalid.")
		}
	}
	end := min(start+size, len(all))
	if end < len(all) {
		next = ptr(token("page", end))
	}
	return append([]T{}, all[start:end]...), next, nil
}

func token(kind string, n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + "/" + strconv.Itoa(n)))
}

func position(text, kind string) (n int, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, false
	}
	rest, ok := strings.CutPrefix(string(raw), kind+"/")
	if !ok {
		return 0, false
	}
	n, err = strconv.Atoi(rest)
	return n, err == nil && n >= 0
}
