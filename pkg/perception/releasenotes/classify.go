package releasenotes

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// A cue is a phrase that speaks for a label. Several cues of a label are taken
// as independent: each takes its share off the doubt that the others left. A
// doubt is a phrase that speaks against: it multiplies the confidence. The
// shares were set on the labelled notes of 1.31 and 1.33 and are measured on
// 1.32 and 1.34; docs/releasenotes.md has the figures.
type (
	cue struct {
		label upgrade.NoteLabelName
		share float64  // of the remaining doubt
		why   string   // as people read it
		any   []string // one of these stands in every text that matches: looked for first, as it is much faster
		match *regexp.Regexp
	}
	doubt struct {
		labels []upgrade.NoteLabelName
		factor float64
		why    string
		match  *regexp.Regexp
	}
)

// begin is what may stand before the first word: "[Windows] kubelet: ".
const begin = `^(\*+)?('|")?(\[[^\]]{1,40}\] *)?([a-z][a-z0-9/. -]{0,40}: *)?(the |all )?`

// askedFor is how authors ask for action: "ACTION REQUIRED:", "[action-required]",
// "Actions are needed".
const askedFor = `\bactions?[-_ ]+((is|are|was|were) )?(now )?(required|needed)\b|\brequired actions?\b`

func when(any ...string) []string { return any }

func says(p string) *regexp.Regexp { return regexp.MustCompile(`(?s)` + p) }

