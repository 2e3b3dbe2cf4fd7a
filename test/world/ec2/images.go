package ec2

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// imageOwner is the account that publishes EKS's images.
const imageOwner = "602401143452"

// ImageID returns the id of an image by its name: the same name has the same id
// everywhere in the world.
func ImageID(name string) string {
	return fmt.Sprintf("ami-0%x", sha256.Sum256([]byte("ec2/image/"+name)))[:21]
}

// AddImages publishes images of EKS by name, such as
// "amazon-eks-node-al2023-x86_64-standard-1.34-v20260720".
func (s *Service) AddImages(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		day, err := time.Parse("20060102", name[strings.LastIndex(name, "v")+1:])
		if err != nil {
			day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // a name without a date, as Bottlerocket's
		}
		arch := types.ArchitectureValuesX8664
		if strings.Contains(name, "arm64") || strings.Contains(name, "aarch64") {
			arch = types.ArchitectureValuesArm64
		}
		i := types.Image{ImageId: ptr(ImageID(name)), Name: ptr(name), OwnerId: ptr(imageOwner), ImageOwnerAlias: ptr("amazon"), ImageLocation: ptr("amazon/" + name), Architecture: arch,
			CreationDate: ptr(day.Format("2006-01-02T15:04:05.000Z")), DeprecationTime: ptr(day.AddDate(2, 0, 0).Format("2006-01-02T15:04:05.000Z")), State: types.ImageStateAvailable,
			Public: ptr(true), ImageType: types.ImageTypeValuesMachine, Hypervisor: types.HypervisorTypeXen, VirtualizationType: types.VirtualizationTypeHvm, RootDeviceType: types.DeviceTypeEbs,
			RootDeviceName: ptr("/dev/xvda"), EnaSupport: ptr(true), PlatformDetails: ptr("Linux/UNIX"), UsageOperation: ptr("RunInstances"), Description: ptr("EKS-optimized image " + name)}
		if strings.HasPrefix(name, "Windows") {
			i.Platform, i.PlatformDetails = types.PlatformValuesWindows, ptr("Windows")
		}
		s.images[*i.ImageId] = i
	}
}

// LookupImage reports whether there is an image with the id.
func (s *Service) LookupImage(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.images[id]
	return ok
}

// DescribeImages describes images.
func (s *Service) DescribeImages(_ *wire.Call, in *sdk.DescribeImagesInput) (*sdk.DescribeImagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range in.ImageIds {
		if !strings.HasPrefix(id, "ami-") {
			return nil, wire.Errorf("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", id)
		}
		if _, ok := s.images[id]; !ok {
			return nil, wire.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
		}
	}
	all := sorted(s.images)
	slices.SortFunc(all, func(a, b types.Image) int { return cmp.Compare(*a.Name, *b.Name) })
	if len(in.Owners) > 0 && !slices.ContainsFunc(in.Owners, func(o string) bool { return o == "amazon" || o == imageOwner }) {
		all = nil
	}
	q := query{ids: in.ImageIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, least: 1}
	found, next, err := find(q, all, func(i types.Image) string { return *i.ImageId }, func(i types.Image) []types.Tag { return i.Tags },
		func(i types.Image, name string) ([]string, bool) {
			switch name {
			case "name":
				return []string{value(i.Name)}, true
			case "image-id":
				return []string{value(i.ImageId)}, true
			case "architecture":
				return []string{string(i.Architecture)}, true
			case "owner-id":
				return []string{value(i.OwnerId)}, true
			case "owner-alias":
				return []string{value(i.ImageOwnerAlias)}, true
			case "state":
				return []string{string(i.State)}, true
			case "image-type":
				return []string{string(i.ImageType)}, true
			case "is-public":
				return []string{strconv.FormatBool(value(i.Public))}, true
			case "platform":
				return []string{string(i.Platform)}, true
			case "root-device-type":
				return []string{string(i.RootDeviceType)}, true
			case "virtualization-type":
				return []string{string(i.VirtualizationType)}, true
			case "creation-date":
				return []string{value(i.CreationDate)}, true
			case "description":
				return []string{value(i.Description)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeImagesOutput{Images: found, NextToken: next}, nil
}
