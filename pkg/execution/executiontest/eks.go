package executiontest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Deletion is how long a node group or a cluster takes to go.
const Deletion = 2 * time.Minute

// EKS is the clusters of an account. Deletions take time.
type EKS struct {
	Deleted []string // in the order of the calls that took effect
	Fail    func(operation string) error

	clusters map[string]*cluster
	clock    clock.Clock
	fuse     *Fuse
}

type cluster struct {
	types.Cluster
	goneAt time.Time
	groups map[string]*group
}

type group struct {
	types.Nodegroup
	goneAt time.Time
}

// NewEKS returns an account without clusters.
func NewEKS(c clock.Clock, f *Fuse) *EKS {
	return &EKS{clusters: map[string]*cluster{}, clock: c, fuse: f}
}

// AddCluster puts an ACTIVE cluster with ACTIVE node groups there.
func (e *EKS) AddCluster(name, version string, tags map[string]string, groups ...string) {
	c := &cluster{Cluster: types.Cluster{Name: &name, Version: &version, Status: types.ClusterStatusActive, Tags: tags}, groups: map[string]*group{}}
	for _, g := range groups {
		c.groups[g] = &group{Nodegroup: types.Nodegroup{NodegroupName: &g, Status: types.NodegroupStatusActive}}
	}
	e.clusters[name] = c
}

// Group returns a node group, to be changed by a test.
func (e *EKS) Group(cluster, name string) *types.Nodegroup {
	return &e.clusters[cluster].groups[name].Nodegroup
}

// Cluster returns a cluster, to be changed by a test.
func (e *EKS) Cluster(name string) *types.Cluster { return &e.clusters[name].Cluster }

// Has reports whether there is such a cluster now.
func (e *EKS) Has(name string) bool { return e.find(name) != nil }

func (e *EKS) find(name string) *cluster {
	c := e.clusters[name]
	if c == nil {
		return nil
	}
	now := e.clock.Now()
	maps.DeleteFunc(c.groups, func(_ string, g *group) bool { return !g.goneAt.IsZero() && !now.Before(g.goneAt) })
	if !c.goneAt.IsZero() && !now.Before(c.goneAt) {
		delete(e.clusters, name)
		return nil
	}
	return c
}

func missing(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String("no " + what)}
}

func (e *EKS) call(operation string) error {
	if e.Fail != nil {
		if err := e.Fail(operation); err != nil {
			return err
		}
	}
	return nil
}

// DescribeCluster implements the EKS API.
func (e *EKS) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	if err := e.call("DescribeCluster"); err != nil {
		return nil, err
	}
	c := e.find(*in.Name)
	if c == nil {
		return nil, missing(*in.Name)
	}
	copied := c.Cluster
	return &eks.DescribeClusterOutput{Cluster: &copied}, nil
}

// DescribeNodegroup implements the EKS API.
func (e *EKS) DescribeNodegroup(_ context.Context, in *eks.DescribeNodegroupInput, _ ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error) {
	if err := e.call("DescribeNodegroup"); err != nil {
		return nil, err
	}
	c := e.find(*in.ClusterName)
	if c == nil || c.groups[*in.NodegroupName] == nil {
		return nil, missing(*in.NodegroupName)
	}
	copied := c.groups[*in.NodegroupName].Nodegroup
	return &eks.DescribeNodegroupOutput{Nodegroup: &copied}, nil
}

// ListNodegroups implements the EKS API.
func (e *EKS) ListNodegroups(_ context.Context, in *eks.ListNodegroupsInput, _ ...func(*eks.Options)) (*eks.ListNodegroupsOutput, error) {
	if err := e.call("ListNodegroups"); err != nil {
		return nil, err
	}
	c := e.find(*in.ClusterName)
	if c == nil {
		return nil, missing(*in.ClusterName)
	}
	return &eks.ListNodegroupsOutput{Nodegroups: slices.Sorted(maps.Keys(c.groups))}, nil
}

