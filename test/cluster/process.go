package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a component may take to end by itself (real time).
const stopGrace = 10 * time.Second

// process is a component that runs, in a process group of its own so that a
// Ctrl-C in the terminal reaches only the parent, which then stops it in order.
type process struct {
	name    string
	logFile string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	err     error         // valid after done
}

// supervisor starts processes and sees to it that none outlives this program,
// however it ends: a reaper process waits for the end of a pipe that only this
// program holds, then kills what is left and removes the state folder. On Linux
// the kernel kills them as well when this program dies.
type supervisor struct {
	dir     string
	starts  chan func() // run on one OS thread, see start
	reaper  *exec.Cmd
	reports *os.File // the reaper's pipe

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

func newSupervisor(dir string) (*supervisor, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cluster: cannot make a pipe for the reaper: %w", err)
	}
	defer read.Close()
	reaper := exec.Command("/bin/sh", "-c", reaperScript, "cluster-reaper", dir)
	reaper.Stdin = read
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := reaper.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("cluster: cannot start the reaper (/bin/sh): %w", err)
	}
	s := &supervisor{dir: dir, starts: make(chan func()), reaper: reaper, reports: write}
	go s.startOnOneThread()
	return s, nil
}

// start runs command with its output in a log file. The process is not bound to
// a context: only stop ends it.
func (s *supervisor) start(name string, command Command, args, env []string, logFile string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cluster: cannot log %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(command[0], append(append([]string{}, command[1:]...), args...)...)
	cmd.Dir = filepath.Dir(logFile)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	started := make(chan error)
	s.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cluster: cannot start %s: %w", name, err)
	}
	p := &process{name: name, logFile: logFile, cmd: cmd, done: make(chan struct{})}
	_, reportErr := fmt.Fprintf(s.reports, "+ %d\n", cmd.Process.Pid)
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if reportErr != nil {
		return nil, errors.Join(fmt.Errorf("cluster: the reaper is gone: %w", reportErr), p.kill())
	}
	return p, nil
}

// stop asks the process to end, kills it after the grace period, and returns
// when it has ended.
func (s *supervisor) stop(p *process) error {
	if p == nil {
		return nil
	}
	err := p.terminate(stopGrace)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, reportErr := fmt.Fprintf(s.reports, "- %d\n", p.cmd.Process.Pid); reportErr != nil {
		err = errors.Join(err, fmt.Errorf("cluster: the reaper is gone: %w", reportErr))
	}
	return err
}

// close ends the reaper, which removes the state folder. Every process must have
// been stopped.
func (s *supervisor) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.starts)
	return errors.Join(s.reports.Close(), s.reaper.Wait())
}

func (p *process) terminate(grace time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace) // real time: a real process ends
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.kill()
	}
}

// kill ends the process group at once.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) signal(signal syscall.Signal) error {
	select {
	case <-p.done: // its id may belong to another process by now
		return nil
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cluster: cannot send %v to %s: %w", signal, p.name, err)
	}
	return nil
}

// exited returns an error with the end of the log when the process has ended.
func (p *process) exited() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	state := "ended"
	if p.err != nil {
		state = p.err.Error()
	}
	return fmt.Errorf("cluster: %s ended unexpectedly (%s); the end of its log:\n%s", p.name, state, tail(p.logFile, 10))
}

func tail(file string, lines int) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}

// poll calls check every 50 ms of real time until it reports done, fails, or ctx
// ends; then the last reason why it was not done is part of the error.
func poll(ctx context.Context, what string, check func(context.Context) (done bool, reason error, fatal error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	reason := errors.New("nothing")
	for {
		done, now, fatal := check(ctx)
		switch {
		case fatal != nil:
			return fatal
		case done:
			return nil
		case now != nil && ctx.Err() == nil: // else it says no more than that time is up
			reason = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cluster: gave up waiting for %s (%w): last seen: %w", what, context.Cause(ctx), reason)
		case <-ticker.C:
		}
	}
}
