package codebuild

import (
	"bufio"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// endless is a build that runs, with a child in the background, until it is
// killed. All its processes hold $FIFO open.
const endless = `
version: 0.2
phases:
  build:
    commands:
      - exec 3>"$FIFO"
      - sleep 1000 &
      - echo ready >&3
      - sleep 1000
    finally: [echo never]
`

// startEndless starts the endless build and waits until it runs. The function
// returned blocks until all its processes are dead.
func startEndless(t *testing.T, o Options) (f *fixture, id string, dead func()) {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Env = map[string]string{"FIFO": fifo}
	f = newFixture(t, o)
	f.must(f.CreateProject(f.call, projectInput(endless)))
	id = f.start(&sdk.StartBuildInput{})
	r, err := os.Open(fifo) // until somebody writes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	buffered := bufio.NewReader(r)
	if line, err := buffered.ReadString('\n'); line != "ready\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	return f, id, func() {
		t.Helper()
		if _, err := io.Copy(io.Discard, buffered); err != nil { // ends when no writer is left
			t.Fatal(err)
		}
	}
}

func TestStoppedBuildLeavesNoProcess(t *testing.T) {
	f, id, dead := startEndless(t, Options{})
	out, err := f.BatchGetBuilds(f.call, &sdk.BatchGetBuildsInput{Ids: []string{id, "provision:none"}})
	if err != nil || out.Builds[0].BuildStatus != types.StatusTypeInProgress || *out.Builds[0].CurrentPhase != "BUILD" || !slices.Equal(out.BuildsNotFound, []string{"provision:none"}) {
		t.Fatalf("builds = %+v, %v", out, err)
	}
	f.must(f.StopBuild(f.call, &sdk.StopBuildInput{Id: ptr(id)}))
	dead()
	b := f.wait(id)
	if b.BuildStatus != types.StatusTypeStopped || !slices.Contains(phases(b), "BUILD STOPPED") || slices.Contains(phases(b), "POST_BUILD SUCCEEDED") {
		t.Errorf("%s %v", b.BuildStatus, phases(b))
	}
	f.must(f.StopBuild(f.call, &sdk.StopBuildInput{Id: ptr(id)})) // once more changes nothing
}

func TestBuildTimesOutByTheClock(t *testing.T) {
	f, id, dead := startEndless(t, Options{})
	f.clock.Advance(defaultTimeout * time.Minute)
	dead()
	b := f.wait(id)
	if b.BuildStatus != types.StatusTypeTimedOut || !slices.Contains(phases(b), "BUILD TIMED_OUT") {
		t.Errorf("%s %v", b.BuildStatus, phases(b))
	}
	if d := b.Phases[6].DurationInSeconds; *d != 3600 {
		t.Errorf("BUILD took %d s of simulated time", *d)
	}
}

func TestCloseKillsBuilds(t *testing.T) {
	f, id, dead := startEndless(t, Options{})
	f.Close()
	dead()
	if b := f.wait(id); b.BuildStatus != types.StatusTypeStopped {
		t.Errorf("status = %s", b.BuildStatus)
	}
	if _, err := f.StartBuild(f.call, &sdk.StartBuildInput{ProjectName: ptr("provision")}); err == nil {
		t.Error("a closed CodeBuild must not start builds")
	}
}

func TestBackgroundProcessEndsWithItsPhase(t *testing.T) {
	f := newFixture(t, Options{})
	b := f.build(`{version: 0.2, phases: {install: {commands: ["sleep 1000 & echo $! > pid"]}, build: {commands: ["while grep -qs 'State:.*[RSD] ' /proc/$(cat pid)/status; do sleep 0.01; done"]}}}`)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("%s\n%s", b.BuildStatus, f.Logs(*b.Id))
	}
}

func TestStoppedWhileProvisioning(t *testing.T) {
	f := newFixture(t, Options{Provisioning: time.Minute})
	f.must(f.CreateProject(f.call, projectInput("version: 0.2\nphases: {build: {commands: [echo never]}}")))
	id := f.start(&sdk.StartBuildInput{})
	f.must(f.StopBuild(f.call, &sdk.StopBuildInput{Id: ptr(id)}))
	if b := f.wait(id); b.BuildStatus != types.StatusTypeStopped {
		t.Errorf("status = %s", b.BuildStatus)
	}
}

func TestIdempotencyToken(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.CreateProject(f.call, projectInput("version: 0.2\nphases: {build: {commands: ['true']}}")))
	first := f.start(&sdk.StartBuildInput{IdempotencyToken: ptr("step-1")})
	if again := f.start(&sdk.StartBuildInput{IdempotencyToken: ptr("step-1")}); again != first {
		t.Errorf("the same token started %s and %s", first, again)
	}
	_, err := f.StartBuild(f.call, &sdk.StartBuildInput{ProjectName: ptr("provision"), IdempotencyToken: ptr("step-1"), SourceVersion: ptr("v2")})
	wantCode(t, err, "InvalidInputException", "Parameter mismatch")
	f.clock.Advance(tokenLife + time.Second)
	later := f.start(&sdk.StartBuildInput{IdempotencyToken: ptr("step-1")})
	if later == first {
		t.Error("after five minutes a token is forgotten")
	}
	f.wait(first)
	f.wait(later)
	out, err := f.ListBuildsForProject(f.call, &sdk.ListBuildsForProjectInput{ProjectName: ptr("provision")})
	if err != nil || !slices.Equal(out.Ids, []string{later, first}) {
		t.Errorf("builds = %v, %v", out, err)
	}
}

