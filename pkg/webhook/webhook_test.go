package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
)

// chat is an incoming webhook that keeps what it gets.
type chat struct {
	*httptest.Server
	status int
	texts  []string
}

func newChat(t *testing.T) *chat {
	c := &chat{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || len(body) != 1 {
			t.Errorf("%s %s: %v, %v", r.Method, r.Header.Get("Content-Type"), body, err)
		}
		c.texts = append(c.texts, body["text"])
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.WriteHeader(c.status)
		_, _ = w.Write([]byte("invalid_payload at " + c.secret()))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) secret() string { return c.URL + "/services/T0/B0/s3cr3t" }

func TestAMessageIsPostedAsTextThatMentionsNobody(t *testing.T) {
	c := newChat(t)
	if err := webhook.New(c.secret()).Post(t.Context(), "Approve?", "pod <!channel> & <https://evil.example.com|here>"); err != nil {
		t.Fatal(err)
	}
	want := "Approve?\n\npod &lt;!channel&gt; &amp; &lt;https://evil.example.com|here&gt;"
	if len(c.texts) != 1 || c.texts[0] != want {
		t.Errorf("%q", c.texts)
	}
}

// How to answer stands at the end of a message.
func TestALongMessageIsCutInTheMiddleBetweenCharacters(t *testing.T) {
	c := newChat(t)
	if err := webhook.New(c.secret()).Post(t.Context(), "Approve?", strings.Repeat("é", 20_000)+"x open this link"); err != nil {
		t.Fatal(err)
	}
	if text := c.texts[0]; len(text) > 21<<10 || !utf8.ValidString(text) || !strings.HasPrefix(text, "Approve?\n\né") || !strings.Contains(text, "é\n...\né") || !strings.HasSuffix(text, "x open this link") {
		t.Errorf("%d bytes, valid %t", len(text), utf8.ValidString(text))
	}
}

func TestWithoutAURLNothingIsPosted(t *testing.T) {
	if err := webhook.New("").Post(t.Context(), "a", "b"); err != nil {
		t.Error(err)
	}
}

func TestFailuresDoNotShowTheURL(t *testing.T) {
	refuses, redirects, closed := newChat(t), newChat(t), newChat(t)
	refuses.status, redirects.status = http.StatusBadRequest, http.StatusTemporaryRedirect
	closed.Close()
	for name, test := range map[string]struct{ url, says string }{
		"refused":     {refuses.secret(), "it answers 400: invalid_payload"},
		"redirected":  {redirects.secret(), "it answers 307"},
		"unreachable": {closed.secret(), "refused"},
		"no URL":      {"https://hooks.example.com/s3cr3t\x7f", "the URL is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := zerolog.New(&out)
			hook := webhook.New(test.url)
			err := hook.Post(t.Context(), "a", "b")
			hook.Try(log.WithContext(t.Context()), "a", "b")
			if upgrade.KindOf(err) != upgrade.KindWebhook || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(out.String(), `"level":"warn"`) || strings.Contains(out.String(), "s3cr3t") {
				t.Errorf("log %s", out.String())
			}
		})
	}
}
