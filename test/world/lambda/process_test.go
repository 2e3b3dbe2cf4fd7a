package lambda_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestAProcessServesInvocationsAndStaysWarm(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	out := f.invoke("worker", `{"Do":"count"}`)
	if string(out.Payload) != "1" || out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" {
		t.Fatalf("%s, %+v", out.Payload, out)
	}
	tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`INIT_START Runtime Version: provided:al2023`, `START RequestId: [0-9a-f-]{36} Version: \$LATEST\n`, `END RequestId: [0-9a-f-]{36}\n`,
		`REPORT RequestId: \S+\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n`} {
		if !regexp.MustCompile(want).Match(tail) {
			t.Errorf("log %q\nhas no %s", tail, want)
		}
	}
	out = f.invoke("worker", `{"Do":"count"}`)
	if string(out.Payload) != "2" {
		t.Errorf("the environment was not used again: %s", out.Payload)
	}
	if tail, _ := base64.StdEncoding.DecodeString(*out.LogResult); strings.Contains(string(tail), "Init Duration") {
		t.Errorf("a warm start has no init: %s", tail)
	}
	f.clock.Advance(11 * time.Minute)
	if got := f.call("worker", `{"Do":"count"}`); got != "1" {
		t.Errorf("an environment that was idle for long: %s", got)
	}
	for i := range 55 { // of 9 minutes: more than 8 hours, never idle for long
		f.clock.Advance(9 * time.Minute)
		if got := f.call("worker", `{"Do":"count"}`); got == "1" {
			if begun := time.Duration(i+1) * 9 * time.Minute; begun < 8*time.Hour {
				t.Errorf("an environment ended after %s", begun)
			}
			return
		}
	}
	t.Error("an environment lives longer than its credentials may")
}

func TestErrorsOfAProcess(t *testing.T) {
	f := newFixture(t)
	// Only the one that hangs has a short timeout: the others may be slow on a busy machine.
	f.create("worker", func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(300); in.MemorySize = aws.Int32(128) })
	f.create("hanging", func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(1) })
	for _, c := range []struct{ name, event, typ, message, log string }{
		{"an error", `{"Do":"fail"}`, "busyError", "^busy$", "Status: error\tError Type: busyError"},
		{"an error of errors.New", `{"Do":"error","Text":"no"}`, "errorString", "^no$", `"errorMessage":"no"`},
		{"a panic", `{"Do":"panic","Text":"lost"}`, "string", "^lost$", "the process should exit"},
		{"an exit", `{"Do":"exit","N":7}`, "Runtime.ExitError", `^RequestId: \S+ Error: Runtime exited with error: exit status 7$`, "Runtime.ExitError"},
		{"an exit without a reason", `{"Do":"exit"}`, "Runtime.ExitError", `^RequestId: \S+ Error: Runtime exited without providing a reason$`, ""},
		{"a timeout", `{"Do":"hang"}`, "Sandbox.Timedout", `^RequestId: \S+ Error: Task timed out after 1.00 seconds$`, "Task timed out after 1.00 seconds"},
		{"too large a response", `{"Do":"respond","N":6291557}`, "Function.ResponseSizeTooLarge", "6291556 bytes", ""},
		{"too much memory", `{"Do":"allocate","N":200}`, "Runtime.ExitError", `Runtime exited with error: signal: killed$`, "Memory Size: 128 MB\tMax Memory Used: 128 MB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "too much memory" && runtime.GOOS != "linux" {
				t.Skip("memory is watched on Linux only")
			}
			function := "worker"
			if c.typ == "Sandbox.Timedout" {
				function = "hanging"
			}
			typ, message, out := f.failure(function, c.event)
			if typ != c.typ || !regexp.MustCompile(c.message).MatchString(message) {
				t.Errorf("%s: %s, want %s: %s", typ, message, c.typ, c.message)
			}
			if tail, _ := base64.StdEncoding.DecodeString(*out.LogResult); !strings.Contains(string(tail), c.log) {
				t.Errorf("log: %s", tail)
			}
			if got := f.call(function, `{"Do":"count"}`); c.typ != "busyError" && c.typ != "errorString" && got != "1" {
				t.Errorf("after it: %s, want a new process", got)
			}
		})
	}
	if got := f.call("worker", `{"Do":"respond","N":6291454}`); len(got) != 6291456 {
		t.Errorf("a response of 6 MB: %d", len(got))
	}
}

