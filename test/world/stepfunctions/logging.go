package stepfunctions

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Logs takes the log events of executions.
type Logs interface {
	Write(group, stream string, at time.Time, message string)
}

// groupOf is the log group that a configuration names: its name.
func groupOf(l *types.LoggingConfiguration) (string, bool) {
	if l == nil || len(l.Destinations) != 1 || l.Destinations[0].CloudWatchLogsLogGroup == nil {
		return "", false
	}
	_, name, ok := strings.Cut(aws.ToString(l.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn), ":log-group:")
	return strings.TrimSuffix(name, ":*"), ok && name != ""
}

// checkLogging refuses a logging configuration as AWS does. It calls CloudWatch
// Logs, so s.mu must not be held.
func (s *Service) checkLogging(l *types.LoggingConfiguration) error {
	invalid := func(text string) error {
		return &types.InvalidLoggingConfiguration{Message: aws.String("Invalid Logging Configuration: " + text)}
	}
	off := l.Level == "" || l.Level == types.LogLevelOff
	if len(l.Destinations) > 1 || len(l.Destinations) == 0 && !off {
		return invalid("Must specify exactly one Log Destination.")
	}
	if len(l.Destinations) == 0 {
		return nil
	}
	group, ok := groupOf(l)
	if !ok {
		return invalid("Must specify exactly one Log Destination.")
	}
	if !strings.HasSuffix(*l.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn, ":*") {
		return invalid("Log Destination ARN must end with ':*'.")
	}
	out, err := s.o.Mux.Peek(&wire.Call{Context: context.Background(), Service: "cloudwatchlogs", Operation: "DescribeLogGroups", Region: s.o.Region, Time: s.now()},
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	if err == nil {
		for _, g := range out.(*cloudwatchlogs.DescribeLogGroupsOutput).LogGroups {
			if aws.ToString(g.LogGroupName) == group {
				return nil
			}
		}
	}
	return invalid("Log Destination not found.")
}

// logStream writes an execution's events to CloudWatch Logs. Nil writes none.
type logStream struct {
	logs        Logs
	group, name string
	level       types.LogLevel
	data        bool // with input and output

	mu       sync.Mutex
	redrives map[string]int // by execution: the child executions write here too
}

func (s *Service) newLogStream(machineName string, e *execution) *logStream {
	l := e.revision.logging
	group, ok := groupOf(l)
	if s.o.Logs == nil || !ok || l.Level == types.LogLevelOff {
		return nil
	}
	name := fmt.Sprintf("states/%s/%s/%08x", machineName, e.started.Format("2006-01-02-15-04"), s.count)
	return &logStream{logs: s.o.Logs, group: group, name: name, level: l.Level, data: l.IncludeExecutionData, redrives: map[string]int{}}
}

// logged reports whether a level takes a type of event (source: "Log levels for
// Step Functions execution events", Step Functions Developer Guide).
func logged(level types.LogLevel, event string) bool {
	switch level {
	case types.LogLevelAll:
		return true
	case types.LogLevelError:
		return strings.HasSuffix(event, "Failed") || strings.HasSuffix(event, "TimedOut") || strings.HasSuffix(event, "Aborted") || event == "FailStateEntered"
	case types.LogLevelFatal:
		return terminal[event] && event != "ExecutionSucceeded"
	}
	return false
}

// logEvent is one event as AWS writes it to a log.
type logEvent struct {
	ID              string       `json:"id"`
	Type            string       `json:"type"`
	Details         *asl.Details `json:"details,omitempty"`
	PreviousEventID string       `json:"previous_event_id"`
	Timestamp       string       `json:"event_timestamp"`
	ExecutionArn    string       `json:"execution_arn"`
	RedriveCount    string       `json:"redrive_count"`
}

func (l *logStream) write(executionArn string, ev asl.Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	if ev.Type == "ExecutionRedriven" {
		l.redrives[executionArn]++
	}
	redrives := l.redrives[executionArn]
	l.mu.Unlock()
	if !logged(l.level, ev.Type) {
		return
	}
	if !l.data {
		ev = withoutData(ev)
	}
	l.logs.Write(l.group, l.name, ev.Timestamp, string(mustJSON(logEvent{
		ID: strconv.FormatInt(ev.ID, 10), Type: ev.Type, Details: ev.Details, PreviousEventID: strconv.FormatInt(ev.PreviousEventID, 10),
		Timestamp: strconv.FormatInt(ev.Timestamp.UnixMilli(), 10), ExecutionArn: executionArn, RedriveCount: strconv.Itoa(redrives),
	})))
}
