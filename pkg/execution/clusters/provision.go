package clusters

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Builds starts and watches CodeBuild builds.
type Builds interface {
	StartBuild(context.Context, *codebuild.StartBuildInput, ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error)
	BatchGetBuilds(context.Context, *codebuild.BatchGetBuildsInput, ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error)
}

// Specs stores what the build is to make, as an artifact.
type Specs interface {
	Put(ctx context.Context, prefix string, v any) (upgrade.Ref, error)
}

// Provision is the executor of provision steps. The build runs
// scripts/provision.sh, which reads the specification from S3. All fields are
// needed.
type Provision struct {
	Builds  Builds
	EKS     Describer
	Specs   Specs
	States  execution.States
	Guard   execution.Guard
	Project string // name of the CodeBuild project
}

// started is the build of a cluster, kept as a state.
type started struct {
	Build string `json:"build"` // id
}

func buildKey(cluster string) string { return "provision#" + cluster }

// Reconcile implements execution.Executor. A build that failed is StepFailed
// with its own words. The step is done when EKS says that the cluster and its
// node groups are ACTIVE: the build's word alone is not enough.
func (p *Provision) Reconcile(ctx context.Context, run upgrade.Run, _ upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) (upgrade.Progress, error) {
	in, err := execution.Input[upgrade.ProvisionInput](step)
	if err != nil {
		return upgrade.Progress{}, err
	}
	state, err := execution.LoadState[started](ctx, p.States, run.ID, buildKey(in.Cluster))
	if err != nil {
		return upgrade.Progress{}, err
	}
	if state.Build == "" {
		return p.start(ctx, run, step, record, in)
	}
	running, err := getBuild(ctx, p.Builds, state.Build)
	if err != nil {
		return upgrade.Progress{}, err
	}
	switch running.BuildStatus {
	case build.StatusTypeInProgress:
		return upgrade.Progress{Note: fmt.Sprintf("build %s: %s", state.Build, orUnknown(aws.ToString(running.CurrentPhase)))}, nil
	case build.StatusTypeSucceeded:
		return p.observe(ctx, run, in)
	}
	return upgrade.Progress{}, upgrade.KindBuildFailed.Errorf("provision "+in.Cluster, "build %s ended as %s: %s", state.Build, running.BuildStatus, failure(running)).
		With("build", state.Build).WithRemedy("read the build's log in CodeBuild")
}

// start starts the build, unless there is a cluster of that name that this
// upgrade did not make: neither the build nor a rollback may touch that one.
// CodeBuild answers the same token with the same build for five minutes; a
// second build after that finds what the first one made and changes nothing.
func (p *Provision) start(ctx context.Context, run upgrade.Run, step upgrade.Step, record upgrade.StepRecord, in upgrade.ProvisionInput) (upgrade.Progress, error) {
	existing, err := describe(ctx, p.EKS, in.Cluster)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if existing != nil {
		if why := foreign(run, existing); why != "" {
			return upgrade.Progress{}, upgrade.KindClusterForeign.Errorf("provision "+in.Cluster, "there is a cluster of this name that this upgrade did not make: %s", why).
				WithRemedy("name another green cluster in the request, or delete this one")
		}
	}
	spec, err := p.Specs.Put(ctx, "provision/"+run.ID, in)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if err := p.Guard.Check(ctx, run, execution.Lease); err != nil {
		return upgrade.Progress{}, err
	}
	out, err := p.Builds.StartBuild(ctx, &codebuild.StartBuildInput{
		ProjectName:              &p.Project,
		TimeoutInMinutesOverride: aws.Int32(minutes(step.Timeout)), // a build that outlives its step would still change things
		IdempotencyToken:         aws.String(execution.Token(run.ID, step.ID, "build")),
		EnvironmentVariablesOverride: []build.EnvironmentVariable{
			plain("EXECUTION", run.ID), plain("CLUSTER", run.Request.Cluster), plain("STEP", record.Place()), plain("STEP_ID", step.ID),
			plain("SPEC_BUCKET", spec.Bucket), plain("SPEC_KEY", spec.Key), plain("SPEC_SHA256", spec.SHA256),
		},
	})
	if err != nil {
		return upgrade.Progress{}, awserr.Wrap("start build of project "+p.Project, err)
	}
	id := aws.ToString(out.Build.Id)
	if err := execution.SaveState(ctx, p.States, run.ID, buildKey(in.Cluster), started{Build: id}); err != nil {
		return upgrade.Progress{}, err
	}
	return upgrade.Progress{Note: "build " + id + " was started"}, nil
}

