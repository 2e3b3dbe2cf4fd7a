// Command record is the Lambda function that closes a verified step and names
// the next one.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/record"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(record.New) }
