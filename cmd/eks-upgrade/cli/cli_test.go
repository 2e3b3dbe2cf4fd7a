package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// fixture is the program with a rehearsal that only pretends.
type fixture struct {
	*app
	out, err  bytes.Buffer
	stdin     *strings.Reader
	terminals map[any]bool
	runs      []Options // that were started
	answer    upgrade.ApprovalAnswer
	data      report.Data
	fail      error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Chdir(t.TempDir())
	virtual, err := clock.NewFast(now, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{stdin: strings.NewReader(""), terminals: map[any]bool{}, data: goodData()}
	f.app = newApp(f.stdin, &f.out, &f.err)
	f.clock = virtual
	f.programs = func() error { return nil }
	f.terminal = func(file any) bool { return f.terminals[file] }
	f.injections = []Injection{{Name: "green-unhealthy", Description: "pods on green never become ready", Expect: upgrade.RolledBack}, {Name: "throttling", Description: "AWS refuses bursts of calls", Expect: upgrade.Succeeded}}
	f.rehearse = f.pretend
	f.provision = func(_ context.Context, location string, out io.Writer) error {
		_, err := io.WriteString(out, "made "+location+"\n")
		return errors.Join(err, f.fail)
	}
	return f
}

func goodData() report.Data {
	return report.Data{Speed: 300, Requests: progress.RequestCount{Total: 1000}, Result: upgrade.Result{Upgrade: "shop-1", Cluster: "shop", Green: "shop-green",
		Target: upgrade.Version{Major: 1, Minor: 35}, Outcome: upgrade.Succeeded, Reason: "shop-green has all the traffic", Weights: &upgrade.AllGreen,
		StartedAt: upgrade.At(now), EndedAt: upgrade.At(now.Add(time.Hour))}}
}

func (f *fixture) pretend(ctx context.Context, o Options) (report.Data, error) {
	f.runs = append(f.runs, o)
	o.Events(progress.Event{Time: upgrade.At(now), Kind: progress.Note, Text: "one"})
	answer, err := o.Approve(ctx, Approval{Upgrade: "shop-1", PlanHash: "0123456789abcdef", ExpiresAt: now.Add(time.Hour),
		Assessment: upgrade.Assessment{Decision: upgrade.GoWithApproval, Reason: "1 of 1 findings needs a person", Findings: []upgrade.Finding{{Check: "blocking-pdb", Title: "A disruption budget allows nothing", Severity: upgrade.High, Evidence: "0 allowed\x1b[2J", Remedy: "add a replica"}}},
		Plan:       upgrade.Plan{Cluster: "shop", Green: "shop-green", Steps: []upgrade.Step{{Title: "Create shop-green"}, {Title: "Delete shop", NoReturn: true}}}})
	if err != nil {
		return report.Data{}, err
	}
	f.answer = answer
	o.Events(progress.Event{Time: upgrade.At(now), Kind: progress.Summary, Outcome: f.data.Result.Outcome, Text: "the end"})
	if err := os.WriteFile(filepath.Join(o.Dir, "etcd.log"), []byte("log"), 0o600); err != nil {
		return report.Data{}, err
	}
	return f.data, f.fail
}

// writeManifests writes a folder of manifests and returns its path.
func writeManifests(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "manifests")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

func good(t *testing.T) string { return writeManifests(t, map[string]string{"a.yaml": configMap}) }

func TestApprovalOnTheTerminal(t *testing.T) {
	for typed, approved := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "yep\n": false, "y": true} {
		f := newFixture(t)
		*f.stdin = *strings.NewReader(typed)
		f.terminals[f.stdin], f.terminals[&f.err] = true, true
		if code := f.run(t.Context(), []string{"rehearse", "--output", "plain", "--manifests", good(t)}); code != exitOK {
			t.Fatalf("%q: exit code %d, stderr %q", typed, code, f.err.String())
		}
		if f.answer.Approved != approved || f.answer.PlanHash != "0123456789abcdef" || f.answer.By == "" || f.answer.Reason == "" {
			t.Errorf("%q: answer %+v, want approved %v", typed, f.answer, approved)
		}
		asked := f.err.String()
		for _, want := range []string{"go with approval", "blocking-pdb", "add a replica", " 1. Create shop-green", "point of no return", " 2. Delete shop", "2026-08-01 13:00:00 UTC", "Approve? [y/N] "} {
			if !strings.Contains(asked, want) {
				t.Errorf("the question does not contain %q:\n%s", want, asked)
			}
		}
		if strings.Contains(asked, "\x1b") {
			t.Errorf("the question contains an escape sequence: %q", asked)
		}
	}
}

