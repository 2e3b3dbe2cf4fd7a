// Package supervise starts child processes and sees to it that none outlives
// this program, however it ends.
package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ErrClosed is the error of a start after Close.
var ErrClosed = errors.New("supervise: the supervisor is closed")

// Supervisor starts processes. A reaper process waits for the end of a pipe that
// only this program holds, then kills what is left and removes the state folder.
// On Linux the kernel kills them as well when this program dies.
type Supervisor struct {
	starts  chan func() // run on one OS thread, see Start
	reaper  *exec.Cmd
	reports io.WriteCloser // the reaper's pipe

	mu     sync.Mutex
	closed bool
}

// reaperScript reads "+ PGID" and "- PGID" lines until the end of file. It is in
// a process group of its own and ignores signals, for it has to come last.
const reaperScript = `trap '' HUP INT TERM
groups=' '
while read -r op group; do
  case $op in
    +) groups="$groups$group " ;;
    -) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
  esac
done
for group in $groups; do kill -9 -"$group" 2>/dev/null; done
rm -rf -- "$1"`

// New starts a supervisor. The folder dir is removed when it closes, or when
// this program ends without closing it.
func New(dir string) (*Supervisor, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("supervise: cannot make a pipe for the reaper: %w", err)
	}
	defer read.Close()
	reaper := exec.Command("/bin/sh", "-c", reaperScript, "reaper", dir)
	reaper.Stdin = read
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := reaper.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("supervise: cannot start the reaper (/bin/sh): %w", err)
	}
	s := &Supervisor{starts: make(chan func()), reaper: reaper, reports: write}
	go s.startOnOneThread()
	return s, nil
}

// Start starts cmd in a process group of its own, so that a Ctrl-C in the
// terminal reaches only this program. Only Stop or the process itself ends it.
func (s *Supervisor) Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = childAttributes()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	started := make(chan error)
	s.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	_, reportErr := fmt.Fprintf(s.reports, "+ %d\n", cmd.Process.Pid)
	go func() {
		p.err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind; mostly nothing
		close(p.done)
	}()
	if reportErr != nil {
		return nil, errors.Join(fmt.Errorf("supervise: the reaper is gone: %w", reportErr), p.Kill())
	}
	return p, nil
}

// Stop asks the process to end, kills what is left of its group after the grace
// period (at once when it is 0), and returns when it has ended.
func (s *Supervisor) Stop(p *Process, grace time.Duration) error {
	err := p.Terminate(grace)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return err
	}
	if _, reportErr := fmt.Fprintf(s.reports, "- %d\n", p.Pid()); reportErr != nil {
		err = errors.Join(err, fmt.Errorf("supervise: the reaper is gone: %w", reportErr))
	}
	return err
}

// Close ends the reaper, which kills what was not stopped and removes the state
// folder.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.starts)
	return errors.Join(s.reports.Close(), s.reaper.Wait())
}

// Process is a process that was started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Pid is the id of the process and of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended; nil for exit status 0. It is valid after Done.
func (p *Process) Err() error { return p.err }

// Terminate sends SIGTERM and, after the grace period, SIGKILL; it returns when
// the process has ended.
func (p *Process) Terminate(grace time.Duration) error {
	if grace <= 0 {
		return p.Kill()
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace) // real time: a real process ends
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.Kill()
	}
}

// Kill ends the process group at once.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Signal sends a signal to the process group; it does nothing when the process
// has ended.
func (p *Process) Signal(signal syscall.Signal) error {
	select {
	case <-p.done: // its id may belong to another process by now
		return nil
	default:
	}
	if err := syscall.Kill(-p.Pid(), signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("supervise: cannot send %v to process group %d: %w", signal, p.Pid(), err)
	}
	return nil
}
