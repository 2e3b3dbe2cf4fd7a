package eks

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

// Limits of managed node groups (source: EKS service quotas, and the doc
// comments of the SDK).
const (
	maxNodegroups       = 30  // for each cluster
	maxNodes            = 450 // for each node group
	maxTaints           = 50
	maxUnavailableNodes = 100
	maxInstanceTypes    = 20
	// lastAL2 is the last minor with Amazon Linux 2 AMIs.
	lastAL2             = 32
	defaultInstanceType = "t3.medium"
	linuxDisk           = 20 // GiB
	windowsDisk         = 50
)

func windows(a types.AMITypes) bool { return strings.HasPrefix(string(a), "WINDOWS_") }

func bottlerocket(a types.AMITypes) bool { return strings.HasPrefix(string(a), "BOTTLEROCKET_") }

func armAMI(a types.AMITypes) bool { return strings.Contains(string(a), "ARM_64") }

func gpuAMI(a types.AMITypes) bool {
	return strings.Contains(string(a), "NVIDIA") || strings.HasSuffix(string(a), "_GPU")
}

func osImage(a types.AMITypes) string {
	switch {
	case windows(a):
		return "Windows Server 2022 Datacenter"
	case bottlerocket(a):
		return "Bottlerocket OS 1.49.0 (aws-k8s)"
	case strings.HasPrefix(string(a), "AL2_"):
		return "Amazon Linux 2"
	}
	return "Amazon Linux 2023.8.20260720"
}

// releases lists the AMI releases of a version, newest first. The newest is that
// of the version's table; EKS keeps older ones, which came every third week.
func releases(v clusterVersion, a types.AMITypes) []string {
	newest, err := time.Parse("20060102", v.ami)
	if err != nil {
		panic("eks: the table of versions has well-formed dates: " + v.ami)
	}
	var out []string
	for i := range 3 {
		date := newest.AddDate(0, 0, -21*i)
		switch {
		case windows(a):
			out = append(out, v.version+"-"+date.Format("2006.01.02"))
		case bottlerocket(a):
			h := sha256.Sum256([]byte("bottlerocket" + date.String()))
			out = append(out, fmt.Sprintf("1.%d.0-%x", 49-i, h[:4]))
		default:
			out = append(out, v.patch+"-"+date.Format("20060102"))
		}
	}
	return out
}

// imageName is the name of the image of a release, as DescribeImages has it.
func imageName(a types.AMITypes, version, release string) string {
	date := release[strings.LastIndex(release, "-")+1:]
	arch := "x86_64"
	if armAMI(a) {
		arch = "arm64"
	}
	kind := "standard"
	switch {
	case gpuAMI(a):
		kind = "nvidia"
	case strings.HasSuffix(string(a), "NEURON"):
		kind = "neuron"
	}
	switch {
	case windows(a):
		return fmt.Sprintf("Windows_Server-%s-English-%s-EKS_Optimized-%s-%s", strings.Split(string(a), "_")[2], titled(strings.Split(string(a), "_")[1]), version, date)
	case bottlerocket(a):
		return fmt.Sprintf("bottlerocket-aws-k8s-%s-%s-v%s", version, strings.Replace(arch, "arm64", "aarch64", 1), release)
	case strings.HasPrefix(string(a), "AL2_"):
		return fmt.Sprintf("amazon-eks-node-%s-v%s", version, date)
	}
	return fmt.Sprintf("amazon-eks-node-al2023-%s-%s-%s-v%s", arch, kind, version, date)
}

func titled(s string) string { return s[:1] + strings.ToLower(s[1:]) }

