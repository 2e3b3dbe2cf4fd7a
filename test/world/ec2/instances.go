package ec2

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// How long an instance stays in a state that passes (source: what one sees in
// the console; a terminated instance is described for about an hour).
const (
	pendingTime      = 15 * time.Second
	shuttingDownTime = 30 * time.Second
	terminatedTime   = time.Hour
)

// The states of an instance.
var (
	statePending      = types.InstanceState{Name: types.InstanceStateNamePending, Code: ptr(int32(0))}
	stateRunning      = types.InstanceState{Name: types.InstanceStateNameRunning, Code: ptr(int32(16))}
	stateShuttingDown = types.InstanceState{Name: types.InstanceStateNameShuttingDown, Code: ptr(int32(32))}
	stateTerminated   = types.InstanceState{Name: types.InstanceStateNameTerminated, Code: ptr(int32(48))}
)

// Launch says what instance an Auto Scaling group starts. Zone and VPC count
// only when EC2 does not know the subnet.
type Launch struct {
	Subnet, Zone, VPC string
	Type, ImageID     string
	ARM, Windows      bool
	Spot              bool
	KeyName           string
	DiskGiB           int32
	SecurityGroups    []string
	Tags              map[string]string
	At                time.Time
}

// instance is one instance from its start until an hour after its end.
type instance struct {
	types.Instance
	disk  int32
	ended time.Time // zero: it has not ended
}

// Launch starts an instance. It fails with InsufficientFreeAddressesInSubnet
// when the subnet has no free address.
func (s *Service) Launch(l Launch) (types.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ip, err := s.takeAddress(&l)
	if err != nil {
		return types.Instance{}, err
	}
	domain := s.opts.Region + ".compute.internal"
	if s.opts.Region == "us-east-1" {
		domain = "ec2.internal"
	}
	id := s.newID("i")
	i := &instance{disk: l.DiskGiB, Instance: types.Instance{
		InstanceId: ptr(id), InstanceType: types.InstanceType(l.Type), ImageId: ptr(l.ImageID), LaunchTime: ptr(l.At), AmiLaunchIndex: ptr(int32(0)),
		PrivateIpAddress: ptr(ip), PrivateDnsName: ptr("ip-" + strings.ReplaceAll(ip, ".", "-") + "." + domain), PublicDnsName: ptr(""),
		SubnetId: ptr(l.Subnet), VpcId: ptr(l.VPC), Placement: &types.Placement{AvailabilityZone: ptr(l.Zone), GroupName: ptr(""), Tenancy: types.TenancyDefault},
		Architecture: types.ArchitectureValuesX8664, Hypervisor: types.HypervisorTypeXen, VirtualizationType: types.VirtualizationTypeHvm,
		RootDeviceName: ptr("/dev/xvda"), RootDeviceType: types.DeviceTypeEbs, EbsOptimized: ptr(false), EnaSupport: ptr(true), SourceDestCheck: ptr(true),
		Monitoring: &types.Monitoring{State: types.MonitoringStateDisabled}, PlatformDetails: ptr("Linux/UNIX"), StateTransitionReason: ptr(""), Tags: tagList(l.Tags),
		BlockDeviceMappings: []types.InstanceBlockDeviceMapping{{DeviceName: ptr("/dev/xvda"), Ebs: &types.EbsInstanceBlockDevice{
			VolumeId: ptr("vol-" + id[2:]), Status: types.AttachmentStatusAttached, DeleteOnTermination: ptr(true), AttachTime: ptr(l.At)}}},
		MetadataOptions: &types.InstanceMetadataOptionsResponse{State: types.InstanceMetadataOptionsStateApplied, HttpTokens: types.HttpTokensStateRequired,
			HttpPutResponseHopLimit: ptr(int32(2)), HttpEndpoint: types.InstanceMetadataEndpointStateEnabled},
	}}
	if t, ok := LookupType(l.Type); ok {
		cpu := t.info().VCpuInfo
		i.CpuOptions = &types.CpuOptions{CoreCount: cpu.DefaultCores, ThreadsPerCore: cpu.DefaultThreadsPerCore}
	}
	if l.ARM {
		i.Architecture = types.ArchitectureValuesArm64
	}
	if l.Windows {
		i.Platform, i.PlatformDetails = types.PlatformValuesWindows, ptr("Windows")
	}
	if l.Spot {
		i.InstanceLifecycle = types.InstanceLifecycleTypeSpot
	}
	if l.KeyName != "" {
		i.KeyName = ptr(l.KeyName)
	}
	for _, g := range l.SecurityGroups {
		i.SecurityGroups = append(i.SecurityGroups, types.GroupIdentifier{GroupId: ptr(g), GroupName: ptr(value(s.groups[g].GroupName))})
	}
	s.machines[id] = i
	return s.seen(i, l.At), nil
}

