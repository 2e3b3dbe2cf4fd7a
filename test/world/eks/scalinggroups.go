package eks

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// ScalingGroups describes the Auto Scaling groups of all managed node groups, as
// Auto Scaling does.
func (s *Service) ScalingGroups() []scaling.AutoScalingGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []scaling.AutoScalingGroup
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		c := s.clusters[name]
		for _, group := range slices.Sorted(maps.Keys(c.nodegroups)) {
			out = append(out, c.nodegroups[group].scalingGroup(name))
		}
	}
	return out
}

func (n *nodegroup) scalingGroup(cluster string) scaling.AutoScalingGroup {
	g := scaling.AutoScalingGroup{AutoScalingGroupName: n.Resources.AutoScalingGroups[0].Name, CreatedTime: n.CreatedAt, VPCZoneIdentifier: ptr(strings.Join(n.Subnets, ",")),
		MixedInstancesPolicy: &scaling.MixedInstancesPolicy{LaunchTemplate: &scaling.LaunchTemplate{LaunchTemplateSpecification: n.templateOf(n.config())}}}
	if c := n.ScalingConfig; c != nil {
		g.MinSize, g.MaxSize, g.DesiredCapacity = c.MinSize, c.MaxSize, c.DesiredSize
	}
	for _, t := range n.InstanceTypes {
		g.MixedInstancesPolicy.LaunchTemplate.Overrides = append(g.MixedInstancesPolicy.LaunchTemplate.Overrides, scaling.LaunchTemplateOverrides{InstanceType: ptr(t)})
	}
	for _, tag := range [][2]string{{"eks:cluster-name", cluster}, {"eks:nodegroup-name", *n.NodegroupName}, {"k8s.io/cluster-autoscaler/" + cluster, "owned"},
		{"k8s.io/cluster-autoscaler/enabled", "true"}, {"kubernetes.io/cluster/" + cluster, "owned"}} {
		g.Tags = append(g.Tags, scaling.TagDescription{Key: ptr(tag[0]), Value: ptr(tag[1])})
	}
	for _, m := range n.nodes {
		g.Instances = append(g.Instances, scaling.Instance{InstanceId: ptr(m.instance), AvailabilityZone: ptr(m.zone), HealthStatus: ptr("Healthy"), LifecycleState: scaling.LifecycleStateInService,
			InstanceType: ptr(n.instanceType()), ProtectedFromScaleIn: ptr(false), LaunchTemplate: n.templateOf(m.config)})
	}
	return g
}

// templateOf is a version of the launch template that EKS makes for a node group,
// also for one with a launch template of its own: one version for each
// configuration that the node group has had. EC2 does not describe it here.
func (n *nodegroup) templateOf(config string) *scaling.LaunchTemplateSpecification {
	name := *n.Resources.AutoScalingGroups[0].Name
	id, version := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(config))
	return &scaling.LaunchTemplateSpecification{LaunchTemplateId: ptr(fmt.Sprintf("lt-0%x", id)[:20]), LaunchTemplateName: ptr(name), Version: ptr(fmt.Sprint(1 + int(version[0])))}
}
