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
	return e.byToken(token, func(a *attempt) {
		a.arm(&a.heartbeat, a.request.Heartbeat, ErrHeartbeatTimeout)
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
		case a == nil || e.status != Running:
			err = ErrTaskTimedOut
		default:
			f(a)
		}
	})
	return err
}

// hasTasks says whether a task may be started in the block.
func (b *block) hasTasks() bool {
	for _, s := range b.states {
		if s.kind == kindTask || s.processor != nil && s.processor.hasTasks() {
			return true
		}
		for _, inner := range s.branches {
			if inner.hasTasks() {
				return true
			}
		}
	}
	return false
}
