// Command stream is the Lambda function of the progress stream: it keeps who
// listens, and passes on to them what EventBridge tells.
package main

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/start"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/stream"
)

func main() { start.Lambda(stream.New) }
