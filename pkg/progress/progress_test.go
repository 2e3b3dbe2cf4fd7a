package progress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress/progresstest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s has changed; if that is meant, run the test with -update (-want +got):\n%s", file, diff)
	}
}

func show(t *testing.T, r progress.Renderer, events []progress.Event) {
	t.Helper()
	for _, e := range events {
		r.Event(e)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPlain(t *testing.T) {
	for name, verbose := range map[string]bool{"plain.txt": false, "verbose.txt": true} {
		var b bytes.Buffer
		show(t, progress.NewPlain(&b, verbose), progresstest.All())
		golden(t, name, b.String())
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	show(t, progress.NewJSON(&b), progresstest.All())
	golden(t, "events.jsonl", b.String())
	for line := range strings.Lines(b.String()) {
		e, err := upgrade.Decode[progress.Event]([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Kind == progress.Summary {
			t.Error("the summary is the caller's to write")
		}
	}
}

// Ten events a second must not become ten lines a second, and the last
// counters must not get lost.
func TestCountersAreThinnedOut(t *testing.T) {
	var b bytes.Buffer
	r := progress.NewJSON(&b)
	const events = 6001 // ten minutes
	for i := range events {
		r.Event(progress.Event{Time: progresstest.Second(float64(i) / 10), Kind: progress.Requests, Requests: &progress.RequestCount{Total: int64(i)}})
		r.Event(progress.Event{Time: progresstest.Second(float64(i) / 10), Kind: progress.Weights, Weights: &upgrade.Weights{Blue: 100}})
	}
	r.Event(progress.Event{Time: progresstest.Second(601), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 7777}})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 13 { // 11 minutes with both ends, one weights, the last counters
		t.Errorf("%d lines", len(lines))
	}
	if !strings.Contains(lines[len(lines)-1], `"total":7777`) {
		t.Errorf("the last line is %s", lines[len(lines)-1])
	}
}

func TestFailuresShowSooner(t *testing.T) {
	var b bytes.Buffer
	r := progress.NewJSON(&b)
	r.Event(progress.Event{Time: progresstest.Second(0), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 1}})
	r.Event(progress.Event{Time: progresstest.Second(11), Kind: progress.Requests, Requests: &progress.RequestCount{Total: 2, Failed: 1}})
	if got := strings.Count(b.String(), "\n"); got != 2 {
		t.Errorf("%d lines before the end, want 2", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteErrorsComeBack(t *testing.T) {
	for _, r := range []progress.Renderer{progress.NewPlain(brokenWriter{}, false), progress.NewJSON(brokenWriter{})} {
		r.Event(progress.Event{Kind: progress.Note, Text: "hello"})
		if err := r.Close(); err == nil {
			t.Errorf("%T lost the error", r)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":                "plain text",
		"two\r\nlines\tand  spaces": "two lines and spaces",
		" edges ":                   "edges",
		"\x1b[31mred\x1b[0m":        "red",
		"\x1b]0;title\x07text":      "text",
		"\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\": "link",
		"\x1bPq#0;2;0;0;0\x1b\\sixel":                       "sixel",
		"\u009b2Jcleared":                                   "cleared",
		"unfinished \x1b[":                                  "unfinished",
		"\x00\x07\x08bell":                                  "bell",
		"abc\u202edcb\u200f":                                "abcdcb",
		"שלום":                                              "שלום",
		"bad \xff byte":                                     "bad \ufffd byte",
		"":                                                  "",
		"\n":                                                "",
		"日本 → ok":                                           "日本 → ok",
	} {
		if got := progress.Clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{"goWithApproval": "go with approval", "noGo": "no go", "go": "go", "rolledBack": "rolled back", "blueGreen": "blue/green", "": ""} {
		if got := progress.Words(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + 30*time.Second: "1h0m30s", 10 * time.Second: "10s", 0: "0s", 20 * time.Hour: "20h"} {
		if got := progress.Span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestWhy(t *testing.T) {
	for _, tc := range []struct{ outcome, reason, want string }{
		{"succeeded", "succeeded: 10 steps verified", ": 10 steps verified"},
		{"failed", "failed, and nothing was changed", ", and nothing was changed"},
		{"failed", "failedOver", "  failedOver"},
		{"rolled back", "no reason of that name", "  no reason of that name"},
		{"failed", "failed", ""},
	} {
		if got := progress.Why(tc.outcome, tc.reason); got != tc.want {
			t.Errorf("%q, %q: %q, want %q", tc.outcome, tc.reason, got, tc.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a \x1b[31mb\x1b]0;t\x07 c\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := progress.Clean(s)
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q is left in %q", r, got)
			}
		}
		if again := progress.Clean(got); again != got {
			t.Errorf("cleaning twice differs: %q, %q", got, again)
		}
	})
}

func TestErrorEvent(t *testing.T) {
	e := progress.ErrorEvent(progresstest.Second(0), &upgrade.Error{Code: upgrade.CodeDrift, Message: "the weights were changed", Remedy: "look who did it"})
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-08-01T12:00:00Z","kind":"error","text":"the weights were changed; look who did it","code":"Drift"}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}
