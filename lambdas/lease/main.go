// Command lease is the Lambda function that acquires and releases the lease of
// a cluster.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/lease"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(lease.New) }
