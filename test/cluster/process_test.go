package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
)

// orphanEnv makes this test binary play a program that starts something and is
// then killed.
const orphanEnv = "CLUSTER_TEST_ORPHAN_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(orphanEnv); dir != "" {
		playOrphan(dir)
	}
	os.Exit(m.Run())
}

func playOrphan(dir string) {
	s, err := controlplane.NewSupervisor(dir)
	if err == nil {
		// The grandchild is out of reach of Linux's Pdeathsig: only the reaper gets it.
		_, err = s.Run("shell", Command{"/bin/sh", "-c"}, []string{`sleep 600 & echo $! > grandchild; wait`}, controlplane.Environment(), filepath.Join(dir, "shell.log"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("started")
	select {}
}

func TestNothingOutlivesAKilledProgram(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(self)
	program.Env = append(os.Environ(), orphanEnv+"="+dir)
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	var grandchild int
	eventually(t, ctx, "the grandchild", func() error {
		text, err := os.ReadFile(filepath.Join(dir, "grandchild"))
		if err != nil {
			return err
		}
		grandchild, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err
	})
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait() // killed, as was asked for
	eventually(t, ctx, "the end of what the program had started", func() error {
		if alive(grandchild) {
			return fmt.Errorf("process %d is alive", grandchild)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("state folder: %v", err)
		}
		return nil
	})
}

// alive is false for a zombie that nobody has waited for yet.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func newTestSupervisor(t *testing.T) *controlplane.Supervisor {
	t.Helper()
	s, err := controlplane.NewSupervisor(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStopKillsWhatIgnoresTheRequest(t *testing.T) {
	s, log := newTestSupervisor(t), filepath.Join(t.TempDir(), "log")
	p, err := s.Run("stubborn", Command{"/bin/sh", "-c"}, []string{`trap '' TERM; echo ready; while :; do sleep 1; done`}, controlplane.Environment(), log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	eventually(t, ctx, "the trap", func() error {
		if string(controlplane.Tail(log, 1)) != "ready" {
			return errors.New("not ready")
		}
		return nil
	})
	if err := p.Terminate(50 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p.Exited() == nil {
		t.Error("it still runs")
	}
	if err := s.End(p); err != nil {
		t.Errorf("stop of what has ended: %v", err)
	}
}

func TestAnUnexpectedEndShowsTheLog(t *testing.T) {
	s := newTestSupervisor(t)
	p, err := s.Run("kube-apiserver of shop", Command{"/bin/sh", "-c"}, []string{`echo invalid port; exit 3`}, controlplane.Environment(), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	err = p.Exited()
	for _, want := range []string{"kube-apiserver of shop", "exit status 3", "invalid port"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
	}
	if err := s.End(p); err != nil {
		t.Error(err)
	}
	if _, err := s.Run("missing", Command{"/nonexistent/program"}, nil, nil, filepath.Join(t.TempDir(), "log")); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestPollTellsTheLastReason(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := controlplane.Poll(ctx, "a miracle", func(context.Context) (bool, error, error) { return false, errors.New("no miracle yet"), nil })
	if err == nil || !strings.Contains(err.Error(), "a miracle") || !strings.Contains(err.Error(), "no miracle yet") {
		t.Errorf("err = %v", err)
	}
}
