package clusters

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKS reads and deletes clusters and node groups.
type EKS interface {
	Describer
	ListNodegroups(context.Context, *eks.ListNodegroupsInput, ...func(*eks.Options)) (*eks.ListNodegroupsOutput, error)
	DeleteNodegroup(context.Context, *eks.DeleteNodegroupInput, ...func(*eks.Options)) (*eks.DeleteNodegroupOutput, error)
	DeleteCluster(context.Context, *eks.DeleteClusterInput, ...func(*eks.Options)) (*eks.DeleteClusterOutput, error)
}

// Traffic knows how traffic is split, and takes record sets away.
type Traffic interface {
	Weights(ctx context.Context, run upgrade.Run, n traffic.Name) (w upgrade.Weights, inSync bool, err error)
	Remove(ctx context.Context, run upgrade.Run, n traffic.Name, side upgrade.Side) (upgrade.Progress, error)
}

// StoppableBuilds watches builds and stops them.
type StoppableBuilds interface {
	buildReader
	StopBuild(context.Context, *codebuild.StopBuildInput, ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error)
}

// Decommission is the executor of decommission steps. All fields are needed.
type Decommission struct {
	EKS     EKS
	Traffic Traffic
	Builds  StoppableBuilds
	States  execution.States
	Guard   execution.Guard
	Gate    Gatekeeper
}

// Reconcile implements execution.Executor. Blue passes the gate first; green,
// which is taken away by a rollback only, must be one that this upgrade made.
// The step is done when EKS does not know the cluster and Route 53 has no
// record set of it.
func (d *Decommission) Reconcile(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, record upgrade.StepRecord) (upgrade.Progress, error) {
	in, err := execution.Input[upgrade.DecommissionInput](step)
	if err != nil {
		return upgrade.Progress{}, err
	}
	n := traffic.Name{Zone: in.HostedZone, Record: in.Record, Blue: plan.Cluster, Green: plan.Green}
	switch {
	case in.Side == upgrade.Blue && in.Cluster == plan.Cluster && plan.Mode == upgrade.Forward:
		return d.blue(ctx, run, plan, step, record, n)
	case in.Side == upgrade.Green && in.Cluster == plan.Green && plan.Mode == upgrade.RollingBack:
		return d.green(ctx, run, in, n)
	}
	return upgrade.Progress{}, upgrade.KindStepInputMismatch.Errorf("input of step "+step.ID, "cluster %q is not side %q of a %s plan from %s to %s", in.Cluster, in.Side, plan.Mode, plan.Cluster, plan.Green)
}

// blue deletes the old cluster, then its record set without weight.
func (d *Decommission) blue(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, record upgrade.StepRecord, n traffic.Name) (upgrade.Progress, error) {
	cluster, err := describe(ctx, d.EKS, plan.Cluster)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if cluster == nil {
		return d.Traffic.Remove(ctx, run, n, upgrade.Blue)
	}
	if aws.ToBool(cluster.DeletionProtection) { // seen now, not when the node groups are gone
		return upgrade.Progress{}, upgrade.KindDeletionProtected.Errorf("decommission "+plan.Cluster, "its deletion protection is on").
			WithRemedy("turn it off in EKS, or ask with decommission: keep")
	}
	if open, err := d.Gate.pass(ctx, run, plan, step, record, n); err != nil || open != nil {
		if open == nil {
			open = &upgrade.Progress{}
		}
		return *open, err
	}
	return d.delete(ctx, run, cluster)
}

// green takes the new cluster away: first the build that may still be making
// it, then its record set, then the cluster. EKS is asked when the build has
// ended: it may make the cluster with its last call.
func (d *Decommission) green(ctx context.Context, run upgrade.Run, in upgrade.DecommissionInput, n traffic.Name) (upgrade.Progress, error) {
	if stopping, err := d.stopBuild(ctx, run, in.Cluster); err != nil || stopping {
		return upgrade.Progress{Note: "stopping the build that makes " + in.Cluster}, err
	}
	cluster, err := describe(ctx, d.EKS, in.Cluster)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if cluster != nil {
		if why := foreign(run, cluster); why != "" {
			return upgrade.Progress{Done: true, Note: fmt.Sprintf("cluster %s was not made by this upgrade and is left alone: %s", in.Cluster, why)}, nil
		}
	}
	removal, err := d.Traffic.Remove(ctx, run, n, upgrade.Green)
	if err != nil || !removal.Done {
		return removal, err
	}
	if cluster == nil {
		return upgrade.Progress{Done: true, Note: fmt.Sprintf("cluster %s and its record set are gone", in.Cluster)}, nil
	}
	return d.delete(ctx, run, cluster)
}

