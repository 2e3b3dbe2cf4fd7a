package releasenotes_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

const changelog = "# v1.35.1\n\n## Changes by Kind\n\n### Bug or Regression\n\n- Fixed a patch of [another](https://github.com/kubernetes/kubernetes/pull/9). ([#5](https://github.com/kubernetes/kubernetes/pull/5), [#6](https://github.com/kubernetes/kubernetes/pull/6), [@e](https://github.com/e)) [SIG Node]\n" + `
# v1.35.0

[Documentation](https://docs.k8s.io)

## Downloads for v1.35.0

- not a note

## Urgent Upgrade Notes

### (No, really, you MUST read this before you upgrade)

- Removed the ` + "`--old`" + ` flag
  from *kubelet*. ([#1](https://github.com/kubernetes/kubernetes/pull/1), [@a](https://github.com/a)) [SIG API Machinery, Apps and Node]
 - Second: do
   - this, see https://example.com/x
   - and that ([#2](https://github.com/kubernetes/kubernetes/pull/2), [@b](https://github.com/b))

## Known Issues

- It leaks.

## Changes by Kind

### Deprecation

- Action required: stop using it. ([#3](https://github.com/kubernetes/kubernetes/pull/3), [@c](https://github.com/c), [@d](https://github.com/d)) [SIG Apps]

### API Change

- Added [a thing](https://example.com). ([#4](https://github.com/kubernetes/kubernetes/pull/4), [@d](https://github.com/d))

## Dependencies

- not a note

# v1.35.0-rc.1

## Urgent Upgrade Notes

- of a candidate
`

func TestParseMarkdownTakesTheEntriesOfStableReleases(t *testing.T) {
	pull := func(n string) string { return "https://github.com/kubernetes/kubernetes/pull/" + n }
	note := func(section, kind, text, pr string, sigs ...string) upgrade.ReleaseNote {
		n := upgrade.ReleaseNote{Version: v(35), Source: upgrade.NotesOfKubernetes, Section: section, Kind: kind, Text: text, SIGs: sigs}
		if pr != "" {
			n.PR, n.URL = int(pr[0]-'0'), pull(pr)
		}
		return n
	}
	want := []upgrade.ReleaseNote{
		note("Bug or Regression", "bug", "Fixed a patch of another.", "5", "Node"),
		note("Urgent Upgrade Notes", "", "Removed the --old flag from kubelet.", "1", "API Machinery", "Apps", "Node"),
		note("Urgent Upgrade Notes", "", "Second: do this, see https://example.com/x and that", "2"),
		note("Known Issues", "", "It leaks.", ""),
		note("Deprecation", "deprecation", "Action required: stop using it.", "3", "Apps"),
		note("API Change", "api-change", "Added a thing.", "4"),
	}
	got := releasenotes.ParseMarkdown([]byte(changelog), v(35))
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(upgrade.ReleaseNote{}, "Labels")); diff != "" {
		t.Error(diff)
	}
	for i, label := range map[int]upgrade.NoteLabelName{1: upgrade.NoteActionRequired, 2: upgrade.NoteActionRequired, 4: upgrade.NoteDeprecation, 5: upgrade.NoteAPIChange} {
		if !got[i].Is(label) || len(got[i].Labels[0].Why) == 0 {
			t.Errorf("%q is not %s: %+v", got[i].Text, label, got[i].Labels)
		}
	}
	if notes := releasenotes.ParseMarkdown([]byte(changelog), v(34)); len(notes) != 0 {
		t.Errorf("another version has %d notes", len(notes))
	}
}

func TestEveryBundledChangelogHasNotes(t *testing.T) {
	for minor := 31; minor <= 37; minor++ {
		source, day, err := releasenotes.Bundled(v(minor))
		if err != nil || day.IsZero() {
			t.Fatal(day, err)
		}
		notes := releasenotes.ParseMarkdown(source, v(minor))
		is := func(name upgrade.NoteLabelName) bool {
			return slices.ContainsFunc(notes, func(n upgrade.ReleaseNote) bool { return n.Is(name) })
		}
		if len(notes) < 100 || !is(upgrade.NoteBreaking) || !is(upgrade.NoteActionRequired) || !is(upgrade.NoteDeprecation) || !is(upgrade.NoteAPIChange) {
			t.Errorf("%s: %d notes", v(minor), len(notes))
		}
		with := 0
		for _, n := range notes {
			if n.PR > 0 && len(n.SIGs) > 0 && n.URL != "" {
				with++
			}
		}
		if with < len(notes)*6/10 {
			t.Errorf("%s: %d of %d notes have a pull request and SIGs", v(minor), with, len(notes))
		}
	}
	if _, _, err := releasenotes.Bundled(v(99)); err == nil {
		t.Error("1.99 is bundled")
	}
}

