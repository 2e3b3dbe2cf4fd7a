package wire

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	gocmp "github.com/google/go-cmp/cmp"
)

// The SDK's modules ship one golden request for every operation and, where they
// have schemas, one golden response for every operation and error. They are
// read from the module cache.

// golden is one such file.
type golden struct {
	name   string // operation or error
	head   string // request line or status
	header http.Header
	body   []byte
}

func readGolden(t *testing.T, dir, suffix string) []golden {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g := golden{name: strings.TrimSuffix(filepath.Base(path), suffix), header: http.Header{}}
		r := bufio.NewReader(bytes.NewReader(b))
		line := func() string {
			text, err := r.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return strings.TrimSuffix(text, "\n")
		}
		g.head = line()
		for {
			text := line()
			if text == "" && (strings.HasPrefix(suffix, ".request") && len(g.header) == 0 && g.name != "" && g.header.Get("-") == "") {
				g.header.Set("-", "-") // the empty line after the request line
				continue
			}
			if text == "" {
				break
			}
			key, value, _ := strings.Cut(text, ": ")
			g.header.Add(key, value)
		}
		g.header.Del("-")
		if g.body, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

func moduleDir(t *testing.T, service string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+service).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// scripted is a HTTP client that keeps the request and gives one answer.
type scripted struct {
	sent   *http.Request
	body   []byte
	answer func() *http.Response
}

func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	s.sent = r
	s.body = nil
	if r.Body != nil {
		var err error
		if s.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return s.answer(), nil
}

func (g golden) response() *http.Response {
	status, _ := strconv.Atoi(g.head)
	return &http.Response{StatusCode: status, Header: g.header.Clone(), Body: io.NopCloser(bytes.NewReader(g.body)), ContentLength: int64(len(g.body))}
}

func goldenClients(answer *scripted) []service {
	url := "https://golden.example"
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1, HTTPClient: answer, DisableRequestCompression: true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired, Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")}
	// S3's bodies are streams, which the round trips cannot fill.
	return append(clients(cfg), service{name: "s3", client: s3.NewFromConfig(cfg)})
}

// method returns an operation of a client, with the types of Input and Output.
func (s service) method(name string) (m reflect.Value, in, out reflect.Type, ok bool) {
	m = reflect.ValueOf(s.client).MethodByName(name)
	if !m.IsValid() || m.Type().NumIn() != 3 || m.Type().NumOut() != 2 {
		return m, nil, nil, false
	}
	return m, m.Type().In(1).Elem(), m.Type().Out(0).Elem(), true
}

func (s service) send(name string, in reflect.Value) (any, error) {
	m, _, _, _ := s.method(name)
	res := m.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ := res[1].Interface().(error)
	return res[0].Interface(), err
}

var signingNames = func() map[string]string {
	m := map[string]string{}
	for signing, service := range serviceBySigning {
		m[service] = signing
	}
	return m
}()

// decodeGolden decodes a golden request as the server does.
func decodeGolden(s service, g golden) (any, error) {
	_, in, out, ok := s.method(g.name)
	if !ok {
		return nil, fmt.Errorf("the client has no operation %s", g.name)
	}
	h := &host{mux: NewMux(func() time.Time { return epoch }, nil)}
	h.register(s.name, g.name, in, out)
	method, uri, _ := strings.Cut(g.head, " ")
	r := httptest.NewRequest(method, "http://golden.example"+uri, bytes.NewReader(g.body))
	r.Header = g.header.Clone()
	if _, hasBucket := in.FieldByName("Bucket"); s.name == "s3" && hasBucket {
		r.Host = "bucket.localhost" // the fixtures are made before a bucket finds its host
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260801/us-east-1/"+cmp.Or(signingNames[s.name], s.name)+"/aws4_request, SignedHeaders=host, Signature=x")
	id, _ := Identify(r)
	c := h.mux.NewCall(r, id)
	body, err := readBody(c, r)
	if err != nil {
		return nil, err
	}
	op, got, err := h.mux.decodeRequest(c, r, body)
	if err == nil && op != g.name {
		err = fmt.Errorf("taken for %s", op)
	}
	return got, err
}

// unsent names headers that the golden files leave out or that say nothing of the Input.
var unsent = map[string]bool{"Authorization": true, "User-Agent": true, "X-Amz-Date": true, "X-Amz-Security-Token": true, "Amz-Sdk-Invocation-Id": true,
	"Amz-Sdk-Request": true, "Content-Length": true, "Accept-Encoding": true}

func headersOf(h http.Header) map[string]string {
	out := map[string]string{}
	for k, v := range h {
		if !unsent[k] {
			out[k] = strings.Join(v, ",")
		}
	}
	return out
}

// plain turns a body into values that can be compared, whatever its order.
func plain(t *testing.T, contentType string, body []byte) any {
	t.Helper()
	if len(body) == 0 {
		return nil
	}
	switch {
	case strings.Contains(contentType, "json"):
		tree, err := fromJSON(body)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return numbers(tree)
	case strings.Contains(contentType, "cbor"):
		tree, err := fromCBOR(body)
		if err != nil {
			t.Fatal(err)
		}
		return numbers(tree)
	case strings.Contains(contentType, "form-urlencoded"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		return form
	}
	return string(body)
}

// numbers makes equal numbers equal.
func numbers(tree any) any {
	switch x := tree.(type) {
	case json.Number:
		f, _ := x.Float64()
		return f
	case int64:
		return float64(x)
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = numbers(x[k])
		}
		if code, ok := x["__type"].(string); ok { // with or without the shape's namespace
			x["__type"] = code[strings.Index(code, "#")+1:]
		}
	}
	return tree
}

// goldenExceptions lists the fixtures that are of no use here, and why.
var goldenExceptions = map[string]string{
	"ssm/ListNodesSummary":            "the fixture lacks members that the SDK itself requires",
	"eventbridge/PutEvents":           "the fixture's EndpointId is no host name, which the SDK refuses",
	"rds/CopyDBClusterSnapshot":       "has a DestinationRegion, which the SDK keeps in an unexported field",
	"rds/CopyDBSnapshot":              "the same",
	"rds/CreateDBCluster":             "the same",
	"rds/CreateDBInstanceReadReplica": "the same",
	"ec2/CopySnapshot":                "the same",
	"lambda/DeleteFunction":           "the fixture repeats the status in the body",
	"lambda/InvokeAsync":              "the same",
	"s3/PutBucketAcl":                 "a grantee's type stands in an attribute; grants are not simulated",
	"s3/PutObjectAcl":                 "the same",
	"s3/PutBucketLogging":             "the same",
	"s3/RestoreObject":                "the same",
	"s3/ListDirectoryBuckets":         "is of directory buckets, which are not simulated",
	"s3/UpdateObjectEncryption":       "has a union whose members are not named as in Go; not simulated",
	"s3/WriteGetObjectResponse":       "goes to another host; not simulated",
}

// tally counts fixtures by service.
type tally struct{ passed, excepted, failed map[string]int }

func newTally() *tally { return &tally{map[string]int{}, map[string]int{}, map[string]int{}} }

func (c *tally) log(t *testing.T, kind string) {
	names := map[string]bool{}
	for _, m := range []map[string]int{c.passed, c.excepted, c.failed} {
		for name := range m {
			names[name] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	total := 0
	for _, name := range sorted {
		total += c.passed[name]
		t.Logf("%-15s %4d %s passed, %d excepted, %d failed", name, c.passed[name], kind, c.excepted[name], c.failed[name])
	}
	t.Logf("%-15s %4d %s passed", "all", total, kind)
}

// want fails unless at least n fixtures were there and passed.
func (c *tally) want(t *testing.T, n int) {
	total := 0
	for _, passed := range c.passed {
		total += passed
	}
	if total < n {
		t.Errorf("%d fixtures passed, want at least %d", total, n)
	}
}

func (c *tally) run(t *testing.T, service, name string, f func(t *testing.T)) {
	key := service + "/" + name
	if why := goldenExceptions[key]; why != "" {
		c.excepted[service]++
		return
	}
	if t.Run(key, f) {
		c.passed[service]++
	} else {
		c.failed[service]++
	}
}

// TestGoldenRequests decodes every golden request and lets the SDK send what
// was decoded: it must be the golden request again.
func TestGoldenRequests(t *testing.T) {
	wireTo := &scripted{answer: func() *http.Response { return golden{head: "500"}.response() }}
	count := newTally()
	for _, s := range goldenClients(wireTo) {
		files := readGolden(t, filepath.Join(moduleDir(t, s.name), "request_snapshot"), ".request.snap")
		if len(files) == 0 {
			t.Errorf("%s has no golden requests", s.name)
		}
		for _, g := range files {
			count.run(t, s.name, g.name, func(t *testing.T) {
				in, err := decodeGolden(s, g)
				if err != nil {
					t.Fatalf("%v\n%s", err, g.body)
				}
				wireTo.sent = nil
				if _, err := s.send(g.name, reflect.ValueOf(in)); wireTo.sent == nil {
					t.Fatalf("the SDK does not send what was decoded: %v", err)
				}
				method, uri, _ := strings.Cut(g.head, " ")
				uri = strings.ReplaceAll(uri, "+", "%20") // both are a blank
				if got := wireTo.sent.Method + " " + strings.ReplaceAll(wireTo.sent.URL.RequestURI(), "+", "%20"); got != method+" "+uri {
					t.Errorf("sent %s, golden %s %s", got, method, uri)
				}
				sent := headersOf(wireTo.sent.Header)
				if s.name == "s3" { // which adds checksums of its own
					maps.DeleteFunc(sent, func(name, _ string) bool { _, listed := g.header[name]; return !listed })
				}
				if d := gocmp.Diff(headersOf(g.header), sent); d != "" {
					t.Errorf("headers (-golden +sent):\n%s", d)
				}
				ct := g.header.Get("Content-Type")
				if d := gocmp.Diff(plain(t, ct, g.body), plain(t, ct, wireTo.body)); d != "" {
					t.Errorf("body (-golden +sent):\n%s", d)
				}
			})
		}
	}
	count.log(t, "golden requests")
	count.want(t, 2300)
}

// TestGoldenResponses lets the SDK read every golden response, encodes what it
// read, and wants the golden response again.
func TestGoldenResponses(t *testing.T) {
	var current golden
	wireTo := &scripted{answer: func() *http.Response { return current.response() }}
	count := newTally()
	for _, s := range goldenClients(wireTo) {
		dir := moduleDir(t, s.name)
		requests := map[string]golden{}
		var first golden
		for _, g := range readGolden(t, filepath.Join(dir, "request_snapshot"), ".request.snap") {
			if requests[g.name] = g; first.name == "" {
				first = g
			}
		}
		for _, g := range readGolden(t, filepath.Join(dir, "response_snapshot"), ".response.snap") {
			count.run(t, s.name, g.name, func(t *testing.T) {
				current = g
				out, err := goldenOutput(s, requests[g.name])
				if err != nil {
					t.Fatal(err)
				}
				res, err := encodeOutput(&Call{Service: s.name, Operation: g.name, RequestID: "id", protocol: protocols[s.name]}, out)
				if err != nil {
					t.Fatal(err)
				}
				compareResponse(t, s.name, g, res)
			})
		}
		for _, g := range readGolden(t, filepath.Join(dir, "response_snapshot"), ".error.snap") {
			count.run(t, s.name, g.name, func(t *testing.T) {
				current = g
				_, err := goldenOutput(s, first)
				var api smithy.APIError
				if !errors.As(err, &api) || reflect.TypeOf(api) == reflect.TypeFor[*smithy.GenericAPIError]() {
					t.Fatalf("the SDK does not know the error: %v", err)
				}
				res, err := encodeError(&Call{Service: s.name, RequestID: "id", protocol: protocols[s.name]}, api)
				if err != nil {
					t.Fatal(err)
				}
				compareResponse(t, s.name, g, res)
			})
		}
	}
	count.log(t, "golden responses")
	count.want(t, 1170)
}

func goldenOutput(s service, request golden) (any, error) {
	in, err := decodeGolden(s, request)
	if err != nil {
		return nil, err
	}
	return s.send(request.name, reflect.ValueOf(in))
}

func compareResponse(t *testing.T, service string, g golden, res *response) {
	t.Helper()
	status, _ := strconv.Atoi(g.head)
	if rt, ok := routeOf(service, g.name); ok && status == http.StatusOK {
		status = rt.status // the golden files have 200 for every success, the operation's schema knows better
	}
	if status != res.status && g.name != "Invoke" { // whose output has the status
		t.Errorf("status %d, golden %d", res.status, status)
	}
	ct := g.header.Get("Content-Type")
	if d := gocmp.Diff(plain(t, ct, g.body), plain(t, ct, res.body)); d != "" {
		t.Errorf("body (-golden +encoded):\n%s", d)
	}
	for key := range g.header {
		if got := res.header.Get(key); got != g.header.Get(key) && !unanswered[key] && g.name != "Invoke" { // a function answers with JSON, the fixture with bytes
			t.Errorf("header %s: %q, golden %q", key, got, g.header.Get(key))
		}
	}
}

// unanswered names headers of golden responses that are a request's.
var unanswered = map[string]bool{"Accept": true, "X-Amz-Target": true, "X-Amzn-Query-Mode": true}
