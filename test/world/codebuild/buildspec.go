package codebuild

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Buildspec is a build specification of version 0.2, as far as it is simulated.
// What is not simulated is refused, never skipped: a rehearsal must not pass
// because a part of the build did not run.
// Source: "Build specification reference for CodeBuild".
type Buildspec struct {
	Version   string    `yaml:"version"`
	Env       Env       `yaml:"env"`
	Phases    Phases    `yaml:"phases"`
	Artifacts Artifacts `yaml:"artifacts"`
	// Cache is accepted and not acted on: a build without a cache is as good.
	Cache yaml.Node `yaml:"cache"`
	RunAs string    `yaml:"run-as"` // refused
}

// Env is the env section.
type Env struct {
	Shell             string            `yaml:"shell"`
	Variables         map[string]string `yaml:"variables"`
	ParameterStore    map[string]string `yaml:"parameter-store"` // variable: parameter
	ExportedVariables []string          `yaml:"exported-variables"`
	SecretsManager    map[string]string `yaml:"secrets-manager"` // refused
}

// Phases are the phases that run commands, in their order.
type Phases struct {
	Install   *Phase `yaml:"install"`
	PreBuild  *Phase `yaml:"pre_build"`
	Build     *Phase `yaml:"build"`
	PostBuild *Phase `yaml:"post_build"`
}

// Phase is one phase. RuntimeVersions are accepted in install and not acted on:
// the build runs with what is on this machine.
type Phase struct {
	OnFailure       string            `yaml:"on-failure"` // "", ABORT or CONTINUE
	RuntimeVersions map[string]string `yaml:"runtime-versions"`
	Commands        Commands          `yaml:"commands"`
	Finally         Commands          `yaml:"finally"`
	RunAs           string            `yaml:"run-as"` // refused
}

// Artifacts is the artifacts section.
type Artifacts struct {
	Files         []string `yaml:"files"`
	Name          string   `yaml:"name"`
	DiscardPaths  YesNo    `yaml:"discard-paths"`
	BaseDirectory string   `yaml:"base-directory"`
	ExcludePaths  []string `yaml:"exclude-paths"`
}

// Command is one command, possibly of several lines.
type Command string

// Commands is a list of commands.
type Commands []Command

// UnmarshalYAML refuses what is not a list of strings: an unquoted ": " makes a
// mapping, and the YAML package would drop empty items in silence.
func (c *Commands) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: expected a list of commands", n.Line)
	}
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.ScalarNode || strings.TrimSpace(item.Value) == "" || item.Tag == "!!null" {
			return fmt.Errorf("line %d: expected a command to be of string type: found subkeys or nothing instead; quote a command that contains \": \"", item.Line)
		}
		*c = append(*c, Command(item.Value))
	}
	return nil
}

// YesNo is a boolean that CodeBuild also lets be written as yes or no.
type YesNo bool

// UnmarshalYAML implements yaml.Unmarshaler.
func (b *YesNo) UnmarshalYAML(n *yaml.Node) error {
	switch strings.ToLower(n.Value) {
	case "yes", "true":
		*b = true
	case "no", "false":
		*b = false
	default:
		return fmt.Errorf("line %d: expected yes or no, not %q", n.Line, n.Value)
	}
	return nil
}

// variableName is what a shell accepts as the name of a variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ParseBuildspec parses and checks a buildspec. Unknown keys are errors.
func ParseBuildspec(data []byte) (*Buildspec, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var b Buildspec
	if err := d.Decode(&b); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the buildspec is empty")
		}
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the buildspec has more than one YAML document")
	}
	return &b, b.check()
}

func (b *Buildspec) check() error {
	if b.Version != "0.2" {
		return fmt.Errorf("version: %q is not supported; use 0.2", b.Version)
	}
	if b.Env.Shell != "" && b.Env.Shell != "bash" {
		return fmt.Errorf("env.shell: %q is not supported; use bash", b.Env.Shell)
	}
	if len(b.Env.SecretsManager) > 0 {
		return errors.New("env.secrets-manager: AWS Secrets Manager is not simulated")
	}
	if b.RunAs != "" {
		return errors.New("run-as: builds cannot change the user here")
	}
	for _, m := range []map[string]string{b.Env.Variables, b.Env.ParameterStore} {
		for name := range m {
			if !variableName.MatchString(name) {
				return fmt.Errorf("env: %q is not a name for a variable", name)
			}
		}
	}
	for _, name := range b.Env.ExportedVariables {
		if !variableName.MatchString(name) {
			return fmt.Errorf("env.exported-variables: %q is not a name for a variable", name)
		}
	}
	commands := 0
	for _, p := range b.Phases.all() {
		if p.Phase == nil {
			continue
		}
		if !slices.Contains([]string{"", "ABORT", "CONTINUE"}, p.OnFailure) {
			return fmt.Errorf("phases.%s.on-failure: %q is not supported; use ABORT or CONTINUE", p.key, p.OnFailure)
		}
		if p.RunAs != "" {
			return fmt.Errorf("phases.%s.run-as: builds cannot change the user here", p.key)
		}
		if p.RuntimeVersions != nil && p.key != "install" {
			return fmt.Errorf("phases.%s.runtime-versions: only allowed in install", p.key)
		}
		for _, c := range slices.Concat(p.Commands, p.Finally) {
			if strings.ContainsRune(string(c), 0) {
				return fmt.Errorf("phases.%s: a command contains a NUL character", p.key)
			}
		}
		commands += len(p.Commands)
	}
	if commands == 0 {
		return errors.New("phases: the buildspec has no commands")
	}
	if len(b.Artifacts.Files) == 0 && (b.Artifacts.Name != "" || b.Artifacts.BaseDirectory != "") {
		return errors.New("artifacts.files: required when there is an artifacts section")
	}
	return nil
}
