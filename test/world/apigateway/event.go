package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// requestTime is CLF's form of times.
const requestTime = "02/Jan/2006:15:04:05 -0700"

// The events of HTTP APIs follow "Create AWS Lambda proxy integrations for HTTP
// APIs in API Gateway". Members that a request does not have are left out of
// format 2.0 and null in 1.0.

// event2 is the event of payload format 2.0.
func (q *request) event2() []byte {
	e := q.common2()
	e["version"] = "2.0"
	e["requestContext"] = q.context2()
	body, binary := q.encodedBody()
	e["isBase64Encoded"] = binary
	if body != "" {
		e["body"] = body
	}
	return encode(e)
}

// common2 are the members of format 2.0 that integrations and authorizers get.
func (q *request) common2() map[string]any {
	e := map[string]any{"routeKey": *q.chosen.route.RouteKey, "rawPath": q.rawPath, "rawQueryString": q.rawQuery(), "headers": q.headers2()}
	if cookies := q.cookies(); len(cookies) > 0 {
		e["cookies"] = cookies
	}
	if values := joined(query(q.http)); len(values) > 0 {
		e["queryStringParameters"] = values
	}
	if len(q.chosen.values) > 0 {
		e["pathParameters"] = q.chosen.values
	}
	if len(q.stage.StageVariables) > 0 {
		e["stageVariables"] = q.stage.StageVariables
	}
	return e
}

func (q *request) rawQuery() string {
	if q.http.URL.Query().Has("X-Amz-Signature") {
		return query(q.http).Encode()
	}
	return q.http.URL.RawQuery
}

func (q *request) context2() map[string]any {
	c := map[string]any{"accountId": q.s.o.Account, "apiId": *q.api.ApiId, "domainName": q.s.domain(*q.api.ApiId), "domainPrefix": *q.api.ApiId,
		"http":      map[string]any{"method": q.http.Method, "path": q.rawPath, "protocol": q.http.Proto, "sourceIp": q.sourceIP(), "userAgent": q.http.UserAgent()},
		"requestId": q.id, "routeKey": *q.chosen.route.RouteKey, "stage": *q.stage.StageName, "time": q.at.UTC().Format(requestTime), "timeEpoch": q.at.UnixMilli()}
	if q.authorizer != nil {
		c["authorizer"] = q.authorizer
	}
	return c
}

// event1 is the event of payload format 1.0.
func (q *request) event1() []byte {
	e := q.common1()
	e["version"] = "1.0"
	body, binary := q.encodedBody()
	e["isBase64Encoded"], e["body"] = binary, nil
	if body != "" {
		e["body"] = body
	}
	return encode(e)
}

func (q *request) common1() map[string]any {
	resource := *q.chosen.route.RouteKey
	if q.chosen.key.method != "" {
		resource = q.chosen.key.path()
	}
	single, multi := map[string]string{}, map[string][]string{}
	for name, values := range q.headers() {
		single[name], multi[name] = values[len(values)-1], values
	}
	values := query(q.http)
	last := map[string]string{}
	for name, v := range values {
		last[name] = v[len(v)-1]
	}
	who := q.iam
	if who == nil {
		who = &identity{}
	}
	nullable := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	account := who.account
	if q.iam == nil {
		account = ""
	}
	user := ""
	if who.arn != "" {
		user = who.user()
	}
	context := map[string]any{"accountId": q.s.o.Account, "apiId": *q.api.ApiId, "domainName": q.s.domain(*q.api.ApiId), "domainPrefix": *q.api.ApiId, "extendedRequestId": q.id,
		"httpMethod": q.http.Method, "path": q.rawPath, "protocol": q.http.Proto, "requestId": q.id, "requestTime": q.at.UTC().Format(requestTime), "requestTimeEpoch": q.at.UnixMilli(),
		"resourceId": nil, "resourcePath": resource, "stage": *q.stage.StageName,
		"identity": map[string]any{"accessKey": nullable(who.accessKey), "accountId": nullable(account), "caller": nullable(who.caller), "cognitoAmr": nil, "cognitoAuthenticationProvider": nil,
			"cognitoAuthenticationType": nil, "cognitoIdentityId": nil, "cognitoIdentityPoolId": nil, "principalOrgId": nil, "sourceIp": q.sourceIP(), "user": nullable(user),
			"userAgent": q.http.UserAgent(), "userArn": nullable(who.arn)}}
	if a, ok := q.authorizer.(map[string]any); ok {
		flat := map[string]any{}
		for _, name := range []string{"jwt", "lambda"} {
			if inner, ok := a[name].(map[string]any); ok {
				maps.Copy(flat, inner)
			}
		}
		if len(flat) > 0 {
			context["authorizer"] = flat
		}
	}
	return map[string]any{"resource": resource, "path": q.rawPath, "httpMethod": q.http.Method, "headers": single, "multiValueHeaders": multi,
		"queryStringParameters": orNull(last), "multiValueQueryStringParameters": orNull(map[string][]string(values)), "requestContext": context,
		"pathParameters": orNull(q.chosen.values), "stageVariables": orNull(q.stage.StageVariables)}
}

