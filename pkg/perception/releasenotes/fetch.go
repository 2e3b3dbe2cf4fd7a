package releasenotes

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Doer sends HTTP requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// NewClient returns a client for release notes. It follows redirects within one
// host only: what another host says is not what was asked for, and a token is
// for this one.
func NewClient(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		first := before[0].URL
		switch {
		case next.URL.Host != first.Host || next.URL.Scheme != first.Scheme:
			return upgrade.Detailf("it redirects to another host, %s://%s", next.URL.Scheme, next.URL.Host)
		case len(before) >= 5:
			return upgrade.Detailf("it redirects again and again")
		}
		return nil
	}}
}

const (
	patience   = 20 * time.Second // of a server that says when to come back
	aMoment    = time.Second      // after an error of a server's own
	refreshing = time.Hour        // a confirmed copy is not written again before
)

// page is what became of a page.
type page struct {
	body []byte
	from upgrade.NoteCopy
	asOf upgrade.Time
	why  string // why it is not the published text; or what else went wrong
}

// read returns a page as it is published, or else the copy in the cache. It
// errs when there is neither, with the reasons. fits says what is wrong with a
// text, so that an error page is never taken for release notes.
func (c *Collector) read(ctx context.Context, url, token string, fits func([]byte) error) (page, error) {
	have, cacheErr := c.load(ctx, url)
	fresh, err := c.fetch(ctx, url, token, have)
	if err == nil && fresh != have {
		err = fits([]byte(fresh.Body))
	}
	if err != nil {
		if have == nil {
			return page{}, errors.Join(err, cacheErr)
		}
		return page{body: []byte(have.Body), from: upgrade.NotesCached, asOf: have.CheckedAt, why: err.Error()}, nil
	}
	now := upgrade.At(c.Clock.Now())
	why := ""
	if fresh != have || now.Sub(have.CheckedAt.Time) >= refreshing {
		fresh.CheckedAt = now
		if err := c.save(ctx, fresh); err != nil {
			why = "no copy of it could be kept: " + err.Error()
		}
	}
	return page{body: []byte(fresh.Body), from: upgrade.NotesPublished, asOf: now, why: why}, nil
}

// fetch asks for a page, once more when the server is busy. It returns have
// when the server says that this is still the page.
func (c *Collector) fetch(ctx context.Context, url, token string, have *copied) (*copied, error) {
	for again := false; ; again = true {
		got, wait, err := c.get(ctx, url, token, have)
		if err == nil || again || wait <= 0 || wait > patience {
			return got, err
		}
		if err := clock.Sleep(ctx, c.Clock, wait); err != nil {
			return nil, err
		}
	}
}

// get sends one request. wait is positive when a later one may do.
func (c *Collector) get(ctx context.Context, url, token string, have *copied) (got *copied, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("User-Agent", "eks-upgrade-agent")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if have != nil {
		if have.ETag != "" {
			request.Header.Set("If-None-Match", have.ETag)
		}
		if have.LastModified != "" {
			request.Header.Set("If-Modified-Since", have.LastModified)
		}
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	switch {
	case response.StatusCode == http.StatusNotModified && have != nil:
		return have, 0, nil
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable:
		wait = c.later(response.Header.Get("Retry-After"))
		return nil, wait, upgrade.Detailf("GET %s: %s (to be asked again after %s)", url, response.Status, wait)
	case response.StatusCode >= 500:
		return nil, aMoment, upgrade.Detailf("GET %s: %s", url, response.Status)
	case response.StatusCode != http.StatusOK:
		return nil, 0, upgrade.Detailf("GET %s: %s", url, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSource+1))
	if err == nil && len(body) > maxSource {
		err = upgrade.Detailf("GET %s: more than %d MiB", url, maxSource>>20)
	}
	if err != nil {
		return nil, 0, err
	}
	return &copied{URL: url, ETag: header(response, "ETag"), LastModified: header(response, "Last-Modified"), Body: string(bytes.ToValidUTF8(body, []byte("\uFFFD")))}, 0, nil
}

// later reads a Retry-After header: seconds or a date. Source: RFC 9110, 10.2.3.
func (c *Collector) later(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1e6 {
		return max(time.Duration(seconds)*time.Second, aMoment)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(c.Clock.Now()), aMoment)
	}
	return aMoment
}

func header(r *http.Response, name string) string {
	value := r.Header.Get(name)
	if len(value) > 200 {
		return ""
	}
	return value
}

// isHTML reports whether a text is a page for people rather than Markdown.
func isHTML(body []byte) bool {
	kind, _, err := mime.ParseMediaType(http.DetectContentType(bytes.TrimLeft(body, "\ufeff")))
	return err == nil && kind == "text/html"
}
