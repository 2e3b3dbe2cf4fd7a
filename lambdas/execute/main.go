// Command execute is the Lambda function that brings a step forward.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/execute"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(execute.New) }
