package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const changelogs = "https://github.com/kubernetes/kubernetes/tree/master/CHANGELOG"

var noteChecks = []Check{
	{ID: "release-note-concerns-cluster", Family: ReleaseNotes, Title: "A release note names what this cluster has", Severity: upgrade.Low, Blocks: BlocksNever,
		Source: changelogs, Remedy: "read it and do what it asks before the upgrade", run: concerning},
	{ID: "release-note-breaking", Family: ReleaseNotes, Title: "A release note announces a breaking change", Severity: upgrade.Info, Blocks: BlocksNever,
		Source: changelogs, Remedy: "read it and decide whether it concerns this cluster", run: breaking},
	{ID: "release-notes-old", Family: ReleaseNotes, Title: "An old copy of release notes was read", Severity: upgrade.Info, Blocks: BlocksNever,
		Source: changelogs, Remedy: "let the agent reach the published notes, or read them yourself", run: oldNotes},
}

// Bounds: a person reads these.
const (
	maxNoteFindings = 40
	maxNoteText     = 700 // bytes
)

// concerning passes on the notes that probably ask for something and name what
// the snapshot has. The text is untrusted: it is shown and ranked, and decides
// nothing.
func concerning(v View, c Check) []upgrade.Finding {
	var all []rankedNote
	for _, n := range ranked(v) {
		if len(n.names) > 0 {
			all = append(all, n)
		}
	}
	return noteFindings(c, all)
}

// breaking passes on the other notes that break something or ask for action.
func breaking(v View, c Check) []upgrade.Finding {
	var all []rankedNote
	for _, n := range ranked(v) {
		if len(n.names) == 0 && (n.label.Name == upgrade.NoteBreaking || n.label.Name == upgrade.NoteActionRequired) {
			all = append(all, n)
		}
	}
	return noteFindings(c, all)
}

func oldNotes(v View, c Check) []upgrade.Finding {
	var out []upgrade.Finding
	for _, s := range v.Snapshots {
		for _, o := range s.NoteOrigins {
			if o.From == upgrade.NotesPublished {
				continue
			}
			evidence := fmt.Sprintf("%s's notes of %s are the %s copy of %s", o.Source, o.Version, o.From, o.AsOf.Format(time.DateOnly))
			if o.Why != "" {
				evidence += ": " + o.Why
			}
			out = append(out, c.finding(evidence, c.Remedy))
		}
	}
	return out
}

// rankedNote is a note that probably has a label, with what it names of the
// cluster.
type rankedNote struct {
	upgrade.ReleaseNote
	label upgrade.NoteLabel // the one that counts most
	names []string
}

// labelOrder is what counts most first.
var labelOrder = []upgrade.NoteLabelName{upgrade.NoteActionRequired, upgrade.NoteBreaking, upgrade.NoteDeprecation, upgrade.NoteAPIChange}

