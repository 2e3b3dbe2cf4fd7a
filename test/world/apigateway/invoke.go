package apigateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const principal = "apigateway.amazonaws.com"

var (
	errTimeout = errors.New("the integration did not answer in time")
	errFailed  = errors.New("the Lambda function returned an error")
)

// invoke calls the function of an integration.
func (s *Service) invoke(ctx context.Context, i types.Integration, sourceARN string, payload []byte) ([]byte, error) {
	function, _, _ := functionOf(aws.ToString(i.IntegrationUri))
	return s.call(ctx, function, aws.ToString(i.CredentialsArn), sourceARN, payload, time.Duration(*i.TimeoutInMillis)*time.Millisecond)
}

// call invokes a function by a role, or by API Gateway's own name, which needs
// the function's permission. The timeout is one of the simulated clock.
func (s *Service) call(ctx context.Context, function, role, sourceARN string, payload []byte, timeout time.Duration) ([]byte, error) {
	c := &wire.Call{Context: ctx, Service: "lambda", Operation: "Invoke", RequestID: s.o.Mux.NewRequestID(), Region: s.o.Region, Role: role, Principal: principal,
		SourceArn: sourceARN, Time: s.o.Clock.Now(), UserAgent: principal}
	ended, late := make(chan lambda.Result, 1), make(chan struct{})
	stop := s.o.Clock.AfterFunc(timeout, func() { close(late) })
	defer stop()
	_, err := s.o.Mux.Intercepted(c, &awslambda.InvokeInput{FunctionName: &function, Payload: payload}, func() (any, error) {
		if err := s.o.Functions.Invoke(function, payload, func(r lambda.Result) { ended <- r }); err != nil {
			return nil, err
		}
		return &awslambda.InvokeOutput{StatusCode: http.StatusOK}, nil
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-ended:
		if r.FunctionError != "" {
			return r.Payload, errFailed
		}
		return r.Payload, nil
	case <-late:
		return nil, errTimeout
	case <-ctx.Done(): // the client went away; the function runs on
		return nil, ctx.Err()
	}
}

// proxyResponse is what a function answers.
type proxyResponse struct {
	StatusCode        *json.RawMessage `json:"statusCode"`
	Headers           map[string]any   `json:"headers"`
	MultiValueHeaders map[string][]any `json:"multiValueHeaders"`
	Cookies           []string         `json:"cookies"`
	Body              *string          `json:"body"`
	IsBase64Encoded   bool             `json:"isBase64Encoded"`
}

// readResponse reads a function's answer. In format 2.0 one without a status is
// the body itself, with status 200 and as JSON.
func readResponse(payload []byte, v2 bool) (*Response, error) {
	var shape map[string]json.RawMessage
	_, structured := map[string]json.RawMessage{}, json.Unmarshal(payload, &shape) == nil && shape != nil
	if _, has := shape["statusCode"]; !structured || !has {
		if !v2 {
			return nil, errors.New("malformed Lambda proxy response: it has no statusCode")
		}
		return inferred(payload), nil
	}
	var p proxyResponse
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("malformed Lambda proxy response: %w", err)
	}
	status, err := strconv.Atoi(string(bytes.Trim(*p.StatusCode, `"`)))
	if err != nil || status < 100 || status > 599 {
		return nil, fmt.Errorf("malformed Lambda proxy response: the status is %s", *p.StatusCode)
	}
	res := &Response{StatusCode: status, Header: http.Header{}}
	for name, value := range p.Headers {
		if value != nil {
			res.Header.Set(name, fmt.Sprint(value))
		}
	}
	if !v2 {
		for name, values := range p.MultiValueHeaders {
			res.Header.Del(name)
			for _, value := range values {
				res.Header.Add(name, fmt.Sprint(value))
			}
		}
	} else {
		for _, cookie := range p.Cookies {
			res.Header.Add("Set-Cookie", cookie)
		}
	}
	res.Header.Del("Content-Length")
	if p.Body != nil {
		res.Body = []byte(*p.Body)
	}
	if p.IsBase64Encoded {
		if res.Body, err = base64.StdEncoding.DecodeString(string(res.Body)); err != nil {
			return nil, fmt.Errorf("malformed Lambda proxy response: the body is not base64: %w", err)
		}
	}
	if len(res.Body) > 0 && res.Header.Get("Content-Type") == "" {
		res.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return res, nil
}

// inferred is the answer that format 2.0 makes of any JSON.
func inferred(payload []byte) *Response {
	body := payload
	var text string
	if json.Unmarshal(payload, &text) == nil {
		body = []byte(text)
	}
	return &Response{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body}
}
