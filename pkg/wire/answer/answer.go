// Package answer wires the approval API.
package answer

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/answer"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/documents"
)

// New returns the handler of the API; its logger and metrics are the context's.
func New(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[answer.Response], error) {
	handler := &answer.Handler{
		Questions: approval.NewQuestions(dynamodb.NewFromConfig(cfg), c.Tables.Approvals),
		Documents: documents.Store{Store: artifacts.New(awsclient.S3(cfg), c.Bucket)},
		SFN:       sfn.NewFromConfig(cfg),
		Approvers: c.Security.Approvers,
		Clock:     clk,
	}
	return answer.Always(boundary.Serve(ctx, "answer", handler.Handle)), nil
}
