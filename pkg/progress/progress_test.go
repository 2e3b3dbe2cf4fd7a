package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

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

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func second(s float64) upgrade.Time {
	return upgrade.At(start.Add(time.Duration(s * float64(time.Second))))
}

// rehearsal is what happens in a rehearsal that is rolled back at the first
// shift. It is cut into parts, so that pictures can be taken between them.
func rehearsal() (preparing, shifting, rollingBack []Event) {
	preparing = []Event{
		{Kind: Setup, Text: "starting the control plane of shop at 1.34"},
		{Time: second(0), Kind: Setup, Text: "loaded 312 objects into shop"},
		{Time: second(1), Kind: Started, Run: &RunInfo{Upgrade: "shop-1", Cluster: "shop", Green: "shop-green", From: upgrade.Version{Major: 1, Minor: 34}, Target: upgrade.Version{Major: 1, Minor: 35}, Strategy: upgrade.BlueGreen, Speed: 300}},
		{Time: second(1), Kind: Weights, Weights: &upgrade.AllBlue},
		{Time: second(2), Kind: Phase, Phase: upgrade.PhaseLease, Status: Running},
		{Time: second(2), Kind: State, State: "AcquireLease", Phase: upgrade.PhaseLease},
		{Time: second(3), Kind: Phase, Phase: upgrade.PhaseLease, Status: Passed},
		{Time: second(3), Kind: Phase, Phase: upgrade.PhasePerceive, Status: Running},
	}
	shifting = []Event{
		{Time: second(60), Kind: Phase, Phase: upgrade.PhasePerceive, Status: Passed},
		{Time: second(61), Kind: Finding, Finding: &upgrade.Finding{Check: "blocking-pdb", Title: "A disruption budget allows no disruption", Severity: upgrade.High, Object: &upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: "monitoring", Name: "prometheus-k8s"}}},
		{Time: second(61), Kind: Finding, Finding: &upgrade.Finding{Check: "deprecated-apis", Title: "API version goes away", Severity: upgrade.Low}},
		{Time: second(62), Kind: Phase, Phase: upgrade.PhaseReason, Status: Passed},
		{Time: second(63), Kind: Step, Step: "provision", Steps: 3, Status: Planned, Text: "Create shop-green at 1.35 like shop"},
		{Time: second(63), Kind: Step, Step: "shift-10", Index: 1, Steps: 3, Status: Planned, Text: "Shift 10 % of the traffic to shop-green"},
		{Time: second(63), Kind: Step, Step: "remove-blue", Index: 2, Steps: 3, Status: Planned, Text: "Delete shop"},
		{Time: second(64), Kind: Approval, Phase: upgrade.PhaseApprove, Status: Passed, Text: "approved by dana"},
		{Time: second(64), Kind: Phase, Phase: upgrade.PhaseApprove, Status: Passed},
		{Time: second(65), Kind: Phase, Phase: upgrade.PhaseExecute, Status: Running},
		{Time: second(65), Kind: Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: Running},
		{Time: second(95), Kind: Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: Waiting, Text: "creating: 1 of 9 minutes"},
		{Time: second(185), Kind: Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: Waiting, Text: "creating: 3 of 9 minutes"},
		{Time: second(700), Kind: Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: Done, Text: "active"},
		{Time: second(701), Kind: Step, Step: "provision", Steps: 3, Mode: upgrade.Forward, Status: Passed, Text: "2 of 2 criteria pass"},
		{Time: second(702), Kind: Step, Step: "shift-10", Index: 1, Steps: 3, Mode: upgrade.Forward, Status: Running},
		{Time: second(705), Kind: Weights, Weights: &upgrade.Weights{Blue: 90, Green: 10}},
	}
	for i := range 600 { // ten a second of real time: the counters of five minutes
		shifting = append(shifting,
			Event{Time: second(705 + float64(i)/2), Kind: Requests, Requests: &RequestCount{Total: 50_000 + int64(i)*20}},
			Event{Time: second(705 + float64(i)/2), Kind: Weights, Weights: &upgrade.Weights{Blue: 90, Green: 10}})
	}
	rollingBack = []Event{
		{Time: second(1005), Kind: Injected, Text: "green-unhealthy: pods on shop-green are not ready"},
		{Time: second(1010), Kind: Requests, Requests: &RequestCount{Total: 62_020, Failed: 3}},
		{Time: second(1100), Kind: Requests, Requests: &RequestCount{Total: 65_020, Failed: 31}},
		{Time: second(1101), Kind: Step, Step: "shift-10", Index: 1, Steps: 3, Mode: upgrade.Forward, Status: Failed, Text: "errorRate of shop-green: 31 of 1,200 requests failed"},
		{Time: second(1101), Kind: Warning, Text: "retrying eks DescribeCluster\r\nafter ThrottlingException \x1b[2Jcleared"},
		{Time: second(1102), Kind: Phase, Phase: upgrade.PhaseExecute, Status: Failed},
		{Time: second(1102), Kind: Phase, Phase: upgrade.PhaseRollback, Status: Running},
		{Time: second(1103), Kind: Step, Step: "shift-back", Steps: 1, Mode: upgrade.RollingBack, Status: Running},
		{Time: second(1104), Kind: Weights, Weights: &upgrade.AllBlue},
		{Time: second(1110), Kind: Requests, Requests: &RequestCount{Total: 66_000, Failed: 31}},
		{Time: second(1165), Kind: Step, Step: "shift-back", Steps: 1, Mode: upgrade.RollingBack, Status: Passed, Text: "1 of 1 criteria pass"},
		{Time: second(1166), Kind: Phase, Phase: upgrade.PhaseRollback, Status: Passed},
		{Time: second(1167), Kind: Summary, Outcome: upgrade.RolledBack, Text: "shift-10 failed; all traffic is on shop"},
	}
	return preparing, shifting, rollingBack
}

