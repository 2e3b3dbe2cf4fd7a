// Package rehearsal upgrades a simulated EKS cluster for real: the state machine
// and the handlers of production run against a simulated AWS (test/world) and
// real Kubernetes control planes (test/cluster), while real HTTP requests go
// through a resolver that honours the simulated Route 53.
package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam"
)

// What a rehearsal is made of, and what its parts are called.
const (
	Cluster = "shop"             // blue
	Green   = "shop-green"       // what replaces it
	Record  = "shop.example.com" // what users ask for
	zone    = "example.com"
)

// Oldest and Newest are the versions that the control planes can serve: the
// binary is of the newest, and emulates three minors before it.
var (
	Oldest = upgrade.Version{Major: 1, Minor: 34}
	Newest = upgrade.Version{Major: 1, Minor: 37}
)

// Defaults of Options.
const (
	DefaultSpeed = 300 // simulated seconds a second, while nothing works
	DefaultRate  = 200 // requests a real second
)

// Options say what to rehearse. The zero value of a field means its default.
type Options struct {
	From, Target upgrade.Version
	Manifests    []string      // folders of manifests to load into blue
	Inject       []string      // names of Injections
	Speed        float64       // simulated seconds a real second
	Rate         int           // requests a real second
	Seed         int64         // of everything that is random
	Bake, Soak   time.Duration // 0: the request's defaults
	Dir          string        // where logs and artifacts go; made when missing
	Executable   string        // the eks-upgrade binary that CodeBuild runs

	// Functions is a folder with the functions' zips for this machine, built with
	// the tag worldclock (test/functions): each function is then a process. Empty:
	// their handlers run in process.
	Functions string
	// Deploy, if set, makes the agent instead of the rehearsal: its tables, bucket,
	// topic, projects, functions and state machine, under their standard names. Blue
	// is there by then, with its workloads and its record.
	Deploy func(context.Context, Site) error
	// Start, if set, sets the upgrade going instead of the rehearsal, which waits
	// for the first execution.
	Start func(context.Context, Site, upgrade.Request) error
	// Answer, if set, tells the agent the person's answer instead of the rehearsal,
	// which tells it to the state machine.
	Answer func(context.Context, Site, Approval, upgrade.ApprovalAnswer) error

	// Usage receives at the end what each role did with its permissions; may be nil.
	Usage func([]iam.Usage)
	// Approve asks a person; the simulated clock is held meanwhile.
	Approve func(ctx context.Context, a Approval) (upgrade.ApprovalAnswer, error)
	// Events receives what happens, in order, one at a time; may be nil.
	Events func(progress.Event)

	service upgrade.ObjectName // of type LoadBalancer, found in the manifests
}

// Approval is what a person is asked to agree to.
type Approval struct {
	Upgrade    string
	PlanHash   string
	Plan       upgrade.Plan
	Assessment upgrade.Assessment
	ExpiresAt  time.Time
}

// Run rehearses one upgrade, to its end or until ctx ends, and leaves nothing
// running. The returned data is what a report shows. An error means that the
// rehearsal could not be run; an upgrade that fails or rolls back is a result.
func Run(ctx context.Context, o Options) (report.Data, error) {
	o, assets, err := o.check()
	if err != nil {
		return report.Data{}, err
	}
	s, err := newStage(o, assets)
	if err != nil {
		return report.Data{}, err
	}
	data, err := s.play(ctx)
	if closeErr := s.close(); err == nil {
		err = closeErr
	}
	return data, err
}

// check sets defaults and refuses, before anything is started, what cannot be
// rehearsed.
func (o Options) check() (Options, cluster.Assets, error) {
	set(&o.From, Oldest)
	set(&o.Target, o.From.Next())
	set(&o.Speed, DefaultSpeed)
	set(&o.Rate, DefaultRate)
	if o.Events == nil {
		o.Events = func(progress.Event) {}
	}
	bad := func(field, message, remedy string) (Options, cluster.Assets, error) {
		return o, cluster.Assets{}, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Field: field, Message: message, Remedy: remedy}
	}
	for _, v := range []struct {
		field   string
		version upgrade.Version
	}{{"from", o.From}, {"target", o.Target}} {
		if v.version.Compare(Oldest) < 0 || v.version.Compare(Newest) > 0 {
			return bad(v.field, fmt.Sprintf("%s cannot be rehearsed", v.version), fmt.Sprintf("use %s to %s", Oldest, Newest))
		}
	}
	hops, err := upgrade.Hops(o.From, o.Target)
	if err != nil {
		return o, cluster.Assets{}, err
	}
	if len(hops) > 1 {
		return bad("target", fmt.Sprintf("%s to %s are %d minors at once", o.From, o.Target, len(hops)), fmt.Sprintf("go to %s first", o.From.Next()))
	}
	if o.Speed < 1 {
		return bad("speed", fmt.Sprintf("%v is slower than real time", o.Speed), "give 1 or more")
	}
	if o.Rate < 1 || o.Rate > 2000 {
		return bad("rate", fmt.Sprintf("%d requests a second cannot be rehearsed", o.Rate), "give 1 to 2000")
	}
	if o.Approve == nil {
		return bad("approve", "nobody can be asked for approval", "approve beforehand")
	}
	for _, name := range o.Inject {
		if !slices.ContainsFunc(injections, func(i injection) bool { return i.Name == name }) {
			return bad("inject", fmt.Sprintf("%q is not known", name), "use one of: "+strings.Join(names(), ", "))
		}
	}
	workloads, err := manifests.Read(o.Manifests...)
	if err != nil {
		return bad("manifests", err.Error(), "name folders with the YAML files of your workloads")
	}
	if o.service, err = entrance(workloads); err != nil {
		return o, cluster.Assets{}, err
	}
	if info, err := os.Stat(o.Executable); err != nil || info.Mode().Perm()&0o111 == 0 {
		return bad("executable", fmt.Sprintf("%q is not a program", o.Executable), "build it with: make build")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return bad("dir", err.Error(), "name a folder that can be written")
	}
	assets, err := cluster.FindAssets()
	if err != nil {
		return bad("binaries", err.Error(), "build them with: make control-plane")
	}
	return o, assets, nil
}

// entrance returns the first Service of type LoadBalancer: users come in there.
func entrance(all []manifests.Manifest) (upgrade.ObjectName, error) {
	for _, m := range all {
		if kind, _, _ := unstructured.NestedString(m.Object.Object, "spec", "type"); m.Object.GetKind() == "Service" && kind == "LoadBalancer" {
			return upgrade.ObjectName{Namespace: cmp.Or(m.Object.GetNamespace(), "default"), Name: m.Object.GetName()}, nil
		}
	}
	return upgrade.ObjectName{}, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Field: "manifests", Message: "there is no Service of type LoadBalancer, so users could not reach the workloads",
		Remedy: "add one that selects your front end"}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
