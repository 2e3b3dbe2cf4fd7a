package worldcli

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Session is a script with the answers that are expected: a text in which every
// line that begins with "$ " is a command and what follows, up to the next one,
// its answer. Commands are
//
//	$ aws ...                   the CLI; a failure ends with a line [exit CODE]
//	$ name=aws ...              the same, and keep the trimmed answer as ${name}
//	$ NAME=VALUE aws ...        with a variable of the environment, in capitals
//	$ advance 15m               move the clock
//	$ decode FILE BASE64        write a file: the CLI takes blobs as bytes
//
// Other lines before the first command, and those that begin with "# ", are
// comments.
type Session struct {
	CLI   *CLI
	Clock *clock.Virtual
	Dir   string // the CLI's
	Vars  map[string]string
}

// Replay runs the commands of a script and returns it with the answers that
// were given.
func (s *Session) Replay(script string) (string, error) {
	var out strings.Builder
	answering := false
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		command, is := strings.CutPrefix(line, "$ ")
		switch {
		case is:
			answering = true
			out.WriteString(line + "\n")
			answer, err := s.command(command)
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			if answer != "" {
				out.WriteString(strings.TrimRight(answer, "\n") + "\n")
			}
		case !answering || strings.HasPrefix(line, "# "):
			if strings.HasPrefix(line, "# ") && answering {
				out.WriteString("\n")
			}
			out.WriteString(line + "\n")
			answering = answering && !strings.HasPrefix(line, "# ")
		}
	}
	return out.String(), nil
}

var assignment = regexp.MustCompile(`^([A-Za-z_]+)=`)

func (s *Session) command(line string) (string, error) {
	words, err := Split(s.expand(line))
	if err != nil {
		return "", err
	}
	if len(words) == 2 && words[0] == "advance" {
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return "", err
		}
		s.Clock.Advance(d)
		return "", nil
	}
	if len(words) == 3 && words[0] == "decode" {
		data, err := base64.StdEncoding.DecodeString(words[2])
		if err != nil {
			return "", err
		}
		return "", os.WriteFile(filepath.Join(s.Dir, words[1]), data, 0o600)
	}
	keep, env := "", map[string]string{}
	for len(words) > 0 {
		match := assignment.FindStringSubmatch(words[0])
		if match == nil {
			break
		}
		value := words[0][len(match[0]):]
		if match[1] == strings.ToUpper(match[1]) {
			env[match[1]] = value
			words = words[1:]
			continue
		}
		keep, words[0] = match[1], value
	}
	if len(words) == 0 || words[0] != "aws" {
		return "", fmt.Errorf("there is no command %q", line)
	}
	a, err := s.CLI.Run(words[1:], env)
	if err != nil {
		return "", err
	}
	text := a.Out + a.Err
	if a.Code != 0 {
		return strings.TrimSpace(text) + fmt.Sprintf("\n[exit %d]", a.Code), nil
	}
	if keep != "" {
		s.Vars[keep] = strings.TrimSpace(a.Out)
		return "", nil
	}
	return s.normalize(text), nil
}

// expand puts variables in.
func (s *Session) expand(line string) string {
	for name, value := range s.Vars {
		line = strings.ReplaceAll(line, "${"+name+"}", value)
	}
	return line
}

// What the CLI makes up itself differs from run to run.
var (
	randomID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	address  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

func (s *Session) normalize(text string) string {
	text = address.ReplaceAllString(text, "127.0.0.1:PORT")
	return randomID.ReplaceAllString(text, "UUID")
}
