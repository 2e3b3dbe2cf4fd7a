package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// response is an encoded answer.
type response struct {
	status int
	header http.Header
	body   []byte
}

var contentTypes = map[protocol]string{
	json10: "application/x-amz-json-1.0", json11: "application/x-amz-json-1.1", rpcCBOR: "application/cbor",
	restJSON: "application/json", restXML: "text/xml", awsQuery: "text/xml", ec2Query: "text/xml;charset=UTF-8",
}

func newResponse(proto protocol, status int) *response {
	h := http.Header{"Content-Type": {contentTypes[proto]}}
	if proto == rpcCBOR {
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	return &response{status: status, header: h}
}

// encodeOutput encodes the Output of an operation.
func encodeOutput(c *Call, out any) (*response, error) {
	proto := c.protocol
	res := newResponse(proto, http.StatusOK)
	v := reflect.ValueOf(out).Elem()
	var err error
	switch proto {
	case json10, json11, rpcCBOR:
		if proto == rpcCBOR && schemaOf(v.Type()) == nil {
			res.header.Del("Content-Type") // the operation has no output, not even an empty one
			return res, nil
		}
		var tree map[string]any
		enc := treeEncoder{style: styleOf(c.Service), raw: proto == rpcCBOR, iso: isoTimes[c.Service]}
		if tree, err = enc.encodeStruct(v, schemaOf(v.Type()), nil); err == nil {
			res.body, err = marshalTree(proto, tree)
		}
	case restJSON, restXML:
		err = encodeRESTOutput(c, res, v)
		if c.Service == "s3" {
			finishS3(c, res)
		}
	case awsQuery:
		e := &xmlEncoder{style: styleQuery}
		e.root(c.Operation+"Response", c.Service)
		e.open(c.Operation + "Result")
		err = e.structure(v, nil)
		e.close(c.Operation + "Result")
		e.open("ResponseMetadata")
		e.text("RequestId", c.RequestID)
		e.close("ResponseMetadata")
		e.close(c.Operation + "Response")
		res.body = e.buf.Bytes()
	case ec2Query:
		e := &xmlEncoder{style: styleEC2}
		e.buf.WriteString(xmlDeclaration)
		e.root(c.Operation+"Response", c.Service)
		e.text("requestId", c.RequestID)
		err = e.structure(v, nil)
		e.close(c.Operation + "Response")
		res.body = e.buf.Bytes()
	}
	if err != nil {
		return nil, fmt.Errorf("wire: encoding the output of %s.%s: %w", c.Service, c.Operation, err)
	}
	return res, nil
}

// encodeRESTOutput encodes the Output of an operation of a REST service.
func encodeRESTOutput(c *Call, res *response, v reflect.Value) error {
	rt, ok := routeOf(c.Service, c.Operation)
	if !ok {
		return errors.New("the operation has no route")
	}
	res.status = rt.status
	st, s := styleOf(c.Service), schemaOf(v.Type())
	if c.protocol == restXML {
		st = styleXML
	}
	skip, payload, err := encodeREST(res, v, s, st, rt.out)
	switch {
	case err != nil:
		return err
	case payload != nil:
		res.body, err = encodePayload(c, res, payload, v.Field(payload.index))
		return err
	case c.protocol == restJSON && (res.status == http.StatusNoContent || len(skip) == len(shapeOf(v.Type(), s, st, false).fields)):
		res.header.Del("Content-Type") // there is nothing to say
		return nil
	case c.Service == "s3" && len(skip) == len(shapeOf(v.Type(), s, st, false).fields):
		return nil
	case c.protocol == restXML:
		name := c.Operation + "Response"
		if root, ok := s3Roots[c.Operation]; ok && c.Service == "s3" {
			name = root
		}
		e := &xmlEncoder{style: st}
		e.buf.WriteString(xmlDeclaration)
		e.root(name, c.Service)
		if location := v.FieldByName("LocationConstraint"); c.Service == "s3" && location.IsValid() { // the root holds the text itself
			e.escaped(location.String())
		} else {
			err = e.structure(v, skip)
		}
		e.close(name)
		res.body = e.buf.Bytes()
		return err
	}
	tree, err := treeEncoder{style: st, iso: isoTimes[c.Service]}.encodeStruct(v, s, skip)
	if err != nil {
		return err
	}
	res.body, err = json.Marshal(tree)
	return err
}

func marshalTree(proto protocol, tree map[string]any) ([]byte, error) {
	if proto == rpcCBOR {
		return toCBOR(tree)
	}
	return json.Marshal(tree)
}

// ErrorInfo is what every protocol says of an error.
type ErrorInfo struct {
	Code, Message string
	Status        int
	Fault         smithy.ErrorFault
}

// Describe returns code, message and HTTP status of an error of a service.
// Errors that are not a service's own are internal failures.
func Describe(err error) ErrorInfo {
	if e, ok := errors.AsType[*Error](err); ok {
		info := ErrorInfo{e.Code, e.Message, e.HTTPStatus(), smithy.FaultClient}
		if e.Fault == "server" || (e.Fault == "" && info.Status >= 500) {
			info.Fault = smithy.FaultServer
		}
		return info
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		info := ErrorInfo{e.ErrorCode(), e.ErrorMessage(), http.StatusBadRequest, e.ErrorFault()}
		if info.Fault == smithy.FaultServer {
			info.Status = http.StatusInternalServerError
		}
		if h, ok := smithy.SchemaTrait[*traits.HTTPError](errorSchema(e)); ok {
			info.Status = h.Code
		} else if status, ok := errorStatuses[info.Code]; ok {
			info.Status = status
		}
		return info
	}
	return ErrorInfo{"InternalFailure", err.Error(), http.StatusInternalServerError, smithy.FaultServer}
}

// errorStatuses gives the HTTP status, where it is not 400, of modelled errors
// of SDK modules without schemas (source: the services' API references).
var errorStatuses = map[string]int{
	"NoSuchHostedZone": 404, "NoSuchChange": 404, "NoSuchHealthCheck": 404, "NoSuchDelegationSet": 404,
	"ConflictingDomainExists": 400, "HostedZoneAlreadyExists": 409, "HealthCheckAlreadyExists": 409,
	"NotFound": 404, "AuthorizationError": 403, // SNS
}

// errorSchema returns the schema of a modelled error, if it has one.
func errorSchema(e error) *smithy.Schema {
	t := reflect.TypeOf(e)
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return nil
	}
	return schemaOf(t.Elem())
}

