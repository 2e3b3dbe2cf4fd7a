// Package ec2 simulates as much of Amazon EC2 as an upgrade looks at: zones,
// VPCs, subnets with their free addresses, security groups, launch templates,
// instance types, EKS's images, and the instances of EKS node groups. Networks
// are set from Go; instances are launched by the simulated EKS.
package ec2

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// reservedIPs is how many addresses AWS keeps of each subnet.
const reservedIPs = 5

// Options configures a Service.
type Options struct {
	Account, Region string
}

// Service is the simulated EC2. It is safe for concurrent use.
type Service struct {
	opts Options

	mu      sync.Mutex
	vpcs    map[string]types.Vpc
	subnets map[string]types.Subnet
	groups  map[string]types.SecurityGroup

	images      map[string]types.Image
	machines    map[string]*instance
	templates   map[string]*launchTemplate
	cursor      map[string]int // addresses given out, by block
	seq         int
	onTerminate []func(id string)
}

// New returns an EC2 without VPCs.
func New(o Options) *Service {
	return &Service{opts: o, vpcs: map[string]types.Vpc{}, subnets: map[string]types.Subnet{}, groups: map[string]types.SecurityGroup{},
		images: map[string]types.Image{}, machines: map[string]*instance{}, templates: map[string]*launchTemplate{}, cursor: map[string]int{}}
}

// newID returns an id such as "i-0123456789abcdef0", the same in every run that
// makes the same calls. The lock must be held.
func (s *Service) newID(kind string) string {
	s.seq++
	h := sha256.Sum256(fmt.Appendf(nil, "ec2/%s/%s/%s/%d", s.opts.Account, s.opts.Region, kind, s.seq))
	return fmt.Sprintf("%s-0%x", kind, h)[:len(kind)+18]
}

// AddVPC adds a VPC with a default security group.
func (s *Service) AddVPC(id, cidr string, tags map[string]string) error {
	if _, err := netip.ParsePrefix(cidr); err != nil {
		return fmt.Errorf("ec2: VPC %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpcs[id] = types.Vpc{VpcId: ptr(id), CidrBlock: ptr(cidr), OwnerId: ptr(s.opts.Account), State: types.VpcStateAvailable,
		InstanceTenancy: types.TenancyDefault, IsDefault: ptr(false), DhcpOptionsId: ptr("dopt-" + strings.TrimPrefix(id, "vpc-")), Tags: tagList(tags),
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{{AssociationId: ptr("vpc-cidr-assoc-" + strings.TrimPrefix(id, "vpc-")), CidrBlock: ptr(cidr),
			CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated}}}}
	s.addGroup("sg-"+strings.TrimPrefix(id, "vpc-"), id, "default", "default VPC security group", nil)
	return nil
}

// SetDefaultVPC makes a VPC the region's default one, with its subnets.
func (s *Service) SetDefaultVPC(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	vpc, ok := s.vpcs[id]
	if !ok {
		return fmt.Errorf("ec2: no VPC %s", id)
	}
	vpc.IsDefault = ptr(true)
	s.vpcs[id] = vpc
	for key, n := range s.subnets {
		if *n.VpcId == id {
			n.DefaultForAz = ptr(true)
			s.subnets[key] = n
		}
	}
	return nil
}

// LookupVPC returns the block of a VPC; false when it does not exist.
func (s *Service) LookupVPC(id string) (cidr string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	vpc, ok := s.vpcs[id]
	return value(vpc.CidrBlock), ok
}

// Subnet describes a subnet to add.
type Subnet struct {
	ID, VPC, CIDR string
	Zone          string // for example "eu-west-1a"
	FreeIPs       int    // negative: all addresses but those that AWS keeps
	Public        bool
	Tags          map[string]string
}

