package ec2

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestSecurityGroupsAreMadeChangedAndDeleted(t *testing.T) {
	s := New(Options{Account: "123456789012", Region: "eu-west-1"})
	if err := s.AddVPC("vpc-1", "10.0.0.0/16", nil); err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateSecurityGroup(nil, &sdk.CreateSecurityGroupInput{GroupName: ptr("g"), Description: ptr("d"), VpcId: ptr("vpc-1")})
	if err != nil {
		t.Fatal(err)
	}
	id := made.GroupId
	want := func(err error, code string) {
		t.Helper()
		if err == nil || !strings.HasPrefix(err.Error(), code) {
			t.Errorf("err = %v, want %s", err, code)
		}
	}
	_, err = s.CreateSecurityGroup(nil, &sdk.CreateSecurityGroupInput{GroupName: ptr("g"), Description: ptr("d"), VpcId: ptr("vpc-1")})
	want(err, "InvalidGroup.Duplicate")
	https := []types.IpPermission{{IpProtocol: ptr("tcp"), FromPort: ptr(int32(443)), ToPort: ptr(int32(443)), IpRanges: []types.IpRange{{CidrIp: ptr("0.0.0.0/0")}}}}
	if _, err := s.AuthorizeSecurityGroupEgress(nil, &sdk.AuthorizeSecurityGroupEgressInput{GroupId: id, IpPermissions: https}); err != nil {
		t.Fatal(err)
	}
	_, err = s.AuthorizeSecurityGroupEgress(nil, &sdk.AuthorizeSecurityGroupEgressInput{GroupId: id, IpPermissions: https})
	want(err, "InvalidPermission.Duplicate")
	if _, err := s.RevokeSecurityGroupEgress(nil, &sdk.RevokeSecurityGroupEgressInput{GroupId: id, IpPermissions: []types.IpPermission{{IpProtocol: ptr("-1"), IpRanges: []types.IpRange{{CidrIp: ptr("0.0.0.0/0")}}}}}); err != nil {
		t.Fatal(err)
	}
	_, err = s.RevokeSecurityGroupIngress(nil, &sdk.RevokeSecurityGroupIngressInput{GroupId: id, IpPermissions: https})
	want(err, "InvalidPermission.NotFound")
	out, err := s.DescribeSecurityGroups(nil, &sdk.DescribeSecurityGroupsInput{GroupIds: []string{*id}})
	if err != nil || len(out.SecurityGroups[0].IpPermissionsEgress) != 1 || *out.SecurityGroups[0].IpPermissionsEgress[0].FromPort != 443 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.DeleteSecurityGroup(nil, &sdk.DeleteSecurityGroupInput{GroupId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = s.DeleteSecurityGroup(nil, &sdk.DeleteSecurityGroupInput{GroupId: id})
	want(err, "InvalidGroup.NotFound")
	_, err = s.AuthorizeSecurityGroupIngress(nil, &sdk.AuthorizeSecurityGroupIngressInput{GroupId: ptr("sg-1"), IpPermissions: []types.IpPermission{{IpProtocol: ptr("tcp"), IpRanges: https[0].IpRanges}}})
	want(err, "InvalidParameterValue")
}
