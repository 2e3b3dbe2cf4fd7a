package stepfunctions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// tasks performs the attempts of one execution's Task states, and of those of
// its child executions.
type tasks struct {
	s         *Service
	execution *execution
}

// attempt is one attempt of a Task state.
type attempt struct {
	*tasks
	req  asl.TaskRequest
	role string // in whose name services are called
	done func(asl.TaskResult)

	mu        sync.Mutex
	cancelled bool
	cancel    func() // what a .sync job or a queue is told when the attempt is given up
}

// Start implements asl.Tasks. An attempt that begins while the execution is
// being started waits until that is done, so that its token can be used.
func (t *tasks) Start(req asl.TaskRequest, done func(asl.TaskResult)) (cancel func()) {
	a := &attempt{tasks: t, req: req, role: t.execution.revision.role, done: done}
	t.s.mu.Lock()
	if req.TaskToken != "" {
		t.s.tokens[req.TaskToken] = t.execution
	}
	if t.execution.run == nil && !t.execution.test {
		t.execution.pending = append(t.execution.pending, a.begin)
		t.s.mu.Unlock()
		return a.abandon
	}
	t.s.mu.Unlock()
	a.begin()
	return a.abandon
}

// abandon is called when nobody waits for the attempt any more.
func (a *attempt) abandon() {
	a.mu.Lock()
	cancel := a.cancel
	a.cancelled, a.cancel = true, nil
	a.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// onAbandon sets what to do when the attempt is given up, which it may be
// already.
func (a *attempt) onAbandon(f func()) {
	a.mu.Lock()
	late := a.cancelled
	if !late {
		a.cancel = f
	}
	a.mu.Unlock()
	if late {
		f()
	}
}

// Check says why AWS does not begin a task at all, in words for the cause of
// States.Runtime. It takes no lock that is held while an execution is called.
func (t *tasks) Check(req asl.TaskRequest) error {
	if strings.Contains(req.Resource, ":activity:") {
		if t.s.activities.find(req.Resource) == nil {
			return fmt.Errorf("The activity %s does not exist.", req.Resource) //nolint:staticcheck // AWS's own words
		}
		return nil
	}
	i, ok := parseIntegration(req.Resource)
	if !ok {
		return nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(req.Arguments, &fields); err != nil {
		return fmt.Errorf("The Parameters '%s' could not be used to start the Task: [The value must be an object]", req.Arguments) //nolint:staticcheck // AWS's own words
	}
	problems := t.s.fieldProblems(i, slices.Collect(maps.Keys(fields)))
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("The Parameters '%s' could not be used to start the Task: [%s]", req.Arguments, strings.Join(problems, ", ")) //nolint:staticcheck // AWS's own words
}

func (a *attempt) fail(err *asl.Error) { a.done(asl.TaskResult{Err: err}) }

func (a *attempt) begin() {
	if err := a.assume(); err != nil {
		a.fail(err)
		return
	}
	switch {
	case strings.Contains(a.req.Resource, ":activity:"):
		a.queue()
		return
	case strings.HasPrefix(a.req.Resource, "arn:aws:lambda:"):
		a.invoke(&awslambda.InvokeInput{FunctionName: &a.req.Resource, Payload: a.req.Arguments}, func(r lambda.Result, _ string) (json.RawMessage, *asl.Error) { return r.Payload, nil })
		return
	}
	i, ok := parseIntegration(a.req.Resource)
	if !ok {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: "The resource provided in the task is not recognized: " + a.req.Resource})
		return
	}
	job := i.pattern == runJob || i.pattern == runJob2
	switch name := i.service + ":" + i.action; {
	case name == "lambda:invoke":
		a.lambdaInvoke(i)
	case name == "sfn:startSyncExecution":
		a.startSync(i)
	case name == "states:startExecution" && job:
		a.startExecution(i)
	case name == "codebuild:startBuild" && job:
		a.startBuild(i)
	case i.service == "eks" && job:
		a.eksJob(i)
	case job:
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: "The simulated AWS does not run " + i.String() + "." + i.pattern})
	default:
		out, err := a.api(i, a.req.Arguments)
		a.done(asl.TaskResult{Output: out, Err: err})
	}
}

