package eks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// This file checks and completes what requests say about a cluster. Sources of
// the rules: the doc comments of CreateClusterInput, UpdateClusterConfigInput and
// their members in the SDK, and the EKS User Guide.

var kmsKeyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(key|alias)/.+$`)

// convert copies a value between two SDK types of the same shape, such as a
// request's and a response's.
func convert[To any](from any) To {
	var to To
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, &to)
	}
	if err != nil {
		panic(fmt.Sprintf("eks: %T is not shaped like %T: %v", from, to, err))
	}
	return to
}

// memberJSON writes a value as EKS shows it in an update's parameters: members
// begin with a small letter, absent ones are left out.
func memberJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("eks: SDK values are plain data: %v", err))
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		panic(fmt.Sprintf("eks: SDK values are plain data: %v", err))
	}
	return toJSON(smallMembers(plain))
}

func smallMembers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if member != nil {
				out[strings.ToLower(name[:1])+name[1:]] = smallMembers(member)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = smallMembers(v[i])
		}
		return out
	}
	return v
}

func checkEnum[T ~string](cluster *string, member string, v T, known []T) error {
	if v != "" && !slices.Contains(known, v) {
		return invalidParameter(cluster, "Invalid value for %s: %s. Valid values: %v", member, v, known)
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalidParameter(nil, "Number of tags exceeds the limit of 50")
	}
	for k, v := range tags {
		switch {
		case k == "" || len(k) > 128 || len(v) > 256:
			return invalidParameter(nil, "Tag keys must have 1 to 128 and tag values at most 256 characters")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalidParameter(nil, "Tag keys must not begin with aws:, which is reserved")
		}
	}
	return nil
}

func encryptionOf(cluster *string, region string, configs []types.EncryptionConfig) error {
	if len(configs) > 1 {
		return invalidParameter(cluster, "Only one encryptionConfig may be specified")
	}
	for _, c := range configs {
		//lint:ignore SA1019 AWS still requires the member
		resources := c.Resources
		if len(resources) > 0 && !slices.Equal(resources, []string{"secrets"}) {
			return invalidParameter(cluster, "Encryption is supported only for the following resources: [secrets]")
		}
		if c.Provider == nil || value(c.Provider.KeyArn) == "" {
			return invalidParameter(cluster, "encryptionConfig must have a provider with a keyArn")
		}
		m := kmsKeyARN.FindStringSubmatch(*c.Provider.KeyArn)
		if m == nil {
			return invalidParameter(cluster, "Key ARN '%s' is invalid", *c.Provider.KeyArn)
		}
		if m[1] != region {
			return invalidParameter(cluster, "Key ARN '%s' must be in the region of the cluster, %s", *c.Provider.KeyArn, region)
		}
	}
	return nil
}

// loggingOf merges the requested log types over the present ones: EKS answers
// with those that are enabled first, then the others.
func loggingOf(cluster *string, present, in *types.Logging) (*types.Logging, error) {
	all := types.LogType("").Values()
	on := map[types.LogType]bool{}
	if present != nil {
		for _, setup := range present.ClusterLogging {
			for _, t := range setup.Types {
				on[t] = value(setup.Enabled)
			}
		}
	}
	if in != nil {
		seen := map[types.LogType]bool{}
		for _, setup := range in.ClusterLogging {
			for _, t := range setup.Types {
				if err := checkEnum(cluster, "logging.clusterLogging.types", t, all); err != nil {
					return nil, err
				}
				if seen[t] {
					return nil, invalidParameter(cluster, "Log type %s is specified more than once", t)
				}
				seen[t], on[t] = true, value(setup.Enabled)
			}
		}
	}
	out := &types.Logging{}
	for _, enabled := range []bool{true, false} {
		var names []types.LogType
		for _, t := range all {
			if on[t] == enabled {
				names = append(names, t)
			}
		}
		if len(names) > 0 {
			out.ClusterLogging = append(out.ClusterLogging, types.LogSetup{Enabled: ptr(enabled), Types: names})
		}
	}
	return out, nil
}

var privateRanges = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}

func private(p netip.Prefix) bool {
	return slices.ContainsFunc(privateRanges, func(r netip.Prefix) bool { return r.Contains(p.Addr()) && p.Bits() >= r.Bits() })
}

// networkOf completes the Kubernetes network configuration of a new cluster.
func (s *Service) networkOf(in *sdk.CreateClusterInput, vpc string) (*types.KubernetesNetworkConfigResponse, error) {
	out := &types.KubernetesNetworkConfigResponse{IpFamily: types.IpFamilyIpv4, ElasticLoadBalancing: &types.ElasticLoadBalancing{Enabled: ptr(false)}}
	k := in.KubernetesNetworkConfig
	if k == nil {
		k = &types.KubernetesNetworkConfigRequest{}
	}
	if err := checkEnum(in.Name, "kubernetesNetworkConfig.ipFamily", k.IpFamily, types.IpFamily("").Values()); err != nil {
		return nil, err
	}
	if k.IpFamily == types.IpFamilyIpv6 {
		if k.ServiceIpv4Cidr != nil {
			return nil, invalidParameter(in.Name, "serviceIpv4Cidr cannot be specified when ipFamily is ipv6")
		}
		id := strings.ReplaceAll(s.uuid(), "-", "")
		out.IpFamily, out.ServiceIpv6Cidr = types.IpFamilyIpv6, ptr(fmt.Sprintf("fd%s:%s:%s::/108", id[:2], id[2:6], id[6:10]))
		return out, nil
	}
	out.ServiceIpv4Cidr = ptr(s.serviceBlock(vpc))
	if k.ServiceIpv4Cidr != nil {
		p, err := netip.ParsePrefix(*k.ServiceIpv4Cidr)
		if err != nil || !p.Addr().Is4() || !private(p) || p.Bits() < 12 || p.Bits() > 24 || p != p.Masked() {
			return nil, invalidParameter(in.Name, "The serviceIpv4Cidr %s is invalid: it must be between /24 and /12 and within one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16", *k.ServiceIpv4Cidr)
		}
		out.ServiceIpv4Cidr = k.ServiceIpv4Cidr
	}
	return out, nil
}

// serviceBlock is the block of services that EKS picks: one that does not
// overlap with the VPC's.
func (s *Service) serviceBlock(vpc string) string {
	const usual, other = "10.100.0.0/16", "172.20.0.0/16"
	cidr, ok := s.opts.EC2.LookupVPC(vpc)
	if p, err := netip.ParsePrefix(cidr); !ok || err != nil || netip.MustParsePrefix("10.0.0.0/8").Overlaps(p) {
		return other
	}
	return usual
}

// remoteOf checks the networks of hybrid nodes. Empty lists remove them.
func remoteOf(cluster *string, mode types.AuthenticationMode, serviceCIDR *string, in *types.RemoteNetworkConfigRequest) (*types.RemoteNetworkConfigResponse, error) {
	if in == nil || len(in.RemoteNodeNetworks)+len(in.RemotePodNetworks) == 0 {
		return nil, nil
	}
	if mode == types.AuthenticationModeConfigMap {
		return nil, invalidParameter(cluster, "remoteNetworkConfig requires the authentication mode API or API_AND_CONFIG_MAP")
	}
	if len(in.RemoteNodeNetworks) == 0 {
		return nil, invalidParameter(cluster, "remoteNetworkConfig must have remoteNodeNetworks")
	}
	var cidrs []string
	for _, n := range in.RemoteNodeNetworks {
		cidrs = append(cidrs, n.Cidrs...)
	}
	for _, n := range in.RemotePodNetworks {
		cidrs = append(cidrs, n.Cidrs...)
	}
	var seen []netip.Prefix
	if p, err := netip.ParsePrefix(value(serviceCIDR)); err == nil {
		seen = append(seen, p)
	}
	for _, cidr := range cidrs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil || !p.Addr().Is4() || !private(p) {
			return nil, invalidParameter(cluster, "The remote network %s is not an IPv4 RFC-1918 network", cidr)
		}
		if slices.ContainsFunc(seen, p.Overlaps) {
			return nil, invalidParameter(cluster, "The remote network %s overlaps with another remote network or the service network", cidr)
		}
		seen = append(seen, p)
	}
	return ptr(convert[types.RemoteNetworkConfigResponse](in)), nil
}

// supportOf checks the support policy of a cluster at a version.
func supportOf(cluster *string, v clusterVersion, now time.Time, in *types.UpgradePolicyRequest) (types.SupportType, error) {
	if in == nil || in.SupportType == "" {
		return types.SupportTypeExtended, nil
	}
	if err := checkEnum(cluster, "upgradePolicy.supportType", in.SupportType, types.SupportType("").Values()); err != nil {
		return "", err
	}
	if in.SupportType == types.SupportTypeStandard && v.status(now) != types.VersionStatusStandardSupport {
		return "", invalidParameter(cluster, "Kubernetes version %s is in extended support: supportType STANDARD is not possible", v.version)
	}
	return in.SupportType, nil
}
