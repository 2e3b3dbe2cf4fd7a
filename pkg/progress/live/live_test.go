package live

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/charmbracelet/x/ansi"
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

// plainLook has no colours: marks must be enough.
func plainLook() look { return newLook(&bytes.Buffer{}) }

func TestPicture(t *testing.T) {
	preparing, shifting, rollingBack := progresstest.Rehearsal()
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
	events := progresstest.All()
	for i := range 60 {
		events = append(events, progress.Event{Time: progresstest.Second(1200), Kind: progress.Step, Step: fmt.Sprint(evil, i), Index: i, Steps: 60, Mode: upgrade.Forward, Status: progress.Running, Text: evil},
			progress.Event{Kind: progress.Warning, Text: fmt.Sprint(i, evil)}, progress.Event{Kind: progress.State, State: evil})
	}
	events = append(events, progress.Event{Kind: progress.Started, Run: &progress.RunInfo{Cluster: evil, Green: evil}}, progress.Event{Kind: progress.Summary, Outcome: upgrade.Failed, Text: evil})
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
	for _, e := range []progress.Event{
		{Kind: progress.Step, Step: "back", Mode: upgrade.RollingBack, Index: 0},
		{Kind: progress.Step, Step: "c", Index: 2},
		{Kind: progress.Step, Step: "a", Index: 0},
		{Kind: progress.Step, Step: "b", Index: 1},
		{Kind: progress.Step, Step: "back-2", Mode: upgrade.RollingBack, Index: 1},
		{Kind: progress.Step, Step: "a", Index: 0, Status: progress.Passed},
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

func TestView(t *testing.T) {
	var w safeBuffer
	live := New(&w, strings.NewReader(""))
	preparing, shifting, rollingBack := progresstest.Rehearsal()
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
func TestTheViewIsCheap(t *testing.T) {
	var w safeBuffer
	live := New(&w, strings.NewReader(""))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 20_000 {
				live.Event(progress.Event{Time: progresstest.Second(float64(i)), Kind: progress.Requests, Requests: &progress.RequestCount{Total: int64(i)}})
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