// images lists the names of all images of EKS.
func images() []string {
	names := map[string]bool{}
	for _, v := range clusterVersions {
		for _, a := range types.AMITypes("").Values() {
			if a == types.AMITypesCustom || strings.HasPrefix(string(a), "AL2_") && minor(v.version) > lastAL2 {
				continue
			}
			for _, r := range releases(v, a) {
				names[imageName(a, v.version, r)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func checkAMI(c *cluster, ami types.AMITypes, version string) error {
	if strings.HasPrefix(string(ami), "AL2_") && minor(version) > lastAL2 {
		return invalidParameter(c.Name, "AMI Type %s is only supported for kubernetes versions 1.%d or earlier", ami, lastAL2)
	}
	return nil
}

// newNodegroup checks a request and returns the node group that it describes.
func (s *Service) newNodegroup(c *cluster, in *sdk.CreateNodegroupInput) (*nodegroup, error) {
	n := &nodegroup{Nodegroup: types.Nodegroup{
		NodegroupName: in.NodegroupName, ClusterName: c.Name, NodeRole: in.NodeRole, Subnets: slices.Clone(in.Subnets),
		AmiType: in.AmiType, CapacityType: cmp.Or(in.CapacityType, types.CapacityTypesOnDemand), DiskSize: in.DiskSize, InstanceTypes: slices.Clone(in.InstanceTypes),
		Labels: cloneTags(in.Labels), Taints: slices.Clone(in.Taints), Tags: cloneTags(in.Tags), RemoteAccess: in.RemoteAccess, UpdateConfig: in.UpdateConfig,
		NodeRepairConfig: in.NodeRepairConfig, WarmPoolConfig: in.WarmPoolConfig, Version: c.Version,
		CreatedAt: s.now(), ModifiedAt: s.now(), Status: types.NodegroupStatusCreating, Health: &types.NodegroupHealth{Issues: []types.Issue{}},
	}}
	if in.Version != nil && *in.Version != *c.Version {
		return nil, invalidParameter(c.Name, "Requested Nodegroup version %s must match the cluster's version %s", *in.Version, *c.Version)
	}
	if err := s.checkPlaces(c, in.Subnets); err != nil {
		return nil, err
	}
	if err := s.useTemplate(c, n, in); err != nil {
		return nil, err
	}
	if err := s.checkInstances(c, n); err != nil {
		return nil, err
	}
	if err := releaseOf(c, n, in.ReleaseVersion); err != nil {
		return nil, err
	}
	for _, check := range []error{checkLabels(c, n.Labels), checkTaints(c, n.Taints), checkUpdateConfig(c, n.UpdateConfig), checkRepair(c, n.NodeRepairConfig),
		checkWarmPool(c, n.AmiType, n.WarmPoolConfig), checkTags(in.Tags)} {
		if check != nil {
			return nil, check
		}
	}
	if !slices.Contains(n.CapacityType.Values(), n.CapacityType) {
		return nil, invalidParameter(c.Name, "capacityType must be one of %v", n.CapacityType.Values())
	}
	var err error
	n.ScalingConfig, err = scalingOf(c, in.ScalingConfig, types.NodegroupScalingConfig{MinSize: ptr(int32(1)), MaxSize: ptr(int32(2)), DesiredSize: ptr(int32(2))})
	if err != nil {
		return nil, err
	}
	if n.UpdateConfig == nil {
		n.UpdateConfig = &types.NodegroupUpdateConfig{MaxUnavailable: ptr(int32(1))}
	}
	id := s.uuid()
	n.NodegroupArn = s.arn("nodegroup/%s/%s/%s", *c.Name, *in.NodegroupName, id)
	n.Resources = &types.NodegroupResources{AutoScalingGroups: []types.AutoScalingGroup{{Name: ptr("eks-" + *in.NodegroupName + "-" + id)}}}
	if in.RemoteAccess != nil {
		n.Resources.RemoteAccessSecurityGroup = ptr("sg-" + strings.ReplaceAll(s.uuid(), "-", "")[:17])
	}
	return n, nil
}

func (s *Service) checkPlaces(c *cluster, subnets []string) error {
	for _, id := range subnets {
		vpc, _, _, ok := s.subnet(id)
		switch {
		case !ok:
			return invalidParameter(c.Name, "The subnet ID '%s' does not exist", id)
		case vpc != *c.ResourcesVpcConfig.VpcId:
			return invalidParameter(c.Name, "Subnet %s was not found in the VPC %s of the cluster", id, *c.ResourcesVpcConfig.VpcId)
		}
	}
	return nil
}

// checkInstances settles instance types, AMI type and disk.
func (s *Service) checkInstances(c *cluster, n *nodegroup) error {
	if n.template == nil && len(n.InstanceTypes) == 0 {
		n.InstanceTypes = []string{defaultInstanceType}
	}
	if len(n.InstanceTypes) > maxInstanceTypes {
		return invalidParameter(c.Name, "A nodegroup can have at most %d instance types", maxInstanceTypes)
	}
	all := n.InstanceTypes
	if len(all) == 0 {
		all = []string{n.instanceType()}
	}
	var arm, gpus int
	for _, name := range all {
		shape, ok := ec2.LookupType(name)
		if !ok {
			return invalidParameter(c.Name, "The following supplied instance types do not exist: [%s]", name)
		}
		if shape.ARM {
			arm++
		}
		if shape.GPUs > 0 {
			gpus++
		}
	}
	if arm > 0 && arm < len(all) {
		return invalidParameter(c.Name, "Instance types [%s] must all have the same processor architecture", strings.Join(all, ", "))
	}
	if n.AmiType == "" {
		switch {
		case gpus > 0:
			n.AmiType = types.AMITypesAl2023X8664Nvidia
		case arm > 0:
			n.AmiType = types.AMITypesAl2023Arm64Standard
		default:
			n.AmiType = types.AMITypesAl2023X8664Standard
		}
	}
	if !slices.Contains(n.AmiType.Values(), n.AmiType) {
		return invalidParameter(c.Name, "amiType must be one of %v", n.AmiType.Values())
	}
	if n.AmiType != types.AMITypesCustom {
		if armAMI(n.AmiType) != (arm > 0) || gpuAMI(n.AmiType) && gpus == 0 {
			return invalidParameter(c.Name, "[%s] is not a valid instance type for requested amiType %s", strings.Join(all, ", "), n.AmiType)
		}
	}
	if n.DiskSize == nil && n.template == nil {
		n.DiskSize = ptr(int32(linuxDisk))
		if windows(n.AmiType) {
			n.DiskSize = ptr(int32(windowsDisk))
		}
	}
	if n.DiskSize != nil && *n.DiskSize < 1 {
		return invalidParameter(c.Name, "diskSize must be at least 1")
	}
	return checkAMI(c, n.AmiType, *n.Version)
}

// releaseOf sets the AMI release of the node group's version.
func releaseOf(c *cluster, n *nodegroup, want *string) error {
	if n.AmiType == types.AMITypesCustom {
		_, id := n.image()
		n.ReleaseVersion = ptr(id)
		return nil
	}
	v, _ := findVersion(*n.Version)
	known := releases(v, n.AmiType)
	if want == nil {
		n.ReleaseVersion = ptr(known[0])
		return nil
	}
	if !slices.Contains(known, *want) {
		return invalidParameter(c.Name, "Requested release version %s is not valid for kubernetes version %s.", *want, *n.Version)
	}
	n.ReleaseVersion = want
	return nil
}

// labelKey and labelValue are Kubernetes's rules for labels.
var (
	labelKey   = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)
)

var reservedLabels = []string{"kubernetes.io/", "k8s.io/", "eks.amazonaws.com/"}

func checkLabels(c *cluster, labels map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		prefix := k[:strings.LastIndex(k, "/")+1]
		if slices.ContainsFunc(reservedLabels, func(r string) bool { return prefix == r || strings.HasSuffix(prefix, "."+r) }) {
			return invalidParameter(c.Name, "Label cannot contain reserved prefixes [%s]", strings.Join(reservedLabels, ", "))
		}
		if !labelKey.MatchString(k) || !labelValue.MatchString(labels[k]) {
			return invalidParameter(c.Name, "The label %s=%s is not a valid Kubernetes label", k, labels[k])
		}
	}
	return nil
}

func checkTaints(c *cluster, taints []types.Taint) error {
	if len(taints) > maxTaints {
		return invalidParameter(c.Name, "A nodegroup can have at most %d taints", maxTaints)
	}
	seen := map[string]bool{}
	for _, t := range taints {
		switch key := value(t.Key) + ":" + string(t.Effect); {
		case !labelKey.MatchString(value(t.Key)) || !labelValue.MatchString(value(t.Value)):
			return invalidParameter(c.Name, "The taint %s=%s is not a valid Kubernetes taint", value(t.Key), value(t.Value))
		case !slices.Contains(t.Effect.Values(), t.Effect):
			return invalidParameter(c.Name, "taint effect must be one of %v", t.Effect.Values())
		case seen[key]:
			return invalidParameter(c.Name, "There are several taints with key %s and effect %s", *t.Key, t.Effect)
		default:
			seen[key] = true
		}
	}
	return nil
}

// kubernetesTaints spells taints as Kubernetes does.
func kubernetesTaints(taints []types.Taint) []Taint {
	var out []Taint
	for _, t := range taints {
		effect := map[types.TaintEffect]string{types.TaintEffectNoSchedule: "NoSchedule", types.TaintEffectNoExecute: "NoExecute", types.TaintEffectPreferNoSchedule: "PreferNoSchedule"}[t.Effect]
		out = append(out, Taint{value(t.Key), value(t.Value), effect})
	}
	return out
}

func checkUpdateConfig(c *cluster, u *types.NodegroupUpdateConfig) error {
	if u == nil {
		return nil
	}
	for _, f := range []struct {
		name string
		v    *int32
	}{{"maxUnavailable", u.MaxUnavailable}, {"maxUnavailablePercentage", u.MaxUnavailablePercentage}} {
		if f.v != nil && (*f.v < 1 || *f.v > maxUnavailableNodes) {
			return invalidParameter(c.Name, "%s must be between 1 and %d", f.name, maxUnavailableNodes)
		}
	}
	switch {
	case u.MaxUnavailable != nil && u.MaxUnavailablePercentage != nil:
		return invalidParameter(c.Name, "maxUnavailable and maxUnavailablePercentage cannot both be specified in updateConfig")
	case u.MaxUnavailable == nil && u.MaxUnavailablePercentage == nil && u.UpdateStrategy == "":
		return invalidParameter(c.Name, "Either maxUnavailable or maxUnavailablePercentage must be specified in updateConfig")
	case u.UpdateStrategy != "" && !slices.Contains(u.UpdateStrategy.Values(), u.UpdateStrategy):
		return invalidParameter(c.Name, "updateStrategy must be one of %v", u.UpdateStrategy.Values())
	}
	return nil
}

func checkRepair(c *cluster, r *types.NodeRepairConfig) error {
	if r == nil {
		return nil
	}
	switch {
	case r.MaxParallelNodesRepairedCount != nil && r.MaxParallelNodesRepairedPercentage != nil:
		return invalidParameter(c.Name, "maxParallelNodesRepairedCount and maxParallelNodesRepairedPercentage cannot both be specified in nodeRepairConfig")
	case r.MaxUnhealthyNodeThresholdCount != nil && r.MaxUnhealthyNodeThresholdPercentage != nil:
		return invalidParameter(c.Name, "maxUnhealthyNodeThresholdCount and maxUnhealthyNodeThresholdPercentage cannot both be specified in nodeRepairConfig")
	}
	for _, o := range r.NodeRepairConfigOverrides {
		if value(o.NodeMonitoringCondition) == "" || value(o.NodeUnhealthyReason) == "" || o.MinRepairWaitTimeMins == nil || !slices.Contains(o.RepairAction.Values(), o.RepairAction) {
			return invalidParameter(c.Name, "nodeRepairConfigOverrides must specify nodeMonitoringCondition, nodeUnhealthyReason, minRepairWaitTimeMins and repairAction")
		}
	}
	return nil
}

func checkWarmPool(c *cluster, a types.AMITypes, w *types.WarmPoolConfig) error {
	if w == nil {
		return nil
	}
	switch {
	case w.PoolState != "" && !slices.Contains(w.PoolState.Values(), w.PoolState):
		return invalidParameter(c.Name, "poolState must be one of %v", w.PoolState.Values())
	case value(w.MinSize) < 0:
		return invalidParameter(c.Name, "warmPoolConfig minSize must be at least 0")
	case w.MaxGroupPreparedCapacity != nil && *w.MaxGroupPreparedCapacity < value(w.MinSize):
		return invalidParameter(c.Name, "warmPoolConfig maxGroupPreparedCapacity %d can't be less than minSize %d", *w.MaxGroupPreparedCapacity, value(w.MinSize))
	case bottlerocket(a) && (w.PoolState == types.WarmPoolStateHibernated || value(w.ReuseOnScaleIn)):
		return invalidParameter(c.Name, "Bottlerocket AMIs support neither hibernated warm pool instances nor reuseOnScaleIn")
	}
	return nil
}

// scalingOf merges a requested scaling configuration over the present one.
func scalingOf(c *cluster, in *types.NodegroupScalingConfig, present types.NodegroupScalingConfig) (*types.NodegroupScalingConfig, error) {
	if in != nil {
		for _, f := range []struct{ to, from **int32 }{{&present.MinSize, &in.MinSize}, {&present.MaxSize, &in.MaxSize}, {&present.DesiredSize, &in.DesiredSize}} {
			if *f.from != nil {
				*f.to = *f.from
			}
		}
	}
	switch lo, hi, n := *present.MinSize, *present.MaxSize, *present.DesiredSize; {
	case lo < 0 || hi < 1:
		return nil, invalidParameter(c.Name, "Minimum capacity must be at least 0 and maximum capacity at least 1")
	case lo > hi:
		return nil, invalidParameter(c.Name, "Minimum capacity %d can't be greater than maximum capacity %d", lo, hi)
	case n < lo:
		return nil, invalidParameter(c.Name, "desired capacity %d can't be less than min size %d", n, lo)
	case n > hi:
		return nil, invalidParameter(c.Name, "desired capacity %d can't be greater than max size %d", n, hi)
	case hi > maxNodes:
		return nil, &types.ResourceLimitExceededException{ClusterName: c.Name, Message: ptr(fmt.Sprintf("Nodes per managed node group limit of %d exceeded", maxNodes))}
	}
	return &present, nil
}

// maxUnavailable is how many nodes an update may take at once.
func (n *nodegroup) maxUnavailable() int {
	u, desired := value(n.UpdateConfig), int(*n.ScalingConfig.DesiredSize)
	if u.MaxUnavailablePercentage != nil {
		return min(max(desired*int(*u.MaxUnavailablePercentage)/100, 1), maxUnavailableNodes)
	}
	return max(int(value(u.MaxUnavailable)), 1)
}
