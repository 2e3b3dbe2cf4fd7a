// Command perceive is the Lambda function that looks at one source.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/perceive"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(perceive.New) }