func TestAPanicHasItsStack(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	_, _, out := f.failure("worker", `{"Do":"panic","Text":"lost"}`)
	var p struct {
		StackTrace []struct{ Path, Label string }
	}
	if err := json.Unmarshal(out.Payload, &p); err != nil || len(p.StackTrace) == 0 {
		t.Errorf("%s, %v", out.Payload, err)
	}
}

func TestTheEnvironmentOfAProcess(t *testing.T) {
	t.Setenv("LEAK", "from the test's own environment")
	f := newFixture(t)
	f.create("worker", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"BUCKET": "artifacts", "OWN": "the function's"}}
	})
	var got map[string]string
	if err := json.Unmarshal([]byte(f.call("worker", `{"Do":"environment"}`)), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{"BUCKET": "artifacts", "OWN": "the function's", "GIVEN": "to all", "AWS_LAMBDA_FUNCTION_NAME": "worker", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_REGION": region, "_HANDLER": "bootstrap", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/worker", "AWS_ENDPOINT_URL": *f.config.BaseEndpoint, "TZ": ":UTC", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"} {
		if got[k] != want {
			t.Errorf("%s = %q, want %q", k, got[k], want)
		}
	}
	if !strings.HasPrefix(got["AWS_ACCESS_KEY_ID"], "ASIA") || got["AWS_SESSION_TOKEN"] == "" || got["LEAK"] != "" {
		t.Errorf("environment = %v", got)
	}
	if got := f.call("worker", `{"Do":"whoami"}`); got != `"arn:aws:sts::123456789012:assumed-role/worker/worker"` {
		t.Errorf("caller identity %s", got)
	}
	var lc map[string]any
	out, err := f.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("worker:$LATEST"), Payload: []byte(`{"Do":"context"}`),
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"who":"me"}}`)))})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Payload, &lc); err != nil {
		t.Fatal(err)
	}
	if lc["arn"] != f.lambda.ARN("worker")+":$LATEST" || lc["name"] != "worker" || fmt.Sprint(lc["client"]) != "map[who:me]" || lc["memory"] != 256.0 || !strings.HasPrefix(lc["trace"].(string), "Root=1-") {
		t.Errorf("context = %v", lc)
	}
	if !strings.Contains(f.call("worker", `{"Do":"deadline"}`), "9.") {
		t.Error("the deadline is not 10 seconds away")
	}
}

func TestLogsOfAProcess(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	out := f.invoke("worker", `{"Do":"print","Text":"one\ntwo\nno end"}`)
	tail, _ := base64.StdEncoding.DecodeString(*out.LogResult)
	if !regexp.MustCompile(`(?s)START.*\none\ntwo\nno end\nEND`).Match(tail) {
		t.Errorf("log: %q", tail)
	}
	var env map[string]string
	if err := json.Unmarshal([]byte(f.call("worker", `{"Do":"environment"}`)), &env); err != nil {
		t.Fatal(err)
	}
	text := f.logs.Text("/aws/lambda/worker", env["AWS_LAMBDA_LOG_STREAM_NAME"])
	if !strings.Contains(text, "\ntwo\n") || strings.Count(text, "REPORT") != 2 {
		t.Errorf("%s:\n%s", env["AWS_LAMBDA_LOG_STREAM_NAME"], text)
	}
	if !regexp.MustCompile(`^2026/08/01/\[\$LATEST\][0-9a-f]{32}$`).MatchString(env["AWS_LAMBDA_LOG_STREAM_NAME"]) {
		t.Error(env["AWS_LAMBDA_LOG_STREAM_NAME"])
	}
}

func TestNothingRunsBetweenInvocations(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	f.call("worker", `{"Do":"background"}`)
	before := f.call("worker", `{"Do":"ticks"}`)
	time.Sleep(200 * time.Millisecond) // real time, in which a process that is not frozen would tick 200 times
	var a, b int
	if err := errors.Join(json.Unmarshal([]byte(before), &a), json.Unmarshal([]byte(f.call("worker", `{"Do":"ticks"}`)), &b)); err != nil {
		t.Fatal(err)
	}
	if b-a > 50 {
		t.Errorf("it ticked %d times", b-a)
	}
}

func TestBootstrapsThatDoNotStart(t *testing.T) {
	f := newFixture(t)
	other := map[string]string{"amd64": "\xb7\x00", "arm64": "\x3e\x00"}[runtime.GOARCH]
	foreign := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00" + other + strings.Repeat("\x00", 100)
	for name, c := range map[string]struct {
		zip     []byte
		message string
	}{
		"another-processor": {zipped(t, "bootstrap", []byte(foreign), 0o755), "Error: fork/exec /var/task/bootstrap: exec format error"},
		"not-executable":    {zipped(t, "bootstrap", []byte("#!/bin/sh\n"), 0o644), "Error: fork/exec /var/task/bootstrap: permission denied"},
		"no-bootstrap":      {zipped(t, "main", []byte("#!/bin/sh\n"), 0o755), "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "another-processor" && runtime.GOOS != "linux" {
				t.Skip("a program of Linux")
			}
			f.create(name, func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{ZipFile: c.zip} })
			typ, message, _ := f.failure(name, `{}`)
			if typ != "Runtime.InvalidEntrypoint" || !strings.HasSuffix(message, c.message) {
				t.Errorf("%s: %s", typ, message)
			}
		})
	}
}

func TestAnInitThatFailsIsRepeatedInTheInvocation(t *testing.T) {
	f := newFixture(t)
	f.create("worker", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"START": "exit"}}
	})
	typ, message, out := f.failure("worker", `{}`)
	if typ != "Runtime.ExitError" || !strings.HasSuffix(message, "Runtime exited with error: exit status 3") {
		t.Errorf("%s: %s", typ, message)
	}
	tail, _ := base64.StdEncoding.DecodeString(*out.LogResult)
	if !regexp.MustCompile(`(?s)no configuration.*Phase: init\tStatus: error\tError Type: Runtime.ExitError.*START.*no configuration.*Phase: invoke\tStatus: error`).Match(tail) {
		t.Errorf("log: %s", tail)
	}
}

func TestEachConcurrentInvocationHasAnEnvironment(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	if _, err := f.PutFunctionConcurrency(t.Context(), &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { f.invoke("worker", `{"Do":"sleep","N":1500}`) })
	}
	eventually(t, "two invocations", func() bool { return f.lambda.InFlight() == 2 })
	_, err := f.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("worker")})
	wantError(t, err, "TooManyRequestsException", "Rate Exceeded.", 429)
	var throttle *types.TooManyRequestsException
	if !errors.As(err, &throttle) || throttle.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("%+v", throttle)
	}
	group.Wait()
	if got := f.call("worker", `{"Do":"count"}`); got != "2" {
		t.Errorf("count = %s", got)
	}
}

func TestACrashKillsTheProcessAndItsLaterCalls(t *testing.T) {
	f := newFixture(t)
	f.create("worker")
	topic := f.topic("alerts")
	var once sync.Once
	f.mu.Lock()
	f.before = func(c *wire.Call) { // after the effect
		if c.Operation == "Publish" {
			once.Do(f.lambda.Crash)
		}
	}
	f.mu.Unlock()
	typ, message, _ := f.failure("worker", fmt.Sprintf(`{"Do":"publish","N":20,"Text":"hello","Topic":%q}`, topic))
	if typ != "Runtime.ExitError" {
		t.Errorf("%s: %s", typ, message)
	}
	if n := len(f.sns.Messages(topic)); n != 1 {
		t.Errorf("%d messages, want the one before the crash", n)
	}
	f.mu.Lock()
	if len(f.callers) == 0 || f.callers[0] != "sns.Publish by worker" {
		t.Errorf("callers = %v", f.callers)
	}
	f.mu.Unlock()
	if got := f.call("worker", `{"Do":"count"}`); got != "1" {
		t.Errorf("after the crash: %s, want a new process", got)
	}
}

// alive is false for a zombie that nobody has waited for yet.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func (f *fixture) topic(name string) string {
	f.t.Helper()
	out, err := sns.NewFromConfig(f.config).CreateTopic(f.t.Context(), &sns.CreateTopicInput{Name: &name})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.TopicArn
}

func TestCloseKillsWhatRuns(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	f := newFixture(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	script := "#!/bin/sh\nsleep 600 &\necho $! > " + pidFile + "\nwait\n"
	f.create("worker", func(in *sdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{ZipFile: zipped(t, "bootstrap", []byte(script), 0o755)}
	})
	ended := make(chan error, 1)
	go func() {
		_, err := f.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("worker")})
		ended <- err
	}()
	var pid int
	eventually(t, "the process", func() bool {
		text, _ := os.ReadFile(pidFile)
		n, _ := fmt.Sscan(string(text), &pid)
		return n == 1
	})
	if err := f.lambda.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the invocation: %v", err)
	}
	eventually(t, "the end of its child", func() bool { return !alive(pid) })
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	_, err = f.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("worker")})
	wantError(t, err, "ServiceException", "closed", http.StatusInternalServerError)
}
