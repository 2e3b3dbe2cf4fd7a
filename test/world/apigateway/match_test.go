package apigateway

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

func TestRouteSelection(t *testing.T) {
	// The first are the examples of the documentation.
	documented := []string{"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"}
	for _, tc := range []struct {
		keys               []string
		method, path, want string
		values             map[string]string
	}{
		{documented, "GET", "/pets/dog/1", "GET /pets/dog/1", nil},
		{documented, "GET", "/pets/dog/2", "GET /pets/dog/{id}", map[string]string{"id": "2"}},
		{documented, "GET", "/pets/cat/1", "GET /pets/{proxy+}", map[string]string{"proxy": "cat/1"}},
		{documented, "POST", "/test/5", "ANY /{proxy+}", map[string]string{"proxy": "test/5"}},
		{documented, "POST", "/pets/dog/1", "ANY /{proxy+}", map[string]string{"proxy": "pets/dog/1"}},
		{documented, "GET", "/", "$default", nil},
		{[]string{"ANY /a", "GET /a"}, "GET", "/a", "GET /a", nil},
		{[]string{"ANY /a", "GET /a"}, "PUT", "/a", "ANY /a", nil},
		{[]string{"GET /{x}", "ANY /a"}, "GET", "/a", "ANY /a", nil},
		{[]string{"GET /{x}/b", "GET /a/{y}"}, "GET", "/a/b", "GET /a/{y}", map[string]string{"y": "b"}},
		{[]string{"GET /a/{p+}", "GET /a/{x}"}, "GET", "/a/b", "GET /a/{x}", map[string]string{"x": "b"}},
		{[]string{"GET /a/{p+}", "GET /a/{x}"}, "GET", "/a/b/c", "GET /a/{p+}", map[string]string{"p": "b/c"}},
		{[]string{"GET /a"}, "GET", "/a/", "", nil},
		{[]string{"GET /a/{x}"}, "GET", "/a/", "", nil},
		{[]string{"GET /a/{p+}"}, "GET", "/a", "", nil},
		{[]string{"GET /a/{p+}"}, "GET", "/a/", "", nil},
		{[]string{"GET /a"}, "POST", "/a", "", nil},
		{[]string{"GET /"}, "GET", "/", "GET /", nil},
		{[]string{"GET /a"}, "GET", "/A", "", nil},
	} {
		var routes []types.Route
		for _, k := range tc.keys {
			routes = append(routes, types.Route{RouteKey: &k})
		}
		got, ok := choose(routes, tc.method, tc.path)
		key := ""
		if ok {
			key = *got.route.RouteKey
		}
		if key != tc.want || !maps.Equal(got.values, tc.values) && len(got.values)+len(tc.values) > 0 {
			t.Errorf("%s %s of %v: %q %v, want %q %v", tc.method, tc.path, tc.keys, key, got.values, tc.want, tc.values)
		}
	}
}

func TestRouteKeys(t *testing.T) {
	for key, want := range map[string]bool{"$default": true, "GET /": true, "ANY /a/{b}/{c+}": true, "POST /v1.0/a-b_c": true,
		"": false, "GET": false, "get /": false, "GET a": false, "GET  /a": false, "TRACE /": false, "GET /{a+}/b": false, "GET /{a}/{a}": false, "GET /{a": false, "GET /a{b}": false, "GET /{}": false, "$connect": false} {
		if _, err := parseRouteKey(key); (err == nil) != want {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func FuzzRouteKeys(f *testing.F) {
	for _, seed := range []string{"GET /a/{b}/{c+}", "$default", "ANY /", "GET /{", "PUT /a//b"} {
		f.Add(seed, "/a/b/c")
	}
	f.Fuzz(func(t *testing.T, key, path string) {
		k, err := parseRouteKey(key)
		if err != nil || k.method == "" {
			return
		}
		if again, err := parseRouteKey(k.method + " " + k.path()); err != nil || again.compare(k) != 0 {
			t.Errorf("%q is not read back: %v", key, err)
		}
		segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
		values, ok := k.match("GET", segments)
		if !ok {
			return
		}
		filled := k.path()
		for name, value := range values {
			filled = strings.NewReplacer("{"+name+"}", value, "{"+name+"+}", value).Replace(filled)
		}
		if !strings.Contains(path, "{") && filled != "/"+strings.TrimPrefix(path, "/") {
			t.Errorf("%q matches %q as %q", key, path, filled)
		}
	})
}

func TestBearer(t *testing.T) {
	for value, want := range map[string]string{"Bearer abc": "abc", "bearer  abc ": "abc", "abc": "abc", "": "", "Bearer": "Bearer", "Basic abc": "Basic abc"} {
		if got := bearer(value); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
}

// FuzzTokens looks for a header that is taken for a token's without being one.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"Bearer a.b.c", "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.e30.c2ln", "eyJhbGciOiJub25lIn0.e30.", "..", "Bearer Bearer a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token := bearer(header)
		id, problem := keyOf(token)
		if (id == "") == (problem == "") {
			t.Errorf("%q: id %q, problem %q", header, id, problem)
		}
		if problem == "" && strings.Count(token, ".") != 2 {
			t.Errorf("%q is taken for a token", header)
		}
		if strings.ContainsAny(problem, "\"\n") || (len(token) > 8 && strings.Contains(problem, token)) {
			t.Errorf("the problem tells of the token: %q", problem)
		}
	})
}

func TestSelection(t *testing.T) {
	for message, want := range map[string]string{`{"action":"a"}`: "a", `{"action":1}`: "1", `{"action":true}`: "true", `{"action":null}`: "", `{"action":["a"]}`: "", `[]`: "", `x`: "", ``: ""} {
		if got := selected("$request.body.action", []byte(message)); got != want {
			t.Errorf("%s: %q", message, got)
		}
	}
	if got := selected("$request.body.a.b", []byte(`{"a":{"b":"c"}}`)); got != "c" {
		t.Errorf("nested: %q", got)
	}
}
