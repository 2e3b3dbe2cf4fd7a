package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// route is the method and path of a REST operation.
type route struct {
	operation, method string
	segments          []string   // "{name}" for labels
	query             url.Values // parameters that every request of the operation has
	status            int        // of a success
	in, out           []binding  // without schemas: what does not stand in the body
}

// restRoutes lists the routes of the REST services.
var restRoutes = map[string][]route{
	"apigateway":              boundRoutes["apigateway"],
	"apigatewaymanagementapi": boundRoutes["apigatewaymanagementapi"],
	"apigatewayv2":            byMethod(boundRoutes["apigatewayv2"]),
	"bedrockruntime":          schemaRoutes(schemaOperations["bedrockruntime"]),
	"eks":                     schemaRoutes(schemaOperations["eks"]),
	"lambda":                  schemaRoutes(schemaOperations["lambda"]),
	"route53":                 boundRoutes["route53"],
	"s3":                      boundRoutes["s3"],
	"scheduler":               boundRoutes["scheduler"],
}

// byMethod sets the statuses of API Gateway's version 2, which follow from the
// methods.
func byMethod(routes []route) []route {
	for i, r := range routes {
		switch r.method {
		case http.MethodPost:
			routes[i].status = http.StatusCreated
		case http.MethodDelete:
			routes[i].status = http.StatusNoContent
		}
	}
	return routes
}

// schemaRoutes reads routes from the HTTP traits of operation schemas.
func schemaRoutes(ops map[string]*smithy.Schema) []route {
	var out []route
	for name, s := range ops {
		if h, ok := smithy.SchemaTrait[*traits.HTTP](s); ok {
			r := newRoute(name, h.Method, h.URI, nil, nil)
			r.status = h.Code
			out = append(out, r)
		}
	}
	return out
}

func newRoute(operation, method, uri string, in, out []binding) route {
	path, fixed, _ := strings.Cut(uri, "?")
	query, err := url.ParseQuery(fixed)
	if err != nil {
		panic(fmt.Sprintf("wire: the route of %s: %v", operation, err)) // it is ours
	}
	r := route{operation: operation, method: method, segments: strings.Split(strings.Trim(path, "/"), "/"), query: query, status: http.StatusOK, in: in, out: out}
	for _, b := range out {
		if b.name == "Location" {
			r.status = http.StatusCreated
		}
	}
	return r
}

// match returns the labels of a path, by label name.
func (r route) match(method string, segments []string, query url.Values) (labels map[string]string, literals int, ok bool) {
	if method != r.method || len(segments) != len(r.segments) {
		return nil, 0, false
	}
	for name := range r.query {
		if query.Get(name) != r.query.Get(name) {
			return nil, 0, false
		}
		literals++
	}
	labels = map[string]string{}
	for i, want := range r.segments {
		if label, isLabel := strings.CutPrefix(want, "{"); isLabel {
			text, err := url.PathUnescape(segments[i])
			if err != nil || text == "" {
				return nil, 0, false
			}
			labels[strings.TrimSuffix(label, "}")] = text
			continue
		}
		if want != segments[i] {
			return nil, 0, false
		}
		literals++
	}
	return labels, literals, true
}

// routeOf returns the route of an operation of a REST service.
func routeOf(service, operation string) (route, bool) {
	for _, r := range restRoutes[service] {
		if r.operation == operation {
			return r, true
		}
	}
	return route{}, false
}

// findRoute returns the route that matches with the most literal segments and parameters.
func findRoute(service, method, escapedPath string, query url.Values) (best route, labels map[string]string, ok bool) {
	segments := strings.Split(strings.Trim(escapedPath, "/"), "/")
	most := -1
	for _, r := range restRoutes[service] {
		if l, literals, match := r.match(method, segments, query); match && literals > most {
			best, labels, most, ok = r, l, literals, true
		}
	}
	return best, labels, ok
}
