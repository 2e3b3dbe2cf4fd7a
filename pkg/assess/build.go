package assess

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// schemaVersion is the version of the document's format. It changes when
// something goes away or changes its meaning.
const schemaVersion = "1"

// Selection chooses checks and findings.
type Selection struct {
	Checks     []string // only these; empty: all
	Skip       []string
	Namespaces []string // only findings of these, and of what has no namespace; empty: all
}

// Validate checks that the catalogue has the checks; the error names the flag.
func (s Selection) Validate() error {
	catalogue := checks.All()
	for flag, ids := range map[string][]string{"--check": s.Checks, "--skip": s.Skip} {
		for _, id := range ids {
			if !slices.ContainsFunc(catalogue, func(c checks.Check) bool { return c.ID == id }) {
				return upgrade.KindInvalidInput.Field("", flag, fmt.Sprintf("there is no check %q", id), "see eks-upgrade checks"+nearest(id, catalogue))
			}
		}
	}
	return nil
}

// nearest proposes a check whose id begins or ends like a wrong one.
func nearest(id string, catalogue []checks.Check) string {
	for _, c := range catalogue {
		if len(id) > 2 && (strings.Contains(c.ID, id) || strings.Contains(id, c.ID)) {
			return "; perhaps " + c.ID
		}
	}
	return ""
}

func (s Selection) wants(id string) bool {
	return (len(s.Checks) == 0 || slices.Contains(s.Checks, id)) && !slices.Contains(s.Skip, id)
}

func (s Selection) filters() *Filters {
	if len(s.Checks)+len(s.Skip)+len(s.Namespaces) == 0 {
		return nil
	}
	return &Filters{Checks: s.Checks, Skipped: s.Skip, Namespaces: s.Namespaces}
}

// build judges the view and writes the document. Sources and Manifests are left
// to the caller.
func build(v checks.View, s Selection, locate func(upgrade.ObjectRef) *Location) Document {
	catalogue := map[string]checks.Check{}
	for _, c := range checks.All() {
		catalogue[c.ID] = c
	}
	result := checks.Run(v)
	d := Document{Schema: schemaVersion, Cluster: v.Request.Cluster, Target: v.Request.Target, Strategy: v.Request.Strategy, MadeAt: upgrade.At(v.Now),
		Filters: s.filters(), Findings: []Finding{}, NotChecked: []Unseen{}, Drain: result.Drain, Outside: outside(result.Outside), Inside: inside(v.Kubernetes, s)}
	d.From, _ = v.From()

	a := upgrade.Assessment{Findings: []upgrade.Finding{}}
	for _, f := range result.Findings {
		switch {
		case !s.wants(f.Check):
		case f.Object != nil && f.Object.Namespace != "" && len(s.Namespaces) > 0 && !slices.Contains(s.Namespaces, f.Object.Namespace):
			d.Filters.LeftOut++
		default:
			a.Findings = append(a.Findings, f)
		}
	}
	for _, o := range result.Outcomes {
		c := catalogue[o.Check]
		if !s.wants(o.Check) {
			o = upgrade.CheckOutcome{Check: o.Check, Status: upgrade.CheckNotChecked, Why: "left out on request"}
		} else if said := unsaid(s, o, c); said != nil {
			a.Findings = append(a.Findings, *said)
			o.Findings = 1
		}
		d.Checks = append(d.Checks, Outcome{CheckOutcome: o, Family: c.Family, Title: c.Title, Severity: c.Severity, Blocks: c.Blocks})
	}
	a.Judge()
	d.Decision, d.Reason = a.Decision, a.Reason+d.Filters.text()
	for _, f := range a.Findings {
		one := Finding{Finding: f, Family: catalogue[f.Check].Family, Fingerprint: fingerprint(f)}
		if f.Object != nil {
			one.Location = locate(*f.Object)
		}
		d.Findings = append(d.Findings, one)
	}
	for _, snapshot := range v.Snapshots {
		for _, n := range snapshot.NotChecked {
			d.NotChecked = append(d.NotChecked, Unseen{Source: snapshot.Source, NotChecked: n})
		}
	}
	d.Counts = count(d)
	return d
}

// unsaid makes a finding of a check that was asked for by name and could not be
// made: without the findings of perception, which were not asked for, nothing
// else would say so, and no data is no pass.
func unsaid(s Selection, o upgrade.CheckOutcome, c checks.Check) *upgrade.Finding {
	if len(s.Checks) == 0 || o.Status != upgrade.CheckNotChecked || o.Findings > 0 {
		return nil
	}
	return &upgrade.Finding{Check: c.ID, Title: c.Title, Severity: upgrade.High, NotChecked: true, Source: c.Source,
		Evidence: "the check could not be made; " + o.Why, Remedy: "let it see what it needs: eks-upgrade checks " + c.ID}
}

func (f *Filters) text() string {
	if f == nil {
		return ""
	}
	var parts []string
	if len(f.Checks) > 0 {
		parts = append(parts, "only "+strings.Join(f.Checks, ", "))
	}
	if len(f.Skipped) > 0 {
		parts = append(parts, "without "+strings.Join(f.Skipped, ", "))
	}
	if len(f.Namespaces) > 0 {
		parts = append(parts, fmt.Sprintf("only namespace %s (%d findings elsewhere are left out)", strings.Join(f.Namespaces, ", "), f.LeftOut))
	}
	return "; on request: " + strings.Join(parts, ", ")
}

func count(d Document) Counts {
	c := Counts{Findings: len(d.Findings), BySeverity: map[upgrade.Severity]int{}}
	for _, s := range Severities() {
		c.BySeverity[s] = 0
	}
	for _, f := range d.Findings {
		if f.silenced() {
			c.Suppressed++
			continue
		}
		c.BySeverity[f.Severity]++
		switch {
		case f.Blocks:
			c.Blocking++
		case f.Serious():
			c.Judgement++
		}
	}
	for _, o := range d.Checks {
		switch o.Status {
		case upgrade.CheckPassed:
			c.Passed++
		case upgrade.CheckFound:
			c.Found++
		default:
			c.NotChecked++
		}
	}
	return c
}

var (
	numbers = regexp.MustCompile(`[0-9]+`)
	quotes  = regexp.MustCompile(`\s+`)
)

// fingerprint names a finding by its check and its object, without the version
// of the API that it was read through. A finding about the cluster as a whole is
// named by its evidence without the numbers, which change from run to run.
func fingerprint(f upgrade.Finding) string {
	what := quotes.ReplaceAllString(numbers.ReplaceAllString(f.Evidence, "#"), " ")
	if f.Object != nil {
		group, _, found := strings.Cut(f.Object.APIVersion, "/")
		what = strings.Join([]string{cmp.Or(map[bool]string{true: group}[found], "core"), f.Object.Kind, f.Object.Namespace, f.Object.Name}, "|")
	}
	sum := sha256.Sum256([]byte(f.Check + "|" + what))
	return hex.EncodeToString(sum[:])[:32]
}
