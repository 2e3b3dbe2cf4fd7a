package stepfunctions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// objects calls Amazon S3 in the name of a role: by the real SDK, whose requests
// go to S3's handler without a network.
type objects struct {
	s    *Service
	role string
}

// handlerClient sends requests to a handler.
type handlerClient struct{ handler http.Handler }

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *answer) WriteHeader(status int)      { a.status = status }

// Do implements aws.HTTPClient. A handler that breaks the connection panics
// with http.ErrAbortHandler.
func (c handlerClient) Do(r *http.Request) (res *http.Response, err error) {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // it is this very value
				panic(p)
			}
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	if r.ContentLength > 0 { // as it stands in a request that came over a network
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	c.handler.ServeHTTP(a, r)
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

func (o *objects) client() *s3.Client {
	return s3.New(s3.Options{
		Region: o.s.o.Region, BaseEndpoint: aws.String("http://s3.amazonaws.com"), UsePathStyle: true, HTTPClient: handlerClient{o.s.o.S3},
		Retryer: aws.NopRetryer{}, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			if o.s.o.Credentials == nil {
				return aws.Credentials{AccessKeyID: "ASIAWORLDSTATES00000", SecretAccessKey: "not-a-secret"}, nil
			}
			return o.s.o.Credentials(o.role), nil
		}),
	})
}

// s3Operation is a method of the SDK's client.
func s3Operation(name string) (reflect.Method, bool) {
	m, ok := reflect.TypeFor[*s3.Client]().MethodByName(name)
	if !ok || m.Type.NumIn() != 4 || m.Type.In(2).Kind() != reflect.Pointer || m.Type.In(2).Elem().Name() != name+"Input" {
		return m, false
	}
	return m, true
}

func newS3Input(operation string) (any, error) {
	m, ok := s3Operation(operation)
	if !ok {
		return nil, fmt.Errorf("s3 has no operation %s", operation)
	}
	return reflect.New(m.Type.In(2).Elem()).Interface(), nil
}

// call makes one call with a body beside its arguments.
func (o *objects) call(operation string, args json.RawMessage, body []byte) (output json.RawMessage, content []byte, hasContent bool, err error) {
	in, err := newS3Input(operation)
	if err != nil {
		return nil, nil, false, err
	}
	if o.s.o.S3 == nil {
		return nil, nil, false, errors.New("the simulated AWS does not serve S3 here")
	}
	if err := wire.FromPascal(args, in, false); err != nil {
		return nil, nil, false, err
	}
	if f := reflect.ValueOf(in).Elem().FieldByName("Body"); f.IsValid() && body != nil {
		f.Set(reflect.ValueOf(bytes.NewReader(body)))
	}
	m, _ := s3Operation(operation)
	results := m.Func.Call([]reflect.Value{reflect.ValueOf(o.client()), reflect.ValueOf(context.Background()), reflect.ValueOf(in)})
	if err, _ := results[1].Interface().(error); err != nil {
		return nil, nil, false, err
	}
	out := results[0].Elem()
	if f := out.FieldByName("Body"); f.IsValid() && !f.IsNil() {
		r, _ := f.Interface().(io.ReadCloser)
		content, err = io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, nil, false, err
		}
		hasContent = true
		f.SetZero()
	}
	output, err = wire.ToPascal(results[0].Interface())
	return output, content, hasContent, err
}

// failure names the error of a call to S3.
func (o *objects) failure(i integration, c *wire.Call, err error) *asl.Error {
	if id, ok := requestID(err); ok {
		c.RequestID = id
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if w, isWire := errors.AsType[*wire.Error](err); isWire {
			return &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Parameters could not be used to start the Task: [%s]", w.Message)}
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = wire.ErrDropped
			return serviceError(i, c, err)
		}
		return &asl.Error{Name: i.spelling().prefix + ".SdkClientException", Cause: err.Error()}
	}
	e := &wire.Error{Code: api.ErrorCode(), Message: api.ErrorMessage(), Status: http.StatusBadRequest}
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		e.Status = r.HTTPStatusCode()
	}
	return serviceError(i, c, e)
}

func requestID(err error) (string, bool) {
	r, ok := errors.AsType[interface {
		error
		ServiceRequestID() string
	}](err)
	if !ok || r.ServiceRequestID() == "" {
		return "", false
	}
	return r.ServiceRequestID(), true
}

// task makes the call of a Task state: its Body is text, or JSON that is
// written as text.
func (o *objects) task(i integration, c *wire.Call, args json.RawMessage) (json.RawMessage, *asl.Error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(args, &fields); err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	var body []byte
	if raw, ok := fields["Body"]; ok {
		body = raw
		var text string
		if json.Unmarshal(raw, &text) == nil {
			body = []byte(text)
		}
		delete(fields, "Body")
	}
	out, content, hasContent, err := o.call(i.operation(), mustJSON(fields), body)
	if err != nil {
		return nil, o.failure(i, c, err)
	}
	if !hasContent {
		return out, nil
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	m["Body"] = mustJSON(string(content))
	return mustJSON(m), nil
}

// Call implements asl.Objects.
func (o *objects) Call(req asl.ObjectRequest, done func(asl.ObjectResult)) {
	i := integration{service: "s3", action: req.Operation, sdk: true}
	c := &wire.Call{Service: "s3", Operation: req.Operation, RequestID: o.s.o.Mux.NewRequestID(), Role: o.role}
	out, content, _, err := o.call(req.Operation, req.Arguments, req.Body)
	if err != nil {
		done(asl.ObjectResult{Err: o.failure(i, c, err)})
		return
	}
	done(asl.ObjectResult{Output: out, Body: content})
}
