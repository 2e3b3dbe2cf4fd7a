// Package config is the agent's configuration: defaults, overridden by a YAML
// file, overridden by the environment. Unknown names are refused everywhere: a
// misspelled setting must not silently leave the default in force.
package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Prefix of the environment variables: "tables.leases" is
// EKS_UPGRADE_AGENT_TABLES_LEASES and "verify.healthMaxAge" is
// EKS_UPGRADE_AGENT_VERIFY_HEALTH_MAX_AGE.
const Prefix = "EKS_UPGRADE_AGENT_"

// FileVariable is the environment variable with the path of the YAML file;
// without it there is none.
const FileVariable = Prefix + "CONFIG"

// Config is the whole configuration. Its keys, with their defaults and what is
// valid, stand in settings.
type Config struct {
	Bucket       string // S3 bucket of snapshots, plans and reports
	Topic        string // ARN of the SNS topic for people
	Tables       Tables
	Projects     Projects
	Metrics      Metrics
	ReleaseNotes ReleaseNotes
	Verify       Verify
	Logging      Logging

	origins map[string]string
}

// Tables are the names of the DynamoDB tables.
type Tables struct{ Leases, Records, Approvals string }

// Projects are the names of the CodeBuild projects.
type Projects struct{ Provision, Scan string }

// Metrics says where the numbers of requests and errors are.
type Metrics struct{ Namespace string } // of CloudWatch

// ReleaseNotes says where the Kubernetes release notes are: the folder of the
// changelogs, or Bundled.
type ReleaseNotes struct{ URL string }

// Bundled is the URL of the release notes that come with the agent, for
// networks without a way out.
const Bundled = "bundled"

// Verify says how clusters are verified.
type Verify struct {
	HealthMaxAge upgrade.Duration // an older verdict on a cluster is stale
}

// Logging says what is logged and how.
type Logging struct{ Level, Format string }

// Origin says where the value of a key comes from: "default", "file <path>" or
// "environment <variable>". It is "" for an unknown key.
func (c Config) Origin(key string) string { return c.origins[key] }

// Load reads the configuration from an environment, as os.Environ gives it, and
// from the file that it names. The error holds everything that is wrong.
func Load(environ []string) (Config, error) {
	k := koanf.New(".")
	origins := map[string]string{}
	var problems []error
	load := func(values map[string]any, origin func(key string) string) error {
		layer := koanf.New(".")
		if err := layer.Load(confmap.Provider(values, ""), nil); err != nil {
			return problem("", "", err.Error(), "")
		}
		for _, key := range slices.Sorted(maps.Keys(layer.All())) {
			if !known(key) {
				problems = append(problems, problem(key, origin(key), "is not known", suggestion(key, func(key string) string { return key })))
				continue
			}
			origins[key] = origin(key)
		}
		return k.Merge(layer)
	}
	if err := load(defaults(), func(string) string { return "default" }); err != nil {
		return Config{}, err
	}
	if path := lookup(environ, FileVariable); path != "" {
		values, err := readFile(path)
		if err != nil {
			return Config{}, err
		}
		if err := load(values, func(string) string { return "file " + path }); err != nil {
			return Config{}, err
		}
	}
	variables, unknown := fromEnvironment(environ)
	problems = append(problems, unknown...)
	if err := load(variables, func(key string) string { return "environment " + variable(key) }); err != nil {
		return Config{}, err
	}
	c := Config{origins: origins}
	for _, s := range settings {
		problems = append(problems, s.apply(&c, k.Get(s.key), origins[s.key]))
	}
	if err := errors.Join(problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readFile(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Op: "read configuration", Err: err, Remedy: "correct " + FileVariable}
	}
	values, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return nil, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Op: "read configuration file " + path, Err: err, Remedy: "write it as in docs/config.example.yaml"}
	}
	return values, nil
}

// fromEnvironment returns the values of the variables with the prefix.
func fromEnvironment(environ []string) (values map[string]any, unknown []error) {
	names := map[string]string{}
	for _, s := range settings {
		names[variable(s.key)] = s.key
	}
	provider := env.Provider(".", env.Opt{Prefix: Prefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if name == FileVariable {
				return "", nil
			}
			key, ok := names[name]
			if !ok {
				unknown = append(unknown, problem(name, "environment", "is not known", suggestion(name, variable)))
			}
			return key, value
		}})
	values, err := provider.Read()
	if err != nil {
		unknown = append(unknown, problem("", "environment", err.Error(), ""))
	}
	return values, unknown
}

func lookup(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

func problem(key, origin, message, remedy string) error {
	if origin != "" {
		message = fmt.Sprintf("%s (%s)", message, origin)
	}
	return &upgrade.Error{Code: upgrade.CodeInvalidRequest, Op: "configuration", Field: key, Message: message, Remedy: remedy}
}
