package assess

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Options of an assessment.
type Options struct {
	Request    upgrade.Request // cluster (empty: manifests only), target, strategy, green
	Collectors map[upgrade.Source]perception.Collector
	Manifests  []string                                 // what was read as manifests, for the document
	Locate     func(object upgrade.ObjectRef) *Location // nil: no manifests
	Static     []upgrade.Snapshot                       // what was seen before, such as manifests
	Select     Selection
	Rules      rules.Set // APIs and suppressions of the user
	Tool       Tool
	Clock      clock.Clock
	Progress   func(Progress) // called from several goroutines, one after the other; nil: nobody looks
}

// Progress is what happens while sources are looked at.
type Progress struct {
	Source upgrade.Source
	Done   bool
	Status SourceStatus // when done
	Text   string       // when done: one line, untrusted
	Took   time.Duration
}

// attempts is how often a source is looked at when errors may pass.
const attempts = 2

// Run looks at all sources at once and judges them. A source that cannot be
// looked at at all is not checked; when none that matters could be, Run errs as
// the first of them did.
func Run(ctx context.Context, o Options) (Document, error) {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Locate == nil {
		o.Locate = func(upgrade.ObjectRef) *Location { return nil }
	}
	var asked []upgrade.Source
	for _, s := range checks.Sources() {
		if o.Collectors[s] != nil {
			asked = append(asked, s)
		}
	}
	looks := make([]look, len(asked))
	var running sync.WaitGroup
	var tell sync.Mutex
	for i, source := range asked {
		running.Go(func() {
			say := func(p Progress) {
				tell.Lock()
				defer tell.Unlock()
				p.Source = source
				o.Progress(p)
			}
			say(Progress{})
			looks[i] = o.look(ctx, source)
			say(Progress{Done: true, Status: looks[i].status, Text: looks[i].summary, Took: looks[i].took})
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return Document{}, err
	}
	if err := hopeless(looks); err != nil {
		return Document{}, err
	}
	var snapshots []upgrade.Snapshot
	for _, l := range looks {
		snapshots = append(snapshots, l.snapshot)
	}
	for _, s := range o.Static {
		s.Cluster, s.TakenAt = o.Request.Cluster, upgrade.At(o.Clock.Now())
		snapshots = append(snapshots, s)
	}
	view, err := checks.NewView(o.Request, o.Clock.Now(), snapshots)
	if err != nil {
		return Document{}, err
	}
	view.Asked, view.Rules = asked, o.Rules
	d := build(view, o.Select, o.Locate)
	d.Tool, d.Manifests = o.Tool, o.Manifests
	for _, s := range checks.Sources() {
		report := SourceReport{Source: s, Status: NotAsked, Summary: "not looked at"}
		if i := slices.Index(asked, s); i >= 0 {
			report = SourceReport{Source: s, Status: looks[i].status, Summary: looks[i].summary, Took: upgrade.Duration(looks[i].took.Round(time.Millisecond))}
		}
		d.Sources = append(d.Sources, report)
	}
	return d, nil
}

// look is what became of one source.
type look struct {
	snapshot upgrade.Snapshot
	status   SourceStatus
	summary  string
	took     time.Duration
	err      error // of status unread
}

func (o Options) look(ctx context.Context, source upgrade.Source) look {
	began := o.Clock.Now()
	l := look{status: Seen}
	for i := 1; ; i++ {
		l.snapshot, l.summary, l.err = o.Collectors[source].Collect(ctx, upgrade.PerceiveInput{Source: source, Run: upgrade.Run{Request: o.Request}})
		if i == attempts || !upgrade.CodeOf(l.err).Retryable() || ctx.Err() != nil {
			break
		}
	}
	if l.err != nil {
		l.status, l.summary = Unread, logging.Line(l.err.Error(), 1000)
		l.snapshot = upgrade.Snapshot{NotChecked: []upgrade.NotChecked{{What: "everything", Why: l.summary, Remedy: remedyOf(l.err)}}}
	} else if len(l.snapshot.NotChecked) > 0 {
		l.status = Partly
	}
	l.snapshot.Source, l.snapshot.Cluster, l.snapshot.TakenAt = source, o.Request.Cluster, upgrade.At(began)
	l.took = o.Clock.Now().Sub(began)
	return l
}

func remedyOf(err error) string {
	if own, ok := errors.AsType[*upgrade.Error](err); ok && own.Remedy != "" {
		return own.Remedy
	}
	return "see the error, and assess again"
}

// hopeless returns the error of the first source that matters, when no source
// that does was seen.
func hopeless(looks []look) error {
	var first error
	for _, l := range looks {
		matters := l.snapshot.Source == upgrade.SourceAWS || l.snapshot.Source == upgrade.SourceKubernetes
		switch {
		case matters && l.err == nil:
			return nil
		case matters && first == nil:
			first = l.err
		}
	}
	return first
}
