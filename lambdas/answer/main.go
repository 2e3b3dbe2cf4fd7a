// Command answer is the Lambda function behind the approval API: people read
// there what they are asked, and answer.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(answer.New) }
