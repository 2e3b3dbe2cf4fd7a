package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
)

var update = flag.Bool("update", false, "write the pages that are made from the settings")

// golden compares a page with what is made from the settings.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s is not what the settings say (error %v); run: go test ./pkg/config -update", path, err)
	}
}

const exampleHead = `yaml-language-server: $schema=./config.schema.json

Configuration of the EKS Upgrade Agent, with every setting. What stands here is the default, or an
example where there is none. Leave out what you do not change.

  eks-upgrade config validate FILE   finds every mistake
  eks-upgrade config push FILE       stores the settings for the deployed agent
  docs/configuration.md              is the reference

Each setting can also be an environment variable, which wins: verify.healthMaxAge is
EKS_UPGRADE_AGENT_VERIFY_HEALTH_MAX_AGE.`

func TestTheExampleHasEverySetting(t *testing.T) {
	page, err := config.YAML(exampleHead, func(s config.Setting) (any, bool) {
		if s.Default == nil {
			value, err := s.Parse(s.Example)
			if err != nil {
				t.Error(err)
			}
			return value, true
		}
		return s.Default, true
	}, func(s config.Setting) string {
		lines := []string{s.About}
		switch {
		case s.Resource:
			lines = append(lines, "A deployment gives it to its functions by the environment.")
		case len(s.Choices) > 0:
			lines = append(lines, "One of: "+strings.Join(s.Choices, ", ")+".")
		case s.Limits() != "":
			lines = append(lines, "Limits: "+s.Limits()+".")
		case s.Secret:
			lines = append(lines, "A secret, so not for this file: eks-upgrade config push --secret "+s.Key+"=@FILE")
		case s.Example != "":
			lines = append(lines, "Example: "+s.Example)
		}
		return strings.Join(lines, "\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/config.example.yaml", page)

	got, problems := config.Read(t.Context(), config.Sources{File: "../../docs/config.example.yaml"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	same(t, want(), got)
	for _, s := range config.Settings() {
		if !strings.HasPrefix(got.Origin(s.Key), "file ../../docs/config.example.yaml:") {
			t.Errorf("%s is not in the example: %q", s.Key, got.Origin(s.Key))
		}
	}
}

const referenceHead = `# Configuration

The settings of the agent come from five layers. Each overrides the ones before it:

1. the defaults,
2. a YAML file, named by ` + "`EKS_UPGRADE_AGENT_CONFIG`" + ` ([config.example.yaml](config.example.yaml) is a complete one),
3. parameters of AWS Systems Manager below the path in ` + "`EKS_UPGRADE_AGENT_CONFIG_PATH`" + `: one parameter a setting, secrets as SecureString,
4. environment variables ` + "`EKS_UPGRADE_AGENT_*`" + `,
5. the request of an upgrade, which ` + "`upgrade.*` and `traffic.*`" + ` are the defaults of.

A deployed agent gets the names of its resources by the environment and everything else from parameters: ` + "`/eks-upgrade/config/`" + ` with the key,
its dots as slashes. The stack itself stores the names of resources there, for the command line, and what stands below ` + "`config`" + ` in
` + "`deploy.yaml`" + `; keep a setting in one place, there or in the file that you push. A function reads its settings when its process starts, so a
change holds for new processes; to have it everywhere at once, deploy again.

Unknown names, wrong values and values that do not fit together are refused, in every layer, all of them at once, each with the key, where it
comes from and what to do. A function with a wrong configuration does not start.

` + "```sh" + `
eks-upgrade config validate config.yaml               # every mistake in a file; secrets that stand in plain
eks-upgrade config show --origin                      # what holds, and why; secrets are not shown
eks-upgrade config diff config.yaml                   # what is stored otherwise; exit code 1 when something is
eks-upgrade config push config.yaml --dry-run         # what would be written
eks-upgrade config push config.yaml                   # writes the differences
eks-upgrade config push --secret releaseNotes.token=@token.txt
eks-upgrade config pull > config.yaml                 # what is stored, without secrets
eks-upgrade config schema > config.schema.json        # for editors
` + "```" + `

**Secrets.** Two settings are secrets. They are stored as SecureString under the agent's KMS key, and never printed: not by ` + "`show`, `diff` or `pull`" + `,
not in errors and not in logs. A secret that is a plain String parameter is refused. In a file or in the environment it works, and ` + "`validate` and `show`" + `
say that it should not be there. A text that has the form of a secret (keys of AWS, tokens of GitHub, GitLab and Slack, chat webhooks, JSON web tokens,
private keys, passwords in addresses, random texts) is refused in every other setting.

**Lists** are YAML lists in the file. As a parameter or variable they have commas, ` + "`10,50,100`" + `, or are a JSON array.

**Durations** are written as in ` + "`90s`, `10m`, `1h30m`" + `.
`

func TestTheReferenceIsMadeFromTheSettings(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := "-"
	for _, s := range config.Settings() {
		name, _, nested := strings.Cut(s.Key, ".")
		if !nested {
			name = ""
		}
		if name != section {
			section = name
			title, about := "`"+name+"`", config.SectionAbout(name)
			if name == "" {
				title, about = "At the top", "Without a section."
			}
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | what it does | type | default | allowed |\n| --- | --- | --- | --- | --- |\n", title, about)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Key, cell(s.About), s.Kind, defaultOf(s), allowed(s))
	}
	fmt.Fprintf(&b, "\n## `ai`\n\n%s The monthly budget for models is a setting of the deployment (`deploy.yaml`).\n", config.SectionAbout("ai"))
	b.WriteString("\n## Names\n\n| key | environment variable | parameter |\n| --- | --- | --- |\n")
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` |\n", s.Key, config.Variable(s.Key), config.ParameterName(config.DefaultPath, s.Key))
	}
	golden(t, "../../docs/configuration.md", []byte(b.String()))
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func defaultOf(s config.Setting) string {
	switch text := config.TextOf(s.Default); {
	case s.Default == nil:
		return "none: required"
	case text == "":
		return "empty"
	default:
		return "`" + text + "`"
	}
}

func allowed(s config.Setting) string {
	switch {
	case s.Resource:
		return "a deployment gives it"
	case s.Secret:
		return "a secret"
	case len(s.Choices) > 0:
		return "`" + strings.Join(s.Choices, "`, `") + "`"
	case s.Limits() != "":
		return s.Limits()
	case s.Example != "":
		return "such as `" + cell(s.Example) + "`"
	}
	return cell(strings.TrimPrefix(s.Remedy, "give "))
}
