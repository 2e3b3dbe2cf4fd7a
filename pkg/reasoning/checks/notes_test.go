package checks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/reasoningtest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func note(label upgrade.NoteLabelName, confidence float64, text string) upgrade.ReleaseNote {
	return upgrade.ReleaseNote{Version: v(35), Source: upgrade.NotesOfKubernetes, Section: "API Change", Text: text, URL: "https://github.com/kubernetes/kubernetes/pull/1",
		Labels: []upgrade.NoteLabel{{Name: label, Confidence: confidence, Why: []string{"a test"}}}}
}

// rich has what release notes can name.
func rich(c *reasoningtest.Cluster) {
	c.Kubernetes.Objects = map[string]int{"resource.k8s.io/v1beta1, ResourceClaim": 3, "v1, Pod": 9, "apps/v1, Deployment": 4, "networking.k8s.io/v1, IngressClass": 1}
	c.Kubernetes.KubeProxy = &upgrade.KubeProxy{Mode: "ipvs", Config: upgrade.NodeConfig{FeatureGates: map[string]bool{"OldGate": true}}}
	c.Kubernetes.Karpenter = &upgrade.Karpenter{NodeClasses: []upgrade.KarpenterNodeClass{{Object: upgrade.ObjectRef{APIVersion: "karpenter.k8s.aws/v1", Kind: "EC2NodeClass", Name: "default"},
		Node: upgrade.NodeConfig{KubeletFlags: []string{"--cloud-config=/x"}, KubeletKeys: []string{"maxPods"}}}}}
	c.Kubernetes.Volumes = []upgrade.PersistentVolume{{Name: "pv-1", Driver: "kubernetes.io/rbd", InTree: true}}
}

func TestNotesThatNameWhatTheClusterHasRankHigher(t *testing.T) {
	const act, old = upgrade.NoteActionRequired, upgrade.NoteDeprecation
	tests := []struct {
		name, says string // "": the note is of no concern
		note       upgrade.ReleaseNote
	}{
		{"an API version", "this cluster has resource.k8s.io/v1beta1, ResourceClaim", note(old, 0.7, "The resource.k8s.io/v1beta1 API is deprecated.")},
		{"a kind, in the plural", "ResourceClaim", note(act, 0.9, "ResourceClaims must be deleted.")},
		{"a kubelet flag", "--cloud-config of EC2NodeClass default", note(act, 0.9, "Removed the flag --cloud-config.")},
		{"a key of the kubelet's configuration", "maxPods of", note(act, 0.9, "maxPods: is refused.")},
		{"a feature gate", "feature gate OldGate of kube-proxy", note(act, 0.9, "Removed OldGate")},
		{"the mode of kube-proxy", "kube-proxy in mode ipvs", note(old, 0.8, "The IPVS mode is deprecated")},
		{"a volume plugin", "volume pv-1 of kubernetes.io/rbd", note(act, 0.9, "The kubernetes.io/rbd plugin was removed.")},
		{"an add-on", "add-on kube-proxy", note(act, 0.9, "kube-proxy must be restarted.")},

		{"a kind that every cluster has", "", note(act, 0.9, "Pods and Deployments must be deleted.")},
		{"a word with a name in it", "", note(act, 0.9, "OldGateKeeper and xResourceClaim were removed.")},
		{"another API version", "", note(act, 0.9, "resource.k8s.io/v1alpha3 was removed.")},
		{"what is hardly a deprecation", "", note(old, 0.4, "ResourceClaims are nice.")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := findingsOf(run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) { rich(c); c.Notes = []upgrade.ReleaseNote{tt.note} }), "release-note-concerns-cluster")
			if tt.says == "" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0].Evidence, tt.says) || got[0].Severity != upgrade.Low || got[0].Blocks || got[0].Source != tt.note.URL {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestManyNotesAreCountedInsteadOfListed(t *testing.T) {
	got := findingsOf(run(t, func(_ *upgrade.Request, c *reasoningtest.Cluster) {
		for i := range 100 {
			c.Notes = append(c.Notes, note(upgrade.NoteBreaking, 0.5+float64(i)/1000, fmt.Sprintf("%d is gone %s", i, strings.Repeat("é", 3000))))
		}
	}), "release-note-breaking")
	if len(got) != 41 || !strings.Contains(got[0].Evidence, ": 99 is gone") || !strings.Contains(got[40].Evidence, "60 more") {
		t.Errorf("%d findings, the first %.80q, the last %q", len(got), got[0].Evidence, got[len(got)-1].Evidence)
	}
	for _, f := range got {
		if len(f.Evidence) > 1000 {
			t.Errorf("evidence of %d bytes", len(f.Evidence))
		}
	}
}

func TestAnOldCopyOfNotesIsNamed(t *testing.T) {
	c := reasoningtest.Healthy()
	snapshots := c.Snapshots()
	for i := range snapshots {
		if snapshots[i].Source == upgrade.SourceReleaseNotes {
			snapshots[i].NoteOrigins = []upgrade.NoteOrigin{
				{Source: upgrade.NotesOfKubernetes, Version: v(35), From: upgrade.NotesPublished},
				{Source: upgrade.NotesOfEKS, Version: v(35), From: upgrade.NotesCached, AsOf: upgrade.At(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)), Why: "429 Too Many Requests"}}
		}
	}
	view, err := checks.NewView(reasoningtest.Request(), reasoningtest.Now, snapshots)
	if err != nil {
		t.Fatal(err)
	}
	got := findingsOf(checks.Run(view).Findings, "release-notes-old")
	if len(got) != 1 || !strings.Contains(got[0].Evidence, "eks's notes of 1.35 are the cached copy of 2026-01-02: 429") || got[0].Severity != upgrade.Info {
		t.Errorf("%+v", got)
	}
}

func findingsOf(all []upgrade.Finding, check string) []upgrade.Finding {
	var out []upgrade.Finding
	for _, f := range all {
		if f.Check == check {
			out = append(out, f)
		}
	}
	return out
}