// AddSubnet adds a subnet to a VPC that exists.
func (s *Service) AddSubnet(n Subnet) error {
	prefix, err := netip.ParsePrefix(n.CIDR)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() < 16 || prefix.Bits() > 28 {
		return fmt.Errorf("ec2: subnet %s: %q is not an IPv4 block of /16 to /28", n.ID, n.CIDR)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.vpcs[n.VPC]; !ok {
		return fmt.Errorf("ec2: subnet %s: no VPC %s", n.ID, n.VPC)
	}
	zone := slices.Index(s.zoneNames(), n.Zone)
	if zone < 0 {
		return fmt.Errorf("ec2: subnet %s: %q is not a zone of %s", n.ID, n.Zone, s.opts.Region)
	}
	size := 1<<(32-prefix.Bits()) - reservedIPs
	if n.FreeIPs < 0 {
		n.FreeIPs = size
	}
	if n.FreeIPs > size {
		return fmt.Errorf("ec2: subnet %s: %d free addresses, but %s holds %d", n.ID, n.FreeIPs, n.CIDR, size)
	}
	s.subnets[n.ID] = types.Subnet{
		SubnetId: ptr(n.ID), VpcId: ptr(n.VPC), CidrBlock: ptr(n.CIDR), AvailabilityZone: ptr(n.Zone), AvailabilityZoneId: ptr(s.zoneID(zone)),
		AvailableIpAddressCount: ptr(int32(n.FreeIPs)), MapPublicIpOnLaunch: ptr(n.Public), DefaultForAz: ptr(false), State: types.SubnetStateAvailable,
		OwnerId: ptr(s.opts.Account), Tags: tagList(n.Tags), SubnetArn: ptr(fmt.Sprintf("arn:aws:ec2:%s:%s:subnet/%s", s.opts.Region, s.opts.Account, n.ID)),
	}
	return nil
}

// SetFreeIPs sets how many addresses of a subnet are free.
func (s *Service) SetFreeIPs(subnet string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.subnets[subnet]
	if !ok {
		return fmt.Errorf("ec2: no subnet %s", subnet)
	}
	have.AvailableIpAddressCount = ptr(int32(max(n, 0)))
	s.subnets[subnet] = have
	return nil
}

// LookupSubnet returns the VPC, the zone and the number of free addresses of a
// subnet; false when it does not exist.
func (s *Service) LookupSubnet(id string) (vpc, zone string, freeIPs int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.subnets[id]
	if !ok {
		return "", "", 0, false
	}
	return *n.VpcId, *n.AvailabilityZone, int(*n.AvailableIpAddressCount), true
}

// AddSecurityGroup adds a security group that lets everything out.
func (s *Service) AddSecurityGroup(id, vpc, name string, ingress ...types.IpPermission) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.vpcs[vpc]; !ok {
		return fmt.Errorf("ec2: security group %s: no VPC %s", id, vpc)
	}
	s.addGroup(id, vpc, name, name, ingress)
	return nil
}

// LookupSecurityGroup returns the VPC of a security group; false when it does
// not exist.
func (s *Service) LookupSecurityGroup(id string) (vpc string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[id]
	return value(g.VpcId), ok
}

// OwnSecurityGroup adds a security group that another service made: its members
// reach each other. RemoveSecurityGroup takes it away.
func (s *Service) OwnSecurityGroup(id, vpc, name, description string, tags map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addGroup(id, vpc, name, description, []types.IpPermission{{IpProtocol: ptr("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: ptr(id), UserId: ptr(s.opts.Account)}}}})
	g := s.groups[id]
	g.Tags = tagList(tags)
	s.groups[id] = g
}

// RemoveSecurityGroup removes a security group.
func (s *Service) RemoveSecurityGroup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, id)
}

func (s *Service) addGroup(id, vpc, name, description string, ingress []types.IpPermission) {
	s.groups[id] = types.SecurityGroup{GroupId: ptr(id), GroupName: ptr(name), Description: ptr(description), VpcId: ptr(vpc), OwnerId: ptr(s.opts.Account),
		IpPermissions: slices.Clone(ingress), IpPermissionsEgress: []types.IpPermission{{IpProtocol: ptr("-1"), IpRanges: []types.IpRange{{CidrIp: ptr("0.0.0.0/0")}}}}}
}

// zoneNames are the zones of the region: a, b and c.
func (s *Service) zoneNames() []string {
	return []string{s.opts.Region + "a", s.opts.Region + "b", s.opts.Region + "c"}
}

// zoneID returns an id such as "euw1-az1" for zone i of region eu-west-1.
func (s *Service) zoneID(i int) string {
	var short strings.Builder
	for n, part := range strings.Split(s.opts.Region, "-") {
		switch part {
		case "northeast", "northwest", "southeast", "southwest":
			short.WriteString(part[:1] + part[5:6])
		default:
			short.WriteString(part[:min(len(part), 2-min(n, 1))])
		}
	}
	return fmt.Sprintf("%s-az%d", short.String(), i+1)
}

func tagList(m map[string]string) []types.Tag {
	var tags []types.Tag
	for _, k := range slices.Sorted(maps.Keys(m)) {
		tags = append(tags, types.Tag{Key: ptr(k), Value: ptr(m[k])})
	}
	return tags
}

func dryRun(flag *bool) error {
	if flag != nil && *flag {
		return &wire.Error{Code: "DryRunOperation", Status: 412, Message: "Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