// QueryCode is the code that an error has in the query protocol.
func QueryCode(err error) string {
	if _, s, ok := modelled(err); ok {
		if q, ok := smithy.SchemaTrait[*traits.AWSQueryError](s); ok {
			return q.ErrorCode
		}
	}
	if code := Describe(err).Code; code != "AccessDeniedException" {
		return code
	}
	return "AccessDenied"
}

// queryOnce are the services that spoke the query protocol before: a header
// tells the code that errors had then.
var queryOnce = map[string]bool{"cloudwatch": true, "sqs": true}

// encodeError encodes an error in the protocol of the call's service.
func encodeError(c *Call, callErr error) (*response, error) {
	proto := c.protocol
	info := Describe(callErr)
	res := newResponse(proto, info.Status)
	if c.Service == "s3" {
		encodeS3Error(c, res, info)
		return res, nil
	}
	var err error
	switch proto {
	case json10, json11, restJSON, rpcCBOR:
		tree := map[string]any{"message": info.Message}
		if v, s, ok := modelled(callErr); ok {
			skip, _, err := encodeREST(res, v, s, styleOf(c.Service), nil)
			if err != nil {
				return nil, err
			}
			enc := treeEncoder{style: styleOf(c.Service), raw: proto == rpcCBOR}
			if tree, err = enc.encodeStruct(v, s, skip); err != nil {
				return nil, err
			}
		}
		if queryOnce[c.Service] {
			res.header.Set("X-Amzn-Query-Error", QueryCode(callErr)+";"+sender(info.Fault))
		}
		tree["__type"] = typeName(c.Service, proto, info.Code)
		if proto == restJSON {
			res.header.Set("X-Amzn-ErrorType", info.Code)
		}
		res.body, err = marshalTree(proto, tree)
	case restXML, awsQuery:
		st := styleXML
		if proto == awsQuery {
			st = styleQuery
		}
		e := &xmlEncoder{style: st}
		if proto == restXML {
			e.buf.WriteString(xmlDeclaration)
		}
		e.root("ErrorResponse", c.Service)
		e.open("Error")
		e.text("Type", sender(info.Fault))
		e.text("Code", info.Code)
		e.text("Message", info.Message)
		if v, _, ok := modelled(callErr); ok {
			err = e.structure(v, map[string]bool{"Message": true, "message": true})
		}
		e.close("Error")
		e.text("RequestId", c.RequestID)
		e.close("ErrorResponse")
		res.body = e.buf.Bytes()
	case ec2Query:
		e := &xmlEncoder{style: styleEC2}
		e.buf.WriteString(xmlDeclaration)
		e.open("Response")
		e.open("Errors")
		e.open("Error")
		e.text("Code", info.Code)
		e.text("Message", info.Message)
		e.close("Error")
		e.close("Errors")
		e.text("RequestID", c.RequestID)
		e.close("Response")
		res.body = e.buf.Bytes()
	}
	return res, err
}

// modelled returns the structure of an error that is one of the SDK's types.
func modelled(err error) (reflect.Value, *smithy.Schema, bool) {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return reflect.Value{}, nil, false
	}
	if _, generic := e.(*smithy.GenericAPIError); generic {
		return reflect.Value{}, nil, false
	}
	v := reflect.Indirect(reflect.ValueOf(e))
	if v.Kind() != reflect.Struct {
		return reflect.Value{}, nil, false
	}
	return v, errorSchema(e), true
}

func sender(f smithy.ErrorFault) string {
	if f == smithy.FaultServer {
		return "Receiver"
	}
	return "Sender"
}
