package rehearsal

import (
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
)

// history is of a function that failed once and was called again, and a state
// that calls no function.
func history() []asl.Event {
	at := time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC)
	invoke := &asl.Details{ResourceType: "lambda", Parameters: `{"FunctionName":"eks-upgrade-execute","Payload":{}}`}
	return []asl.Event{
		{ID: 1, Type: "ExecutionStarted"},
		{ID: 2, PreviousEventID: 1, Type: "TaskStateEntered"},
		{ID: 3, PreviousEventID: 2, Type: "TaskScheduled", Details: invoke},
		{ID: 4, PreviousEventID: 3, Type: "TaskStarted", Timestamp: at},
		{ID: 5, PreviousEventID: 4, Type: "TaskFailed", Timestamp: at.Add(time.Second)},
		{ID: 6, PreviousEventID: 5, Type: "TaskScheduled", Details: invoke},
		{ID: 7, PreviousEventID: 6, Type: "TaskStarted", Timestamp: at.Add(5 * time.Second)},
		{ID: 8, PreviousEventID: 7, Type: "TaskSucceeded", Timestamp: at.Add(7 * time.Second)},
		{ID: 9, PreviousEventID: 8, Type: "TaskStateExited"},
		{ID: 10, PreviousEventID: 9, Type: "TaskStateEntered"},
		{ID: 11, PreviousEventID: 10, Type: "TaskScheduled", Details: &asl.Details{ResourceType: "sns", Parameters: `{"TopicArn":"t"}`}},
		{ID: 12, PreviousEventID: 11, Type: "TaskStarted", Timestamp: at},
		{ID: 13, PreviousEventID: 12, Type: "TaskSucceeded", Timestamp: at.Add(time.Hour)},
	}
}

func TestARetryIsATransition(t *testing.T) {
	if got := transitions(history()); got != 3 {
		t.Errorf("%v transitions, want 2 states and a retry", got)
	}
}

func TestInvocationsOfAHistory(t *testing.T) {
	l := &ledger{hours: map[string]bool{}}
	l.invocations(history())
	if want := (cost.Usage{Invocations: 2, GigabyteSeconds: 3}); l.functions != want { // of 1 GiB: one second, two seconds
		t.Errorf("%+v, want %+v", l.functions, want)
	}
}

func TestWhatFunctionsWrite(t *testing.T) {
	l := &ledger{hours: map[string]bool{}}
	lines := []string{
		`{"level":"info","message":"done"}`,
		"REPORT RequestId: 1\tDuration: 99.10 ms\tBilled Duration: 500 ms\tMemory Size: 512 MB\tMax Memory Used: 40 MB\t",
		"not a line of ours: REPORT",
		`{"_aws":{"Timestamp":1785747600000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["Phase"],["Phase","Code"]],"Metrics":[{"Name":"A"},{"Name":"B"}]}]},"Phase":"execute","Code":"none","A":1,"B":2}`,
		`{"_aws":{"Timestamp":1785747660000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["Phase"]],"Metrics":[{"Name":"A"}]}]},"Phase":"execute","A":1}`, // the same hour
		`{"_aws":{"Timestamp":1785751200000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["Phase"]],"Metrics":[{"Name":"A"}]}]},"Phase":"execute","A":1}`, // the next one
		`{"_aws":{"Timestamp":1785751200000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"A"}]}]},"A":1}`,
	}
	size := 0
	for _, line := range lines {
		n, err := l.Write([]byte(line))
		if n != len(line) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		size += n
	}
	if l.bytes != size || len(l.hours) != 6 {
		t.Errorf("%d bytes, want %d; metrics %v, want 6", l.bytes, size, l.hours)
	}
	if want := (cost.Usage{Invocations: 1, GigabyteSeconds: 0.25}); l.functions != want {
		t.Errorf("%+v, want %+v", l.functions, want)
	}
}
