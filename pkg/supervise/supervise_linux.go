package supervise

import (
	"runtime"
	"syscall"
)

func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// startOnOneThread runs the starts on a thread that lives as long as the
// supervisor: Linux sends Pdeathsig when the thread that started the child ends,
// and Go may end any other thread.
func (s *Supervisor) startOnOneThread() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for start := range s.starts {
		start()
	}
}