// A prompt that nobody answers ends with the rehearsal.
func TestApprovalEndsWithTheContext(t *testing.T) {
	f := newFixture(t)
	reader, writer := io.Pipe()
	defer writer.Close()
	f.app.stdin = reader
	f.terminals[reader], f.terminals[&f.err] = true, true
	ctx, cancel := context.WithCancelCause(t.Context())
	f.rehearse = func(ctx context.Context, o Options) (report.Data, error) {
		cancel(errInterrupted)
		return f.pretend(ctx, o)
	}
	if code := f.run(ctx, []string{"rehearse", "--manifests", good(t)}); code != exitInterrupted {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitInterrupted, f.err.String())
	}
	if !strings.HasSuffix(f.err.String(), "error: interrupted\n") {
		t.Errorf("stderr %q", f.err.String())
	}
}

func TestExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*fixture)
		want   int
	}{
		"succeeded":        {func(*fixture) {}, exitOK},
		"rolled back":      {func(f *fixture) { f.data.Result.Outcome = upgrade.RolledBack }, exitRolledBack},
		"failed":           {func(f *fixture) { f.data.Result.Outcome = upgrade.Failed }, exitFailed},
		"no outcome":       {func(f *fixture) { f.data.Result.Outcome = "" }, exitFailed},
		"broken invariant": {func(f *fixture) { f.data.Invariants = []string{"1: weights do not sum to 100"} }, exitFailed},
		"could not run":    {func(f *fixture) { f.fail = errors.New("etcd died") }, exitFailed},
		"bad input found later": {func(f *fixture) {
			f.fail = &upgrade.Error{Code: upgrade.CodeInvalidRequest, Field: "traffic.bake", Message: "is wrong", Remedy: "correct it"}
		}, exitUsage},
	} {
		for _, output := range []string{"plain", "json", "text"} {
			t.Run(name+" "+output, func(t *testing.T) {
				f := newFixture(t)
				tc.change(f)
				if code := f.run(t.Context(), []string{"rehearse", "--yes", "--manifests", good(t), "--output", output}); code != tc.want {
					t.Errorf("exit code %d, want %d; stderr %q", code, tc.want, f.err.String())
				}
				if f.fail != nil && strings.Count(f.err.String(), "\n") != 1 {
					t.Errorf("stderr is not one line: %q", f.err.String())
				}
			})
		}
	}
}

// Every line of JSON output is an object with a kind; the last one is the
// summary, or the error.
// What is not JSON for one way to say it is not JSON for a script.
func TestErrorsAreJSONHoweverItWasAskedFor(t *testing.T) {
	for _, args := range [][]string{{"--output=json"}, {"--output", "json"}, {"-o", "json"}, {"-o=json"}, {"-ojson"}} {
		f := newFixture(t)
		var event struct{ Kind, Text string }
		if code := f.run(t.Context(), append([]string{"status", "--limit", "0"}, args...)); code != exitUsage || json.Unmarshal(f.out.Bytes(), &event) != nil || event.Kind != "error" {
			t.Errorf("%s: %d %s", args, code, f.out.String())
		}
	}
}

