package kubestate_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/helm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// helmRevision is a revision as Helm stores it, without gzip as old releases did.
func helmRevision(name, manifest string) string {
	return base64.StdEncoding.EncodeToString([]byte(`{"name":"` + name + `","version":1,"info":{"status":"deployed"},"chart":{"metadata":{"name":"web","version":"1.0.0"}},"manifest":"` + manifest + `"}`))
}

func TestReleasesOfHelmAreReadFromSecretsAndConfigMaps(t *testing.T) {
	server := shop(t)
	const old = `apiVersion: autoscaling/v2beta2\\nkind: HorizontalPodAutoscaler\\nmetadata:\\n  name: web\\n`
	server.Serve(t, secrets,
		map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "sh.helm.release.v1.web.v1"}, "type": "helm.sh/release.v1",
			"data": map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(helmRevision("web", strings.ReplaceAll(old, `\\`, `\`))))}},
		map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "broken"}, "type": "helm.sh/release.v1"},
		map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "password"}, "type": "Opaque"})
	server.Serve(t, configMaps, map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "api.v1", "labels": map[string]any{"owner": "helm"}},
		"data": map[string]any{"release": helmRevision("api", "")}})
	snapshot, _, err := collect(t, server, v(35))
	if err != nil {
		t.Fatal(err)
	}
	got := snapshot.Kubernetes.HelmReleases
	if len(got) != 2 || got[0].Name != "web" || len(got[0].Deprecated) != 1 || got[0].Storage != "Secret" || got[1].Name != "api" || got[1].Storage != "ConfigMap" {
		t.Errorf("%+v", got)
	}
	if len(got) > 0 && len(got[0].Unserved) != 1 {
		t.Errorf("autoscaling/v2beta2 is not served: %+v", got[0].Unserved)
	}
	i := slices.IndexFunc(snapshot.NotChecked, func(n upgrade.NotChecked) bool { return n.Part == helm.Part })
	if i < 0 || !strings.Contains(snapshot.NotChecked[i].What, "shop/broken") {
		t.Errorf("not checked: %+v", snapshot.NotChecked)
	}
}

func TestReleasesOfHelmThatMayNotBeReadAreNotChecked(t *testing.T) {
	server := shop(t)
	server.Fail("/api/v1/secrets", 403)
	snapshot, _, err := collect(t, server, v(35))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(snapshot.NotChecked, func(n upgrade.NotChecked) bool { return n.Part == helm.Part })
	if snapshot.Kubernetes.HelmReleases != nil || i < 0 || snapshot.NotChecked[i].Grant == nil || !slices.Contains(snapshot.NotChecked[i].Grant.Resources, "secrets") {
		t.Errorf("%+v, not checked %+v", snapshot.Kubernetes.HelmReleases, snapshot.NotChecked)
	}
}
