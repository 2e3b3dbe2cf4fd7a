package doctor_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/doctor"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
)

// A real API server is without the manifest, with it, and with a part of it
// taken away: the manifest that doctor prints mends each.
func TestTheManifestMendsARealCluster(t *testing.T) {
	assets, err := cluster.FindAssets()
	if err != nil {
		t.Fatal(err)
	}
	fleet := ok[*cluster.Fleet](t)(cluster.NewFleet(cluster.Options{Assets: assets, Dir: t.TempDir()}))
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	if _, err := fleet.CreateCluster(ctx, "shop", "1.35"); err != nil {
		t.Fatal(err)
	}
	config := ok[*rest.Config](t)(fleet.RESTConfig("shop"))
	client := ok[*kube.Client](t)(kube.New(config, "shop", kube.Limits{QPS: 500, Burst: 500, Timeout: time.Minute}))
	a := deployed(t)
	o := a.options()
	o.Connect = func(context.Context, string) (doctor.Cluster, error) { return client, nil }
	// mended applies what doctor prints until the authorizer has seen it.
	mended := func(what string, least int) {
		t.Helper()
		r := a.examine(o)
		if r.Count(doctor.Missing) < least || r.Manifests["shop"] == "" {
			t.Fatalf("%s: %d things are missing, manifest %q", what, r.Count(doctor.Missing), r.Manifests["shop"])
		}
		for _, text := range strings.Split(r.Manifests["shop"], "---\n")[1:] {
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
				t.Fatal(err)
			}
			ok[*unstructured.Unstructured](t)(client.Apply(ctx, o, "kubectl", true))
		}
		for {
			if r = a.examine(o); len(bad(r)) == 0 {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: still missing: %+v", what, bad(r))
			}
		}
		if len(r.Manifests) > 0 || len(bad(r)) > 0 {
			t.Errorf("%s: %+v", what, bad(r))
		}
	}
	mended("without the manifest", 50)

	var without *unstructured.Unstructured
	for _, object := range access.Objects(false) {
		if o := (&unstructured.Unstructured{Object: object}); o.GetKind() == "ClusterRole" && o.GetName() == access.ReadRole {
			rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
			if err := unstructured.SetNestedSlice(o.Object, rules[:len(rules)-1], "rules"); err != nil {
				t.Fatal(err)
			}
			without = o
		}
	}
	ok[*unstructured.Unstructured](t)(client.Apply(ctx, without, "kubectl", true))
	for a.examine(o).Count(doctor.Missing) == 0 { // until the authorizer has seen it
		if ctx.Err() != nil {
			t.Fatal("nothing is missing")
		}
	}
	mended("without a rule", 1)
}
