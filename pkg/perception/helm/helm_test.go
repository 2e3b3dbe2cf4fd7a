package helm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/lifecycle"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/helm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const secret = "hunter2"

// pack stores a release as Helm does.
func pack(t testing.TB, release any, zip bool) []byte {
	t.Helper()
	data, err := json.Marshal(release)
	if err != nil {
		t.Fatal(err)
	}
	if zip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
		data = b.Bytes()
	}
	return []byte(base64.StdEncoding.EncodeToString(data))
}

type object = map[string]any

// revision is a release as Helm encodes it.
func revision(name string, number int, status, manifest string, hooks ...object) object {
	return object{"name": name, "namespace": "shop", "version": number, "manifest": manifest, "hooks": hooks,
		"info":   object{"status": status, "last_deployed": "2026-07-01T10:00:00.123456789+02:00", "notes": "Password: " + secret},
		"config": object{"password": secret},
		"chart": object{"metadata": object{"name": "web", "version": "1.2.3", "appVersion": "9", "kubeVersion": ">=1.20.0-0 <1.35.0-0"},
			"values": object{"password": secret}, "templates": []object{{"name": "templates/a.yaml", "data": "YQ=="}}}}
}

const (
	oldBudget = "---\n# Source: web/templates/pdb.yaml\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  minAvailable: 1\n"
	newBudget = "---\n# Source: web/templates/pdb.yaml\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\n"
	security  = "---\n# Source: web/templates/psp.yaml\napiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata:\n  name: web\n"
	service   = "---\n# Source: web/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
	widget    = "---\n# Source: web/templates/widget.yaml\napiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: web\n"
	list      = "---\n# Source: web/templates/list.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1beta1\n  kind: CronJob\n  metadata: {name: nightly, namespace: night}\n"
)

func served(apiVersion, kind string) bool { return kind != "Widget" }

func scan(t *testing.T, data ...[]byte) ([]upgrade.HelmRelease, []upgrade.NotChecked) {
	t.Helper()
	s := helm.NewScanner(lifecycle.All(), upgrade.Version{Major: 1, Minor: 25}, served)
	for i, d := range data {
		s.Add(helm.Stored{Storage: "Secret", Namespace: "shop", Name: fmt.Sprintf("sh.helm.release.v1.web.v%d", i+1), Data: d})
	}
	releases, unread := s.Releases()
	text, err := json.Marshal([]any{releases, unread})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) {
		t.Errorf("a secret is kept: %s", text)
	}
	return releases, unread
}

func TestScannerTellsWhatTheDeployedRevisionHas(t *testing.T) {
	releases, unread := scan(t,
		pack(t, revision("web", 1, "superseded", oldBudget+security+service), true),
		pack(t, revision("web", 2, "deployed", oldBudget+service+widget+list, object{"path": "web/templates/test.yaml", "manifest": strings.ReplaceAll(security, "# Source: web/templates/psp.yaml\n", "")}), true),
		pack(t, revision("web", 3, "failed", newBudget+service), true))
	v := func(minor int) upgrade.Version { return upgrade.Version{Major: 1, Minor: minor} }
	at, err := json.Marshal(releases[0].Last.UpdatedAt)
	if err != nil || string(at) != `"2026-07-01T08:00:00.123456789Z"` {
		t.Errorf("updated at %s, %v", at, err)
	}
	head := func(number int, status string) upgrade.HelmRevision {
		return upgrade.HelmRevision{Revision: number, Status: status, Chart: "web-1.2.3", AppVersion: "9", KubeVersion: ">=1.20.0-0 <1.35.0-0", UpdatedAt: releases[0].Last.UpdatedAt}
	}
	ref := func(apiVersion, kind, namespace, name string) upgrade.ObjectRef {
		return upgrade.ObjectRef{APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: name}
	}
	policy := upgrade.HelmObject{Object: ref("policy/v1beta1", "PodSecurityPolicy", "", "web"), Template: "web/templates/test.yaml", Hook: true, Deprecated: v(21), Removed: v(25)}
	want := []upgrade.HelmRelease{{Name: "web", Namespace: "shop", Storage: "Secret", Revisions: 3, Last: head(3, "failed"), Deployed: head(2, "deployed"),
		Deprecated: []upgrade.HelmObject{
			{Object: ref("policy/v1beta1", "PodDisruptionBudget", "shop", "web"), Template: "web/templates/pdb.yaml", Deprecated: v(21), Removed: v(25), Replacement: "policy/v1 PodDisruptionBudget"},
			{Object: ref("batch/v1beta1", "CronJob", "night", "nightly"), Template: "web/templates/list.yaml", Deprecated: v(21), Removed: v(25), Replacement: "batch/v1 CronJob"},
			policy,
		},
		Unserved: []upgrade.HelmObject{{Object: ref("example.com/v1", "Widget", "shop", "web"), Template: "web/templates/widget.yaml"}},
	}}
	if diff := cmp.Diff(want, releases); diff != "" {
		t.Error(diff)
	}
	if len(unread) > 0 {
		t.Errorf("not read: %+v", unread)
	}
}

