package ec2

import (
	"context"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// started launches an instance that has run for a while.
func started(t *testing.T, s *Service, subnet string, at time.Time) types.Instance {
	t.Helper()
	i, err := s.Launch(Launch{Subnet: subnet, Type: "m6i.large", ImageID: ImageID("x"), DiskGiB: 20, SecurityGroups: []string{"sg-nodes"}, At: at,
		Tags: map[string]string{"eks:nodegroup-name": "workers"}})
	must(t, err)
	return i
}

func TestInstancesLiveAndEnd(t *testing.T) {
	s, client := newFixture(t) // the clock stands at launched
	ctx := context.Background()
	old := started(t, s, "subnet-0", launched.Add(-time.Hour))
	fresh := started(t, s, "subnet-1", launched.Add(-time.Second))
	var told []string
	s.OnTerminate(func(id string) { told = append(told, id) })
	out, err := client.DescribeInstances(ctx, &sdk.DescribeInstancesInput{Filters: []types.Filter{filter("tag:eks:nodegroup-name", "workers")}})
	must(t, err)
	if len(out.Reservations) != 2 {
		t.Fatalf("%d reservations", len(out.Reservations))
	}
	i := out.Reservations[0].Instances[0]
	if *i.InstanceId != *old.InstanceId || i.State.Name != types.InstanceStateNameRunning || *i.State.Code != 16 || *i.PrivateIpAddress != "10.0.0.4" || *i.PrivateDnsName != "ip-10-0-0-4.eu-west-1.compute.internal" ||
		*i.Placement.AvailabilityZone != "eu-west-1a" || *i.VpcId != "vpc-1" || *i.SecurityGroups[0].GroupName != "nodes" || !i.LaunchTime.Equal(launched.Add(-time.Hour)) || *i.BlockDeviceMappings[0].Ebs.VolumeId == "" {
		t.Errorf("instance = %+v", i)
	}
	if state := out.Reservations[1].Instances[0].State.Name; state != types.InstanceStateNamePending {
		t.Errorf("the new instance is %s", state)
	}
	status, err := client.DescribeInstanceStatus(ctx, &sdk.DescribeInstanceStatusInput{})
	must(t, err)
	if len(status.InstanceStatuses) != 1 || status.InstanceStatuses[0].InstanceStatus.Status != types.SummaryStatusOk || status.InstanceStatuses[0].InstanceStatus.Details[0].Status != types.StatusTypePassed {
		t.Errorf("statuses = %+v", status.InstanceStatuses)
	}
	status, err = client.DescribeInstanceStatus(ctx, &sdk.DescribeInstanceStatusInput{IncludeAllInstances: ptr(true)})
	must(t, err)
	if len(status.InstanceStatuses) != 2 || status.InstanceStatuses[1].InstanceStatus.Status != types.SummaryStatusNotApplicable {
		t.Errorf("statuses = %+v", status.InstanceStatuses)
	}
	subnets, err := client.DescribeSubnets(ctx, &sdk.DescribeSubnetsInput{SubnetIds: []string{"subnet-0"}})
	must(t, err)
	if free := *subnets.Subnets[0].AvailableIpAddressCount; free != 250 {
		t.Errorf("%d free addresses, want 250", free)
	}
	ended, err := client.TerminateInstances(ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{*old.InstanceId}})
	must(t, err)
	if c := ended.TerminatingInstances[0]; c.PreviousState.Name != types.InstanceStateNameRunning || c.CurrentState.Name != types.InstanceStateNameShuttingDown {
		t.Errorf("change = %+v", c)
	}
	if !slices.Equal(told, []string{*old.InstanceId}) {
		t.Errorf("told of %v", told)
	}
	if _, _, free, _ := s.LookupSubnet("subnet-0"); free != 251 {
		t.Errorf("%d free addresses, want 251", free)
	}
	volumes, err := client.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{})
	must(t, err)
	if len(volumes.Volumes) != 1 || *volumes.Volumes[0].Attachments[0].InstanceId != *fresh.InstanceId || *volumes.Volumes[0].Size != 20 || volumes.Volumes[0].State != types.VolumeStateInUse {
		t.Errorf("volumes = %+v", volumes.Volumes)
	}
	_, err = client.TerminateInstances(ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	wantCode(t, err, "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist")
	_, err = client.DescribeInstances(ctx, &sdk.DescribeInstancesInput{InstanceIds: []string{"web"}})
	wantCode(t, err, "InvalidInstanceID.Malformed", `Invalid id: "web"`)
}

