package asl

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Limits of AWS Step Functions Standard workflows.
const (
	MaxPayload    = 256 * 1024 // bytes of one state's input or output
	MaxEvents     = 25_000     // events in one history
	MaxConcurrent = 40         // iterations of one inline Map at a time
)

// Names of the errors that the interpreter itself raises, as AWS names them.
const (
	ErrAll              = "States.ALL"
	ErrTaskFailed       = "States.TaskFailed"
	ErrTimeout          = "States.Timeout"
	ErrHeartbeatTimeout = "States.HeartbeatTimeout"
	ErrRuntime          = "States.Runtime"
	ErrDataLimit        = "States.DataLimitExceeded"
	ErrQueryEvaluation  = "States.QueryEvaluationError"

	ErrExceedToleratedFailures = "States.ExceedToleratedFailureThreshold"
	ErrItemReaderFailed        = "States.ItemReaderFailed"
	ErrResultWriterFailed      = "States.ResultWriterFailed"
)

// Error is how a state or an execution fails: a name that Retry and Catch
// match, and a text.
type Error struct {
	Name  string `json:"Error"`
	Cause string `json:"Cause"`
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Name == "":
		return e.Cause
	case e.Cause == "":
		return e.Name
	}
	return e.Name + ": " + e.Cause
}

// TaskRequest is one attempt of a Task state.
type TaskRequest struct {
	Resource      string          // ARN as written
	Arguments     json.RawMessage // evaluated Arguments or Parameters; the state's input without them
	State         string          // name of the state
	TaskToken     string          // set for .waitForTaskToken and activities
	ExecutionArn  string          // in a Distributed Map: of the child execution
	ExecutionName string
	Attempt       int             // 0 for the first attempt, then the number of retries
	Credentials   json.RawMessage // evaluated Credentials, or nil
	Timeout       time.Duration   // 0: none
	Heartbeat     time.Duration   // 0: none

	// Submitted may be called once by the runner of a .sync task when the job
	// was accepted, with the answer to that call; TaskSubmitted is recorded
	// then. A runner that does not call it has it recorded just before success.
	Submitted func(output json.RawMessage)
}

// TaskResult is how an attempt ended: Err, or else Output.
type TaskResult struct {
	Output json.RawMessage
	Err    *Error
}

// Tasks performs attempts of tasks. Start must not block for long. It calls
// done exactly once, synchronously or later from any goroutine; for
// .waitForTaskToken done only says that the request was delivered, and the
// state ends with its token. The returned cancel (nil is fine) is called when
// the attempt is abandoned: timeout, stop, or a failed sibling branch.
type Tasks interface {
	Start(req TaskRequest, done func(TaskResult)) (cancel func())
}

// Checker may be implemented by Tasks. Check says why a task cannot begin at
// all: the state fails by States.Runtime with these words, and no task is
// scheduled. It is called within the execution's lock and must not call the
// execution.
type Checker interface {
	Check(req TaskRequest) error
}

// Status of an execution, as AWS names it.
type Status string

// The statuses of an execution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Options says how to run one execution. Clock is required; Tasks is required
// when the definition has Task states.
type Options struct {
	Clock   clock.Clock
	Tasks   Tasks
	Objects Objects       // what a Distributed Map's ItemReader and ResultWriter use
	Rand    *rand.Rand    // jitter and random functions; nil: a fixed seed
	ID      func() string // task tokens and UUIDs; nil: derived from the execution's ARN
	OnEvent func(Event)   // called for each history event, in order, outside the execution's lock

	// OnChild is called for every child execution of a Distributed Map, before
	// its first event, and OnChildEvent for each of a child's events, in order;
	// both outside the execution's lock.
	OnChild      func(child *Execution)
	OnChildEvent func(child *Execution, ev Event)

	StateMachineArn        string // without version and alias
	StateMachineVersionArn string // of the version or alias that was started, if any
	StateMachineAliasArn   string
	ExecutionArn           string
	ExecutionName          string // default: the last part of ExecutionArn
	RoleArn                string
	Input                  json.RawMessage // default: {}

	// Halted, if set, is asked before each state: true aborts the execution, as
	// when its state machine was deleted. It is called within the execution's
	// lock and must not call the execution.
	Halted func() bool

	Express        bool // an EXPRESS execution: five minutes, no limit of events
	MaxEvents      int  // 0: AWS's limit of 25,000; below 0: no limit
	DiscardHistory bool // keep no events; OnEvent still sees them

	probe *probe // looks at the one state that is tested
}

// The errors of the task token calls, as AWS names them.
var (
	ErrTaskDoesNotExist = &TokenError{Code: "TaskDoesNotExist", Message: "Task does not exist"}
	ErrTaskTimedOut     = &TokenError{Code: "TaskTimedOut", Message: "Task Timed Out: 'Provided task does not exist anymore'"}
	ErrInvalidToken     = &TokenError{Code: "InvalidToken", Message: "Invalid Token: 'Invalid token'"}
	ErrInvalidOutput    = &TokenError{Code: "InvalidOutput", Message: "Invalid Output: the output is not JSON of at most 262144 bytes"}
)

// TokenError says why a task token was refused.
type TokenError struct{ Code, Message string }

// Error implements error.
func (e *TokenError) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }
