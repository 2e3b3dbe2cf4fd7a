package releasenotes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func input(minor int) upgrade.PerceiveInput {
	return upgrade.PerceiveInput{Source: upgrade.SourceReleaseNotes, Run: upgrade.Run{Request: upgrade.Request{Cluster: "shop", Target: v(minor)}}}
}

// web is a server of changelogs and pages that answers as a test wants.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // true: it answered
	asked  []*http.Request
}

func newWeb(t *testing.T) *web {
	w := &web{answer: func(http.ResponseWriter, *http.Request) bool { return false }}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked = append(w.asked, r)
		if w.answer(out, r) {
			return
		}
		name := filepath.Base(r.URL.Path)
		body := page
		if strings.HasPrefix(name, "CHANGELOG-") {
			version, err := upgrade.ParseVersion(strings.TrimSuffix(strings.TrimPrefix(name, "CHANGELOG-"), ".md"))
			if err != nil || version.Minor > 37 {
				http.NotFound(out, r)
				return
			}
			body = strings.ReplaceAll(changelog, "1.35", version.String())
		}
		tag := fmt.Sprintf("%q", name)
		out.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			out.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = out.Write([]byte(body))
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *web) set(answer func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.asked = answer, nil
}

// memory is a cache that remembers, and can fail.
type memory struct {
	mu   sync.Mutex
	held map[string][]byte
	err  error
}

func (m *memory) Load(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[key], m.err
}

func (m *memory) Save(_ context.Context, key string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.held[key] = bytes.Clone(data)
	}
	return m.err
}

// movedClock is a clock that a test moves; waiting takes none of its time.
type movedClock struct{ at time.Time }

func (c *movedClock) Now() time.Time { return c.at }
func (c *movedClock) AfterFunc(_ time.Duration, f func()) func() bool {
	go f()
	return func() bool { return false }
}

var _ clock.Clock = (*movedClock)(nil)

func (w *web) collector(cache releasenotes.Cache, clk clock.Clock) *releasenotes.Collector {
	return &releasenotes.Collector{Client: releasenotes.NewClient(10 * time.Second), URL: w.URL + "/kubernetes/", EKSURL: w.URL + "/eks", Cache: cache, Clock: clk}
}

func collect(t *testing.T, c *releasenotes.Collector, minor int) upgrade.Snapshot {
	t.Helper()
	snapshot, summary, err := c.Collect(t.Context(), input(minor))
	if err != nil || summary == "" {
		t.Fatal(summary, err)
	}
	return snapshot
}

func origin(t *testing.T, s upgrade.Snapshot, source upgrade.NoteSource) upgrade.NoteOrigin {
	t.Helper()
	for _, o := range s.NoteOrigins {
		if o.Source == source {
			return o
		}
	}
	t.Fatalf("no origin of %s: %+v", source, s.NoteOrigins)
	return upgrade.NoteOrigin{}
}

func TestPublishedNotesAreReadAndKept(t *testing.T) {
	w, cache, clk := newWeb(t), &memory{held: map[string][]byte{}}, &movedClock{at: now}
	s := collect(t, w.collector(cache, clk), 35)
	k, e := origin(t, s, upgrade.NotesOfKubernetes), origin(t, s, upgrade.NotesOfEKS)
	if k.From != upgrade.NotesPublished || e.From != upgrade.NotesPublished || k.Notes != 6 || e.Notes != 5 || len(s.NotChecked) != 0 || len(s.Notes) != k.Notes+e.Notes || !k.AsOf.Equal(now) {
		t.Errorf("%+v, %+v", s.NoteOrigins, s.NotChecked)
	}
	if len(cache.held) != 3 {
		t.Errorf("%d pages were kept", len(cache.held))
	}

	clk.at = now.Add(48 * time.Hour)
	before := maps.Clone(cache.held)
	w.set(func(out http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			http.Error(out, "not asked for a change only", http.StatusTeapot)
			return true
		}
		return false
	})
	s = collect(t, w.collector(cache, clk), 35)
	if k := origin(t, s, upgrade.NotesOfKubernetes); k.From != upgrade.NotesPublished || !k.AsOf.Equal(clk.at) || len(s.NotChecked) != 0 {
		t.Errorf("not modified: %+v, %+v", k, s.NotChecked)
	}
	for key, old := range before {
		if bytes.Equal(cache.held[key], old) {
			t.Error("that the copy was confirmed was not kept")
		}
	}
}