// stopBuild stops the build that provisions the cluster, so that it does not
// make anew what is deleted here. It reports true until the build has ended.
func (d *Decommission) stopBuild(ctx context.Context, run upgrade.Run, cluster string) (bool, error) {
	state, err := execution.LoadState[started](ctx, d.States, run.ID, buildKey(cluster))
	if err != nil || state.Build == "" {
		return false, err
	}
	running, err := getBuild(ctx, d.Builds, state.Build)
	if err != nil || running.BuildStatus != build.StatusTypeInProgress {
		return false, err
	}
	if err := d.Guard.Check(ctx, run, execution.Lease); err != nil {
		return true, err
	}
	_, err = d.Builds.StopBuild(ctx, &codebuild.StopBuildInput{Id: &state.Build})
	return true, awserr.Wrap("stop build "+state.Build, err)
}

// delete deletes the node groups, all at once, then the cluster: EKS refuses
// to delete a cluster that has some.
func (d *Decommission) delete(ctx context.Context, run upgrade.Run, cluster *types.Cluster) (upgrade.Progress, error) {
	name := *cluster.Name
	groups, err := d.nodeGroups(ctx, name)
	if err != nil {
		return upgrade.Progress{}, err
	}
	for _, group := range groups {
		if err := d.deleteGroup(ctx, run, name, group); err != nil {
			return upgrade.Progress{}, err
		}
	}
	if len(groups) > 0 {
		return upgrade.Progress{Note: fmt.Sprintf("%s: %d node groups are being deleted", name, len(groups))}, nil
	}
	if cluster.Status != types.ClusterStatusDeleting {
		if err := d.Guard.Check(ctx, run, execution.Lease); err != nil {
			return upgrade.Progress{}, err
		}
		_, err := d.EKS.DeleteCluster(ctx, &eks.DeleteClusterInput{Name: &name})
		if busy(err) {
			return upgrade.Progress{Note: fmt.Sprintf("%s is busy: %v", name, err)}, nil
		}
		if err != nil && !notFound(err) {
			return upgrade.Progress{}, awserr.Wrap("delete cluster "+name, err)
		}
	}
	return upgrade.Progress{Note: "cluster " + name + " is being deleted"}, nil
}

func (d *Decommission) nodeGroups(ctx context.Context, cluster string) ([]string, error) {
	var names []string
	pages := eks.NewListNodegroupsPaginator(d.EKS, &eks.ListNodegroupsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Wrap("list node groups of "+cluster, err)
		}
		names = append(names, page.Nodegroups...)
	}
	return names, nil
}

func (d *Decommission) deleteGroup(ctx context.Context, run upgrade.Run, cluster, name string) error {
	group, err := nodeGroup(ctx, d.EKS, cluster, name)
	if err != nil || group == nil || group.Status == types.NodegroupStatusDeleting {
		return err
	}
	if group.Status == types.NodegroupStatusDeleteFailed {
		return upgrade.KindDeletionFailed.Errorf("delete node group "+name+" of "+cluster, "EKS could not: %s", groupIssues(group)).
			WithRemedy("remove what holds it, delete the node group, then the cluster")
	}
	if err := d.Guard.Check(ctx, run, execution.Lease); err != nil {
		return err
	}
	_, err = d.EKS.DeleteNodegroup(ctx, &eks.DeleteNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
	if busy(err) || notFound(err) { // busy: it is being created or changed; the next look tries again
		return nil
	}
	return awserr.Wrap("delete node group "+name+" of "+cluster, err)
}

func busy(err error) bool { return awserr.Is(err, "ResourceInUseException") }
