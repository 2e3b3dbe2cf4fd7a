package proof

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
)

// outcome is what an API server made of a manifest.
type outcome struct {
	refused  []cause  // why it was rejected; empty: it was taken
	pruned   []string // fields that did not come back
	words    []string // warnings about fields that were pruned
	warnings []string
	problem  string // why nothing can be said
}

// cause is one reason of a rejection.
type cause struct{ field, message string }

func (c cause) String() string {
	if c.field == "" || strings.HasPrefix(c.message, c.field) {
		return c.message
	}
	return c.field + ": " + c.message
}

func (o outcome) clean() bool {
	return len(o.refused)+len(o.pruned)+len(o.warnings) == 0
}

// try asks the server to create a manifest, without doing it. The error is one
// of the run as a whole.
func (s *server) try(ctx context.Context, m Manifest) (outcome, error) {
	o := prepare(m.Object)
	resource, ok := s.resources[o.GroupVersionKind()]
	if !ok {
		return outcome{refused: []cause{{"", fmt.Sprintf("no matches for kind %q in version %q", o.GetKind(), o.GetAPIVersion())}}}, nil
	}
	return s.ask(ctx, resource.Namespaced, o, true)
}

// ask creates an object, or only tries to.
func (s *server) ask(ctx context.Context, namespaced bool, o *unstructured.Unstructured, dry bool) (outcome, error) {
	resource := s.resources[o.GroupVersionKind()]
	if namespaced {
		if o.GetNamespace() == "" {
			o.SetNamespace("default")
		}
		if err := s.namespace(ctx, o.GetNamespace()); err != nil {
			return outcome{}, err
		}
	} else {
		o.SetNamespace("")
	}
	if subresource, defined := s.hasStatus[o.GroupVersionKind()]; subresource || !defined {
		delete(o.Object, "status") // else it is a field as any other
	}
	a, err := s.post(ctx, resource, o, dry)
	if err == nil && a.code == http.StatusNotFound && a.status.Reason != "" && strings.Contains(a.status.Message, "could not find the requested resource") {
		time.Sleep(100 * time.Millisecond) // real time: a definition is announced before it is served
		a, err = s.post(ctx, resource, o, dry)
	}
	switch {
	case ctx.Err() != nil:
		return outcome{}, context.Cause(ctx)
	case err != nil && s.Exited() != nil:
		return outcome{}, failed(ctx, "try "+o.GetKind()+" "+o.GetName(), err)
	case err != nil:
		return outcome{problem: line(err.Error())}, nil
	}
	return s.judge(o, a), nil
}

// judge reads the answer to a request.
func (s *server) judge(o *unstructured.Unstructured, a answer) outcome {
	var out outcome
	for _, w := range a.warnings {
		switch {
		case strings.HasPrefix(w, "unknown field "), strings.HasPrefix(w, "duplicate field "):
			out.words = append(out.words, line(w))
		case strings.HasPrefix(w, "would violate PodSecurity") && s.enforces(o.GetNamespace()):
			// The namespace's label "warn" is that of "enforce" here: pods of the object would be refused.
			out.refused = append(out.refused, cause{"", line(w)})
		default:
			out.warnings = append(out.warnings, line(w))
		}
	}
	out.warnings = slices.Compact(slices.Sorted(slices.Values(out.warnings)))
	switch {
	case a.code < 300:
		out.pruned = lost(o.Object, a.object)
	case a.code == http.StatusConflict: // it is there already, made by the server itself: it was found valid
	case a.code >= 500:
		out.problem = line(a.status.Message)
	case a.status.Details != nil && len(a.status.Details.Causes) > 0:
		for _, c := range a.status.Details.Causes {
			out.refused = append(out.refused, cause{c.Field, line(c.Message)})
		}
	default:
		out.refused = append(out.refused, cause{"", line(a.status.Message)})
	}
	return out
}

// line makes words of the server fit for a report.
func line(text string) string { return logging.Line(text, 1000) }

// pool tries manifests side by side.
type pool struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	work   chan Manifest
	group  sync.WaitGroup
}

func (s *server) newPool(ctx context.Context, parallel int, note func(Manifest, outcome)) *pool {
	p := &pool{work: make(chan Manifest)}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	for range parallel {
		p.group.Go(func() {
			for m := range p.work {
				out, err := s.try(p.ctx, m)
				if err != nil {
					p.cancel(err)
					continue
				}
				note(m, out)
			}
		})
	}
	return p
}

// add hands a manifest over; after an error it is passed over.
func (p *pool) add(m Manifest) {
	select {
	case p.work <- m:
	case <-p.ctx.Done():
	}
}

// wait returns when all were tried, with the first error.
func (p *pool) wait() error {
	close(p.work)
	p.group.Wait()
	err := context.Cause(p.ctx)
	p.cancel(nil)
	return err
}
