package reasoning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var update = flag.Bool("update", false, "write the golden files")

// bucket is an S3 bucket in memory with conditional writes.
type bucket map[string][]byte

func (b bucket) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if _, there := b[*in.Key]; there && in.IfNoneMatch != nil {
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed"}
	}
	data, err := io.ReadAll(in.Body)
	b[*in.Key] = data
	return &s3.PutObjectOutput{}, err
}

func (b bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	data, ok := b[*in.Key]
	if !ok {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(data))}, nil
}

// reason runs the handler on a cluster.
func reason(t *testing.T, request upgrade.Request, cluster reasoningtest.Cluster) (upgrade.ReasonOutput, *artifacts.Store) {
	t.Helper()
	store := artifacts.New(bucket{}, "artifacts")
	in := upgrade.ReasonInput{Run: upgrade.Run{ID: "up-1", Request: request, Generation: 1}}
	for _, s := range cluster.Snapshots() {
		ref, err := store.Put(t.Context(), "snapshots/up-1/"+string(s.Source), s)
		if err != nil {
			t.Fatal(err)
		}
		in.Snapshots = append(in.Snapshots, upgrade.PerceiveOutput{Source: s.Source, Snapshot: ref})
	}
	handler := reasoning.Handler{Artifacts: store, Clock: clock.NewVirtual(reasoningtest.Now), ProvisionTimeout: upgrade.Duration(time.Hour), MetricsPeriod: upgrade.Duration(time.Minute)}
	out, err := handler.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := handler.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out, again); diff != "" {
		t.Errorf("the same snapshots give another answer the second time: %s", diff)
	}
	return out, store
}

func TestPlanOfAHealthyCluster(t *testing.T) {
	out, store := reason(t, reasoningtest.Request(), reasoningtest.Healthy())
	if out.Decision != upgrade.Go || !out.ApprovalRequired || out.ApprovalSeconds != 24*3600 || out.Steps != 10 {
		t.Errorf("output %+v", out)
	}
	plan, err := artifacts.Get[upgrade.Plan](t.Context(), store, out.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Hash != out.PlanHash || plan.Assessment != out.Assessment {
		t.Errorf("plan has hash %s and assessment %+v, output %+v", plan.Hash, plan.Assessment, out)
	}
	plan.Assessment, plan.Hash = upgrade.Ref{}, "" // of all findings: not what is compared here
	got, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/plan.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("plan differs (write it with -update): %s", diff)
	}
}

func ids(steps []upgrade.Step) []string {
	out := make([]string, len(steps))
	for i, s := range steps {
		out[i] = s.ID
	}
	return out
}

