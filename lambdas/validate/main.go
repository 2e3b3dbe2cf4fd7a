// Command validate is the Lambda function that verifies a step.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/validate"
)

func main() { start.Lambda(validate.New) }
