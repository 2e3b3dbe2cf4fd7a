package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The causes for which a build ends early.
var (
	errStopped  = errors.New("codebuild: the build was stopped")
	errTimedOut = errors.New("codebuild: the build timed out")
	errQueued   = errors.New("codebuild: the build was queued for too long")
)

// StartBuild starts a build. Within five minutes a repetition with the same
// idempotency token answers with the same build.
func (s *Service) StartBuild(c *wire.Call, in *sdk.StartBuildInput) (*sdk.StartBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.begin(c, in)
	if err != nil {
		return nil, err
	}
	return &sdk.StartBuildOutput{Build: ptr(b.Build)}, nil
}

// RetryBuild starts a build again that is complete.
func (s *Service) RetryBuild(c *wire.Call, in *sdk.RetryBuildInput) (*sdk.RetryBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.builds[bareID(value(in.Id))]
	if old == nil {
		return nil, &types.ResourceNotFoundException{Message: ptr("Build cannot be found: " + s.arn("build", value(in.Id)))}
	}
	if !old.BuildComplete {
		return nil, invalidInput("Build %s cannot be retried: it is still in progress", value(in.Id))
	}
	again := old.input
	again.IdempotencyToken = in.IdempotencyToken
	b, err := s.begin(c, &again)
	if err != nil {
		return nil, err
	}
	return &sdk.RetryBuildOutput{Build: ptr(b.Build)}, nil
}

// begin makes a build and runs it.
func (s *Service) begin(c *wire.Call, in *sdk.StartBuildInput) (*build, error) {
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
	b.request, b.input = string(request), *in
	b.Initiator = ptr(initiator(c))
	if err := b.checkSource(); err != nil {
		return nil, err
	}
	s.builds[*b.Id] = b
	s.order = append(s.order, b)
	ctx, cancel := context.WithCancelCause(s.ctx)
	b.stop = cancel
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(b.done)
		(&runner{service: s, build: b, ctx: ctx}).run()
		cancel(nil)
	}()
	return b, nil
}

// initiator names who started a build.
func initiator(c *wire.Call) string {
	switch {
	case c != nil && c.Caller != "":
		return c.Caller
	case c != nil && c.Role != "":
		return c.Role[strings.LastIndex(c.Role, "/")+1:]
	}
	return "world"
}

// checkOverrides refuses the overrides that the simulation does not know.
func checkOverrides(in *sdk.StartBuildInput) error {
	if err := checkVariables(in.EnvironmentVariablesOverride); err != nil {
		return err
	}
	if err := checkTimeout(in.TimeoutInMinutesOverride); err != nil {
		return err
	}
	if err := checkQueuedTimeout(in.QueuedTimeoutInMinutesOverride); err != nil {
		return err
	}
	if in.FleetOverride != nil || value(in.DebugSessionEnabled) || value(in.AutoRetryLimitOverride) != 0 || in.RegistryCredentialOverride != nil || in.SourceAuthOverride != nil {
		return invalidInput("the simulated CodeBuild has no fleets, debug sessions, automatic retries, registry credentials and source credentials")
	}
	if in.LogsConfigOverride != nil && in.LogsConfigOverride.S3Logs != nil && in.LogsConfigOverride.S3Logs.Status == types.LogsConfigStatusTypeEnabled {
		return invalidInput("the simulated CodeBuild writes no logs to S3")
	}
	if len(in.SecondaryArtifactsOverride)+len(in.SecondarySourcesOverride)+len(in.SecondarySourcesVersionOverride) > 0 {
		return invalidInput("the simulated CodeBuild has no secondary sources and artifacts")
	}
	return nil
}

// repeated answers a request whose idempotency token is still remembered.
func (s *Service) repeated(in *sdk.StartBuildInput, request string) (*build, error) {
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
		return b, nil
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
	if in.ComputeTypeOverride != "" {
		environment.ComputeType = in.ComputeTypeOverride
	}
	if in.EnvironmentTypeOverride != "" {
		environment.Type = in.EnvironmentTypeOverride
	}
	if in.PrivilegedModeOverride != nil {
		environment.PrivilegedMode = in.PrivilegedModeOverride
	}
	if in.CertificateOverride != nil {
		environment.Certificate = in.CertificateOverride
	}
	if in.ImagePullCredentialsTypeOverride != "" {
		environment.ImagePullCredentialsType = in.ImagePullCredentialsTypeOverride
	}
	if in.GitCloneDepthOverride != nil {
		source.GitCloneDepth = in.GitCloneDepthOverride
	}
	if in.GitSubmodulesConfigOverride != nil {
		source.GitSubmodulesConfig = in.GitSubmodulesConfigOverride
	}
	if in.InsecureSslOverride != nil {
		source.InsecureSsl = in.InsecureSslOverride
	}
	if in.ReportBuildStatusOverride != nil {
		source.ReportBuildStatus = in.ReportBuildStatusOverride
	}
	environment.EnvironmentVariables = mergeVariables(environment.EnvironmentVariables, in.EnvironmentVariablesOverride)
	logsConfig := p.LogsConfig
	if in.LogsConfigOverride != nil {
		logsConfig = in.LogsConfigOverride
	}
	location, group, stream := s.logsLocation(*p.Name, uuid, logsConfig)
	b := &build{token: value(in.IdempotencyToken), spec: value(source.Buildspec), done: make(chan struct{}), Build: types.Build{
		Id: ptr(id), Arn: ptr(s.arn("build", id)), ProjectName: p.Name, BuildNumber: ptr(s.numbers[*p.Name]), BuildStatus: types.StatusTypeInProgress,
		StartTime: s.now(), CurrentPhase: ptr(string(types.BuildPhaseTypeQueued)), Source: &source, Environment: &environment, ServiceRole: p.ServiceRole,
		SourceVersion: in.SourceVersion, TimeoutInMinutes: p.TimeoutInMinutes, QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, EncryptionKey: p.EncryptionKey,
		Artifacts: &types.BuildArtifacts{}, Cache: p.Cache, VpcConfig: p.VpcConfig,
		Logs: location,
	}}
	b.group, b.stream = group, stream
	if b.SourceVersion == nil {
		b.SourceVersion = p.SourceVersion
	}
	if in.QueuedTimeoutInMinutesOverride != nil {
		b.QueuedTimeoutInMinutes = in.QueuedTimeoutInMinutesOverride
	}
	if in.EncryptionKeyOverride != nil {
		b.EncryptionKey = in.EncryptionKeyOverride
	}
	if in.CacheOverride != nil {
		b.Cache = in.CacheOverride
	}
	if in.TimeoutInMinutesOverride != nil {
		b.TimeoutInMinutes = in.TimeoutInMinutesOverride
	}
	if in.ServiceRoleOverride != nil {
		b.ServiceRole = in.ServiceRoleOverride
	}
	b.artifacts = artifacts
	return b
}

