package resource

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

type project struct {
	Artifacts              types.ProjectArtifacts `cfn:"required"`
	AutoRetryLimit         *int32
	BadgeEnabled           *bool
	Cache                  *types.ProjectCache
	ConcurrentBuildLimit   *int32
	Description            *string
	EncryptionKey          *string
	Environment            types.ProjectEnvironment `cfn:"required"`
	LogsConfig             *types.LogsConfig
	Name                   *string
	QueuedTimeoutInMinutes *int32
	ServiceRole            string `cfn:"required"`
	Source                 source `cfn:"required"`
	SourceVersion          *string
	Tags                   []Tag
	TimeoutInMinutes       *int32
	VpcConfig              *types.VpcConfig
}

type source struct {
	BuildSpec           *string
	GitCloneDepth       *int32
	InsecureSsl         *bool
	Location            *string
	ReportBuildStatus   *bool
	SourceIdentifier    *string
	Type                types.SourceType `cfn:"required"`
	GitSubmodulesConfig *types.GitSubmodulesConfig
}

func (p *project) source() *types.ProjectSource {
	s := p.Source
	return &types.ProjectSource{Type: s.Type, Buildspec: s.BuildSpec, GitCloneDepth: s.GitCloneDepth, InsecureSsl: s.InsecureSsl, Location: s.Location, ReportBuildStatus: s.ReportBuildStatus,
		SourceIdentifier: s.SourceIdentifier, GitSubmodulesConfig: s.GitSubmodulesConfig}
}

func init() {
	register(definition[project]{
		name: "AWS::CodeBuild::Project", nameProperty: "Name", replace: []string{"Name"}, attributes: []string{"Arn"}, takes: 5 * time.Second,
		create: func(x *Context, p *project) (string, error) {
			name := x.Or(p.Name, 150)
			return made(*name, do(x, &codebuild.CreateProjectInput{Name: name, Artifacts: &p.Artifacts, AutoRetryLimit: p.AutoRetryLimit, BadgeEnabled: p.BadgeEnabled, Cache: p.Cache,
				ConcurrentBuildLimit: p.ConcurrentBuildLimit, Description: p.Description, EncryptionKey: p.EncryptionKey, Environment: &p.Environment, LogsConfig: p.LogsConfig,
				QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, ServiceRole: &p.ServiceRole, Source: p.source(), SourceVersion: p.SourceVersion, Tags: tagsAs(x.tags(p.Tags), buildTag),
				TimeoutInMinutes: p.TimeoutInMinutes, VpcConfig: p.VpcConfig}))
		},
		read: func(x *Context, id string, _ *project) (State, error) {
			return State{Attributes: map[string]any{"Arn": x.ARN("codebuild", "project/"+id)}}, nil
		},
		update: func(x *Context, id string, old, p *project) error {
			in := &codebuild.UpdateProjectInput{Name: &id, Artifacts: &p.Artifacts, AutoRetryLimit: p.AutoRetryLimit, BadgeEnabled: p.BadgeEnabled, Cache: p.Cache,
				ConcurrentBuildLimit: p.ConcurrentBuildLimit, Description: p.Description, EncryptionKey: p.EncryptionKey, Environment: &p.Environment, LogsConfig: p.LogsConfig,
				QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, ServiceRole: &p.ServiceRole, Source: p.source(), SourceVersion: p.SourceVersion, Tags: tagsAs(x.tags(p.Tags), buildTag),
				TimeoutInMinutes: p.TimeoutInMinutes, VpcConfig: p.VpcConfig}
			if p.VpcConfig == nil && old.VpcConfig != nil {
				in.VpcConfig = &types.VpcConfig{} // without a VPC again
			}
			return do(x, in)
		},
		remove: func(x *Context, id string, _ *project) error { return do(x, &codebuild.DeleteProjectInput{Name: &id}) },
	})
}

func buildTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }
