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

// InstanceType is what one needs to know of an instance type to run nodes on it.
type InstanceType struct {
	Name      string
	VCPUs     int32
	MemoryMiB int64
	Pods      int // of the VPC CNI without prefixes (eni-max-pods.txt)
	ARM       bool
	GPUs      int32
}

// family is a row of EC2's instance types: memory per CPU, and the sizes.
type family struct {
	memory   int64 // GiB for each vCPU
	arm, gpu bool
	sizes    []string
}

var (
	general  = []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"}
	graviton = append([]string{"medium"}, general[:7]...)
	burst    = []string{"micro", "small", "medium", "large", "xlarge", "2xlarge"}
	gpu      = []string{"xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"}
)

// families are a selection of EC2's families; sizes that only some of them have
// are left out.
var families = map[string]family{
	"t3": {4, false, false, burst}, "t3a": {4, false, false, burst}, "t4g": {4, true, false, burst},
	"m5": {4, false, false, general}, "m5a": {4, false, false, general}, "m6i": {4, false, false, general}, "m6a": {4, false, false, general},
	"m7i": {4, false, false, general}, "m7a": {4, false, false, general}, "m6g": {4, true, false, graviton}, "m7g": {4, true, false, graviton}, "m8g": {4, true, false, graviton},
	"c5": {2, false, false, general}, "c6i": {2, false, false, general}, "c6a": {2, false, false, general}, "c7i": {2, false, false, general},
	"c7a": {2, false, false, general}, "c6g": {2, true, false, graviton}, "c7g": {2, true, false, graviton}, "c8g": {2, true, false, graviton},
	"r5": {8, false, false, general}, "r6i": {8, false, false, general}, "r6a": {8, false, false, general}, "r7i": {8, false, false, general},
	"r6g": {8, true, false, graviton}, "r7g": {8, true, false, graviton}, "r8g": {8, true, false, graviton},
	"g4dn": {4, false, true, gpu}, "g5": {4, false, true, gpu}, "g6": {4, false, true, gpu},
}

// LookupType returns an instance type by its name; false when EC2 has none.
func LookupType(name string) (InstanceType, bool) {
	prefix, size, _ := strings.Cut(name, ".")
	f, ok := families[prefix]
	if !ok || !slices.Contains(f.sizes, size) {
		return InstanceType{}, false
	}
	t := InstanceType{Name: name, ARM: f.arm}
	switch burstable := prefix[0] == 't'; {
	case burstable && size != "xlarge" && size != "2xlarge":
		t.VCPUs = 2
		t.MemoryMiB = map[string]int64{"micro": 1024, "small": 2048, "medium": 4096, "large": 8192}[size]
		t.Pods = map[string]int{"micro": 4, "small": 11, "medium": 17, "large": 35}[size]
		return t, true
	case size == "medium":
		t.VCPUs, t.Pods = 1, 8
	case size == "large":
		t.VCPUs, t.Pods = 2, 29
	case size == "xlarge":
		t.VCPUs, t.Pods = 4, 58
	default:
		times, err := strconv.Atoi(strings.TrimSuffix(size, "xlarge"))
		if err != nil {
			panic("ec2: the sizes of families are well-formed: " + name)
		}
		t.VCPUs, t.Pods = int32(4*times), 234
		if times == 2 {
			t.Pods = 58
		} else if times >= 16 {
			t.Pods = 737
		}
	}
	t.MemoryMiB = int64(t.VCPUs) * f.memory << 10
	if f.gpu {
		t.GPUs = max(t.VCPUs/16, 1)
	}
	return t, true
}

// allTypes lists the instance types by name.
func allTypes() []InstanceType {
	out := []InstanceType{}
	for _, prefix := range slices.Sorted(maps.Keys(families)) {
		for _, size := range families[prefix].sizes {
			t, _ := LookupType(prefix + "." + size)
			out = append(out, t)
		}
	}
	return out
}

