package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The causes for which a build ends early.
var (
	errStopped  = errors.New("codebuild: the build was stopped")
	errTimedOut = errors.New("codebuild: the build timed out")
)

// StartBuild starts a build. Within five minutes a repetition with the same
// idempotency token answers with the same build.
func (s *Service) StartBuild(c *wire.Call, in *sdk.StartBuildInput) (*sdk.StartBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &wire.Error{Code: "InternalServerError", Status: 500, Message: "the simulated CodeBuild is closed"}
	}
	p, err := s.project(in.ProjectName)
	if err != nil {
		return nil, err
	}
	if err := checkOverrides(in); err != nil {
		return nil, err
	}
	request, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("codebuild: encode request: %w", err)
	}
	if old, err := s.repeated(in, string(request)); old != nil || err != nil {
		return old, err
	}
	if limit := value(p.ConcurrentBuildLimit); limit > 0 && s.inProgress(*p.Name) >= int(limit) {
		return nil, &types.AccountLimitExceededException{Message: ptr(fmt.Sprintf("Project-level concurrent build limit cannot exceed %d builds", limit))}
	}
	b := s.newBuild(p, in)
	b.request = string(request)
	b.Initiator = ptr("world")
	if c != nil && c.Caller != "" {
		b.Initiator = ptr(c.Caller)
	}
	if err := b.checkSource(); err != nil {
		return nil, err
	}
	s.builds[*b.Id] = b
	s.order = append(s.order, b)
	ctx, cancel := context.WithCancelCause(s.ctx)
	b.stop = cancel
	timeout := s.opts.Clock.AfterFunc(time.Duration(*b.TimeoutInMinutes)*time.Minute, func() { cancel(errTimedOut) })
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(b.done)
		defer timeout()
		(&runner{service: s, build: b, ctx: ctx}).run()
		cancel(nil)
	}()
	return &sdk.StartBuildOutput{Build: ptr(b.Build)}, nil
}

// checkOverrides refuses the overrides that the simulation does not know.
func checkOverrides(in *sdk.StartBuildInput) error {
	if err := checkVariables(in.EnvironmentVariablesOverride); err != nil {
		return err
	}
	if err := checkTimeout(in.TimeoutInMinutesOverride); err != nil {
		return err
	}
	if len(in.SecondaryArtifactsOverride)+len(in.SecondarySourcesOverride)+len(in.SecondarySourcesVersionOverride) > 0 {
		return invalidInput("the simulated CodeBuild has no secondary sources and artifacts")
	}
	return nil
}

// repeated answers a request whose idempotency token is still remembered.
func (s *Service) repeated(in *sdk.StartBuildInput, request string) (*sdk.StartBuildOutput, error) {
	token := value(in.IdempotencyToken)
	if token == "" {
		return nil, nil
	}
	for _, b := range slices.Backward(s.order) {
		if b.token != token || *b.ProjectName != *in.ProjectName || s.opts.Clock.Now().Sub(*b.StartTime) > tokenLife {
			continue
		}
		if b.request != request {
			return nil, invalidInput("Parameter mismatch: the idempotency token %s was used with other parameters", token)
		}
		return &sdk.StartBuildOutput{Build: ptr(b.Build)}, nil
	}
	return nil, nil
}

func (s *Service) inProgress(project string) int {
	n := 0
	for _, b := range s.order {
		if *b.ProjectName == project && !b.BuildComplete {
			n++
		}
	}
	return n
}

func (s *Service) newBuild(p *types.Project, in *sdk.StartBuildInput) *build {
	s.numbers[*p.Name]++
	uuid := s.uuid()
	id := *p.Name + ":" + uuid
	source, environment, artifacts := *p.Source, *p.Environment, *p.Artifacts
	if in.SourceTypeOverride != "" {
		source.Type = in.SourceTypeOverride
	}
	if in.SourceLocationOverride != nil {
		source.Location = in.SourceLocationOverride
	}
	if in.BuildspecOverride != nil {
		source.Buildspec = in.BuildspecOverride
	}
	if in.ArtifactsOverride != nil {
		artifacts = *in.ArtifactsOverride
	}
	if in.ImageOverride != nil {
		environment.Image = in.ImageOverride
	}
	environment.EnvironmentVariables = mergeVariables(environment.EnvironmentVariables, in.EnvironmentVariablesOverride)
	group := "/aws/codebuild/" + *p.Name
	if p.LogsConfig != nil && p.LogsConfig.CloudWatchLogs != nil && p.LogsConfig.CloudWatchLogs.GroupName != nil {
		group = *p.LogsConfig.CloudWatchLogs.GroupName
	}
	b := &build{token: value(in.IdempotencyToken), spec: value(source.Buildspec), done: make(chan struct{}), Build: types.Build{
		Id: ptr(id), Arn: ptr(s.arn("build", id)), ProjectName: p.Name, BuildNumber: ptr(s.numbers[*p.Name]), BuildStatus: types.StatusTypeInProgress,
		StartTime: s.now(), CurrentPhase: ptr(string(types.BuildPhaseTypeQueued)), Source: &source, Environment: &environment, ServiceRole: p.ServiceRole,
		SourceVersion: in.SourceVersion, TimeoutInMinutes: p.TimeoutInMinutes, QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, EncryptionKey: p.EncryptionKey,
		Artifacts: &types.BuildArtifacts{}, Cache: p.Cache, VpcConfig: p.VpcConfig,
		Logs: &types.LogsLocation{GroupName: ptr(group), StreamName: ptr(uuid), CloudWatchLogs: &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeEnabled, GroupName: ptr(group)},
			CloudWatchLogsArn: ptr(fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:log-stream:%s", s.opts.Region, s.opts.Account, group, uuid)),
			DeepLink:          ptr(fmt.Sprintf("https://console.aws.amazon.com/cloudwatch/home?region=%s#logsV2:log-groups/log-group/%s/log-events/%s", s.opts.Region, strings.ReplaceAll(group, "/", "$252F"), uuid))},
	}}
	if in.TimeoutInMinutesOverride != nil {
		b.TimeoutInMinutes = in.TimeoutInMinutesOverride
	}
	if in.ServiceRoleOverride != nil {
		b.ServiceRole = in.ServiceRoleOverride
	}
	b.artifacts = artifacts
	return b
}

