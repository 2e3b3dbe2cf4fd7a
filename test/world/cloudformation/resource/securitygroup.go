package resource

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

type securityGroup struct {
	GroupDescription     string `cfn:"required"`
	GroupName            *string
	SecurityGroupEgress  []groupRule
	SecurityGroupIngress []groupRule
	Tags                 []Tag
	VpcId                *string
}

type groupRule struct {
	CidrIp                     *string
	CidrIpv6                   *string
	Description                *string
	DestinationPrefixListId    *string
	DestinationSecurityGroupId *string
	FromPort                   *int32
	IpProtocol                 string `cfn:"required"`
	SourcePrefixListId         *string
	SourceSecurityGroupId      *string
	SourceSecurityGroupOwnerId *string
	ToPort                     *int32
}

func (r groupRule) forEC2() types.IpPermission {
	p := types.IpPermission{IpProtocol: &r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort}
	if r.CidrIp != nil {
		p.IpRanges = []types.IpRange{{CidrIp: r.CidrIp, Description: r.Description}}
	}
	if r.CidrIpv6 != nil {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: r.CidrIpv6, Description: r.Description}}
	}
	for _, id := range []*string{r.SourcePrefixListId, r.DestinationPrefixListId} {
		if id != nil {
			p.PrefixListIds = append(p.PrefixListIds, types.PrefixListId{PrefixListId: id, Description: r.Description})
		}
	}
	for _, id := range []*string{r.SourceSecurityGroupId, r.DestinationSecurityGroupId} {
		if id != nil {
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, types.UserIdGroupPair{GroupId: id, UserId: r.SourceSecurityGroupOwnerId, Description: r.Description})
		}
	}
	return p
}

// everything is the rule that EC2 gives to a new group, and that goes when the
// template has rules of its own.
func everything() groupRule {
	all := "0.0.0.0/0"
	return groupRule{IpProtocol: "-1", CidrIp: &all}
}

// egress are the group's rules for what goes out.
func (p *securityGroup) egress() []groupRule {
	if p.SecurityGroupEgress == nil {
		return []groupRule{everything()}
	}
	return p.SecurityGroupEgress
}

func groupTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

func init() {
	register(definition[securityGroup]{
		name: "AWS::EC2::SecurityGroup", nameProperty: "GroupName", replace: []string{"GroupDescription", "GroupName", "VpcId"}, attributes: []string{"GroupId", "VpcId"},
		create: func(x *Context, p *securityGroup) (string, error) {
			in := &ec2.CreateSecurityGroupInput{Description: &p.GroupDescription, GroupName: x.Or(p.GroupName, 255), VpcId: p.VpcId}
			if tags := x.tags(p.Tags); len(tags) > 0 {
				in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: tagsAs(tags, groupTag)}}
			}
			out, err := invoke[ec2.CreateSecurityGroupOutput](x, in)
			if err != nil {
				return "", err
			}
			return *out.GroupId, p.settle(x, *out.GroupId, &securityGroup{})
		},
		read: func(x *Context, id string, _ *securityGroup) (State, error) {
			out, err := invoke[ec2.DescribeSecurityGroupsOutput](x, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"GroupId": id, "VpcId": *out.SecurityGroups[0].VpcId}}, nil
		},
		update: func(x *Context, id string, old, p *securityGroup) error {
			if err := p.settle(x, id, old); err != nil {
				return err
			}
			return retag(x, old.Tags, p.Tags,
				func(tags map[string]string) error {
					return do(x, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tagsAs(tags, groupTag)})
				},
				func(keys []string) error {
					in := &ec2.DeleteTagsInput{Resources: []string{id}}
					for _, key := range keys {
						in.Tags = append(in.Tags, types.Tag{Key: &key})
					}
					return do(x, in)
				})
		},
		remove: func(x *Context, id string, _ *securityGroup) error {
			return do(x, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		},
	})
}

// settle makes the group's rules p's; old has what they were.
func (p *securityGroup) settle(x *Context, id string, old *securityGroup) error {
	if gone := missing(old.egress(), p.egress()); len(gone) > 0 {
		if err := do(x, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: gone}); err != nil {
			return err
		}
	}
	if added := missing(p.egress(), old.egress()); len(added) > 0 {
		if err := do(x, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: added}); err != nil {
			return err
		}
	}
	if gone := missing(old.SecurityGroupIngress, p.SecurityGroupIngress); len(gone) > 0 {
		if err := do(x, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: gone}); err != nil {
			return err
		}
	}
	if added := missing(p.SecurityGroupIngress, old.SecurityGroupIngress); len(added) > 0 {
		return do(x, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: added})
	}
	return nil
}

// missing lists the rules that others has not. Descriptions do not tell rules
// apart.
func missing(rules, others []groupRule) []types.IpPermission {
	key := func(r groupRule) string {
		r.Description = nil
		return JSON(r)
	}
	have := map[string]bool{}
	for _, r := range others {
		have[key(r)] = true
	}
	var out []types.IpPermission
	for _, r := range rules {
		if !have[key(r)] {
			out = append(out, r.forEC2())
			have[key(r)] = true
		}
	}
	return out
}