// hostile are texts that made parsers of their kind slow, deep or large.
func hostile() map[string]string {
	const n = 300_000
	return map[string]string{
		"brackets":      "## Changes by Kind\n- " + strings.Repeat("[", n),
		"links":         "## Changes by Kind\n- " + strings.Repeat("[a](", n),
		"emphasis":      "## Changes by Kind\n- " + strings.Repeat("*a _b ", n),
		"backticks":     "## Changes by Kind\n- " + strings.Repeat("`", n) + "x" + strings.Repeat("``` ", n),
		"quotes":        "## Changes by Kind\n" + strings.Repeat("> ", n) + "x",
		"lists":         "## Changes by Kind\n" + strings.Repeat("- ", n) + "x",
		"deeper lists":  "## Changes by Kind\n" + deeper(600),
		"angles":        "## Changes by Kind\n- " + strings.Repeat("<a ", n),
		"many entries":  "## Changes by Kind\n" + strings.Repeat("- x\n", n),
		"one long line": "## Changes by Kind\n- " + strings.Repeat("é", n),
		"references":    "## Changes by Kind\n" + strings.Repeat("[a]: b\n", 20_000) + "- [a][a]",
		"HTML":          "<!doctype html>" + strings.Repeat("<div>", n) + "<h2>Kubernetes 1.35</h2><ul><li>x",
		"HTML siblings": "<body><h2>Kubernetes 1.35</h2>" + strings.Repeat("<li>x", 50_000),
		"HTML in li":    "<body><h2>Kubernetes 1.35</h2>" + strings.Repeat("<ul><li>x", 400),
		"script":        "<body><h2>Kubernetes 1.35</h2><ul><li>a<script>alert(1)</script>b",
		"NUL":           "## Changes by Kind\n- a\x00b\xff\n",
	}
}

func deeper(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("  ", i) + "- x\n")
	}
	return b.String()
}

func TestHostileTextsAreBounded(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			bounded(t, releasenotes.ParseMarkdown([]byte(text), v(35)))
			for _, notes := range releasenotes.ParseEKS([]byte(text), "https://docs.aws.amazon.com/x.html") {
				bounded(t, notes)
				if name == "script" && (len(notes) != 1 || notes[0].Text != "ab") {
					t.Errorf("%+v", notes)
				}
			}
		})
	}
}

func bounded(t *testing.T, notes []upgrade.ReleaseNote) {
	t.Helper()
	if len(notes) > 3000 {
		t.Errorf("%d notes", len(notes))
	}
	for _, n := range notes {
		switch {
		case n.Text == "" || !utf8.ValidString(n.Text) || len(n.Text) > 2010, !utf8.ValidString(n.Section) || len(n.Section) > 110, len(n.SIGs) > 20, n.PR < 0:
			t.Errorf("note %.300q, section %q, SIGs %q", n.Text, n.Section, n.SIGs)
		}
		for _, l := range n.Labels {
			if l.Confidence <= 0 || l.Confidence >= 1 || len(l.Why) == 0 {
				t.Errorf("label %+v of %.100q", l, n.Text)
			}
		}
	}
}

func FuzzParseMarkdown(f *testing.F) {
	f.Add(changelog)
	f.Add("## Urgent Upgrade Notes\n- \xff`<b>`\n\n  ```\n  x\n  ```\n")
	f.Add("## Changes by Kind\n- x ([#1](https://github.com/kubernetes/kubernetes/pull/1), [@a](b)) [SIG , and and A]")
	f.Fuzz(func(t *testing.T, source string) {
		notes := releasenotes.ParseMarkdown([]byte(source), v(35))
		bounded(t, notes)
		for _, n := range notes {
			if n.Version != v(35) || n.Source != upgrade.NotesOfKubernetes {
				t.Errorf("note %+v", n)
			}
		}
	})
}

// In CHANGELOG-1.35 stands an item whose paragraphs are indented too little to
// belong to it.
func TestParagraphsThatFollowAnItemAreItsText(t *testing.T) {
	const text = "# v1.35.0\n\n## Urgent Upgrade Notes\n\nnot a note\n\n - ACTION REQUIRED:\n  \n  Updated the validators.\n\n  Set a flag. ([#7](https://github.com/kubernetes/kubernetes/pull/7), [@a](https://github.com/a)) [SIG Node]\n- Another.\n\n## Changes by Kind\n\nnot a note\n"
	var got []string
	for _, n := range releasenotes.ParseMarkdown([]byte(text), v(35)) {
		got = append(got, n.Text+" "+n.URL)
	}
	want := []string{"ACTION REQUIRED: Updated the validators. Set a flag. https://github.com/kubernetes/kubernetes/pull/7", "Another. "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
