// Command survey is the Lambda function that looks at clusters between
// upgrades and tells what changed.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/survey"
)

func main() { start.Lambda(survey.New) }
