//go:build worldclock

package clock

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// System is the clock of the simulated AWS that the process runs in
// (AWS_ENDPOINT_URL). The simulated Lambda holds its clock at real time while a
// function works, so that periods are real ones; between two invocations the
// process stands still and hours may pass. What is signed, and TLS, go by the
// machine's clock, here as in the world.
type System struct{}

// worldPath is what the world tells its time at, in nanoseconds since 1970.
const worldPath = "/_world/clock"

// Now implements Clock. A process that has lost its world has no time: it
// panics.
func (System) Now() time.Time {
	now, err := ask(os.Getenv("AWS_ENDPOINT_URL") + worldPath)
	if err != nil {
		panic(fmt.Sprintf("clock: this program was built with the tag worldclock, for the simulated AWS at AWS_ENDPOINT_URL: %v", err))
	}
	return now
}

func ask(url string) (time.Time, error) {
	response, err := http.Get(url) //nolint:gosec,noctx // the world's own address; it answers at once
	if err != nil {
		return time.Time{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64))
	if err != nil {
		return time.Time{}, err
	}
	nanoseconds, err := strconv.ParseInt(string(body), 10, 64)
	if err != nil || response.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("%s answers %s %.64q instead of a time", url, response.Status, body)
	}
	return time.Unix(0, nanoseconds).UTC(), nil
}

// AfterFunc implements Clock. The process runs only while the world's clock is
// held, and then that goes as the machine's does.
func (System) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}
