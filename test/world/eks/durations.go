package eks

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Work is a kind of work that takes time.
type Work string

// All kinds of work.
const (
	WorkCreateCluster       Work = "CreateCluster"
	WorkUpdateVersion       Work = "UpdateClusterVersion"
	WorkRollbackVersion     Work = "RollbackClusterVersion" // of the control plane alone
	WorkUpdateConfig        Work = "UpdateClusterConfig"
	WorkUpdateLogging       Work = "UpdateClusterLogging"
	WorkAssociateEncryption Work = "AssociateEncryptionConfig"
	WorkIdentityProvider    Work = "IdentityProviderConfig"
	WorkFailUpdate          Work = "FailUpdate" // until an update that cannot work is Failed
	WorkDeleteCluster       Work = "DeleteCluster"
	WorkCreateNodegroup     Work = "CreateNodegroup" // with its first nodes
	WorkDeleteNodegroup     Work = "DeleteNodegroup"
	WorkUpdateNodegroup     Work = "UpdateNodegroupConfig"
	WorkNodegroupSetup      Work = "NodegroupSetup" // launch template version and Auto Scaling group of a version update
	WorkLaunchNode          Work = "LaunchNode"     // from RunInstances to Ready
	WorkTerminateNode       Work = "TerminateNode"
	WorkAddon               Work = "Addon" // to create, update or delete an add-on
	WorkInsightsRefresh     Work = "InsightsRefresh"
	WorkFargateProfile      Work = "FargateProfile" // to create or delete one
	WorkAutoModeNodes       Work = "AutoModeNodes"  // one batch of Auto Mode's nodes
)

// Distribution is a log-normal distribution of durations: half of them are
// longer than the median, one in twenty is longer than P95.
type Distribution struct {
	Median, P95 time.Duration
	// Source says where the figures come from. "estimate" is what we have seen
	// or heard, without a measurement that one can look up.
	Source string
}

// Distributions are the durations of each kind of work on AWS.
var Distributions = map[Work]Distribution{
	WorkCreateCluster:       {9 * time.Minute, 14 * time.Minute, "EKS User Guide, Create an Amazon EKS cluster: provisioning takes several minutes; figures: estimate"},
	WorkUpdateVersion:       {9 * time.Minute, 20 * time.Minute, "EKS User Guide, Update existing cluster: the update takes several minutes; figures: estimate"},
	WorkRollbackVersion:     {11 * time.Minute, 25 * time.Minute, "estimate: like an update, with more checks"},
	WorkUpdateConfig:        {4 * time.Minute, 10 * time.Minute, "estimate"},
	WorkUpdateLogging:       {2 * time.Minute, 5 * time.Minute, "estimate"},
	WorkAssociateEncryption: {25 * time.Minute, 50 * time.Minute, "estimate: every secret is written anew"},
	WorkIdentityProvider:    {12 * time.Minute, 25 * time.Minute, "EKS User Guide, Grant users access with an external OIDC provider: several minutes; figures: estimate"},
	WorkFailUpdate:          {2 * time.Minute, 5 * time.Minute, "estimate"},
	WorkDeleteCluster:       {3 * time.Minute, 8 * time.Minute, "estimate"},
	WorkCreateNodegroup:     {150 * time.Second, 5 * time.Minute, "estimate"},
	WorkDeleteNodegroup:     {4 * time.Minute, 9 * time.Minute, "estimate"},
	WorkUpdateNodegroup:     {40 * time.Second, 2 * time.Minute, "estimate"},
	WorkNodegroupSetup:      {30 * time.Second, 90 * time.Second, "estimate"},
	WorkLaunchNode:          {75 * time.Second, 3 * time.Minute, "estimate: instance boot and node bootstrap of Amazon Linux 2023"},
	WorkTerminateNode:       {60 * time.Second, 2 * time.Minute, "EKS User Guide, Understand each phase of node updates: EKS waits 60 seconds after it cordons; figures: estimate"},
	WorkAddon:               {45 * time.Second, 3 * time.Minute, "estimate"},
	WorkInsightsRefresh:     {time.Minute, 4 * time.Minute, "estimate"},
	WorkFargateProfile:      {2 * time.Minute, 5 * time.Minute, "estimate"},
	WorkAutoModeNodes:       {3 * time.Minute, 8 * time.Minute, "estimate"},
}

