package asl

import (
	"encoding/json"
	"strings"
	"time"
)

// Event is one event of an execution's history, with AWS's ids and types.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
type Event struct {
	ID              int64
	PreviousEventID int64
	Timestamp       time.Time
	Type            string
	Details         *Details // nil for types that have none
}

// Details is the union of AWS's details structures: every type of event uses
// the fields that AWS gives it. Values that AWS shows as JSON text (input,
// output, parameters, variables) are JSON text here.
type Details struct {
	Name                     string            `json:"name,omitempty"`
	Index                    *int              `json:"index,omitempty"`
	Length                   *int              `json:"length,omitempty"`
	ResourceType             string            `json:"resourceType,omitempty"`
	Resource                 string            `json:"resource,omitempty"`
	Region                   string            `json:"region,omitempty"`
	Parameters               string            `json:"parameters,omitempty"`
	TimeoutInSeconds         *int64            `json:"timeoutInSeconds,omitempty"`
	HeartbeatSeconds         *int64            `json:"heartbeatInSeconds,omitempty"`
	Input                    string            `json:"input,omitempty"`
	InputDetails             *Truncation       `json:"inputDetails,omitempty"`
	Output                   string            `json:"output,omitempty"`
	OutputDetails            *Truncation       `json:"outputDetails,omitempty"`
	RoleArn                  string            `json:"roleArn,omitempty"`
	Error                    string            `json:"error,omitempty"`
	Cause                    string            `json:"cause,omitempty"`
	Location                 string            `json:"location,omitempty"`
	State                    string            `json:"state,omitempty"`
	AssignedVariables        map[string]string `json:"assignedVariables,omitempty"`
	AssignedVariablesDetails *Truncation       `json:"assignedVariablesDetails,omitempty"`
	TaskCredentials          *TaskCredentials  `json:"taskCredentials,omitempty"`
	WorkerName               string            `json:"workerName,omitempty"`
	MapRunArn                string            `json:"mapRunArn,omitempty"`
	RedriveCount             int               `json:"redriveCount,omitempty"`
	StateMachineVersionArn   string            `json:"stateMachineVersionArn,omitempty"`
	StateMachineAliasArn     string            `json:"stateMachineAliasArn,omitempty"`
}

// TaskCredentials are the credentials of a Task as AWS shows them.
type TaskCredentials struct {
	RoleArn string `json:"roleArn"`
}

// Truncation says whether AWS cut a text. Nothing is cut here.
type Truncation struct {
	Truncated bool `json:"truncated"`
}

// DetailsKey is the member in which AWS puts the details of this type of
// event: stateEnteredEventDetails for PassStateEntered.
func (e Event) DetailsKey() string {
	switch {
	case strings.HasSuffix(e.Type, "StateEntered"):
		return "stateEnteredEventDetails"
	case strings.HasSuffix(e.Type, "StateExited"):
		return "stateExitedEventDetails"
	}
	return strings.ToLower(e.Type[:1]) + e.Type[1:] + "EventDetails"
}

// MarshalJSON writes the event as the API's JSON protocol does: the timestamp
// in seconds since 1970.
func (e Event) MarshalJSON() ([]byte, error) {
	m := map[string]any{
		"id": e.ID, "previousEventId": e.PreviousEventID, "type": e.Type,
		"timestamp": float64(e.Timestamp.UnixMilli()) / 1000,
	}
	if e.Details != nil {
		m[e.DetailsKey()] = e.Details
	}
	return json.Marshal(m)
}

var whole = &Truncation{}

func inputDetails(d Details, input string) *Details {
	d.Input, d.InputDetails = input, whole
	return &d
}

func outputDetails(d Details, output string) *Details {
	d.Output, d.OutputDetails = output, whole
	return &d
}

func errorDetails(d Details, err *Error) *Details {
	d.Error, d.Cause = err.Name, err.Cause
	return &d
}
