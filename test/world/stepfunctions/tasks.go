package stepfunctions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// tasks performs the attempts of one execution's Task states.
type tasks struct {
	s         *Service
	execution *execution
}

const integrationPrefix = "arn:aws:states:::"

// Start implements asl.Tasks. An attempt that begins while the execution is
// being started waits until that is done, so that its token can be used.
func (t *tasks) Start(req asl.TaskRequest, done func(asl.TaskResult)) (cancel func()) {
	t.s.mu.Lock()
	if req.TaskToken != "" {
		t.s.tokens[req.TaskToken] = t.execution
	}
	if t.execution.run == nil {
		t.execution.pending = append(t.execution.pending, func() { t.begin(req, done) })
		t.s.mu.Unlock()
		return nil
	}
	t.s.mu.Unlock()
	t.begin(req, done)
	return nil
}

func (t *tasks) begin(req asl.TaskRequest, done func(asl.TaskResult)) {
	if strings.HasPrefix(req.Resource, "arn:aws:lambda:") {
		t.invoke(req.Resource, req.Arguments, done, func(r lambda.Result) asl.TaskResult { return asl.TaskResult{Output: r.Payload} })
		return
	}
	rest, ok := strings.CutPrefix(req.Resource, integrationPrefix)
	if !ok {
		done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: "The resource provided in the task is not recognized: " + req.Resource}})
		return
	}
	service, action, _ := strings.Cut(rest, ":")
	sdk := service == "aws-sdk"
	if sdk {
		service, action, _ = strings.Cut(action, ":")
	}
	action, pattern, _ := strings.Cut(action, ".")
	switch {
	case service == "lambda" && action == "invoke":
		t.lambdaInvoke(req, done)
	case service == "states" && action == "startExecution" && strings.HasPrefix(pattern, "sync"):
		t.startExecution(req, pattern, done)
	case service == "codebuild" && action == "startBuild" && pattern == "sync":
		t.startBuild(req, done)
	default:
		out, err := t.api(integration{service, action, sdk}, req.Arguments)
		done(asl.TaskResult{Output: out, Err: err})
	}
}

// integration names an API action as a Task's resource does.
type integration struct {
	service, action string
	sdk             bool // aws-sdk:service:action
}

// services maps the names in resources to the world's where they differ.
var services = map[string]string{"events": "eventbridge", "states": "sfn"}

// api makes one API call in process.
func (t *tasks) api(i integration, args json.RawMessage) (json.RawMessage, *asl.Error) {
	c := &wire.Call{
		Context: context.Background(), Service: i.service, Operation: strings.ToUpper(i.action[:1]) + i.action[1:],
		RequestID: t.s.o.Mux.NewRequestID(), Region: t.s.o.Region, Time: t.s.o.Clock.Now(), UserAgent: "states.amazonaws.com",
	}
	if name, ok := services[i.service]; ok {
		c.Service = name
	}
	in, err := t.s.o.Mux.NewInput(c.Service, c.Operation)
	if err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: wire.Describe(err).Message}
	}
	if err := wire.FromPascal(args, in, !i.sdk); err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Parameters '%s' could not be used to start the Task: [%s]", args, wire.Describe(err).Message)}
	}
	if put, ok := in.(*eventbridge.PutEventsInput); ok && !i.sdk {
		for n := range put.Entries { // as AWS does, so that rules can tell where an event is from
			put.Entries[n].Resources = append(put.Entries[n].Resources, t.execution.arn, t.execution.machineArn)
		}
	}
	out, err := t.s.o.Mux.Invoke(c, in)
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
	return withMetadata(body, c.RequestID)
}

// withMetadata adds what the optimised integrations tell of the HTTP exchange.
func withMetadata(body json.RawMessage, requestID string) (json.RawMessage, *asl.Error) {
	m := map[string]any{}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	m["SdkHttpMetadata"] = map[string]any{"HttpStatusCode": 200, "HttpHeaders": map[string]string{"x-amzn-RequestId": requestID}}
	m["SdkResponseMetadata"] = map[string]any{"RequestId": requestID}
	out, err := json.Marshal(m)
	if err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	return out, nil
}

// invocation is the Arguments of lambda:invoke.
type invocation struct {
	FunctionName   string
	Payload        json.RawMessage
	InvocationType string
	Qualifier      string
	LogType        string
	ClientContext  string
}

func (t *tasks) lambdaInvoke(req asl.TaskRequest, done func(asl.TaskResult)) {
	var in invocation
	if err := json.Unmarshal(req.Arguments, &in); err != nil || in.FunctionName == "" {
		done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Parameters '%s' could not be used to start the Task: [The field \"FunctionName\" is required]", req.Arguments)}})
		return
	}
	if in.Payload == nil {
		in.Payload = json.RawMessage("{}")
	}
	t.invoke(in.FunctionName, in.Payload, done, func(r lambda.Result) asl.TaskResult {
		out, err := withMetadata(mustJSON(map[string]any{"ExecutedVersion": "$LATEST", "Payload": r.Payload, "StatusCode": 200}), r.RequestID)
		return asl.TaskResult{Output: out, Err: err}
	})
}

// mustJSON encodes maps of plain values and valid JSON, which cannot fail.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// invoke runs a function and names its failure by the payload's errorType.
func (t *tasks) invoke(function string, payload json.RawMessage, done func(asl.TaskResult), output func(lambda.Result) asl.TaskResult) {
	err := t.s.o.Functions.Invoke(function, payload, func(r lambda.Result) {
		if r.FunctionError != "" {
			name := r.ErrorType
			if name == "" {
				name = "Lambda.Unknown"
			}
			done(asl.TaskResult{Err: &asl.Error{Name: name, Cause: string(r.Payload)}})
			return
		}
		done(output(r))
	})
	if err != nil {
		info := wire.Describe(err)
		done(asl.TaskResult{Err: &asl.Error{Name: "Lambda." + info.Code, Cause: fmt.Sprintf("%s (Service: Lambda, Status Code: %d)", info.Message, info.Status)}})
	}
}
