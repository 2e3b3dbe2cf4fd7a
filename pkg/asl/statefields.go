package asl

import (
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
	s.inputPath, s.outputPath = f.path("InputPath", false), f.path("OutputPath", false)
}

func (f *fields) pass() {
	f.common()
	f.transition()
	f.s.assign = f.assignments(f.reader)
	if f.s.jsonata {
		return
	}
	f.s.resultPath = f.path("ResultPath", true)
	f.s.parameters = f.payload("Parameters", false)
	if v, ok := f.take("Result"); ok {
		f.s.result = literal{v}
	}
}

// invocation reads what Task, Parallel and Map share.
func (f *fields) invocation() {
	s := f.s
	f.common()
	f.transition()
	s.assign = f.assignments(f.reader)
	if !s.jsonata {
		s.resultPath = f.path("ResultPath", true)
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
	s.credentials = f.payload("Credentials", true)
	s.timeout = f.dynamic("TimeoutSeconds", wholeNumber(1, maxSeconds))
	s.heartbeat = f.dynamic("HeartbeatSeconds", wholeNumber(1, maxSeconds))
	t, ok1 := s.timeout.(literal)
	h, ok2 := s.heartbeat.(literal)
	if ok1 && ok2 {
		seconds, _ := integer(t.v)
		if beat, _ := integer(h.v); beat >= seconds && seconds > 0 {
			f.problem("HeartbeatSeconds", "must be smaller than TimeoutSeconds")
		}
	}
}

func (f *fields) wait() {
	s := f.s
	f.common()
	f.transition()
	s.assign = f.assignments(f.reader)
	given := 0
	for _, field := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if f.has(field) {
			given++
		}
	}
	if given != 1 {
		f.problem("", "must have exactly one of Seconds, SecondsPath, Timestamp and TimestampPath")
	}
	s.seconds = f.dynamic("Seconds", wholeNumber(0, maxSeconds))
	s.timestamp = f.dynamic("Timestamp", func(v any) string {
		text, ok := v.(string)
		if _, err := parseTimestamp(text); !ok || err != nil {
			return "must be a timestamp like 2026-08-01T12:00:00Z"
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
	branches := f.list("Branches")
	if len(branches) == 0 {
		f.problem("Branches", "must have at least one branch")
	}
	for i, v := range branches {
		if r, ok := newReader(fmt.Sprintf("%s.Branches[%d]", f.at, i), v, f.p.errs); ok {
			f.s.branches = append(f.s.branches, f.nested(r))
		}
	}
}

// nested reads the states inside of a state.
func (f *fields) nested(r *reader) *block {
	r.text("Comment")
	b := f.p.block(r, f.assigned)
	r.unknown(unknownField)
	return b
}

// mapState reads a Map. Fields and the mode of Distributed Map are refused.
func (f *fields) mapState() {
	s := f.s
	f.invocation()
	for _, field := range []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount",
		"ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"} {
		if _, ok := f.take(field); ok {
			f.problem(field, "belongs to Distributed Map, which this interpreter does not run yet; use an inline Map")
		}
	}
	name := "ItemProcessor"
	if f.has("Iterator") {
		name = "Iterator" // the field's name before Distributed Map came
		if f.has("ItemProcessor") {
			f.problem("Iterator", "cannot be there together with ItemProcessor")
		}
	}
	if v, ok := f.take(name); !ok {
		f.problem(name, "is missing")
	} else if r, ok := newReader(f.at+"."+name, v, f.p.errs); ok {
		f.processorMode(r)
		s.processor = f.nested(r)
	}
	f.items()
	s.maxConcurrent = f.dynamic("MaxConcurrency", wholeNumber(0, maxSeconds))
}

func (f *fields) processorMode(r *reader) {
	v, ok := r.take("ProcessorConfig")
	if !ok {
		return
	}
	config, ok := newReader(r.at+".ProcessorConfig", v, f.p.errs)
	if !ok {
		return
	}
	switch mode := config.text("Mode"); {
	case mode == "DISTRIBUTED":
		config.text("ExecutionType")
		config.problem("Mode", "DISTRIBUTED (Distributed Map) is not run by this interpreter yet; use INLINE")
	case config.has("Mode") && mode != "INLINE":
		config.problem("Mode", "must be \"INLINE\", but is %q", mode)
	}
	config.unknown(unknownField)
}

func (f *fields) items() {
	s := f.s
	if f.has("ItemSelector") && f.has("Parameters") {
		f.problem("Parameters", "cannot be there together with ItemSelector")
	}
	s.itemSelector = f.payload("ItemSelector", false)
	if s.jsonata {
		s.items = f.payload("Items", false)
		if l, ok := s.items.(literal); ok {
			if _, isArray := l.v.([]any); !isArray {
				f.problem("Items", "must be an array or a JSONata expression, but is %s", typeName(l.v))
			}
		}
		return
	}
	if s.itemSelector == nil {
		s.itemSelector = f.payload("Parameters", false) // its name before ItemSelector came
	}
	if p := f.path("ItemsPath", false); p != nil {
		if p.discard {
			f.problem("ItemsPath", "must be a path, but is null")
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

// parseResource reads a Task's Resource.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#state-task-fields
func parseResource(arn string) (resource, error) {
	r := resource{arn: arn}
	parts := strings.Split(arn, ":")
	if len(parts) < 6 || parts[0] != "arn" {
		return r, fmt.Errorf("must be an ARN, but is %q", arn)
	}
	switch {
	case parts[2] == "lambda" && parts[5] == "function" && len(parts) > 6:
		r.family = lambdaFunction
		return r, nil
	case parts[2] == "states" && parts[5] == "activity" && len(parts) == 7:
		r.family = activity
		return r, nil
	case parts[2] != "states" || len(parts) < 7:
		return r, fmt.Errorf("must be a service integration, a Lambda function or an activity, but is %q", arn)
	}
	last := 6
	if parts[5] == "aws-sdk" {
		last = 7
	}
	if len(parts) <= last || parts[last] == "" || parts[5] == "" {
		return r, fmt.Errorf("names no action: %q", arn)
	}
	r.service, r.action = strings.Join(parts[5:last], ":"), strings.Join(parts[last:], ":")
	action, pattern, has := strings.Cut(r.action, ".")
	switch {
	case !has:
	case action == "":
		return r, fmt.Errorf("names no action: %q", arn)
	case pattern == "sync", pattern == "sync:2":
		r.sync = true
	case pattern == "waitForTaskToken":
		r.callback = true
	default:
		return r, fmt.Errorf("the pattern must be .sync, .sync:2 or .waitForTaskToken, but is %q", "."+pattern)
	}
	return r, nil
}
