package eks

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

// inVPC is a fixture whose EC2 has a VPC with two subnets and a group of its own
// and of another VPC.
func inVPC(t *testing.T, cidr, a, b string) (*fixture, *ec2.Service) {
	t.Helper()
	net := ec2.New(ec2.Options{Account: "123456789012", Region: "eu-west-1"})
	for _, err := range []error{
		net.AddVPC("vpc-1", cidr, nil), net.AddVPC("vpc-2", "192.168.0.0/16", nil),
		net.AddSubnet(ec2.Subnet{ID: "subnet-a", VPC: "vpc-1", Zone: "eu-west-1a", CIDR: a, FreeIPs: -1}),
		net.AddSubnet(ec2.Subnet{ID: "subnet-b", VPC: "vpc-1", Zone: "eu-west-1b", CIDR: b, FreeIPs: -1}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return newFixture(t, Options{Subnets: net, EC2: net}), net
}

func TestAClusterGetsItsIssuerAndItsGroupWhenItIsThere(t *testing.T) {
	f, net := inVPC(t, "172.31.0.0/16", "172.31.0.0/20", "172.31.16.0/20")
	out, err := f.CreateCluster(f.call, clusterInput("1.34"))
	if err != nil {
		t.Fatal(err)
	}
	c := out.Cluster
	if c.Identity != nil || c.ResourcesVpcConfig.ClusterSecurityGroupId != nil || c.Endpoint != nil || c.CertificateAuthority == nil || c.CertificateAuthority.Data != nil {
		t.Errorf("at first it is %+v", c)
	}
	f.clock.Advance(DefaultCreateCluster)
	d, err := f.DescribeCluster(f.call, &sdk.DescribeClusterInput{Name: ptr("shop")})
	if err != nil || d.Cluster.Identity == nil || d.Cluster.ResourcesVpcConfig.ClusterSecurityGroupId == nil {
		t.Fatalf("then it is %+v, %v", d, err)
	}
	group := *d.Cluster.ResourcesVpcConfig.ClusterSecurityGroupId
	if vpc, ok := net.LookupSecurityGroup(group); !ok || vpc != "vpc-1" {
		t.Errorf("group %s is of %q, %v", group, vpc, ok)
	}
	f.must(f.DeleteCluster(f.call, &sdk.DeleteClusterInput{Name: ptr("shop")}))
	f.clock.Advance(DefaultDeleteCluster)
	if _, ok := net.LookupSecurityGroup(group); ok {
		t.Error("the group stays behind")
	}
}

func TestTheBlockOfServicesDoesNotOverlapWithTheVPCs(t *testing.T) {
	for _, tc := range [][4]string{{"172.31.0.0/16", "172.31.0.0/20", "172.31.16.0/20", "10.100.0.0/16"}, {"10.0.0.0/16", "10.0.0.0/20", "10.0.16.0/20", "172.20.0.0/16"}} {
		f, _ := inVPC(t, tc[0], tc[1], tc[2])
		out, err := f.CreateCluster(f.call, clusterInput("1.34"))
		if err != nil || *out.Cluster.KubernetesNetworkConfig.ServiceIpv4Cidr != tc[3] {
			t.Errorf("VPC %s: %+v, %v", tc[0], out, err)
		}
	}
}

func TestWhatANewClusterMustNotSay(t *testing.T) {
	f, _ := inVPC(t, "10.0.0.0/16", "10.0.0.0/20", "10.0.16.0/20")
	for part, change := range map[string]func(*sdk.CreateClusterInput){
		"The security group 'sg-9' does not exist":             func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SecurityGroupIds = []string{"sg-9"} },
		"Security group sg-2 does not belong to the VPC vpc-1": func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SecurityGroupIds = []string{"sg-1", "sg-2"} },
		"bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP": func(in *sdk.CreateClusterInput) {
			in.AccessConfig = &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeConfigMap, BootstrapClusterCreatorAdminPermissions: ptr(false)}
		},
	} {
		in := clusterInput("1.34")
		change(in)
		_, err := f.CreateCluster(f.call, in)
		wantCode(t, err, "InvalidParameterException", part)
	}
}
