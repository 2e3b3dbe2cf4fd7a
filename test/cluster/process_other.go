//go:build unix && !linux

package cluster

import "syscall"

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (s *supervisor) startOnOneThread() {
	for start := range s.starts {
		start()
	}
}
