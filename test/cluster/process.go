package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/supervise"
)

// stopGrace is how long a component may take to end by itself (real time).
const stopGrace = 10 * time.Second

// process is a component that runs.
type process struct {
	*supervise.Process
	name    string
	logFile string
}

// supervisor starts components; none outlives this program.
type supervisor struct{ *supervise.Supervisor }

func newSupervisor(dir string) (*supervisor, error) {
	s, err := supervise.New(dir)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &supervisor{s}, nil
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
	p, err := s.Start(cmd)
	if errors.Is(err, supervise.ErrClosed) {
		return nil, errClosed
	}
	if err != nil {
		return nil, fmt.Errorf("cluster: cannot start %s: %w", name, err)
	}
	return &process{p, name, logFile}, nil
}

// stop asks the process to end, kills it after the grace period, and returns
// when it has ended.
func (s *supervisor) stop(p *process) error {
	if p == nil {
		return nil
	}
	return s.Stop(p.Process, stopGrace)
}

// exited returns an error with the end of the log when the process has ended.
func (p *process) exited() error {
	select {
	case <-p.Done():
	default:
		return nil
	}
	state := "ended"
	if err := p.Err(); err != nil {
		state = err.Error()
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
