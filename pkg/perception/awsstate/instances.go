package awsstate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// usage is what runs in the region: vCPUs by the class of a quota; and what the
// cluster's instances show of the pods' network.
type usage struct {
	vcpus map[string]int
	pods  interfaces
}

// interfaces are the network interfaces of the cluster's instances: vpc-cni gives
// pods addresses of those beside the first one.
type interfaces struct {
	seen     bool
	same     bool            // some are in the subnet of their node
	apart    map[string]bool // other subnets
	prefixes bool            // some have blocks of addresses
}

func (x *interfaces) add(i types.Instance) {
	for _, n := range i.NetworkInterfaces {
		x.seen = true
		x.prefixes = x.prefixes || len(n.Ipv4Prefixes) > 0
		first := n.Attachment == nil || aws.ToInt32(n.Attachment.DeviceIndex) == 0
		if subnet := aws.ToString(n.SubnetId); first || subnet == "" || aws.ToString(n.InterfaceType) != "interface" {
			continue // of the node, or of special hardware and Security Groups for Pods
		} else if subnet == aws.ToString(i.SubnetId) {
			x.same = true
		} else {
			x.apart[subnet] = true
		}
	}
}

// running looks at all instances of the account in the region, of which quotas
// are, and keeps those of the cluster.
func (c *Collector) running(ctx context.Context, cluster string) ([]upgrade.Instance, *usage, error) {
	found, used := []upgrade.Instance{}, &usage{vcpus: map[string]int{}, pods: interfaces{apart: map[string]bool{}}}
	pages := ec2.NewDescribeInstancesPaginator(c.instances, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000),
		Filters: []types.Filter{{Name: aws.String("instance-state-name"), Values: []string{"pending", "running"}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, wrap("list instances", err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				instance, ours := ofCluster(i, cluster)
				used.vcpus[quotaClass(instance.Type, instance.Spot)] += instance.VCPUs
				if ours {
					used.pods.add(i)
					found = append(found, instance)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b upgrade.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return found, used, nil
}

// ofCluster reads an instance, and whether its tags say that it is a node of the
// cluster. Sources of the tags: https://docs.aws.amazon.com/eks/latest/userguide/worker.html,
// https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html,
// https://karpenter.sh/docs/concepts/nodeclasses/#spectags.
func ofCluster(from types.Instance, cluster string) (upgrade.Instance, bool) {
	i := upgrade.Instance{ID: aws.ToString(from.InstanceId), Type: string(from.InstanceType), Subnet: aws.ToString(from.SubnetId), Image: aws.ToString(from.ImageId),
		Spot: from.InstanceLifecycle == types.InstanceLifecycleTypeSpot, LaunchedAt: instant(from.LaunchTime)}
	if o := from.CpuOptions; o != nil {
		i.VCPUs = int(aws.ToInt32(o.CoreCount) * aws.ToInt32(o.ThreadsPerCore))
	}
	if from.Placement != nil {
		i.Zone = aws.ToString(from.Placement.AvailabilityZone)
	}
	tags := make(map[string]string, len(from.Tags))
	for _, t := range from.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	i.Template, i.TemplateUsed = tags["aws:ec2launchtemplate:id"], tags["aws:ec2launchtemplate:version"]
	owned := tags["kubernetes.io/cluster/"+cluster] == "owned" || tags["eks:cluster-name"] == cluster || tags["aws:eks:cluster-name"] == cluster || tags["eks:eks-cluster-name"] == cluster
	switch {
	case tags["eks:kubernetes-node-pool-name"] != "" || from.Operator != nil && strings.HasPrefix(aws.ToString(from.Operator.Principal), "eks."):
		i.Provisioner, i.Group = upgrade.ByAutoMode, tags["eks:kubernetes-node-pool-name"]
	case tags["eks:nodegroup-name"] != "":
		i.Provisioner, i.Group = upgrade.ByNodeGroup, tags["eks:nodegroup-name"]
	case tags["karpenter.sh/nodepool"] != "" || tags["karpenter.sh/provisioner-name"] != "":
		i.Provisioner, i.Group = upgrade.ByKarpenter, cmp.Or(tags["karpenter.sh/nodepool"], tags["karpenter.sh/provisioner-name"])
	default:
		i.Provisioner, i.Group = upgrade.ByItself, tags["aws:autoscaling:groupName"]
	}
	return i, owned
}

// disks sums the sizes of the account's gp2 and gp3 volumes in the region, in
// GiB.
func (c *Collector) disks(ctx context.Context) (map[string]int64, error) {
	sums := map[string]int64{}
	pages := ec2.NewDescribeVolumesPaginator(c.instances, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(500),
		Filters: []types.Filter{{Name: aws.String("volume-type"), Values: []string{string(types.VolumeTypeGp2), string(types.VolumeTypeGp3)}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list volumes", err)
		}
		for _, v := range page.Volumes {
			sums[string(v.VolumeType)] += int64(aws.ToInt32(v.Size))
		}
	}
	return sums, nil
}

// types describes the instance types that the cluster's groups launch and that
// run. One that the region does not offer is left out.
func (l *look) types(ctx context.Context, s *upgrade.ClusterState) ([]upgrade.InstanceType, error) {
	names, err := l.typeNames(s)
	if err != nil {
		return nil, err
	}
	found := []upgrade.InstanceType{}
	for some := range slices.Chunk(names, 100) { // a filter takes 200 values, a page has 100
		pages := ec2.NewDescribeInstanceTypesPaginator(l.instances, &ec2.DescribeInstanceTypesInput{
			Filters: []types.Filter{{Name: aws.String("instance-type"), Values: some}}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, wrap("describe instance types", err)
			}
			for _, t := range page.InstanceTypes {
				found = append(found, instanceType(t))
			}
		}
	}
	slices.SortFunc(found, func(a, b upgrade.InstanceType) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func instanceType(from types.InstanceTypeInfo) upgrade.InstanceType {
	t := upgrade.InstanceType{Name: string(from.InstanceType)}
	if from.VCpuInfo != nil {
		t.VCPUs = int(aws.ToInt32(from.VCpuInfo.DefaultVCpus))
	}
	if from.MemoryInfo != nil {
		t.MemoryMiB = aws.ToInt64(from.MemoryInfo.SizeInMiB)
	}
	if from.ProcessorInfo != nil {
		for _, a := range from.ProcessorInfo.SupportedArchitectures {
			t.Architectures = append(t.Architectures, string(a))
		}
	}
	if from.NetworkInfo != nil {
		t.Interfaces, t.Addresses = int(aws.ToInt32(from.NetworkInfo.MaximumNetworkInterfaces)), int(aws.ToInt32(from.NetworkInfo.Ipv4AddressesPerInterface))
	}
	return t
}

// typeNames are the types of everything that launches or runs nodes, sorted.
func (l *look) typeNames(s *upgrade.ClusterState) ([]string, error) {
	if s.NodeGroups == nil || s.ScalingGroups == nil || s.Instances == nil || s.LaunchTemplates == nil {
		return nil, errSaid
	}
	var names []string
	for _, g := range s.NodeGroups {
		names = append(names, g.InstanceTypes...)
	}
	for _, g := range s.ScalingGroups {
		names = append(names, g.InstanceTypes...)
	}
	for _, i := range s.Instances {
		names = append(names, i.Type)
	}
	for _, t := range s.LaunchTemplates {
		for _, v := range t.Versions {
			names = append(names, v.InstanceType)
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
	return names, nil
}
