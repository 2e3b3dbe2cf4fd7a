package ec2

import (
	"maps"
	"slices"
	"strconv"
	"strings"

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
			case "subnet-arn":
				return []string{value(n.SubnetArn)}, true
			case "default-for-az", "defaultForAz":
				return []string{strconv.FormatBool(value(n.DefaultForAz))}, true
			case "ipv6-native":
				return []string{strconv.FormatBool(value(n.Ipv6Native))}, true
			case "outpost-arn":
				return []string{value(n.OutpostArn)}, true
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
			if rest, ok := strings.CutPrefix(name, "egress.ip-permission."); ok {
				return permissionFilter(g.IpPermissionsEgress, rest)
			}
			if rest, ok := strings.CutPrefix(name, "ip-permission."); ok {
				return permissionFilter(g.IpPermissions, rest)
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeSecurityGroupsOutput{SecurityGroups: found, NextToken: next}, nil
}

// permissionFilter returns what a filter of rules looks at.
func permissionFilter(rules []types.IpPermission, name string) (have []string, ok bool) {
	if !slices.Contains([]string{"cidr", "from-port", "to-port", "protocol", "group-id"}, name) {
		return nil, false
	}
	for _, p := range rules {
		switch name {
		case "cidr":
			for _, r := range p.IpRanges {
				have = append(have, value(r.CidrIp))
			}
		case "from-port":
			have = append(have, strconv.Itoa(int(value(p.FromPort))))
		case "to-port":
			have = append(have, strconv.Itoa(int(value(p.ToPort))))
		case "protocol":
			have = append(have, value(p.IpProtocol))
		case "group-id":
			for _, g := range p.UserIdGroupPairs {
				have = append(have, value(g.GroupId))
			}
		}
	}
	return have, true
}

// DescribeRegions describes the world's only region.
func (s *Service) DescribeRegions(_ *wire.Call, in *sdk.DescribeRegionsInput) (*sdk.DescribeRegionsOutput, error) {
	all := []types.Region{{RegionName: ptr(s.opts.Region), Endpoint: ptr("ec2." + s.opts.Region + ".amazonaws.com"), OptInStatus: ptr("opt-in-not-required")}}
	found, _, err := find(query{ids: in.RegionNames, filters: in.Filters, dryRun: in.DryRun, notFound: "InvalidParameterValue", what: "region"}, all,
		func(r types.Region) string { return *r.RegionName }, func(types.Region) []types.Tag { return nil },
		func(r types.Region, name string) ([]string, bool) {
			switch name {
			case "region-name":
				return []string{value(r.RegionName)}, true
			case "endpoint":
				return []string{value(r.Endpoint)}, true
			case "opt-in-status":
				return []string{value(r.OptInStatus)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeRegionsOutput{Regions: found}, nil
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