// Whatever keeps the published text away, an older one is read and the snapshot
// says so.
func TestWithoutThePublishedTextAnOlderOneIsReadAndNamed(t *testing.T) {
	other := newWeb(t)
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(out http.ResponseWriter, _ *http.Request) bool {
			if len(header) > 0 {
				out.Header().Set("Retry-After", header[0])
			}
			http.Error(out, "no", code)
			return true
		}
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		why    string
	}{
		{"not found", status(404), "404 Not Found"},
		{"forbidden", status(403), "403"},
		{"too many requests, to come back much later", status(429, "3600"), "429 Too Many Requests (to be asked again after 1h0m0s)"},
		{"too many requests, again and again", status(429, "1"), "429"},
		{"busy until a date", status(503, now.Add(time.Hour).Format(http.TimeFormat)), "after 1h0m0s"},
		{"an error of the server", status(500), "500"},
		{"another host", func(out http.ResponseWriter, r *http.Request) bool {
			http.Redirect(out, r, other.URL+r.URL.Path, http.StatusFound)
			return true
		}, "redirects to another host"},
		{"in circles", func(out http.ResponseWriter, r *http.Request) bool {
			http.Redirect(out, r, r.URL.Path, http.StatusFound)
			return true
		}, "again and again"},
		{"a page for people", func(out http.ResponseWriter, _ *http.Request) bool {
			_, _ = out.Write([]byte("<!doctype html><html><body>Sign in"))
			return true
		}, "it "},
		{"nothing", func(http.ResponseWriter, *http.Request) bool { return true }, "it has no"},
		{"too much", func(out http.ResponseWriter, _ *http.Request) bool {
			_, _ = out.Write(bytes.Repeat([]byte("x"), 5<<20))
			return true
		}, "more than 4 MiB"},
		{"cut off", func(out http.ResponseWriter, _ *http.Request) bool {
			out.Header().Set("Content-Length", "1000")
			_, _ = out.Write([]byte("## Changes by Kind\n- x\n"))
			return true
		}, "EOF"},
		{"not modified, of nothing", status(304), "304"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, cache, clk := newWeb(t), &memory{held: map[string][]byte{}}, &movedClock{at: now}
			w.set(tt.answer)
			s := collect(t, w.collector(cache, clk), 35)
			for _, o := range s.NoteOrigins {
				if o.From != upgrade.NotesBundled || !strings.Contains(o.Why, tt.why) || o.Notes == 0 || o.AsOf.IsZero() {
					t.Errorf("without a copy: %+v", o)
				}
			}
			if len(s.NoteOrigins) != 2 || len(s.NotChecked) != 2 || !strings.Contains(s.NotChecked[0].Why, "bundled copy") || s.NotChecked[0].Remedy == "" || len(cache.held) != 0 {
				t.Errorf("without a copy: %+v, %d kept", s.NotChecked, len(cache.held))
			}
			if tt.name == "not modified, of nothing" {
				return
			}

			w.set(func(http.ResponseWriter, *http.Request) bool { return false })
			collect(t, w.collector(cache, clk), 35)
			w.set(tt.answer)
			clk.at = now.Add(time.Hour)
			if s = collect(t, w.collector(cache, clk), 35); len(s.NotChecked) != 0 {
				t.Errorf("with a copy of an hour ago: %+v", s.NotChecked)
			}
			clk.at = now.Add(8 * 24 * time.Hour)
			s = collect(t, w.collector(cache, clk), 35)
			for _, o := range s.NoteOrigins {
				if o.From != upgrade.NotesCached || o.Why == "" || !o.AsOf.Equal(now) {
					t.Errorf("with a copy: %+v", o)
				}
			}
			if len(s.NotChecked) != 2 || !strings.Contains(s.NotChecked[0].Why, "cached copy") {
				t.Errorf("with an old copy: %+v", s.NotChecked)
			}
		})
	}
	if len(other.asked) != 0 {
		t.Error("the other host was asked")
	}
}

func TestABusyServerIsAskedOnceMore(t *testing.T) {
	w := newWeb(t)
	seen := map[string]int{}
	w.set(func(out http.ResponseWriter, r *http.Request) bool {
		if seen[r.URL.Path]++; seen[r.URL.Path] == 1 {
			out.Header().Set("Retry-After", "2")
			http.Error(out, "later", http.StatusTooManyRequests)
			return true
		}
		return false
	})
	s := collect(t, w.collector(nil, &movedClock{at: now}), 35)
	if o := origin(t, s, upgrade.NotesOfKubernetes); o.From != upgrade.NotesPublished || len(w.asked) != 6 {
		t.Errorf("%+v, asked %d times", o, len(w.asked))
	}
}

func TestNobodyAnswers(t *testing.T) {
	w := newWeb(t)
	w.Close()
	s := collect(t, w.collector(nil, &movedClock{at: now}), 35)
	if o := origin(t, s, upgrade.NotesOfKubernetes); o.From != upgrade.NotesBundled || !strings.Contains(o.Why, "refused") {
		t.Errorf("%+v", o)
	}
}

