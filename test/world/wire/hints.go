package wire

import "reflect"

// hint names one member whose wire name does not follow from its Go name.
type hint struct {
	structure, member string
	request           bool
}

func hintKey(t reflect.Type, member string, request bool) hint {
	return hint{t.Name(), member, request}
}

// nameHints lists the exceptions to the naming rules of EC2's query protocol
// (source: the deserializers of the SDK's ec2 module).
var nameHints = map[hint]string{
	{"DescribeSecurityGroupsOutput", "SecurityGroups", false}:       "securityGroupInfo",
	{"SecurityGroup", "Description", false}:                         "groupDescription",
	{"SecurityGroup", "IpPermissionsEgress", false}:                 "ipPermissionsEgress",
	{"SecurityGroup", "IpPermissions", false}:                       "ipPermissions",
	{"IpPermission", "IpRanges", false}:                             "ipRanges",
	{"IpPermission", "Ipv6Ranges", false}:                           "ipv6Ranges",
	{"IpPermission", "UserIdGroupPairs", false}:                     "groups",
	{"IpPermission", "PrefixListIds", false}:                        "prefixListIds",
	{"DescribeAvailabilityZonesOutput", "AvailabilityZones", false}: "availabilityZoneInfo",
	{"DescribeRegionsOutput", "Regions", false}:                     "regionInfo",
	{"AvailabilityZone", "State", false}:                            "zoneState",
	{"Region", "Endpoint", false}:                                   "regionEndpoint",
	{"Reservation", "Instances", false}:                             "instancesSet",
	{"Instance", "State", false}:                                    "instanceState",
}

// itemHints lists the names of list items that are not the list's singular.
var itemHints = map[hint]string{
	{"TestDNSAnswerOutput", "RecordData", false}: "RecordDataEntry",
}
