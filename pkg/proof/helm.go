package proof

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/helm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// helmPage is how many releases are read at a time: each may have a megabyte.
const helmPage = 20

// releases yields the manifests of deployed releases, each in its release's
// namespace. What cannot be read is noted. It reports whether to go on.
func (c *Cluster) releases(ctx context.Context, yield func(Manifest, error) bool) bool {
	secrets := kube.Resource{Version: "v1", Name: "secrets", Kind: "Secret", Namespaced: true, Verbs: []string{"list"}}
	more := true
	err := kube.Each(ctx, c.client, secrets, kube.Selection{Fields: "type=helm.sh/release.v1", Labels: "owner=helm,status=deployed", Page: helmPage}, func() {}, func(x *objects.HelmSecret) {
		if x.Type != "helm.sh/release.v1" || !more {
			return
		}
		revision, err := helm.Decode(x.Data.Release)
		if err != nil {
			c.refused = append(c.refused, upgrade.NotChecked{What: "Helm release " + x.Metadata.Namespace + "/" + x.Metadata.Name, Why: line(err.Error()), Remedy: "see helm history: what Helm stored cannot be read"})
			return
		}
		name := revision.Namespace + "/" + revision.Name
		set := manifests.Scan(name, []byte(revision.Manifest))
		for _, p := range set.Problems {
			c.refused = append(c.refused, upgrade.NotChecked{What: "a manifest of Helm release " + name, Why: line(p.Text), Remedy: line(p.Remedy)})
		}
		for _, m := range set.Manifests {
			if r, known := c.resources.ByKind(m.Object.GroupVersionKind()); m.Object.GetNamespace() == "" && (!known || r.Namespaced) {
				m.Object.SetNamespace(revision.Namespace)
			}
			if more = more && yield(Manifest{m.Object, upgrade.ManifestSource{From: upgrade.FromHelm, Name: name}}, nil); !more {
				return
			}
		}
	})
	if err := c.unread(ctx, secrets, "the manifests of Helm releases", err); err != nil {
		yield(Manifest{}, err)
		return false
	}
	return more
}
