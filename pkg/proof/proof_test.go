package proof_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/manifests"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/proof"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

func programs(t testing.TB) controlplane.Programs {
	t.Helper()
	p, err := controlplane.Find("")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, paths ...string) []*unstructured.Unstructured {
	t.Helper()
	all, err := manifests.Read(paths...)
	if err != nil {
		// One of the tests' manifests has a generated name, which files that are loaded may not have.
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	for _, m := range all {
		out = append(out, m.Object)
	}
	return out
}

func each(all []*unstructured.Unstructured, from string) iter.Seq2[proof.Manifest, error] {
	return func(yield func(proof.Manifest, error) bool) {
		for _, o := range all {
			if !yield(proof.Manifest{Object: o, Source: upgrade.ManifestSource{From: from}}, nil) {
				return
			}
		}
	}
}

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	all, err := manifests.Parse("test.yaml", []byte(text))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0].Object
}

var policies = []string{
	`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: labels}, spec: {failurePolicy: Fail, validations: [{expression: "!has(object.metadata.labels) || !('forbidden' in object.metadata.labels)", message: nothing is labelled forbidden here}], matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}}}`,
	`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: labels}, spec: {policyName: labels, validationActions: [Deny]}}`,
}

// cluster is what the tests' cluster has besides manifests.
func cluster(t testing.TB) proof.Options {
	o := proof.Options{Programs: programs(t), Dir: t.TempDir(), CRDs: read(t, "testdata/definitions.yaml"),
		Namespaces: []*unstructured.Unstructured{parse(t, `{apiVersion: v1, kind: Namespace, metadata: {name: guarded, labels: {pod-security.kubernetes.io/enforce: baseline}}}`)}}
	for _, p := range policies {
		o.Policies = append(o.Policies, parse(t, p))
	}
	return o
}

// check compares the results with what the annotations of the manifests want.
func check(t *testing.T, p upgrade.Proof, all []*unstructured.Unstructured, annotation string) {
	t.Helper()
	for _, o := range all {
		a := o.GetAnnotations()
		want := a[annotation]
		if want == "" {
			want = "fine"
		}
		var got []string
		for _, r := range p.Results {
			if (r.Object.Name == o.GetName() || r.Object.Name == o.GetGenerateName()) && r.Object.Kind == o.GetKind() {
				got = append(got, string(r.Verdict))
				if said := strings.Join(r.Words, "\n"); !strings.Contains(said, a["says"]) || said == "" {
					t.Errorf("%s: words %q, want %q among them", o.GetName(), r.Words, a["says"])
				}
				if field := a["field"]; field != "" && !slices.Contains(r.Fields, field) {
					t.Errorf("%s: fields %q, want %q among them", o.GetName(), r.Fields, field)
				}
			}
		}
		if len(got) == 0 {
			got = []string{"fine"}
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s %s: %v, want %s", o.GetKind(), o.GetName(), got, want)
		}
	}
	for _, n := range p.NotTried {
		t.Errorf("not tried: %+v", n)
	}
	if t.Failed() {
		text, _ := json.MarshalIndent(p, "", " ")
		t.Logf("%s", text)
	}
}

func TestWhatAVersionDoesNotTake(t *testing.T) {
	all := read(t, "testdata/manifests.yaml")
	before, _ := json.Marshal(all)
	o := cluster(t)
	o.Version, o.Manifests = v(36), each(all, upgrade.FromLive)
	t.Run("by itself", func(t *testing.T) {
		p, err := proof.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, all, "want")
		if want := len(all) - 1 + len(o.CRDs); p.Tried != want || p.LeftOut != 1 || p.BySource[upgrade.FromLive] != want {
			t.Errorf("tried %d (want %d), left out %d, by source %v", p.Tried, want, p.LeftOut, p.BySource)
		}
	})
	t.Run("that the version before takes", func(t *testing.T) {
		o.Against = v(35)
		p, err := proof.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, all, "new")
		if p.Unchanged != 6 || p.Against != v(35) || p.Rollback() {
			t.Errorf("unchanged %d, against %s", p.Unchanged, p.Against)
		}
	})
	if after, _ := json.Marshal(all); string(after) != string(before) {
		t.Error("the manifests were changed")
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatARollbackLoses(t *testing.T) {
	all := read(t, "testdata/rollback.yaml")
	o := cluster(t)
	o.Version, o.Against, o.Manifests = v(35), v(37), each(all, upgrade.FromLive)
	p, err := proof.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, p, all, "new")
	if !p.Rollback() {
		t.Error("it is no rollback")
	}
}

// Real applications, their definitions among their manifests, are fine at each
// version; what was written for versions of long ago is not.
func TestRealApplications(t *testing.T) {
	folder := func(name string) string { return filepath.Join("../../test/testdata/clusters", name) }
	all := read(t, folder("online-boutique"), folder("kube-prometheus"))
	legacy := read(t, folder("legacy"))
	began := time.Now()
	p, err := proof.Run(t.Context(), proof.Options{Programs: programs(t), Dir: t.TempDir(), Version: v(36), Manifests: each(append(slices.Clone(all), legacy...), upgrade.FromFile)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tried in %v", p.Tried, time.Since(began))
	if len(p.Results) != len(legacy) || len(p.NotTried) > 0 || p.Tried+p.LeftOut != len(all)+len(legacy) {
		t.Errorf("tried %d, left out %d, not tried %v", p.Tried, p.LeftOut, p.NotTried)
	}
	for _, r := range p.Results {
		if !slices.ContainsFunc(legacy, func(o *unstructured.Unstructured) bool { return o.GetName() == r.Object.Name }) || r.Verdict != upgrade.ProofRejected {
			t.Errorf("%+v", r)
		}
	}
}

func TestARunThatEndsEarly(t *testing.T) {
	dir := t.TempDir()
	wrong := errors.New("the list broke off")
	object := parse(t, `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}`)
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	for name, tt := range map[string]struct {
		manifests iter.Seq2[proof.Manifest, error]
		want      error
	}{
		"the manifests cannot be read": {func(yield func(proof.Manifest, error) bool) { yield(proof.Manifest{}, wrong) }, wrong},
		"somebody interrupts it": {func(yield func(proof.Manifest, error) bool) {
			yield(proof.Manifest{Object: object}, nil)
			cancel(interrupted)
			yield(proof.Manifest{Object: object}, nil)
		}, interrupted},
	} {
		_, err := proof.Run(ctx, proof.Options{Programs: programs(t), Dir: dir, Version: v(36), Manifests: tt.manifests})
		if !errors.Is(err, tt.want) && !errors.Is(err, interrupted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestVersionsThatTheProgramsCannotBe(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		t.Skip("versions of the own programs are tried")
	}
	_, err := proof.Run(t.Context(), proof.Options{Programs: programs(t), Version: v(30), Manifests: each(nil, "")})
	if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), "1.34 to 1.37") {
		t.Error(err)
	}
	object := parse(t, `{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: a}}`)
	p, err := proof.Run(t.Context(), proof.Options{Programs: programs(t), Version: v(34), Against: v(33), Manifests: each([]*unstructured.Unstructured{object}, upgrade.FromFile), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Results) != 1 || p.Against != (upgrade.Version{}) || len(p.NotTried) != 1 || !strings.Contains(p.NotTried[0].What, "1.33") {
		t.Errorf("%+v", p)
	}
}
