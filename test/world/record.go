package world

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// CallRecord is one API call that was served.
type CallRecord struct {
	Seq       int
	Time      time.Time // simulated, when the call arrived
	Service   string    // as the SDK's package is named
	Operation string
	Input     any // pointer to the SDK's Input
	Output    any // pointer to the SDK's Output; nil after an error
	Err       string
	Message   string // of the error
	Status    int
	Mutating  bool
	// Dropped says that the call took effect and its response never left.
	Dropped  bool
	Resource string // what was called upon, for people
	Caller   string // the Lambda function that called, or ""
}

// Calls returns the calls so far, in the order in which they were answered: all,
// or the last ones when Options.KeepCalls is set.
func (w *World) Calls() []CallRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]CallRecord(nil), w.calls...)
}

// OnCall calls f after every call, on the goroutine that serves it and before
// the response leaves; no lock of a service is held. f may call the world.
func (w *World) OnCall(f func(CallRecord)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks = append(w.hooks, f)
}

// intercept stands between every call and its service.
func (w *World) intercept(c *wire.Call, in any, next func() (any, error)) (any, error) {
	w.identify(c)
	if c.Invocation != "" && w.lambda.Dead(c.Invocation) {
		return nil, wire.ErrDropped
	}
	out, err := any(nil), w.mux.Authorize(c, in)
	if err == nil {
		out, err = w.faults.apply(w, c, in, next)
	}
	if !errors.Is(err, errNeverSent) {
		w.record(c, in, out, err)
	}
	if errors.Is(err, errNeverSent) || errors.Is(err, errNeverHeard) {
		w.crash(c)
	}
	return out, err
}

func (w *World) record(c *wire.Call, in, out any, err error) {
	rec := CallRecord{
		Time: c.Time, Service: c.Service, Operation: c.Operation, Input: in, Output: out, Status: 200,
		Mutating: Mutating(c.Operation), Resource: Resource(in), Caller: c.Caller,
	}
	switch {
	case errors.Is(err, wire.ErrDropped):
		rec.Dropped = true
	case err != nil:
		info := wire.Describe(err)
		rec.Err, rec.Message, rec.Status, rec.Output = info.Code, info.Message, info.Status, nil
	}
	w.mu.Lock()
	w.recorded++
	rec.Seq = w.recorded
	w.calls = append(w.calls, rec)
	if keep := w.opts.KeepCalls; keep > 0 && len(w.calls) >= 2*keep {
		w.calls = slices.Clone(w.calls[len(w.calls)-keep:])
	}
	hooks := w.hooks
	w.mu.Unlock()
	for _, hook := range hooks {
		hook(rec)
	}
}

// readers are the first words of operations that change nothing themselves: a
// function that is invoked makes calls of its own.
var readers = []string{"Get", "List", "Describe", "Head", "Batch", "Query", "Scan", "Test", "Validate", "Lookup", "Search", "Select", "Invoke"}

// Mutating reports whether an operation, by its name, may change something.
func Mutating(operation string) bool {
	for _, word := range readers {
		rest, ok := strings.CutPrefix(operation, word)
		if !ok {
			continue
		}
		if word == "Batch" {
			return !strings.HasPrefix(rest, "Get")
		}
		return false
	}
	return true
}

// Resource names what an Input is about: its names, ids and ARNs, in the order
// in which AWS documents them.
func Resource(in any) string {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return ""
	}
	var parts []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || !names(f.Name) {
			continue
		}
		if p, ok := v.Field(i).Interface().(*string); ok && p != nil && *p != "" {
			parts = append(parts, *p)
		}
	}
	return strings.Join(parts, " ")
}

// names reports whether a field of this name names a resource.
func names(field string) bool {
	switch field {
	case "Key", "Bucket", "Name":
		return true
	}
	for _, suffix := range []string{"Name", "Arn", "Id", "Version"} {
		if strings.HasSuffix(field, suffix) && !strings.Contains(field, "Token") {
			return true
		}
	}
	return false
}

// String gives the record as a line.
func (r CallRecord) String() string {
	s := fmt.Sprintf("%d %s %s.%s %s", r.Seq, r.Time.Format(time.TimeOnly), r.Service, r.Operation, r.Resource)
	if r.Err != "" {
		s += " -> " + r.Err
	}
	if r.Caller != "" {
		s += " (by " + r.Caller + ")"
	}
	return s
}
