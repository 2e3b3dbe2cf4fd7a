package kubestate

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Object is an object of a manifest file.
type Object struct {
	unstructured.Unstructured
	Source string // file that it stands in
}

// onlyLive are the parts that no file tells.
var onlyLive = []upgrade.Part{partNodes, partPods, partAttachments, partVolumes, partAPIServices, partUsage, partKubeProxy, partRequested, partDeprecated}

// FromObjects returns what manifests say of a cluster that has them and nothing
// else: parts that only a living cluster tells are nil, workloads name the file
// that they stand in, and nothing has a status. Objects that cannot be read are
// named in the second result, with the file.
func FromObjects(all []Object) (upgrade.KubernetesState, []upgrade.NotChecked) {
	c := &cluster{}
	readings := c.readings()
	counts := map[string]int{}
	var unread []upgrade.NotChecked
	for _, o := range all {
		counts[o.GetAPIVersion()+", "+o.GetKind()]++
		if err := c.add(readings, o); err != nil {
			unread = append(unread, upgrade.NotChecked{What: upgrade.ObjectRef{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}.String() + " in " + o.Source,
				Why: logging.Line(err.Error(), maxExpression), Remedy: "write the fields as the API has them; kubectl explain shows it"})
		}
	}
	state := c.state(func(p upgrade.Part) bool { return slices.Contains(onlyLive, p) })
	state.Objects = counts
	return state, unread
}

// more are kinds that a file has and that are otherwise known by metadata.
func (c *cluster) more() []reading {
	return []reading{
		{partWorkloads, "", "apps", "replicasets", v1, true, to(&c.replicaSets, replicaSet)},
		{partWorkloads, "", "batch", "jobs", v1, true, to(&c.jobs, job)},
	}
}

func (c *cluster) add(readings []reading, o Object) error {
	content, apiVersion := modern(o.Object, o.GetAPIVersion(), o.GetKind())
	group, version := lifecycle.Split(apiVersion)
	plural := lifecycle.Plural(o.GetKind())
	for _, r := range slices.Concat(c.more(), readings) {
		if r.group != group || r.name != plural || len(r.versions) > 0 && !slices.Contains(r.versions, version) {
			continue
		}
		data, err := json.Marshal(content)
		if err != nil {
			return err
		}
		return r.from.decode(data, apiVersion, o.Source)
	}
	return nil
}

func (i into[T, R]) decode(data []byte, apiVersion, file string) error {
	var object T
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	one, ok := i.convert(apiVersion)(&object)
	if !ok {
		return nil
	}
	if w, ok := any(&one).(*upgrade.Workload); ok {
		w.Source = file
	}
	*i.field = append(*i.field, one)
	return nil
}
