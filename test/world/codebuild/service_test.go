package codebuild

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// recorder is a bus and a CloudWatch Logs.
type recorder struct {
	mu     sync.Mutex
	events []string // "detail type: status or phase"
	lines  []string
}

func (r *recorder) Emit(source, detailType string, detail any, resources ...string) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	var d struct {
		Status string `json:"build-status"`
		Phase  string `json:"completed-phase"`
		Result string `json:"completed-phase-status"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf("%s %s: %s%s %s %d", source, detailType, d.Status, d.Phase, d.Result, len(resources)))
	return nil
}

func (r *recorder) Write(group, _ string, _ time.Time, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, group+" "+message)
}

func TestBuildsLogAndTellTheBus(t *testing.T) {
	r := &recorder{}
	f := newFixture(t, Options{Events: r, Logs: r, Issue: func(role, session string) Credentials { return Credentials{role, session[:13], "token"} }})
	b := f.build(`{version: 0.2, phases: {build: {commands: ["echo $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY", "false"]}}}`)
	f.Close()
	for _, want := range []string{"aws.codebuild CodeBuild Build State Change: IN_PROGRESS  1", "aws.codebuild CodeBuild Build Phase Change: BUILD FAILED 1",
		"aws.codebuild CodeBuild Build Phase Change: COMPLETED FAILED 1", "aws.codebuild CodeBuild Build State Change: FAILED  1"} {
		if !slices.Contains(r.events, want) {
			t.Errorf("no event %q in %q", want, r.events)
		}
	}
	for _, want := range []string{"arn:aws:iam::123456789012:role/build AWSCodeBuild-\n", "[Container] 2026/08/01 12:00:00.000000 Running command false\n", "[Container] 2026/08/01 12:00:00.000000 Entering phase BUILD\n",
		"[Container] 2026/08/01 12:00:00.000000 Phase complete: BUILD State: FAILED\n"} {
		if !slices.Contains(r.lines, "/aws/codebuild/provision "+want) {
			t.Errorf("no line %q in %q", want, r.lines)
		}
	}
	if b.BuildStatus != types.StatusTypeFailed {
		t.Error(b.BuildStatus)
	}
}

func TestBuildsOfAFullAccountAreQueued(t *testing.T) {
	f, first, _ := startEndless(t, Options{MaxBuilds: 1})
	quick := `{version: 0.2, phases: {build: {commands: ["true"]}}}`
	late := f.start(&sdk.StartBuildInput{BuildspecOverride: &quick, QueuedTimeoutInMinutesOverride: ptr(int32(5))})
	patient := f.start(&sdk.StartBuildInput{BuildspecOverride: &quick})
	for queued := 0; queued < 2; time.Sleep(time.Millisecond) { // until both wait, in real time
		f.mu.Lock()
		queued = len(f.queue)
		f.mu.Unlock()
	}
	f.clock.Advance(5 * time.Minute)
	if b := f.wait(late); b.BuildStatus != types.StatusTypeTimedOut || b.Phases[1].PhaseType != types.BuildPhaseTypeQueued || b.Phases[1].PhaseStatus != types.StatusTypeTimedOut {
		t.Errorf("%s %+v", b.BuildStatus, b.Phases)
	}
	f.must(f.StopBuild(f.call, &sdk.StopBuildInput{Id: &first}))
	if b := f.wait(patient); b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("%s\n%s", b.BuildStatus, f.Logs(patient))
	}
	if f.busy != 0 || len(f.queue) != 0 {
		t.Errorf("%d busy, %d queued", f.busy, len(f.queue))
	}
}

func TestBuildsAreRetriedListedAndDeleted(t *testing.T) {
	f := newFixture(t, Options{})
	first := f.build(`{version: 0.2, phases: {build: {commands: ["exit 4"]}}}`)
	out, err := f.RetryBuild(f.call, &sdk.RetryBuildInput{Id: first.Id})
	if err != nil || *out.Build.Id == *first.Id || *out.Build.BuildNumber != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	again := f.wait(*out.Build.Id)
	if got := phaseContext(again, types.BuildPhaseTypeBuild); !strings.HasSuffix(got, "exit status 4") {
		t.Error(got)
	}
	list, err := f.ListBuilds(f.call, &sdk.ListBuildsInput{})
	if err != nil || !slices.Equal(list.Ids, []string{*again.Id, *first.Id}) {
		t.Errorf("%v, %v", list, err)
	}
	deleted, err := f.BatchDeleteBuilds(f.call, &sdk.BatchDeleteBuildsInput{Ids: []string{*first.Id, "provision:none"}})
	if err != nil || !slices.Equal(deleted.BuildsDeleted, []string{*first.Arn}) || len(deleted.BuildsNotDeleted) != 1 {
		t.Errorf("%+v, %v", deleted, err)
	}
	_, err = f.RetryBuild(f.call, &sdk.RetryBuildInput{Id: first.Id})
	wantCode(t, err, "ResourceNotFoundException", "Build cannot be found")
}

func TestProjectsChangeAndGo(t *testing.T) {
	f := newFixture(t, Options{})
	mux := wire.NewMux(f.clock.Now, nil)
	mux.Register("codebuild", f.Service)
	server := httptest.NewServer(mux)
	defer server.Close()
	c := sdk.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: wire.NewHTTPClient(), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	ctx := t.Context()
	f.must(c.CreateProject(ctx, projectInput("version: 0.2")))
	f.clock.Advance(time.Minute)
	out, err := c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: ptr("provision"), Description: ptr("new"), TimeoutInMinutes: ptr(int32(30))})
	if err != nil || *out.Project.Description != "new" || *out.Project.TimeoutInMinutes != 30 || *out.Project.Environment.Image == "" || out.Project.LastModified.Equal(*out.Project.Created) {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: ptr("provision"), TimeoutInMinutes: ptr(int32(3))})
	wantCode(t, err, "InvalidInputException", "timeoutInMinutes")
	_, err = c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: ptr("none")})
	wantCode(t, err, "ResourceNotFoundException", "Project cannot be found: arn:aws:codebuild:eu-west-1:123456789012:project/none")
	_, err = c.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: ptr("provision"), EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: ptr("S"), Value: ptr("s"), Type: types.EnvironmentVariableTypeSecretsManager}}})
	wantCode(t, err, "InvalidInputException", "type SECRETS_MANAGER is not simulated")
	f.must(c.DeleteProject(ctx, &sdk.DeleteProjectInput{Name: ptr("provision")}))
	f.must(c.DeleteProject(ctx, &sdk.DeleteProjectInput{Name: ptr("provision")}))
	if list, err := c.ListProjects(ctx, &sdk.ListProjectsInput{}); err != nil || len(list.Projects) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