func TestEndedInstancesAreForgottenAfterAnHour(t *testing.T) {
	s, _ := newFixture(t)
	i := started(t, s, "subnet-0", launched)
	s.End(*i.InstanceId, launched.Add(time.Hour))
	for after, want := range map[time.Duration]types.InstanceStateName{time.Second: types.InstanceStateNameShuttingDown, time.Minute: types.InstanceStateNameTerminated} {
		if got := s.allSeen(launched.Add(time.Hour + after)); got[0].State.Name != want {
			t.Errorf("after %v: %s", after, got[0].State.Name)
		}
	}
	if got := s.allSeen(launched.Add(2*time.Hour + time.Minute)); len(got) != 0 {
		t.Errorf("instances = %+v", got)
	}
}

func TestAddressesAreNotUsedAgainSoon(t *testing.T) {
	s, _ := newFixture(t)
	a := started(t, s, "subnet-0", launched)
	s.End(*a.InstanceId, launched)
	b := started(t, s, "subnet-0", launched)
	if *a.PrivateDnsName == *b.PrivateDnsName || *a.InstanceId == *b.InstanceId {
		t.Errorf("%s is used again", *a.PrivateDnsName)
	}
	must(t, s.SetFreeIPs("subnet-1", 0))
	_, err := s.Launch(Launch{Subnet: "subnet-1", Type: "m6i.large", At: launched})
	wantCodeOf(t, err, "InsufficientFreeAddressesInSubnet")
}

func TestLaunchTemplateVersions(t *testing.T) {
	_, client := newFixture(t)
	ctx := context.Background()
	name := ptr("workers")
	created, err := client.CreateLaunchTemplate(ctx, &sdk.CreateLaunchTemplateInput{LaunchTemplateName: name, VersionDescription: ptr("first"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeLaunchTemplate, Tags: []types.Tag{{Key: ptr("team"), Value: ptr("a")}}}},
		LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: ptr("ami-0123456789abcdef0"), InstanceType: "m6i.large", UserData: ptr("aGVsbG8="), SecurityGroupIds: []string{"sg-1", "sg-2"},
			BlockDeviceMappings: []types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: ptr("/dev/xvda"), Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{VolumeSize: ptr(int32(80)), VolumeType: types.VolumeTypeGp3}}},
			MetadataOptions:     &types.LaunchTemplateInstanceMetadataOptionsRequest{HttpTokens: types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: ptr(int32(2))},
			TagSpecifications:   []types.LaunchTemplateTagSpecificationRequest{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: ptr("k"), Value: ptr("v")}}}}}})
	must(t, err)
	lt := created.LaunchTemplate
	if *lt.DefaultVersionNumber != 1 || *lt.LatestVersionNumber != 1 || *lt.Tags[0].Value != "a" || !lt.CreateTime.Equal(launched) {
		t.Errorf("launch template = %+v", lt)
	}
	_, err = client.CreateLaunchTemplate(ctx, &sdk.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: "m5.large"}})
	wantCode(t, err, "InvalidLaunchTemplateName.AlreadyExistsException", "already in use")
	second, err := client.CreateLaunchTemplateVersion(ctx, &sdk.CreateLaunchTemplateVersionInput{LaunchTemplateId: lt.LaunchTemplateId, SourceVersion: ptr("1"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: "m7i.large"}})
	must(t, err)
	d := second.LaunchTemplateVersion.LaunchTemplateData
	if *second.LaunchTemplateVersion.VersionNumber != 2 || d.InstanceType != "m7i.large" || *d.ImageId != "ami-0123456789abcdef0" || *d.BlockDeviceMappings[0].Ebs.VolumeSize != 80 ||
		!slices.Equal(d.SecurityGroupIds, []string{"sg-1", "sg-2"}) || *d.TagSpecifications[0].Tags[0].Value != "v" || d.MetadataOptions.HttpTokens != types.LaunchTemplateHttpTokensStateRequired {
		t.Errorf("version 2 = %+v", d)
	}
	_, err = client.ModifyLaunchTemplate(ctx, &sdk.ModifyLaunchTemplateInput{LaunchTemplateName: name, DefaultVersion: ptr("2")})
	must(t, err)
	versions := func(in sdk.DescribeLaunchTemplateVersionsInput) (out []int64) {
		t.Helper()
		in.LaunchTemplateName = name
		got, err := client.DescribeLaunchTemplateVersions(ctx, &in)
		must(t, err)
		for _, v := range got.LaunchTemplateVersions {
			out = append(out, *v.VersionNumber)
		}
		return out
	}
	for _, c := range []struct {
		in   sdk.DescribeLaunchTemplateVersionsInput
		want []int64
	}{
		{sdk.DescribeLaunchTemplateVersionsInput{}, []int64{2, 1}},
		{sdk.DescribeLaunchTemplateVersionsInput{Versions: []string{"$Default"}}, []int64{2}},
		{sdk.DescribeLaunchTemplateVersionsInput{Versions: []string{"1"}}, []int64{1}},
		{sdk.DescribeLaunchTemplateVersionsInput{MaxVersion: ptr("1")}, []int64{1}},
		{sdk.DescribeLaunchTemplateVersionsInput{Filters: []types.Filter{filter("is-default-version", "true")}}, []int64{2}},
	} {
		if d := cmp.Diff(c.want, versions(c.in)); d != "" {
			t.Error(d)
		}
	}
	deleted, err := client.DeleteLaunchTemplateVersions(ctx, &sdk.DeleteLaunchTemplateVersionsInput{LaunchTemplateName: name, Versions: []string{"1", "2", "7"}})
	must(t, err)
	if len(deleted.SuccessfullyDeletedLaunchTemplateVersions) != 1 || len(deleted.UnsuccessfullyDeletedLaunchTemplateVersions) != 2 ||
		deleted.UnsuccessfullyDeletedLaunchTemplateVersions[1].ResponseError.Code != types.LaunchTemplateErrorCodeLaunchTemplateVersionDoesNotExist {
		t.Errorf("deleted = %+v", deleted)
	}
	all, err := client.DescribeLaunchTemplates(ctx, &sdk.DescribeLaunchTemplatesInput{LaunchTemplateNames: []string{"workers"}})
	must(t, err)
	if len(all.LaunchTemplates) != 1 || *all.LaunchTemplates[0].DefaultVersionNumber != 2 {
		t.Errorf("launch templates = %+v", all.LaunchTemplates)
	}
	_, err = client.DeleteLaunchTemplate(ctx, &sdk.DeleteLaunchTemplateInput{LaunchTemplateId: lt.LaunchTemplateId})
	must(t, err)
	_, err = client.DescribeLaunchTemplates(ctx, &sdk.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{*lt.LaunchTemplateId}})
	wantCode(t, err, "InvalidLaunchTemplateId.NotFound", *lt.LaunchTemplateId)
}

