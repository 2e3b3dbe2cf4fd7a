package perceive

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/awslinks"
)

// surroundings adds to what base sees of a cluster in AWS what is around it.
func surroundings(cfg aws.Config, base awslinks.Base) *awslinks.Collector {
	return awslinks.Around(base, awslinks.Clients{
		Clusters: eks.NewFromConfig(cfg), Network: ec2.NewFromConfig(cfg), Identity: iam.NewFromConfig(cfg), Balancers: elasticloadbalancingv2.NewFromConfig(cfg),
		Classic: elasticloadbalancing.NewFromConfig(cfg), Databases: rds.NewFromConfig(cfg), Caches: elasticache.NewFromConfig(cfg), Records: route53.NewFromConfig(cfg),
	})
}
