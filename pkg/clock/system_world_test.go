//go:build worldclock

package clock

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// Run by `go test -tags worldclock`, and by TestTheClockOfAProcess of
// test/world/full as a whole.
func TestSystemAsksTheWorld(t *testing.T) {
	now := time.Date(2031, 5, 1, 12, 0, 0, 123456789, time.UTC)
	answer := func() string { return strconv.FormatInt(now.UnixNano(), 10) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != worldPath {
			t.Errorf("asked %s", r.URL)
		}
		_, _ = w.Write([]byte(answer()))
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	if got := (System{}).Now(); !got.Equal(now) {
		t.Errorf("%v, want %v", got, now)
	}
	now = now.Add(time.Hour)
	if got := (System{}).Now(); !got.Equal(now) {
		t.Errorf("%v, want %v: the time was kept", got, now)
	}
	answer = func() string { return "noon" }
	defer func() {
		if recover() == nil {
			t.Error("no time, and no panic")
		}
	}()
	System{}.Now()
}
