//go:build unix && !linux

package supervise

import "syscall"

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (s *Supervisor) startOnOneThread() {
	for start := range s.starts {
		start()
	}
}