// checkSource refuses what AWS refuses before a build starts.
func (b *build) checkSource() error {
	if b.Source.Type == types.SourceTypeNoSource && !inline(b.spec) {
		return invalidInput("Project source type NO_SOURCE requires a valid buildspec")
	}
	if b.artifacts.Type == types.ArtifactsTypeS3 && value(b.artifacts.Location) == "" {
		return invalidInput("Invalid artifacts: location must not be empty for artifacts type S3")
	}
	return nil
}

// inline tells a buildspec's text from the path of a buildspec file.
func inline(spec string) bool {
	return strings.ContainsAny(spec, "\n{") || strings.HasPrefix(spec, "version:")
}

// mergeVariables returns base with the overrides in place of their namesakes.
func mergeVariables(base, overrides []types.EnvironmentVariable) []types.EnvironmentVariable {
	out := slices.DeleteFunc(slices.Clone(base), func(v types.EnvironmentVariable) bool {
		return slices.ContainsFunc(overrides, func(o types.EnvironmentVariable) bool { return *o.Name == *v.Name })
	})
	return append(out, overrides...)
}

// BatchGetBuilds describes builds.
func (s *Service) BatchGetBuilds(_ *wire.Call, in *sdk.BatchGetBuildsInput) (*sdk.BatchGetBuildsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.Ids) == 0 || len(in.Ids) > 100 {
		return nil, invalidInput("Invalid ids: between 1 and 100 are required")
	}
	out := &sdk.BatchGetBuildsOutput{Builds: []types.Build{}}
	for _, id := range in.Ids {
		if b := s.builds[bareID(id)]; b != nil {
			out.Builds = append(out.Builds, b.Build)
		} else {
			out.BuildsNotFound = append(out.BuildsNotFound, id)
		}
	}
	return out, nil
}

// bareID accepts an ARN in place of an id, as AWS does.
func bareID(id string) string {
	if _, after, ok := strings.Cut(id, ":build/"); ok {
		return after
	}
	return id
}

// StopBuild stops a build: its processes are killed. It answers at once; the
// build is STOPPED soon after. A build that is complete stays as it is.
func (s *Service) StopBuild(_ *wire.Call, in *sdk.StopBuildInput) (*sdk.StopBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.builds[bareID(value(in.Id))]
	if b == nil {
		return nil, &types.ResourceNotFoundException{Message: ptr("Build cannot be found: " + s.arn("build", value(in.Id)))}
	}
	if !b.BuildComplete {
		b.stop(errStopped)
	}
	return &sdk.StopBuildOutput{Build: ptr(b.Build)}, nil
}

// buildsPerPage is AWS's page of ListBuildsForProject.
const buildsPerPage = 100

// ListBuildsForProject lists ids, newest first unless ascending.
func (s *Service) ListBuildsForProject(_ *wire.Call, in *sdk.ListBuildsForProjectInput) (*sdk.ListBuildsForProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.project(in.ProjectName)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, b := range s.order {
		if *b.ProjectName == *p.Name {
			ids = append(ids, *b.Id)
		}
	}
	if in.SortOrder != types.SortOrderTypeAscending {
		slices.Reverse(ids)
	}
	start := 0
	if in.NextToken != nil {
		if start, err = strconv.Atoi(*in.NextToken); err != nil || start < 0 || start > len(ids) {
			return nil, invalidInput("Invalid nextToken")
		}
	}
	out := &sdk.ListBuildsForProjectOutput{Ids: ids[start:]}
	if len(out.Ids) > buildsPerPage {
		out.Ids, out.NextToken = out.Ids[:buildsPerPage], ptr(strconv.Itoa(start+buildsPerPage))
	}
	return out, nil
}
