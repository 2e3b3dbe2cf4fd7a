package awsstate

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// describe describes subnets by their ids, or else by a filter. One that is gone
// is an error.
func (c *Collector) describe(ctx context.Context, ids []string, filters []types.Filter) ([]upgrade.Subnet, error) {
	op := "describe subnets"
	found := []upgrade.Subnet{}
	if len(ids) == 0 && filters == nil {
		return found, nil // without ids EC2 would describe all subnets
	}
	pages := ec2.NewDescribeSubnetsPaginator(c.subnets, &ec2.DescribeSubnetsInput{SubnetIds: ids, Filters: filters})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap(op, err)
		}
		for _, s := range page.Subnets {
			if s.AvailableIpAddressCount == nil {
				return nil, upgrade.KindSourceUnreadable.Errorf(op, "EC2 does not say how many addresses are free in %s", aws.ToString(s.SubnetId))
			}
			found = append(found, upgrade.Subnet{ID: aws.ToString(s.SubnetId), Zone: aws.ToString(s.AvailabilityZone), FreeIPs: int(*s.AvailableIpAddressCount)})
		}
	}
	if len(ids) > 0 && len(found) != len(ids) {
		return nil, upgrade.KindSubnetMissing.Errorf(op, "EC2 describes %d of the %d subnets", len(found), len(ids)).
			WithRemedy("give the cluster and its nodes subnets that exist")
	}
	slices.SortFunc(found, func(a, b upgrade.Subnet) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

func ids(subnets []upgrade.Subnet) []string {
	var out []string
	for _, s := range subnets {
		out = append(out, s.ID)
	}
	return out
}

// nodeSubnets describes the subnets in which nodes and Fargate pods are or could
// be.
func (l *look) nodeSubnets(ctx context.Context, s *upgrade.ClusterState) ([]upgrade.Subnet, error) {
	if s.NodeGroups == nil || s.ScalingGroups == nil || s.Instances == nil || s.FargateProfiles == nil {
		return nil, errSaid
	}
	var all []string
	for _, g := range s.NodeGroups {
		all = append(all, g.Subnets...)
	}
	for _, g := range s.ScalingGroups {
		all = append(all, g.Subnets...)
	}
	for _, p := range s.FargateProfiles {
		all = append(all, p.Subnets...)
	}
	for _, i := range s.Instances {
		all = append(all, i.Subnet)
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(id string) bool { return id == "" })
	return l.describe(ctx, all, nil)
}

// cni is the part of vpc-cni's configuration values that says where pods get
// addresses. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/cni-custom-network-tutorial.html
type cni struct {
	Env       map[string]any `json:"env"`
	ENIConfig struct {
		Subnets map[string]struct {
			ID string `json:"id"`
		} `json:"subnets"`
	} `json:"eniConfig"`
}

func (c cni) on(name string) bool {
	switch c.Env[name] {
	case true, "true", "True", "TRUE", "1":
		return true
	}
	return false
}

// podNetwork reads the configuration of the add-on vpc-cni, and finds the subnets
// that it may use beside those of the nodes. What is configured elsewhere, in
// ENIConfigs or by who installed vpc-cni, the nodes' network interfaces show.
func (l *look) podNetwork(ctx context.Context, s *upgrade.ClusterState) (*upgrade.PodNetwork, error) {
	const op = "read the pods' network"
	if s.Addons == nil {
		return nil, errSaid
	}
	i := slices.IndexFunc(s.Addons, func(a upgrade.Addon) bool { return a.Name == "vpc-cni" })
	var config cni
	shown := interfaces{}
	if l.usage != nil {
		shown = l.usage.pods
	}
	network := &upgrade.PodNetwork{}
	switch {
	case i < 0 && s.AutoMode == nil && shown.seen:
		network.PrefixDelegation, network.CustomNetworking = shown.prefixes, len(shown.apart) > 0 && !shown.same
	case i < 0 && s.AutoMode == nil:
		return nil, upgrade.KindPodNetworkUnknown.Errorf(op, "vpc-cni is no add-on of EKS here, so that EKS does not tell its configuration").
			WithRemedy("make vpc-cni an add-on of EKS, or check by hand that the pods' subnets have enough addresses")
	case i >= 0 && s.Addons[i].Configuration != "":
		if err := json.Unmarshal([]byte(s.Addons[i].Configuration), &config); err != nil {
			return nil, upgrade.KindSourceUnreadable.Errorf(op, "the configuration values of vpc-cni are no JSON of the form that is known")
		}
	}
	network.PrefixDelegation = network.PrefixDelegation || config.on("ENABLE_PREFIX_DELEGATION")
	network.CustomNetworking = network.CustomNetworking || config.on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")
	var own []string
	// Subnets that the add-on finds by a tag:
	// https://docs.aws.amazon.com/eks/latest/best-practices/subnets.html
	tagged := []types.Filter{{Name: aws.String("vpc-id"), Values: []string{s.VPC}}, {Name: aws.String("tag:kubernetes.io/role/cni"), Values: []string{"1"}}}
	for _, n := range config.ENIConfig.Subnets {
		own = append(own, n.ID)
	}
	slices.Sort(own)
	own = slices.Compact(own)
	switch {
	case !network.CustomNetworking:
		own = nil
	case len(own) > 0:
		tagged = nil
	case len(shown.apart) > 0:
		own, tagged = slices.Sorted(maps.Keys(shown.apart)), nil
	default:
		return nil, upgrade.KindPodNetworkUnknown.Errorf(op, "pods take addresses by ENIConfigs that are not in the configuration of the add-on vpc-cni").
			WithRemedy("check by hand that the subnets of the ENIConfigs have enough addresses: kubectl get eniconfigs -o yaml")
	}
	subnets, err := l.describe(ctx, own, tagged)
	if err != nil {
		return nil, err
	}
	network.Subnets = subnets
	return network, nil
}
