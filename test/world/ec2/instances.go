package ec2

import (
	"crypto/sha256"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// runningCode is the state code of a running instance.
const runningCode = 16

// DescribeInstances describes the instances of node groups, one reservation
// each. All of them are running.
func (s *Service) DescribeInstances(_ *wire.Call, in *sdk.DescribeInstancesInput) (*sdk.DescribeInstancesOutput, error) {
	q := query{ids: in.InstanceIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken, dryRun: in.DryRun, notFound: "InvalidInstanceID.NotFound", what: "instance ID"}
	found, next, err := find(q, s.instances(), func(i types.Instance) string { return *i.InstanceId }, func(i types.Instance) []types.Tag { return i.Tags },
		func(i types.Instance, name string) ([]string, bool) {
			switch name {
			case "instance-id":
				return []string{value(i.InstanceId)}, true
			case "instance-type":
				return []string{string(i.InstanceType)}, true
			case "instance-state-name":
				return []string{string(types.InstanceStateNameRunning)}, true
			case "private-dns-name":
				return []string{value(i.PrivateDnsName)}, true
			case "subnet-id":
				return []string{value(i.SubnetId)}, true
			case "vpc-id":
				return []string{value(i.VpcId)}, true
			case "availability-zone":
				if i.Placement == nil {
					return nil, true
				}
				return []string{value(i.Placement.AvailabilityZone)}, true
			}
			return nil, false
		})
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeInstancesOutput{Reservations: []types.Reservation{}, NextToken: next}
	for _, i := range found {
		out.Reservations = append(out.Reservations, types.Reservation{OwnerId: ptr(s.opts.Account), ReservationId: ptr("r-" + (*i.InstanceId)[2:]), Instances: []types.Instance{i}})
	}
	return out, nil
}

// instances spreads each node group's instances over its subnets. Ids follow
// from cluster, node group and number, so that they are the same in every run.
func (s *Service) instances() []types.Instance {
	if s.opts.Nodegroups == nil {
		return nil
	}
	var out []types.Instance
	for _, g := range s.opts.Nodegroups() {
		for n := range g.Count {
			h := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", g.Cluster, g.Name, n))
			i := types.Instance{
				InstanceId: ptr(fmt.Sprintf("i-%x", h)[:19]), InstanceType: types.InstanceType(g.InstanceType), LaunchTime: ptr(g.Launched),
				State: &types.InstanceState{Name: types.InstanceStateNameRunning, Code: ptr(int32(runningCode))}, Architecture: types.ArchitectureValuesX8664,
				Tags: tagList(map[string]string{"eks:cluster-name": g.Cluster, "eks:nodegroup-name": g.Name, "kubernetes.io/cluster/" + g.Cluster: "owned"}),
			}
			if len(g.Subnets) > 0 {
				id := g.Subnets[n%len(g.Subnets)]
				if vpc, zone, _, ok := s.LookupSubnet(id); ok {
					i.SubnetId, i.VpcId, i.Placement = ptr(id), ptr(vpc), &types.Placement{AvailabilityZone: ptr(zone), Tenancy: types.TenancyDefault}
				}
			}
			out = append(out, i)
		}
	}
	return out
}
