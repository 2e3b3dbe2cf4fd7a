package asl

import (
	"encoding/json"
	"time"
)

// ObjectRequest is one call to Amazon S3 that a Distributed Map makes.
type ObjectRequest struct {
	Operation    string          // GetObject, ListObjectsV2 or PutObject
	Arguments    json.RawMessage // the operation's input with its members as S3 names them (Bucket, Key, ...), without Body
	Body         []byte          // of PutObject
	State        string          // name of the Map state
	ExecutionArn string          // of the execution that the Map state is in
}

// ObjectResult is the answer to an ObjectRequest: Err, or else what S3 said.
type ObjectResult struct {
	Output json.RawMessage // the operation's output with its members as S3 names them, without Body; timestamps in ISO 8601
	Body   []byte          // of GetObject
	Err    *Error          // named as S3's errors are in aws-sdk integrations: S3.NoSuchKeyException
}

// Objects makes a Distributed Map's calls to Amazon S3. Call must not block
// for long; it calls done exactly once, synchronously or later from any
// goroutine. A request's pages of ListObjectsV2 are asked for one by one.
type Objects interface {
	Call(req ObjectRequest, done func(ObjectResult))
}

// MapRunStatus is where a Map Run stands, as AWS names it.
type MapRunStatus string

// The statuses of a Map Run.
const (
	MapRunRunning   MapRunStatus = "RUNNING"
	MapRunSucceeded MapRunStatus = "SUCCEEDED"
	MapRunFailed    MapRunStatus = "FAILED"
	MapRunAborted   MapRunStatus = "ABORTED"
)

// MapRunCounts counts the child executions of a Map Run, or the items in them.
type MapRunCounts struct {
	Pending, Running, Succeeded, Failed, TimedOut, Aborted, Total int64
	ResultsWritten, FailuresNotRedrivable, PendingRedrive         int64
}

// MapRunInfo is what DescribeMapRun tells.
type MapRunInfo struct {
	Arn             string
	ExecutionArn    string // of the execution that started it
	StateMachineArn string // of the children: <machine>/<label>
	Label           string
	Express         bool // the children are EXPRESS executions
	Status          MapRunStatus
	Started         time.Time
	Stopped         time.Time // zero while it runs
	MaxConcurrency  int64     // 10,000 where the definition has no other
	// The tolerated failures; zero when they are not given.
	ToleratedFailureCount      int64
	ToleratedFailurePercentage float64
	RedriveCount               int
	Redriven                   time.Time // the last redrive; zero: none
	Executions, Items          MapRunCounts
}

// MapRunUpdate changes a Map Run while it runs (UpdateMapRun). Nil leaves a
// value as it is.
type MapRunUpdate struct {
	MaxConcurrency             *int64
	ToleratedFailureCount      *int64
	ToleratedFailurePercentage *float64
}

// RedriveStatus says whether an execution can be redriven, as AWS names it.
type RedriveStatus string

// The redrive statuses.
const (
	Redrivable         RedriveStatus = "REDRIVABLE"
	NotRedrivable      RedriveStatus = "NOT_REDRIVABLE"
	RedrivableByMapRun RedriveStatus = "REDRIVABLE_BY_MAP_RUN"
)

// ExecutionInfo is what DescribeExecution tells beside input and output.
type ExecutionInfo struct {
	Arn, Name       string
	StateMachineArn string // of a child: <machine>/<label>
	Express         bool
	Status          Status
	Started         time.Time
	Stopped         time.Time // zero while it runs
	Input           json.RawMessage
	MapRunArn       string // of a child: the Map Run that dispatched it
	ItemCount       int    // of a child: the number of items in its input
	RedriveCount    int
	Redriven        time.Time // the last redrive; zero: none
	Redrive         RedriveStatus
	RedriveReason   string // why it is not redrivable, as AWS says it
}

// NotRedrivableError says why an execution cannot be redriven
// (ExecutionNotRedrivable).
type NotRedrivableError struct{ Reason string }

// Error implements error.
func (e *NotRedrivableError) Error() string { return e.Reason }
