package eks

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// autoNodeCount is how many nodes an Auto Mode cluster has here. On AWS it
// follows the pods; the agent under test only sees versions.
const autoNodeCount = 2

// autoNodegroup is what the backend calls the nodes of Auto Mode.
const autoNodegroup = "eks-auto-mode"

// autoMode is the state of a cluster's Auto Mode nodes.
type autoMode struct {
	version    string // of the nodes; "" without nodes
	blocked    string // why nodes cannot be replaced now; "" when they can
	generation int    // of moves: a newer one supersedes those before
	resume     func() // starts the move that waits until nothing blocks
	rollback   *rollback
}

// autoSpec is what a request says about Auto Mode. Nil: nothing.
type autoSpec struct {
	enabled bool
	compute *types.ComputeConfigRequest
}

func (a *autoSpec) on() bool { return a != nil && a.enabled }

func (c *cluster) autoOn() bool { return c.ComputeConfig != nil && value(c.ComputeConfig.Enabled) }

// autoModeOf checks the three capabilities of Auto Mode, which are on or off
// together. present is nil for a new cluster.
func autoModeOf(cluster *string, present *types.ComputeConfigResponse, compute *types.ComputeConfigRequest, network *types.KubernetesNetworkConfigRequest, storage *types.StorageConfigRequest) (*autoSpec, error) {
	balancing := network != nil && network.ElasticLoadBalancing != nil
	if compute == nil && storage == nil && !balancing {
		return nil, nil
	}
	if compute == nil {
		compute = &types.ComputeConfigRequest{}
	}
	enabled := value(compute.Enabled)
	if enabled != (balancing && value(network.ElasticLoadBalancing.Enabled)) || enabled != (storage != nil && storage.BlockStorage != nil && value(storage.BlockStorage.Enabled)) {
		return nil, invalidParameter(cluster, "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.")
	}
	for _, pool := range compute.NodePools {
		if !slices.Contains([]string{"general-purpose", "system"}, pool) {
			return nil, invalidParameter(cluster, "Compute config node pool %s is invalid. Valid values: [general-purpose, system]", pool)
		}
	}
	role := value(compute.NodeRoleArn)
	if role == "" && present != nil {
		role = value(present.NodeRoleArn)
	}
	switch {
	case !enabled && (len(compute.NodePools) > 0 || compute.NodeRoleArn != nil):
		return nil, invalidParameter(cluster, "Compute config nodePools and nodeRoleArn can only be specified when EKS Auto Mode is enabled")
	case enabled && len(compute.NodePools) > 0 && role == "":
		return nil, invalidParameter(cluster, "When Compute Config nodePools is not empty, a nodeRoleArn value must be provided.")
	case enabled && value(compute.NodeRoleArn) != "" && len(compute.NodePools) == 0:
		return nil, invalidParameter(cluster, "When Compute Config nodeRoleArn is not null or empty, nodePool value(s) must be provided.")
	case role != "" && !roleARN.MatchString(role):
		return nil, invalidParameter(cluster, "Compute config nodeRoleArn %s is not the ARN of a role", role)
	case present != nil && value(present.Enabled) && value(present.NodeRoleArn) != "" && role != *present.NodeRoleArn:
		return nil, invalidParameter(cluster, "Compute config nodeRoleArn cannot be changed after EKS Auto Mode was enabled")
	}
	return &autoSpec{enabled: enabled, compute: compute}, nil
}

func (a *autoSpec) apply(c *types.Cluster) {
	if a == nil {
		return
	}
	compute := &types.ComputeConfigResponse{Enabled: ptr(a.enabled), NodePools: []string{}}
	if a.enabled {
		compute.NodePools = append(compute.NodePools, a.compute.NodePools...)
		compute.NodeRoleArn = a.compute.NodeRoleArn
		if compute.NodeRoleArn == nil && c.ComputeConfig != nil {
			compute.NodeRoleArn = c.ComputeConfig.NodeRoleArn
		}
	}
	network := *c.KubernetesNetworkConfig
	network.ElasticLoadBalancing = &types.ElasticLoadBalancing{Enabled: ptr(a.enabled)}
	c.ComputeConfig, c.KubernetesNetworkConfig = compute, &network
	c.StorageConfig = &types.StorageConfigResponse{BlockStorage: &types.BlockStorage{Enabled: ptr(a.enabled)}}
}

// startAutoNodes gives an Auto Mode cluster its nodes, and takes them from one
// that is none any more.
func (s *Service) startAutoNodes(c *cluster) {
	switch {
	case c.autoOn() && c.auto.version == "":
		s.grantAutoMode(c)
		s.moveAutoNodes(c, *c.Version, func(error) {})
	case !c.autoOn() && c.auto.version != "":
		s.moveAutoNodes(c, "", func(error) {})
	}
}

// moveAutoNodes replaces the nodes of Auto Mode by nodes of another version;
// "" removes them. A later move supersedes it: then done is not called. Nothing
// happens while something blocks.
func (s *Service) moveAutoNodes(c *cluster, version string, done func(error)) {
	c.auto.generation++
	c.auto.resume = nil
	if c.auto.blocked != "" && c.auto.version != "" && version != c.auto.version {
		c.auto.resume = func() { s.moveAutoNodes(c, version, done) }
		return
	}
	generation := c.auto.generation
	s.after(s.takes(WorkAutoModeNodes, *c.Name), s.autoNodes(*c.Name, version), func(err error) {
		if generation != c.auto.generation {
			return
		}
		if err == nil {
			c.auto.version = version
		}
		done(err)
	})
}

// autoNodes returns the backend's work of bringing the nodes to a version.
func (s *Service) autoNodes(cluster, version string) func(context.Context) error {
	nodes := Nodes{}
	if v, ok := findVersion(version); ok {
		nodes = Nodes{Count: autoNodeCount, KubeletVersion: v.kubelet(), InstanceType: "c6a.large", Zones: s.validZones(), Labels: map[string]string{
			"eks.amazonaws.com/compute-type": "auto", "karpenter.sh/nodepool": "general-purpose", "karpenter.sh/capacity-type": "on-demand",
		}}
	}
	return func(ctx context.Context) error {
		return s.opts.Clusters.ScaleNodegroup(ctx, cluster, autoNodegroup, nodes)
	}
}

// BlockAutoNodes says why the nodes of an Auto Mode cluster cannot be replaced,
// for example "budgets of NodePool general-purpose allow 0 nodes"; "" lets them
// be replaced again. It is what a NodePool's disruption budget of 0 or the
// annotation karpenter.sh/do-not-disrupt on nodes does on AWS.
func (s *Service) BlockAutoNodes(cluster, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	if !c.autoOn() {
		return fmt.Errorf("eks: cluster %s is no Auto Mode cluster", cluster)
	}
	c.auto.blocked = reason
	if resume := c.auto.resume; reason == "" && resume != nil {
		resume()
	}
	return nil
}

// AutoNodesVersion returns the minor version of an Auto Mode cluster's nodes, or
// "" when it has none.
func (s *Service) AutoNodesVersion(cluster string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clusters[cluster]; c != nil {
		return c.auto.version
	}
	return ""
}
