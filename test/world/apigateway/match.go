package apigateway

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// routeKey is the key of a HTTP API's route: a method, or ANY, and a path; or
// $default.
type routeKey struct {
	method   string // "" of $default
	segments []string
}

var (
	methods         = []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	literalSegment  = regexp.MustCompile(`^[A-Za-z0-9._~:@!$&'()*+,;=%-]*$`)
	variableSegment = regexp.MustCompile(`^\{[A-Za-z0-9._:-]+\+?\}$`)
	errRouteKey     = errors.New("the route key is neither $default nor a method and a path")
)

// parseRouteKey reads a route key (source: "Create routes for HTTP APIs").
// A greedy variable, such as {proxy+}, may only stand at the end.
func parseRouteKey(key string) (routeKey, error) {
	if key == defaultRoute {
		return routeKey{}, nil
	}
	method, path, ok := strings.Cut(key, " ")
	if !ok || !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") {
		return routeKey{}, errRouteKey
	}
	k := routeKey{method, strings.Split(path[1:], "/")}
	seen := map[string]bool{}
	for i, s := range k.segments {
		switch {
		case variableSegment.MatchString(s):
			name, greedy := variable(s)
			if greedy && i < len(k.segments)-1 || seen[name] {
				return routeKey{}, errRouteKey
			}
			seen[name] = true
		case !literalSegment.MatchString(s):
			return routeKey{}, errRouteKey
		}
	}
	return k, nil
}

// variable is the name of a variable segment; "" of a literal one.
func variable(segment string) (name string, greedy bool) {
	inner, ok := strings.CutPrefix(segment, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(strings.TrimSuffix(inner, "}"), "+")
}

// path is the key's path as it was written.
func (k routeKey) path() string { return "/" + strings.Join(k.segments, "/") }

// match returns the values of the key's variables when it matches a request.
func (k routeKey) match(method string, path []string) (map[string]string, bool) {
	if k.method != "ANY" && k.method != method {
		return nil, false
	}
	values := map[string]string{}
	for i, s := range k.segments {
		if i >= len(path) {
			return nil, false
		}
		name, greedy := variable(s)
		switch {
		case greedy:
			rest := strings.Join(path[i:], "/")
			values[name] = rest
			return values, rest != ""
		case name != "":
			values[name] = path[i]
			if path[i] == "" {
				return nil, false
			}
		case s != path[i]:
			return nil, false
		}
	}
	return values, len(path) == len(k.segments)
}

// compare says which of two keys that match the same request is the more
// specific one: by segments from the left, a literal before a variable before a
// greedy variable; then one with a method before ANY.
func (k routeKey) compare(o routeKey) int {
	for i := range max(len(k.segments), len(o.segments)) {
		if c := k.rank(i) - o.rank(i); c != 0 {
			return c
		}
	}
	return anyMethod(k.method) - anyMethod(o.method)
}

func (k routeKey) rank(i int) int {
	if i >= len(k.segments) {
		return 2 // what comes after a greedy variable
	}
	name, greedy := variable(k.segments[i])
	switch {
	case greedy:
		return 2
	case name != "":
		return 1
	}
	return 0
}

func anyMethod(method string) int {
	if method == "ANY" {
		return 1
	}
	return 0
}

// chosen is the route of a request.
type chosen struct {
	route  types.Route
	key    routeKey
	values map[string]string // of path variables
}

// choose finds the route of a request: one that matches wholly, one with a
// greedy variable, $default (source: "Routing API requests", HTTP APIs).
func choose(routes []types.Route, method, path string) (best chosen, ok bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var fallback *types.Route
	for _, r := range routes {
		if *r.RouteKey == defaultRoute {
			fallback = &r
			continue
		}
		k, err := parseRouteKey(*r.RouteKey)
		if err != nil {
			continue // none is kept that cannot be read
		}
		values, match := k.match(method, segments)
		if match && (!ok || k.compare(best.key) < 0) {
			best, ok = chosen{r, k, values}, true
		}
	}
	if !ok && fallback != nil {
		return chosen{route: *fallback}, true
	}
	return best, ok
}
