// Package live draws an upgrade in a terminal. It is apart from package progress
// because what it draws with has no place in a Lambda function.
package live

import (
	"io"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
)

// frameInterval is how often the live view is drawn again, in real time: a
// person looks at it. However many events come between two frames, they cost
// one.
const frameInterval = 125 * time.Millisecond

// View draws the state of the upgrade in a terminal and redraws it as events
// come. Its last frame stays on the screen.
type View struct {
	w     io.Writer
	in    io.Reader
	look  look
	mu    sync.Mutex
	board board
	err   error

	running *program
	closed  bool
}

// program is one run of the terminal program; a new one starts after a prompt.
type program struct {
	tea      *tea.Program
	ended    chan struct{}
	showKeys func()
}

// New returns a renderer that draws to the terminal w and starts it. It
// reads nothing of in: what is typed is hidden while it runs, and Ctrl-C stays
// a signal of the process. NO_COLOR is honoured.
func New(w io.Writer, in io.Reader) *View {
	l := &View{w: w, in: in, look: newLook(w)}
	l.Resume()
	return l
}

// Event implements progress.Renderer.
func (l *View) Event(e progress.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board.apply(e)
}

// Close implements progress.Renderer: it draws the last frame and gives the terminal
// back, for good.
func (l *View) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.Suspend()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Suspend draws a last frame and leaves the terminal to a prompt, until Resume.
func (l *View) Suspend() {
	p := l.take(nil)
	if p == nil {
		return
	}
	p.tea.Quit()
	<-p.ended
	p.showKeys()
}

// Abort gives the terminal back at once, without waiting for anything: for a
// program that is about to exit.
func (l *View) Abort() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running != nil {
		_, _ = io.WriteString(l.w, ansi.ShowCursor+"\r\n") // the program exits: nobody is left to be told
		l.running.showKeys()
	}
}

// Resume draws again, below what was printed meanwhile; after Close it does
// nothing.
func (l *View) Resume() {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	p := &program{ended: make(chan struct{}), showKeys: HideKeys(l.in)}
	width, height := size(l.w)
	// The program gets no input: it would switch the terminal to raw mode,
	// and Ctrl-C would no longer reach the process as a signal.
	p.tea = tea.NewProgram(frame{live: l, width: width, height: height}, tea.WithOutput(l.w), tea.WithInput(nil), tea.WithoutSignalHandler())
	if before := l.take(p); before != nil {
		before.tea.Quit()
		<-before.ended
		before.showKeys()
	}
	go func() {
		defer close(p.ended)
		if _, err := p.tea.Run(); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.err = err
		}
	}()
}

// take makes p the running program and returns the one before.
func (l *View) take(p *program) *program {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.running
	l.running = p
	return before
}

func size(w io.Writer) (width, height int) {
	if f, ok := w.(term.File); ok {
		if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// frame is the program's model: the board as it stands, drawn anew at every
// tick.
type frame struct {
	live          *View
	width, height int
	tick          int
}

type tickMsg struct{}

func nextTick() tea.Cmd {
	return tea.Tick(frameInterval, func(time.Time) tea.Msg { return tickMsg{} })
}

// Init implements tea.Model.
func (f frame) Init() tea.Cmd { return nextTick() }

// Update implements tea.Model.
func (f frame) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tickMsg:
		f.tick++
		return f, nextTick()
	case tea.WindowSizeMsg:
		f.width, f.height = msg.Width, msg.Height
	}
	return f, nil
}

// View implements tea.Model.
func (f frame) View() string {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	return f.live.board.draw(f.live.look, f.width, f.height, f.tick)
}
