package codebuild

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// logs collects what a build writes: in memory before and after the build, in
// a file while its commands run, since processes write to files.
type logs struct {
	mu   sync.Mutex
	text []byte
	f    *os.File // nil: text holds everything
	sent int      // bytes that were handed on
}

// logInterval is how often a running command's output is handed on (real time:
// commands do not live by the simulated clock).
const logInterval = 200 * time.Millisecond

// next returns the lines that were not handed on yet; with all, also one that
// has no end.
func (l *logs) next(all bool) []string {
	text := l.String()
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := text[min(l.sent, len(text)):]
	if end := strings.LastIndexByte(rest, '\n'); !all {
		rest = rest[:end+1]
	}
	l.sent += len(rest)
	return slices.Collect(strings.Lines(rest))
}

// writeLog hands the log on to CloudWatch Logs. The container's own lines get
// the time, as on AWS.
func (r *runner) writeLog(all bool) {
	s, b := r.service, r.build
	if s.opts.Logs == nil || b.group == "" {
		return
	}
	now := s.opts.Clock.Now()
	for _, line := range b.logs.next(all) {
		if rest, ok := strings.CutPrefix(line, "[Container] "); ok {
			line = "[Container] " + now.Format("2006/01/02 15:04:05.000000") + " " + rest
		}
		s.opts.Logs.Write(b.group, b.stream, now, line)
	}
}

// open moves the log to a file that processes can append to.
func (l *logs) open(path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(l.text); err != nil {
		return errors.Join(err, f.Close())
	}
	l.f = f
	return nil
}

func (l *logs) file() *os.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f
}

func (l *logs) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Appendf(nil, format, args...)
	if l.f == nil {
		l.text = append(l.text, line...)
		return
	}
	if _, err := l.f.Write(line); err != nil {
		l.text = fmt.Appendf(l.text, "the log is incomplete: %v\n", err)
	}
}

// String returns the log so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return string(l.text)
	}
	data, err := os.ReadFile(l.f.Name())
	if err != nil {
		return fmt.Sprintf("the log cannot be read: %v\n", err)
	}
	return string(data)
}

// close moves the log back to memory, before its file is deleted.
func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	data, err := os.ReadFile(l.f.Name())
	err = errors.Join(err, l.f.Close())
	l.text, l.f = data, nil
	return err
}
