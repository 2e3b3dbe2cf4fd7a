package deploydoc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shell is one bash in which blocks run one after the other, as in a terminal:
// variables, functions and the folder stay.
type shell struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	dir   string // of the blocks' files
	n     int
}

const done = "::the block has ended::"

// newShell starts a bash in a folder. Blocks are kept in files under scratch.
func newShell(dir, scratch string, env []string) (*shell, error) {
	s := &shell{cmd: exec.Command("bash", "--noprofile", "--norc"), dir: scratch}
	s.cmd.Dir, s.cmd.Env = dir, env
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = write, write
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.lines = bufio.NewScanner(read)
	s.lines.Buffer(nil, 1<<20)
	if err := write.Close(); err != nil {
		return nil, err
	}
	_, err = io.WriteString(s.in, "set -euo pipefail\n")
	return s, err
}

// run runs commands until the first one that fails, and returns what they wrote.
// After an error the shell has ended.
func (s *shell) run(commands string) (string, error) {
	s.n++
	file := filepath.Join(s.dir, fmt.Sprintf("block-%d.sh", s.n))
	if err := os.WriteFile(file, []byte(commands), 0o600); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(s.in, ". %s </dev/null\necho '%s'\n", file, done); err != nil {
		return "", err
	}
	var out strings.Builder
	for s.lines.Scan() {
		if s.lines.Text() == done {
			return out.String(), nil
		}
		out.WriteString(s.lines.Text() + "\n")
	}
	return out.String(), fmt.Errorf("the shell has ended: %v", s.cmd.Wait())
}

// close ends the shell.
func (s *shell) close() error {
	if err := s.in.Close(); err != nil {
		return err
	}
	for s.lines.Scan() { // what still runs may write
	}
	return s.cmd.Wait()
}
