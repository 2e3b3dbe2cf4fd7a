package provision_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

var (
	start    = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	errCrash = errors.New("the process crashed")
)

// takes is how long anything takes to be made.
const takes = 3 * time.Minute

// account is EKS with the cluster blue. What is made becomes ACTIVE, or what
// the test says, after a while.
type account struct {
	now      *clock.Virtual
	clusters map[string]*cluster
	made     []string          // in order, once each
	tokens   map[string]string // of each creation, by what is made
	becomes  map[string]string // status, by what is made; ACTIVE when there is none
	calls    int
	crashAt  int
	effect   bool // the crash comes after the effect

	maker string // role that makes clusters
}

type cluster struct {
	types.Cluster
	readyAt time.Time
	groups  map[string]*timed[types.Nodegroup]
	addons  map[string]*timed[types.Addon]
	entries map[string]*types.AccessEntry
	access  map[string][]types.AssociatedAccessPolicy
}

type timed[T any] struct {
	v       T
	readyAt time.Time
}

func newAccount() *account {
	a := &account{now: clock.NewVirtual(start), clusters: map[string]*cluster{}, tokens: map[string]string{}, becomes: map[string]string{}}
	blue := a.add(types.Cluster{
		Name: aws.String("blue"), Arn: aws.String("arn:aws:eks:eu-west-1:123456789012:cluster/blue"), Version: aws.String("1.34"), Status: "ACTIVE", Tags: map[string]string{"team": "shop", "aws:created": "x"},
		ResourcesVpcConfig:      &types.VpcConfigResponse{EndpointPrivateAccess: true, PublicAccessCidrs: []string{"0.0.0.0/0"}},
		AccessConfig:            &types.AccessConfigResponse{AuthenticationMode: types.AuthenticationModeApi},
		UpgradePolicy:           &types.UpgradePolicyResponse{SupportType: types.SupportTypeStandard},
		KubernetesNetworkConfig: &types.KubernetesNetworkConfigResponse{IpFamily: types.IpFamilyIpv4, ServiceIpv4Cidr: aws.String("10.100.0.0/16")},
	})
	blue.groups["workers"] = &timed[types.Nodegroup]{v: types.Nodegroup{Status: "ACTIVE", LaunchTemplate: &types.LaunchTemplateSpecification{Id: aws.String("lt-1"), Name: aws.String("n"), Version: aws.String("4")}, DiskSize: aws.Int32(50), Tags: map[string]string{"pool": "a"}}}
	blue.groups["plain"] = &timed[types.Nodegroup]{v: types.Nodegroup{Status: "ACTIVE", DiskSize: aws.Int32(50)}}
	blue.entries["arn:admin"] = &types.AccessEntry{Type: aws.String("STANDARD"), Username: aws.String("admin"), KubernetesGroups: []string{"ops"}}
	blue.entries["arn:nodes"] = &types.AccessEntry{Type: aws.String("EC2_LINUX")}
	blue.access["arn:admin"] = []types.AssociatedAccessPolicy{{PolicyArn: aws.String("arn:policy"), AccessScope: &types.AccessScope{Type: types.AccessScopeTypeCluster}}}
	return a
}

func (a *account) add(c types.Cluster) *cluster {
	added := &cluster{Cluster: c, groups: map[string]*timed[types.Nodegroup]{}, addons: map[string]*timed[types.Addon]{}, entries: map[string]*types.AccessEntry{}, access: map[string][]types.AssociatedAccessPolicy{}}
	a.clusters[*c.Name] = added
	return added
}

// change wraps each call that has an effect.
func (a *account) change(what string, token *string, exists bool, effect func()) error {
	a.calls++
	if a.calls == a.crashAt && !a.effect {
		return errCrash
	}
	if token == nil || len(*token) != 64 {
		return fmt.Errorf("%s has the token %q", what, aws.ToString(token))
	}
	if exists && a.tokens[what] != *token {
		return &types.ResourceInUseException{Message: aws.String(what + " exists")}
	}
	if !exists {
		effect()
		a.made, a.tokens[what] = append(a.made, what), *token
	}
	if a.calls == a.crashAt && a.effect {
		return errCrash
	}
	return nil
}