// takeAddress takes the next address of the launch's subnet. Addresses are not
// used again before all others were, so that new nodes have new names.
func (s *Service) takeAddress(l *Launch) (string, error) {
	n, known := s.subnets[l.Subnet]
	block := fmt.Sprintf("10.0.%d.0/20", 16*max(slices.Index(s.zoneNames(), l.Zone), 0))
	if known {
		if *n.AvailableIpAddressCount < 1 {
			return "", wire.Errorf("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", l.Subnet)
		}
		n.AvailableIpAddressCount = ptr(*n.AvailableIpAddressCount - 1)
		s.subnets[l.Subnet] = n
		block, l.Zone, l.VPC = *n.CidrBlock, *n.AvailabilityZone, *n.VpcId
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil {
		return "", fmt.Errorf("ec2: subnet %s: %w", l.Subnet, err)
	}
	used := map[string]bool{}
	for _, i := range s.machines {
		if i.ended.IsZero() {
			used[*i.PrivateIpAddress] = true
		}
	}
	base, size := prefix.Masked().Addr().As4(), 1<<(32-prefix.Bits())
	for range size {
		s.cursor[block]++
		host := reservedIPs - 1 + (s.cursor[block]-1)%(size-reservedIPs)
		at := int(base[2])<<8 | int(base[3]) + host
		ip := fmt.Sprintf("%d.%d.%d.%d", base[0], base[1], at>>8, at&255)
		if !used[ip] {
			return ip, nil
		}
	}
	return "", wire.Errorf("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", l.Subnet)
}

// End terminates an instance, as Auto Scaling does; nobody is told of it.
func (s *Service) End(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.machines[id]; i != nil {
		s.end(i, at)
	}
}

func (s *Service) end(i *instance, at time.Time) {
	if !i.ended.IsZero() {
		return
	}
	i.ended = at
	if n, ok := s.subnets[*i.SubnetId]; ok {
		n.AvailableIpAddressCount = ptr(*n.AvailableIpAddressCount + 1)
		s.subnets[*i.SubnetId] = n
	}
}

// OnTerminate is told of instances that TerminateInstances ends.
func (s *Service) OnTerminate(f func(id string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onTerminate = append(s.onTerminate, f)
}

// seen describes an instance at an instant; its zero value is no longer seen.
func (s *Service) seen(i *instance, now time.Time) types.Instance {
	out := i.Instance
	switch {
	case i.ended.IsZero() && now.Sub(*i.LaunchTime) < pendingTime && !now.IsZero():
		out.State = ptr(statePending)
	case i.ended.IsZero():
		out.State = ptr(stateRunning)
	case now.Sub(i.ended) < shuttingDownTime:
		out.State = ptr(stateShuttingDown)
	case now.Sub(i.ended) >= terminatedTime:
		return types.Instance{}
	default:
		out.State = ptr(stateTerminated)
		out.PrivateIpAddress, out.PrivateDnsName, out.SubnetId, out.VpcId, out.BlockDeviceMappings, out.SecurityGroups = nil, ptr(""), nil, nil, nil, nil
	}
	if !i.ended.IsZero() {
		out.StateTransitionReason = ptr("User initiated (" + i.ended.UTC().Format("2006-01-02 15:04:05") + " GMT)")
		out.StateReason = &types.StateReason{Code: ptr("Client.UserInitiatedShutdown"), Message: ptr("Client.UserInitiatedShutdown: User initiated shutdown")}
	}
	return out
}

// allSeen lists the instances at an instant, oldest first.
func (s *Service) allSeen(now time.Time) []types.Instance {
	out := []types.Instance{}
	for _, i := range sorted(s.machines) {
		if v := s.seen(i, now); v.InstanceId != nil {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b types.Instance) int { return a.LaunchTime.Compare(*b.LaunchTime) })
	return out
}

func reservationID(i types.Instance) string {
	return "r-" + value(i.InstanceId)[min(2, len(value(i.InstanceId))):]
}

func (s *Service) instanceFilter(i types.Instance, name string) ([]string, bool) {
	switch name {
	case "instance-id":
		return []string{value(i.InstanceId)}, true
	case "instance-type":
		return []string{string(i.InstanceType)}, true
	case "instance-state-name":
		if i.State == nil {
			return nil, true
		}
		return []string{string(i.State.Name)}, true
	case "instance-state-code":
		if i.State == nil {
			return nil, true
		}
		return []string{strconv.Itoa(int(*i.State.Code))}, true
	case "instance-lifecycle":
		return []string{string(i.InstanceLifecycle)}, true
	case "image-id":
		return []string{value(i.ImageId)}, true
	case "architecture":
		return []string{string(i.Architecture)}, true
	case "platform":
		return []string{string(i.Platform)}, true
	case "key-name":
		return []string{value(i.KeyName)}, true
	case "private-dns-name", "network-interface.private-dns-name":
		return []string{value(i.PrivateDnsName)}, true
	case "private-ip-address", "network-interface.addresses.private-ip-address":
		return []string{value(i.PrivateIpAddress)}, true
	case "subnet-id", "network-interface.subnet-id":
		return []string{value(i.SubnetId)}, true
	case "vpc-id", "network-interface.vpc-id":
		return []string{value(i.VpcId)}, true
	case "root-device-type":
		return []string{string(i.RootDeviceType)}, true
	case "tenancy":
		return []string{string(types.TenancyDefault)}, true
	case "owner-id":
		return []string{s.opts.Account}, true
	case "reservation-id":
		return []string{reservationID(i)}, true
	case "launch-time":
		return []string{value(i.LaunchTime).UTC().Format("2006-01-02T15:04:05.000Z")}, true
	case "instance.group-id":
		var ids []string
		for _, g := range i.SecurityGroups {
			ids = append(ids, *g.GroupId)
		}
		return ids, true
	case "availability-zone":
		if i.Placement == nil {
			return nil, true
		}
		return []string{value(i.Placement.AvailabilityZone)}, true
	}
	return nil, false
}

// DescribeInstances describes instances, one reservation each. Those that have
// ended are described for an hour.
func (s *Service) DescribeInstances(c *wire.Call, in *sdk.DescribeInstancesInput) (*sdk.DescribeInstancesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := malformed(in.InstanceIds); err != nil {
		return nil, err
	}
	q := query{ids: in.InstanceIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidInstanceID.NotFound", what: "instance ID"}
	found, next, err := find(q, s.allSeen(c.Time), func(i types.Instance) string { return *i.InstanceId }, func(i types.Instance) []types.Tag { return i.Tags }, s.instanceFilter)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeInstancesOutput{Reservations: []types.Reservation{}, NextToken: next}
	for _, i := range found {
		out.Reservations = append(out.Reservations, types.Reservation{OwnerId: ptr(s.opts.Account), ReservationId: ptr(reservationID(i)), Instances: []types.Instance{i}})
	}
	return out, nil
}

// DescribeInstanceStatus describes the checks of instances; without
// IncludeAllInstances, of those that run.
func (s *Service) DescribeInstanceStatus(c *wire.Call, in *sdk.DescribeInstanceStatusInput) (*sdk.DescribeInstanceStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := malformed(in.InstanceIds); err != nil {
		return nil, err
	}
	all := s.allSeen(c.Time)
	q := query{ids: in.InstanceIds, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidInstanceID.NotFound", what: "instance ID", filters: in.Filters}
	for _, id := range in.InstanceIds { // one that does not run exists, too
		if !slices.ContainsFunc(all, func(i types.Instance) bool { return *i.InstanceId == id }) {
			return nil, wire.Errorf(q.notFound, "The %s '%s' does not exist", q.what, id)
		}
	}
	if !value(in.IncludeAllInstances) {
		all = slices.DeleteFunc(all, func(i types.Instance) bool { return i.State.Name != types.InstanceStateNameRunning })
		q.ids = slices.DeleteFunc(slices.Clone(q.ids), func(id string) bool {
			return !slices.ContainsFunc(all, func(i types.Instance) bool { return *i.InstanceId == id })
		})
		if len(in.InstanceIds) > 0 && len(q.ids) == 0 {
			return &sdk.DescribeInstanceStatusOutput{InstanceStatuses: []types.InstanceStatus{}}, nil
		}
	}
	found, next, err := find(q, all, func(i types.Instance) string { return *i.InstanceId }, func(i types.Instance) []types.Tag { return i.Tags },
		func(i types.Instance, name string) ([]string, bool) {
			switch name {
			case "instance-state-name", "instance-state-code", "availability-zone":
				return s.instanceFilter(i, name)
			case "instance-status.status", "system-status.status":
				return []string{string(checksOf(i, c.Time))}, true
			case "instance-status.reachability", "system-status.reachability":
				return []string{reachability(checksOf(i, c.Time))}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeInstanceStatusOutput{InstanceStatuses: []types.InstanceStatus{}, NextToken: next}
	for _, i := range found {
		status := checksOf(i, c.Time)
		summary := &types.InstanceStatusSummary{Status: status}
		if status != types.SummaryStatusNotApplicable {
			summary.Details = []types.InstanceStatusDetails{{Name: types.StatusNameReachability, Status: types.StatusType(reachability(status))}}
		}
		out.InstanceStatuses = append(out.InstanceStatuses, types.InstanceStatus{InstanceId: i.InstanceId, AvailabilityZone: i.Placement.AvailabilityZone,
			InstanceState: i.State, InstanceStatus: summary, SystemStatus: summary})
	}
	return out, nil
}

// checksOf: the first checks take a minute.
func checksOf(i types.Instance, now time.Time) types.SummaryStatus {
	switch {
	case i.State == nil || i.State.Name != types.InstanceStateNameRunning:
		return types.SummaryStatusNotApplicable
	case now.Sub(*i.LaunchTime) < time.Minute && !now.IsZero():
		return types.SummaryStatusInitializing
	}
	return types.SummaryStatusOk
}

func reachability(s types.SummaryStatus) string {
	if s == types.SummaryStatusOk {
		return string(types.StatusTypePassed)
	}
	return string(types.StatusTypeInitializing)
}

// TerminateInstances ends instances; the Auto Scaling group of a node group
// replaces them.
func (s *Service) TerminateInstances(c *wire.Call, in *sdk.TerminateInstancesInput) (*sdk.TerminateInstancesOutput, error) {
	out, ended, tell, err := s.terminate(c, in)
	if err != nil {
		return nil, err
	}
	for _, id := range ended {
		for _, f := range tell {
			f(id)
		}
	}
	return out, nil
}

func (s *Service) terminate(c *wire.Call, in *sdk.TerminateInstancesInput) (out *sdk.TerminateInstancesOutput, ended []string, tell []func(string), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.InstanceIds) == 0 {
		return nil, nil, nil, wire.Errorf("MissingParameter", "The request must contain the parameter InstanceId")
	}
	if err := malformed(in.InstanceIds); err != nil {
		return nil, nil, nil, err
	}
	var missing []string
	for _, id := range in.InstanceIds {
		if i := s.machines[id]; i == nil || s.seen(i, c.Time).InstanceId == nil {
			missing = append(missing, id)
		}
	}
	switch len(missing) {
	case 0:
	case 1:
		return nil, nil, nil, wire.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", missing[0])
	default:
		return nil, nil, nil, wire.Errorf("InvalidInstanceID.NotFound", "The instance IDs '%s' do not exist", strings.Join(missing, ", "))
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, nil, nil, err
	}
	out = &sdk.TerminateInstancesOutput{TerminatingInstances: []types.InstanceStateChange{}}
	for _, id := range in.InstanceIds {
		i := s.machines[id]
		before := s.seen(i, c.Time).State
		if i.ended.IsZero() {
			ended = append(ended, id)
			s.end(i, c.Time)
		}
		out.TerminatingInstances = append(out.TerminatingInstances, types.InstanceStateChange{InstanceId: ptr(id), PreviousState: before, CurrentState: s.seen(i, c.Time).State})
	}
	return out, ended, s.onTerminate, nil
}

var instanceIDForm = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func malformed(ids []string) error {
	for _, id := range ids {
		if !instanceIDForm.MatchString(id) {
			return wire.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
		}
	}
	return nil
}

// DescribeVolumes describes the root volumes of instances that have not ended.
func (s *Service) DescribeVolumes(c *wire.Call, in *sdk.DescribeVolumesInput) (*sdk.DescribeVolumesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	volumes := []types.Volume{}
	for _, i := range sorted(s.machines) {
		if !i.ended.IsZero() {
			continue
		}
		id := i.BlockDeviceMappings[0].Ebs.VolumeId
		volumes = append(volumes, types.Volume{VolumeId: id, AvailabilityZone: i.Placement.AvailabilityZone, CreateTime: i.LaunchTime, Size: ptr(i.disk), State: types.VolumeStateInUse,
			VolumeType: types.VolumeTypeGp3, Iops: ptr(int32(3000)), Throughput: ptr(int32(125)), Encrypted: ptr(false), MultiAttachEnabled: ptr(false), SnapshotId: ptr(""), Tags: i.Tags,
			Attachments: []types.VolumeAttachment{{InstanceId: i.InstanceId, VolumeId: id, Device: i.RootDeviceName, State: types.VolumeAttachmentStateAttached, AttachTime: i.LaunchTime, DeleteOnTermination: ptr(true)}}})
	}
	q := query{ids: in.VolumeIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidVolume.NotFound", what: "volume"}
	found, next, err := find(q, volumes, func(v types.Volume) string { return *v.VolumeId }, func(v types.Volume) []types.Tag { return v.Tags },
		func(v types.Volume, name string) ([]string, bool) {
			switch name {
			case "volume-id":
				return []string{value(v.VolumeId)}, true
			case "availability-zone":
				return []string{value(v.AvailabilityZone)}, true
			case "status":
				return []string{string(v.State)}, true
			case "volume-type":
				return []string{string(v.VolumeType)}, true
			case "size":
				return []string{strconv.Itoa(int(value(v.Size)))}, true
			case "encrypted":
				return []string{strconv.FormatBool(value(v.Encrypted))}, true
			case "attachment.instance-id":
				if len(v.Attachments) == 0 {
					return nil, true
				}
				return []string{*v.Attachments[0].InstanceId}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeVolumesOutput{Volumes: found, NextToken: next}, nil
}
