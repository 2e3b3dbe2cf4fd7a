// Package worldcli runs the AWS CLI against the simulated AWS: sessions are
// scripts with the answers that are expected, see testdata/sessions.
package worldcli

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed driver.py
var driver string

// Tool is an AWS CLI of version 1: a folder of Python packages.
type Tool struct{ Dir string }

var errNotInstalled = errors.New("the AWS CLI is not installed: run make aws-cli")

// FindTool looks for the CLI of the Makefile's version in the cache that the
// Makefile fills. The error is errNotInstalled when it is not there.
func FindTool(makefile string) (Tool, error) {
	text, err := os.ReadFile(makefile)
	if err != nil {
		return Tool{}, err
	}
	version := regexp.MustCompile(`(?m)^AWS_CLI_VERSION := (\S+)$`).FindSubmatch(text)
	if version == nil {
		return Tool{}, fmt.Errorf("%s has no AWS_CLI_VERSION", makefile)
	}
	cache, err := cacheDir()
	if err != nil {
		return Tool{}, err
	}
	t := Tool{filepath.Join(cache, "tools", "awscli-"+string(version[1]), "awscli")}
	if _, err := os.Stat(filepath.Join(t.Dir, "aws")); err != nil {
		return Tool{}, errNotInstalled
	}
	return t, nil
}

// cacheDir is the Makefile's CACHE.
func cacheDir() (string, error) {
	if dir := os.Getenv("EKS_UPGRADE_AGENT_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "eks-upgrade-agent"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "eks-upgrade-agent"), err
}

// CLI is a running AWS CLI. It is not for concurrent use.
type CLI struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// Answer is what a command gave.
type Answer struct {
	Code     int    `json:"rc"`
	Out, Err string // standard output and standard error
}

// Start starts the CLI in a folder, with nothing of this process's AWS settings.
func (t Tool) Start(dir string, env map[string]string) (*CLI, error) {
	c := &CLI{cmd: exec.Command("python3", "-c", driver)}
	c.cmd.Dir = dir
	c.cmd.Env = t.environ(dir, env)
	c.cmd.Stderr = &c.stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

func (t Tool) environ(home string, env map[string]string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PYTHONPATH=" + t.Dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "TZ=UTC", "LC_ALL=C.UTF-8",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "COLUMNS=200"}
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// Once runs one command in a process of its own, as people do.
func (t Tool) Once(dir string, env map[string]string, args ...string) (string, error) {
	cmd := exec.Command("python3", append([]string{filepath.Join(t.Dir, "aws")}, args...)...)
	cmd.Dir, cmd.Env = dir, t.environ(dir, env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Run runs one command: args do not have the leading "aws".
func (c *CLI) Run(args []string, env map[string]string) (Answer, error) {
	if env == nil {
		env = map[string]string{}
	}
	line, err := json.Marshal(map[string]any{"args": args, "env": env})
	if err != nil {
		return Answer{}, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return Answer{}, fmt.Errorf("the AWS CLI has ended: %w\n%s", err, c.stderr.String())
	}
	text, err := c.out.ReadBytes('\n')
	if err != nil {
		return Answer{}, fmt.Errorf("the AWS CLI has ended: %w\n%s", err, c.stderr.String())
	}
	var a Answer
	return a, json.Unmarshal(text, &a)
}

// Close ends the CLI.
func (c *CLI) Close() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}

// Split splits a command as a POSIX shell does: blanks, ' and ", \ outside of '.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in := false
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == ' ' || ch == '\t':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		case ch == '\'' || ch == '"':
			in = true
			end := i + 1
			for ; end < len(line) && line[end] != ch; end++ {
				if ch == '"' && line[end] == '\\' && end+1 < len(line) && strings.ContainsRune(`"\$`, rune(line[end+1])) {
					end++
				}
				word.WriteByte(line[end])
			}
			if end == len(line) {
				return nil, fmt.Errorf("%q: a %c is not closed", line, ch)
			}
			i = end
		case ch == '\\' && i+1 < len(line):
			in = true
			i++
			word.WriteByte(line[i])
		default:
			in = true
			word.WriteByte(ch)
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