// minutes rounds up; CodeBuild takes 5 or more.
func minutes(d upgrade.Duration) int32 {
	return int32(max((d.D()+time.Minute-1)/time.Minute, 5))
}

func plain(name, value string) build.EnvironmentVariable {
	return build.EnvironmentVariable{Name: &name, Value: &value, Type: build.EnvironmentVariableTypePlaintext}
}

type buildReader interface {
	BatchGetBuilds(context.Context, *codebuild.BatchGetBuildsInput, ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error)
}

func getBuild(ctx context.Context, api buildReader, id string) (build.Build, error) {
	op := "look at build " + id
	out, err := api.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil {
		return build.Build{}, awserr.Wrap(op, err)
	}
	if len(out.Builds) != 1 {
		return build.Build{}, upgrade.KindBuildLost.Errorf(op, "CodeBuild does not know it any more")
	}
	return out.Builds[0], nil
}

// failure returns the words of the phases that did not succeed.
// maxBuildMessage is how many characters of each message of CodeBuild count.
const maxBuildMessage = 500

// failure tells in the words of CodeBuild why a build ended. They quote the
// output of commands, so they are one line each, without secrets.
func failure(b build.Build) string {
	var texts []string
	for _, phase := range b.Phases {
		if phase.PhaseStatus == "" || phase.PhaseStatus == build.StatusTypeSucceeded {
			continue
		}
		text := fmt.Sprintf("%s %s", phase.PhaseType, phase.PhaseStatus)
		for _, c := range phase.Contexts {
			text += strings.TrimRight(": "+aws.ToString(c.StatusCode)+": "+logging.Line(aws.ToString(c.Message), maxBuildMessage), ": ")
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return "no phase says why"
	}
	return strings.Join(texts, "; ")
}

func (p *Provision) observe(ctx context.Context, run upgrade.Run, in upgrade.ProvisionInput) (upgrade.Progress, error) {
	cluster, err := describe(ctx, p.EKS, in.Cluster)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if cluster == nil {
		return upgrade.Progress{}, upgrade.KindClusterMissing.Errorf("provision "+in.Cluster, "the build succeeded, but EKS knows no such cluster")
	}
	if why := foreign(run, cluster); why != "" {
		return upgrade.Progress{}, upgrade.KindClusterForeign.Errorf("provision "+in.Cluster, "the cluster is not the one that this upgrade made: %s", why)
	}
	if v := aws.ToString(cluster.Version); v != in.Version.String() {
		return upgrade.Progress{}, upgrade.KindClusterMissing.Errorf("provision "+in.Cluster, "it has version %s instead of %s", v, in.Version)
	}
	if cluster.Status != types.ClusterStatusActive {
		return upgrade.Progress{Note: fmt.Sprintf("cluster %s is %s", in.Cluster, cluster.Status)}, nil
	}
	for _, wanted := range in.NodeGroups {
		group, err := nodeGroup(ctx, p.EKS, in.Cluster, wanted.Name)
		switch {
		case err != nil:
			return upgrade.Progress{}, err
		case group == nil:
			return upgrade.Progress{}, upgrade.KindClusterMissing.Errorf("provision "+in.Cluster, "the build succeeded, but there is no node group %s", wanted.Name)
		case group.Status == types.NodegroupStatusCreateFailed || group.Status == types.NodegroupStatusDegraded:
			return upgrade.Progress{}, upgrade.KindClusterMissing.Errorf("provision "+in.Cluster, "node group %s is %s: %s", wanted.Name, group.Status, groupIssues(group))
		case group.Status != types.NodegroupStatusActive:
			return upgrade.Progress{Note: fmt.Sprintf("node group %s is %s", wanted.Name, group.Status)}, nil
		}
	}
	return upgrade.Progress{Done: true, Note: fmt.Sprintf("cluster %s is ACTIVE at %s with %d node groups", in.Cluster, in.Version, len(in.NodeGroups))}, nil
}

func orUnknown(phase string) string {
	if phase == "" {
		return "running"
	}
	return phase
}
