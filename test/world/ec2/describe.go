package ec2

import (
	"maps"
	"slices"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// sorted returns the values of m in the order of its keys.
func sorted[T any](m map[string]T) []T {
	out := []T{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// DescribeSubnets describes subnets with their free addresses.
func (s *Service) DescribeSubnets(_ *wire.Call, in *sdk.DescribeSubnetsInput) (*sdk.DescribeSubnetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := query{ids: in.SubnetIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidSubnetID.NotFound", what: "subnet ID"}
	found, next, err := find(q, sorted(s.subnets), func(n types.Subnet) string { return *n.SubnetId }, func(n types.Subnet) []types.Tag { return n.Tags },
		func(n types.Subnet, name string) ([]string, bool) {
			switch name {
			case "subnet-id":
				return []string{value(n.SubnetId)}, true
			case "vpc-id":
				return []string{value(n.VpcId)}, true
			case "availability-zone", "availabilityZone":
				return []string{value(n.AvailabilityZone)}, true
			case "availability-zone-id", "availabilityZoneId":
				return []string{value(n.AvailabilityZoneId)}, true
			case "available-ip-address-count":
				return []string{strconv.Itoa(int(value(n.AvailableIpAddressCount)))}, true
			case "cidr-block", "cidr", "cidrBlock":
				return []string{value(n.CidrBlock)}, true
			case "map-public-ip-on-launch":
				return []string{strconv.FormatBool(value(n.MapPublicIpOnLaunch))}, true
			case "state":
				return []string{string(n.State)}, true
			case "owner-id":
				return []string{value(n.OwnerId)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeSubnetsOutput{Subnets: found, NextToken: next}, nil
}

// DescribeVpcs describes VPCs.
func (s *Service) DescribeVpcs(_ *wire.Call, in *sdk.DescribeVpcsInput) (*sdk.DescribeVpcsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := query{ids: in.VpcIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidVpcID.NotFound", what: "vpc ID"}
	found, next, err := find(q, sorted(s.vpcs), func(v types.Vpc) string { return *v.VpcId }, func(v types.Vpc) []types.Tag { return v.Tags },
		func(v types.Vpc, name string) ([]string, bool) {
			switch name {
			case "vpc-id":
				return []string{value(v.VpcId)}, true
			case "cidr", "cidr-block-association.cidr-block":
				return []string{value(v.CidrBlock)}, true
			case "state":
				return []string{string(v.State)}, true
			case "is-default", "isDefault":
				return []string{strconv.FormatBool(value(v.IsDefault))}, true
			case "owner-id":
				return []string{value(v.OwnerId)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeVpcsOutput{Vpcs: found, NextToken: next}, nil
}

// DescribeSecurityGroups describes security groups.
func (s *Service) DescribeSecurityGroups(_ *wire.Call, in *sdk.DescribeSecurityGroupsInput) (*sdk.DescribeSecurityGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.GroupNames) > 0 {
		return nil, wire.Errorf("InvalidParameterCombination", "Group names work in a default VPC only; use group IDs or the filter group-name")
	}
	q := query{ids: in.GroupIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidGroup.NotFound", what: "security group"}
	found, next, err := find(q, sorted(s.groups), func(g types.SecurityGroup) string { return *g.GroupId }, func(g types.SecurityGroup) []types.Tag { return g.Tags },
		func(g types.SecurityGroup, name string) ([]string, bool) {
			switch name {
			case "group-id":
				return []string{value(g.GroupId)}, true
			case "group-name":
				return []string{value(g.GroupName)}, true
			case "description":
				return []string{value(g.Description)}, true
			case "vpc-id":
				return []string{value(g.VpcId)}, true
			case "owner-id":
				return []string{value(g.OwnerId)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeSecurityGroupsOutput{SecurityGroups: found, NextToken: next}, nil
}

// DescribeAvailabilityZones describes the region's three zones.
func (s *Service) DescribeAvailabilityZones(_ *wire.Call, in *sdk.DescribeAvailabilityZonesInput) (*sdk.DescribeAvailabilityZonesOutput, error) {
	zones := []types.AvailabilityZone{}
	for i, name := range s.zoneNames() {
		zones = append(zones, types.AvailabilityZone{
			ZoneName: ptr(name), ZoneId: ptr(s.zoneID(i)), RegionName: ptr(s.opts.Region), GroupName: ptr(s.opts.Region + "-zg-1"), NetworkBorderGroup: ptr(s.opts.Region),
			State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired, ZoneType: ptr("availability-zone"),
		})
	}
	attr := func(z types.AvailabilityZone, name string) ([]string, bool) {
		switch name {
		case "zone-name":
			return []string{value(z.ZoneName)}, true
		case "zone-id":
			return []string{value(z.ZoneId)}, true
		case "region-name":
			return []string{value(z.RegionName)}, true
		case "zone-type":
			return []string{value(z.ZoneType)}, true
		case "state":
			return []string{string(z.State)}, true
		case "opt-in-status":
			return []string{string(z.OptInStatus)}, true
		}
		return nil, false
	}
	none := func(types.AvailabilityZone) []types.Tag { return nil }
	found, _, err := find(query{ids: in.ZoneNames, dryRun: in.DryRun, notFound: "InvalidParameterValue", what: "availability zone"}, zones,
		func(z types.AvailabilityZone) string { return *z.ZoneName }, none, attr)
	if err != nil {
		return nil, err
	}
	found, _, err = find(query{ids: in.ZoneIds, filters: in.Filters, notFound: "InvalidParameterValue", what: "availability zone"}, found,
		func(z types.AvailabilityZone) string { return *z.ZoneId }, none, attr)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeAvailabilityZonesOutput{AvailabilityZones: found}, nil
}
