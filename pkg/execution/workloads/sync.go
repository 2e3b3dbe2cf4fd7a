package workloads

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Cluster reads and writes one cluster; *kube.Client is one.
type Cluster interface {
	Resources(ctx context.Context) (kube.Resources, error)
	Objects(ctx context.Context, resource kube.Resource, namespace string) ([]unstructured.Unstructured, error)
	Apply(ctx context.Context, object *unstructured.Unstructured, fieldManager string, force bool) (*unstructured.Unstructured, error)
	Delete(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) error
}

// FieldManager owns what is delivered, as server-side apply records it.
const FieldManager = "eks-upgrade-agent"

// Sync is the executor of syncWorkloads steps. All fields but Rights are needed.
type Sync struct {
	Connect     func(ctx context.Context, cluster string) (Cluster, error)
	States      execution.States
	Guard       execution.Guard
	Clock       clock.Clock
	Slice       time.Duration // how long one call works; well below the Lambda's timeout. 60s is usual
	Parallelism int           // objects applied at a time; 8 is usual
	// Rights is the ClusterRoleBinding by which the agent may write to the cluster
	// that it fills; it is removed when all is delivered. Empty: there is none.
	Rights string
}

// position is how far the delivery is, kept as a state. It moves on only past
// objects that were applied, so that a crash repeats some and misses none.
type position struct {
	Stage     stage    `json:"stage"`
	After     string   `json:"after,omitempty"` // key of the last object of the stage that is done
	Delivered int      `json:"delivered"`
	Left      int      `json:"left"`            // not delivered on purpose
	Refused   int      `json:"refused"`         // by green
	First     []string `json:"first,omitempty"` // the first of the refused, with the server's words
}

const mostRefusals = 10

func stateKey(step upgrade.Step) string { return "sync#" + step.ID }

// Reconcile implements execution.Executor. It works for one slice of time and
// goes on from there at the next call. Objects that green refuses do not stop
// the others; in the end they make the step StepFailed.
func (s *Sync) Reconcile(ctx context.Context, run upgrade.Run, plan upgrade.Plan, step upgrade.Step, _ upgrade.StepRecord) (upgrade.Progress, error) {
	in, err := execution.Input[upgrade.SyncInput](step)
	if err != nil {
		return upgrade.Progress{}, err
	}
	if in.From != plan.Cluster || in.To != plan.Green {
		return upgrade.Progress{}, upgrade.KindStepInputMismatch.Errorf("input of step "+step.ID, "from %q to %q is not the plan's way from %q to %q", in.From, in.To, plan.Cluster, plan.Green)
	}
	at, err := execution.LoadState[position](ctx, s.States, run.ID, stateKey(step))
	if err != nil {
		return upgrade.Progress{}, err
	}
	w, err := s.begin(ctx, run, in)
	if err != nil {
		return upgrade.Progress{}, err
	}
	w.save = func(ctx context.Context, at *position) error {
		return execution.SaveState(ctx, s.States, run.ID, stateKey(step), at)
	}
	for at.Stage < stages {
		done, err := w.deliver(ctx, &at)
		if err != nil {
			return upgrade.Progress{}, err
		}
		if !done {
			return upgrade.Progress{After: upgrade.Duration(time.Second), Note: at.note()}, nil
		}
		at.Stage, at.After = at.Stage+1, ""
		if err := w.save(ctx, &at); err != nil {
			return upgrade.Progress{}, err
		}
		if at.Stage < stages && w.over() {
			return upgrade.Progress{After: upgrade.Duration(time.Second), Note: at.note()}, nil
		}
	}
	if at.Refused > 0 {
		return upgrade.Progress{}, upgrade.KindObjectsRefused.Errorf("sync workloads", "%s refused %d of %d objects: %s", in.To, at.Refused, at.Refused+at.Delivered, strings.Join(at.First, "; ")).
			WithRemedy("correct these objects in " + in.From + " so that the target version accepts them, then start a new upgrade")
	}
	if err := s.withdraw(ctx, w.green); err != nil {
		return upgrade.Progress{}, err
	}
	return upgrade.Progress{Done: true, Note: fmt.Sprintf("%d objects delivered, %d left to the cluster itself", at.Delivered, at.Left)}, nil
}

// withdraw gives up the right to write. Whoever may not give it up has it no
// more: the right to do so is part of it.
func (s *Sync) withdraw(ctx context.Context, green Cluster) error {
	if s.Rights == "" {
		return nil
	}
	err := green.Delete(ctx, schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"}, "", s.Rights)
	switch upgrade.CodeOf(err) {
	case upgrade.CodeNotFound, upgrade.CodePermissionDenied:
		return nil
	}
	return err
}

func (p position) note() string {
	return fmt.Sprintf("%d objects delivered, at the %s", p.Delivered, p.Stage)
}

// begin connects to both clusters and finds out what they serve.
func (s *Sync) begin(ctx context.Context, run upgrade.Run, in upgrade.SyncInput) (*work, error) {
	blue, err := s.Connect(ctx, in.From)
	if err != nil {
		return nil, err
	}
	green, err := s.Connect(ctx, in.To)
	if err != nil {
		return nil, err
	}
	w := &work{Sync: s, run: run, blue: blue, green: green, greenName: in.To, until: s.Clock.Now().Add(s.Slice)}
	if w.blueServes, err = blue.Resources(ctx); err != nil {
		return nil, err
	}
	w.aggregated, err = aggregated(ctx, blue, w.blueServes)
	return w, err
}

// aggregated returns the groups that other servers answer for the cluster.
func aggregated(ctx context.Context, c Cluster, serves kube.Resources) (map[string]bool, error) {
	resource, ok := serves.ByKind(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"})
	if !ok {
		return nil, nil
	}
	all, err := c.Objects(ctx, resource, "")
	if err != nil {
		return nil, err
	}
	groups := map[string]bool{}
	for i := range all {
		if group, _, _ := unstructured.NestedString(all[i].Object, "spec", "group"); remote(&all[i]) {
			groups[group] = true
		}
	}
	return groups, nil
}
