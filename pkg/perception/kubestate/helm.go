package kubestate

import (
	"context"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/helm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var helmGrant = upgrade.Grant{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}}

// helmPage is how many revisions the API server sends at a time: each may have a
// megabyte.
const helmPage = 20

// helm reads the releases of Helm 3, one revision at a time. Helm keeps them in
// Secrets, or in ConfigMaps when it is told to. Of other Secrets the API server
// sends nothing.
// Source: https://helm.sh/docs/topics/advanced/#storage-backends
func (s *scan) helm(ctx context.Context, d *deprecations) ([]upgrade.HelmRelease, error) {
	served := map[[2]string]bool{}
	for _, r := range d.resources.All {
		served[[2]string{r.APIVersion(), r.Kind}] = true
	}
	unanswered := map[string]bool{}
	for _, version := range d.resources.Unanswered {
		unanswered[version] = true
	}
	scanner := helm.NewScanner(d.table, d.target, func(apiVersion, kind string) bool {
		return served[[2]string{apiVersion, kind}] || unanswered[apiVersion]
	})
	secrets := kube.Resource{Version: "v1", Name: "secrets", Kind: "Secret"}
	err := kube.Each(ctx, s.client, secrets, kube.Selection{Fields: "type=helm.sh/release.v1", Page: helmPage}, scanner.Forget, func(x *objects.HelmSecret) {
		if x.Type == "helm.sh/release.v1" {
			scanner.Add(helm.Stored{Storage: "Secret", Namespace: x.Metadata.Namespace, Name: x.Metadata.Name, Data: x.Data.Release})
		}
	})
	if err != nil {
		return nil, s.refuse(helm.Part, "the releases of Helm", helmGrant, true, err)
	}
	releases, unread := scanner.Releases()
	maps := kube.Resource{Version: "v1", Name: "configmaps", Kind: "ConfigMap"}
	err = kube.Each(ctx, s.client, maps, kube.Selection{Labels: "owner=helm", Page: helmPage}, scanner.Forget, func(x *objects.HelmConfigMap) {
		if x.Metadata.Labels["owner"] == "helm" {
			scanner.Add(helm.Stored{Storage: "ConfigMap", Namespace: x.Metadata.Namespace, Name: x.Metadata.Name, Data: []byte(x.Data.Release)})
		}
	})
	if err := s.refuse(helm.Part, "releases of Helm in ConfigMaps", helmGrant, false, err); err != nil {
		return nil, err
	}
	if err == nil {
		more, bad := scanner.Releases()
		releases, unread = append(releases, more...), append(unread, bad...)
	}
	for _, x := range unread {
		s.add(x)
	}
	return releases, nil
}
