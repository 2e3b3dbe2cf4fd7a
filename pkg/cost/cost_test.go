package cost_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/cost"
)

func TestTheSumOfAnUpgrade(t *testing.T) {
	u := cost.Usage{Transitions: 400, BuildMinutes: 20}
	u.Invoke(1024, 2)
	u.Invoke(512, 0.0001) // a millisecond
	u.Call("dynamodb", "PutItem", 1)
	u.Call("DynamoDB", "GetItem", 1)
	u.Call("s3", "PutObject", 1)
	u.Call("eventbridge", "PutEvents", 10)
	u.Call("eks", "DescribeCluster", 1) // costs nothing
	u.MetricHours, u.LogGigabytes = 73, 0.5
	want := []cost.Line{
		{What: "Step Functions", Amount: 400, Unit: "state transitions", USD: 0.01},
		{What: "Lambda", Amount: 2, Unit: "invocations", USD: 0.0000004},
		{What: "Lambda", Amount: 2.0005, Unit: "GB-seconds", USD: 0.00002667346670},
		{What: "CodeBuild", Amount: 20, Unit: "minutes", USD: 0.068},
		{What: "DynamoDB", Amount: 1, Unit: "reads", USD: 0.000000125},
		{What: "DynamoDB", Amount: 1, Unit: "writes", USD: 0.000000625},
		{What: "S3", Amount: 1, Unit: "writes", USD: 0.000005},
		{What: "EventBridge", Amount: 10, Unit: "events", USD: 0.00001},
		{What: "CloudWatch", Amount: 73, Unit: "hours of custom metrics", USD: 0.03},
		{What: "CloudWatch Logs", Amount: 0.5, Unit: "GB", USD: 0.25},
	}
	got := u.Bill(cost.ARM)
	if diff := cmp.Diff(want, got.Lines, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if math.Abs(got.USD-0.3580435) > 1e-6 {
		t.Errorf("total %f", got.USD)
	}
	if x86 := u.Bill(cost.X86).USD; x86 <= got.USD {
		t.Errorf("x86_64 costs %f, arm64 %f", x86, got.USD)
	}
}

func TestNothingCostsNothing(t *testing.T) {
	if b := (cost.Usage{}).Bill(cost.ARM); len(b.Lines) > 0 || b.USD != 0 {
		t.Errorf("%v", b)
	}
}

func TestWhatStandsEveryMonth(t *testing.T) {
	if got := cost.Month(1, 10, 1); math.Abs(got.USD-5) > 1e-9 || len(got.Lines) != 3 {
		t.Errorf("%v", got)
	}
}
