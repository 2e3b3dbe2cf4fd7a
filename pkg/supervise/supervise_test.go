package supervise

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheEndOfAProcessIsTheEndOfItsGroup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("/bin/sh", "-c", `sleep 600 & echo $!; exit 3`)
	cmd.Stdout = write
	p, err := s.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(read)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.Err() == nil || p.Err().Error() != "exit status 3" {
		t.Errorf("err = %v", p.Err())
	}
	// The child holds the pipe: its end is the child's end.
	if _, err := out.ReadByte(); err == nil {
		t.Error("the child wrote")
	}
	if _, err := strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(p.Signal(syscall.SIGTERM), s.Stop(p, time.Second), s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Start(exec.Command("/bin/true")); !errors.Is(err, ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state folder: %v", err)
	}
}
