package doctor

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// clients are those of the services that are asked; the SDK repeats what is
// throttled.
type clients struct {
	sts       *sts.Client
	iam       *iam.Client
	stack     *cloudformation.Client
	lambda    *lambda.Client
	sfn       *sfn.Client
	dynamodb  *dynamodb.Client
	s3        *s3.Client
	sns       *sns.Client
	sqs       *sqs.Client
	kms       *kms.Client
	ssm       *ssm.Client
	events    *eventbridge.Client
	scheduler *scheduler.Client
	codebuild *codebuild.Client
	eks       *eks.Client
	route53   *route53.Client
}

func newClients(cfg aws.Config) clients {
	return clients{
		sts: sts.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), stack: cloudformation.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), sfn: sfn.NewFromConfig(cfg),
		dynamodb: dynamodb.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg),
		// Custom endpoints seldom have a host name for each bucket.
		s3:     s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		events: eventbridge.NewFromConfig(cfg), scheduler: scheduler.NewFromConfig(cfg), codebuild: codebuild.NewFromConfig(cfg), eks: eks.NewFromConfig(cfg), route53: route53.NewFromConfig(cfg),
	}
}
