package codebuild

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// projectName is AWS's pattern.
var projectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$`)

func invalidInput(format string, args ...any) error {
	return &types.InvalidInputException{Message: ptr(fmt.Sprintf(format, args...))}
}

// CreateProject creates a project.
func (s *Service) CreateProject(_ *wire.Call, in *sdk.CreateProjectInput) (*sdk.CreateProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkProject(in); err != nil {
		return nil, err
	}
	if s.projects[*in.Name] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: ptr("Project already exists: " + s.arn("project", *in.Name))}
	}
	p := &types.Project{
		Name: in.Name, Arn: ptr(s.arn("project", *in.Name)), Description: in.Description, Created: s.now(), LastModified: s.now(),
		Source: in.Source, Artifacts: in.Artifacts, Environment: in.Environment, ServiceRole: in.ServiceRole, SourceVersion: in.SourceVersion,
		TimeoutInMinutes: in.TimeoutInMinutes, QueuedTimeoutInMinutes: in.QueuedTimeoutInMinutes, ConcurrentBuildLimit: in.ConcurrentBuildLimit,
		EncryptionKey: in.EncryptionKey, LogsConfig: in.LogsConfig, Tags: slices.Clone(in.Tags), Cache: in.Cache, VpcConfig: in.VpcConfig,
		ProjectVisibility: types.ProjectVisibilityTypePrivate, Badge: &types.ProjectBadge{BadgeEnabled: false},
	}
	if p.TimeoutInMinutes == nil {
		p.TimeoutInMinutes = ptr(int32(defaultTimeout))
	}
	if p.QueuedTimeoutInMinutes == nil {
		p.QueuedTimeoutInMinutes = ptr(int32(480))
	}
	if p.EncryptionKey == nil {
		p.EncryptionKey = ptr(fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/s3", s.opts.Region, s.opts.Account))
	}
	s.projects[*in.Name] = p
	return &sdk.CreateProjectOutput{Project: ptr(*p)}, nil
}

func checkProject(in *sdk.CreateProjectInput) error {
	if !projectName.MatchString(value(in.Name)) {
		return invalidInput("Invalid project name: %q; it must match %s", value(in.Name), projectName)
	}
	switch {
	case in.ServiceRole == nil:
		return invalidInput("Invalid service role: Service role account ID does not match caller's account")
	case in.Source == nil || in.Source.Type == "":
		return invalidInput("Invalid project source: type is required")
	case in.Artifacts == nil || in.Artifacts.Type == "":
		return invalidInput("Invalid artifacts: type is required")
	case in.Environment == nil || in.Environment.Type == "" || value(in.Environment.Image) == "" || in.Environment.ComputeType == "":
		return invalidInput("Invalid environment: type, image and computeType are required")
	case in.Source.Type == types.SourceTypeNoSource && value(in.Source.Buildspec) == "":
		return invalidInput("Project source type NO_SOURCE requires a valid buildspec")
	case in.Source.Type != types.SourceTypeNoSource && value(in.Source.Location) == "":
		return invalidInput("Invalid project source: location must not be empty for source type %s", in.Source.Type)
	case in.Artifacts.Type == types.ArtifactsTypeS3 && value(in.Artifacts.Location) == "":
		return invalidInput("Invalid artifacts: location must not be empty for artifacts type S3")
	}
	if err := checkVariables(in.Environment.EnvironmentVariables); err != nil {
		return err
	}
	if err := checkQueuedTimeout(in.QueuedTimeoutInMinutes); err != nil {
		return err
	}
	if in.ConcurrentBuildLimit != nil && *in.ConcurrentBuildLimit < 1 {
		return invalidInput("Invalid concurrentBuildLimit: %d; it must be at least 1", *in.ConcurrentBuildLimit)
	}
	if len(in.SecondaryArtifacts)+len(in.SecondarySources)+len(in.FileSystemLocations) > 0 || in.BuildBatchConfig != nil {
		return invalidInput("the simulated CodeBuild has no secondary sources and artifacts, file systems and batch builds")
	}
	return checkTimeout(in.TimeoutInMinutes)
}

func checkQueuedTimeout(minutes *int32) error {
	if minutes != nil && (*minutes < 5 || *minutes > 480) {
		return invalidInput("Invalid queuedTimeoutInMinutes: %d; it must be between 5 and 480", *minutes)
	}
	return nil
}

func checkTimeout(minutes *int32) error {
	if minutes != nil && (*minutes < 5 || *minutes > 2160) {
		return invalidInput("Invalid timeoutInMinutes: %d; it must be between 5 and 2160", *minutes)
	}
	return nil
}

func checkVariables(vars []types.EnvironmentVariable) error {
	seen := map[string]bool{}
	for _, v := range vars {
		name := value(v.Name)
		switch {
		case !variableName.MatchString(name):
			return invalidInput("Invalid environment variable name: %q", name)
		case seen[name]:
			return invalidInput("Invalid environment variables: Duplicate name %s", name)
		case v.Value == nil:
			return invalidInput("Invalid environment variable %s: value is required", name)
		case v.Type != "" && v.Type != types.EnvironmentVariableTypePlaintext && v.Type != types.EnvironmentVariableTypeParameterStore:
			return invalidInput("environment variable %s: type %s is not simulated", name, v.Type)
		}
		seen[name] = true
	}
	return nil
}

// BatchGetProjects describes projects.
func (s *Service) BatchGetProjects(_ *wire.Call, in *sdk.BatchGetProjectsInput) (*sdk.BatchGetProjectsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.Names) == 0 || len(in.Names) > 100 {
		return nil, invalidInput("Invalid names: between 1 and 100 are required")
	}
	out := &sdk.BatchGetProjectsOutput{Projects: []types.Project{}}
	for _, name := range in.Names {
		if p := s.projects[name]; p != nil {
			out.Projects = append(out.Projects, *p)
		} else {
			out.ProjectsNotFound = append(out.ProjectsNotFound, name)
		}
	}
	return out, nil
}

// ListProjects lists names, sorted.
func (s *Service) ListProjects(_ *wire.Call, in *sdk.ListProjectsInput) (*sdk.ListProjectsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.projects))
	if in.SortOrder == types.SortOrderTypeDescending {
		slices.Reverse(names)
	}
	page, next, err := paged(names, in.NextToken)
	return &sdk.ListProjectsOutput{Projects: page, NextToken: next}, err
}

// UpdateProject changes what it names.
func (s *Service) UpdateProject(_ *wire.Call, in *sdk.UpdateProjectInput) (*sdk.UpdateProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.project(in.Name)
	if err != nil {
		return nil, err
	}
	p := *old
	change(&p.Source, in.Source)
	change(&p.Artifacts, in.Artifacts)
	change(&p.Environment, in.Environment)
	change(&p.ServiceRole, in.ServiceRole)
	change(&p.Description, in.Description)
	change(&p.SourceVersion, in.SourceVersion)
	change(&p.TimeoutInMinutes, in.TimeoutInMinutes)
	change(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutes)
	change(&p.EncryptionKey, in.EncryptionKey)
	change(&p.LogsConfig, in.LogsConfig)
	change(&p.Cache, in.Cache)
	change(&p.VpcConfig, in.VpcConfig)
	change(&p.ConcurrentBuildLimit, in.ConcurrentBuildLimit)
	if value(p.ConcurrentBuildLimit) == -1 { // no limit any more
		p.ConcurrentBuildLimit = nil
	}
	if in.Tags != nil {
		p.Tags = slices.Clone(in.Tags)
	}
	if err := checkProject(&sdk.CreateProjectInput{Name: p.Name, Source: p.Source, Artifacts: p.Artifacts, Environment: p.Environment, ServiceRole: p.ServiceRole,
		TimeoutInMinutes: p.TimeoutInMinutes, QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, ConcurrentBuildLimit: p.ConcurrentBuildLimit, SecondaryArtifacts: in.SecondaryArtifacts,
		SecondarySources: in.SecondarySources, FileSystemLocations: in.FileSystemLocations, BuildBatchConfig: in.BuildBatchConfig}); err != nil {
		return nil, err
	}
	p.LastModified = s.now()
	s.projects[*p.Name] = &p
	return &sdk.UpdateProjectOutput{Project: ptr(p)}, nil
}

func change[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// DeleteProject deletes a project; its builds stay. One that is not there is no
// error.
func (s *Service) DeleteProject(_ *wire.Call, in *sdk.DeleteProjectInput) (*sdk.DeleteProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !projectName.MatchString(value(in.Name)) {
		return nil, invalidInput("Invalid project name: %q; it must match %s", value(in.Name), projectName)
	}
	delete(s.projects, *in.Name)
	return &sdk.DeleteProjectOutput{}, nil
}

func (s *Service) project(name *string) (*types.Project, error) {
	if p := s.projects[value(name)]; p != nil {
		return p, nil
	}
	return nil, &types.ResourceNotFoundException{Message: ptr("Project cannot be found: " + s.arn("project", value(name)))}
}
