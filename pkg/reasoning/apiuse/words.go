package apiuse

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxSigns is how many signs of one kind are told.
const maxSigns = 3

// why says the verdict and the signs that it rests on.
func why(v Verdict, d upgrade.DeprecatedAPI, s Seen) string {
	switch v {
	case Written:
		return "still written by " + list(d.Evidence, upgrade.EvidenceManager, writer) + also(d.Evidence, upgrade.EvidenceManager)
	case Source:
		return "source in " + strings.Join(sources(d.Evidence), " and in ") + also(d.Evidence, upgrade.EvidenceHelm, upgrade.EvidenceFile)
	case Exists:
		return "the object exists, and the cluster serves its kind in no version that stays" + also(d.Evidence, upgrade.EvidenceLive)
	case Requested:
		clients := list(d.Evidence, upgrade.EvidenceInsight, client)
		if clients == "" {
			return "requested since the API server started, by a client that its metric does not name; no object found"
		}
		return "requested by user agent " + clients + "; no object found"
	case Fixed:
		last := lastRequest(d.Evidence)
		return fmt.Sprintf("fixed: no request since %s (%s); the insight clears on %s", day(last), list(d.Evidence, upgrade.EvidenceInsight, client), day(last.Add(remembers)))
	}
	for _, e := range d.Evidence {
		if e.Kind == upgrade.EvidenceLastApplied {
			return "stale annotation only: the manifest that kubectl applied last has it, and no client has written it since"
		}
	}
	return "only in old revisions of Helm, which are not deployed: " + list(d.Evidence, upgrade.EvidenceHelm, chart)
}

// also tells the signs of other kinds.
func also(signs []upgrade.Evidence, but ...upgrade.EvidenceKind) string {
	var more []string
	skip := map[upgrade.EvidenceKind]bool{}
	for _, k := range but {
		skip[k] = true
	}
	if !skip[upgrade.EvidenceHelm] && !skip[upgrade.EvidenceFile] {
		for _, x := range sources(signs) {
			more = append(more, "source in "+x)
		}
	}
	if has(signs, upgrade.EvidenceLastApplied) {
		more = append(more, "kubectl applied it last")
	}
	if !skip[upgrade.EvidenceInsight] && has(signs, upgrade.EvidenceInsight) {
		more = append(more, "requested by user agent "+list(signs, upgrade.EvidenceInsight, client))
	}
	if len(more) == 0 {
		return ""
	}
	return "; " + strings.Join(more, "; ")
}

func has(signs []upgrade.Evidence, kind upgrade.EvidenceKind) bool {
	for _, e := range signs {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// sources are the charts and files.
func sources(signs []upgrade.Evidence) []string {
	var out []string
	for _, e := range signs {
		switch {
		case e.Kind == upgrade.EvidenceHelm && !e.Old:
			out = append(out, chart(e))
		case e.Kind == upgrade.EvidenceFile && e.Line > 0:
			out = append(out, fmt.Sprintf("file %s:%d", e.File, e.Line))
		case e.Kind == upgrade.EvidenceFile:
			out = append(out, "file "+e.File)
		}
	}
	if len(out) > maxSigns {
		out = append(out[:maxSigns], fmt.Sprintf("%d more", len(out)-maxSigns))
	}
	return out
}

// list tells the first signs of a kind.
func list(signs []upgrade.Evidence, kind upgrade.EvidenceKind, tell func(upgrade.Evidence) string) string {
	var out []string
	n := 0
	for _, e := range signs {
		if e.Kind == kind {
			if n++; n <= maxSigns {
				out = append(out, tell(e))
			}
		}
	}
	if n > maxSigns {
		out = append(out, fmt.Sprintf("%d more", n-maxSigns))
	}
	return strings.Join(out, ", ")
}

func writer(e upgrade.Evidence) string {
	text := e.By
	if e.Subresource != "" {
		text += " (" + e.Subresource + ")"
	}
	if e.Operation != "" {
		text += " by " + e.Operation
	}
	if !e.At.IsZero() {
		text += " at " + e.At.Format(time.RFC3339)
	}
	return text
}

func client(e upgrade.Evidence) string {
	text := fmt.Sprintf("%q", e.By)
	if e.Requests > 0 {
		text += fmt.Sprintf(", %d times in 30 days", e.Requests)
	}
	if !e.At.IsZero() {
		text += ", last at " + e.At.Format(time.RFC3339)
	}
	return text
}

// chart tells a Helm release and the template.
func chart(e upgrade.Evidence) string {
	text := fmt.Sprintf("release %s/%s, revision %d", e.Release.Namespace, e.Release.Name, e.Revision)
	if e.File != "" {
		text += ", " + e.File
	}
	if e.Chart == "" {
		return text
	}
	return "chart " + e.Chart + " (" + text + ")"
}

func lastRequest(signs []upgrade.Evidence) time.Time {
	var last time.Time
	for _, e := range signs {
		if e.Kind == upgrade.EvidenceInsight && e.At.After(last) {
			last = e.At.Time
		}
	}
	return last
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
