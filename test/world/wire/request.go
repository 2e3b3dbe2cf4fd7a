package wire

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// maxBody bounds a request's body; the largest that AWS takes on these
// protocols is far below.
const maxBody = 32 << 20

// serviceBySigning maps signing names to SDK packages where they differ.
var serviceBySigning = map[string]string{"execute-api": "apigatewaymanagementapi", "bedrock": "bedrockruntime", "elasticloadbalancing": "elasticloadbalancingv2", "events": "eventbridge", "logs": "cloudwatchlogs", "monitoring": "cloudwatch", "states": "sfn"}

// Identity is what the credential scope of a request says.
type Identity struct{ AccessKeyID, Region, Service string }

// Identify reads the credential scope from the Authorization header or, for
// presigned requests, from the query.
func Identify(r *http.Request) (Identity, bool) {
	query := r.URL.Query()
	if key := query.Get("AWSAccessKeyId"); key != "" && query.Has("Signature") && query.Has("Expires") {
		return Identity{AccessKeyID: key, Service: "s3"}, true // presigned by signature version 2, as the CLI does for the older regions
	}
	scope := query.Get("X-Amz-Credential")
	if auth := r.Header.Get("Authorization"); auth != "" {
		_, rest, ok := strings.Cut(auth, "Credential=")
		if !ok {
			return Identity{}, false
		}
		scope, _, _ = strings.Cut(rest, ",")
	}
	p := strings.Split(strings.TrimSpace(scope), "/")
	if len(p) != 5 { // key/date/region/service/aws4_request
		return Identity{}, false
	}
	service := p[3]
	if name, ok := serviceBySigning[service]; ok {
		service = name
	}
	if service == "apigateway" && strings.HasPrefix(r.URL.Path, "/v2/") { // REST APIs of version 1, HTTP and WebSocket APIs of version 2
		service = "apigatewayv2"
	}
	return Identity{p[0], p[2], service}, true
}

func readBody(c *Call, r *http.Request) ([]byte, error) {
	if c.Service == "s3" {
		if err := checkPresigned(r, time.Now()); err != nil {
			return nil, err
		}
		return readS3(r)
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, serialization("the body is not gzip: %v", err)
		}
		body = z
	}
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, serialization("the body cannot be read: %v", err)
	}
	if len(b) > maxBody {
		return nil, &Error{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	}
	return b, nil
}

// classicVersion is the version of the API of classic load balancers, which have
// the address and the signing name of the others.
const classicVersion = "2012-06-01"

// decodeRequest finds the operation of r and decodes its Input.
func (m *Mux) decodeRequest(c *Call, r *http.Request, body []byte) (operation string, in any, err error) {
	service, proto := c.Service, c.protocol
	var labels map[string]string
	var rt route
	var form url.Values
	switch proto {
	case json10, json11:
		_, operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	case rpcCBOR:
		if i := strings.LastIndex(r.URL.Path, "/operation/"); i >= 0 {
			operation = r.URL.Path[i+len("/operation/"):]
		}
	case restJSON, restXML:
		if service == "s3" {
			rt, labels, _ = findS3Route(r)
		} else {
			rt, labels, _ = findRoute(service, r.Method, r.URL.EscapedPath(), r.URL.Query())
		}
		operation = rt.operation
	case awsQuery, ec2Query:
		if form, err = url.ParseQuery(string(body)); err != nil {
			return "", nil, Errorf("MalformedQueryString", "%v", err)
		}
		for k, v := range r.URL.Query() {
			if !strings.HasPrefix(k, "X-Amz-") {
				form[k] = v
			}
		}
		operation = form.Get("Action")
		if service == "elasticloadbalancingv2" && form.Get("Version") == classicVersion {
			service, c.Service = "elasticloadbalancing", "elasticloadbalancing"
		}
	}
	if operation == "" || !isOperation(service, operation) {
		return "", nil, unknownOperation(proto, service, operation, r.Method+" "+cmp.Or(r.Header.Get("X-Amz-Target"), r.URL.Path))
	}
	in, err = m.NewInput(service, operation)
	if err != nil {
		return operation, nil, err
	}
	v := reflect.ValueOf(in).Elem()
	switch proto {
	case json10, json11:
		err = decodeTreeBody(styleOf(service), v, body, fromJSON, nil)
	case rpcCBOR:
		err = decodeTreeBody(styleSchema, v, body, fromCBOR, nil)
	case restJSON:
		err = decodeREST(v, styleOf(service), rt, labels, r, body, func(skip map[string]bool) error {
			return decodeTreeBody(styleOf(service), v, body, fromJSON, skip)
		})
	case restXML:
		err = decodeREST(v, styleXML, rt, labels, r, body, func(skip map[string]bool) error { return decodeXMLBody(v, body, skip) })
	case awsQuery:
		err = decodeForm(styleQuery, v, form)
	case ec2Query:
		err = decodeForm(styleEC2, v, form)
	}
	return operation, in, err
}

func styleOf(service string) style {
	switch service {
	case "sfn", "apigateway", "apigatewayv2", "apigatewaymanagementapi":
		return styleCamel
	case "scheduler":
		return styleGo
	}
	return styleSchema
}

func fromJSON(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the document")
	}
	return tree, nil
}

func decodeTreeBody(st style, v reflect.Value, body []byte, parse func([]byte) (any, error), skip map[string]bool) error {
	if len(body) == 0 {
		return nil
	}
	tree, err := parse(body)
	if err != nil {
		return serialization("the body is not well-formed: %v", err)
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return mismatch("", "a structure", tree)
	}
	return treeDecoder{style: st}.decodeStruct("", v, schemaOf(v.Type()), m, skip)
}

func decodeXMLBody(v reflect.Value, body []byte, skip map[string]bool) error {
	if len(body) == 0 {
		return nil
	}
	root, err := parseXML(bytes.NewReader(body))
	if err != nil {
		return Errorf("InvalidInput", "the body is not well-formed XML: %v", err)
	}
	return textDecoder{styleXML}.decodeStruct("", v, root, skip)
}

func decodeForm(st style, v reflect.Value, form url.Values) error {
	tree := formTree(form)
	kids := tree.kids[:0]
	for _, k := range tree.kids {
		if k.name != "Action" && k.name != "Version" {
			kids = append(kids, k)
		}
	}
	tree.kids = kids
	return textDecoder{st}.decodeStruct("", v, tree, nil)
}
