package logs

import (
	"testing"
	"time"

	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

type recorder map[string][]cw.MetricDatum

func (r recorder) PutData(namespace string, data []cw.MetricDatum) error {
	r[namespace] = append(r[namespace], data...)
	return nil
}

func TestMetricFiltersTurnEventsIntoMetrics(t *testing.T) {
	clk := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	s, got := New(clk, "123456789012", "eu-west-1"), recorder{}
	s.SetMetrics(got)
	group := ptr("g")
	if _, err := s.CreateLogGroup(nil, &sdk.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	put := func(name, pattern string, m types.MetricTransformation) error {
		_, err := s.PutMetricFilter(nil, &sdk.PutMetricFilterInput{LogGroupName: group, FilterName: &name, FilterPattern: &pattern, MetricTransformations: []types.MetricTransformation{m}})
		return err
	}
	zero := 0.0
	if err := put("errors", "ERROR", types.MetricTransformation{MetricName: ptr("Errors"), MetricNamespace: ptr("A"), MetricValue: ptr("1"), DefaultValue: &zero}); err != nil {
		t.Fatal(err)
	}
	if err := put("wait", "{ $.wait > 1 }", types.MetricTransformation{MetricName: ptr("Wait"), MetricNamespace: ptr("B"), MetricValue: ptr("$.wait"), Dimensions: map[string]string{"Step": "$.step.name"}}); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"all is well", "ERROR: no", `{"wait":7.5,"step":{"name":"drain"}}`, `{"wait":9}`} {
		s.Write("g", "s", clk.Now(), message)
	}
	if a := got["A"]; len(a) != 4 || *a[0].Value != 0 || *a[1].Value != 1 || *a[2].Value != 0 {
		t.Errorf("errors = %+v", a)
	}
	if b := got["B"]; len(b) != 1 || *b[0].Value != 7.5 || *b[0].Dimensions[0].Value != "drain" {
		t.Errorf("waits = %+v", b)
	}
	out, err := s.DescribeMetricFilters(nil, &sdk.DescribeMetricFiltersInput{LogGroupName: group, FilterNamePrefix: ptr("e")})
	if err != nil || len(out.MetricFilters) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.DeleteMetricFilter(nil, &sdk.DeleteMetricFilterInput{LogGroupName: group, FilterName: ptr("errors")}); err != nil {
		t.Fatal(err)
	}
	s.Write("g", "s", clk.Now(), "ERROR again")
	if len(got["A"]) != 4 {
		t.Error("a deleted filter counts")
	}
	for name, bad := range map[string]types.MetricTransformation{
		"value":      {MetricName: ptr("X"), MetricNamespace: ptr("A"), MetricValue: ptr("x")},
		"namespace":  {MetricName: ptr("X"), MetricNamespace: ptr("AWS/X"), MetricValue: ptr("1")},
		"dimensions": {MetricName: ptr("X"), MetricNamespace: ptr("A"), MetricValue: ptr("1"), Dimensions: map[string]string{"a": "$.b"}},
	} {
		if err := put("bad", "ERROR", bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestResourcePoliciesAreKept(t *testing.T) {
	s := New(clock.NewVirtual(time.Now()), "123456789012", "eu-west-1")
	if _, err := s.PutResourcePolicy(nil, &sdk.PutResourcePolicyInput{PolicyName: ptr("p"), PolicyDocument: ptr(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutResourcePolicy(nil, &sdk.PutResourcePolicyInput{PolicyName: ptr("q"), PolicyDocument: ptr(`{`)}); err == nil {
		t.Error("what is no JSON was accepted")
	}
	if out, err := s.DescribeResourcePolicies(nil, &sdk.DescribeResourcePoliciesInput{}); err != nil || len(out.ResourcePolicies) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.DeleteResourcePolicy(nil, &sdk.DeleteResourcePolicyInput{PolicyName: ptr("p")}); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteResourcePolicy(nil, &sdk.DeleteResourcePolicyInput{PolicyName: ptr("p")}); err == nil {
		t.Error("a policy was deleted twice")
	}
}
