package e2e

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInterruptLeavesNothingRunning presses Ctrl-C in the middle of an upgrade,
// with both clusters there, and looks for processes that mention its folder.
func TestInterruptLeavesNothingRunning(t *testing.T) {
	manifests, err := filepath.Abs("../testdata/clusters/online-boutique")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.Command(executable, "rehearse", "--yes", "--output", "json", "--manifests", manifests)
	c.Dir, c.Stderr = dir, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines, interrupted := bufio.NewScanner(out), false
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !interrupted && strings.Contains(lines.Text(), `"step":"sync-workloads"`) && strings.Contains(lines.Text(), `"status":"done"`) {
			interrupted = true
			if len(mentioning(t, dir)) == 0 {
				t.Error("no process mentions the folder of the rehearsal: this test sees nothing")
			}
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = c.Wait()
	var exit *exec.ExitError
	if !interrupted || !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("interrupted %v, ended with %v, want exit code 130", interrupted, err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // the reaper may need an instant
		left := mentioning(t, dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v", left)
		}
	}
}

// mentioning lists the command lines of all processes that name a folder.
func mentioning(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		if line := strings.ReplaceAll(string(data), "\x00", " "); strings.Contains(line, dir) && !strings.Contains(line, "e2e.test") && !strings.Contains(line, "--manifests") {
			found = append(found, line)
		}
	}
	return found
}