func TestOldRevisionsAreKeptApart(t *testing.T) {
	releases, _ := scan(t, pack(t, revision("web", 9, "superseded", oldBudget), true), pack(t, revision("web", 10, "deployed", newBudget), true))
	r := releases[0]
	if len(r.Deprecated) != 0 || len(r.Old) != 1 || r.Old[0].Revision != 9 || r.Deployed.Revision != 10 {
		t.Errorf("%+v", r)
	}
}

// Helm compares with the newest deployed revision, or with the last one when it
// failed; with nothing while the first one is pending.
func TestTheCurrentRevisionIsHelms(t *testing.T) {
	for status, want := range map[string]int{"deployed": 1, "failed": 1, "superseded": 1, "pending-install": 0, "uninstalled": 0} {
		releases, _ := scan(t, pack(t, revision("web", 1, status, oldBudget), true))
		if got := releases[0].Deployed.Revision; got != want {
			t.Errorf("%s: revision %d, want %d", status, got, want)
		}
	}
}

func TestWhatCannotBeReadIsNotCheckedForItselfAlone(t *testing.T) {
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		zeros := make([]byte, 1<<20)
		for range helm.MaxRelease>>20 + 1 {
			z.Write(zeros)
		}
		z.Close()
		return []byte(base64.StdEncoding.EncodeToString(b.Bytes()))
	}
	good := pack(t, revision("web", 1, "deployed", service), false) // as old releases of Helm did, without gzip
	for name, bad := range map[string][]byte{
		"nothing": nil, "no base64": []byte("%%%"), "no JSON": []byte("eA=="), "cut off": pack(t, revision("web", 2, "deployed", service), true)[:100],
		"a bomb": bomb(), "no name": pack(t, object{"version": 1}, true), "another type": pack(t, object{"name": 7}, true),
	} {
		t.Run(name, func(t *testing.T) {
			releases, unread := scan(t, good, bad)
			if len(releases) != 1 || len(unread) != 1 || unread[0].Part != helm.Part || unread[0].Why == "" || unread[0].Remedy == "" || !strings.Contains(unread[0].What, "web.v2") {
				t.Errorf("%+v, not read %+v", releases, unread)
			}
		})
	}
	_, unread := scan(t, pack(t, revision("web", 1, "deployed", service+"---\na: [\n"), true))
	if len(unread) != 1 || !strings.Contains(unread[0].What, "1 documents of Helm release shop/web, revision 1") {
		t.Errorf("not read: %+v", unread)
	}
	many := make([][]byte, 100)
	if _, unread = scan(t, many...); len(unread) != 21 || !strings.Contains(unread[20].What, "80 more") {
		t.Errorf("%d entries, the last %+v", len(unread), unread[len(unread)-1])
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(pack(f, revision("web", 1, "deployed", oldBudget), true))
	f.Add(pack(f, revision("web", 1, "deployed", list+"{{"), false))
	f.Add([]byte("H4sI"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := helm.Decode(data)
		if err == nil && (r.Name == "" || r.HelmRevision.Revision < 1) {
			t.Errorf("%+v", r)
		}
		s := helm.NewScanner(lifecycle.All(), upgrade.Version{Major: 1, Minor: 30}, nil)
		s.Add(helm.Stored{Data: data})
		releases, unread := s.Releases()
		if len(releases)+len(unread) == 0 {
			t.Error("neither read nor named")
		}
	})
}

// BenchmarkThousandReleases scans 1,000 releases of about 1 MB each.
func BenchmarkThousandReleases(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var manifest strings.Builder
	for i := 0; manifest.Len() < 6<<20; i++ { // packs to about 0.7 MB
		fmt.Fprintf(&manifest, "---\n# Source: web/templates/%d.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c%d\ndata:\n", i, i)
		for range 20 {
			fmt.Fprintf(&manifest, "  key%d: value %x of something that repeats itself\n", random.Uint32(), random.Uint32())
		}
	}
	data := pack(b, revision("web", 1, "deployed", manifest.String()+oldBudget), true)
	b.ReportAllocs()
	for b.Loop() {
		s := helm.NewScanner(lifecycle.All(), upgrade.Version{Major: 1, Minor: 30}, nil)
		for i := range 1000 {
			s.Add(helm.Stored{Storage: "Secret", Namespace: fmt.Sprint("n", i), Data: data})
		}
		if releases, _ := s.Releases(); len(releases) != 1000 {
			b.Fatal(len(releases))
		}
	}
	b.ReportMetric(float64(len(data))/1e6, "MB/release")
}
