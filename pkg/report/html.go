package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"duration": durationText, "number": number, "stepTook": stepTook, "outcome": outcomeText, "words": words,
	"severity": severityText, "statusMark": statusMark, "criterion": criterionText, "link": safeLink, "count": countText,
	"odd": func(i int) bool { return i%2 == 1 },
}).Parse(pageText))

// page is what the template shows.
type page struct {
	Data
	Style     template.CSS
	StyleHash string
	Title     string
	Facts     []fact
	Cards     []card
	Gantt     []ganttRow
	Ticks     []tick
	Charts    []chart
	Points    []Point
	Findings  FindingCount
	Steps     []stepView
	Services  []serviceView
	Refused   int
	span      span
}

// card is a figure that matters most.
type card struct{ Name, Value, Note, Class string }

type stepView struct {
	upgrade.StepRecord
	Status upgrade.Status
	Why    string
}

// serviceView is one AWS service that was called. Index picks the style rule of
// its filter, which is why there are at most maxServices.
type serviceView struct {
	Name  string
	Index int
	Calls int
}

// maxServices is how many filters page.css has rules for.
const maxServices = 12

// HTML writes the report as one page that needs nothing else: no script, no
// font, no picture from anywhere. Its content security policy says so too.
func HTML(w io.Writer, d Data) error {
	d = cleaned(d)
	s := newSpan(d)
	hash := sha256.Sum256([]byte(pageStyle))
	p := page{Data: d, Style: template.CSS(pageStyle), StyleHash: base64.StdEncoding.EncodeToString(hash[:]),
		Title: fmt.Sprintf("Upgrade of %s to %s: %s", d.Result.Cluster, d.Result.Target, outcomeText(d.Result.Outcome)),
		Facts: facts(d), Cards: cards(d), Gantt: gantt(d.Timeline, s), Ticks: s.ticks(), Charts: charts(d, s), Points: thin(d.Series), span: s}
	for _, r := range d.Result.Steps {
		status, why := verdictOf(r)
		p.Steps = append(p.Steps, stepView{r, status, why})
	}
	if a := d.Result.Assessment; a != nil {
		p.Findings = countFindings(a.Findings)
	}
	p.countCalls()
	return pageTemplate.Execute(w, p)
}

// At writes an instant, with its date when that is not the upgrade's only one.
func (p page) At(t upgrade.Time) string {
	if t.IsZero() {
		return "-"
	}
	const day = "2006-01-02"
	if first := p.span.start.Format(day); t.UTC().Format(day) != first || p.span.end.Format(day) != first {
		return t.UTC().Format("2 Jan 15:04:05")
	}
	return t.UTC().Format("15:04:05")
}

func (p *page) countCalls() {
	counts := map[string]int{}
	for _, c := range p.Calls {
		counts[c.Service]++
		if c.Error != "" {
			p.Refused++
		}
	}
	for i, name := range slices.Sorted(maps.Keys(counts)) {
		if i == maxServices {
			break
		}
		p.Services = append(p.Services, serviceView{Name: name, Index: i, Calls: counts[name]})
	}
}

// CallClass says which filters show a call.
func (p page) CallClass(c Call) string {
	class := "call"
	if c.Error != "" {
		class += " refused"
	}
	for _, s := range p.Services {
		if s.Name == c.Service {
			class += fmt.Sprintf(" s%d", s.Index)
		}
	}
	return class
}

func cards(d Data) []card {
	passed := 0
	for _, r := range d.Result.Steps {
		if status, _ := verdictOf(r); status == upgrade.Pass {
			passed++
		}
	}
	requests := card{Name: "Failed requests", Value: number(d.Requests.Failed), Note: "of " + number(d.Requests.Total), Class: "good"}
	switch {
	case d.Requests.Total == 0:
		requests = card{Name: "Failed requests", Value: "unknown", Note: "none were sent", Class: "warn"}
	case d.Requests.Failed > 0:
		requests.Class, requests.Note = "bad", requests.Note+", "+percent(d.Requests.Failed, d.Requests.Total)
	}
	steps := card{Name: "Steps verified", Value: fmt.Sprintf("%d of %d", passed, len(d.Result.Steps)), Note: "that were started", Class: "good"}
	switch {
	case len(d.Result.Steps) == 0:
		steps = card{steps.Name, "none", "is recorded", "warn"}
	case passed < len(d.Result.Steps):
		steps.Class = "warn"
	}
	traffic := card{Name: "Traffic at the end", Value: "unknown", Note: "the weights could not be read", Class: "warn"}
	if w := d.Result.Weights; w != nil {
		switch {
		case w.Blue == 100:
			traffic = card{traffic.Name, "all on blue", d.Result.Cluster, ""}
		case w.Green == 100:
			traffic = card{traffic.Name, "all on green", d.Result.Green, ""}
		default:
			traffic = card{traffic.Name, fmt.Sprintf("%d / %d", w.Blue, w.Green), "blue / green, in percent", "warn"}
		}
	}
	invariants := card{Name: "Invariants", Value: "held", Note: "checked after every call", Class: "good"}
	if n := len(d.Invariants); n > 0 {
		invariants = card{"Invariants", fmt.Sprintf("%d broken", n), "see above", "bad"}
	}
	took := card{Name: "Took", Value: "unknown", Note: "", Class: ""}
	if r := d.Result; !r.StartedAt.IsZero() && !r.EndedAt.IsZero() {
		took.Value = durationText(r.EndedAt.Sub(r.StartedAt.Time))
	}
	if d.Speed > 0 && d.Real > 0 {
		took.Note = "simulated; " + durationText(d.Real) + " in reality"
	}
	all := []card{requests, traffic, steps, took}
	if d.Speed > 0 { // only a rehearsal checks them
		all = append(all, invariants)
	}
	return all
}

// words writes values of the domain, which are strings of several types.
func words(value any) string { return progress.Words(fmt.Sprint(value)) }

func countText(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// criterionText says what a criterion verifies.
func criterionText(c upgrade.Criterion) string {
	s := string(c.Kind)
	if c.Cluster != "" {
		s += " of " + c.Cluster
	}
	var more []string
	if c.Version != (upgrade.Version{}) {
		more = append(more, c.Version.String())
	}
	if c.Kind == upgrade.ErrorRate {
		more = append(more, fmt.Sprintf("at most %.3g %% of at least %d requests in %s", 100*c.MaxErrorRate, c.MinRequests, c.Window))
	}
	if c.Kind == upgrade.WeightsHold {
		more = append(more, c.Weights.String())
	}
	if c.Like != "" {
		more = append(more, "all that "+c.Like+" has")
	}
	if len(more) > 0 {
		s += " (" + strings.Join(more, ", ") + ")"
	}
	return s
}

// safeLink returns s when it is an https address that may be linked to, "" when
// it is not.
func safeLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
