// Command reason is the Lambda function that judges what was seen and plans.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/reason"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(reason.New) }
