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
	for range 1000 {
		u.Call("dynamodb", "PutItem")
		u.Call("DynamoDB", "GetItem")
		u.Call("s3", "PutObject")
		u.Call("eks", "DescribeCluster") // costs nothing
	}
	want := []cost.Line{
		{What: "Step Functions", Amount: 400, Unit: "state transitions", USD: 0.01},
		{What: "Lambda", Amount: 2, Unit: "invocations", USD: 0.0000004},
		{What: "Lambda", Amount: 2.0005, Unit: "GB-seconds", USD: 0.00002667},
		{What: "CodeBuild", Amount: 20, Unit: "minutes", USD: 0.068},
		{What: "DynamoDB", Amount: 1000, Unit: "reads", USD: 0.000125},
		{What: "DynamoDB", Amount: 1000, Unit: "writes", USD: 0.000625},
		{What: "S3", Amount: 1000, Unit: "writes", USD: 0.005},
	}
	got := u.Lines(cost.ARM)
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-8)); diff != "" {
		t.Error(diff)
	}
	if total := cost.Total(got); math.Abs(total-0.08378) > 1e-4 {
		t.Errorf("total %f", total)
	}
	if arm, x86 := cost.Total(got), cost.Total(u.Lines(cost.X86)); x86 <= arm {
		t.Errorf("x86_64 costs %f, arm64 %f", x86, arm)
	}
}

func TestNothingCostsNothing(t *testing.T) {
	if lines := (cost.Usage{}).Lines(cost.ARM); len(lines) > 0 || cost.Total(lines) != 0 {
		t.Errorf("%v", lines)
	}
}

func TestWhatStandsEveryMonth(t *testing.T) {
	if got := cost.Total(cost.Month(1, 10, 1, 20)); math.Abs(got-11) > 1e-9 {
		t.Errorf("%f", got)
	}
}
