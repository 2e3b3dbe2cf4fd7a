package scanners_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/scanners"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func v(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What both tools said of the same six manifests, as object, removal and
// replacement.
var legacy = []upgrade.ScanFinding{
	{Object: upgrade.ObjectRef{APIVersion: "autoscaling/v2beta2", Kind: "HorizontalPodAutoscaler", Name: "php-apache"}, Component: "k8s", Removed: v(26), Replacement: "autoscaling/v2 HorizontalPodAutoscaler"},
	{Object: upgrade.ObjectRef{APIVersion: "batch/v1beta1", Kind: "CronJob", Name: "hello"}, Component: "k8s", Removed: v(25), Replacement: "batch/v1 CronJob"},
	{Object: upgrade.ObjectRef{APIVersion: "extensions/v1beta1", Kind: "Ingress", Name: "test-ingress"}, Component: "k8s", Removed: v(22), Replacement: "networking.k8s.io/v1 Ingress"},
	{Object: upgrade.ObjectRef{APIVersion: "flowcontrol.apiserver.k8s.io/v1beta3", Kind: "FlowSchema", Name: "service-accounts-test"}, Component: "k8s", Removed: v(32), Replacement: "flowcontrol.apiserver.k8s.io/v1 FlowSchema"},
	{Object: upgrade.ObjectRef{APIVersion: "flowcontrol.apiserver.k8s.io/v1beta3", Kind: "PriorityLevelConfiguration", Name: "workload-medium"}, Component: "k8s", Removed: v(32), Replacement: "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration"},
	{Object: upgrade.ObjectRef{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudget", Name: "xy-pdb"}, Component: "k8s", Removed: v(25), Replacement: "policy/v1 PodDisruptionBudget"},
}

func TestParsersReadWhatTheToolsReallyPrint(t *testing.T) {
	for name, parse := range map[string]func([]byte) ([]upgrade.ScanFinding, error){"kubent": scanners.ParseKubent, "pluto": scanners.ParsePluto} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(read(t, name+"-legacy.json"))
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].Rule == "" {
					t.Errorf("%s has no rule", got[i].Object)
				}
				got[i].Rule, got[i].Deprecated, got[i].File = "", upgrade.Version{}, ""
			}
			slices.SortFunc(got, func(a, b upgrade.ScanFinding) int {
				return strings.Compare(a.Object.APIVersion+a.Object.Kind, b.Object.APIVersion+b.Object.Kind)
			})
			if diff := cmp.Diff(legacy, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParsersRefuseWhatTheyWouldOverlook(t *testing.T) {
	kubent := func(data string) error { _, err := scanners.ParseKubent([]byte(data)); return err }
	pluto := func(data string) error { _, err := scanners.ParsePluto([]byte(data)); return err }
	tests := []struct {
		name string
		err  error
		want string // "" : accepted
	}{
		{"kubent: nothing found", kubent(`[]`), ""},
		{"kubent: cut off", kubent(`[{"Name":"a"`), "not valid JSON"},
		{"kubent: an object", kubent(`{}`), "does not fit"},
		{"kubent: a new field", kubent(`[{"Name":"a","Kind":"B","ApiVersion":"v1","RuleSet":"removed in 1.40","Blocks":true}]`), "Blocks"},
		{"kubent: a removal without a date", kubent(`[{"Name":"a","Kind":"B","ApiVersion":"v1","RuleSet":"Deprecated APIs to be removed in future","Labels":"<undefined>"}]`), ""},
		{"kubent: a rule set of another kind", kubent(`[{"Name":"a","Kind":"B","ApiVersion":"v1","RuleSet":"mine"}]`), "names no release"},
		{"kubent: no object", kubent(`[{"RuleSet":"removed in 1.40"}]`), "names no object"},
		{"pluto: nothing found", pluto(`{"target-versions":{"k8s":"v1.35.0"}}`), ""},
		{"pluto: not its output", pluto(`{}`), "no output of pluto"},
		{"pluto: a version that is none", pluto(`{"items":[{"name":"a","api":{"version":"v1","kind":"B","removed-in":"soon","component":"k8s"}}],"target-versions":{}}`), "removed-in"},
		{"pluto: text", pluto(`There were no resources found`), "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" && tt.err != nil || tt.want != "" && (tt.err == nil || !strings.Contains(tt.err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", tt.err, tt.want)
			}
		})
	}
}

func TestPlutoDoesNotCompareVersionsOfOtherComponents(t *testing.T) {
	got, err := scanners.ParsePluto([]byte(`{"items":[{"name":"a","namespace":"n","api":{"version":"rbac.istio.io","kind":"X","deprecated-in":"v1.4.0","removed-in":"v1.5.0","component":"istio"}}],"target-versions":{"istio":"v1.11.0"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Removed != (upgrade.Version{}) || !strings.Contains(got[0].Rule, "istio: deprecated in v1.4.0, removed in v1.5.0") {
		t.Errorf("got %+v", got)
	}
}

// bucket holds objects by key; a nil value cannot be read for lack of
// permission.
type bucket map[string][]byte

func (b bucket) Read(_ context.Context, key string) ([]byte, error) {
	data, ok := b[key]
	switch {
	case !ok:
		return nil, upgrade.Errorf(upgrade.CodeNotFound, "read "+key, "no such key")
	case data == nil:
		return nil, upgrade.Errorf(upgrade.CodeUnavailable, "read "+key, "S3 does not answer")
	}
	return data, nil
}

func TestCollectNamesEachToolThatGaveNoResult(t *testing.T) {
	const ok = `[{"tool":"kubent","version":"0.7.3","status":"ok","detail":""},{"tool":"pluto","version":"5.22.7","status":"ok","detail":""}]`
	kubent, pluto := read(t, "kubent-legacy.json"), read(t, "pluto-legacy.json")
	tests := []struct {
		name   string
		bucket bucket
		scan   string
		tools  []string
		unseen map[string]string // tool: part of the reason
	}{
		{"both ran", bucket{"scans/b1/tool-status.json": []byte(ok), "scans/b1/kubent.json": kubent, "scans/b1/pluto.json": pluto}, "eks-upgrade-scan:b1",
			[]string{"kubent 0.7.3: 6", "pluto 5.22.7: 6"}, nil},
		{"one is not installed", bucket{"scans/b1/tool-status.json": []byte(`[{"tool":"kubent","version":"","status":"missing","detail":"it is not installed"},{"tool":"pluto","version":"5.22.7","status":"ok","detail":""}]`), "scans/b1/pluto.json": pluto},
			"eks-upgrade-scan:b1", []string{"pluto 5.22.7: 6"}, map[string]string{"kubent": "missing: it is not installed"}},
		{"the output is not there", bucket{"scans/b1/tool-status.json": []byte(ok), "scans/b1/kubent.json": kubent}, "b1", []string{"kubent 0.7.3: 6"}, map[string]string{"pluto": "no such key"}},
		{"the output cannot be read", bucket{"scans/b1/tool-status.json": []byte(ok), "scans/b1/kubent.json": []byte("panic:"), "scans/b1/pluto.json": pluto}, "b1",
			[]string{"pluto 5.22.7: 6"}, map[string]string{"kubent": "not valid JSON"}},
		{"the build left nothing", bucket{}, "b1", nil, map[string]string{"kubent": "no word of it", "pluto": "no word of it"}},
		{"there was no build", bucket{}, "", nil, map[string]string{"kubent": "project not found", "pluto": "project not found"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			collector := scanners.Collector{Artifacts: tt.bucket, Table: lifecycle.All()}
			in := upgrade.PerceiveInput{Scan: tt.scan}
			if tt.scan == "" {
				in.Why = "project not found"
			}
			snapshot, _, err := collector.Collect(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var tools []string
			for _, s := range snapshot.Scans {
				tools = append(tools, s.Tool+" "+s.Version+": "+string(rune('0'+len(s.Findings))))
			}
			if diff := cmp.Diff(tt.tools, tools); diff != "" {
				t.Error(diff)
			}
			snapshot.NotChecked = slices.DeleteFunc(snapshot.NotChecked, func(n upgrade.NotChecked) bool { return n.Part == "scanners.proof" }) // see TestProof
			if len(snapshot.NotChecked) != len(tt.unseen) {
				t.Errorf("not checked: %+v", snapshot.NotChecked)
			}
			for _, n := range snapshot.NotChecked {
				if why, ok := tt.unseen[n.What]; !ok || !strings.Contains(n.Why, why) || n.Remedy == "" {
					t.Errorf("not checked: %+v", n)
				}
			}
		})
	}
}

func TestCollectIsRepeatedWhenTheBucketDoesNotAnswer(t *testing.T) {
	for _, key := range []string{"scans/b1/tool-status.json", "scans/b1/kubent.json"} {
		b := bucket{"scans/b1/tool-status.json": []byte(`[{"tool":"kubent","version":"1","status":"ok","detail":""}]`)}
		b[key] = nil
		_, _, err := (&scanners.Collector{Artifacts: b}).Collect(t.Context(), upgrade.PerceiveInput{Scan: "b1"})
		if !upgrade.CodeOf(err).Retryable() {
			t.Errorf("%s: error %v is not retryable", key, err)
		}
	}
}

func fuzzParser(f *testing.F, seed string, parse func([]byte) ([]upgrade.ScanFinding, error)) {
	f.Add(read(f, seed))
	f.Add([]byte(`[{"Name":"a","Kind":"B","ApiVersion":"v1","RuleSet":"removed in 9999.1"}]`))
	f.Add([]byte(`{"items":[{"name":"a","api":{"version":"v1","kind":"B","removed-in":"1.2","component":"k8s"}}],"target-versions":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		if err != nil {
			var own *upgrade.Error
			if got != nil && errors.As(err, &own) {
				t.Errorf("both %v and %v", got, err)
			}
			return
		}
		for _, d := range got {
			if d.Object.Name == "" || d.Object.Kind == "" || d.Object.APIVersion == "" || d.Rule == "" {
				t.Errorf("%+v names no object or has no evidence", d)
			}
		}
	})
}

func FuzzParseKubent(f *testing.F) { fuzzParser(f, "kubent-legacy.json", scanners.ParseKubent) }

func FuzzParsePluto(f *testing.F) { fuzzParser(f, "pluto-legacy.json", scanners.ParsePluto) }
