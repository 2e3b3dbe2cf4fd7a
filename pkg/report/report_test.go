package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
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

func htmlOf(t *testing.T, d Data) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func terminalOf(t *testing.T, d Data, color bool, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := Terminal(&b, d, color, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	golden(t, "rolled-back.html", htmlOf(t, rolledBack()))
	golden(t, "succeeded.html", htmlOf(t, succeeded()))
	golden(t, "nothing.html", htmlOf(t, Data{}))
	golden(t, "rolled-back.100.txt", terminalOf(t, rolledBack(), false, 100))
	golden(t, "rolled-back.48.txt", terminalOf(t, rolledBack(), false, 48))
	golden(t, "succeeded.100.ansi", terminalOf(t, succeeded(), true, 100))
	golden(t, "nothing.txt", terminalOf(t, Data{}, false, 80))
}

func TestSummary(t *testing.T) {
	for name, d := range map[string]Data{"rolled-back.json": rolledBack(), "nothing.json": {}} {
		line, err := json.MarshalIndent(Summary(d, "/tmp/report.html"), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(line)+"\n")
	}
}

// A step whose record has no verdict must never read as passed.
func TestStepWithoutVerdictIsInconclusive(t *testing.T) {
	d := Data{Result: upgrade.Result{Steps: []upgrade.StepRecord{{Step: "a", StartedAt: minute(0)}, {Step: "b", StartedAt: minute(0), DoneAt: minute(1), VerifiedAt: minute(2)}}}}
	for _, s := range Summary(d, "").Steps {
		if s.Status != upgrade.Inconclusive {
			t.Errorf("step %s is %s, want inconclusive", s.ID, s.Status)
		}
	}
}

// The page needs nothing from outside, and says so to the browser.
func TestPageIsSelfContained(t *testing.T) {
	external := []*regexp.Regexp{
		regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|video|audio|source|base|form|use|image)\b`),
		regexp.MustCompile(`(?i)\b(src|srcset|xlink:href|action|data|poster|background)\s*=`),
		regexp.MustCompile(`(?i)@import|url\s*\(|@font-face|expression\s*\(`),
		regexp.MustCompile(`(?i)\son[a-z]+\s*=`),
		regexp.MustCompile(`(?i)\sstyle\s*=`), // the policy would refuse it
	}
	links := regexp.MustCompile(`(?i)<a href="([^"]*)"`)
	for name, d := range map[string]Data{"rolled back": rolledBack(), "succeeded": succeeded(), "nothing": {}} {
		page := htmlOf(t, d)
		for _, pattern := range external {
			if found := pattern.FindString(page); found != "" {
				t.Errorf("%s: the page has %q", name, found)
			}
		}
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			if !strings.HasPrefix(link[1], "#") && !strings.HasPrefix(link[1], "https://kubernetes.io/") {
				t.Errorf("%s: the page links to %q", name, link[1])
			}
		}
		if rest := links.ReplaceAllString(page, ""); strings.Contains(rest, "http://") || strings.Contains(rest, "https://") {
			t.Errorf("%s: the page names an address outside of a link", name)
		}
		if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) && !strings.Contains(page, `content="default-src 'none'; style-src 'sha256-`) {
			t.Errorf("%s: the page has no content security policy", name)
		}
	}
}

func TestHostileTextInPage(t *testing.T) {
	page := htmlOf(t, hostile())
	for _, bad := range []string{"<script", "<img", "javascript:", "\x1b", "\u202e", "\x00", "\x07"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the text itself is lost")
	}
}

func TestHostileTextInTerminal(t *testing.T) {
	for _, color := range []bool{false, true} {
		text := terminalOf(t, hostile(), color, 80)
		if color {
			text = ansi.Strip(text) // our own colours
		}
		for _, r := range text {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Fatalf("color %v: the text contains %q", color, r)
			}
		}
		if strings.Contains(text, "[31m") || strings.Contains(text, "0;title") {
			t.Errorf("color %v: parts of escape sequences are left", color)
		}
	}
}

func TestTerminalStaysWithinWidth(t *testing.T) {
	for name, d := range map[string]Data{"rolled back": rolledBack(), "hostile": hostile()} {
		for _, width := range []int{10, 40, 60, 80, 132, 200} {
			for line := range strings.Lines(terminalOf(t, d, true, width)) {
				if got := ansi.StringWidth(strings.TrimRight(line, "\n")); got > max(width, minWidth) {
					t.Errorf("%s: a line is %d columns wide, the terminal %d: %q", name, got, width, line)
				}
			}
		}
	}
}

// Cleaning copies: the caller's data must stay as it is.
func TestCleanedCopies(t *testing.T) {
	d, want := hostile(), hostile()
	c := cleaned(d)
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("the data was changed (-want +got):\n%s", diff)
	}
	if got := c.Result.Assessment.Findings[0].Evidence; got != progress.Clean(got) {
		t.Errorf("a text deep inside is not clean: %q", got)
	}
	if !c.Result.StartedAt.Equal(d.Result.StartedAt.Time) {
		t.Error("a time got lost")
	}
}