func orNull[V any](m map[string]V) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// headers are a request's, with what API Gateway adds.
func (q *request) headers() http.Header {
	h := q.http.Header.Clone()
	for _, own := range []string{"X-World-Caller", "X-World-Invocation"} {
		h.Del(own)
	}
	h.Set("Host", q.s.domain(*q.api.ApiId))
	h.Set("X-Amzn-Trace-Id", q.trace)
	h.Add("X-Forwarded-For", q.sourceIP())
	h.Set("X-Forwarded-Port", "443")
	h.Set("X-Forwarded-Proto", "https")
	return h
}

// headers2 are those of format 2.0: in lower case, several values with commas,
// without cookies.
func (q *request) headers2() map[string]string {
	out := map[string]string{}
	for name, values := range q.headers() {
		if name != "Cookie" {
			out[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	return out
}

func (q *request) cookies() []string {
	var out []string
	for _, line := range q.http.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				out = append(out, cookie)
			}
		}
	}
	return out
}

func joined(values url.Values) map[string]string {
	out := map[string]string{}
	for name, v := range values {
		out[name] = strings.Join(v, ",")
	}
	return out
}

func (q *request) sourceIP() string { return sourceIP(q.http) }

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// encodedBody is a body as text where its type is one, and in base64 otherwise.
func (q *request) encodedBody() (body string, binary bool) {
	if len(q.body) == 0 {
		return "", false
	}
	if isText(q.http.Header.Get("Content-Type")) && utf8.Valid(q.body) {
		return string(q.body), false
	}
	return base64.StdEncoding.EncodeToString(q.body), true
}

func isText(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/xml" || kind == "application/javascript" ||
		strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}

func encode(e map[string]any) []byte {
	b, _ := json.Marshal(e) // of texts, numbers, lists and maps: it cannot fail
	return b
}

// variable is the value of a $context variable of the request.
func (q *request) variable(name string) string {
	switch name {
	case "accountId":
		return q.s.o.Account
	case "apiId":
		return *q.api.ApiId
	case "domainName":
		return q.s.domain(*q.api.ApiId)
	case "domainPrefix":
		return *q.api.ApiId
	case "httpMethod":
		return q.http.Method
	case "identity.sourceIp":
		return q.sourceIP()
	case "identity.userAgent":
		return q.http.UserAgent()
	case "path":
		return q.rawPath
	case "protocol":
		return q.http.Proto
	case "requestId", "extendedRequestId":
		return q.id
	case "requestTime":
		return q.at.UTC().Format(requestTime)
	case "requestTimeEpoch":
		return formatMillis(q.at)
	case "routeKey":
		if q.chosen.route.RouteKey != nil {
			return *q.chosen.route.RouteKey
		}
	case "stage":
		return *q.stage.StageName
	}
	if q.iam != nil {
		switch name {
		case "identity.caller", "identity.user":
			return q.iam.caller
		case "identity.userArn":
			return q.iam.arn
		case "identity.accountId":
			return q.iam.account
		case "identity.accessKey":
			return q.iam.accessKey
		}
	}
	return q.logged[name]
}

func formatMillis(t time.Time) string {
	b, _ := json.Marshal(t.UnixMilli()) // of a number: it cannot fail
	return string(b)
}