func (a *account) status(what string, readyAt time.Time, status string) string {
	if readyAt.IsZero() || status != "CREATING" || a.now.Now().Before(readyAt) {
		return status
	}
	if s := a.becomes[what]; s != "" {
		return s
	}
	return "ACTIVE"
}

func missing(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String("no " + what)}
}

func (a *account) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	c := a.clusters[*in.Name]
	if c == nil {
		return nil, missing(*in.Name)
	}
	copied := c.Cluster
	copied.Status = types.ClusterStatus(a.status("cluster", c.readyAt, string(c.Status)))
	return &eks.DescribeClusterOutput{Cluster: &copied}, nil
}

func (a *account) CreateCluster(_ context.Context, in *eks.CreateClusterInput, _ ...func(*eks.Options)) (*eks.CreateClusterOutput, error) {
	err := a.change("cluster", in.ClientRequestToken, a.clusters[*in.Name] != nil, func() {
		c := a.add(types.Cluster{Name: in.Name, Version: in.Version, Status: "CREATING", Tags: in.Tags, AccessConfig: &types.AccessConfigResponse{AuthenticationMode: in.AccessConfig.AuthenticationMode},
			Health: &types.ClusterHealth{Issues: []types.ClusterIssue{{Code: "Ec2SubnetNotFound", Message: aws.String("subnet gone")}}}})
		c.readyAt = a.now.Now().Add(takes)
		if a.maker != "" { // EKS lets the maker in
			c.entries[a.maker] = &types.AccessEntry{Type: aws.String("STANDARD")}
		}
	})
	return &eks.CreateClusterOutput{}, err
}

func (a *account) DescribeNodegroup(_ context.Context, in *eks.DescribeNodegroupInput, _ ...func(*eks.Options)) (*eks.DescribeNodegroupOutput, error) {
	g := a.clusters[*in.ClusterName].groups[*in.NodegroupName]
	if g == nil {
		return nil, missing(*in.NodegroupName)
	}
	copied := g.v
	copied.Status = types.NodegroupStatus(a.status("group "+*in.NodegroupName, g.readyAt, string(g.v.Status)))
	return &eks.DescribeNodegroupOutput{Nodegroup: &copied}, nil
}

func (a *account) CreateNodegroup(_ context.Context, in *eks.CreateNodegroupInput, _ ...func(*eks.Options)) (*eks.CreateNodegroupOutput, error) {
	c := a.clusters[*in.ClusterName]
	err := a.change("group "+*in.NodegroupName, in.ClientRequestToken, c.groups[*in.NodegroupName] != nil, func() {
		c.groups[*in.NodegroupName] = &timed[types.Nodegroup]{readyAt: a.now.Now().Add(takes), v: types.Nodegroup{Status: "CREATING", Version: in.Version, Subnets: in.Subnets, LaunchTemplate: in.LaunchTemplate,
			DiskSize: in.DiskSize, Tags: in.Tags, Taints: in.Taints, ScalingConfig: in.ScalingConfig, NodeRole: in.NodeRole,
			Health: &types.NodegroupHealth{Issues: []types.Issue{{Code: "AsgInstanceLaunchFailures", Message: aws.String("no capacity")}}}}}
	})
	return &eks.CreateNodegroupOutput{}, err
}

func (a *account) DescribeAddon(_ context.Context, in *eks.DescribeAddonInput, _ ...func(*eks.Options)) (*eks.DescribeAddonOutput, error) {
	d := a.clusters[*in.ClusterName].addons[*in.AddonName]
	if d == nil {
		return nil, missing(*in.AddonName)
	}
	copied := d.v
	copied.Status = types.AddonStatus(a.status("addon "+*in.AddonName, d.readyAt, string(d.v.Status)))
	return &eks.DescribeAddonOutput{Addon: &copied}, nil
}

