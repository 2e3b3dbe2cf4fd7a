package ec2

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

var launched = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newFixture returns an EC2 with one VPC of seven subnets, and a real client.
func newFixture(t *testing.T) (*Service, *sdk.Client) {
	t.Helper()
	s := New(Options{Account: "123456789012", Region: "eu-west-1"})
	must(t, s.AddVPC("vpc-1", "10.0.0.0/16", map[string]string{"Name": "shop"}))
	for i := range 7 {
		must(t, s.AddSubnet(Subnet{ID: fmt.Sprintf("subnet-%d", i), VPC: "vpc-1", CIDR: fmt.Sprintf("10.0.%d.0/24", i), Zone: "eu-west-1" + string("abc"[i%3]), FreeIPs: -1,
			Tags: map[string]string{"kubernetes.io/cluster/shop": "shared", "index": fmt.Sprint(i)}}))
	}
	must(t, s.AddSecurityGroup("sg-nodes", "vpc-1", "nodes", types.IpPermission{IpProtocol: ptr("tcp"), FromPort: ptr(int32(443)), ToPort: ptr(int32(443)), IpRanges: []types.IpRange{{CidrIp: ptr("10.0.0.0/16")}}}))
	mux := wire.NewMux(func() time.Time { return launched }, nil)
	mux.Register("ec2", s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, HTTPClient: wire.NewHTTPClient(), Credentials: credentials.NewStaticCredentialsProvider("AKID", "not-a-secret", "")})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(err.Error(), part) {
		t.Fatalf("error = %v\nwant %s: ...%s...", err, code, part)
	}
}

// wantCodeOf checks an error that was not sent over HTTP.
func wantCodeOf(t *testing.T, err error, code string) {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error = %v, want %s", err, code)
	}
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: ptr(name), Values: values}
}

