package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/supervise"
)

// What is real goes by real time: the clock stands still or is held meanwhile.
const (
	initLimit  = 10 * time.Second
	memoryTick = 10 * time.Millisecond
	drainLimit = time.Second // for output that a process left behind
)

// process is the bootstrap of a function, driven through the Runtime API.
type process struct {
	env     *environment
	super   *supervise.Supervisor
	proc    *supervise.Process
	server  *http.Server
	temp    string
	limit   int64        // of memory, in bytes
	peak    atomic.Int64 // memory used, in bytes
	starved bool         // it was killed for its memory

	idle chan struct{}    // the runtime asks for work
	work chan *invocation // what it gets
	gone chan struct{}    // closed by end

	mu       sync.Mutex // guards what the Runtime API sees
	state    runtimeState
	current  *invocation
	outcome  *outcome
	initFail *outcome

	output  *os.File      // written by the process, and by flush
	flushed chan struct{} // one for each mark that was read
	drained chan struct{} // closed when all output was read
	ending  sync.Once
	endErr  error
}

// outcome is what the runtime reports of an invocation.
type outcome struct {
	payload   []byte
	failed    bool
	errorType string
}

// startError says why a bootstrap cannot run, as AWS reports it.
type startError struct{ reason string }

func (e *startError) Error() string { return e.reason }

// bootstrap finds the entry point in a task folder.
func bootstrap(task string) (string, error) {
	path := filepath.Join(task, "bootstrap")
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", &startError{"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
	}
	return path, nil
}

// startProcess starts the bootstrap in the environment of an invocation.
func (s *Service) startProcess(inv *invocation) (*process, error) {
	env := inv.env
	super, dir, err := s.supervisor()
	if err != nil {
		return nil, err
	}
	task, err := env.v.code.folder(dir)
	if err != nil {
		return nil, &startError{err.Error()}
	}
	path, err := bootstrap(task)
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(dir, "tmp-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	variables, err := env.variables(listener.Addr().String(), task, temp)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p := &process{env: env, super: super, temp: temp, current: inv, limit: int64(value(env.v.config.MemorySize)) << 20, idle: make(chan struct{}, 1), work: make(chan *invocation, 1),
		gone: make(chan struct{}), output: write, flushed: make(chan struct{}, 1), drained: make(chan struct{})}
	p.server = &http.Server{Handler: p.runtimeAPI(), ReadHeaderTimeout: 30 * time.Second}
	cmd := &exec.Cmd{Path: path, Args: []string{path}, Dir: task, Env: variables, Stdout: write, Stderr: write}
	if p.proc, err = super.Start(cmd); err != nil {
		err = errors.Join(err, listener.Close(), read.Close(), write.Close())
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			return nil, &startError{"fork/exec /var/task/bootstrap: " + pathErr.Err.Error()}
		}
		return nil, err
	}
	go func() { _ = p.server.Serve(listener) }() // it ends by Close
	go p.readOutput(read)
	s.mu.Lock()
	dead := env.dead || s.closed
	if !dead {
		env.process = p
		s.live[env] = true
	}
	s.mu.Unlock()
	if dead {
		p.end()
	}
	return p, nil
}

// end kills the process, and returns when it is gone.
func (p *process) end() { _ = p.close() } // Service.Close reports what could not be killed

func (p *process) close() error {
	p.ending.Do(func() {
		close(p.gone)
		p.endErr = errors.Join(p.super.Stop(p.proc, 0), p.server.Close(), p.output.Close(), os.RemoveAll(p.temp))
	})
	return p.endErr
}

func (p *process) ended() bool {
	select {
	case <-p.proc.Done():
		return true
	default:
		return false
	}
}

// happening is why a wait for a process ended.
type happening int

const (
	ready   happening = iota // it asks for the next invocation
	gone                     // it ended, or was killed
	expired                  // its time is up
)

// wait waits until the process asks for work. It watches its memory meanwhile.
func (p *process) wait(timeout <-chan struct{}, limit time.Duration) happening {
	timer, ticker := time.NewTimer(limit), time.NewTicker(memoryTick)
	defer timer.Stop()
	defer ticker.Stop()
	for {
		select {
		case <-p.idle:
			if !p.overMemory() {
				return ready
			}
		case <-p.proc.Done():
			return gone
		case <-timeout:
			return expired
		case <-timer.C:
			return expired
		case <-ticker.C:
			p.overMemory()
		}
	}
}

// overMemory measures the memory, and kills a process that has too much of it.
func (p *process) overMemory() bool {
	used := residentMemory(p.proc.Pid())
	if used > p.peak.Load() {
		p.peak.Store(used)
	}
	if p.limit == 0 || used <= p.limit {
		return false
	}
	p.peak.Store(p.limit)
	p.starved = true
	_ = p.proc.Kill() // what cannot be killed has ended
	return true
}

// runProcess runs one invocation in the process of its environment.
func (s *Service) runProcess(inv *invocation) Result {
	env := inv.env
	p := env.running()
	if p == nil {
		var failed *Result
		if p, failed = s.boot(inv); failed != nil {
			return *failed
		}
	} else {
		s.begin(inv)
		_ = p.proc.Signal(syscall.SIGCONT) // one that has ended is found below
	}
	select {
	case p.work <- inv:
	case <-p.gone:
	}
	happened := p.wait(inv.expired, inv.left())
	if happened == expired {
		s.expire(inv)
		p.end()
		p.flush()
		return timedOut(inv)
	}
	p.flush()
	done := p.take()
	if happened == gone {
		p.end()
		if done == nil || p.starved {
			return exited(inv.id, p.reason())
		}
	} else {
		// As on AWS, what the function started in the background stands still
		// until the next invocation.
		_ = p.proc.Signal(syscall.SIGSTOP)
	}
	return done.result(inv.id)
}