// logsLocation is where a build's log goes: nowhere when it is disabled.
func (s *Service) logsLocation(project, uuid string, c *types.LogsConfig) (l *types.LogsLocation, group, stream string) {
	group, stream = "/aws/codebuild/"+project, uuid
	cloudwatch := &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeEnabled}
	if c != nil && c.CloudWatchLogs != nil {
		cloudwatch = c.CloudWatchLogs
	}
	l = &types.LogsLocation{CloudWatchLogs: cloudwatch, S3Logs: &types.S3LogsConfig{Status: types.LogsConfigStatusTypeDisabled}}
	if cloudwatch.Status == types.LogsConfigStatusTypeDisabled {
		return l, "", ""
	}
	if cloudwatch.GroupName != nil {
		group = *cloudwatch.GroupName
	}
	if cloudwatch.StreamName != nil {
		stream = *cloudwatch.StreamName + "/" + uuid
	}
	l.GroupName, l.StreamName = &group, &stream
	l.CloudWatchLogsArn = ptr(fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:log-stream:%s", s.opts.Region, s.opts.Account, group, stream))
	l.DeepLink = ptr(fmt.Sprintf("https://console.aws.amazon.com/cloudwatch/home?region=%s#logsV2:log-groups/log-group/%s/log-events/%s", s.opts.Region,
		strings.ReplaceAll(group, "/", "$252F"), strings.ReplaceAll(stream, "/", "$252F")))
	return l, group, stream
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

// buildsPerPage is AWS's page of lists.
const buildsPerPage = 100

// ListBuildsForProject lists ids, newest first unless ascending.
func (s *Service) ListBuildsForProject(_ *wire.Call, in *sdk.ListBuildsForProjectInput) (*sdk.ListBuildsForProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.project(in.ProjectName)
	if err != nil {
		return nil, err
	}
	ids, next, err := s.list(*p.Name, in.SortOrder, in.NextToken)
	return &sdk.ListBuildsForProjectOutput{Ids: ids, NextToken: next}, err
}

// ListBuilds lists the ids of all builds, newest first unless ascending.
func (s *Service) ListBuilds(_ *wire.Call, in *sdk.ListBuildsInput) (*sdk.ListBuildsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, next, err := s.list("", in.SortOrder, in.NextToken)
	return &sdk.ListBuildsOutput{Ids: ids, NextToken: next}, err
}

func (s *Service) list(project string, order types.SortOrderType, from *string) (ids []string, next *string, err error) {
	for _, b := range s.order {
		if project == "" || *b.ProjectName == project {
			ids = append(ids, *b.Id)
		}
	}
	if order != types.SortOrderTypeAscending {
		slices.Reverse(ids)
	}
	return paged(ids, from)
}

// paged cuts a page out of all; tokens are positions.
func paged(all []string, from *string) (page []string, next *string, err error) {
	start := 0
	if from != nil {
		if start, err = strconv.Atoi(*from); err != nil || start < 0 || start > len(all) {
			return nil, nil, invalidInput("Invalid nextToken")
		}
	}
	end := min(start+buildsPerPage, len(all))
	if end < len(all) {
		next = ptr(strconv.Itoa(end))
	}
	return append([]string{}, all[start:end]...), next, nil
}

// BatchDeleteBuilds forgets builds that are complete.
func (s *Service) BatchDeleteBuilds(_ *wire.Call, in *sdk.BatchDeleteBuildsInput) (*sdk.BatchDeleteBuildsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.Ids) == 0 || len(in.Ids) > 100 {
		return nil, invalidInput("Invalid ids: between 1 and 100 are required")
	}
	out := &sdk.BatchDeleteBuildsOutput{BuildsDeleted: []string{}, BuildsNotDeleted: []types.BuildNotDeleted{}}
	for _, id := range in.Ids {
		b := s.builds[bareID(id)]
		switch {
		case b == nil:
			out.BuildsNotDeleted = append(out.BuildsNotDeleted, types.BuildNotDeleted{Id: ptr(id), StatusCode: ptr("BUILD_DOES_NOT_EXIST")})
		case !b.BuildComplete:
			out.BuildsNotDeleted = append(out.BuildsNotDeleted, types.BuildNotDeleted{Id: ptr(id), StatusCode: ptr("BUILD_IN_PROGRESS")})
		default:
			delete(s.builds, *b.Id)
			s.order = slices.DeleteFunc(s.order, func(other *build) bool { return other == b })
			out.BuildsDeleted = append(out.BuildsDeleted, *b.Arn)
		}
	}
	return out, nil
}