func TestRefusedProjectsAndBuilds(t *testing.T) {
	f := newFixture(t, Options{})
	spec := "version: 0.2\nphases: {build: {commands: ['true']}}"
	for name, edit := range map[string]func(*sdk.CreateProjectInput){
		"no name":                 func(in *sdk.CreateProjectInput) { in.Name = nil },
		"no role":                 func(in *sdk.CreateProjectInput) { in.ServiceRole = nil },
		"no source":               func(in *sdk.CreateProjectInput) { in.Source = nil },
		"NO_SOURCE and no spec":   func(in *sdk.CreateProjectInput) { in.Source.Buildspec = nil },
		"no image":                func(in *sdk.CreateProjectInput) { in.Environment.Image = nil },
		"S3 artifacts, no bucket": func(in *sdk.CreateProjectInput) { in.Artifacts.Type = types.ArtifactsTypeS3 },
		"timeout of a minute":     func(in *sdk.CreateProjectInput) { in.TimeoutInMinutes = ptr(int32(1)) },
		"bad variable name": func(in *sdk.CreateProjectInput) {
			in.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: ptr("A-B"), Value: ptr("")}}
		},
	} {
		in := projectInput(spec)
		edit(in)
		if _, err := f.CreateProject(f.call, in); err == nil {
			t.Errorf("%s: want an error", name)
		} else {
			wantCode(t, err, "InvalidInputException", "")
		}
	}
	f.must(f.CreateProject(f.call, projectInput(spec)))
	_, err := f.CreateProject(f.call, projectInput(spec))
	wantCode(t, err, "ResourceAlreadyExistsException", "arn:aws:codebuild:eu-west-1:123456789012:project/provision")
	_, err = f.StartBuild(f.call, &sdk.StartBuildInput{ProjectName: ptr("none")})
	wantCode(t, err, "ResourceNotFoundException", "Project cannot be found: arn:aws:codebuild:eu-west-1:123456789012:project/none")
	_, err = f.StartBuild(f.call, &sdk.StartBuildInput{ProjectName: ptr("provision"), BuildspecOverride: ptr("buildspec.yml")})
	wantCode(t, err, "InvalidInputException", "NO_SOURCE requires a valid buildspec")
	_, err = f.StopBuild(f.call, &sdk.StopBuildInput{Id: ptr("provision:none")})
	wantCode(t, err, "ResourceNotFoundException", "Build cannot be found")
	got, err := f.BatchGetProjects(f.call, &sdk.BatchGetProjectsInput{Names: []string{"provision", "none"}})
	if err != nil || len(got.Projects) != 1 || !slices.Equal(got.ProjectsNotFound, []string{"none"}) {
		t.Errorf("projects = %+v, %v", got, err)
	}
}

func TestConcurrentBuildLimit(t *testing.T) {
	f, _, _ := startEndless(t, Options{})
	f.projects["provision"].ConcurrentBuildLimit = ptr(int32(1))
	_, err := f.StartBuild(f.call, &sdk.StartBuildInput{ProjectName: ptr("provision")})
	wantCode(t, err, "AccountLimitExceededException", "1")
}

func TestRealClientRunsABuild(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t, Options{})
	mux := wire.NewMux(f.clock.Now, nil)
	mux.Register("codebuild", f.Service)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKID", "not-a-secret", "")})
	f.must(client.CreateProject(ctx, projectInput("version: 0.2\nphases: {build: {commands: ['exit 7']}}")))
	out, err := client.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: ptr("provision"), EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: ptr("A"), Value: ptr("1")}}})
	if err != nil || out.Build.BuildStatus != types.StatusTypeInProgress || !out.Build.StartTime.Equal(start) {
		t.Fatalf("build = %+v, %v", out, err)
	}
	f.wait(*out.Build.Id)
	got, err := client.BatchGetBuilds(ctx, &sdk.BatchGetBuildsInput{Ids: []string{*out.Build.Id}})
	if err != nil || got.Builds[0].BuildStatus != types.StatusTypeFailed || phaseContext(got.Builds[0], types.BuildPhaseTypeBuild) != "COMMAND_EXECUTION_ERROR: Error while executing command: exit 7. Reason: exit status 7" {
		t.Fatalf("build = %+v, %v", got, err)
	}
	_, err = client.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: ptr("none")})
	wantCode(t, err, "ResourceNotFoundException", "Project cannot be found")
}