// Default fixed durations, in simulated time, as one typically sees them on AWS.
const (
	DefaultCreateCluster   = 9 * time.Minute
	DefaultUpdateVersion   = 12 * time.Minute
	DefaultFailUpdate      = 2 * time.Minute
	DefaultDeleteCluster   = 3 * time.Minute
	DefaultCreateNodegroup = 3 * time.Minute
	DefaultUpdateNodegroup = 5 * time.Minute // of its configuration
	DefaultDeleteNodegroup = 3 * time.Minute
	DefaultAddon           = time.Minute
	DefaultInsightsRefresh = time.Minute
	DefaultNodegroupSetup  = 30 * time.Second
	DefaultLaunchNode      = 90 * time.Second
	DefaultTerminateNode   = time.Minute
	DefaultFargateProfile  = 2 * time.Minute
)

// Durations fixes how long things take in simulated time. Zero means the
// default (or, with Options.RandomDurations, a draw), a negative value no time
// at all. What has no field here takes the median of its Distribution.
type Durations struct {
	CreateCluster, UpdateVersion, FailUpdate, DeleteCluster time.Duration
	CreateNodegroup, UpdateNodegroup, DeleteNodegroup       time.Duration
	NodegroupSetup, LaunchNode, TerminateNode               time.Duration
	Addon, InsightsRefresh, FargateProfile                  time.Duration
}

// fixed returns the field of a kind of work and its default.
func (d Durations) fixed(w Work) (set, def time.Duration) {
	switch w {
	case WorkCreateCluster:
		return d.CreateCluster, DefaultCreateCluster
	case WorkUpdateVersion, WorkRollbackVersion:
		return d.UpdateVersion, DefaultUpdateVersion
	case WorkFailUpdate:
		return d.FailUpdate, DefaultFailUpdate
	case WorkDeleteCluster:
		return d.DeleteCluster, DefaultDeleteCluster
	case WorkCreateNodegroup:
		return d.CreateNodegroup, DefaultCreateNodegroup
	case WorkUpdateNodegroup:
		return d.UpdateNodegroup, DefaultUpdateNodegroup
	case WorkDeleteNodegroup:
		return d.DeleteNodegroup, DefaultDeleteNodegroup
	case WorkNodegroupSetup:
		return d.NodegroupSetup, DefaultNodegroupSetup
	case WorkLaunchNode:
		return d.LaunchNode, DefaultLaunchNode
	case WorkTerminateNode:
		return d.TerminateNode, DefaultTerminateNode
	case WorkAddon:
		return d.Addon, DefaultAddon
	case WorkInsightsRefresh:
		return d.InsightsRefresh, DefaultInsightsRefresh
	case WorkFargateProfile:
		return d.FargateProfile, DefaultFargateProfile
	}
	return 0, Distributions[w].Median
}

// takes returns how long work on the named thing takes this time. The lock must
// be held: a draw depends on how often the thing was worked on before.
func (s *Service) takes(w Work, name string) time.Duration {
	set, def := s.opts.Durations.fixed(w)
	switch {
	case set != 0:
		return max(set, 0)
	case !s.opts.RandomDurations:
		return def
	}
	key := string(w) + "/" + name
	s.draws[key]++
	return Distributions[w].draw(s.opts.Seed, key, s.draws[key])
}

// sigma is the standard deviation of the logarithm.
func (d Distribution) sigma() float64 {
	const z95 = 1.6448536269514722 // the 95th percentile of the standard normal distribution
	return math.Log(float64(d.P95)/float64(d.Median)) / z95
}

// draw returns a duration in whole seconds; the same arguments give the same
// one. Nothing is drawn beyond the 99.9th percentile.
func (d Distribution) draw(seed int64, key string, n int) time.Duration {
	h := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", seed, key, n))
	u := (float64(binary.BigEndian.Uint64(h[:8])>>11) + 0.5) / (1 << 53)
	z := min(math.Sqrt2*math.Erfinv(2*u-1), 3.09)
	return time.Duration(float64(d.Median) * math.Exp(d.sigma()*z)).Round(time.Second)
}
