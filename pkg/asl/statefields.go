package asl

import (
	"errors"
	"fmt"
	"strings"
)

// common reads the fields that all states but Fail share: how input becomes
// output.
func (f *fields) common() {
	s := f.s
	if s.jsonata {
		s.output = f.payload("Output", false)
		return
	}
	s.inputPath, s.outputPath = f.path("InputPath", nil), f.path("OutputPath", nil)
}

func (f *fields) pass() {
	f.common()
	f.transition()
	f.s.assign = f.assignments(f.reader)
	if f.s.jsonata {
		return
	}
	f.s.resultPath = f.path("ResultPath", (*path).reference)
	f.s.parameters = f.payload("Parameters", false)
	if v, ok := f.take("Result"); ok {
		f.s.result = literal{v}
		f.warnOfPathsInResult(v)
	}
}

// warnOfPathsInResult notes paths in Result, which AWS does not evaluate.
func (f *fields) warnOfPathsInResult(v any) {
	m, _ := members(v)
	for _, k := range keysOf(v) {
		if s, isString := m[k].(string); isString && strings.HasSuffix(k, ".$") && (isPath(s) || intrinsicLike(s)) {
			f.note(SeverityWarning, passResultStatic, "Result", "The Result of a Pass state is static: '%s' is not evaluated", k)
		}
	}
}

// invocation reads what Task, Parallel and Map share.
func (f *fields) invocation() {
	s := f.s
	f.common()
	f.transition()
	s.assign = f.assignments(f.reader)
	if !s.jsonata {
		s.resultPath = f.path("ResultPath", (*path).reference)
		s.selector = f.payload("ResultSelector", true)
	}
	f.retriers()
	f.catchers()
}

func (f *fields) arguments(objectOnly bool) {
	if f.s.jsonata {
		f.s.parameters = f.payload("Arguments", objectOnly)
	} else {
		f.s.parameters = f.payload("Parameters", objectOnly)
	}
}

func (f *fields) task() {
	s := f.s
	f.invocation()
	f.arguments(true)
	if arn := f.required("Resource"); arn != "" {
		var err error
		if s.resource, err = parseResource(arn); err != nil {
			f.problem("Resource", "%v", err)
		}
	}
	f.credentials()
	s.timeout = f.dynamic("TimeoutSeconds", wholeNumber(1, maxSeconds))
	s.heartbeat = f.dynamic("HeartbeatSeconds", wholeNumber(1, maxSeconds))
	t, ok1 := s.timeout.(literal)
	h, ok2 := s.heartbeat.(literal)
	if ok1 && ok2 {
		seconds, _ := integer(t.v)
		if beat, _ := integer(h.v); beat >= seconds && seconds > 0 {
			f.problem("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")
		}
	}
}

func (f *fields) credentials() {
	if f.s.credentials = f.payload("Credentials", true); f.s.credentials == nil {
		return
	}
	if f.s.resource.family == activity {
		f.problem("Credentials", "The field 'Credentials' is not supported for activities")
	}
	if m, isObject := members(f.m["Credentials"]); isObject && m["RoleArn"] == nil && m["RoleArn.$"] == nil {
		f.problem("Credentials", "The field 'RoleArn' is required but was missing")
	}
}

func (f *fields) wait() {
	s := f.s
	f.common()
	f.transition()
	s.assign = f.assignments(f.reader)
	f.exactlyOne("SecondsPath", "Seconds", "TimestampPath", "Timestamp")
	s.seconds = f.dynamic("Seconds", wholeNumber(0, maxSeconds))
	s.timestamp = f.dynamic("Timestamp", func(v any) string {
		text, ok := v.(string)
		if _, err := parseTimestamp(text); !ok || err != nil {
			return "String does not match RFC3339 timestamp"
		}
		return ""
	})
}

func (f *fields) succeed() { f.common() }

func (f *fields) fail() {
	f.s.errName = f.dynamic("Error", isText)
	f.s.cause = f.dynamic("Cause", isText)
}

func (f *fields) parallel() {
	f.invocation()
	f.arguments(false)
	for _, r := range f.readers("Branches", f.filled("Branches")) {
		f.s.branches = append(f.s.branches, f.nested(r))
	}
}

// nested reads the states inside of a state.
func (f *fields) nested(r *reader) *block {
	r.text("Comment")
	b := f.p.block(r, f.assigned)
	r.unknown(unknownField)
	return b
}

// mapState reads a Map.
func (f *fields) mapState() {
	f.invocation()
	f.processor()
	f.items()
	f.s.maxConcurrent = f.dynamic("MaxConcurrency", wholeNumber(0, maxSeconds))
}

func (f *fields) items() {
	s := f.s
	if !s.jsonata {
		f.atMostOne("ItemSelector", "Parameters")
	}
	s.itemSelector = f.payload("ItemSelector", false)
	if s.jsonata {
		s.items = f.payload("Items", false)
		if l, ok := s.items.(literal); ok {
			switch l.v.(type) {
			case []any:
			case *object:
			default:
				f.problem("Items", "Expected value of type Array")
			}
		}
		return
	}
	if s.itemSelector == nil {
		s.itemSelector = f.payload("Parameters", false) // its name before ItemSelector came
	}
	if p := f.path("ItemsPath", (*path).plain); p != nil {
		if p.discard {
			f.problem("ItemsPath", "Expected value of type String")
			return
		}
		s.items = p.template
	}
}

// resource is the Resource of a Task, taken apart as the history shows it.
type resource struct {
	arn      string
	family   family
	service  string // resourceType: lambda, aws-sdk:eks
	action   string // resource: invoke.waitForTaskToken
	sync     bool   // .sync, .sync:2
	callback bool   // .waitForTaskToken
}

type family int

const (
	integration family = iota // arn:aws:states:::service:action
	lambdaFunction
	activity
)

// errResource is AWS's answer to a Resource that is no ARN.
var errResource = errors.New("Value is not a valid resource ARN") //nolint:staticcheck // AWS's words

// parseResource reads a Task's Resource.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#state-task-fields
func parseResource(arn string) (resource, error) {
	r := resource{arn: arn}
	parts := strings.Split(arn, ":")
	if len(parts) < 6 || parts[0] != "arn" {
		return r, errResource
	}
	switch {
	case parts[2] == "lambda" && parts[5] == "function" && len(parts) > 6:
		r.family = lambdaFunction
		return r, nil
	case parts[2] == "states" && parts[5] == "activity" && len(parts) == 7:
		r.family = activity
		return r, nil
	case parts[2] != "states" || len(parts) < 7:
		return r, errResource
	}
	notRecognized := fmt.Errorf("The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", arn) //nolint:staticcheck // AWS's words
	last := 6
	if parts[5] == "aws-sdk" {
		last = 7
	}
	if len(parts) <= last || parts[last] == "" || parts[5] == "" {
		return r, notRecognized
	}
	r.service, r.action = strings.Join(parts[5:last], ":"), strings.Join(parts[last:], ":")
	action, pattern, has := strings.Cut(r.action, ".")
	switch {
	case !has:
	case action == "":
		return r, notRecognized
	case pattern == "sync", pattern == "sync:2":
		r.sync = true
	case pattern == "waitForTaskToken":
		r.callback = true
	default:
		return r, notRecognized
	}
	return r, nil
}