func all() []Event {
	a, b, c := rehearsal()
	return append(append(a, b...), c...)
}

func show(t *testing.T, r Renderer, events []Event) {
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
		show(t, NewPlain(&b, verbose), all())
		golden(t, name, b.String())
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	show(t, NewJSON(&b), all())
	golden(t, "events.jsonl", b.String())
	for line := range strings.Lines(b.String()) {
		e, err := upgrade.Decode[Event]([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Kind == Summary {
			t.Error("the summary is the caller's to write")
		}
	}
}

// Ten events a second must not become ten lines a second, and the last
// counters must not get lost.
func TestCountersAreThinnedOut(t *testing.T) {
	var b bytes.Buffer
	r := NewJSON(&b)
	const events = 6001 // ten minutes
	for i := range events {
		r.Event(Event{Time: second(float64(i) / 10), Kind: Requests, Requests: &RequestCount{Total: int64(i)}})
		r.Event(Event{Time: second(float64(i) / 10), Kind: Weights, Weights: &upgrade.Weights{Blue: 100}})
	}
	r.Event(Event{Time: second(601), Kind: Requests, Requests: &RequestCount{Total: 7777}})
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
	r := NewJSON(&b)
	r.Event(Event{Time: second(0), Kind: Requests, Requests: &RequestCount{Total: 1}})
	r.Event(Event{Time: second(11), Kind: Requests, Requests: &RequestCount{Total: 2, Failed: 1}})
	if got := strings.Count(b.String(), "\n"); got != 2 {
		t.Errorf("%d lines before the end, want 2", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteErrorsComeBack(t *testing.T) {
	for _, r := range []Renderer{NewPlain(brokenWriter{}, false), NewJSON(brokenWriter{})} {
		r.Event(Event{Kind: Note, Text: "hello"})
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
		if got := Clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{"goWithApproval": "go with approval", "noGo": "no go", "go": "go", "rolledBack": "rolled back", "blueGreen": "blue/green", "": ""} {
		if got := Words(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + 30*time.Second: "1h0m30s", 10 * time.Second: "10s", 0: "0s", 20 * time.Hour: "20h"} {
		if got := Span(d); got != want {
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
		if got := Why(tc.outcome, tc.reason); got != tc.want {
			t.Errorf("%q, %q: %q, want %q", tc.outcome, tc.reason, got, tc.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a \x1b[31mb\x1b]0;t\x07 c\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q is left in %q", r, got)
			}
		}
		if again := Clean(got); again != got {
			t.Errorf("cleaning twice differs: %q, %q", got, again)
		}
	})
}

// plainLook has no colours: marks must be enough.
func plainLook() look { return newLook(&bytes.Buffer{}) }

func TestPicture(t *testing.T) {
	preparing, shifting, rollingBack := rehearsal()
	var b board
	var out strings.Builder
	picture := func(title string, width, height int) {
		fmt.Fprintf(&out, "=== %s, %d x %d\n%s", title, width, height, b.draw(plainLook(), width, height, 0))
	}
	picture("nothing yet", 80, 24)
	for _, e := range preparing {
		b.apply(e)
	}
	picture("preparing", 80, 24)
	for _, e := range shifting {
		b.apply(e)
	}
	picture("shifting", 100, 30)
	picture("shifting", 40, 24)
	for _, e := range rollingBack {
		b.apply(e)
	}
	picture("rolled back", 100, 30)
	picture("rolled back", 80, 14)
	golden(t, "pictures.txt", out.String())
}

// Whatever comes, the picture fits the terminal and carries no foreign escape
// sequences.
func TestPictureFits(t *testing.T) {
	var b board
	evil := "\x1b[2J\u202e" + strings.Repeat("long name 日本 ", 30) + "\n\nnew line"
	events := all()
	for i := range 60 {
		events = append(events, Event{Time: second(1200), Kind: Step, Step: fmt.Sprint(evil, i), Index: i, Steps: 60, Mode: upgrade.Forward, Status: Running, Text: evil},
			Event{Kind: Warning, Text: fmt.Sprint(i, evil)}, Event{Kind: State, State: evil})
	}
	events = append(events, Event{Kind: Started, Run: &RunInfo{Cluster: evil, Green: evil}}, Event{Kind: Summary, Outcome: upgrade.Failed, Text: evil})
	for i, e := range events {
		b.apply(e)
		if i%50 != 0 && i < len(events)-3 {
			continue
		}
		for _, size := range [][2]int{{20, 10}, {40, 12}, {80, 24}, {200, 60}} {
			width, height := size[0], size[1]
			picture := b.draw(plainLook(), width, height, i)
			lines := strings.Split(picture, "\n")
			if len(lines) > height && height >= 24 {
				t.Fatalf("%d lines on a terminal of %d:\n%s", len(lines), height, picture)
			}
			for _, line := range lines {
				if ansi.StringWidth(line) > width || strings.ContainsAny(line, "\x1b\u202e\r") {
					t.Fatalf("width %d: %q", width, line)
				}
			}
		}
	}
}

func TestStepsStayInOrder(t *testing.T) {
	var b board
	for _, e := range []Event{
		{Kind: Step, Step: "back", Mode: upgrade.RollingBack, Index: 0},
		{Kind: Step, Step: "c", Index: 2},
		{Kind: Step, Step: "a", Index: 0},
		{Kind: Step, Step: "b", Index: 1},
		{Kind: Step, Step: "back-2", Mode: upgrade.RollingBack, Index: 1},
		{Kind: Step, Step: "a", Index: 0, Status: Passed},
	} {
		b.apply(e)
	}
	var got []string
	for _, s := range b.steps {
		got = append(got, s.id)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "back", "back-2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorEvent(t *testing.T) {
	e := ErrorEvent(second(0), &upgrade.Error{Code: upgrade.CodeDrift, Message: "the weights were changed", Remedy: "look who did it"})
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-08-01T12:00:00Z","kind":"error","text":"the weights were changed; look who did it","code":"Drift"}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}

// safeBuffer is a terminal that is only written to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestLive(t *testing.T) {
	var w safeBuffer
	live := NewLive(&w, strings.NewReader(""))
	preparing, shifting, rollingBack := rehearsal()
	for _, e := range append(preparing, shifting...) {
		live.Event(e)
	}
	live.Suspend()
	if got := w.String(); !strings.Contains(got, "61980 sent, 0 failed") || !strings.HasSuffix(got, ansi.ShowCursor) && !strings.Contains(got[strings.LastIndex(got, "61980"):], ansi.ShowCursor) {
		t.Errorf("the picture before the prompt is not whole, or the cursor is still hidden: %q", got)
	}
	before := w.String()
	for _, e := range rollingBack {
		live.Event(e) // nothing may be drawn over the prompt
	}
	if got := w.String(); got != before {
		t.Errorf("something was drawn while suspended: %q", got[len(before):])
	}
	live.Resume()
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if last := w.String()[len(before):]; !strings.Contains(last, "rolled back") || !strings.Contains(last, "66000 sent, 31 failed") {
		t.Errorf("the last picture is not whole: %q", last)
	}
	if err := live.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	closed := w.String()
	live.Resume() // a prompt that ends after the end
	live.Suspend()
	if got := w.String(); got != closed {
		t.Errorf("something was drawn after the end: %q", got[len(closed):])
	}
}

// Events come from many goroutines, and much faster than anybody can look.
func TestLiveIsCheap(t *testing.T) {
	var w safeBuffer
	live := NewLive(&w, strings.NewReader(""))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 20_000 {
				live.Event(Event{Time: second(float64(i)), Kind: Requests, Requests: &RequestCount{Total: int64(i)}})
			}
		})
	}
	all.Wait()
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(w.String(), "Requests"); n > 1000 {
		t.Errorf("80,000 events made %d pictures", n)
	}
}