func (t InstanceType) info() types.InstanceTypeInfo {
	arch := types.ArchitectureTypeX8664
	if t.ARM {
		arch = types.ArchitectureTypeArm64
	}
	burstable := t.Name[0] == 't'
	out := types.InstanceTypeInfo{InstanceType: types.InstanceType(t.Name), CurrentGeneration: ptr(true), FreeTierEligible: ptr(false), BareMetal: ptr(false), BurstablePerformanceSupported: ptr(burstable),
		Hypervisor: types.InstanceTypeHypervisorNitro, HibernationSupported: ptr(!t.ARM && t.GPUs == 0), AutoRecoverySupported: ptr(true), DedicatedHostsSupported: ptr(!burstable), InstanceStorageSupported: ptr(t.GPUs > 0),
		SupportedUsageClasses: []types.UsageClassType{types.UsageClassTypeOnDemand, types.UsageClassTypeSpot}, SupportedRootDeviceTypes: []types.RootDeviceType{types.RootDeviceTypeEbs},
		SupportedVirtualizationTypes: []types.VirtualizationType{types.VirtualizationTypeHvm}, SupportedBootModes: []types.BootModeType{types.BootModeTypeUefi},
		ProcessorInfo: &types.ProcessorInfo{SupportedArchitectures: []types.ArchitectureType{arch}}, MemoryInfo: &types.MemoryInfo{SizeInMiB: ptr(t.MemoryMiB)},
		VCpuInfo: &types.VCpuInfo{DefaultVCpus: ptr(t.VCPUs), DefaultCores: ptr(max(t.VCPUs/2, 1)), DefaultThreadsPerCore: ptr(t.VCPUs / max(t.VCPUs/2, 1))}}
	if t.ARM {
		out.VCpuInfo.DefaultCores, out.VCpuInfo.DefaultThreadsPerCore = ptr(t.VCPUs), ptr(int32(1))
	} else {
		out.SupportedBootModes = []types.BootModeType{types.BootModeTypeLegacyBios, types.BootModeTypeUefi}
	}
	return out
}

// DescribeInstanceTypes describes instance types.
func (s *Service) DescribeInstanceTypes(_ *wire.Call, in *sdk.DescribeInstanceTypesInput) (*sdk.DescribeInstanceTypesOutput, error) {
	var ids []string
	for _, t := range in.InstanceTypes {
		if _, ok := LookupType(string(t)); !ok {
			return nil, wire.Errorf("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", t)
		}
		ids = append(ids, string(t))
	}
	infos := []types.InstanceTypeInfo{}
	for _, t := range allTypes() {
		infos = append(infos, t.info())
	}
	q := query{ids: ids, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, most: 100}
	if len(ids) == 0 && q.maxResults == nil {
		q.maxResults = ptr(int32(100)) // EC2 answers in pages whether it is asked to or not
	}
	found, next, err := find(q, infos, func(t types.InstanceTypeInfo) string { return string(t.InstanceType) }, func(types.InstanceTypeInfo) []types.Tag { return nil },
		func(t types.InstanceTypeInfo, name string) ([]string, bool) {
			switch name {
			case "instance-type":
				return []string{string(t.InstanceType)}, true
			case "current-generation":
				return []string{strconv.FormatBool(value(t.CurrentGeneration))}, true
			case "bare-metal":
				return []string{strconv.FormatBool(value(t.BareMetal))}, true
			case "burstable-performance-supported":
				return []string{strconv.FormatBool(value(t.BurstablePerformanceSupported))}, true
			case "hypervisor":
				return []string{string(t.Hypervisor)}, true
			case "processor-info.supported-architecture":
				var have []string
				for _, a := range value(t.ProcessorInfo).SupportedArchitectures {
					have = append(have, string(a))
				}
				return have, true
			case "vcpu-info.default-vcpus":
				return []string{strconv.Itoa(int(value(value(t.VCpuInfo).DefaultVCpus)))}, true
			case "memory-info.size-in-mib":
				return []string{strconv.FormatInt(value(value(t.MemoryInfo).SizeInMiB), 10)}, true
			case "supported-usage-class":
				return []string{string(types.UsageClassTypeOnDemand), string(types.UsageClassTypeSpot)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeInstanceTypesOutput{InstanceTypes: found, NextToken: next}, nil
}

// DescribeInstanceTypeOfferings says where instance types can be had: all of
// them in every zone.
func (s *Service) DescribeInstanceTypeOfferings(_ *wire.Call, in *sdk.DescribeInstanceTypeOfferingsInput) (*sdk.DescribeInstanceTypeOfferingsOutput, error) {
	kind, places := in.LocationType, []string{s.opts.Region}
	switch kind {
	case "":
		kind = types.LocationTypeRegion
	case types.LocationTypeAvailabilityZone:
		places = s.zoneNames()
	case types.LocationTypeAvailabilityZoneId:
		places = []string{s.zoneID(0), s.zoneID(1), s.zoneID(2)}
	case types.LocationTypeOutpost:
		places = nil
	}
	all := []types.InstanceTypeOffering{}
	for _, t := range allTypes() {
		for _, p := range places {
			all = append(all, types.InstanceTypeOffering{InstanceType: types.InstanceType(t.Name), LocationType: kind, Location: ptr(p)})
		}
	}
	q := query{filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun}
	found, next, err := find(q, all, func(o types.InstanceTypeOffering) string { return string(o.InstanceType) }, func(types.InstanceTypeOffering) []types.Tag { return nil },
		func(o types.InstanceTypeOffering, name string) ([]string, bool) {
			switch name {
			case "instance-type":
				return []string{string(o.InstanceType)}, true
			case "location":
				return []string{value(o.Location)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeInstanceTypeOfferingsOutput{InstanceTypeOfferings: found, NextToken: next}, nil
}
