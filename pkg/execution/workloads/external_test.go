package workloads_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/workloads"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Custom resources that bind a cluster to load balancers or machines of blue,
// or that run once: in green they would take blue's targets away, or run again.
func TestWhatBelongsToBlueAloneIsNotDelivered(t *testing.T) {
	served := []string{"elbv2.k8s.aws/v1beta1 targetgroupbindings TargetGroupBinding", "*karpenter.sh/v1 nodeclaims NodeClaim",
		"argoproj.io/v1alpha1 workflows Workflow", "tekton.dev/v1 pipelineruns PipelineRun", "velero.io/v1 restores Restore"}
	blue, green := newCluster(served...), newCluster(served...)
	blue.load(own[0], application[0],
		`{apiVersion: elbv2.k8s.aws/v1beta1, kind: TargetGroupBinding, metadata: {namespace: web, name: k8s-web-front}, spec: {targetGroupARN: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/1"}}`,
		`{apiVersion: karpenter.sh/v1, kind: NodeClaim, metadata: {name: general-abcde}}`,
		`{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {namespace: web, name: invoices}}`,
		`{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {namespace: web, name: release}}`,
		`{apiVersion: velero.io/v1, kind: Restore, metadata: {namespace: web, name: monday}}`)
	green.load(own[0])
	p, err := deliver(t, lab.New(t), blue, green)
	if err != nil || !p.Done {
		t.Fatalf("%+v, %v", p, err)
	}
	for key := range green.objects {
		if key != "Namespace//web" && key != "Namespace//kube-system" {
			t.Errorf("%s was delivered", key)
		}
	}
}

// slow is a cluster whose lists take time.
type slow struct {
	*cluster
	take func()
}

func (s slow) Objects(ctx context.Context, r kube.Resource, namespace string) ([]unstructured.Unstructured, error) {
	s.take()
	return s.cluster.Objects(ctx, r, namespace)
}

// A cluster so large that listing takes longer than a slice is delivered too:
// each call gets on by a batch at least.
func TestListingThatOutlastsTheSliceDoesNotStopTheDelivery(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	for range 60 {
		s := &workloads.Sync{States: l.Records, Guard: l.Leases, Clock: l.Clock, Slice: time.Minute, Parallelism: 4,
			Connect: func(_ context.Context, name string) (workloads.Cluster, error) {
				if name == lab.Green {
					return green, nil
				}
				return slow{blue, func() { l.Clock.Advance(90 * time.Second) }}, nil
			}}
		p, err := s.Reconcile(t.Context(), l.Run, plan, step(lab.Blue, lab.Green), upgrade.StepRecord{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Done {
			return
		}
		green.establish()
	}
	t.Errorf("not done after 60 looks: %d objects were applied", green.applies)
}

// An API server quotes what it refuses, which can be a whole custom resource.
func TestLongRefusalsAreCut(t *testing.T) {
	l := lab.New(t)
	blue, green := clusters()
	green.refuse["Widget/web/one"] = upgrade.Errorf(upgrade.CodeInvalidRequest, "apply Widget web/one", "Invalid value: %s", strings.Repeat("x", 300<<10))
	_, err := deliver(t, l, blue, green)
	if upgrade.CodeOf(err) != upgrade.CodeStepFailed || !strings.Contains(err.Error(), "apply Widget web/one: Invalid value") || len(err.Error()) > 2<<10 {
		t.Errorf("%d bytes of error: %.200v", len(err.Error()), err)
	}
}
