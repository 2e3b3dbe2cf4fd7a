package workloads

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// work is one slice of a delivery.
type work struct {
	*Sync
	run         upgrade.Run
	blue, green Cluster
	greenName   string
	blueServes  kube.Resources
	aggregated  map[string]bool
	until       time.Time // the end of the slice
	save        func(context.Context, *position) error
}

// parcel is one object to deliver.
type parcel struct {
	key    string // orders the objects of a stage
	object *unstructured.Unstructured
}

// batch is how many objects are applied before the time and the lease are
// looked at again: a few seconds' worth.
const batch = 64

// deliver works on one stage and reports whether it is complete. It moves the
// position on with each batch.
func (w *work) deliver(ctx context.Context, at *position) (complete bool, err error) {
	greenServes, err := w.green.Resources(ctx)
	if err != nil {
		return false, err
	}
	load, err := w.pack(ctx, at, greenServes)
	if err != nil {
		return false, err
	}
	for i, chunk := range slices.Collect(slices.Chunk(load.parcels, batch)) {
		// The first batch goes whatever the time: when listing alone outlasts a
		// slice, the delivery would never get on.
		if i > 0 && w.over() {
			return false, nil
		}
		if err := w.Guard.Check(ctx, w.run, execution.Lease); err != nil {
			return false, err
		}
		if err := w.apply(ctx, chunk, at); err != nil {
			return false, err
		}
		if err := w.save(ctx, at); err != nil {
			return false, err
		}
	}
	if at.Stage == definitions {
		if open, err := w.unestablished(ctx); err != nil || open {
			return false, err
		}
	}
	at.Left += load.left
	for _, u := range load.unserved {
		at.refuse(u.objects, u.text)
	}
	return true, nil
}

// over reports whether the slice has ended.
func (w *work) over() bool { return !w.Clock.Now().Before(w.until) }

// load is what a stage has to deliver.
type load struct {
	parcels  []parcel
	left     int // objects that are not delivered on purpose
	unserved []unserved
}

type unserved struct {
	objects int
	text    string
}

// pack reads the objects of a stage from blue. Its parcels are those after the
// position only, in the order of their keys.
func (w *work) pack(ctx context.Context, at *position, greenServes kube.Resources) (load, error) {
	var out load
	for _, d := range deliveries(w.blueServes, greenServes, w.aggregated) {
		if d.stage != at.Stage {
			continue
		}
		objects, err := w.blue.Objects(ctx, d.resource, "")
		if err != nil {
			return load{}, err
		}
		homeless := 0
		for i := range objects {
			object := &objects[i]
			switch {
			case skip(object) != "":
				out.left++
			case !d.common:
				homeless++
			default:
				out.parcels = append(out.parcels, parcel{key: keyOf(d, object), object: clean(object)})
			}
		}
		if homeless > 0 {
			out.unserved = append(out.unserved, unserved{homeless, fmt.Sprintf("%d %s: %s serves no version of them that the other cluster serves",
				homeless, d.resource.GVR().GroupResource(), w.greenName)})
		}
	}
	slices.SortFunc(out.parcels, func(a, b parcel) int { return cmp.Compare(a.key, b.key) })
	out.parcels = slices.DeleteFunc(out.parcels, func(p parcel) bool { return p.key <= at.After })
	return out, nil
}

func keyOf(d delivery, o *unstructured.Unstructured) string {
	return d.resource.GVR().GroupResource().String() + "/" + o.GetNamespace() + "/" + o.GetName()
}

func (p *position) refuse(n int, text string) {
	p.Refused += n
	if len(p.First) < mostRefusals {
		p.First = append(p.First, text)
	}
}

// apply applies some objects, several at a time. A refusal is noted; an error
// that passes (throttling, an API server that restarts) ends the batch and
// leaves the position where it was.
func (w *work) apply(ctx context.Context, chunk []parcel, at *position) error {
	results := make([]error, len(chunk))
	var group sync.WaitGroup
	places := make(chan struct{}, w.Parallelism)
	for i, p := range chunk {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			results[i] = w.applyOne(ctx, p.object)
		})
	}
	group.Wait()
	for _, err := range results {
		if err != nil && !refusal(err) {
			return err
		}
	}
	for i, err := range results {
		if err != nil {
			at.refuse(1, words(chunk[i].object, err))
			continue
		}
		at.Delivered++
	}
	at.After = chunk[len(chunk)-1].key
	return nil
}

// applyOne applies an object, and once more when somebody wrote it at the same
// time: controllers of green touch what they see appear.
func (w *work) applyOne(ctx context.Context, o *unstructured.Unstructured) error {
	_, err := w.green.Apply(ctx, o, FieldManager, true)
	if upgrade.CodeOf(err) == upgrade.CodeConflict {
		_, err = w.green.Apply(ctx, o, FieldManager, true)
	}
	return err
}

// refusal reports whether the server looked at the object and said no.
func refusal(err error) bool {
	switch upgrade.CodeOf(err) {
	case upgrade.CodeInvalidRequest, upgrade.CodePermissionDenied, upgrade.CodeNotFound, upgrade.CodeConflict, upgrade.CodeInternal:
		return true
	}
	return false
}

// words returns what the server said, but for Secrets: there it may quote what
// it refuses. Elsewhere too it quotes, and that can be long.
func words(o *unstructured.Unstructured, err error) string {
	if o.GetKind() == "Secret" {
		return fmt.Sprintf("Secret %s/%s: %s", o.GetNamespace(), o.GetName(), upgrade.CodeOf(err))
	}
	return logging.Line(err.Error(), mostWords)
}

const mostWords = 500 // characters

// unestablished reports whether green does not yet serve some of its
// definitions: custom resources would not be accepted.
func (w *work) unestablished(ctx context.Context) (bool, error) {
	serves, err := w.green.Resources(ctx)
	if err != nil {
		return false, err
	}
	resource, ok := serves.ByKind(schema.GroupVersionKind{Group: definitionsGroup, Version: "v1", Kind: "CustomResourceDefinition"})
	if !ok {
		return false, nil
	}
	all, err := w.green.Objects(ctx, resource, "")
	if err != nil {
		return false, err
	}
	for i := range all {
		if !established(&all[i]) || !served(serves, &all[i]) {
			return true, nil
		}
	}
	return false, nil
}

func served(serves kube.Resources, definition *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	return slices.ContainsFunc(serves.All, func(r kube.Resource) bool { return r.Group == group && r.Name == plural })
}

func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		m, ok := c.(map[string]any)
		return ok && m["type"] == "Established" && m["status"] == "True"
	})
}
