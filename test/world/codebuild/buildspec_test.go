package codebuild

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestBuildspecRefuses(t *testing.T) {
	const ok = "\nphases: {build: {commands: ['true']}}"
	for _, c := range []struct{ name, spec, part string }{
		{"nothing", "", "empty"},
		{"version 0.1", "version: 0.1" + ok, "version"},
		{"no version", "phases: {build: {commands: ['true']}}", "version"},
		{"an unknown key", "version: 0.2\nphase: {}" + ok, "field phase not found"},
		{"an unknown phase", "version: 0.2\nphases: {deploy: {commands: ['true']}}", "field deploy not found"},
		{"no commands", "version: 0.2\nphases: {build: {}}", "no commands"},
		{"a command that YAML reads as a mapping", "version: 0.2\nphases: {build: {commands: [echo a: b]}}", "string type"},
		{"an empty command", "version: 0.2\nphases: {build: {commands: [~]}}", "string type"},
		{"another shell", "version: 0.2\nenv: {shell: powershell.exe}" + ok, "env.shell"},
		{"a variable that no shell takes", "version: 0.2\nenv: {variables: {a-b: c}}" + ok, `"a-b"`},
		{"secrets, which are not simulated", "version: 0.2\nenv: {secrets-manager: {A: b}}" + ok, "AWS Secrets Manager is not simulated"},
		{"retries, which are not simulated", "version: 0.2\nphases: {build: {on-failure: RETRY, commands: ['true']}}", "on-failure"},
		{"runtime-versions outside install", "version: 0.2\nphases: {build: {runtime-versions: {golang: 1.26}, commands: ['true']}}", "runtime-versions"},
		{"artifacts without files", "version: 0.2\nartifacts: {name: x}" + ok, "artifacts.files"},
		{"neither yes nor no", "version: 0.2\nartifacts: {files: ['*'], discard-paths: maybe}" + ok, "yes or no"},
		{"two documents", "version: 0.2" + ok + "\n---\nversion: 0.2", "more than one"},
		{"duplicate keys", "version: 0.2\nversion: 0.2" + ok, "already defined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseBuildspec([]byte(c.spec)); err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("error = %v, want %q", err, c.part)
			}
		})
	}
}

func TestArtifactPatterns(t *testing.T) {
	tree := fstest.MapFS{"a.json": {}, "d/b.json": {}, "d/e/c.json": {}, "d/e/c.txt": {}}
	for _, c := range []struct {
		files, exclude, want []string
		discard              bool
	}{
		{files: []string{"**/*"}, want: []string{"a.json", "d/b.json", "d/e/c.json", "d/e/c.txt"}},
		{files: []string{"*"}, want: []string{"a.json"}},
		{files: []string{"./d/*"}, want: []string{"d/b.json"}},
		{files: []string{"d/**/*.json"}, want: []string{"d/b.json", "d/e/c.json"}},
		{files: []string{"d/e/c.???"}, want: []string{"d/e/c.txt"}},
		{files: []string{"**/*"}, exclude: []string{"**/*.json"}, want: []string{"d/e/c.txt"}},
		{files: []string{"**/*.txt"}, discard: true, want: []string{"c.txt"}},
		{files: []string{"a+json"}},
	} {
		got, err := match(tree, Artifacts{Files: c.files, ExcludePaths: c.exclude, DiscardPaths: YesNo(c.discard)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range got {
			names = append(names, a.name)
		}
		if d := cmp.Diff(c.want, names); d != "" {
			t.Errorf("%v: %s", c.files, d)
		}
	}
}

// FuzzBuildspec: no input makes the parser panic, and what it accepts is fit to
// run: version 0.2 with at least one command, and none with a NUL.
func FuzzBuildspec(f *testing.F) {
	for _, s := range []string{
		"version: 0.2\nphases:\n  build:\n    commands:\n      - echo hi\n",
		"version: 0.2\nenv: {variables: {A: 1}, exported-variables: [A]}\nphases: {install: {on-failure: CONTINUE, commands: [a], finally: [b]}}\nartifacts: {files: ['**/*'], discard-paths: yes}",
		"version: 0.2\nphases: {build: {commands: [&x 'true', *x]}}",
		"version: 0.2\nphases: {build: {commands: ['a\x00b']}}",
		"{", "- 1", "version: [0.2]", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBuildspec(data)
		if err != nil {
			return
		}
		if b.Version != "0.2" {
			t.Errorf("accepted version %q", b.Version)
		}
		commands := 0
		for _, p := range b.Phases.all() {
			if p.Phase == nil {
				continue
			}
			commands += len(p.Commands)
			for _, c := range p.Commands {
				if strings.ContainsRune(string(c), 0) {
					t.Errorf("accepted the command %q", c)
				}
			}
		}
		if commands == 0 {
			t.Error("accepted a buildspec without commands")
		}
	})
}
