package eks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

// nodegroup is a managed node group with its nodes, oldest first.
type nodegroup struct {
	types.Nodegroup
	nodes    []*node
	template *ec2.Template // the version of the launch template that nodes come from; nil: none
	trouble  []string      // messages of health issues that end when nodes can be launched again
}

// node is one node of a node group: an instance of EC2 that has joined the
// cluster or will.
type node struct {
	Node
	instance string // its id
	subnet   string
	zone     string
	config   string // of the node group when it was launched
	launched time.Time
	version  string // "1.34"
	release  string
}

// RunningNode is a node of a managed node group, for whoever looks at the world.
type RunningNode struct {
	Cluster, Nodegroup, Name, Instance, Subnet, Zone string
	Version, ReleaseVersion                          string
	Launched                                         time.Time
}

// Nodes lists the nodes of the managed node groups of a cluster, by node group
// and launch.
func (s *Service) Nodes(cluster string) []RunningNode {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []RunningNode{}
	c := s.clusters[cluster]
	if c == nil {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
		for _, n := range c.nodegroups[name].nodes {
			out = append(out, RunningNode{Cluster: cluster, Nodegroup: name, Name: n.Name, Instance: n.instance, Subnet: n.subnet, Zone: n.zone,
				Version: n.version, ReleaseVersion: n.release, Launched: n.launched})
		}
	}
	return out
}

// config tells nodes that are up to date from others: it names all that a
// version update can change.
func (n *nodegroup) config() string {
	key := value(n.Version) + "/" + value(n.ReleaseVersion)
	if n.template != nil {
		key += "/" + n.template.ID + "/" + n.template.Version
	}
	return key
}

// instanceType is what the next instance is of.
func (n *nodegroup) instanceType() string {
	if len(n.InstanceTypes) > 0 {
		return n.InstanceTypes[0]
	}
	if n.template != nil && n.template.Data.InstanceType != "" {
		return string(n.template.Data.InstanceType)
	}
	return defaultInstanceType
}

// image returns the name of the node group's image and its id.
func (n *nodegroup) image() (name, id string) {
	if n.template != nil && n.template.Data.ImageId != nil {
		return *n.template.Data.ImageId, *n.template.Data.ImageId
	}
	name = imageName(n.AmiType, *n.Version, *n.ReleaseVersion)
	return name, ec2.ImageID(name)
}

