package awsstate

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// images describes the images that nodes run and that groups would launch. Those
// of Auto Mode are EKS's affair.
func (l *look) images(ctx context.Context, s *upgrade.ClusterState) ([]upgrade.Image, error) {
	if s.ScalingGroups == nil || s.Instances == nil || s.LaunchTemplates == nil {
		return nil, errSaid
	}
	var ids []string
	for _, i := range s.Instances {
		if i.Provisioner != upgrade.ByAutoMode {
			ids = append(ids, i.Image)
		}
	}
	for _, g := range s.ScalingGroups {
		ids = append(ids, g.Image)
	}
	for _, t := range s.LaunchTemplates {
		for _, v := range t.Versions {
			ids = append(ids, v.Image)
		}
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return !strings.HasPrefix(id, "ami-") })
	found := []upgrade.Image{}
	for some := range slices.Chunk(ids, 200) { // more values a filter does not take
		// By a filter: EC2 refuses a list of ids one of which is gone.
		pages := ec2.NewDescribeImagesPaginator(l.instances, &ec2.DescribeImagesInput{IncludeDeprecated: aws.Bool(true),
			Filters: []types.Filter{{Name: aws.String("image-id"), Values: some}}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, wrap("describe images", err)
			}
			for _, i := range page.Images {
				found = append(found, image(i))
			}
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(i upgrade.Image) bool { return i.ID == id }) {
			found = append(found, upgrade.Image{ID: id, Gone: true})
		}
	}
	slices.SortFunc(found, func(a, b upgrade.Image) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

func image(from types.Image) upgrade.Image {
	i := upgrade.Image{ID: aws.ToString(from.ImageId), Name: aws.ToString(from.Name), Owner: cmp.Or(aws.ToString(from.ImageOwnerAlias), aws.ToString(from.OwnerId)),
		Architecture: string(from.Architecture), CreatedAt: timestamp(from.CreationDate), DeprecatedAt: timestamp(from.DeprecationTime)}
	i.Family, i.Version = Family(i.Name)
	return i
}

func timestamp(text *string) upgrade.Time {
	t, err := time.Parse(time.RFC3339, aws.ToString(text))
	if err != nil {
		return upgrade.Time{}
	}
	return upgrade.At(t)
}

// families are the names of images for EKS. Sources:
// https://docs.aws.amazon.com/eks/latest/userguide/eks-optimized-amis.html,
// https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-versions-windows.html,
// https://cloud-images.ubuntu.com/docs/aws/eks/.
var families = []struct {
	family string
	name   *regexp.Regexp
}{
	{"AL2023", regexp.MustCompile(`amazon-eks-(?:[a-z0-9]+-)*node-al2023-(?:[a-z0-9_]+-)*?(1\.\d+)-`)},
	{"AL2", regexp.MustCompile(`amazon-eks-(?:arm64-|gpu-)?node-(1\.\d+)-`)},
	{"Bottlerocket", regexp.MustCompile(`bottlerocket-aws-k8s-(1\.\d+)-`)},
	{"Windows", regexp.MustCompile(`Windows_Server-.*EKS_Optimized-(1\.\d+)-`)},
	{"Ubuntu", regexp.MustCompile(`ubuntu-eks(?:-pro)?/k8s_(1\.\d+)/`)},
}

// Family returns what the name of an image says: AL2, AL2023, Bottlerocket,
// Windows or Ubuntu for EKS, and the version of Kubernetes; nothing for other
// names.
func Family(name string) (string, upgrade.Version) {
	for _, f := range families {
		if m := f.name.FindStringSubmatch(name); m != nil {
			if v, err := upgrade.ParseVersion(m[1]); err == nil {
				return f.family, v
			}
		}
	}
	return "", upgrade.Version{}
}
