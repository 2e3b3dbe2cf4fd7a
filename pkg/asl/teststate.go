package asl

import (
	"encoding/json"
	"errors"
	"math/rand"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// TestStateStatus is how a tested state came out, as AWS names it.
type TestStateStatus string

// The statuses of a tested state.
const (
	TestSucceeded   TestStateStatus = "SUCCEEDED"
	TestFailed      TestStateStatus = "FAILED"
	TestRetriable   TestStateStatus = "RETRIABLE"
	TestCaughtError TestStateStatus = "CAUGHT_ERROR"
)

// StateTest says how one state is run by itself (TestState). Clock is
// required; Tasks and Objects are when the state calls them and is not mocked.
type StateTest struct {
	Clock   clock.Clock
	Tasks   Tasks
	Objects Objects
	Rand    *rand.Rand
	ID      func() string

	StateMachineArn, ExecutionArn, RoleArn string // in the context object

	StateName string          // in a definition of a whole machine; empty: the definition is one state
	Input     json.RawMessage // default: {}
	Variables json.RawMessage // an object: the workflow variables before the state
	Context   json.RawMessage // an object: the context object, instead of one made up
	Mock      *TaskResult     // what a Task, Map or Parallel comes to instead of running

	// The state's configuration (TestStateConfiguration).
	RetrierRetryCount        int    // retries that the retrier which takes the error has made
	ErrorCausedByState       string // where in a Map or Parallel the mocked error is from
	MapIterationFailureCount int
	MapItemReaderData        []byte // what ItemReader reads
}

// StateTestResult is what came of it.
type StateTestResult struct {
	Status    TestStateStatus
	Output    json.RawMessage // nil: none
	Err       *Error          // also when it was caught or can be retried
	NextState string

	Inspection map[string]json.RawMessage // members of InspectionData that show data, and "input" and "variables"
	Errors     *StateTestError            // InspectionData.errorDetails

	// Invalid is set when the test itself makes no sense: the text of AWS's
	// ValidationException.
	Invalid string
}

// StateTestError says which Retry or Catch took the error.
type StateTestError struct {
	CatchIndex, RetryIndex *int
	RetryBackoffSeconds    *int64
}

// ErrNoSuchState is returned for a StateName that the definition does not have.
var ErrNoSuchState = errors.New("State not found in definition")

// testedState is the name of a state whose definition comes without one.
const testedState = "StateName"

// TestState runs one state and tells done how it came out: synchronously, or
// later if the state waits. The error is a *DefinitionError, ErrNoSuchState,
// or says which of the inputs is wrong.
// https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
func TestState(definition []byte, o StateTest, done func(StateTestResult)) error {
	s, err := stateToTest(definition, o.StateName)
	if err != nil {
		return err
	}
	p := &probe{test: o, seen: map[stage]any{}, end: done}
	if len(o.Context) > 0 {
		c, err := decode(o.Context)
		if _, isObject := members(c); err != nil || !isObject {
			return errors.New("the context object must be a JSON object")
		}
		p.context = c
	}
	vars := &variables{}
	if len(o.Variables) > 0 {
		v, err := decode(o.Variables)
		m, isObject := members(v)
		if err != nil || !isObject {
			return errors.New("the variables must be a JSON object")
		}
		values := make(map[string]*doc, len(m))
		for k, e := range m {
			values[k] = &doc{v: e, raw: text(e)}
		}
		vars.assign(values)
	}
	m := &Machine{body: &block{startAt: s.name, states: map[string]*state{s.name: s}}}
	e, err := m.prepare(Options{
		Clock: o.Clock, Tasks: o.Tasks, Objects: o.Objects, Rand: o.Rand, ID: o.ID, StateMachineArn: o.StateMachineArn, ExecutionArn: o.ExecutionArn,
		RoleArn: o.RoleArn, Input: o.Input, MaxEvents: -1, DiscardHistory: true, probe: p,
	})
	if err != nil {
		return err
	}
	e.limits.time = maxExpress
	e.do(func() {
		e.begin()
		e.root.vars = vars
	})
	return nil
}

// stateToTest finds the state in a machine, or reads one that stands alone.
func stateToTest(definition []byte, name string) (*state, error) {
	if name != "" {
		m, err := Parse(definition)
		if err != nil {
			return nil, err
		}
		var found *state
		m.body.has(func(s *state) bool {
			if s.name == name {
				found = s
			}
			return s.name == name
		})
		if found == nil {
			return nil, ErrNoSuchState
		}
		return found, nil
	}
	return parseState(definition, testedState)
}

// instead gives a state its mocked outcome, if there is one.
func (p *probe) instead(v *visit) bool {
	if p == nil || p.test.Mock == nil {
		return false
	}
	v.group = nil
	result, f, invalid := p.mocked(v)
	switch {
	case invalid != "":
		p.finish(v, StateTestResult{Invalid: invalid})
	case f != nil:
		v.fail(f)
	default:
		if v.state.kind != kindMap {
			p.see(rawResult, result)
		}
		v.finish(result, v.invoked(result))
	}
	return true
}

// mocked is the outcome that the test prescribes.
func (p *probe) mocked(v *visit) (any, *failing, string) {
	mock, s := p.test.Mock, v.state
	if name := p.test.ErrorCausedByState; name != "" && !s.hasInside(name) {
		return nil, nil, "State not found in definition"
	}
	var result any
	if mock.Err == nil {
		d, err := parseDoc(mock.Output)
		if err != nil {
			return nil, nil, "Mock result must be valid JSON"
		}
		result = d.v
	}
	if s.kind == kindMap {
		failed, of := p.test.MapIterationFailureCount, p.iterations(v)
		list, isList := result.([]any)
		writes := s.distributed != nil && s.distributed.writer != nil && s.distributed.writer.arguments != nil
		switch {
		case of >= 0 && failed > of:
			return nil, nil, "Map iteration failure count must be less than or equal to the number of Map iterations."
		case v.run == nil && s.distributed != nil:
		case s.distributed != nil && v.run.exceededBy(int64(failed), int64(of)):
			return nil, &failing{Error: Error{ErrExceedToleratedFailures, causeOfExceeded}}, ""
		case mock.Err == nil && !isList && !writes:
			return nil, nil, "Mocked result must be an array for Map states."
		case mock.Err == nil && !writes && of >= 0 && s.distributed == nil && len(list) != of-failed:
			return nil, nil, "Input array does not equal the mocked result array's size."
		}
	}
	if mock.Err != nil {
		return nil, &failing{Error: *mock.Err}, ""
	}
	return result, nil, ""
}

// iterations is how many the Map would have.
func (p *probe) iterations(v *visit) int {
	items, err := v.mapItems()
	if v.state.distributed != nil && v.state.distributed.reader != nil || err != nil {
		return -1
	}
	return len(items)
}

func (s *state) hasInside(name string) bool {
	such := func(inner *state) bool { return inner.name == name }
	for _, b := range s.branches {
		if b.has(such) {
			return true
		}
	}
	return s.processor != nil && s.processor.has(such)
}

// caught notes which Catch took the error.
func (p *probe) caught(i int, f *failing) {
	if p != nil {
		p.errors, p.failed = &StateTestError{CatchIndex: &i}, &f.Error
	}
}

// retried ends the test of a state that would be tried again.
func (p *probe) retried(v *visit, i int, f *failing, d time.Duration) bool {
	if p == nil {
		return false
	}
	seconds := int64(d.Seconds())
	p.errors = &StateTestError{RetryIndex: &i, RetryBackoffSeconds: &seconds}
	p.finish(v, StateTestResult{Status: TestRetriable, Err: &f.Error})
	return true
}

// left ends the test of a state that is done, or whose error was caught.
func (p *probe) left(v *visit, output *doc, next string) bool {
	if p == nil {
		return false
	}
	r := StateTestResult{Status: TestSucceeded, Output: json.RawMessage(output.raw), NextState: next}
	if p.failed != nil {
		r.Status, r.Err = TestCaughtError, p.failed
	}
	p.finish(v, r)
	return true
}

// lost ends the test of a state that failed.
func (p *probe) lost(v *visit, f *failing) {
	if p != nil {
		p.failed, p.errors = nil, nil
		p.finish(v, StateTestResult{Status: TestFailed, Err: &f.Error})
	}
}

// finish reports, once.
func (p *probe) finish(v *visit, r StateTestResult) {
	if p.end == nil {
		return
	}
	end := p.end
	p.end = nil
	r.Errors = p.errors
	r.Inspection = map[string]json.RawMessage{"input": json.RawMessage(v.input.raw)}
	for s, value := range p.seen {
		r.Inspection[string(s)] = json.RawMessage(text(value))
	}
	if all := v.frame.vars.own(); len(all) > 0 {
		r.Inspection["variables"] = json.RawMessage(text(all))
	}
	v.ex.later(func() { end(r) })
	v.frame.dead = true
	v.ex.finish(Aborted, nil, &Error{})
}