var cues = []cue{
	{upgrade.NoteActionRequired, 0.9, "asks for action", when("action"), says(askedFor)},
	{upgrade.NoteActionRequired, 0.45, "says what the reader must do", when("must", "need", "have to", "has to", "required"), says(`\b(you|users|administrators|operators|customers|distributions|anyone|anything|drivers|clients|workloads|applications|authors)\b[^.]{0,80}\b(must|need to|needs to|have to|has to|are required to|were required to)\b`)},
	{upgrade.NoteActionRequired, 0.5, "says what must be changed", when("must be", "required to", "deployment"), says(`\bmust be (updated|migrated|removed|replaced|changed|renamed|cleaned|deleted|recreated|deployed|moved)|\b(is|are) required to (use|update|migrate)|\bre-?deployment\b`)},
	{upgrade.NoteActionRequired, 0.35, "asks the reader to change something", when("please", "ensure", "remove "), says(`\bplease (update|change|migrate|clean|remove|replace|adjust|switch|rename|ensure)|\bensure (to|that)\b|\bremove (these|this|it|them) (plugins?|flags?|if|from)`)},
	{upgrade.NoteActionRequired, 0.45, "speaks of what comes before or after the upgrade", when("upgrad", "updat"), says(`\b(before|prior to|after|when) (you )?(upgrad|updat)(e|ing) (to|the (kubelet|cluster|control plane|node)|a cluster|this|from)|\b(before|prior to) (upgrad|updat)(e|ing)\b`)},
	{upgrade.NoteActionRequired, 0.6, "speaks to developers of plugins", when("plugin", "for developers"), says(`\bfor (developers of|[a-z -]{0,30}plugin developers)|(out-of-tree|custom)( scheduler)? plugin.{0,60}(developers|must|ensure|update)`)},
	{upgrade.NoteActionRequired, 0.3, "names a replacement for what was removed", when("removed", "dropped"), says(`\b(removed|dropped)\b.{0,200}\b(please use|use .{1,60} instead|alternative is)`)},
	{upgrade.NoteActionRequired, 0.35, "says that something stops working", when("non-functional", "breaking", "incompatible", "denied"), says(`\bnon-functional\b|\bbreaking change|\bbackwards?[- ]incompatible|\bnow denied\b`)},

	{upgrade.NoteDeprecation, 0.75, "begins with a deprecation", when("deprecat"), says(`^(['"*]*)(\[[^\]]{1,40}\] *)?([a-z][a-z0-9/. -]{0,40}: *)?(mark(ed|s)? .{1,80} deprecated|deprecat(e|ed|es|ion)\b)`)},
	{upgrade.NoteDeprecation, 0.65, "says that something is deprecated now", when("deprecat"), says(`\b(is|are|was|were|been|being|now|officially|considered|as|remains) (now |officially |been )?deprecated\b|\bdeprecated (since|in|starting|from) v?1\.|\b(deprecated it|deprecating)\b|: deprecated\b`)},
	{upgrade.NoteDeprecation, 0.5, "says that somebody deprecated something", when("deprecate"), says(`\b(scheduler|kubelet|proxy|apiserver|manager|kubeadm|kubectl|this|it)( now)? deprecate[sd] `)},
	{upgrade.NoteDeprecation, 0.3, "announces a removal", when("deprecat"), says(`\bdeprecat.{0,200}(will be (removed|dropped)|removed in (a )?(future|v?1\.)|scheduled to be removed)`)},

	{upgrade.NoteAPIChange, 0.5, "names a field", when("field", "spec.", "status.", "metadata."), says(`\bfields?\b|\.(spec|status|metadata)\.[a-z]|\b(spec|status|metadata)\.[a-z]`)},
	{upgrade.NoteAPIChange, 0.35, "adds or changes a field", when("field"), says(`\b(add(ed|s)?|new|introduc(ed|es)|chang(ed|es)|remov(ed|es)|renam(ed|es)|allow(ed|s)?|marked|graduated|deprecat(ed|es))\b[^.]{0,80}\bfields?\b`)},
	{upgrade.NoteAPIChange, 0.45, "names an API group or version", when("k8s.io", "alpha", "beta", "api "), says(`[a-z0-9.]+\.k8s\.io\b|\bv[0-9]+(alpha|beta)[0-9]+\b|\bapi (group|version)`)},
	{upgrade.NoteAPIChange, 0.4, "speaks of an API", when("api"), says(`\bapis?\b`)},
	{upgrade.NoteAPIChange, 0.3, "speaks of validation or CEL", when("validat", "cel", "admissionpolic"), says(`\bvalidat|\bcel\b|\badmissionpolic`)},
	{upgrade.NoteAPIChange, 0.4, "speaks of dynamic resource allocation", when("dra", "resourceclaim", "resourceslice", "dynamic", "deviceclass"), says(`\bdra\b|resourceclaim|resourceslice|dynamic ?resource|deviceclass`)},
	{upgrade.NoteAPIChange, 0.3, "speaks of protobuf or declared types", when("proto", "openapi", "declarative", "+k8s:"), says(`gogo protocol|\bproto(buf)?\b|openapi|declarative validation|\+k8s:`)},
	{upgrade.NoteAPIChange, 0.25, "graduates a feature", when("graduat", "promot", "ga", "stable", "beta"), says(`\b(graduat|promot)(e|ed|es|ing)\b|\b(ga|stable|beta)\b`)},

	{upgrade.NoteBreaking, 0.6, "asks for action", when("action"), says(askedFor)},
	{upgrade.NoteBreaking, 0.55, "begins with a removal", when("remov", "drop", "deleted"), says(begin + `(removed?|removes|removal of|dropped|drops?|deleted)\b`)},
	{upgrade.NoteBreaking, 0.5, "says that something was removed", when("removed", "dropped", "deleted"), says(`\b(was|were|is|are|been|got) (now )?(also |completely |entirely )?(removed|dropped|deleted)\b|\b(and|also|scheduler) removed\b`)},
	{upgrade.NoteBreaking, 0.55, "says that something no longer holds", when("no longer", "not supported", "non-functional"), says(`\bno longer (available|supported|served|serves|accept|allow|set|work|used|possible|copied|respect|be enabled|create|fully)|\bcan no longer\b|\bnot supported any ?more\b|\b(non-functional)\b`)},
	{upgrade.NoteBreaking, 0.7, "says that it breaks", when("breaking", "incompatib", "will ", "refuse"), says(`\bbreaking change|\bbackwards?[- ]incompatib|\bwill (fail|break|refuse)\b|\brefuse[sd]? to\b`)},
	{upgrade.NoteBreaking, 0.5, "says that something is refused now", when("denied", "reject", "refuse", "denies", "forbidden", "disallowed", "an error"), says(`\b(now|are|is) (denied|rejected|refused|forbidden|disallowed|an error)\b|\b(now|api server|apiserver) (rejects|denies|refuses)\b`)},
	{upgrade.NoteBreaking, 0.4, "says that a name or a meaning changed", when("rename", "replace", "changed", "semantics"), says(begin + `(renamed?|replaced?|changed)\b|\bsemantics of\b.{0,60}\bchang`)},
	{upgrade.NoteBreaking, 0.35, "changes a default", when("default"), says(`\bdefault[^.]{0,40}\b(changed|is now|was changed)\b|\bchang(ed|es) the default\b|\bnow (enabled|disabled|on|off) by default\b`)},
}

var doubts = []doubt{
	{[]upgrade.NoteLabelName{upgrade.NoteActionRequired, upgrade.NoteBreaking}, 0.15, "says that no action is needed", says(`\bno (user |further |additional |manual )?actions?[-_ ]+((is|are|was) )?(required|needed)`)},
	{[]upgrade.NoteLabelName{upgrade.NoteBreaking}, 0.5, "begins with a fix, so that it hardly breaks", says(begin + `(fix(ed|es)?|bug ?fix|resolved?|corrected|reverted?)\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteActionRequired, upgrade.NoteBreaking, upgrade.NoteAPIChange}, 0.4, "speaks of tests", says(`\b(e2e|unit tests?|test suite|test/|integration tests?|makefile|make (vet|lint))\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteAPIChange}, 0.25, "speaks of kubeadm or kubectl", says(`\bkubeadm\b|\bkubectl\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteAPIChange}, 0.5, "begins with a fix", says(begin + `(fix(ed|es)?|bug ?fix|resolved?|corrected)\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteAPIChange}, 0.5, "speaks of metrics or logs", says(`\bmetrics?\b|\blog(s|ging)?\b|\bperformance\b|golang|\bgo 1\.`)},
	{[]upgrade.NoteLabelName{upgrade.NoteActionRequired, upgrade.NoteBreaking}, 0.75, "speaks of kubeadm or kubectl", says(`\bkubeadm\b|\bkubectl\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteBreaking}, 0.4, "tidies up", says(`\breplaced deprecated package\b|\b(inaccurate|duplicated?|unused|unnecessary|restrictions?|limitation)\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteDeprecation}, 0.5, "says that it is removed already", says(`\b(was|were|has been|have been|is|are) (now )?(completely |entirely )?(removed|dropped)\b`)},
	{[]upgrade.NoteLabelName{upgrade.NoteDeprecation}, 0.4, "begins with something else than a deprecation", says(begin + `(fix(ed|es)?|removed?|dropped?|replaced|cleaned|updated|drop|delete)\b`)},
}

