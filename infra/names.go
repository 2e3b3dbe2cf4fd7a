package main

import "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"

// arns are the settings with the names that follow from them. All names are
// fixed, because the state machine's document and the configuration's defaults
// say them, and account and region are known: so every ARN is plain text, in
// the template too.
type arns struct {
	Settings
	access.Names
}

func (s Settings) names(partition string) arns {
	return arns{s, access.Names{Partition: partition, Account: s.Account, Region: s.Region, Clusters: s.Clusters, HostedZones: s.HostedZones, Roles: s.Roles}}
}
