package ec2

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxGroupText is the longest name and description of a security group.
const maxGroupText = 255

// CreateSecurityGroup makes a security group that lets everything out and
// nothing in.
func (s *Service) CreateSecurityGroup(_ *wire.Call, in *sdk.CreateSecurityGroupInput) (*sdk.CreateSecurityGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, vpc := value(in.GroupName), value(in.VpcId)
	switch {
	case name == "" || len(name) > maxGroupText || strings.HasPrefix(name, "sg-"):
		return nil, wire.Errorf("InvalidParameterValue", "Invalid value '%s' for groupName. It must have 1 to 255 characters and not begin with sg-.", name)
	case value(in.Description) == "" || len(*in.Description) > maxGroupText:
		return nil, wire.Errorf("InvalidParameterValue", "Invalid value '%s' for GroupDescription", value(in.Description))
	}
	if vpc == "" {
		for id, v := range s.vpcs {
			if value(v.IsDefault) {
				vpc = id
			}
		}
	}
	if _, ok := s.vpcs[vpc]; !ok {
		return nil, wire.Errorf("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", vpc)
	}
	for _, g := range s.groups {
		if *g.GroupName == name && *g.VpcId == vpc {
			return nil, wire.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc)
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	id := s.newID("sg")
	s.addGroup(id, vpc, name, *in.Description, nil)
	g := s.groups[id]
	for _, spec := range in.TagSpecifications {
		if spec.ResourceType != types.ResourceTypeSecurityGroup {
			return nil, wire.Errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		g.Tags = append(g.Tags, spec.Tags...)
	}
	s.groups[id] = g
	return &sdk.CreateSecurityGroupOutput{GroupId: &id, Tags: g.Tags, SecurityGroupArn: ptr(fmt.Sprintf("arn:aws:ec2:%s:%s:security-group/%s", s.opts.Region, s.opts.Account, id))}, nil
}

// DeleteSecurityGroup deletes a security group that nothing uses.
func (s *Service) DeleteSecurityGroup(_ *wire.Call, in *sdk.DeleteSecurityGroupInput) (*sdk.DeleteSecurityGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if *g.GroupName == "default" {
		return nil, wire.Errorf("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", *g.GroupId)
	}
	for _, m := range s.machines {
		if slices.ContainsFunc(m.SecurityGroups, func(i types.GroupIdentifier) bool { return value(i.GroupId) == *g.GroupId }) {
			return nil, wire.Errorf("DependencyViolation", "resource %s has a dependent object", *g.GroupId)
		}
	}
	for id, other := range s.groups {
		if id != *g.GroupId && slices.ContainsFunc(slices.Concat(other.IpPermissions, other.IpPermissionsEgress), func(p types.IpPermission) bool {
			return slices.ContainsFunc(p.UserIdGroupPairs, func(u types.UserIdGroupPair) bool { return value(u.GroupId) == *g.GroupId })
		}) {
			return nil, wire.Errorf("DependencyViolation", "resource %s has a dependent object", *g.GroupId)
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	delete(s.groups, *g.GroupId)
	return &sdk.DeleteSecurityGroupOutput{GroupId: g.GroupId, Return: ptr(true)}, nil
}

// group finds a security group; s.mu is held.
func (s *Service) group(id, name *string) (types.SecurityGroup, error) {
	if g, ok := s.groups[value(id)]; ok {
		return g, nil
	}
	if id == nil && name != nil {
		for _, g := range s.groups {
			if v := s.vpcs[*g.VpcId]; value(g.GroupName) == *name && value(v.IsDefault) {
				return g, nil
			}
		}
		return types.SecurityGroup{}, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", *name)
	}
	return types.SecurityGroup{}, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", value(id))
}

// AuthorizeSecurityGroupIngress lets traffic in.
func (s *Service) AuthorizeSecurityGroupIngress(_ *wire.Call, in *sdk.AuthorizeSecurityGroupIngressInput) (*sdk.AuthorizeSecurityGroupIngressOutput, error) {
	if in.CidrIp != nil || in.IpProtocol != nil || in.SourceSecurityGroupName != nil {
		return nil, wire.Errorf("InvalidParameterCombination", "the simulated AWS takes rules as IpPermissions only")
	}
	err := s.change(in.GroupId, in.GroupName, in.DryRun, in.IpPermissions, func(g *types.SecurityGroup) *[]types.IpPermission { return &g.IpPermissions }, allow)
	return &sdk.AuthorizeSecurityGroupIngressOutput{Return: ptr(true)}, err
}

// AuthorizeSecurityGroupEgress lets traffic out.
func (s *Service) AuthorizeSecurityGroupEgress(_ *wire.Call, in *sdk.AuthorizeSecurityGroupEgressInput) (*sdk.AuthorizeSecurityGroupEgressOutput, error) {
	err := s.change(in.GroupId, nil, in.DryRun, in.IpPermissions, func(g *types.SecurityGroup) *[]types.IpPermission { return &g.IpPermissionsEgress }, allow)
	return &sdk.AuthorizeSecurityGroupEgressOutput{Return: ptr(true)}, err
}

// RevokeSecurityGroupIngress takes rules away.
func (s *Service) RevokeSecurityGroupIngress(_ *wire.Call, in *sdk.RevokeSecurityGroupIngressInput) (*sdk.RevokeSecurityGroupIngressOutput, error) {
	if in.CidrIp != nil || in.IpProtocol != nil || in.SourceSecurityGroupName != nil || len(in.SecurityGroupRuleIds) > 0 {
		return nil, wire.Errorf("InvalidParameterCombination", "the simulated AWS takes rules as IpPermissions only")
	}
	err := s.change(in.GroupId, in.GroupName, in.DryRun, in.IpPermissions, func(g *types.SecurityGroup) *[]types.IpPermission { return &g.IpPermissions }, revoke)
	return &sdk.RevokeSecurityGroupIngressOutput{Return: ptr(true)}, err
}

// RevokeSecurityGroupEgress takes rules away.
func (s *Service) RevokeSecurityGroupEgress(_ *wire.Call, in *sdk.RevokeSecurityGroupEgressInput) (*sdk.RevokeSecurityGroupEgressOutput, error) {
	if len(in.SecurityGroupRuleIds) > 0 {
		return nil, wire.Errorf("InvalidParameterCombination", "the simulated AWS takes rules as IpPermissions only")
	}
	err := s.change(in.GroupId, nil, in.DryRun, in.IpPermissions, func(g *types.SecurityGroup) *[]types.IpPermission { return &g.IpPermissionsEgress }, revoke)
	return &sdk.RevokeSecurityGroupEgressOutput{Return: ptr(true)}, err
}

func (s *Service) change(id, name *string, dry *bool, rules []types.IpPermission, of func(*types.SecurityGroup) *[]types.IpPermission, how func(have, rules []types.IpPermission) ([]types.IpPermission, error)) error {
	if len(rules) == 0 {
		return wire.Errorf("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	for _, rule := range rules {
		if err := checkRule(rule); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(id, name)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		for _, pair := range rule.UserIdGroupPairs {
			if _, err := s.group(pair.GroupId, nil); err != nil {
				return err
			}
		}
	}
	if err := dryRun(dry); err != nil {
		return err
	}
	list := of(&g)
	changed, err := how(*list, split(rules))
	if err != nil {
		return err
	}
	*list = changed
	s.groups[*g.GroupId] = g
	return nil
}

func checkRule(p types.IpPermission) error {
	protocol := value(p.IpProtocol)
	if protocol == "" {
		return wire.Errorf("MissingParameter", "The request must contain the parameter ipProtocol")
	}
	if (protocol == "tcp" || protocol == "udp") && (p.FromPort == nil || p.ToPort == nil || *p.FromPort > *p.ToPort || *p.FromPort < 0 || *p.ToPort > 65535) {
		return wire.Errorf("InvalidParameterValue", "Invalid TCP/UDP port range")
	}
	for _, r := range p.IpRanges {
		if prefix, err := netip.ParsePrefix(value(r.CidrIp)); err != nil || !prefix.Addr().Is4() {
			return wire.Errorf("InvalidParameterValue", "CIDR block %s is malformed", value(r.CidrIp))
		}
	}
	for _, r := range p.Ipv6Ranges {
		if prefix, err := netip.ParsePrefix(value(r.CidrIpv6)); err != nil || !prefix.Addr().Is6() {
			return wire.Errorf("InvalidParameterValue", "CIDR block %s is malformed", value(r.CidrIpv6))
		}
	}
	if len(p.IpRanges)+len(p.Ipv6Ranges)+len(p.PrefixListIds)+len(p.UserIdGroupPairs) == 0 {
		return wire.Errorf("InvalidParameterValue", "The rule names no source or destination")
	}
	return nil
}

// split makes one rule of each source or destination.
func split(rules []types.IpPermission) []types.IpPermission {
	var out []types.IpPermission
	for _, p := range rules {
		one := types.IpPermission{IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort}
		for _, r := range p.IpRanges {
			one.IpRanges, one.Ipv6Ranges, one.PrefixListIds, one.UserIdGroupPairs = []types.IpRange{r}, nil, nil, nil
			out = append(out, one)
		}
		for _, r := range p.Ipv6Ranges {
			one.IpRanges, one.Ipv6Ranges, one.PrefixListIds, one.UserIdGroupPairs = nil, []types.Ipv6Range{r}, nil, nil
			out = append(out, one)
		}
		for _, r := range p.PrefixListIds {
			one.IpRanges, one.Ipv6Ranges, one.PrefixListIds, one.UserIdGroupPairs = nil, nil, []types.PrefixListId{r}, nil
			out = append(out, one)
		}
		for _, r := range p.UserIdGroupPairs {
			one.IpRanges, one.Ipv6Ranges, one.PrefixListIds, one.UserIdGroupPairs = nil, nil, nil, []types.UserIdGroupPair{r}
			out = append(out, one)
		}
	}
	return out
}

// ruleKey tells rules apart: by everything but their descriptions.
func ruleKey(p types.IpPermission) string {
	key := []any{p.IpProtocol, p.FromPort, p.ToPort}
	for _, r := range p.IpRanges {
		key = append(key, r.CidrIp)
	}
	for _, r := range p.Ipv6Ranges {
		key = append(key, r.CidrIpv6)
	}
	for _, r := range p.PrefixListIds {
		key = append(key, r.PrefixListId)
	}
	for _, r := range p.UserIdGroupPairs {
		key = append(key, r.GroupId)
	}
	b, err := json.Marshal(key)
	if err != nil {
		return "" // text and numbers can be written
	}
	return string(b)
}

func allow(have, rules []types.IpPermission) ([]types.IpPermission, error) {
	have = split(have)
	for _, rule := range rules {
		if slices.ContainsFunc(have, func(p types.IpPermission) bool { return ruleKey(p) == ruleKey(rule) }) {
			return nil, wire.Errorf("InvalidPermission.Duplicate", "the specified rule already exists")
		}
		have = append(have, rule)
	}
	return have, nil
}

func revoke(have, rules []types.IpPermission) ([]types.IpPermission, error) {
	have = split(have)
	for _, rule := range rules {
		left := slices.DeleteFunc(slices.Clone(have), func(p types.IpPermission) bool { return ruleKey(p) == ruleKey(rule) })
		if len(left) == len(have) {
			return nil, wire.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		have = left
	}
	return have, nil
}

// CreateTags adds tags to security groups.
func (s *Service) CreateTags(_ *wire.Call, in *sdk.CreateTagsInput) (*sdk.CreateTagsOutput, error) {
	err := s.tagGroups(in.Resources, in.DryRun, func(g *types.SecurityGroup) {
		for _, t := range in.Tags {
			g.Tags = append(slices.DeleteFunc(slices.Clone(g.Tags), func(o types.Tag) bool { return value(o.Key) == value(t.Key) }), t)
		}
	})
	return &sdk.CreateTagsOutput{}, err
}

// DeleteTags removes tags of security groups.
func (s *Service) DeleteTags(_ *wire.Call, in *sdk.DeleteTagsInput) (*sdk.DeleteTagsOutput, error) {
	err := s.tagGroups(in.Resources, in.DryRun, func(g *types.SecurityGroup) {
		for _, t := range in.Tags {
			g.Tags = slices.DeleteFunc(slices.Clone(g.Tags), func(o types.Tag) bool {
				return value(o.Key) == value(t.Key) && (t.Value == nil || *t.Value == value(o.Value))
			})
		}
	})
	return &sdk.DeleteTagsOutput{}, err
}

func (s *Service) tagGroups(ids []string, dry *bool, f func(g *types.SecurityGroup)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if !strings.HasPrefix(id, "sg-") {
			return &wire.Error{Code: "NotImplementedException", Status: 501, Message: "the simulated AWS tags security groups only, not " + id}
		}
		if _, err := s.group(&id, nil); err != nil {
			return err
		}
	}
	if err := dryRun(dry); err != nil {
		return err
	}
	for _, id := range ids {
		g := s.groups[id]
		f(&g)
		s.groups[id] = g
	}
	return nil
}