// DeleteNodegroup implements the EKS API.
func (e *EKS) DeleteNodegroup(_ context.Context, in *eks.DeleteNodegroupInput, _ ...func(*eks.Options)) (*eks.DeleteNodegroupOutput, error) {
	if err := e.fuse.before("DeleteNodegroup"); err != nil {
		return nil, err
	}
	if err := e.call("DeleteNodegroup"); err != nil {
		return nil, err
	}
	c := e.find(*in.ClusterName)
	if c == nil || c.groups[*in.NodegroupName] == nil {
		return nil, missing(*in.NodegroupName)
	}
	g := c.groups[*in.NodegroupName]
	if g.Status != types.NodegroupStatusActive {
		return nil, &types.ResourceInUseException{Message: aws.String("busy")}
	}
	g.Status, g.goneAt = types.NodegroupStatusDeleting, e.clock.Now().Add(Deletion)
	e.Deleted = append(e.Deleted, *in.ClusterName+"/"+*in.NodegroupName)
	return &eks.DeleteNodegroupOutput{}, e.fuse.after()
}

// DeleteCluster implements the EKS API.
func (e *EKS) DeleteCluster(_ context.Context, in *eks.DeleteClusterInput, _ ...func(*eks.Options)) (*eks.DeleteClusterOutput, error) {
	if err := e.fuse.before("DeleteCluster"); err != nil {
		return nil, err
	}
	if err := e.call("DeleteCluster"); err != nil {
		return nil, err
	}
	c := e.find(*in.Name)
	switch {
	case c == nil:
		return nil, missing(*in.Name)
	case len(c.groups) > 0 || c.Status != types.ClusterStatusActive:
		return nil, &types.ResourceInUseException{Message: aws.String("Cluster has nodegroups attached")}
	}
	c.Status, c.goneAt = types.ClusterStatusDeleting, e.clock.Now().Add(Deletion)
	e.Deleted = append(e.Deleted, *in.Name)
	return &eks.DeleteClusterOutput{}, e.fuse.after()
}

// Builds is a CodeBuild project. A build ends when the test says so.
type Builds struct {
	Started []*build.Build
	Inputs  []*codebuild.StartBuildInput
	Stopped int
	EKS     *EKS
	Fail    func(operation string) error

	tokens map[string]*build.Build
	fuse   *Fuse
	clock  clock.Clock
}

// StartBuild implements the CodeBuild API, with its idempotency tokens.
func (b *Builds) StartBuild(_ context.Context, in *codebuild.StartBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StartBuildOutput, error) {
	if err := b.fuse.before("StartBuild"); err != nil {
		return nil, err
	}
	if b.Fail != nil {
		if err := b.Fail("StartBuild"); err != nil {
			return nil, err
		}
	}
	if b.tokens == nil {
		b.tokens = map[string]*build.Build{}
	}
	made := b.tokens[*in.IdempotencyToken]
	if made == nil {
		made = &build.Build{Id: aws.String(fmt.Sprintf("provision:%d", len(b.Started))), BuildStatus: build.StatusTypeInProgress, CurrentPhase: aws.String("BUILD")}
		b.tokens[*in.IdempotencyToken] = made
		b.Started, b.Inputs = append(b.Started, made), append(b.Inputs, in)
	}
	return &codebuild.StartBuildOutput{Build: made}, b.fuse.after()
}

// BatchGetBuilds implements the CodeBuild API.
func (b *Builds) BatchGetBuilds(_ context.Context, in *codebuild.BatchGetBuildsInput, _ ...func(*codebuild.Options)) (*codebuild.BatchGetBuildsOutput, error) {
	out := &codebuild.BatchGetBuildsOutput{}
	for _, made := range b.Started {
		if slices.Contains(in.Ids, *made.Id) {
			out.Builds = append(out.Builds, *made)
		}
	}
	return out, nil
}

// StopBuild implements the CodeBuild API.
func (b *Builds) StopBuild(_ context.Context, in *codebuild.StopBuildInput, _ ...func(*codebuild.Options)) (*codebuild.StopBuildOutput, error) {
	if err := b.fuse.before("StopBuild"); err != nil {
		return nil, err
	}
	b.Stopped++
	for _, made := range b.Started {
		if *made.Id == *in.Id {
			made.BuildStatus = build.StatusTypeStopped
		}
	}
	return &codebuild.StopBuildOutput{}, b.fuse.after()
}