// zones lists the zones of the subnets, sorted.
func (s *Service) zonesOf(n *nodegroup) []string {
	var zones []string
	for _, id := range n.Subnets {
		if _, zone, _, ok := s.subnet(id); ok && !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	slices.Sort(zones)
	return zones
}

// nextSubnet picks the subnet of the next instance: in the zone with the fewest
// of the given nodes, and one with room.
func (s *Service) nextSubnet(n *nodegroup, among []*node) (subnet, vpc, zone string, ok bool) {
	inZone, inSubnet := map[string]int{}, map[string]int{}
	for _, m := range among {
		inZone[m.zone]++
		inSubnet[m.subnet]++
	}
	type place struct {
		id, vpc, zone string
		index         int
	}
	var places []place
	for i, id := range n.Subnets {
		if vpc, zone, free, exists := s.subnet(id); exists && free > 0 {
			places = append(places, place{id, vpc, zone, i})
		}
	}
	if len(places) == 0 {
		return "", "", "", false
	}
	best := slices.MinFunc(places, func(a, b place) int {
		return cmp.Or(inZone[a.zone]-inZone[b.zone], inSubnet[a.id]-inSubnet[b.id], strings.Compare(a.zone, b.zone), a.index-b.index)
	})
	return best.id, best.vpc, best.zone, true
}

// launch starts count instances for the node group as n describes it, and calls
// done, with the lock held, when all of them are Ready nodes. Instances that
// cannot be started end it at once; those that did not join are terminated.
func (s *Service) launch(c *cluster, n *nodegroup, like *nodegroup, count int, d time.Duration, done func(*issue)) {
	var added []*node
	for range count {
		m, failure := s.start(c, n, like, slices.Concat(like.current(n.nodes), added))
		if failure != nil {
			s.endAll(added)
			s.after(0, nil, func(error) { done(failure) })
			return
		}
		added = append(added, m)
	}
	n.nodes = append(n.nodes, added...)
	var joining []Node
	for _, m := range added {
		joining = append(joining, m.Node)
	}
	name := *c.Name
	var work func(context.Context) error
	if len(joining) > 0 {
		work = func(ctx context.Context) error { return s.opts.Clusters.AddNodes(ctx, name, joining) }
	}
	s.after(d, work, func(err error) {
		if err == nil {
			n.heal()
			done(nil)
			return
		}
		n.nodes = slices.DeleteFunc(n.nodes, func(m *node) bool { return slices.Contains(added, m) })
		s.endAll(added)
		done(&issue{types.NodegroupIssueCodeNodeCreationFailure, "Instances failed to join the kubernetes cluster: " + err.Error(), instancesOf(added)})
	})
}

// current returns those of the nodes that are as the node group describes them.
func (n *nodegroup) current(nodes []*node) []*node {
	var out []*node
	for _, m := range nodes {
		if m.config == n.config() {
			out = append(out, m)
		}
	}
	return out
}

// start starts one instance.
func (s *Service) start(c *cluster, n, like *nodegroup, among []*node) (*node, *issue) {
	subnet, vpc, zone, ok := s.nextSubnet(like, among)
	if !ok {
		return nil, &issue{types.NodegroupIssueCodeInsufficientFreeAddresses, fmt.Sprintf(
			"One or more of the subnets associated with your managed node group does not have enough available IP addresses for new nodes: %s", strings.Join(like.Subnets, ", ")), like.Subnets}
	}
	typ := like.instanceType()
	shape, ok := ec2.LookupType(typ)
	if !ok {
		return nil, &issue{types.NodegroupIssueCodeEc2InstanceTypeDoesNotExist, fmt.Sprintf("The instance type %s does not exist", typ), []string{typ}}
	}
	_, imageID := like.image()
	launch := ec2.Launch{Subnet: subnet, Zone: zone, VPC: vpc, Type: typ, ImageID: imageID, ARM: shape.ARM, Windows: windows(like.AmiType), Spot: like.CapacityType == types.CapacityTypesSpot,
		DiskGiB: value(like.DiskSize), At: s.opts.Clock.Now(), SecurityGroups: []string{*c.ResourcesVpcConfig.ClusterSecurityGroupId}, Tags: map[string]string{
			"eks:cluster-name": *c.Name, "eks:nodegroup-name": *n.NodegroupName, "kubernetes.io/cluster/" + *c.Name: "owned",
			"k8s.io/cluster-autoscaler/enabled": "true", "k8s.io/cluster-autoscaler/" + *c.Name: "owned", "aws:autoscaling:groupName": *n.Resources.AutoScalingGroups[0].Name,
		}}
	if like.RemoteAccess != nil {
		launch.KeyName = value(like.RemoteAccess.Ec2SshKey)
	}
	i, err := s.opts.EC2.Launch(launch)
	if err != nil {
		return nil, &issue{types.NodegroupIssueCodeAsgInstanceLaunchFailures, "Could not launch instances: " + err.Error(), []string{*n.Resources.AutoScalingGroups[0].Name}}
	}
	v, _ := findVersion(*like.Version)
	m := &node{instance: *i.InstanceId, subnet: subnet, zone: zone, config: like.config(), launched: s.opts.Clock.Now(), version: *like.Version, release: value(like.ReleaseVersion),
		Node: Node{Name: *i.PrivateDnsName, IP: *i.PrivateIpAddress, ProviderID: "aws:///" + zone + "/" + *i.InstanceId, KubeletVersion: v.kubelet(), OSImage: osImage(like.AmiType),
			Windows: launch.Windows, ARM: shape.ARM, CPU: int(shape.VCPUs), MemoryMiB: shape.MemoryMiB, Pods: shape.Pods, Taints: kubernetesTaints(like.Taints)}}
	m.Labels = like.nodeLabels(m, imageID, typ)
	return m, nil
}

// nodeLabels are the labels that nodes of a managed node group have.
func (n *nodegroup) nodeLabels(m *node, image, instanceType string) map[string]string {
	arch, os := "amd64", "linux"
	if m.ARM {
		arch = "arm64"
	}
	if m.Windows {
		os = "windows"
	}
	region := m.zone[:max(len(m.zone)-1, 0)]
	labels := map[string]string{
		"eks.amazonaws.com/nodegroup": *n.NodegroupName, "eks.amazonaws.com/nodegroup-image": image, "eks.amazonaws.com/capacityType": string(n.CapacityType),
		"topology.kubernetes.io/zone": m.zone, "topology.kubernetes.io/region": region, "failure-domain.beta.kubernetes.io/zone": m.zone, "failure-domain.beta.kubernetes.io/region": region,
		"node.kubernetes.io/instance-type": instanceType, "beta.kubernetes.io/instance-type": instanceType, "kubernetes.io/hostname": m.Name,
		"kubernetes.io/os": os, "beta.kubernetes.io/os": os, "kubernetes.io/arch": arch, "beta.kubernetes.io/arch": arch,
	}
	if n.template != nil {
		labels["eks.amazonaws.com/sourceLaunchTemplateId"] = n.template.ID
		labels["eks.amazonaws.com/sourceLaunchTemplateVersion"] = n.template.Version
	}
	maps.Copy(labels, n.Labels)
	return labels
}

// endAll terminates the instances of nodes.
func (s *Service) endAll(nodes []*node) {
	for _, m := range nodes {
		s.opts.EC2.End(m.instance, s.opts.Clock.Now())
	}
}

// remove takes nodes out of the cluster and terminates their instances; done is
// called with the lock held.
func (s *Service) remove(c *cluster, n *nodegroup, gone []*node, d time.Duration, done func(error)) {
	name, names := *c.Name, namesOf(gone)
	s.after(d, func(ctx context.Context) error { return s.opts.Clusters.RemoveNodes(ctx, name, names) }, func(err error) {
		if err == nil {
			s.endAll(gone)
			n.nodes = slices.DeleteFunc(n.nodes, func(m *node) bool { return slices.Contains(gone, m) })
		}
		done(err)
	})
}

// terminated follows EC2's TerminateInstances: the node goes, and the Auto
// Scaling group replaces it.
func (s *Service) terminated(instance string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		c := s.clusters[name]
		for _, group := range slices.Sorted(maps.Keys(c.nodegroups)) {
			n := c.nodegroups[group]
			i := slices.IndexFunc(n.nodes, func(m *node) bool { return m.instance == instance })
			if i < 0 {
				continue
			}
			gone := n.nodes[i]
			s.remove(c, n, []*node{gone}, 0, func(err error) {
				if err != nil {
					n.report(issue{types.NodegroupIssueCodeClusterUnreachable, err.Error(), []string{gone.instance}})
				}
				s.replenish(c, n)
			})
			return
		}
	}
}

