// Command eks-upgrade upgrades EKS clusters, and rehearses that on a laptop.
package main

import (
	"os"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/cmd/eks-upgrade/cli"
)

func main() { os.Exit(cli.Main()) }
