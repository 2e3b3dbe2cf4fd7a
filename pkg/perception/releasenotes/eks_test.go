package releasenotes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/releasenotes"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// page has the form of the pages of the EKS user guide.
const page = `<!DOCTYPE html><html><head><title>Review release notes - Amazon EKS</title><script>var h2 = "<h2>Kubernetes 1.99</h2>"</script></head><body>
<nav><ul><li>Kubernetes 1.34</li></ul></nav>
<div id="main-content"><div id="main-col-body">
<h1 class="topictitle" id="kubernetes-versions-standard">Review release notes</h1>
<p>This topic gives important changes.</p>
<h2 id="kubernetes-1-35">Kubernetes 1.35</h2>
<p>Kubernetes <code class="code">1.35</code> is now available in Amazon EKS. For more, see the <a href="x">announcement</a>.</p>
<div class="awsdocs-note awsdocs-important"><div class="awsdocs-note-title"><awsui-icon name="status-warning"></awsui-icon><h6>Important</h6></div><div class="awsdocs-note-text">
<p>Important</p>
<div class="itemizedlist"><ul class="itemizedlist"><li class="listitem"><p>cgroup v1 is <b>refused</b>:</p>
<div class="itemizedlist"><ul class="itemizedlist"><li class="listitem"><p>Action required: move to v2.</p></li></ul></div></li>
<li class="listitem"><p>containerd 1.x ends.</p></li></ul></div></div></div>
<div class="itemizedlist"><ul class="itemizedlist"><li class="listitem"><p><span class="emphasis"><em>Kubelet Flag Removal:</em></span>
   The <code class="code">--pod-infra-container-image</code> flag has been removed.</p></li></ul></div>
<p>For the complete Kubernetes <code>1.35</code> changelog, see x</p>
<h3 id="anonymous">Anonymous authentication</h3>
<p>Anonymous requests get 401.</p>
<div class="awsdocs-note"><p>Note</p><p>A role stays.</p></div>
<h2 id="kubernetes-1-34">Kubernetes 1.34</h2>
<ul><li>AppArmor is deprecated.<script>alert(1)</script></li></ul>
<h2 id="other">Something else</h2>
<ul><li>not a note</li></ul>
</div></div></body></html>`

func TestParseEKSReadsTheFormOfTheUserGuide(t *testing.T) {
	const url = "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions-standard.html"
	note := func(minor int, section, text, anchor string) upgrade.ReleaseNote {
		return upgrade.ReleaseNote{Version: v(minor), Source: upgrade.NotesOfEKS, Section: section, Text: text, URL: url + "#" + anchor}
	}
	want := map[upgrade.Version][]upgrade.ReleaseNote{
		v(35): {
			note(35, "Important", "cgroup v1 is refused: Action required: move to v2.", "kubernetes-1-35"),
			note(35, "Important", "containerd 1.x ends.", "kubernetes-1-35"),
			note(35, "", "Kubelet Flag Removal: The --pod-infra-container-image flag has been removed.", "kubernetes-1-35"),
			note(35, "Anonymous authentication", "Anonymous requests get 401.", "kubernetes-1-35"),
			note(35, "Anonymous authentication", "A role stays.", "kubernetes-1-35"),
		},
		v(34): {note(34, "", "AppArmor is deprecated.", "kubernetes-1-34")},
	}
	got := releasenotes.ParseEKS([]byte(page), url)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(upgrade.ReleaseNote{}, "Labels")); diff != "" {
		t.Error(diff)
	}
	if n := got[v(35)]; !n[0].Is(upgrade.NoteActionRequired) || !n[2].Is(upgrade.NoteBreaking) || !got[v(34)][0].Is(upgrade.NoteDeprecation) || n[4].Is(upgrade.NoteBreaking) {
		t.Errorf("labels: %+v, %+v", n, got[v(34)])
	}
}

func TestTheBundledPagesOfEKSHaveEveryVersion(t *testing.T) {
	text, day := releasenotes.BundledEKS()
	notes := releasenotes.ParseEKS(text, "https://docs.aws.amazon.com/x.html")
	for minor := 30; minor <= 36; minor++ {
		if len(notes[v(minor)]) < 3 {
			t.Errorf("%s has %d notes", v(minor), len(notes[v(minor)]))
		}
	}
	if day.IsZero() || len(notes) != 7 {
		t.Errorf("%d versions of %s", len(notes), day)
	}
}

func TestParseEKSTakesNothingFromOtherPages(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "Markdown": changelog, "an error page": "<html><body><h1>404</h1><p>Kubernetes 1.35</p></body></html>", "headings only": "<h2>Kubernetes 1.35</h2>"} {
		if notes := releasenotes.ParseEKS([]byte(text), ""); len(notes) != 0 {
			t.Errorf("%s: %v", name, notes)
		}
	}
}

func FuzzParseEKS(f *testing.F) {
	f.Add(page)
	f.Add("<h2 id='a b'>Kubernetes 1.35</h2><li>\xff<p>x</p></li>")
	f.Fuzz(func(t *testing.T, source string) {
		for version, notes := range releasenotes.ParseEKS([]byte(source), "https://docs.aws.amazon.com/x.html") {
			bounded(t, notes)
			for _, n := range notes {
				if n.Version != version || n.Source != upgrade.NotesOfEKS {
					t.Errorf("note %+v", n)
				}
			}
		}
	})
}