// replenish brings a node group that rests back to its desired size. A rolling
// update does so by itself.
func (s *Service) replenish(c *cluster, n *nodegroup) {
	missing := int(*n.ScalingConfig.DesiredSize) - len(n.nodes)
	if missing <= 0 || (n.Status != types.NodegroupStatusActive && n.Status != types.NodegroupStatusDegraded) {
		return
	}
	s.launch(c, n, n, missing, s.takes(WorkLaunchNode, *c.Name+"/"+*n.NodegroupName), func(failure *issue) {
		if failure != nil {
			n.failed(*failure)
		}
	})
}

// issue is a health issue of a node group.
type issue struct {
	code      types.NodegroupIssueCode
	message   string
	resources []string
}

// report adds a health issue; a node group that rests is DEGRADED then.
func (n *nodegroup) report(i issue) {
	n.Health = &types.NodegroupHealth{Issues: append(slices.Clone(n.Health.Issues), types.Issue{Code: i.code, Message: ptr(i.message), ResourceIds: i.resources})}
	if n.Status == types.NodegroupStatusActive {
		n.Status = types.NodegroupStatusDegraded
	}
}

// failed reports that nodes could not be launched, until they can be.
func (n *nodegroup) failed(i issue) {
	n.trouble = append(n.trouble, i.message)
	n.report(i)
}

func (n *nodegroup) heal() {
	n.Health = &types.NodegroupHealth{Issues: slices.DeleteFunc(slices.Clone(n.Health.Issues), func(i types.Issue) bool { return slices.Contains(n.trouble, *i.Message) })}
	n.trouble = nil
	if n.Status == types.NodegroupStatusDegraded && len(n.Health.Issues) == 0 {
		n.Status = types.NodegroupStatusActive
	}
}

// rest ends work on a node group: it is ACTIVE, or DEGRADED when it has issues.
func (n *nodegroup) rest(now time.Time) {
	n.Status, n.ModifiedAt = types.NodegroupStatusActive, ptr(now)
	if len(n.Health.Issues) > 0 {
		n.Status = types.NodegroupStatusDegraded
	}
}

func namesOf(nodes []*node) []string {
	names := []string{}
	for _, m := range nodes {
		names = append(names, m.Name)
	}
	return names
}

func instancesOf(nodes []*node) []string {
	ids := []string{}
	for _, m := range nodes {
		ids = append(ids, m.instance)
	}
	return ids
}

// shuffled orders nodes by chance, the same one for the same update.
func shuffled(nodes []*node, seed int64, update string) []*node {
	key := func(m *node) string {
		h := sha256.Sum256([]byte(strconv.FormatInt(seed, 10) + update + m.instance))
		return string(h[:])
	}
	out := slices.Clone(nodes)
	slices.SortFunc(out, func(a, b *node) int { return strings.Compare(key(a), key(b)) })
	return out
}