// ranked returns the notes that probably have a label, those first that say most
// of this cluster, and then those that are most certain.
func ranked(v View) []rankedNote {
	terms := termsOf(v)
	var out []rankedNote
	for _, n := range v.Notes {
		for _, name := range labelOrder {
			i := slices.IndexFunc(n.Labels, func(l upgrade.NoteLabel) bool { return l.Name == name && l.Confidence >= upgrade.NoteLikely })
			if i >= 0 {
				out = append(out, rankedNote{n, n.Labels[i], terms.in(n.Text)})
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b rankedNote) int {
		return cmp.Or(cmp.Compare(slices.Index(labelOrder, a.label.Name), slices.Index(labelOrder, b.label.Name)),
			cmp.Compare(len(b.names), len(a.names)), cmp.Compare(b.label.Confidence, a.label.Confidence))
	})
	return out
}

func noteFindings(c Check, all []rankedNote) []upgrade.Finding {
	var out []upgrade.Finding
	for i, n := range all {
		if i == maxNoteFindings {
			out = append(out, c.finding(fmt.Sprintf("%d more such notes are in the snapshot of releaseNotes", len(all)-i), c.Remedy))
			break
		}
		text := n.Text
		if len(text) > maxNoteText {
			text = strings.ToValidUTF8(text[:maxNoteText], "") + " ..."
		}
		evidence := fmt.Sprintf("%s (%s, confidence %.2f): %s", strings.TrimSuffix(fmt.Sprintf("%s %s, %s", n.Source, n.Version, n.Section), ", "), n.label.Name, n.label.Confidence, text)
		if len(n.names) > 0 {
			evidence += "; this cluster has " + some(n.names)
		}
		f := c.finding(evidence, c.Remedy)
		if n.URL != "" {
			f.Source = n.URL
		}
		out = append(out, f)
	}
	return out
}

// terms are words of release notes that stand for something the cluster has,
// each with what that is.
type terms struct {
	pattern *regexp.Regexp    // nil: none
	what    map[string]string // by the term in lower case
}

// everyday are kinds that every cluster has, so that their names say nothing.
var everyday = []string{"Pod", "Node", "Service", "Namespace", "ConfigMap", "Secret", "Event", "Deployment", "ReplicaSet", "DaemonSet", "ServiceAccount", "Lease", "Endpoints",
	"EndpointSlice", "ControllerRevision", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "APIService", "CSINode", "FlowSchema", "PriorityLevelConfiguration", "Job", "Binding", "Status", "List", "Scale"}

var termPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9./-]{2,80}$`)

// termsOf collects what a note could name: API versions, kinds, flags, feature
// gates, drivers and the like. Names are anybody's, so that only what looks like
// one counts.
func termsOf(v View) terms {
	t := terms{what: map[string]string{}}
	add := func(term, what string) {
		if termPattern.MatchString(term) && len(t.what) < 5000 {
			t.what[strings.ToLower(term)] = what
		}
	}
	config := func(c upgrade.NodeConfig, where string) {
		for _, flag := range c.KubeletFlags {
			name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
			add(name, "--"+name+" "+where)
		}
		for _, key := range c.KubeletKeys {
			add(key, key+" "+where)
		}
		for gate := range c.FeatureGates {
			add(gate, "feature gate "+gate+" "+where)
		}
	}
	if k := v.Kubernetes; k != nil {
		for object := range k.Objects {
			apiVersion, kind, _ := strings.Cut(object, ", ")
			if strings.Contains(apiVersion, "/v") && (strings.Contains(apiVersion, "alpha") || strings.Contains(apiVersion, "beta")) {
				add(apiVersion, object)
			}
			if !slices.Contains(everyday, kind) {
				add(kind, object)
			}
		}
		for _, d := range k.DeprecatedAPIs {
			add(d.Object.APIVersion, d.Object.String())
		}
		for _, p := range k.Volumes {
			if p.InTree {
				add(strings.TrimPrefix(p.Driver, "kubernetes.io/"), "volume "+p.Name+" of "+p.Driver)
			}
			add(p.Driver, "volume "+p.Name+" of "+p.Driver)
		}
		for _, w := range k.Workloads {
			for _, volume := range w.Template.InTreeVolumes {
				kind, _, _ := strings.Cut(volume, " ")
				add(kind, kind+" in "+w.Object.String())
			}
		}
		if k.KubeProxy != nil {
			if m := k.KubeProxy.Mode; m == "ipvs" || m == "nftables" {
				add(m, "kube-proxy in mode "+m)
			}
			config(k.KubeProxy.Config, "of kube-proxy")
		}
		if k.Karpenter != nil {
			for _, class := range k.Karpenter.NodeClasses {
				config(class.Node, "of "+class.Object.String())
			}
		}
	}
	if v.AWS != nil {
		for _, a := range v.AWS.Addons {
			add(a.Name, "add-on "+a.Name)
		}
	}
	names := make([]string, 0, len(t.what))
	for term := range t.what {
		names = append(names, regexp.QuoteMeta(term))
	}
	if len(names) > 0 {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }) // the longest of those that match
		t.pattern = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])(` + strings.Join(names, "|") + `)s?(?:$|[^a-z0-9])`)
	}
	return t
}

// in returns what of the cluster a text names, sorted.
func (t terms) in(text string) []string {
	if t.pattern == nil {
		return nil
	}
	var out []string
	for rest := text; ; {
		at := t.pattern.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		out = append(out, t.what[strings.ToLower(rest[at[2]:at[3]])])
		rest = rest[at[3]:] // the border belongs to the next one too
	}
	slices.Sort(out)
	return slices.Compact(out)
}