func TestPlanCanGoBackUntilBlueIsGone(t *testing.T) {
	out, store := reason(t, reasoningtest.Request(), reasoningtest.Healthy())
	plan, err := artifacts.Get[upgrade.Plan](t.Context(), store, out.Plan)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		last   string // step that was started last
		want   []string
		closed string
	}{
		{"verify-blue", []string{}, ""},
		{"provision-green", []string{"destroy-green"}, ""},
		{"sync-workloads", []string{"destroy-green"}, ""},
		{"shift-10", []string{"return-traffic", "destroy-green"}, ""},
		{"shift-100", []string{"return-traffic", "destroy-green"}, ""},
		{"soak", []string{"return-traffic", "destroy-green"}, ""},
		{"decommission-blue", nil, "decommission-blue"},
	}
	for _, tt := range tests {
		t.Run(tt.last, func(t *testing.T) {
			started := map[string]bool{}
			for _, s := range plan.Steps {
				started[s.ID] = true
				if s.ID == tt.last {
					break
				}
			}
			back, closed, err := plan.RollbackPlan(started, reasoningtest.Now)
			if err != nil {
				t.Fatal(err)
			}
			if closed != tt.closed || tt.closed == "" && !slices.Equal(ids(back.Steps), tt.want) {
				t.Errorf("steps %v, closed %q", ids(back.Steps), closed)
			}
			if tt.closed == "" {
				if err := back.Validate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A shift needs a fresh verdict on each side that gets traffic, and so does a
// jump back to blue: no step may leave a side out once green is there.
func TestEveryStepWithTrafficVerifiesBothSides(t *testing.T) {
	out, store := reason(t, reasoningtest.Request(), reasoningtest.Healthy())
	plan, err := artifacts.Get[upgrade.Plan](t.Context(), store, out.Plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan.Steps {
		if s.Kind != upgrade.StepShift && s.Kind != upgrade.StepSoak {
			continue
		}
		weights := upgrade.AllGreen
		if s.Kind == upgrade.StepShift {
			in, err := upgrade.Decode[upgrade.ShiftInput](s.Input)
			if err != nil {
				t.Fatal(err)
			}
			weights = in.Weights
		}
		for _, side := range []upgrade.Side{upgrade.Blue, upgrade.Green} {
			for _, kind := range []upgrade.CriterionKind{upgrade.NodesReady, upgrade.WorkloadsReady, upgrade.EndpointAnswers, upgrade.ErrorRate} {
				has := slices.ContainsFunc(s.Verify, func(c upgrade.Criterion) bool { return c.Kind == kind && c.Side == side })
				if want := kind != upgrade.ErrorRate || weights.Of(side) > 0; has != want {
					t.Errorf("%s with %s: %s of %s is verified: %v", s.ID, weights, kind, side, has)
				}
			}
		}
		if !slices.ContainsFunc(s.Verify, func(c upgrade.Criterion) bool { return c.Kind == upgrade.WeightsHold && c.Weights == weights }) {
			t.Errorf("%s does not verify its weights", s.ID)
		}
	}
}

func TestRequestShapesThePlan(t *testing.T) {
	request := reasoningtest.Request()
	request.Decommission, request.Traffic.Steps, request.Approval.Mode = upgrade.KeepBlue, []int{50, 100}, upgrade.ApprovalOnFindings
	out, store := reason(t, request, reasoningtest.Healthy())
	if out.ApprovalRequired {
		t.Error("approval is required although nothing was found")
	}
	plan, err := artifacts.Get[upgrade.Plan](t.Context(), store, out.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"verify-blue", "provision-green", "sync-workloads", "shift-50", "shift-100", "soak"}; !slices.Equal(ids(plan.Steps), want) {
		t.Errorf("steps %v", ids(plan.Steps))
	}
}

func TestDecisionFollowsTheFindings(t *testing.T) {
	tests := []struct {
		name     string
		change   func(*reasoningtest.Cluster)
		decision upgrade.Decision
		approval bool
	}{
		{"nothing found", func(*reasoningtest.Cluster) {}, upgrade.Go, false},
		{"a serious finding", func(c *reasoningtest.Cluster) { c.Kubernetes.Nodes[0].Ready = false }, upgrade.GoWithApproval, true},
		{"something could not be seen", func(c *reasoningtest.Cluster) { c.Without = upgrade.SourceScanners }, upgrade.GoWithApproval, true},
		{"a blocking finding", func(c *reasoningtest.Cluster) { c.AWS.Status = "FAILED" }, upgrade.NoGo, false},
		{"AWS was not seen", func(c *reasoningtest.Cluster) { c.AWS = nil }, upgrade.NoGo, false},
		{"nothing was seen", func(c *reasoningtest.Cluster) { c.AWS, c.Kubernetes, c.Without = nil, nil, upgrade.SourceScanners }, upgrade.NoGo, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request, cluster := reasoningtest.Request(), reasoningtest.Healthy()
			request.Approval.Mode = upgrade.ApprovalOnFindings
			tt.change(&cluster)
			out, store := reason(t, request, cluster)
			if out.Decision != tt.decision || out.ApprovalRequired != tt.approval {
				t.Errorf("output %+v", out)
			}
			if (out.Plan == upgrade.Ref{}) != (tt.decision == upgrade.NoGo) {
				t.Errorf("decision %s with plan %+v", out.Decision, out.Plan)
			}
			assessment, err := artifacts.Get[upgrade.Assessment](t.Context(), store, out.Assessment)
			if err != nil {
				t.Fatal(err)
			}
			if assessment.Decision != tt.decision || assessment.Reason != out.Reason || len(assessment.Snapshots) != len(cluster.Snapshots()) {
				t.Errorf("assessment %+v", assessment)
			}
		})
	}
}
