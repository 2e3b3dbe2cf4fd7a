package releasenotes_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

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
  from *kubelet*. ([#1](https://github.com/kubernetes/kubernetes/pull/1), [@a](https://github.com/a)) [SIG Node]
 - Second: do
   - this, see https://example.com/x
   - and that ([#2](https://github.com/kubernetes/kubernetes/pull/2), [@b](https://github.com/b))

## Changes by Kind

### Deprecation

- Action required: stop using it. ([#3](https://github.com/kubernetes/kubernetes/pull/3), [@c](https://github.com/c), [@d](https://github.com/d)) [SIG Apps]

### Feature

- Added [a thing](https://example.com). ([#4](https://github.com/kubernetes/kubernetes/pull/4), [@d](https://github.com/d))

## Dependencies

- not a note

# v1.35.0-rc.1

## Urgent Upgrade Notes

- of a candidate
`

func TestParseTakesTheEntriesOfStableReleases(t *testing.T) {
	pull := func(n string) string { return "https://github.com/kubernetes/kubernetes/pull/" + n }
	want := []upgrade.ReleaseNote{
		{Version: v(35), Section: "Bug or Regression", Text: "Fixed a patch of another.", URL: pull("5")},
		{Version: v(35), Section: "Urgent Upgrade Notes", Text: "Removed the --old flag from kubelet.", URL: pull("1"), Breaking: true},
		{Version: v(35), Section: "Urgent Upgrade Notes", Text: "Second: do this, see https://example.com/x and that", URL: pull("2"), Breaking: true},
		{Version: v(35), Section: "Deprecation", Text: "Action required: stop using it.", URL: pull("3"), Breaking: true},
		{Version: v(35), Section: "Feature", Text: "Added a thing.", URL: pull("4")},
	}
	if diff := cmp.Diff(want, releasenotes.Parse([]byte(changelog), v(35))); diff != "" {
		t.Error(diff)
	}
	if notes := releasenotes.Parse([]byte(changelog), v(34)); len(notes) != 0 {
		t.Errorf("another version has %d notes", len(notes))
	}
}

// The authors of the release notes labelled them by hand. Some labels never
// reach the published text, so that recall of what requires action has a floor
// for each release instead of being whole.
func TestParseFindsWhatTheAuthorsLabelled(t *testing.T) {
	data, err := os.ReadFile("testdata/labels.json")
	if err != nil {
		t.Fatal(err)
	}
	var labels map[string]struct{ Notes, ActionRequired []string }
	if err := json.Unmarshal(data, &labels); err != nil {
		t.Fatal(err)
	}
	floor := map[string]int{"1.31": 5, "1.32": 1, "1.33": 5, "1.34": 5}
	for version, label := range labels {
		t.Run(version, func(t *testing.T) {
			target, err := upgrade.ParseVersion(version)
			if err != nil {
				t.Fatal(err)
			}
			source, err := fs.ReadFile(releasenotes.Bundled(), "CHANGELOG-"+version+".md")
			if err != nil {
				t.Fatal(err)
			}
			breaking := map[string]bool{}
			for _, n := range releasenotes.Parse(source, target) {
				breaking[n.URL] = n.Breaking || breaking[n.URL]
			}
			published := 0
			for _, url := range label.Notes {
				if !strings.Contains(string(source), "([#"+path.Base(url)+"]("+url+")") {
					continue // not published, or the second of an entry
				}
				published++
				if _, found := breaking[url]; !found {
					t.Errorf("%s was not found", url)
				}
			}
			required := 0
			for _, url := range label.ActionRequired {
				if breaking[url] {
					required++
				}
			}
			t.Logf("%d published notes, %d of %d that require action are breaking", published, required, len(label.ActionRequired))
			if published < len(label.Notes)*9/10 || required < floor[version] {
				t.Errorf("%d of %d notes are published, %d of %d that require action are breaking", published, len(label.Notes), required, len(label.ActionRequired))
			}
		})
	}
}

func TestEveryBundledChangelogHasNotes(t *testing.T) {
	for minor := 31; minor <= 37; minor++ {
		source, err := fs.ReadFile(releasenotes.Bundled(), "CHANGELOG-"+v(minor).String()+".md")
		if err != nil {
			t.Fatal(err)
		}
		notes := releasenotes.Parse(source, v(minor))
		if len(notes) < 100 || !slices.ContainsFunc(notes, func(n upgrade.ReleaseNote) bool { return n.Breaking }) {
			t.Errorf("%s: %d notes", v(minor), len(notes))
		}
	}
}

func input(minor int) upgrade.PerceiveInput {
	return upgrade.PerceiveInput{Source: upgrade.SourceReleaseNotes, Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Target: v(minor)}}}
}

func TestCollectReadsOverHTTPOrSaysWhyNot(t *testing.T) {
	server := httptest.NewServer(http.FileServerFS(releasenotes.Bundled()))
	defer server.Close()
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("# v1.35.0-alpha.1\n")) }))
	defer empty.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	tests := []struct {
		name      string
		collector releasenotes.Collector
		target    int
		why       string // "" : seen
		from      string
	}{
		{"from the web", releasenotes.Collector{Client: server.Client(), URL: server.URL + "/"}, 35, "", server.URL + "/CHANGELOG-1.35.md"},
		{"from the copy in the agent", releasenotes.Collector{Offline: true}, 35, "", "the copy in the agent"},
		{"a version that is not published", releasenotes.Collector{Client: server.Client(), URL: server.URL}, 99, "404 Not Found", ""},
		{"a version that is not in the copy", releasenotes.Collector{Offline: true}, 99, "file does not exist", ""},
		{"no stable release yet", releasenotes.Collector{Client: empty.Client(), URL: empty.URL}, 35, "no entries of a stable release", ""},
		{"nobody answers", releasenotes.Collector{Client: closed.Client(), URL: closed.URL}, 35, "refused", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			snapshot, summary, err := tt.collector.Collect(t.Context(), input(tt.target))
			if err != nil {
				t.Fatal(err)
			}
			if tt.why == "" {
				if len(snapshot.Notes) < 100 || len(snapshot.NotChecked) != 0 || !strings.HasSuffix(summary, "from "+tt.from) {
					t.Errorf("%d notes, not checked %v, %q", len(snapshot.Notes), snapshot.NotChecked, summary)
				}
				return
			}
			if len(snapshot.Notes) != 0 || len(snapshot.NotChecked) != 1 || !strings.Contains(snapshot.NotChecked[0].Why, tt.why) || snapshot.NotChecked[0].Remedy == "" {
				t.Errorf("%d notes, not checked %+v", len(snapshot.Notes), snapshot.NotChecked)
			}
		})
	}
}

func TestATokenIsSentToTheMirror(t *testing.T) {
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		http.ServeFileFS(w, r, releasenotes.Bundled(), strings.TrimPrefix(r.URL.Path, "/"))
	}))
	defer mirror.Close()
	for token, why := range map[string]string{"s3cret": "", "": "401"} {
		snapshot, _, err := (&releasenotes.Collector{Client: mirror.Client(), URL: mirror.URL, Token: token}).Collect(t.Context(), input(35))
		if err != nil {
			t.Fatal(err)
		}
		if why == "" && len(snapshot.Notes) == 0 || why != "" && (len(snapshot.NotChecked) != 1 || !strings.Contains(snapshot.NotChecked[0].Why, why)) {
			t.Errorf("token %q: %d notes, %v", token, len(snapshot.Notes), snapshot.NotChecked)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(changelog)
	f.Add("## Urgent Upgrade Notes\n- \xff`<b>`\n\n  ```\n  x\n  ```\n")
	f.Add("## Changes by Kind\n- " + strings.Repeat("é", 3000))
	f.Fuzz(func(t *testing.T, source string) {
		for _, n := range releasenotes.Parse([]byte(source), v(35)) {
			if n.Text == "" || !utf8.ValidString(n.Text) || len(n.Text) > 2100 || n.Version != v(35) {
				t.Errorf("note %+v of %q", n, source)
			}
		}
	})
}