func TestInstanceTypes(t *testing.T) {
	_, client := newFixture(t)
	ctx := context.Background()
	out, err := client.DescribeInstanceTypes(ctx, &sdk.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m6i.xlarge", "t4g.medium"}})
	must(t, err)
	if len(out.InstanceTypes) != 2 || *out.InstanceTypes[0].VCpuInfo.DefaultVCpus != 4 || *out.InstanceTypes[0].MemoryInfo.SizeInMiB != 16384 ||
		out.InstanceTypes[1].ProcessorInfo.SupportedArchitectures[0] != types.ArchitectureTypeArm64 {
		t.Errorf("instance types = %+v", out.InstanceTypes)
	}
	_, err = client.DescribeInstanceTypes(ctx, &sdk.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"z9.huge"}})
	wantCode(t, err, "InvalidInstanceType", "do not exist: [z9.huge]")
	p := sdk.NewDescribeInstanceTypesPaginator(client, &sdk.DescribeInstanceTypesInput{})
	n := 0
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		must(t, err)
		n += len(page.InstanceTypes)
	}
	if n != len(allTypes()) {
		t.Errorf("%d instance types, want %d", n, len(allTypes()))
	}
	offers, err := client.DescribeInstanceTypeOfferings(ctx, &sdk.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "m5.large")}})
	must(t, err)
	if len(offers.InstanceTypeOfferings) != 3 || *offers.InstanceTypeOfferings[0].Location != "eu-west-1a" {
		t.Errorf("offerings = %+v", offers.InstanceTypeOfferings)
	}
}

func TestImages(t *testing.T) {
	s, client := newFixture(t)
	const name = "amazon-eks-node-al2023-arm64-standard-1.34-v20260720"
	s.AddImages(name, "amazon-eks-node-al2023-x86_64-standard-1.34-v20260720")
	out, err := client.DescribeImages(context.Background(), &sdk.DescribeImagesInput{Owners: []string{"amazon"}, Filters: []types.Filter{filter("name", "amazon-eks-node-al2023-arm64-*")}})
	must(t, err)
	if len(out.Images) != 1 || *out.Images[0].ImageId != ImageID(name) || out.Images[0].Architecture != types.ArchitectureValuesArm64 || *out.Images[0].OwnerId != imageOwner ||
		out.Images[0].State != types.ImageStateAvailable || !*out.Images[0].Public || *out.Images[0].CreationDate != "2026-07-20T00:00:00.000Z" {
		t.Errorf("images = %+v", out.Images)
	}
	_, err = client.DescribeImages(context.Background(), &sdk.DescribeImagesInput{ImageIds: []string{"ami-00000000000000000"}})
	wantCode(t, err, "InvalidAMIID.NotFound", "does not exist")
}
