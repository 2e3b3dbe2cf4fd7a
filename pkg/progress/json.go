package progress

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// JSON writes one line of JSON for each event.
type JSON struct {
	mu   sync.Mutex
	enc  *json.Encoder
	thin coalescer
	err  error
}

// NewJSON returns a renderer that writes one line of JSON for each event.
// Weights come when they changed and counters once a minute of the events'
// time, more often while requests fail. The event of kind summary is left out:
// the caller writes the summary itself as the last line.
func NewJSON(w io.Writer) *JSON {
	return &JSON{enc: json.NewEncoder(w), thin: coalescer{every: time.Minute, failing: 10 * time.Second}}
}

// Event implements Renderer.
func (j *JSON) Event(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Kind != Summary && j.thin.keep(e) {
		j.write(e)
	}
}

// Close implements Renderer: it writes the last counters.
func (j *JSON) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e, ok := j.thin.rest(); ok {
		j.write(e)
	}
	return j.err
}

func (j *JSON) write(e Event) {
	if err := j.enc.Encode(e); err != nil && j.err == nil {
		j.err = err
	}
}
