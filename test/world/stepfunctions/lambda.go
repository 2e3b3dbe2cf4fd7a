package stepfunctions

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
)

// invocation is the Arguments of lambda:invoke.
type invocation struct {
	FunctionName   string
	Payload        json.RawMessage
	InvocationType lambdatypes.InvocationType
	Qualifier      *string
	LogType        lambdatypes.LogType
	ClientContext  *string
}

// lambdaInvoke calls a function. The optimised integration gives the payload as
// JSON, the other one as text.
func (a *attempt) lambdaInvoke(i integration) {
	var in invocation
	if err := json.Unmarshal(a.req.Arguments, &in); err != nil {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Parameters '%s' could not be used to start the Task: [%v]", a.req.Arguments, err)})
		return
	}
	payload := in.Payload
	var text string
	switch {
	case payload == nil:
		payload = json.RawMessage("{}")
	case i.sdk && json.Unmarshal(payload, &text) == nil:
		payload = json.RawMessage(text)
	}
	request := &awslambda.InvokeInput{FunctionName: &in.FunctionName, Payload: payload, Qualifier: in.Qualifier,
		InvocationType: in.InvocationType, LogType: in.LogType, ClientContext: in.ClientContext}
	a.invoke(request, func(r lambda.Result, requestID string) (json.RawMessage, *asl.Error) {
		answer := map[string]any{"StatusCode": http.StatusOK, "Payload": r.Payload, "ExecutedVersion": r.ExecutedVersion}
		if i.sdk {
			answer["Payload"] = string(r.Payload)
		}
		if in.LogType == lambdatypes.LogTypeTail {
			answer["LogResult"] = base64.StdEncoding.EncodeToString(r.Tail)
		}
		switch in.InvocationType {
		case lambdatypes.InvocationTypeEvent:
			answer = map[string]any{"Payload": "", "StatusCode": http.StatusAccepted}
		case lambdatypes.InvocationTypeDryRun:
			answer = map[string]any{"Payload": "", "StatusCode": http.StatusNoContent}
		}
		if i.sdk {
			return mustJSON(answer), nil
		}
		return a.withMetadata(mustJSON(answer), i, requestID)
	})
}

// invoke runs a function and names its failure by the payload's errorType. The
// part of the call that answers at once is an API call like any other; the
// function's result may come much later.
func (a *attempt) invoke(in *awslambda.InvokeInput, output func(lambda.Result, string) (json.RawMessage, *asl.Error)) {
	i := integration{service: "lambda", action: "invoke"}
	c := a.call(i)
	finish := func(r lambda.Result) {
		if r.FunctionError != "" {
			name := r.ErrorType
			if name == "" {
				name = "Lambda.Unknown"
			}
			a.fail(&asl.Error{Name: name, Cause: string(r.Payload)})
			return
		}
		out, err := output(r, cmp.Or(r.RequestID, c.RequestID))
		a.done(asl.TaskResult{Output: out, Err: err})
	}
	if in.InvocationType == lambdatypes.InvocationTypeEvent || in.InvocationType == lambdatypes.InvocationTypeDryRun {
		if _, err := a.s.o.Mux.Invoke(c, in); err != nil {
			a.fail(serviceError(i, c, err))
			return
		}
		finish(lambda.Result{RequestID: c.RequestID})
		return
	}
	if in.ClientContext != nil {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: "The simulated AWS passes no ClientContext from Step Functions to Lambda"})
		return
	}
	ref := *in.FunctionName
	if in.Qualifier != nil {
		ref += ":" + *in.Qualifier
	}
	r := &gate{}
	_, err := a.s.o.Mux.Intercepted(c, in, func() (any, error) {
		if err := a.s.o.Functions.Invoke(ref, in.Payload, func(res lambda.Result) { r.deliver(res, finish) }); err != nil {
			return nil, err
		}
		return &awslambda.InvokeOutput{StatusCode: http.StatusOK}, nil
	})
	if err != nil {
		r.close()
		a.fail(serviceError(i, c, err))
		return
	}
	r.open(finish)
}

// gate holds a function's result back until the call was accepted, and drops
// it when the call failed.
type gate struct {
	mu       sync.Mutex
	accepted bool
	closed   bool
	result   *lambda.Result
}

func (g *gate) deliver(r lambda.Result, finish func(lambda.Result)) {
	g.mu.Lock()
	g.result = &r
	now := g.accepted && !g.closed
	g.mu.Unlock()
	if now {
		finish(r)
	}
}

func (g *gate) open(finish func(lambda.Result)) {
	g.mu.Lock()
	g.accepted = true
	r := g.result
	g.mu.Unlock()
	if r != nil {
		finish(*r)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
