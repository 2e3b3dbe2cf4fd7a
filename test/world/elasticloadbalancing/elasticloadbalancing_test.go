package elasticloadbalancing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

func newWorld(t *testing.T) *world.World {
	t.Helper()
	w, err := world.New(world.Options{Clock: clock.NewVirtual(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestLoadBalancersComeAsTheyWerePutInPages(t *testing.T) {
	w := newWorld(t)
	api := elb.NewFromConfig(w.AWSConfig())
	for n := range 5 {
		w.LoadBalancing().PutLoadBalancer(types.LoadBalancer{LoadBalancerName: aws.String(fmt.Sprintf("web-%d", n)), VpcId: aws.String("vpc-1"), SecurityGroups: []string{"sg-1"},
			AvailabilityZones: []types.AvailabilityZone{{ZoneName: aws.String("eu-west-1a"), SubnetId: aws.String("subnet-1")}}}, nil)
	}
	var pages []int
	p := elb.NewDescribeLoadBalancersPaginator(api, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(2)})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.LoadBalancers))
		if b := out.LoadBalancers[0]; *b.VpcId != "vpc-1" || *b.AvailabilityZones[0].ZoneName != "eu-west-1a" || b.SecurityGroups[0] != "sg-1" || b.State.Code != types.LoadBalancerStateEnumActive {
			t.Errorf("load balancer %+v", b)
		}
	}
	if fmt.Sprint(pages) != "[2 2 1]" {
		t.Errorf("pages %v", pages)
	}
	_, err := api.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"none"}})
	if _, ok := errors.AsType[*types.LoadBalancerNotFoundException](err); !ok {
		t.Errorf("error = %v", err)
	}
	_, err = api.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(401)})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationError" {
		t.Errorf("error = %v", err)
	}
}

func TestTargetGroupsWithTagsTargetsAndAttributes(t *testing.T) {
	w := newWorld(t)
	api, ctx := elb.NewFromConfig(w.AWSConfig()), t.Context()
	balancer := w.LoadBalancing().PutLoadBalancer(types.LoadBalancer{LoadBalancerName: aws.String("web"), Type: types.LoadBalancerTypeEnumNetwork}, map[string]string{"elbv2.k8s.aws/cluster": "shop"})
	group := w.LoadBalancing().PutTargetGroup(types.TargetGroup{TargetGroupName: aws.String("web"), Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp, LoadBalancerArns: []string{balancer}}, nil)
	w.LoadBalancing().PutTargetGroup(types.TargetGroup{TargetGroupName: aws.String("spare")}, nil)
	if err := w.LoadBalancing().SetDelay(group, 30); err != nil {
		t.Fatal(err)
	}
	groups, err := api.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancer})
	if err != nil || len(groups.TargetGroups) != 1 || *groups.TargetGroups[0].TargetGroupArn != group || groups.TargetGroups[0].TargetType != types.TargetTypeEnumIp {
		t.Errorf("groups %+v, %v", groups, err)
	}
	if _, err := api.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{group}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}}); err != nil {
		t.Error(err)
	}
	tags, err := api.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{balancer, group}})
	if err != nil || len(tags.TagDescriptions) != 2 || *tags.TagDescriptions[0].Tags[0].Value != "shop" || *tags.TagDescriptions[1].Tags[0].Key != "team" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	if _, err := api.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: make([]string, 21)}); err == nil {
		t.Error("the tags of 21 are told")
	}
	attributes, err := api.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &group})
	if err != nil || *attributes.Attributes[0].Key != "deregistration_delay.timeout_seconds" || *attributes.Attributes[0].Value != "30" {
		t.Errorf("attributes %+v, %v", attributes, err)
	}

	if _, err := api.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.7")}, {Id: aws.String("10.0.0.7"), Port: aws.Int32(81)}}}); err != nil {
		t.Error(err)
	}
	if _, err := api.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.7"), Port: aws.Int32(80)}}}); err != nil {
		t.Error(err)
	}
	health, err := api.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if err != nil || len(health.TargetHealthDescriptions) != 1 || *health.TargetHealthDescriptions[0].Target.Port != 81 || health.TargetHealthDescriptions[0].TargetHealth.State != types.TargetHealthStateEnumHealthy {
		t.Errorf("health %+v, %v", health, err)
	}
	if err := w.LoadBalancing().SetTargets(group, types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String("10.0.0.9")},
		TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumUnhealthy, Reason: types.TargetHealthReasonEnumTimeout}}); err != nil {
		t.Fatal(err)
	}
	health, err = api.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.9")}, {Id: aws.String("10.0.0.10")}}})
	if err != nil || health.TargetHealthDescriptions[0].TargetHealth.Reason != types.TargetHealthReasonEnumTimeout || health.TargetHealthDescriptions[1].TargetHealth.Reason != types.TargetHealthReasonEnumNotRegistered {
		t.Errorf("health %+v, %v", health, err)
	}
	_, err = api.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("none")})
	if _, ok := errors.AsType[*types.TargetGroupNotFoundException](err); !ok {
		t.Errorf("error = %v", err)
	}
}

// Both APIs have one address and one signing name.
func TestClassicLoadBalancersHaveAnAPIOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.LoadBalancing().PutLoadBalancer(types.LoadBalancer{LoadBalancerName: aws.String("new")}, nil)
	w.LoadBalancing().Classic().Put(classictypes.LoadBalancerDescription{LoadBalancerName: aws.String("a0123"), VPCId: aws.String("vpc-1"), Instances: []classictypes.Instance{{InstanceId: aws.String("i-1")}}},
		map[string]string{"kubernetes.io/cluster/shop": "owned"})
	api := elasticloadbalancing.NewFromConfig(w.AWSConfig())
	out, err := api.DescribeLoadBalancers(t.Context(), nil)
	if err != nil || len(out.LoadBalancerDescriptions) != 1 || *out.LoadBalancerDescriptions[0].VPCId != "vpc-1" || *out.LoadBalancerDescriptions[0].Instances[0].InstanceId != "i-1" {
		t.Fatalf("out %+v, %v", out, err)
	}
	tags, err := api.DescribeTags(t.Context(), &elasticloadbalancing.DescribeTagsInput{LoadBalancerNames: []string{"a0123"}})
	if err != nil || len(tags.TagDescriptions) != 1 || *tags.TagDescriptions[0].Tags[0].Value != "owned" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	_, err = api.DescribeLoadBalancers(t.Context(), &elasticloadbalancing.DescribeLoadBalancersInput{LoadBalancerNames: []string{"none"}})
	if _, ok := errors.AsType[*classictypes.AccessPointNotFoundException](err); !ok {
		t.Errorf("error = %v", err)
	}
}
