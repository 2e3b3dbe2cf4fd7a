package codebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// fixture is a CodeBuild with one project, on a clock that stands still: no
// build times out unless the test moves the clock.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Virtual
	temp  string
	call  *wire.Call
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	v := clock.NewVirtual(start)
	temp := t.TempDir()
	o.Clock, o.Account, o.Region, o.TempDir = v, "123456789012", "eu-west-1", temp
	if o.Provisioning == 0 {
		o.Provisioning = -1
	}
	f := &fixture{Service: New(o), t: t, clock: v, temp: temp, call: &wire.Call{}}
	t.Cleanup(func() {
		f.Close()
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("builds left %v in the temporary folder, %v", left, err)
		}
	})
	return f
}

func projectInput(spec string) *sdk.CreateProjectInput {
	return &sdk.CreateProjectInput{Name: ptr("provision"), ServiceRole: ptr("arn:aws:iam::123456789012:role/build"),
		Source: &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: ptr(spec)}, Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: ptr("aws/codebuild/standard:7.0"), ComputeType: types.ComputeTypeBuildGeneral1Small}}
}

func (f *fixture) must(_ any, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) start(in *sdk.StartBuildInput) string {
	f.t.Helper()
	in.ProjectName = ptr("provision")
	out, err := f.StartBuild(f.call, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.Build.Id
}

// build runs a buildspec to its end.
func (f *fixture) build(spec string) types.Build {
	f.t.Helper()
	if f.projects["provision"] == nil {
		f.must(f.CreateProject(f.call, projectInput(spec)))
	}
	return f.wait(f.start(&sdk.StartBuildInput{BuildspecOverride: ptr(spec)}))
}

func (f *fixture) wait(id string) types.Build {
	f.t.Helper()
	b, err := f.Wait(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	if !b.BuildComplete || b.EndTime == nil || *b.CurrentPhase != "COMPLETED" {
		f.t.Fatalf("build = %+v", b)
	}
	return b
}

// phases returns "PHASE STATUS" of each phase after provisioning.
func phases(b types.Build) []string {
	var out []string
	for _, p := range b.Phases[3:] {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s", p.PhaseType, p.PhaseStatus)))
	}
	return out
}

func phaseContext(b types.Build, typ types.BuildPhaseType) string {
	for _, p := range b.Phases {
		if p.PhaseType == typ {
			return *p.Contexts[0].StatusCode + ": " + *p.Contexts[0].Message
		}
	}
	return ""
}

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(err.Error(), part) {
		t.Fatalf("error = %v\nwant %s: ...%s...", err, code, part)
	}
}

func TestBuildRunsItsPhases(t *testing.T) {
	f := newFixture(t, Options{})
	b := f.build(`
version: 0.2
phases:
  install: {commands: ["echo install"]}
  pre_build: {commands: ["echo pre"]}
  build:
    commands:
      - |
        echo one
        echo two
      - echo three
    finally: [echo finally]
  post_build: {commands: [echo post]}
`)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", b.BuildStatus, f.Logs(*b.Id))
	}
	want := []string{"DOWNLOAD_SOURCE SUCCEEDED", "INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD SUCCEEDED", "POST_BUILD SUCCEEDED", "UPLOAD_ARTIFACTS SUCCEEDED", "FINALIZING SUCCEEDED", "COMPLETED"}
	if d := cmp.Diff(want, phases(b)); d != "" {
		t.Error(d)
	}
	var said []string
	for line := range strings.Lines(f.Logs(*b.Id)) {
		if !strings.HasPrefix(line, "[Container]") && !strings.HasPrefix(line, "echo two") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	if d := cmp.Diff([]string{"install", "pre", "", "one", "two", "three", "finally", "post"}, said); d != "" {
		t.Errorf("%s\n%s", d, f.Logs(*b.Id))
	}
	if log := f.Logs(*b.Id); strings.Contains(log, "SUBMITTED") || !strings.Contains(log, "[Container] Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED") {
		t.Errorf("the container's log tells of the container:\n%s", log)
	}
	if !regexp.MustCompile(`^provision:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(*b.Id) {
		t.Errorf("id = %s", *b.Id)
	}
	if *b.Logs.GroupName != "/aws/codebuild/provision" || !strings.HasSuffix(*b.Id, ":"+*b.Logs.StreamName) {
		t.Errorf("logs = %+v", b.Logs)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		want       []string // phases after DOWNLOAD_SOURCE
		phase      types.BuildPhaseType
		context    string
	}{
		{"a failed command in pre_build ends the build", `{version: 0.2, phases: {pre_build: {commands: ["exit 3", "echo never"]}, build: {commands: [echo never]}}}`,
			[]string{"INSTALL SUCCEEDED", "PRE_BUILD FAILED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypePreBuild,
			"COMMAND_EXECUTION_ERROR: Error while executing command: exit 3. Reason: exit status 3"},
		{"post_build runs after a failed build", `{version: 0.2, phases: {build: {commands: ["false"]}, post_build: {commands: ['[ "$CODEBUILD_BUILD_SUCCEEDING" = 0 ]']}}}`,
			[]string{"INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD FAILED", "POST_BUILD SUCCEEDED", "UPLOAD_ARTIFACTS SUCCEEDED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeBuild,
			"COMMAND_EXECUTION_ERROR: Error while executing command: false. Reason: exit status 1"},
		{"on-failure ABORT skips post_build", `{version: 0.2, phases: {build: {on-failure: ABORT, commands: ["false"]}, post_build: {commands: [echo never]}}}`,
			[]string{"INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD FAILED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeBuild, "COMMAND_EXECUTION_ERROR"},
		{"on-failure CONTINUE goes on, the build has failed", `{version: 0.2, phases: {install: {on-failure: CONTINUE, commands: ["false"]}, build: {commands: ["true"]}}}`,
			[]string{"INSTALL FAILED", "PRE_BUILD SUCCEEDED", "BUILD SUCCEEDED", "POST_BUILD SUCCEEDED", "UPLOAD_ARTIFACTS SUCCEEDED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeInstall, "COMMAND_EXECUTION_ERROR"},
		{"a failed finally fails the phase", `{version: 0.2, phases: {build: {commands: ["true"], finally: ["exit 9"]}}}`,
			[]string{"INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD FAILED", "POST_BUILD SUCCEEDED", "UPLOAD_ARTIFACTS SUCCEEDED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeBuild, "exit status 9"},
		{"an unknown command", `{version: 0.2, phases: {install: {commands: [no-such-command]}}}`,
			[]string{"INSTALL FAILED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeInstall, "exit status 127"},
		{"set -e holds within the phase", `{version: 0.2, phases: {install: {commands: ["set -e\nfalse\necho never"]}}}`,
			[]string{"INSTALL FAILED", "FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeInstall, "exit status 1"},
		{"a buildspec that is not valid", "version: 0.2\nphases: {build: {comands: [x]}}", []string{"FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeDownloadSource, "YAML_FILE_ERROR: YAML_FILE_ERROR: yaml: "},
		{"a parameter without a parameter store", `{version: 0.2, env: {parameter-store: {TOKEN: /a}}, phases: {build: {commands: ["true"]}}}`, []string{"FINALIZING SUCCEEDED", "COMPLETED"}, types.BuildPhaseTypeDownloadSource, "Decrypted Variables Error: parameter /a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			b := f.build(c.spec)
			if b.BuildStatus != types.StatusTypeFailed {
				t.Errorf("status = %s, want FAILED", b.BuildStatus)
			}
			if d := cmp.Diff(c.want, phases(b)[1:]); d != "" {
				t.Errorf("%s\n%s", d, f.Logs(*b.Id))
			}
			if got := phaseContext(b, c.phase); !strings.Contains(got, c.context) {
				t.Errorf("context = %q, want %q", got, c.context)
			}
			if strings.Contains(f.Logs(*b.Id), "\nnever\n") {
				t.Errorf("a command ran that must not:\n%s", f.Logs(*b.Id))
			}
		})
	}
}

func TestVariablesAndFolderGoOnFromPhaseToPhase(t *testing.T) {
	f := newFixture(t, Options{})
	b := f.build(`
version: 0.2
env:
  exported-variables: [RELEASE]
phases:
  install: {commands: ["export RELEASE='1.35 eks'", local=gone, mkdir work, cd work]}
  build: {commands: ['[ "$(basename "$PWD")" = work ]', '[ "$RELEASE" = "1.35 eks" ]', '[ -z "$local" ]']}
`)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", b.BuildStatus, f.Logs(*b.Id))
	}
	if e := b.ExportedEnvironmentVariables; len(e) != 1 || *e[0].Value != "1.35 eks" {
		t.Errorf("exported = %+v", e)
	}
}

func TestEnvironmentHoldsOnlyWhatBuildsGet(t *testing.T) {
	t.Setenv("LEAK", "from the test's own environment")
	f := newFixture(t, Options{Env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "FIXED": "world"},
		Parameter: func(_ context.Context, name string) (string, error) { return "value of " + name, nil }})
	in := projectInput("version: 0.2\nenv: {variables: {A: spec, B: spec, C: spec}, parameter-store: {P: /p}}\nphases: {build: {commands: [env | sort]}}")
	in.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: ptr("B"), Value: ptr("project")}, {Name: ptr("C"), Value: ptr("project")}, {Name: ptr("FIXED"), Value: ptr("project")}}
	f.must(f.CreateProject(f.call, in))
	id := f.start(&sdk.StartBuildInput{EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: ptr("C"), Value: ptr("override")}, {Name: ptr("Q"), Value: ptr("/q"), Type: types.EnvironmentVariableTypeParameterStore}}})
	f.wait(id)
	got := map[string]string{}
	for line := range strings.Lines(f.Logs(id)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			got[k] = v
		}
	}
	for k, want := range map[string]string{"A": "spec", "B": "project", "C": "override", "P": "value of /p", "Q": "value of /q", "FIXED": "world",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "CODEBUILD_BUILD_ID": id, "CODEBUILD_BUILD_SUCCEEDING": "1", "CODEBUILD_BUILD_NUMBER": "1", "AWS_REGION": "eu-west-1"} {
		if got[k] != want {
			t.Errorf("%s = %q, want %q", k, got[k], want)
		}
	}
	for k := range got {
		known := map[string]bool{"PATH": true, "HOME": true, "TMPDIR": true, "AWS_DEFAULT_REGION": true, "PWD": true, "OLDPWD": true, "SHLVL": true, "_": true,
			"A": true, "B": true, "C": true, "P": true, "Q": true, "FIXED": true, "AWS_ENDPOINT_URL": true, "AWS_REGION": true}
		if !known[k] && !strings.HasPrefix(k, "CODEBUILD_") {
			t.Errorf("a build must not see %s", k)
		}
	}
}

func TestSourceFolderIsCopied(t *testing.T) {
	source := t.TempDir()
	for name, text := range map[string]string{"ci/build.yml": "version: 0.2\nphases: {build: {commands: ['cat data.txt', 'echo changed > data.txt']}}", "data.txt": "original\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(source, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t, Options{Sources: map[string]string{"bucket/source.zip": source}})
	in := projectInput("ci/build.yml")
	in.Source.Type, in.Source.Location = types.SourceTypeS3, ptr("bucket/source.zip")
	f.must(f.CreateProject(f.call, in))
	b := f.wait(f.start(&sdk.StartBuildInput{}))
	if b.BuildStatus != types.StatusTypeSucceeded || !strings.Contains(f.Logs(*b.Id), "\noriginal\n") {
		t.Fatalf("%s\n%s", b.BuildStatus, f.Logs(*b.Id))
	}
	if data, err := os.ReadFile(filepath.Join(source, "data.txt")); err != nil || string(data) != "original\n" {
		t.Errorf("the build changed the source itself: %q, %v", data, err)
	}
	for location, part := range map[string]string{"bucket/other.zip": "no source folder is set", "bucket/source.zip": "no such file or directory"} {
		b := f.wait(f.start(&sdk.StartBuildInput{SourceLocationOverride: ptr(location), BuildspecOverride: ptr("missing.yml")}))
		if got := phaseContext(b, types.BuildPhaseTypeDownloadSource); !strings.Contains(got, part) {
			t.Errorf("%s: context = %q, want %q", location, got, part)
		}
	}
}

// bucket keeps artifacts.
type bucket struct {
	mu      sync.Mutex
	objects map[string]string
	role    string // that put the last one
	err     error
}

func (b *bucket) Put(_ context.Context, role, name, key string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.role = role
	if b.err == nil {
		b.objects[name+"/"+key] = string(data)
	}
	return b.err
}

// watched says whether the clock was held when artifacts came.
type watched struct {
	held *atomic.Bool
	seen []bool
}

func (w *watched) Put(context.Context, string, string, string, []byte) error {
	w.seen = append(w.seen, w.held.Load())
	return nil
}

func TestTheClockIsHeldWhileFilesAreCopied(t *testing.T) {
	var held atomic.Bool
	store := &watched{held: &held}
	f := newFixture(t, Options{Artifacts: store, HoldTransfers: func() func() { held.Store(true); return func() { held.Store(false) } },
		Object: func(string, string) ([]byte, error) {
			store.seen = append(store.seen, held.Load())
			return nil, errors.New("no such key")
		}})
	in := projectInput("version: 0.2\nphases: {build: {commands: ['echo 1 > x']}}\nartifacts: {files: [x]}")
	in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: ptr("artifacts"), Name: ptr("x")}
	f.must(f.CreateProject(f.call, in))
	f.wait(f.start(&sdk.StartBuildInput{}))
	f.wait(f.start(&sdk.StartBuildInput{SourceTypeOverride: types.SourceTypeS3, SourceLocationOverride: ptr("bucket/source.zip")}))
	if d := cmp.Diff([]bool{true, true}, store.seen); d != "" || held.Load() {
		t.Errorf("held at the end: %t; while copying (-want +got):\n%s", held.Load(), d)
	}
}

func TestArtifactsAreUploaded(t *testing.T) {
	store := &bucket{objects: map[string]string{}}
	f := newFixture(t, Options{Artifacts: store})
	in := projectInput("")
	in.Source.Buildspec = ptr("version: 0.2\nphases: {build: {commands: ['mkdir -p out/a/b', 'echo -n 1 > out/a/b/x.json', 'echo -n 2 > out/y.json', 'echo -n 3 > out/z.txt']}}\nartifacts: {base-directory: out, files: ['**/*.json']}")
	in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: ptr("artifacts"), Path: ptr("runs"), Name: ptr("plan"), NamespaceType: types.ArtifactNamespaceBuildId}
	f.must(f.CreateProject(f.call, in))
	b := f.wait(f.start(&sdk.StartBuildInput{}))
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", b.BuildStatus, f.Logs(*b.Id))
	}
	_, uuid, _ := strings.Cut(*b.Id, ":")
	prefix := "artifacts/runs/" + uuid + "/plan"
	if d := cmp.Diff(map[string]string{prefix + "/a/b/x.json": "1", prefix + "/y.json": "2"}, store.objects); d != "" {
		t.Error(d)
	}
	if store.role != "arn:aws:iam::123456789012:role/build" {
		t.Errorf("they were put by %q", store.role)
	}
	if *b.Artifacts.Location != "arn:aws:s3:::"+prefix {
		t.Errorf("location = %s", *b.Artifacts.Location)
	}
	for name, c := range map[string]struct{ spec, part string }{
		"nothing matches":   {"artifacts: {files: ['*.none']}", "no matching artifact paths found"},
		"no base directory": {"artifacts: {base-directory: none, files: ['*']}", "no matching base directory path found"},
		"outside":           {"artifacts: {base-directory: ../.., files: ['*']}", "outside the source"},
	} {
		b := f.wait(f.start(&sdk.StartBuildInput{BuildspecOverride: ptr("version: 0.2\nphases: {build: {commands: [touch f]}}\n" + c.spec)}))
		if got := phaseContext(b, types.BuildPhaseTypeUploadArtifacts); b.BuildStatus != types.StatusTypeFailed || !strings.Contains(got, c.part) {
			t.Errorf("%s: %s, %q", name, b.BuildStatus, got)
		}
	}
	store.err = errors.New("access denied")
	b = f.wait(f.start(&sdk.StartBuildInput{}))
	if got := phaseContext(b, types.BuildPhaseTypeUploadArtifacts); b.BuildStatus != types.StatusTypeFailed || !strings.Contains(got, "access denied") {
		t.Errorf("%s, %q", b.BuildStatus, got)
	}
}
