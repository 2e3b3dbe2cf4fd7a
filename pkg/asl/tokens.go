package asl

import "encoding/json"

// maxToken is AWS's longest task token.
const maxToken = 2048

// TaskSucceeded ends the task that waits for token with an output
// (SendTaskSuccess). Errors are ErrInvalidToken, ErrTaskDoesNotExist,
// ErrTaskTimedOut (used, timed out or abandoned) and ErrInvalidOutput.
func (e *Execution) TaskSucceeded(token string, output json.RawMessage) error {
	if doc, err := parseDoc(output); err != nil || len(doc.raw) > MaxPayload {
		return ErrInvalidOutput
	}
	return e.byToken(token, func(a *attempt) {
		a.answered = true // the runner's work is not in vain: it is not cancelled
		a.succeeded(output)
	})
}

// TaskFailed ends the task that waits for token with an error
// (SendTaskFailure).
func (e *Execution) TaskFailed(token, name, cause string) error {
	return e.byToken(token, func(a *attempt) {
		a.answered = true
		a.failed(&Error{Name: name, Cause: cause})
	})
}

// TaskHeartbeat restarts the task's HeartbeatSeconds (SendTaskHeartbeat).
func (e *Execution) TaskHeartbeat(token string) error {
	return e.byToken(token, (*attempt).beat)
}

// TaskStarted notes that an activity's worker took the task (GetActivityTask).
// The task's time limits begin now.
func (e *Execution) TaskStarted(token, worker string) error {
	return e.byToken(token, func(a *attempt) {
		if a.visit.state.resource.family == activity && !a.taken {
			a.recordTaken(worker)
		}
	})
}

func (e *Execution) byToken(token string, f func(*attempt)) error {
	if token == "" || len(token) > maxToken {
		return ErrInvalidToken
	}
	var err error
	e.do(func() {
		a, known := e.tokens[token]
		switch {
		case !known:
			err = ErrTaskDoesNotExist
		case a == nil || a.visit.ex.status != Running:
			err = ErrTaskTimedOut
		default:
			f(a)
		}
	})
	return err
}
