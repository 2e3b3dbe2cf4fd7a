package kubestate

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
)

// Listener hears of the metadata of objects while they are listed, so that each
// resource is listed once, whoever wants to know of it. Its methods are called
// from several goroutines, the functions of one resource from one at a time.
// Nodes and pods, of which there are very many, it does not hear of.
type Listener interface {
	// Wants reports whether the objects of a resource are to be listed, metadata
	// only, when nothing else lists them. It is called for each resource that can
	// be listed, once, in the version that is listed.
	Wants(resource kube.Resource) bool

	// Begin is called before the first object of a resource, and again whenever
	// its list begins anew: what was heard of the resource before is void then.
	// It returns what is to be called with each object, or nil. The metadata is
	// overwritten by the next object's, texts and maps in it may be kept.
	Begin(resource kube.Resource) func(*objects.ObjectMeta)
}

// listeners are called one after another.
type listeners []Listener

func (l listeners) wants(resource kube.Resource) bool {
	wanted := false
	for _, one := range l {
		wanted = one.Wants(resource) || wanted
	}
	return wanted
}

func (l listeners) begin(resource kube.Resource) func(*objects.ObjectMeta) {
	var all []func(*objects.ObjectMeta)
	for _, one := range l {
		if f := one.Begin(resource); f != nil {
			all = append(all, f)
		}
	}
	return func(m *objects.ObjectMeta) {
		for _, f := range all {
			f(m)
		}
	}
}