// begin starts an invocation's time.
func (s *Service) begin(inv *invocation) {
	s.mu.Lock()
	inv.begun, inv.real = s.o.Clock.Now(), time.Now()
	s.mu.Unlock()
	inv.env.log(inv, fmt.Sprintf("START RequestId: %s Version: %s", inv.id, *inv.v.config.Version))
	s.arm(inv)
}

// left is the real time that an invocation still has.
func (inv *invocation) left() time.Duration { return inv.v.timeout - time.Since(inv.real) }

// expire notes that an invocation's time is up: its calls have no effect from
// now on.
func (s *Service) expire(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv.timedOut, s.dead[inv.key] = true, true
}

// boot starts the process of a new environment. An init phase that fails is
// repeated within the invocation, as AWS does.
func (s *Service) boot(inv *invocation) (*process, *Result) {
	env := inv.env
	env.log(inv, fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s", strings.Replace(string(env.v.config.Runtime), ".", ":", 1), value(env.v.config.RuntimeVersionConfig.RuntimeVersionArn)))
	p, r := s.initialize(inv, "init", nil, initLimit)
	if r == nil {
		s.begin(inv)
		return p, nil
	}
	s.begin(inv)
	if r.ErrorType == "Runtime.InvalidEntrypoint" {
		return nil, r
	}
	return s.initialize(inv, "invoke", inv.expired, inv.left())
}

func (s *Service) initialize(inv *invocation, phase string, timeout <-chan struct{}, limit time.Duration) (*process, *Result) {
	env := inv.env
	began := time.Now()
	report := func(status string) {
		env.log(inv, fmt.Sprintf("INIT_REPORT Init Duration: %s ms\tPhase: %s\tStatus: %s", millis(time.Since(began)), phase, status))
	}
	p, err := s.startProcess(inv)
	if err != nil {
		r := failure(inv.id, "Runtime.InvalidEntrypoint", fmt.Sprintf("RequestId: %s Error: %v", inv.id, err), nil)
		report("error\tError Type: Runtime.InvalidEntrypoint")
		return nil, &r
	}
	happened := p.wait(timeout, limit)
	if happened == ready {
		s.mu.Lock()
		if phase == "init" { // else it is part of the invocation's time
			inv.init, inv.cold = time.Since(began), true
		}
		s.mu.Unlock()
		return p, nil
	}
	if happened == expired && phase == "invoke" {
		s.expire(inv)
	}
	p.end()
	p.flush()
	s.mu.Lock()
	if env.process == p {
		env.process = nil
		delete(s.live, env)
	}
	s.mu.Unlock()
	if happened == expired {
		report("timeout")
		r := timedOut(inv)
		return nil, &r
	}
	r := exited(inv.id, p.reason())
	if fail := p.initError(); fail != nil {
		r = fail.result(inv.id)
	}
	report("error\tError Type: " + r.ErrorType)
	return nil, &r
}

// reason is how the process ended, in AWS's words; "" for exit status 0.
func (p *process) reason() string {
	<-p.proc.Done()
	switch err := p.proc.Err(); {
	case p.starved:
		return "signal: killed"
	case err == nil:
		return ""
	default:
		return err.Error()
	}
}

// result makes the answer out of what the runtime reported.
func (o *outcome) result(id string) Result {
	if !o.failed {
		return Result{RequestID: id, Payload: o.payload}
	}
	if o.errorType == "Function.ResponseSizeTooLarge" {
		return oversized(id)
	}
	typ := o.errorType
	var p struct{ ErrorType string }
	if json.Unmarshal(o.payload, &p) == nil && p.ErrorType != "" {
		typ = p.ErrorType
	}
	return Result{RequestID: id, Payload: o.payload, FunctionError: "Unhandled", ErrorType: typ}
}

// mark tells the reader of the output how far it has to read.
var mark = []byte("\x00\x00the end of an invocation\x00\x00")

// maxLine is the longest line that becomes one log event, in bytes.
const maxLine = 256 << 10

// readOutput turns the process's output into log events.
func (p *process) readOutput(read *os.File) {
	defer close(p.drained)
	defer read.Close()
	var text []byte
	say := func(line []byte) {
		p.mu.Lock()
		inv := p.current
		p.mu.Unlock()
		p.env.log(inv, strings.ToValidUTF8(string(line), "\uFFFD"))
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := read.Read(buffer)
		text = append(text, buffer[:n]...)
		for {
			end, length := bytes.IndexByte(text, '\n'), 1
			if m := bytes.Index(text, mark); m >= 0 && (end < 0 || m < end) {
				end, length = m, len(mark)
			}
			if end < 0 && len(text) > maxLine {
				end, length = maxLine, 0
			}
			if end < 0 {
				break
			}
			if end > 0 || length == 1 {
				say(text[:end])
			}
			if length == len(mark) {
				p.flushed <- struct{}{}
			}
			text = text[end+length:]
		}
		if err != nil {
			if len(text) > 0 {
				say(text)
			}
			return
		}
	}
}

// flush returns when everything that the process has written is in the log.
func (p *process) flush() {
	timer := time.NewTimer(drainLimit)
	defer timer.Stop()
	flushed := p.flushed
	if _, err := p.output.Write(mark); err != nil {
		flushed = nil // it is closed: the rest is read to its end
	}
	select {
	case <-flushed:
	case <-p.drained:
	case <-timer.C:
	}
}
