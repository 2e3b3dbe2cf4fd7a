package awsstate

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func (c *Collector) profiles(ctx context.Context, cluster string) ([]upgrade.FargateProfile, error) {
	names := []string{}
	pages := eks.NewListFargateProfilesPaginator(c.fargate, &eks.ListFargateProfilesInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list Fargate profiles", err)
		}
		names = append(names, page.FargateProfileNames...)
	}
	slices.Sort(names)
	return partial.Each(ctx, parallel, names, func(ctx context.Context, name string) (upgrade.FargateProfile, error) {
		out, err := c.fargate.DescribeFargateProfile(ctx, &eks.DescribeFargateProfileInput{ClusterName: &cluster, FargateProfileName: &name})
		if err != nil {
			return upgrade.FargateProfile{}, wrap("describe Fargate profile "+name, err)
		}
		from := out.FargateProfile
		profile := upgrade.FargateProfile{Name: name, Status: string(from.Status), Subnets: from.Subnets}
		for _, s := range from.Selectors {
			profile.Namespaces = append(profile.Namespaces, aws.ToString(s.Namespace))
		}
		if from.Health != nil {
			for _, i := range from.Health.Issues {
				profile.Health = append(profile.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
			}
		}
		return profile, nil
	})
}
