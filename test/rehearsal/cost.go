package rehearsal

import (
	"context"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
)

// price says what AWS would take for the agent's part of an upgrade on the
// architecture that is the default of a deployment: its state machine, functions,
// builds and calls. Functions take the time that they take on this machine.
func (s *stage) price(ctx context.Context, e *asl.Execution, firstCall int) (*cost.Bill, error) {
	var u cost.Usage
	for _, c := range s.world.Calls()[firstCall:] {
		if slices.Contains(unwatched, c.Caller) {
			continue
		}
		entries := 1
		switch in := c.Input.(type) {
		case *cloudwatch.GetMetricDataInput:
			entries = len(in.MetricDataQueries)
		case *eventbridge.PutEventsInput:
			entries = len(in.Entries)
		}
		u.Call(c.Service, c.Operation, entries)
	}
	history := e.History()
	u.Transitions = transitions(history)
	if s.o.Functions != "" || s.o.Deploy != nil { // they are processes, and Lambda says what they took
		if err := s.functionLogs(ctx, func(_ string, e types.FilteredLogEvent) error {
			s.ledger.line([]byte(aws.ToString(e.Message)))
			return nil
		}); err != nil {
			return nil, err
		}
	} else {
		s.ledger.invocations(history)
	}
	if err := s.useBuilds(ctx, &u); err != nil {
		return nil, err
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	u.Invocations, u.GigabyteSeconds = s.ledger.functions.Invocations, s.ledger.functions.GigabyteSeconds
	u.MetricHours, u.LogGigabytes = float64(len(s.ledger.hours)), float64(s.ledger.bytes)/1e9
	bill := u.Bill(cost.Architecture(deploy.Arm))
	return &bill, nil
}

// transitions counts the states of a history; a retry is one more.
func transitions(history []asl.Event) float64 {
	entered, n := map[int64]bool{}, 0
	for _, e := range history {
		switch {
		case strings.HasSuffix(e.Type, "StateEntered"):
			entered[e.ID] = true
			n++
		case e.Type == "TaskScheduled" && !entered[e.PreviousEventID]:
			n++
		}
	}
	return float64(n)
}

// useBuilds counts the minutes of all builds; CodeBuild rounds up.
func (s *stage) useBuilds(ctx context.Context, u *cost.Usage) error {
	api := codebuild.NewFromConfig(s.as("narrator"))
	list, err := api.ListBuilds(ctx, &codebuild.ListBuildsInput{})
	if err != nil || len(list.Ids) == 0 {
		return err
	}
	out, err := api.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: list.Ids})
	if err != nil {
		return err
	}
	for _, b := range out.Builds {
		if b.StartTime != nil && b.EndTime != nil {
			u.BuildMinutes += math.Ceil(b.EndTime.Sub(*b.StartTime).Minutes())
		}
	}
	return nil
}

// ledger counts what functions took and wrote: bytes, and the hours in which
// each custom metric has data.
type ledger struct {
	mu        sync.Mutex
	functions cost.Usage
	bytes     int
	hours     map[string]bool
}

// Write takes a line of a function's output.
func (l *ledger) Write(line []byte) (int, error) {
	l.line(line)
	return len(line), nil
}

func (l *ledger) line(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += len(line)
	if m := billed.FindSubmatch(line); m != nil {
		took, _ := strconv.Atoi(string(m[1])) // digits
		memory, _ := strconv.Atoi(string(m[2]))
		l.functions.Invoke(memory, float64(took)/1000)
		return
	}
	var doc map[string]json.RawMessage
	var meta struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name string }
		}
	}
	if json.Unmarshal(line, &doc) != nil || json.Unmarshal(doc["_aws"], &meta) != nil {
		return // a line of a log
	}
	hour := time.UnixMilli(meta.Timestamp).UTC().Format("2006-01-02T15")
	for _, d := range meta.CloudWatchMetrics {
		for _, set := range d.Dimensions {
			for _, m := range d.Metrics {
				id := []string{hour, d.Namespace, m.Name}
				for _, name := range set {
					id = append(id, name, string(doc[name]))
				}
				l.hours[strings.Join(id, " ")] = true
			}
		}
	}
}

// billed finds what Lambda writes after each invocation.
var billed = regexp.MustCompile(`^REPORT RequestId: .*Billed Duration: (\d+) ms\tMemory Size: (\d+) MB`)

// invocations counts those of functions that have no process: each lasts from
// TaskStarted to whatever follows it.
func (l *ledger) invocations(history []asl.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sizes := deploy.Sizes()
	function, began := map[int64]string{}, map[int64]time.Time{} // by id of the event
	for _, e := range history {
		before := e.PreviousEventID
		switch {
		case e.Type == "TaskScheduled" && e.Details != nil && e.Details.ResourceType == "lambda":
			var call struct{ FunctionName string }
			if json.Unmarshal([]byte(e.Details.Parameters), &call) == nil {
				function[e.ID] = call.FunctionName
			}
		case e.Type == "TaskStarted" && function[before] != "":
			function[e.ID], began[e.ID] = function[before], e.Timestamp
		case !began[before].IsZero():
			l.functions.Invoke(sizes[function[before]].MemoryMiB, e.Timestamp.Sub(began[before]).Seconds())
		}
	}
}
