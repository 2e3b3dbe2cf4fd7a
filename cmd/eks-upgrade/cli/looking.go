package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"k8s.io/klog/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// looking shows which sources are looked at: lines that change on a terminal,
// and else one line for each source that is done.
type looking struct {
	w        io.Writer
	terminal bool
	width    int

	mu      sync.Mutex
	sources []upgrade.Source
	done    map[upgrade.Source]assess.Progress
	drawn   int // lines of the picture
	tick    int
	stop    chan struct{}
	stopped sync.WaitGroup
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

func newLooking(w io.Writer, terminal bool, o assess.Options) *looking {
	l := &looking{w: w, terminal: terminal, width: 80, done: map[upgrade.Source]assess.Progress{}, stop: make(chan struct{})}
	for _, s := range checks.Sources() {
		if o.Collectors[s] != nil {
			l.sources = append(l.sources, s)
		}
	}
	if !terminal {
		return l
	}
	if file, ok := w.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(file.Fd()); err == nil {
			l.width = width
		}
	}
	l.draw()
	l.stopped.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-ticker.C:
				l.mu.Lock()
				l.tick++
				l.draw()
				l.mu.Unlock()
			}
		}
	})
	return l
}

func (l *looking) progress(p assess.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.Done {
		return
	}
	l.done[p.Source] = p
	if l.terminal {
		l.draw()
		return
	}
	fmt.Fprintln(l.w, lookingLine(p))
}

func lookingLine(p assess.Progress) string {
	mark := map[assess.SourceStatus]string{assess.Seen: "✓", assess.Partly: "!", assess.Unread: "✗"}[p.Status]
	return fmt.Sprintf("%s %s: %s (%s)", mark, p.Source, progress.Clean(p.Text), p.Took.Round(100*time.Millisecond))
}

// draw draws the picture over the one before.
func (l *looking) draw() {
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	for _, s := range l.sources {
		line := fmt.Sprintf("%c %s: looking", spinner[l.tick%len(spinner)], s)
		if p, done := l.done[s]; done {
			line = lookingLine(p)
		}
		b.WriteString("\r\x1b[2K" + ansi.Truncate(line, max(l.width-1, 20), "…") + "\n")
	}
	l.drawn = len(l.sources)
	_, _ = io.WriteString(l.w, b.String()) // nothing to do about a terminal that went away
}

// close ends the picture; what is known stays on the screen.
func (l *looking) close() {
	if !l.terminal {
		return
	}
	close(l.stop)
	l.stopped.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sources = slices.DeleteFunc(l.sources, func(s upgrade.Source) bool { _, done := l.done[s]; return !done })
	fmt.Fprintf(l.w, "\x1b[%dA\x1b[J", max(l.drawn, 1))
	l.drawn = 0
	l.draw()
	fmt.Fprintln(l.w)
}

// discardKubernetesLog keeps what the Kubernetes client libraries log off the
// terminal: what matters of it comes back as errors.
func discardKubernetesLog() (restore func()) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return func() { klog.LogToStderr(true) }
}
