package answer

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// pageScript takes the token out of the link's fragment. Without it people
// paste the token.
//
//go:embed page.js
var pageScript string

// pageTemplate is parsed when a page is asked for: most answers are JSON, and
// the function starts faster.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"line": line, "words": words, "object": object, "bake": bake, "add": func(a, b int) int { return a + b }}).Parse(pageText))
})

// pagePolicy lets a browser use nothing but the page itself: its style and its
// script by their hashes, and the form towards where it came from.
var pagePolicy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", hash(pageStyle), hash(pageScript))

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// maxPageFindings is how many findings a page shows.
const maxPageFindings = 200

// view is what a page shows: one of its parts.
type view struct {
	Style    template.CSS
	Script   template.JS
	Title    string
	By       string
	Question *Question
	More     int // findings that are not shown
	Receipt  *Receipt
	Problem  *ProblemDetail
}

func questionPage(q Question, by string) view {
	more := q.Omitted + max(0, len(q.Assessment.Findings)-maxPageFindings)
	q.Assessment.Findings = q.Assessment.Findings[:min(len(q.Assessment.Findings), maxPageFindings)]
	return view{Title: fmt.Sprintf("Upgrade %s from %s to %s?", q.Plan.Cluster, q.Plan.From, q.Plan.Target), By: by, Question: &q, More: more}
}

func receiptPage(r Receipt) view {
	return view{Title: "The upgrade was " + verb(r.Approved), Receipt: &r}
}

func problemPage(p ProblemDetail) view { return view{Title: "This did not work", Problem: &p} }

func (v view) html() (string, error) {
	v.Style, v.Script, v.Title = template.CSS(pageStyle), template.JS(pageScript), line(v.Title) //nolint:gosec // our own, embedded
	var b strings.Builder
	err := pageTemplate().Execute(&b, v)
	return b.String(), err
}

// line makes one harmless line of a text that is not trusted. Escaping is the
// template's.
func line(text string) string { return progress.Clean(logging.Line(text, maxLine)) }

func words(v any) string { return progress.Words(fmt.Sprint(v)) }

func object(o *upgrade.ObjectRef) string {
	if o == nil {
		return ""
	}
	return line(o.String())
}

func bake(d upgrade.Duration) string {
	if d <= 0 {
		return ""
	}
	return progress.Span(d.D())
}
