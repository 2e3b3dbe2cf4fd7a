package render

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/assess"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/drain"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"store": storeText, "drainSummary": func(f *upgrade.DrainForecast) string { return drain.Summary(*f) }, "drainHeader": drain.Header, "drainRows": func(f *upgrade.DrainForecast) [][]string { return drain.Rows(*f, stepsOnPage) },
	"uses": usesText, "join": strings.Join,
	"decision": decisionText, "object": objectText, "objectOf": func(o upgrade.ObjectRef) string { return objectText(&o) }, "location": locationText, "link": safeLink, "sum": func(f []assess.Finding) int { return len(f) },
	"of": func(g pageGroup, f assess.Finding) pageFinding { return pageFinding{g, f} },
	"statusText": func(s upgrade.CheckStatus) string {
		return map[upgrade.CheckStatus]string{upgrade.CheckPassed: "passed", upgrade.CheckFound: "found"}[s]
	},
}).Parse(pageText))

// page is what the template shows.
type page struct {
	assess.Document
	Style         template.CSS
	StyleHash     string
	Title         string
	Subject       string
	Sections      []pageSection
	Families      []checks.Family // that have findings
	Outcomes      []pageFamily
	SeverityCount []severityCount
}

type pageSection struct {
	ID, Name, Hint string
	Count          int
	Groups         []pageGroup
}

type pageGroup struct {
	ID, Check, Title, Source, Page string
	Family                         checks.Family
	Severity                       upgrade.Severity
	Evidence, Remedy               string // the same for all findings, or empty
	First, Rest                    []assess.Finding
	Count                          int
}

// pageFinding is a finding, with the group that may say already what to do.
type pageFinding struct {
	Group   pageGroup
	Finding assess.Finding
}

type pageFamily struct {
	Name     checks.Family
	Subject  string
	Outcomes []assess.Outcome
}

type severityCount struct {
	Severity upgrade.Severity
	Count    int
}

// firstOnPage is how many findings of a check stand open on the page; the rest
// unfolds.
const firstOnPage = 8

// stepsOnPage is how many batches of a node group the page has.
const stepsOnPage = 40

// usesText says what a workload uses in the cluster: "Secrets a, b; ConfigMap c".
func usesText(d upgrade.Dependencies) string {
	var parts []string
	for _, one := range []struct {
		what  string
		names []string
	}{{"Services", d.Services}, {"ConfigMaps", d.ConfigMaps}, {"Secrets", d.Secrets}, {"SecretProviderClasses", d.SecretClasses}, {"hosts", d.Hosts}, {"autoscalers", d.Autoscalers}, {"disruption budgets", d.Budgets}} {
		if len(one.names) > 0 {
			parts = append(parts, one.what+": "+strings.Join(one.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// HTML writes the assessment as one page that needs nothing else: no script, no
// font, no picture from anywhere. Its content security policy says so too.
// Filters are made of form controls and styles, so they work without scripts.
func HTML(w io.Writer, d assess.Document) error {
	d = progress.CleanAll(d)
	p := page{Document: d, Title: fmt.Sprintf("%s: %s", subject(d), decisionText(d.Decision)), Subject: subject(d)}
	for _, s := range sections(d) {
		one := pageSection{ID: s.id, Name: s.name, Hint: s.hint, Count: s.count}
		for _, g := range s.groups {
			pg := pageGroup{ID: s.id + "-" + g.check, Check: g.check, Title: g.title, Source: g.source(), Page: g.page, Family: g.findings[0].Family, Severity: g.severity,
				Evidence: g.evidence(), Remedy: g.remedy(), First: g.findings, Count: len(g.findings)}
			if len(pg.First) > firstOnPage+1 {
				pg.First, pg.Rest = g.findings[:firstOnPage], g.findings[firstOnPage:]
			}
			one.Groups = append(one.Groups, pg)
			if !slices.Contains(p.Families, pg.Family) {
				p.Families = append(p.Families, pg.Family)
			}
		}
		p.Sections = append(p.Sections, one)
	}
	slices.SortFunc(p.Families, func(a, b checks.Family) int {
		return slices.Index(checks.Families(), a) - slices.Index(checks.Families(), b)
	})
	for _, s := range assess.Severities() {
		if n := d.Counts.BySeverity[s]; n > 0 {
			p.SeverityCount = append(p.SeverityCount, severityCount{s, n})
		}
	}
	for _, family := range checks.Families() {
		f := pageFamily{Name: family, Subject: family.Subject()}
		for _, o := range d.Checks {
			if o.Family == family {
				f.Outcomes = append(f.Outcomes, o)
			}
		}
		if len(f.Outcomes) > 0 {
			p.Outcomes = append(p.Outcomes, f)
		}
	}
	style := pageStyle + filterRules()
	hash := sha256.Sum256([]byte(style))
	p.Style, p.StyleHash = template.CSS(style), base64.StdEncoding.EncodeToString(hash[:])
	return pageTemplate.Execute(w, p)
}

// filterRules hide what a chosen filter leaves out.
func filterRules() string {
	var b strings.Builder
	for _, s := range assess.Severities() {
		fmt.Fprintf(&b, "main:has(#sev-%[1]s:checked) .group:not(.sev-%[1]s){display:none}\n", s)
	}
	for _, f := range checks.Families() {
		fmt.Fprintf(&b, "main:has(#fam-%[1]s:checked) .group:not(.fam-%[1]s){display:none}\n", f)
	}
	return b.String()
}

// safeLink lets only links to web pages through.
func safeLink(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return s
}
