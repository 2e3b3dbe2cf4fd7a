package eks

import (
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// Sources of the values: EKS User Guide, "Advanced Kubernetes control plane
// configuration" and "Amazon EKS Provisioned Control Plane". The programs behind
// a cluster are not told of them.

// scoredResources can be weighed by the scheduler.
var scoredResources = []string{"cpu", "memory", "nvidia.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neuroncore"}

const (
	minEventTTL, maxEventTTL     = "10m", "60m"
	minSyncPeriod, maxSyncPeriod = "10s", "15s"
	minNodePort, maxNodePort     = 10260, 32767
	maxWeight                    = 100
	defaultTerminatedPods        = 12500 // Kubernetes's own
)

// componentDefaults is what DescribeClusterVersions says of every version.
func componentDefaults() *types.ControlPlaneConfigInfo {
	ports := &types.IntegerRangeConstraint{Min: ptr(int32(minNodePort)), Max: ptr(int32(maxNodePort))}
	return &types.ControlPlaneConfigInfo{
		KubeApiServerConfig: &types.KubeApiServerVersionConfig{
			EventTtl: &types.DurationParameterConfig{DefaultValue: ptr("60m"), Constraints: &types.DurationConstraints{Min: ptr(minEventTTL), Max: ptr(maxEventTTL)}},
			ServiceNodePortRange: &types.PortRangeParameterConfig{DefaultValue: &types.ServiceNodePortRange{MinPort: 30000, MaxPort: 32767},
				Constraints: &types.PortRangeConstraints{MinPort: ports, MaxPort: ports}},
		},
		KubeControllerManagerConfig: &types.KubeControllerManagerVersionConfig{
			HorizontalPodAutoscalerControllerConfig: &types.HorizontalPodAutoscalerControllerVersionConfig{HorizontalPodAutoscalerSyncPeriod: &types.DurationParameterConfig{
				DefaultValue: ptr("15s"), Constraints: &types.DurationConstraints{Min: ptr(maxSyncPeriod), Max: ptr(maxSyncPeriod)}}}, // less with a provisioned tier
			PodGcControllerConfig: &types.PodGcControllerVersionConfig{TerminatedPodGcThreshold: &types.IntegerParameterConfig{
				DefaultValue: ptr(int32(defaultTerminatedPods)), Constraints: &types.IntegerConstraints{Min: ptr(int32(1)), Max: ptr(int32(defaultTerminatedPods))}}},
		},
		KubeSchedulerConfig: &types.KubeSchedulerVersionConfig{NodeResourcesFit: &types.NodeResourcesFitVersionConfig{ScoringStrategy: &types.ScoringStrategyConfig{
			DefaultValue: &types.ScoringStrategy{Type: types.ScoringStrategyTypeLeastAllocated, Resources: []types.ResourceWeight{
				{Name: ptr("cpu"), Weight: ptr(int32(1))}, {Name: ptr("memory"), Weight: ptr(int32(1))}}},
			Constraints: &types.ScoringStrategyConstraints{
				ScoringStrategy: &types.AllowedValuesConstraint{AllowedValues: []string{string(types.ScoringStrategyTypeLeastAllocated), string(types.ScoringStrategyTypeMostAllocated)}},
				Resources: &types.ResourceConstraints{Name: &types.AllowedValuesConstraint{AllowedValues: scoredResources},
					Weight: &types.IntegerRangeConstraint{Min: ptr(int32(1)), Max: ptr(int32(maxWeight))}}}}}},
	}
}

// scalingTiers are the tiers whose figures the User Guide gives.
func scalingTiers() []types.ControlPlaneScalingTierInfo {
	overrides := &types.ControlPlaneConfigInfo{KubeControllerManagerConfig: &types.KubeControllerManagerVersionConfig{
		HorizontalPodAutoscalerControllerConfig: &types.HorizontalPodAutoscalerControllerVersionConfig{HorizontalPodAutoscalerSyncPeriod: &types.DurationParameterConfig{
			DefaultValue: ptr("15s"), Constraints: &types.DurationConstraints{Min: ptr(minSyncPeriod), Max: ptr(maxSyncPeriod)}}}}}
	var tiers []types.ControlPlaneScalingTierInfo
	for _, t := range []struct {
		name        types.ProvisionedControlPlaneTier
		seats, pods int32
	}{{types.ProvisionedControlPlaneTierTierXl, 1700, 167}, {types.ProvisionedControlPlaneTierTier2xl, 3400, 283}, {types.ProvisionedControlPlaneTierTier4xl, 6800, 400}} {
		tiers = append(tiers, types.ControlPlaneScalingTierInfo{TierName: ptr(string(t.name)), ApiRequestConcurrency: ptr(t.seats),
			PodSchedulingRatePerSecond: ptr(t.pods), ClusterDatabaseSizeGb: ptr(int32(16)), ControlPlaneComponentConfigOverrides: overrides})
	}
	return tiers
}

// componentConfig is the configuration of the control plane's programs.
type componentConfig struct {
	apiServer  *types.KubeApiServerConfigRequest
	controller *types.KubeControllerManagerConfigRequest
	scheduler  *types.KubeSchedulerConfigRequest
}

func (k componentConfig) given() bool {
	return k.apiServer != nil || k.controller != nil || k.scheduler != nil
}

// check bounds the configuration of a cluster of the tier.
func (k componentConfig) check(cluster *string, tier types.ProvisionedControlPlaneTier) error {
	if a := k.apiServer; a != nil {
		if !within(a.EventTtl, minEventTTL, maxEventTTL) {
			return invalidParameter(cluster, "kubeApiServerConfig.eventTtl %s is invalid: it must be a single-unit duration between %s and %s", *a.EventTtl, minEventTTL, maxEventTTL)
		}
		if r := a.ServiceNodePortRange; r != nil && (r.MinPort < minNodePort || r.MaxPort > maxNodePort || r.MinPort > r.MaxPort) {
			return invalidParameter(cluster, "kubeApiServerConfig.serviceNodePortRange %d-%d is invalid: it must lie between %d and %d", r.MinPort, r.MaxPort, minNodePort, maxNodePort)
		}
	}
	if m := k.controller; m != nil {
		if h := m.HorizontalPodAutoscalerControllerConfig; h != nil && h.HorizontalPodAutoscalerSyncPeriod != nil {
			if tier == types.ProvisionedControlPlaneTierStandard {
				return invalidParameter(cluster, "horizontalPodAutoscalerSyncPeriod requires a provisioned control plane scaling tier")
			}
			if !within(h.HorizontalPodAutoscalerSyncPeriod, minSyncPeriod, maxSyncPeriod) {
				return invalidParameter(cluster, "horizontalPodAutoscalerSyncPeriod %s is invalid: it must be a single-unit duration between %s and %s", *h.HorizontalPodAutoscalerSyncPeriod, minSyncPeriod, maxSyncPeriod)
			}
		}
		if g := m.PodGcControllerConfig; g != nil && g.TerminatedPodGcThreshold != nil && (*g.TerminatedPodGcThreshold < 1 || *g.TerminatedPodGcThreshold > defaultTerminatedPods) {
			return invalidParameter(cluster, "terminatedPodGcThreshold must be between 1 and %d", defaultTerminatedPods)
		}
	}
	if n := k.scheduler; n != nil && n.NodeResourcesFit != nil && n.NodeResourcesFit.ScoringStrategy != nil {
		return checkScoring(cluster, n.NodeResourcesFit.ScoringStrategy)
	}
	return nil
}

func checkScoring(cluster *string, s *types.ScoringStrategy) error {
	for _, r := range s.Resources {
		if !slices.Contains(scoredResources, value(r.Name)) {
			return invalidParameter(cluster, "Scoring strategy resource %s is invalid. Valid values: %v", value(r.Name), scoredResources)
		}
		if w := value(r.Weight); w < 1 || w > maxWeight {
			return invalidParameter(cluster, "Scoring strategy weight of %s must be between 1 and %d", *r.Name, maxWeight)
		}
	}
	return checkEnum(cluster, "scoringStrategy.type", s.Type, s.Type.Values())
}

var singleUnit = regexp.MustCompile(`^\d+[smh]$`)

// within says whether a duration, when there is one, lies between two others.
func within(d *string, least, most string) bool {
	if d == nil {
		return true
	}
	if !singleUnit.MatchString(*d) {
		return false
	}
	parse := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			return -1 // too long to be one
		}
		return d
	}
	return parse(*d) >= parse(least) && parse(*d) <= parse(most)
}

func (k componentConfig) apply(c *types.Cluster) {
	if k.apiServer != nil {
		c.KubeApiServerConfig = ptr(convert[types.KubeApiServerConfigResponse](k.apiServer))
	}
	if k.controller != nil {
		c.KubeControllerManagerConfig = ptr(convert[types.KubeControllerManagerConfigResponse](k.controller))
	}
	if k.scheduler != nil {
		c.KubeSchedulerConfig = ptr(convert[types.KubeSchedulerConfigResponse](k.scheduler))
	}
}