func TestThinKeepsCounts(t *testing.T) {
	var series []Point
	for i := range 3001 {
		series = append(series, Point{At: minute(float64(i)), Requests: 10, Failed: 1, GreenWeight: i % 101})
	}
	var requests, failed int64
	out := thin(series)
	for _, p := range out {
		requests += p.Requests
		failed += p.Failed
	}
	if len(out) > maxPoints || requests != 30010 || failed != 3001 || out[len(out)-1].GreenWeight != 3000%101 {
		t.Errorf("%d points, %d requests, %d failed, last weight %d", len(out), requests, failed, out[len(out)-1].GreenWeight)
	}
}

// What needs a person's judgement is never folded into a group.
func TestDigest(t *testing.T) {
	findings := []upgrade.Finding{
		{Check: "pdb", Severity: upgrade.High}, {Check: "pdb", Severity: upgrade.High},
		{Check: "api", Severity: upgrade.Low, Evidence: "first"}, {Check: "api", Severity: upgrade.Low, Blocks: true}, {Check: "api", Severity: upgrade.Low, NotChecked: true},
		{Check: "other", Severity: upgrade.Low}, {Check: "api", Severity: upgrade.Low}, {Check: "api", Severity: upgrade.Low},
		{Check: "api", Severity: "unknown"}, {Check: "api", Severity: "unknown"},
	}
	var got []int
	for _, g := range Digest(findings) {
		got = append(got, g.More)
	}
	if diff := cmp.Diff([]int{0, 0, 2, 0, 0, 0, 0, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Evidence that needs nobody's judgement is shortened, other evidence never.
func TestDigestShortensEvidence(t *testing.T) {
	long := strings.Repeat("é", 3*maxEvidence)
	groups := Digest([]upgrade.Finding{{Check: "notes", Severity: upgrade.Info, Evidence: long}, {Check: "pdb", Severity: upgrade.High, Evidence: long}})
	if got := utf8.RuneCountInString(groups[0].Evidence); got != maxEvidence {
		t.Errorf("%d characters, want %d", got, maxEvidence)
	}
	if groups[1].Evidence != long {
		t.Error("the evidence of a serious finding was shortened")
	}
}

// A step that failed ends when it was last looked at, not with the upgrade.
func TestStepEnd(t *testing.T) {
	at := func(minutes int) upgrade.Time { return upgrade.At(start.Add(time.Duration(minutes) * time.Minute)) }
	verdict := &upgrade.StepVerdict{Verdicts: []upgrade.Verdict{{ObservedAt: at(4)}, {ObservedAt: at(3)}}}
	for name, tc := range map[string]struct {
		record upgrade.StepRecord
		want   upgrade.Time
	}{
		"verified":     {upgrade.StepRecord{DoneAt: at(1), VerifiedAt: at(5), Verdict: verdict}, at(5)},
		"failed":       {upgrade.StepRecord{DoneAt: at(1), Verdict: verdict}, at(4)},
		"no verdict":   {upgrade.StepRecord{DoneAt: at(1)}, at(1)},
		"only started": {upgrade.StepRecord{StartedAt: at(1)}, upgrade.Time{}},
	} {
		if got := StepEnd(tc.record); !got.Equal(tc.want.Time) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, length := range []time.Duration{time.Second, time.Minute, 86 * time.Minute, 9 * time.Hour, 3 * 24 * time.Hour, 400 * 24 * time.Hour} {
		s := span{start: start, end: start.Add(length)}
		ticks := s.ticks()
		if len(ticks) == 0 || len(ticks) > maxTicks+1 {
			t.Errorf("%s has %d ticks", length, len(ticks))
		}
		seen := map[string]bool{}
		for _, tick := range ticks {
			if seen[tick.Label] {
				t.Errorf("%s has the label %q twice", length, tick.Label)
			}
			seen[tick.Label] = true
		}
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0.0s", 1240 * time.Millisecond: "1.2s", 59 * time.Second: "59s", time.Minute: "1m",
		3*time.Minute + 20*time.Second: "3m 20s", time.Hour: "1h", 72 * time.Minute: "1h 12m", -1: "unknown", 59*time.Minute + 59*time.Second + 900*time.Millisecond: "1h"} {
		if got := durationText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := number(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for ms, want := range map[float64]string{0: "0 ms", 66.41: "66.4 ms", 999: "999 ms", 1000: "1 s", 2731: "2.73 s"} {
		if got := latencyText(ms); got != want {
			t.Errorf("%v ms are %q, want %q", ms, got, want)
		}
	}
	if got := percent(1, 10_000_000); got != "less than 0.001 %" {
		t.Errorf("one of ten million is %q", got)
	}
}

func FuzzHTML(f *testing.F) {
	f.Add(hostileText, int64(3), int64(1))
	f.Fuzz(func(t *testing.T, text string, requests, at int64) {
		d := rolledBack()
		d.Result.Reason, d.Result.Cluster, d.Calls[0].Resource, d.Calls[0].Service = text, text, text, text
		d.Series[0].Requests, d.Series[0].Failed, d.Timeline[0].End = requests, at, upgrade.At(time.Unix(at, 0))
		page := htmlOf(t, d)
		if strings.Contains(page, "<script") || strings.Contains(page, "NaN") || strings.Contains(page, "ZgotmplZ") {
			t.Error("the page is not safe, or a chart is broken")
		}
	})
}
