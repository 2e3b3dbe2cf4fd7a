// Command rollback is the Lambda function that makes the plan that undoes what
// was begun.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/rollback"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(rollback.New) }
