package stepfunctions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// objects calls Amazon S3 in the name of a role, for Distributed Maps and for
// tasks: an object's body stands beside the members of the call.
type objects struct {
	s    *Service
	role string
}

// call makes one call with a body beside its arguments.
func (o *objects) call(i integration, c *wire.Call, args json.RawMessage, body []byte) (output json.RawMessage, content []byte, hasContent bool, failure *asl.Error) {
	in, err := o.s.newInput(i)
	if err != nil {
		return nil, nil, false, notServed(i)
	}
	if failure := decode(args, in, i); failure != nil {
		return nil, nil, false, failure
	}
	if f := reflect.ValueOf(in).Elem().FieldByName("Body"); f.IsValid() && body != nil {
		f.Set(reflect.ValueOf(bytes.NewReader(body)))
	}
	out, err := o.s.o.Mux.Invoke(c, in)
	if err != nil {
		return nil, nil, false, serviceError(i, c, err)
	}
	if f := reflect.ValueOf(out).Elem().FieldByName("Body"); f.IsValid() && !f.IsNil() {
		r, _ := f.Interface().(io.ReadCloser)
		content, err = io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, nil, false, &asl.Error{Name: i.spelling().prefix + ".SdkClientException", Cause: err.Error()}
		}
		hasContent = true
		f.SetZero()
	}
	if output, err = wire.ToPascal(out); err != nil {
		return nil, nil, false, &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}
	}
	return output, content, hasContent, nil
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
	out, content, hasContent, failure := o.call(i, c, mustJSON(fields), body)
	if failure != nil || !hasContent {
		return out, failure
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
	c := &wire.Call{Context: context.Background(), Service: "s3", Operation: req.Operation, RequestID: o.s.o.Mux.NewRequestID(), Region: o.s.o.Region,
		Time: o.s.o.Clock.Now(), UserAgent: "states.amazonaws.com", Role: o.role}
	out, content, _, failure := o.call(i, c, req.Arguments, req.Body)
	done(asl.ObjectResult{Output: out, Body: content, Err: failure})
}
