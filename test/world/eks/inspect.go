package eks

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// Cluster returns a cluster as DescribeCluster would, outside the API.
func (s *Service) Cluster(name string) (types.Cluster, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[name]
	if c == nil {
		return types.Cluster{}, false
	}
	return c.Cluster, true
}

// Clusters returns all clusters, sorted by name.
func (s *Service) Clusters() []types.Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []types.Cluster{}
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		out = append(out, s.clusters[name].Cluster)
	}
	return out
}

// Nodegroups returns the node groups of a cluster, sorted by name.
func (s *Service) Nodegroups(cluster string) []types.Nodegroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []types.Nodegroup{}
	if c := s.clusters[cluster]; c != nil {
		for _, name := range slices.Sorted(maps.Keys(c.nodegroups)) {
			out = append(out, c.nodegroups[name].Nodegroup)
		}
	}
	return out
}

// Updates returns all updates of a cluster and its parts, oldest first.
func (s *Service) Updates(cluster string) []types.Update {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []types.Update{}
	if c := s.clusters[cluster]; c != nil {
		for _, u := range c.updates {
			out = append(out, u.Update)
		}
	}
	return out
}

// AddUpdate adds an update that a part of EKS made that is not simulated, to be
// listed and described; its id and time are made when they are missing. It
// returns the id.
func (s *Service) AddUpdate(cluster string, u types.Update) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return "", err
	}
	if u.Id == nil {
		u.Id = ptr(s.uuid())
	}
	if u.CreatedAt == nil {
		u.CreatedAt = s.now()
	}
	c.updates = append(c.updates, &update{Update: u})
	return *u.Id, nil
}

// SetNodegroupHealth replaces a node group's health issues. With issues its
// status is DEGRADED, without it is ACTIVE again.
func (s *Service) SetNodegroupHealth(cluster, nodegroup string, issues ...types.Issue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	n, err := c.nodegroup(&nodegroup)
	if err != nil {
		return err
	}
	n.Health = &types.NodegroupHealth{Issues: append([]types.Issue{}, issues...)}
	switch {
	case len(issues) > 0 && n.Status == types.NodegroupStatusActive:
		n.Status = types.NodegroupStatusDegraded
	case len(issues) == 0 && n.Status == types.NodegroupStatusDegraded:
		n.Status = types.NodegroupStatusActive
	}
	return nil
}
