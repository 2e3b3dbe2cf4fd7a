// Command report is the Lambda function that reports how an upgrade ended.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
)

func main() { start.Lambda(report.New) }
