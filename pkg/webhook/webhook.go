// Package webhook posts messages for people to a chat's incoming webhook, in
// the form that Slack, Mattermost, Rocket.Chat and Teams take alike:
// {"text": "..."}.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	timeout  = 10 * time.Second
	maxBytes = 20 << 10 // Teams takes 28 KB, Slack 40,000 characters
)

// Hook is one webhook. The zero Hook posts nothing.
type Hook struct {
	URL    string // a secret: who has it can post
	Client *http.Client
}

// New returns the hook of a URL; "" makes one that posts nothing.
func New(address string) Hook {
	return Hook{URL: address, Client: &http.Client{Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // a secret URL goes to nobody else
}

// Post sends a message. Its texts are not trusted: what chats would take for a
// mention or a link is escaped. The error never holds the URL.
func (h Hook) Post(ctx context.Context, subject, text string) error {
	if h.URL == "" {
		return nil
	}
	const op = "post to the webhook"
	body, err := json.Marshal(map[string]string{"text": cut(escape(subject + "\n\n" + text))})
	if err != nil {
		return upgrade.KindWebhook.Errorf(op, "%w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return upgrade.KindWebhook.Errorf(op, "the URL is not valid") // err says it
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "eks-upgrade-agent")
	response, err := h.Client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL
		}
		return upgrade.KindWebhook.Errorf(op, "%w", err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only for the error's text
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return upgrade.KindWebhook.Errorf(op, "it answers %d: %s", response.StatusCode, logging.Line(strings.ReplaceAll(string(answer), h.URL, ""), 200))
	}
	return nil
}

// Try posts, and leaves a failure to the log: no upgrade fails because a chat
// is down.
func (h Hook) Try(ctx context.Context, subject, text string) {
	if err := h.Post(ctx, subject, text); err != nil {
		logging.From(ctx).Warn().Str("kind", string(upgrade.KindOf(err))).Msg(logging.Redact(err.Error()))
	}
}

// escape is Slack's own escaping; the others decode entities too.
// Source: https://docs.slack.dev/messaging/formatting-message-text/
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// cut leaves out the middle of a text that is too long: how to answer stands at
// the end of a message.
func cut(text string) string {
	if len(text) <= maxBytes {
		return text
	}
	end, begin := maxBytes*3/4, len(text)-maxBytes/4
	for !utf8.RuneStart(text[end]) {
		end--
	}
	for !utf8.RuneStart(text[begin]) {
		begin++
	}
	return text[:end] + "\n...\n" + text[begin:]
}
