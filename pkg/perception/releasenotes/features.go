package releasenotes

import (
	"regexp"
	"slices"
	"strings"
)

// A feature is something that a text has or has not. Its name is what people
// read in the snapshot: `"deprecated"`, `begins with "remove"`, "names an API
// group", "of SIG Auth".
//
// features returns those of a text, each once, sorted. sigs are the special
// interest groups of the entry; nil: not known. Their number is a feature, so
// that the model tells a text alone from a published entry.
func features(text string, sigs []string) []string {
	text, lower := readable(text)
	var out []string
	for _, c := range cues {
		if c.in(lower) {
			out = append(out, c.why)
		}
	}
	for _, d := range doubts {
		if d.match.MatchString(lower) {
			out = append(out, d.why)
		}
	}
	for _, s := range shapes {
		if s.match.MatchString(text) {
			out = append(out, s.why)
		}
	}
	words := stems(lower)
	for i, w := range words {
		if i == 0 {
			out = append(out, "begins with "+quoted(w))
		}
		if len(w) > 1 && !slices.Contains(filler, w) {
			out = append(out, quoted(w))
		}
		if i > 0 {
			out = append(out, quoted(words[i-1]+" "+w))
		}
	}
	switch n := len(words); {
	case n < 12:
		out = append(out, "is short")
	case n > 50:
		out = append(out, "is long")
	}
	for _, s := range sigs {
		out = append(out, "of SIG "+strings.ReplaceAll(strings.ToLower(s), " ", "-"))
	}
	switch {
	case len(sigs) > 4:
		out = append(out, "of many SIGs", "of several SIGs")
	case len(sigs) > 2:
		out = append(out, "of several SIGs")
	case sigs != nil:
		out = append(out, "of few SIGs")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func quoted(s string) string { return `"` + s + `"` }

// readable bounds a text, and returns it in lower case too.
func readable(text string) (string, string) {
	if len(text) > readForLabels {
		text = text[:readForLabels]
	}
	return text, strings.ToLower(text)
}

// shapes are kinds of names that stand in a text; only their letters' case and
// signs tell them from words.
var shapes = []struct {
	why   string
	match *regexp.Regexp
}{
	{"names a path of fields", regexp.MustCompile(`\b\.?(spec|status|metadata|template)\.[a-z][A-Za-z]+|\b[a-z]+[A-Za-z]*(\[\]|\[\*\])?\.[a-z]+[A-Z][A-Za-z]*`)},
	{"names a Go type or its field", regexp.MustCompile(`\b[A-Z][A-Za-z]+\.[A-Z][A-Za-z]+\b`)},
	{"names something likeThis", regexp.MustCompile(`\b[a-z]{2,}[A-Z][A-Za-z]+\b`)},
	{"names something LikeThis", regexp.MustCompile(`\b[A-Z][a-z]+([A-Z]+[a-z]+)+[A-Z]*\b`)},
	{"names a list of types LikeThis", regexp.MustCompile(`(?s)\b([A-Z][a-z]+){2,}\b.*\b([A-Z][a-z]+){2,}\b.*\b([A-Z][a-z]+){2,}\b`)},
	{"names an API of a group and version", regexp.MustCompile(`\b[a-z0-9.-]+/v[0-9]+((alpha|beta)[0-9]+)?\b`)},
	{"names an alpha or beta version", regexp.MustCompile(`\bv[0-9]+(alpha|beta)[0-9]+\b`)},
	{"names a group of k8s.io", regexp.MustCompile(`\b[a-z]+\.k8s\.io\b`)},
	{"names a package of Go", regexp.MustCompile(`\bk8s\.io/[a-z]|\b[a-z]+\.[A-Z][A-Za-z]+\b`)},
	{"names a flag", regexp.MustCompile(`(^|[^a-z-])--[a-z][a-z-]+`)},
	{"names a metric", regexp.MustCompile(`\b[a-z]+(_[a-z]+){2,}\b`)},
	{"names a feature gate", regexp.MustCompile(`(?i)\bfeature[- ]?gates?\b`)},
	{"names an enhancement", regexp.MustCompile(`(?i)\bKEP\b|/enhancements/`)},
	{"names a release of Kubernetes", regexp.MustCompile(`\bv?1\.[0-9]{2}\b`)},
	{"names a pull request or issue", regexp.MustCompile(`#[0-9]{4,}|/(issues|pull)/`)},
	{"begins with the name of a component", regexp.MustCompile(`(?i)^['"*\[]*(kube-?[a-z-]+|client-go|kubectl|windows|dra|cel|api ?server)[a-z -]*['"*\]]*:`)},
}

// filler are words that stand in every text.
var filler = strings.Fields("the a an of to in for and or is are was were be been it its this that with on by as at from not now when if which will has have had can")

var wordPattern = regexp.MustCompile(`[a-z][a-z0-9]*(-[a-z0-9]+)*`)

const maxWords = 400

// stems returns the words of a text without their endings, which tell
// "deprecates" from "deprecated" and nothing else.
func stems(lower string) []string {
	words := wordPattern.FindAllString(lower, maxWords)
	for i, w := range words {
		words[i] = stem(w)
	}
	return words
}

func stem(w string) string {
	for _, ending := range []string{"ing", "ed", "es", "e", "s"} {
		if short, ok := strings.CutSuffix(w, ending); ok && len(short) >= 3 && !strings.HasSuffix(short, "s") {
			if n := len(short); ending != "s" && n > 3 && short[n-1] == short[n-2] { // dropped: drop
				short = short[:n-1]
			}
			return short
		}
	}
	return w
}