func (a *account) CreateAddon(_ context.Context, in *eks.CreateAddonInput, _ ...func(*eks.Options)) (*eks.CreateAddonOutput, error) {
	c := a.clusters[*in.ClusterName]
	err := a.change("addon "+*in.AddonName, in.ClientRequestToken, c.addons[*in.AddonName] != nil, func() {
		c.addons[*in.AddonName] = &timed[types.Addon]{readyAt: a.now.Now().Add(takes), v: types.Addon{Status: "CREATING", AddonVersion: in.AddonVersion, ServiceAccountRoleArn: in.ServiceAccountRoleArn, ConfigurationValues: in.ConfigurationValues,
			Health: &types.AddonHealth{Issues: []types.AddonIssue{{Code: "AccessDenied", Message: aws.String("role may not")}}}}}
	})
	return &eks.CreateAddonOutput{}, err
}

func (a *account) ListAccessEntries(_ context.Context, in *eks.ListAccessEntriesInput, _ ...func(*eks.Options)) (*eks.ListAccessEntriesOutput, error) {
	return &eks.ListAccessEntriesOutput{AccessEntries: slices.Sorted(maps.Keys(a.clusters[*in.ClusterName].entries))}, nil
}

func (a *account) DescribeAccessEntry(_ context.Context, in *eks.DescribeAccessEntryInput, _ ...func(*eks.Options)) (*eks.DescribeAccessEntryOutput, error) {
	return &eks.DescribeAccessEntryOutput{AccessEntry: a.clusters[*in.ClusterName].entries[*in.PrincipalArn]}, nil
}

func (a *account) CreateAccessEntry(_ context.Context, in *eks.CreateAccessEntryInput, _ ...func(*eks.Options)) (*eks.CreateAccessEntryOutput, error) {
	c := a.clusters[*in.ClusterName]
	err := a.change("entry "+*in.PrincipalArn, in.ClientRequestToken, c.entries[*in.PrincipalArn] != nil, func() {
		c.entries[*in.PrincipalArn] = &types.AccessEntry{Type: in.Type, Username: in.Username, KubernetesGroups: in.KubernetesGroups}
	})
	return &eks.CreateAccessEntryOutput{}, err
}

func (a *account) DeleteAccessEntry(_ context.Context, in *eks.DeleteAccessEntryInput, _ ...func(*eks.Options)) (*eks.DeleteAccessEntryOutput, error) {
	c := a.clusters[*in.ClusterName]
	if c.entries[*in.PrincipalArn] == nil {
		return nil, missing(*in.PrincipalArn)
	}
	delete(c.entries, *in.PrincipalArn)
	return &eks.DeleteAccessEntryOutput{}, nil
}

func (a *account) ListAssociatedAccessPolicies(_ context.Context, in *eks.ListAssociatedAccessPoliciesInput, _ ...func(*eks.Options)) (*eks.ListAssociatedAccessPoliciesOutput, error) {
	return &eks.ListAssociatedAccessPoliciesOutput{AssociatedAccessPolicies: a.clusters[*in.ClusterName].access[*in.PrincipalArn]}, nil
}

func (a *account) AssociateAccessPolicy(_ context.Context, in *eks.AssociateAccessPolicyInput, _ ...func(*eks.Options)) (*eks.AssociateAccessPolicyOutput, error) {
	c := a.clusters[*in.ClusterName]
	c.access[*in.PrincipalArn] = []types.AssociatedAccessPolicy{{PolicyArn: in.PolicyArn, AccessScope: in.AccessScope}}
	return &eks.AssociateAccessPolicyOutput{}, nil
}

// impatient is a clock on which waiting passes at once.
type impatient struct{ *clock.Virtual }

func (c impatient) AfterFunc(d time.Duration, f func()) func() bool {
	stop := c.Virtual.AfterFunc(d, f)
	go c.Advance(d)
	return stop
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
