// Package provision makes an EKS cluster like another one, at another version:
// the green cluster of a blue/green upgrade. It is what the command that
// CodeBuild runs does, and it can be run again after it stopped anywhere: it
// looks first and makes only what is missing.
//
// From the specification come name, version, role, subnets, security groups,
// node groups and add-ons. What the specification does not say is read from
// the cluster it is like: endpoint access, logging, encryption, network,
// authentication mode, support policy, access entries, and the launch template
// and update settings of node groups of the same name. Pod identity
// associations and the OIDC provider's trust policies are not copied: roles for
// service accounts must trust the new cluster beforehand.
package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// UpgradeTag is the tag of a cluster that says which upgrade made it. Only a
// cluster that has it is ever taken over or rolled back.
const UpgradeTag = "eks-upgrade-agent/upgrade"

// API is what this package needs of EKS.
type API interface {
	ClusterAPI
	NodegroupAPI
	AddonAPI
	AccessAPI
}

// ClusterAPI makes clusters.
type ClusterAPI interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	CreateCluster(context.Context, *eks.CreateClusterInput, ...func(*eks.Options)) (*eks.CreateClusterOutput, error)
}

// NodegroupAPI makes node groups.
type NodegroupAPI interface {
	DescribeNodegroup(context.Context, *eks.DescribeNodegroupInput, ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error)
	CreateNodegroup(context.Context, *eks.CreateNodegroupInput, ...func(*eks.Options)) (*eks.CreateNodegroupOutput, error)
}

// AddonAPI makes add-ons.
type AddonAPI interface {
	DescribeAddon(context.Context, *eks.DescribeAddonInput, ...func(*eks.Options)) (*eks.DescribeAddonOutput, error)
	CreateAddon(context.Context, *eks.CreateAddonInput, ...func(*eks.Options)) (*eks.CreateAddonOutput, error)
}

// AccessAPI says who may enter a cluster.
type AccessAPI interface {
	ListAccessEntries(context.Context, *eks.ListAccessEntriesInput, ...func(*eks.Options)) (*eks.ListAccessEntriesOutput, error)
	DescribeAccessEntry(context.Context, *eks.DescribeAccessEntryInput, ...func(*eks.Options)) (*eks.DescribeAccessEntryOutput, error)
	CreateAccessEntry(context.Context, *eks.CreateAccessEntryInput, ...func(*eks.Options)) (*eks.CreateAccessEntryOutput, error)
	ListAssociatedAccessPolicies(context.Context, *eks.ListAssociatedAccessPoliciesInput, ...func(*eks.Options)) (*eks.ListAssociatedAccessPoliciesOutput, error)
	DeleteAccessEntry(context.Context, *eks.DeleteAccessEntryInput, ...func(*eks.Options)) (*eks.DeleteAccessEntryOutput, error)
	AssociateAccessPolicy(context.Context, *eks.AssociateAccessPolicyInput, ...func(*eks.Options)) (*eks.AssociateAccessPolicyOutput, error)
}

// Options of one run. Upgrade, Clock and Poll are needed.
type Options struct {
	Upgrade string        // id of the upgrade; becomes the cluster's tag and part of the idempotency tokens
	Step    string        // id of the step
	Poll    time.Duration // between two looks at something that is being made
	Clock   clock.Clock
	// Kubernetes lets the agent's roles into the new cluster; nil: they are let in
	// only as the other cluster lets them in.
	Kubernetes Kubernetes
	Progress   func(string) // told what happens, a line each; may be nil
}

// Provision makes the cluster of the specification and returns when it, its
// node groups and its add-ons are ACTIVE. It is StepFailed, with EKS's own
// words, when one of them cannot become so; Precondition when there is a
// cluster of that name that another upgrade, or nobody, made. The caller's
// context bounds the time.
func Provision(ctx context.Context, api API, spec upgrade.ProvisionInput, opts Options) error {
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	r := &run{api: api, spec: spec, opts: opts, said: map[string]string{}}
	like, err := r.describe(ctx, spec.Like)
	if err != nil {
		return err
	}
	if like == nil {
		return upgrade.KindProvisionLikeMissing.Errorf("describe cluster "+spec.Like, "EKS knows no such cluster").WithRemedy("name the cluster that is upgraded")
	}
	if err := r.cluster(ctx, like); err != nil {
		return err
	}
	if err := r.access(ctx, like); err != nil {
		return err
	}
	if opts.Kubernetes != nil {
		if err := r.authorize(ctx, like); err != nil {
			return err
		}
	}
	// Add-ons of the network must be there for nodes to become Ready, and
	// others become ACTIVE on nodes only: make both, then wait for both.
	if err := r.createAddons(ctx); err != nil {
		return err
	}
	if err := r.createNodegroups(ctx); err != nil {
		return err
	}
	if err := r.awaitNodegroups(ctx); err != nil {
		return err
	}
	return r.awaitAddons(ctx)
}

type run struct {
	api  API
	spec upgrade.ProvisionInput
	opts Options
	said map[string]string // the last line about each thing, so that none is repeated
}

func (r *run) say(about, format string, args ...any) {
	line := about + ": " + fmt.Sprintf(format, args...)
	if r.said[about] != line {
		r.said[about] = line
		r.opts.Progress(line)
	}
}

// token derives the idempotency token of one creation, never random. Source:
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html (at most 64 characters)
func (r *run) token(intent string) *string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.opts.Upgrade, r.opts.Step, r.spec.Cluster, intent}, "\x00")))
	text := hex.EncodeToString(sum[:])
	return &text
}

func (r *run) describe(ctx context.Context, name string) (*types.Cluster, error) {
	out, err := r.api.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, awserr.Wrap("describe cluster "+name, err)
	}
	return out.Cluster, nil
}

func notFound(err error) bool { return awserr.Is(err, "ResourceNotFoundException") }

// await calls look until it reports done. A look that EKS does not answer now is
// repeated like one that is too early: the caller's context bounds both.
func (r *run) await(ctx context.Context, look func() (bool, error)) error {
	for {
		done, err := look()
		if err != nil && ctx.Err() == nil && upgrade.CodeOf(err).Retryable() {
			r.say("EKS", "%v", err)
			err = nil
		}
		if err != nil || done {
			return err
		}
		if err := clock.Sleep(ctx, r.opts.Clock, r.opts.Poll); err != nil {
			return upgrade.KindProvisionStopped.Errorf("provision "+r.spec.Cluster, "stopped while waiting: %w", err)
		}
	}
}

func (r *run) failed(what, format string, args ...any) error {
	return upgrade.KindProvisionFailed.Errorf("provision "+r.spec.Cluster, "%s %s", what, fmt.Sprintf(format, args...))
}