// assume takes the role that the task's Credentials name.
func (a *attempt) assume() *asl.Error {
	if a.req.Credentials == nil {
		return nil
	}
	var c struct{ RoleArn string }
	if err := json.Unmarshal(a.req.Credentials, &c); err != nil || !roleSyntax.MatchString(c.RoleArn) {
		return &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Credentials '%s' must name a role by RoleArn", a.req.Credentials)}
	}
	a.role = c.RoleArn
	return nil
}

// queue offers the task to the workers of an activity.
func (a *attempt) queue() {
	run := a.execution.run
	remove, ok := a.s.activities.offer(a.req.Resource, &activityTask{token: a.req.TaskToken, input: a.req.Arguments, run: func() *asl.Execution { return run }})
	if !ok {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: "The activity " + a.req.Resource + " does not exist."})
		return
	}
	a.onAbandon(remove)
}

// call describes an API call of the task.
func (a *attempt) call(i integration) *wire.Call {
	return &wire.Call{
		Context: context.Background(), Service: i.muxService(), Operation: i.operation(), Role: a.role,
		RequestID: a.s.o.Mux.NewRequestID(), Region: a.s.o.Region, Time: a.s.o.Clock.Now(), UserAgent: "states.amazonaws.com",
	}
}

// newInput returns an empty Input of an action.
func (s *Service) newInput(i integration) (any, error) {
	return s.o.Mux.NewInput(i.muxService(), i.operation())
}

// api makes one API call in process.
func (a *attempt) api(i integration, args json.RawMessage) (json.RawMessage, *asl.Error) {
	c := a.call(i)
	if c.Service == "s3" {
		return (&objects{a.s, a.role}).task(i, c, args)
	}
	in, err := a.s.newInput(i)
	if err != nil {
		return nil, notServed(i)
	}
	if err := decode(args, in, i); err != nil {
		return nil, err
	}
	if put, ok := in.(*eventbridge.PutEventsInput); ok && !i.sdk {
		for n := range put.Entries { // as AWS does, so that rules can tell where an event is from
			put.Entries[n].Resources = append(put.Entries[n].Resources, a.req.ExecutionArn, a.execution.machineArn)
		}
	}
	out, err := a.s.o.Mux.Invoke(c, in)
	if err != nil {
		return nil, serviceError(i, c, err)
	}
	body, err := wire.ToPascal(out)
	if err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	if i.sdk {
		return body, nil
	}
	if put, ok := out.(*eventbridge.PutEventsOutput); ok && put.FailedEntryCount > 0 {
		return nil, &asl.Error{Name: "EventBridge.FailedEntry", Cause: string(body)}
	}
	return a.withMetadata(body, i, c.RequestID)
}

func notServed(i integration) *asl.Error {
	return &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The simulated AWS does not serve %s", i)}
}

// decode fills an Input. The optimised integrations take JSON where the API
// takes text.
func decode(args json.RawMessage, in any, i integration) *asl.Error {
	if err := wire.FromPascal(args, in, !i.sdk); err != nil {
		return &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Parameters '%s' could not be used to start the Task: [%s]", args, wire.Describe(err).Message)}
	}
	return nil
}

// contentTypes are those of the services that do not answer in their
// protocol's JSON 1.1.
var contentTypes = map[string]string{"dynamodb": "application/x-amz-json-1.0", "states": "application/x-amz-json-1.0", "sns": "text/xml", "lambda": "application/json", "eks": "application/json"}

// withMetadata adds what the optimised integrations tell of the HTTP exchange.
func (a *attempt) withMetadata(body json.RawMessage, i integration, requestID string) (json.RawMessage, *asl.Error) {
	m := map[string]any{}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	contentType, ok := contentTypes[i.service]
	if !ok {
		contentType = "application/x-amz-json-1.1"
	}
	headers := map[string]string{
		"x-amzn-RequestId": requestID, "Content-Length": strconv.Itoa(len(body)), "Content-Type": contentType,
		"Date": a.s.o.Clock.Now().UTC().Format(http.TimeFormat),
	}
	all := map[string][]string{}
	for name, value := range headers {
		all[name] = []string{value}
	}
	m["SdkHttpMetadata"] = map[string]any{"HttpStatusCode": http.StatusOK, "HttpHeaders": headers, "AllHttpHeaders": all}
	m["SdkResponseMetadata"] = map[string]any{"RequestId": requestID}
	out, err := json.Marshal(m)
	if err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	return out, nil
}

// mustJSON encodes maps of plain values and valid JSON, which cannot fail.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