// kinds are the kinds of the Kubernetes project by the headings that they get in
// the changelog. A note of several kinds stands under the first of them. Source:
// https://github.com/kubernetes/release/blob/master/pkg/notes/document/document.go
var kinds = map[string]string{
	"deprecation":              "deprecation",
	"api change":               "api-change",
	"feature":                  "feature",
	"design":                   "design",
	"documentation":            "documentation",
	"failing test":             "failing-test",
	"bug or regression":        "bug",
	"other (cleanup or flake)": "cleanup",
	"dependency":               "dependency",
	"uncategorized":            "",
}

func kindOf(section string) string { return kinds[strings.ToLower(section)] }

const (
	byHeading     = 0.95 // the authors say so themselves
	otherHeading  = 0.6  // the authors filed it under another kind, below which a deprecation is rare
	laterHeading  = 0.3  // the same of an API change
	fewest        = 0.05 // a confidence below is not worth a word
	certain       = 0.99
	readForLabels = 8 << 10 // bytes of a text
)

// Classify says what a note probably is, from its plain text, the heading it
// stands under (empty: none is known) and its SIGs, which may also stand at the
// end of the text as they do in a changelog: "[SIG Auth and Node]". The most
// certain label is first. It uses nothing but the text, so that a text can claim
// anything: labels rank what people read, and decide nothing.
func Classify(text, section string, sigs ...string) []upgrade.NoteLabel {
	text, sigs = credits(text, sigs)
	text, lower := readable(text)
	found := byCues(lower)
	kind := kindOf(section)
	if kind != "" && kind != "deprecation" {
		weaken(found[upgrade.NoteDeprecation], otherHeading)
		if kind != "api-change" {
			weaken(found[upgrade.NoteAPIChange], laterHeading)
		}
	}
	if kind == "" && text != "" {
		byWords(found, text, sigs)
	}
	heading := `stands under "` + section + `"`
	switch {
	case section == urgent:
		found.add(upgrade.NoteActionRequired, byHeading, heading)
		found.add(upgrade.NoteBreaking, 0.7, heading)
	case section == Important:
		found.add(upgrade.NoteActionRequired, 0.4, heading)
		found.add(upgrade.NoteBreaking, 0.4, heading)
	case kind == "deprecation":
		found.add(upgrade.NoteDeprecation, byHeading, heading)
	case kind == "api-change":
		found.add(upgrade.NoteAPIChange, byHeading, heading)
	}
	var out []upgrade.NoteLabel
	for _, l := range found {
		l.Confidence = math.Round(min(l.Confidence, certain)*100) / 100
		if l.Confidence >= fewest {
			out = append(out, *l)
		}
	}
	slices.SortFunc(out, func(a, b upgrade.NoteLabel) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// labels are those of one note.
type labels map[upgrade.NoteLabelName]*upgrade.NoteLabel

func (found labels) add(label upgrade.NoteLabelName, share float64, why string) {
	l := found[label]
	if l == nil {
		l = &upgrade.NoteLabel{Name: label}
		found[label] = l
	}
	l.Confidence = 1 - (1-l.Confidence)*(1-share)
	l.Why = append(l.Why, why)
}

// byCues labels a text in lower case by its phrases alone.
func byCues(lower string) labels {
	found := labels{}
	for _, c := range cues {
		if c.in(lower) {
			found.add(c.label, c.share, c.why)
		}
	}
	for _, d := range doubts {
		concerns := slices.ContainsFunc(d.labels, func(n upgrade.NoteLabelName) bool { return found[n] != nil })
		if concerns && d.match.MatchString(lower) {
			for _, label := range d.labels {
				weaken(found[label], d.factor)
			}
		}
	}
	return found
}

func weaken(l *upgrade.NoteLabel, factor float64) {
	if l != nil {
		l.Confidence *= factor
	}
}

func (c cue) in(lower string) bool {
	return slices.ContainsFunc(c.any, func(s string) bool { return strings.Contains(lower, s) }) && c.match.MatchString(lower)
}

// credits cuts what stands behind an entry's text in a changelog, "(#134298,
// @kannon92) [SIG Node]", and reads the SIGs there unless they are known.
func credits(text string, known []string) (string, []string) {
	bare := creditPattern.ReplaceAllString(text, "")
	if known == nil {
		known = sigs(text[len(bare):])
	}
	return bare, known
}