func TestSubnetsWithTheirFreeAddresses(t *testing.T) {
	s, client := newFixture(t)
	must(t, s.SetFreeIPs("subnet-1", 3))
	out, err := client.DescribeSubnets(context.Background(), &sdk.DescribeSubnetsInput{SubnetIds: []string{"subnet-0", "subnet-1"}})
	must(t, err)
	if len(out.Subnets) != 2 || *out.Subnets[0].AvailableIpAddressCount != 251 || *out.Subnets[1].AvailableIpAddressCount != 3 ||
		*out.Subnets[1].AvailabilityZone != "eu-west-1b" || *out.Subnets[1].AvailabilityZoneId != "euw1-az2" {
		t.Fatalf("subnets = %+v", out.Subnets)
	}
	if vpc, zone, free, ok := s.LookupSubnet("subnet-1"); vpc != "vpc-1" || zone != "eu-west-1b" || free != 3 || !ok {
		t.Errorf("LookupSubnet = %s %s %d %v", vpc, zone, free, ok)
	}
	_, err = client.DescribeSubnets(context.Background(), &sdk.DescribeSubnetsInput{SubnetIds: []string{"subnet-0", "subnet-9"}})
	wantCode(t, err, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-9' does not exist")
}

func TestFilters(t *testing.T) {
	_, client := newFixture(t)
	for _, c := range []struct {
		name    string
		filters []types.Filter
		want    []string
	}{
		{"by zone", []types.Filter{filter("availability-zone", "eu-west-1b")}, []string{"subnet-1", "subnet-4"}},
		{"any of two values", []types.Filter{filter("subnet-id", "subnet-0", "subnet-5")}, []string{"subnet-0", "subnet-5"}},
		{"both of two filters", []types.Filter{filter("availability-zone", "eu-west-1b"), filter("cidr-block", "10.0.4.0/24")}, []string{"subnet-4"}},
		{"by a tag", []types.Filter{filter("tag:index", "2")}, []string{"subnet-2"}},
		{"by a tag's key", []types.Filter{filter("tag-key", "kubernetes.io/cluster/other")}, nil},
		{"with a wildcard", []types.Filter{filter("cidr-block", "10.0.?.0/24"), filter("tag:index", "*6")}, []string{"subnet-6"}},
		{"of another VPC", []types.Filter{filter("vpc-id", "vpc-2")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := client.DescribeSubnets(context.Background(), &sdk.DescribeSubnetsInput{Filters: c.filters})
			must(t, err)
			var got []string
			for _, n := range out.Subnets {
				got = append(got, *n.SubnetId)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	_, err := client.DescribeSubnets(context.Background(), &sdk.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", "none"), filter("colour", "red")}})
	wantCode(t, err, "InvalidParameterValue", "The filter 'colour' is invalid")
}

func TestPages(t *testing.T) {
	_, client := newFixture(t)
	p := sdk.NewDescribeSubnetsPaginator(client, &sdk.DescribeSubnetsInput{MaxResults: ptr(int32(5))})
	var pages []int
	for p.HasMorePages() {
		out, err := p.NextPage(context.Background())
		must(t, err)
		pages = append(pages, len(out.Subnets))
	}
	if d := cmp.Diff([]int{5, 2}, pages); d != "" {
		t.Error(d)
	}
	for name, in := range map[string]*sdk.DescribeSubnetsInput{
		"InvalidParameterValue":       {MaxResults: ptr(int32(4))},
		"InvalidParameterCombination": {MaxResults: ptr(int32(5)), SubnetIds: []string{"subnet-0"}},
		"InvalidNextToken":            {NextToken: ptr("?")},
		"DryRunOperation":             {DryRun: ptr(true)},
	} {
		_, err := client.DescribeSubnets(context.Background(), in)
		wantCode(t, err, name, "")
	}
}

func TestVpcsGroupsAndZones(t *testing.T) {
	_, client := newFixture(t)
	ctx := context.Background()
	vpcs, err := client.DescribeVpcs(ctx, &sdk.DescribeVpcsInput{Filters: []types.Filter{filter("tag:Name", "shop")}})
	must(t, err)
	if len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].CidrBlock != "10.0.0.0/16" {
		t.Errorf("VPCs = %+v", vpcs.Vpcs)
	}
	groups, err := client.DescribeSecurityGroups(ctx, &sdk.DescribeSecurityGroupsInput{GroupIds: []string{"sg-nodes"}})
	must(t, err)
	if g := groups.SecurityGroups[0]; *g.GroupName != "nodes" || *g.IpPermissions[0].IpRanges[0].CidrIp != "10.0.0.0/16" || *g.IpPermissionsEgress[0].IpProtocol != "-1" {
		t.Errorf("group = %+v", g)
	}
	groups, err = client.DescribeSecurityGroups(ctx, &sdk.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("ip-permission.from-port", "443"), filter("egress.ip-permission.cidr", "0.0.0.0/0")}})
	must(t, err)
	if len(groups.SecurityGroups) != 1 || *groups.SecurityGroups[0].GroupId != "sg-nodes" {
		t.Errorf("groups by rule = %+v", groups.SecurityGroups)
	}
	regions, err := client.DescribeRegions(ctx, &sdk.DescribeRegionsInput{})
	must(t, err)
	if len(regions.Regions) != 1 || *regions.Regions[0].RegionName != "eu-west-1" {
		t.Errorf("regions = %+v", regions.Regions)
	}
	_, err = client.DescribeSecurityGroups(ctx, &sdk.DescribeSecurityGroupsInput{GroupIds: []string{"sg-none"}})
	wantCode(t, err, "InvalidGroup.NotFound", "The security group 'sg-none' does not exist")
	zones, err := client.DescribeAvailabilityZones(ctx, &sdk.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("zone-id", "euw1-az3")}})
	must(t, err)
	if len(zones.AvailabilityZones) != 1 || *zones.AvailabilityZones[0].ZoneName != "eu-west-1c" || zones.AvailabilityZones[0].State != types.AvailabilityZoneStateAvailable {
		t.Errorf("zones = %+v", zones.AvailabilityZones)
	}
}

func TestSeedsThatCannotBe(t *testing.T) {
	s, _ := newFixture(t)
	for name, err := range map[string]error{
		"VPC block":          s.AddVPC("vpc-2", "10.0.0.0", nil),
		"unknown VPC":        s.AddSubnet(Subnet{ID: "n", VPC: "vpc-9", CIDR: "10.0.9.0/24", Zone: "eu-west-1a"}),
		"unknown zone":       s.AddSubnet(Subnet{ID: "n", VPC: "vpc-1", CIDR: "10.0.9.0/24", Zone: "eu-west-1z"}),
		"block too small":    s.AddSubnet(Subnet{ID: "n", VPC: "vpc-1", CIDR: "10.0.9.0/30", Zone: "eu-west-1a"}),
		"more free than are": s.AddSubnet(Subnet{ID: "n", VPC: "vpc-1", CIDR: "10.0.9.0/28", Zone: "eu-west-1a", FreeIPs: 12}),
		"unknown subnet":     s.SetFreeIPs("subnet-9", 1),
		"group's VPC":        s.AddSecurityGroup("sg-9", "vpc-9", "x"),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
