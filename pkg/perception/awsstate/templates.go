package awsstate

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/nodeconfig"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// launchTemplates describes the templates that node groups and self-managed Auto
// Scaling groups use. Those that EKS makes for node groups are EKS's affair.
func (l *look) launchTemplates(ctx context.Context, s *upgrade.ClusterState) ([]upgrade.LaunchTemplate, error) {
	if s.NodeGroups == nil || s.ScalingGroups == nil {
		return nil, errSaid
	}
	used := map[string]map[string]bool{}
	use := func(t *upgrade.TemplateUse) {
		if t == nil || t.ID == "" {
			return
		}
		if used[t.ID] == nil {
			used[t.ID] = map[string]bool{"$Default": true, "$Latest": true}
		}
		used[t.ID][cmp.Or(t.Version, "$Default")] = true
	}
	for _, g := range s.NodeGroups {
		use(g.Template)
	}
	for _, g := range s.ScalingGroups {
		if g.NodeGroup == "" {
			use(g.Template)
		}
	}
	return partial.Each(ctx, parallel, slices.Sorted(maps.Keys(used)), func(ctx context.Context, id string) (upgrade.LaunchTemplate, error) {
		return l.template(ctx, id, slices.Sorted(maps.Keys(used[id])))
	})
}

func (c *Collector) template(ctx context.Context, id string, versions []string) (upgrade.LaunchTemplate, error) {
	template := upgrade.LaunchTemplate{ID: id, Versions: []upgrade.TemplateVersion{}}
	op := "describe launch template " + id
	out, err := c.templates.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{id}})
	switch {
	case awserr.Is(err, "InvalidLaunchTemplateId.NotFound"), err == nil && len(out.LaunchTemplates) == 0:
		template.Gone = true
		return template, nil
	case err != nil:
		return template, wrap(op, err)
	}
	from := out.LaunchTemplates[0]
	template.Name, template.Default, template.Latest = aws.ToString(from.LaunchTemplateName), aws.ToInt64(from.DefaultVersionNumber), aws.ToInt64(from.LatestVersionNumber)
	pages := ec2.NewDescribeLaunchTemplateVersionsPaginator(c.templates, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: versions})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return template, wrap(op, err)
		}
		for _, v := range page.LaunchTemplateVersions {
			template.Versions = append(template.Versions, templateVersion(v))
		}
	}
	slices.SortFunc(template.Versions, func(a, b upgrade.TemplateVersion) int { return cmp.Compare(a.Number, b.Number) })
	template.Versions = slices.CompactFunc(template.Versions, func(a, b upgrade.TemplateVersion) bool { return a.Number == b.Number })
	return template, nil
}

func templateVersion(from types.LaunchTemplateVersion) upgrade.TemplateVersion {
	version := upgrade.TemplateVersion{Number: aws.ToInt64(from.VersionNumber), CreatedAt: instant(from.CreateTime)}
	data := from.LaunchTemplateData
	if data == nil {
		return version
	}
	version.Image, version.InstanceType = aws.ToString(data.ImageId), string(data.InstanceType)
	for _, d := range data.BlockDeviceMappings {
		if d.Ebs != nil {
			version.Disks = append(version.Disks, upgrade.Disk{Type: string(d.Ebs.VolumeType), GiB: int(aws.ToInt32(d.Ebs.VolumeSize))})
		}
	}
	if text := aws.ToString(data.UserData); text != "" {
		version.UserData, version.Node = true, nodeconfig.ReadBase64(text)
	}
	return version
}
