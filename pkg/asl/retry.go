package asl

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"time"
)

// retrier is one entry of Retry.
type retrier struct {
	errors   []string
	interval time.Duration
	attempts int
	backoff  float64
	maxDelay time.Duration // 0: none
	jitter   bool
}

// catcher is one entry of Catch.
type catcher struct {
	errors     []string
	next       string
	assign     template
	output     template
	resultPath *dataPath
}

// AWS's limit for MaxDelaySeconds.
const maxDelayLimit = 31_622_400

func (f *fields) retriers() {
	for i, r := range f.entries("Retry") {
		t := &retrier{errors: f.errorEquals(r, i, len(f.m["Retry"].([]any)))}
		t.interval = time.Duration(r.integer("IntervalSeconds", 0, maxSeconds, 1)) * time.Second
		t.attempts = int(r.integer("MaxAttempts", 0, maxSeconds, 3))
		t.maxDelay = time.Duration(r.integer("MaxDelaySeconds", 1, maxDelayLimit, 0)) * time.Second
		t.backoff = 2
		if v, ok := r.take("BackoffRate"); ok {
			switch t.backoff, ok = number(v); {
			case !ok:
				r.problem("BackoffRate", "Expected value of type Number")
			case t.backoff < 1:
				r.problem("BackoffRate", "Minimum value is 1.0")
			}
		}
		t.jitter = r.oneOf("JitterStrategy", "NONE", "FULL") == "FULL"
		r.text("Comment")
		r.unknown(unknownField)
		f.s.retry = append(f.s.retry, t)
	}
}

func (f *fields) catchers() {
	for i, r := range f.entries("Catch") {
		c := &catcher{errors: f.errorEquals(r, i, len(f.m["Catch"].([]any))), next: r.required("Next")}
		inner := f.within(r)
		inner.inCatch = true
		c.assign = inner.assignments(r)
		if f.s.jsonata {
			c.output = inner.payload("Output", false)
		} else {
			c.resultPath = inner.path("ResultPath", (*path).reference)
		}
		r.text("Comment")
		r.unknown(inner.reason)
		f.s.catch = append(f.s.catch, c)
	}
}

// entries reads an array of objects.
func (f *fields) entries(field string) []*reader {
	return f.readers(field, f.list(field))
}

func (f *fields) readers(field string, list []any) []*reader {
	var out []*reader
	for i, v := range list {
		if r, ok := newReader(fmt.Sprintf("%s/%s[%d]", f.at, field, i), v, f.p.errs); ok {
			out = append(out, r)
		}
	}
	return out
}

// errorEquals reads ErrorEquals: States.ALL must stand alone and last.
func (f *fields) errorEquals(r *reader, i, n int) []string {
	var names []string
	for _, v := range r.filled("ErrorEquals") {
		name, ok := v.(string)
		if !ok {
			r.problem("ErrorEquals", "Expected value of type String")
			continue
		}
		names = append(names, name)
	}
	if slices.Contains(names, ErrAll) && (len(names) > 1 || i != n-1) {
		r.problem("ErrorEquals", "States.ALL must appear alone and at end of list")
	}
	return names
}

// matches implements ErrorEquals. States.Runtime is final: nothing matches it.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func matches(errors []string, name string) bool {
	if name == ErrRuntime {
		return false
	}
	for _, e := range errors {
		switch {
		case e == name:
			return true
		case e == ErrAll:
			return true // also States.DataLimitExceeded, as recorded on AWS
		case e == ErrTaskFailed:
			if name != ErrTimeout && name != ErrHeartbeatTimeout && name != ErrDataLimit {
				return true
			}
		case e == ErrTimeout && name == ErrHeartbeatTimeout:
			return true
		}
	}
	return false
}

// delay is how long to wait before retry number n (from 0) of this retrier.
func (t *retrier) delay(n int, random *rand.Rand) time.Duration {
	d := float64(t.interval) * math.Pow(t.backoff, float64(n))
	limit := float64(maxSeconds) * float64(time.Second)
	if t.maxDelay > 0 {
		limit = float64(t.maxDelay)
	}
	d = min(d, limit)
	if t.jitter {
		d *= random.Float64()
	}
	return time.Duration(d).Round(time.Millisecond)
}