func TestOfflineNothingIsAsked(t *testing.T) {
	w := newWeb(t)
	c := w.collector(nil, &movedClock{at: now})
	c.Offline = true
	s := collect(t, c, 35)
	if len(s.NotChecked) != 0 || len(s.NoteOrigins) != 2 || s.NoteOrigins[0].From != upgrade.NotesBundled || len(w.asked) != 0 {
		t.Errorf("%+v, %+v", s.NoteOrigins, s.NotChecked)
	}
	if s = collect(t, c, 99); len(s.Notes) != 0 || len(s.NotChecked) != 2 {
		t.Errorf("a version that is not bundled: %+v", s.NotChecked)
	}
}

func TestEveryHopIsRead(t *testing.T) {
	w := newWeb(t)
	c := w.collector(nil, &movedClock{at: now})
	c.Version = func(context.Context, string) (upgrade.Version, error) { return v(32), nil }
	s := collect(t, c, 35)
	seen := map[string]bool{}
	for _, o := range s.NoteOrigins {
		seen[fmt.Sprintf("%s %s %s", o.Version, o.Source, o.From)] = true
	}
	for _, want := range []string{"1.33 kubernetes published", "1.34 kubernetes published", "1.35 kubernetes published", "1.33 eks bundled", "1.34 eks published", "1.35 eks published"} {
		if !seen[want] {
			t.Errorf("%s is missing: %v", want, seen)
		}
	}
	for i := 1; i < len(s.Notes); i++ {
		if s.Notes[i].Version.Compare(s.Notes[i-1].Version) < 0 {
			t.Fatal("the notes are not in the order of versions")
		}
	}

	c.Version = func(context.Context, string) (upgrade.Version, error) {
		return upgrade.Version{}, errors.New("AccessDenied")
	}
	if s = collect(t, c, 35); len(s.NotChecked) != 1 || !strings.Contains(s.NotChecked[0].Why, "AccessDenied") || len(s.NoteOrigins) != 2 {
		t.Errorf("an unknown version: %+v", s.NotChecked)
	}
	c.Version = func(context.Context, string) (upgrade.Version, error) { return v(35), nil }
	if s = collect(t, c, 35); len(s.NoteOrigins) != 2 {
		t.Errorf("a cluster that is there already: %+v", s.NoteOrigins)
	}
}

func TestACacheThatFailsIsNamed(t *testing.T) {
	w := newWeb(t)
	s := collect(t, w.collector(&memory{err: errors.New("AccessDenied")}, &movedClock{at: now}), 35)
	if o := origin(t, s, upgrade.NotesOfKubernetes); o.From != upgrade.NotesPublished || !strings.Contains(o.Why, "AccessDenied") {
		t.Errorf("%+v", o)
	}
}

func TestADamagedCopyIsNotRead(t *testing.T) {
	w, cache, clk := newWeb(t), &memory{held: map[string][]byte{}}, &movedClock{at: now}
	collect(t, w.collector(cache, clk), 35)
	for key, data := range cache.held {
		cache.held[key] = bytes.Replace(data, []byte("the"), []byte("teh"), 1)
	}
	w.set(func(out http.ResponseWriter, _ *http.Request) bool {
		http.Error(out, "no", http.StatusGone)
		return true
	})
	s := collect(t, w.collector(cache, clk), 35)
	if o := origin(t, s, upgrade.NotesOfKubernetes); o.From != upgrade.NotesBundled || !strings.Contains(o.Why, "damaged") {
		t.Errorf("%+v", o)
	}
}

func TestATokenGoesToTheMirrorAlone(t *testing.T) {
	w := newWeb(t)
	c := w.collector(nil, &movedClock{at: now})
	c.Token = "s3cret"
	collect(t, c, 35)
	for _, r := range w.asked {
		mirror := strings.HasPrefix(r.URL.Path, "/kubernetes/")
		if got := r.Header.Get("Authorization"); mirror && got != "Bearer s3cret" || !mirror && got != "" {
			t.Errorf("%s was asked with %q", r.URL.Path, got)
		}
	}
}

func TestAnEndOfTheTimeIsAnError(t *testing.T) {
	w := newWeb(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.collector(nil, &movedClock{at: now}).Collect(ctx, input(35)); upgrade.KindOf(err) != upgrade.KindReleaseNotesInterrupted.Definition().Kind {
		t.Error(err)
	}
}

func TestAFolderKeepsCopies(t *testing.T) {
	folder := releasenotes.Folder(filepath.Join(t.TempDir(), "cache"))
	if data, err := folder.Load(t.Context(), "a/b.json"); data != nil || err != nil {
		t.Error(data, err)
	}
	for _, want := range []string{"one", "two"} {
		if err := folder.Save(t.Context(), "a/b.json", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if data, err := folder.Load(t.Context(), "a/b.json"); string(data) != want || err != nil {
			t.Error(string(data), err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(string(folder), "a"))
	if err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}
