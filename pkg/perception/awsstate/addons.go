package awsstate

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"golang.org/x/mod/semver"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// installed describes all add-ons with what EKS offers of each for the
// versions, or errs.
func (c *Collector) installed(ctx context.Context, cluster string, versions []upgrade.Version) ([]upgrade.Addon, error) {
	names := []string{}
	pages := eks.NewListAddonsPaginator(c.addons, &eks.ListAddonsInput{ClusterName: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("list add-ons", err)
		}
		names = append(names, page.Addons...)
	}
	slices.Sort(names)
	return partial.Each(ctx, parallel, names, func(ctx context.Context, name string) (upgrade.Addon, error) {
		out, err := c.addons.DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: &cluster, AddonName: &name})
		if err != nil {
			return upgrade.Addon{}, wrap("describe add-on "+name, err)
		}
		from := out.Addon
		addon := upgrade.Addon{Name: name, Version: aws.ToString(from.AddonVersion), Status: string(from.Status),
			RoleARN: aws.ToString(from.ServiceAccountRoleArn),
			Owner:   aws.ToString(from.Owner), PodIdentities: from.PodIdentityAssociations, Configuration: aws.ToString(from.ConfigurationValues), Compatible: map[string]upgrade.AddonChoice{}}
		if from.Health != nil {
			for _, i := range from.Health.Issues {
				addon.Health = append(addon.Health, upgrade.HealthIssue{Code: string(i.Code), Message: aws.ToString(i.Message), Resources: i.ResourceIds})
			}
		}
		for _, v := range versions {
			if addon.Compatible[v.String()], err = c.offered(ctx, name, v); err != nil {
				return upgrade.Addon{}, err
			}
		}
		return addon, nil
	})
}

// offered returns the versions of an add-on for a Kubernetes version, the
// newest first; none when EKS offers none.
func (c *Collector) offered(ctx context.Context, addon string, version upgrade.Version) (upgrade.AddonChoice, error) {
	choice := upgrade.AddonChoice{Versions: []string{}}
	pages := eks.NewDescribeAddonVersionsPaginator(c.addons, &eks.DescribeAddonVersionsInput{AddonName: &addon, KubernetesVersion: aws.String(version.String())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return choice, wrap("list the versions of add-on "+addon, err)
		}
		for _, info := range page.Addons {
			for _, v := range info.AddonVersions {
				for _, compatible := range v.Compatibilities {
					if aws.ToString(compatible.ClusterVersion) != version.String() {
						continue
					}
					choice.Versions = append(choice.Versions, aws.ToString(v.AddonVersion))
					if compatible.DefaultVersion {
						choice.Default = aws.ToString(v.AddonVersion)
					}
					break
				}
			}
		}
	}
	slices.SortFunc(choice.Versions, func(a, b string) int { return cmp.Or(semver.Compare(b, a), cmp.Compare(b, a)) })
	choice.Versions = slices.Compact(choice.Versions)
	return choice, nil
}
