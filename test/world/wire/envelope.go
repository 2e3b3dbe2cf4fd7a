package wire

import (
	"encoding/json"
	"net/http"
	"strings"
)

// namespaces are the XML namespaces of the services' answers (source: the
// xmlNamespace of the services' API models).
var namespaces = map[string]string{
	"autoscaling":            "http://autoscaling.amazonaws.com/doc/2011-01-01/",
	"cloudformation":         "http://cloudformation.amazonaws.com/doc/2010-05-15/",
	"cloudwatch":             "http://monitoring.amazonaws.com/doc/2010-08-01/",
	"ec2":                    "http://ec2.amazonaws.com/doc/2016-11-15/",
	"elasticache":            "http://elasticache.amazonaws.com/doc/2015-02-02/",
	"elasticloadbalancing":   "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/",
	"elasticloadbalancingv2": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
	"iam":                    "https://iam.amazonaws.com/doc/2010-05-08/",
	"rds":                    "http://rds.amazonaws.com/doc/2014-10-31/",
	"route53":                "https://route53.amazonaws.com/doc/2013-04-01/",
	"s3":                     s3Namespace,
	"sns":                    "http://sns.amazonaws.com/doc/2010-03-31/",
	"sts":                    "https://sts.amazonaws.com/doc/2011-06-15/",
}

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// root opens a document's root element in the service's namespace.
func (e *xmlEncoder) root(name, service string) {
	if ns := namespaces[service]; ns != "" {
		e.buf.WriteString("<" + name + ` xmlns="` + ns + `">`)
		return
	}
	e.open(name)
}

// typeName returns an error's code as the __type of a body: DynamoDB and the
// CBOR protocol write the shape's namespace too.
func typeName(service string, proto protocol, code string) string {
	switch {
	case proto == rpcCBOR:
		return "com.amazonaws." + service + "#" + code
	case service == "sqs" && strings.HasSuffix(code, "Exception") && code != "ResourceNotFoundException": // not its own
		return "com.amazon.coral.service#" + code
	case service == "sqs":
		return "com.amazonaws.sqs#" + code
	case service != "dynamodb":
		return code
	case code == "ValidationException":
		return "com.amazon.coral.validate#" + code
	case code == "SerializationException" || code == "UnknownOperationException" || code == "AccessDeniedException":
		return "com.amazon.coral.service#" + code
	}
	return "com.amazonaws.dynamodb.v20120810#" + code
}

// unsigned refuses a request without credentials, in the form of the protocol
// that it looks like.
func unsigned(c *Call, r *http.Request) *response {
	const message = "Request is missing Authentication Token"
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		return jsonRefusal(contentTypes[json11], "MissingAuthenticationTokenException", message)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"), strings.HasPrefix(r.URL.Path, "/2013-04-01/"):
		c.protocol = awsQuery
		if res, err := encodeError(c, &Error{Code: "MissingAuthenticationToken", Message: message, Status: http.StatusForbidden}); err == nil {
			return res
		}
	}
	res := jsonRefusal(contentTypes[restJSON], "", "Missing Authentication Token")
	res.header.Set("X-Amzn-ErrorType", "MissingAuthenticationTokenException")
	return res
}

func jsonRefusal(contentType, code, message string) *response {
	body := map[string]string{"message": message}
	if code != "" {
		body["__type"] = code
	}
	b, _ := json.Marshal(body) // of strings: it cannot fail
	return &response{status: http.StatusForbidden, header: http.Header{"Content-Type": {contentType}}, body: b}
}

// unknownOperation refuses what is no operation of the service, in its
// protocol's words.
func unknownOperation(proto protocol, service, operation, what string) error {
	switch proto {
	case awsQuery, ec2Query:
		if operation == "" {
			return &Error{Code: "MissingAction", Message: "The request must contain the parameter Action", Status: http.StatusBadRequest}
		}
		return &Error{Code: "InvalidAction", Message: "The action " + operation + " is not valid for this web service.", Status: http.StatusBadRequest}
	case json10, json11:
		return &Error{Code: "UnknownOperationException", Status: http.StatusBadRequest, Message: "The requested operation is not recognized by " + service + ": " + what}
	}
	return &Error{Code: "UnknownOperationException", Status: http.StatusNotFound, Message: what + " names no operation of " + service}
}
