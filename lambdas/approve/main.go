// Command approve is the Lambda function that asks a person whether a plan may
// run, and checks the answer.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/approve"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(approve.New) }
