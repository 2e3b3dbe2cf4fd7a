package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/supervise"
)

// stopGrace is how long a component may take to end by itself (real time).
const stopGrace = 10 * time.Second

// Process is a component that runs.
type Process struct {
	*supervise.Process
	Name    string
	logFile string
}

// Supervisor starts components; none outlives this program.
type Supervisor struct{ *supervise.Supervisor }

// NewSupervisor starts one; dir is removed when it is closed.
func NewSupervisor(dir string) (*Supervisor, error) {
	s, err := supervise.New(dir)
	if err != nil {
		return nil, fmt.Errorf("controlplane: %w", err)
	}
	return &Supervisor{s}, nil
}

// Run starts command with its output in a log file. The process is not bound to
// a context: only End ends it. After Close the error is supervise.ErrClosed.
func (s *Supervisor) Run(name string, command Command, args, env []string, logFile string) (*Process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("controlplane: cannot log %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(command[0], append(append([]string{}, command[1:]...), args...)...)
	cmd.Dir = filepath.Dir(logFile)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = log, log
	p, err := s.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("controlplane: cannot start %s: %w", name, err)
	}
	return &Process{p, name, logFile}, nil
}

// End asks the process to end, kills it after the grace period, and returns
// when it has ended.
func (s *Supervisor) End(p *Process) error {
	if p == nil {
		return nil
	}
	return s.Stop(p.Process, stopGrace)
}

// Exited returns an error with the end of the log when the process has ended.
func (p *Process) Exited() error {
	select {
	case <-p.Done():
	default:
		return nil
	}
	state := "ended"
	if err := p.Err(); err != nil {
		state = err.Error()
	}
	return fmt.Errorf("controlplane: %s ended unexpectedly (%s); the end of its log:\n%s", p.Name, state, Tail(p.logFile, 10))
}

// Tail returns the last lines of a file, or why it cannot be read.
func Tail(file string, lines int) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}