// Whatever an interrupt made fail, it is the interrupt that people are told of.
func TestAnInterruptIsNamed(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	f.aws = func(ctx context.Context) (aws.Config, error) { return aws.Config{}, ctx.Err() }
	if code := f.run(ctx, []string{"status", "--output", "json"}); code != exitInterrupted || f.err.String() != "error: interrupted\n" || strings.Contains(f.out.String(), "canceled") {
		t.Errorf("%d %q %q", code, f.err.String(), f.out.String())
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	f := newFixture(t)
	f.fail = errors.New("fetch with " + secret)
	f.run(t.Context(), []string{"rehearse", "--yes", "--manifests", good(t), "--output", "json"})
	if got := f.out.String() + f.err.String(); !strings.Contains(got, "fetch with") || strings.Contains(got, secret) {
		t.Error(got)
	}
}

func TestJSONOutput(t *testing.T) {
	for name, tc := range map[string]struct {
		fail error
		args []string
		last string
	}{
		"summary":      {nil, nil, "summary"},
		"error":        {errors.New("etcd died"), nil, "error"},
		"bad argument": {nil, []string{"--from", "x"}, "error"},
		"bad flag":     {nil, []string{"--nope"}, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.fail = tc.fail
			f.run(t.Context(), append(append([]string{"rehearse"}, tc.args...), "--yes", "--manifests", good(t), "--output=json"))
			lines := strings.Split(strings.TrimSpace(f.out.String()), "\n")
			var last map[string]any
			for _, line := range lines {
				last = nil
				if err := json.Unmarshal([]byte(line), &last); err != nil || last["kind"] == nil {
					t.Fatalf("%q: %v", line, err)
				}
			}
			if last["kind"] != tc.last {
				t.Fatalf("the last line is %s", lines[len(lines)-1])
			}
			if tc.last == "error" {
				return
			}
			for _, key := range []string{"outcome", "reason", "requests", "weights", "versions", "steps", "findings", "report"} {
				if _, ok := last[key]; !ok {
					t.Errorf("the summary has no %s", key)
				}
			}
			if path, _ := last["report"].(string); !filepath.IsAbs(path) {
				t.Errorf("the report is at %q, which is not an absolute path", path)
			}
		})
	}
}

func TestOptionsReachTheRehearsal(t *testing.T) {
	f := newFixture(t)
	dir := good(t)
	code := f.run(t.Context(), []string{"rehearse", "-y", "--from", "1.35", "--target", "1.36", "--manifests", dir, "--inject", "throttling,green-unhealthy", "--inject", "throttling",
		"--speed", "600", "--rate", "20", "--bake", "5m", "--soak", "30m", "--seed", "7"})
	if code != exitOK || len(f.runs) != 1 {
		t.Fatalf("exit code %d, %d runs, stderr %q", code, len(f.runs), f.err.String())
	}
	got := f.runs[0]
	if got.Approve == nil || got.Events == nil || got.Executable == "" || filepath.Base(got.Dir) != "work" {
		t.Errorf("not set: %+v", got)
	}
	got.Approve, got.Events, got.Executable, got.Dir = nil, nil, "", ""
	want := Options{From: upgrade.Version{Major: 1, Minor: 35}, Target: upgrade.Version{Major: 1, Minor: 36}, Manifests: []string{dir}, Inject: []string{"throttling", "green-unhealthy"},
		Speed: 600, Rate: 20, Seed: 7, Bake: 5 * time.Minute, Soak: 30 * time.Minute}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTargetFollowsFrom(t *testing.T) {
	f := newFixture(t)
	if code := f.run(t.Context(), []string{"rehearse", "-y", "--from", "1.36", "--manifests", good(t)}); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, f.err.String())
	}
	if got := f.runs[0].Target.String(); got != "1.37" {
		t.Errorf("the target is %s, want 1.37", got)
	}
}

// A report from before is only replaced by one that exists.
func TestReportFromBeforeStaysWhileItRuns(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte("from before"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.rehearse = func(ctx context.Context, o Options) (report.Data, error) {
		if data, err := os.ReadFile(path); err != nil || string(data) != "from before" {
			t.Errorf("the report from before is now %q, %v", data, err)
		}
		return f.pretend(ctx, o)
	}
	f.run(t.Context(), []string{"rehearse", "--yes", "--report", path, "--manifests", good(t)})
	if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), "<!doctype html>") {
		t.Errorf("the report is %.40q, %v", data, err)
	}
}

// Nothing goes over the edge of a narrow terminal, and what goes on below keeps
// its indentation.
func TestApprovalFitsTheTerminal(t *testing.T) {
	asked := Approval{Plan: upgrade.Plan{Strategy: upgrade.BlueGreen, Cluster: "shop", Green: "shop-green"}, Assessment: upgrade.Assessment{Findings: []upgrade.Finding{{
		Check: "release-notes", Title: "A change", Severity: upgrade.High, Evidence: strings.Repeat("word --a-flag ", 30), Remedy: "read it"}}}}
	text := approvalText(asked, 60, "the upgrade's own time")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len(line) > 60 {
			t.Errorf("%d columns: %q", len(line), line)
		}
		if strings.Contains(line, "word") && !strings.HasPrefix(line, strings.Repeat(" ", 11)) {
			t.Errorf("not indented: %q", line)
		}
	}
	if !strings.Contains(text, "blue/green, new cluster shop-green") {
		t.Errorf("the strategy is not said:\n%s", text)
	}
}

func TestWhatIsLeftBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		args    []string
		outcome upgrade.Outcome
		want    []string
	}{
		"went well":        {nil, upgrade.Succeeded, []string{"report.html"}},
		"went well, keep":  {[]string{"--keep"}, upgrade.Succeeded, []string{"report.html", "work/etcd.log"}},
		"rolled back":      {nil, upgrade.RolledBack, []string{"report.html", "work/etcd.log"}},
		"report elsewhere": {[]string{"--report", "elsewhere/r.html"}, upgrade.Succeeded, []string{"../elsewhere/r.html"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.data.Result.Outcome = tc.outcome
			f.run(t.Context(), append([]string{"rehearse", "--yes", "--manifests", good(t)}, tc.args...))
			var got []string
			for _, pattern := range []string{"rehearsal-20260801-120000/*.html", "rehearsal-20260801-120000/work/*", "elsewhere/*"} {
				found, err := filepath.Glob(pattern)
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range found {
					rel, err := filepath.Rel("rehearsal-20260801-120000", path)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, rel)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(f.out.String(), "Logs and artifacts:") != strings.Contains(strings.Join(tc.want, " "), "work/") {
				t.Errorf("what is said of the logs is not true:\n%s", f.out.String())
			}
		})
	}
}

func TestReportThatCannotBeWritten(t *testing.T) {
	f := newFixture(t)
	f.rehearse = func(ctx context.Context, o Options) (report.Data, error) {
		if err := os.Mkdir(filepath.Join(filepath.Dir(o.Dir), "report.html"), 0o755); err != nil { // in the way
			return report.Data{}, err
		}
		return f.pretend(ctx, o)
	}
	code := f.run(t.Context(), []string{"rehearse", "--yes", "--output", "json", "--manifests", good(t)})
	lines := strings.Split(strings.TrimSpace(f.out.String()), "\n")
	if code != exitFailed || !strings.Contains(f.err.String(), "report") || !strings.Contains(lines[len(lines)-1], `"outcome":"succeeded"`) || !strings.Contains(lines[len(lines)-1], `"report":""`) {
		t.Errorf("exit code %d, stderr %q, last line %s", code, f.err.String(), lines[len(lines)-1])
	}
}

func TestHelpListsFaultsAndExitCodes(t *testing.T) {
	f := newFixture(t)
	if code := f.run(t.Context(), []string{"rehearse", "--help"}); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"green-unhealthy", "throttling", "AWS refuses bursts of calls", "Exit codes:", "--manifests"} {
		if !strings.Contains(f.out.String(), want) {
			t.Errorf("the help does not contain %q", want)
		}
	}
}

func TestOtherCommands(t *testing.T) {
	t.Setenv("SPEC_BUCKET", "")
	for name, tc := range map[string]struct {
		args     []string
		bucket   string
		code     int
		out, err string
	}{
		"version":           {[]string{"version"}, "", exitOK, "eks-upgrade ", ""},
		"no command":        {nil, "", exitOK, "rehearse", ""},
		"unknown command":   {[]string{"reherse"}, "", exitUsage, "", `error: unknown command "reherse" for "eks-upgrade"`},
		"provision a file":  {[]string{"provision", "spec.json"}, "", exitOK, "made spec.json\n", ""},
		"provision from S3": {[]string{"provision"}, "bucket", exitOK, "made s3://bucket/a/key\n", ""},
		"provision nothing": {[]string{"provision"}, "", exitUsage, "", "error: specification: is missing; name a file or s3://bucket/key, or set SPEC_BUCKET and SPEC_KEY\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SPEC_BUCKET", tc.bucket)
			t.Setenv("SPEC_KEY", "a/key")
			f := newFixture(t)
			if code := f.run(t.Context(), tc.args); code != tc.code || !strings.Contains(f.out.String(), tc.out) || !strings.HasPrefix(f.err.String(), tc.err) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, f.out.String(), f.err.String())
			}
		})
	}
}

func TestBundledManifests(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := bundledManifests(wd)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkManifests(folders); err != nil {
		t.Error(err)
	}
	if _, err := bundledManifests(t.TempDir()); err == nil {
		t.Error("found a source tree where there is none")
	}
}
