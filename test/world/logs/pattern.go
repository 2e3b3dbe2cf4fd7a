package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// matcher tells whether a message matches.
type matcher func(message string) bool

// parsePattern understands the filter patterns of text (terms, "phrases",
// -excluded, ?optional, %regular expressions%) and of JSON ({ $.a = "x" && ... }).
// Patterns for space-delimited text ([a, b]) are not simulated: they are errors.
// Source: "Filter pattern syntax" of the CloudWatch Logs user guide.
func parsePattern(pattern string) (matcher, error) {
	p := strings.TrimSpace(pattern)
	switch {
	case p == "":
		return func(string) bool { return true }, nil
	case strings.HasPrefix(p, "["):
		return nil, errors.New("patterns for space-delimited events are not simulated")
	case strings.HasPrefix(p, "{"):
		if !strings.HasSuffix(p, "}") {
			return nil, errors.New("a JSON pattern must end with }")
		}
		return parseJSONPattern(p[1 : len(p)-1])
	}
	return parseTerms(p)
}

func parseTerms(p string) (matcher, error) {
	var all, none, optional []matcher
	for p != "" {
		set := &all
		switch p[0] {
		case '-':
			set, p = &none, p[1:]
		case '?':
			set, p = &optional, p[1:]
		}
		if p == "" || unicode.IsSpace(rune(p[0])) {
			return nil, errors.New("a term is missing")
		}
		var m matcher
		var err error
		if m, p, err = parseTerm(p); err != nil {
			return nil, err
		}
		*set = append(*set, m)
		p = strings.TrimSpace(p)
	}
	return func(message string) bool {
		for _, m := range none {
			if m(message) {
				return false
			}
		}
		for _, m := range all {
			if !m(message) {
				return false
			}
		}
		// Beside required terms, optional ones do not count.
		if len(all) > 0 || len(optional) == 0 {
			return true
		}
		for _, m := range optional {
			if m(message) {
				return true
			}
		}
		return false
	}, nil
}

func parseTerm(p string) (matcher, string, error) {
	switch p[0] {
	case '"':
		text, rest, err := quoted(p)
		return func(message string) bool { return strings.Contains(message, text) }, rest, err
	case '%':
		end := strings.IndexByte(p[1:], '%')
		if end < 0 {
			return nil, "", errors.New("a regular expression must end with %")
		}
		re, err := regexp.Compile(p[1 : end+1])
		if err != nil {
			return nil, "", err
		}
		return re.MatchString, p[end+2:], nil
	}
	text, rest, _ := strings.Cut(p, " ")
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			return nil, "", fmt.Errorf("the term %s must be quoted: it has other characters than letters, digits and _", text)
		}
	}
	return func(message string) bool { return strings.Contains(message, text) }, rest, nil
}

// quoted reads a string in double quotes; a backslash escapes.
func quoted(p string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			b.WriteByte(p[i])
		case p[i] == '"':
			return b.String(), p[i+1:], nil
		default:
			b.WriteByte(p[i])
		}
	}
	return "", "", errors.New("a phrase must end with a quote")
}

// condition is a test on a decoded JSON event.
type condition func(event any) bool

func parseJSONPattern(text string) (matcher, error) {
	p := &jsonPattern{rest: text}
	c, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	return func(message string) bool {
		d := json.NewDecoder(strings.NewReader(message))
		d.UseNumber()
		var event any
		return d.Decode(&event) == nil && c(event)
	}, nil
}

type jsonPattern struct{ rest string }

func (p *jsonPattern) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

func (p *jsonPattern) take(token string) bool {
	p.space()
	after, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = after
	}
	return ok
}

const maxNesting = 20

func (p *jsonPattern) or(depth int) (condition, error) {
	left, err := p.and(depth)
	for err == nil && p.take("||") {
		a := left
		var b condition
		b, err = p.and(depth)
		left = func(e any) bool { return a(e) || b(e) }
	}
	return left, err
}

func (p *jsonPattern) and(depth int) (condition, error) {
	left, err := p.test(depth)
	for err == nil && p.take("&&") {
		a := left
		var b condition
		b, err = p.test(depth)
		left = func(e any) bool { return a(e) && b(e) }
	}
	return left, err
}

var selectors = regexp.MustCompile(`^\$((?:\.[A-Za-z0-9_-]+|\["[^"]*"\]|\[\d+\])+)`)

func (p *jsonPattern) test(depth int) (condition, error) {
	if depth > maxNesting {
		return nil, errors.New("too many parentheses")
	}
	if p.take("(") {
		c, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a ) is missing")
		}
		return c, err
	}
	p.space()
	m := selectors.FindStringSubmatch(p.rest)
	if m == nil {
		return nil, fmt.Errorf("a selector like $.member is missing at %q", p.rest)
	}
	p.rest = p.rest[len(m[0]):]
	path := pathOf(m[1])
	compare, err := p.comparison()
	if err != nil {
		return nil, err
	}
	return func(e any) bool {
		v, ok := lookUp(e, path)
		return compare(v, ok)
	}, nil
}

var pathSteps = regexp.MustCompile(`\.([A-Za-z0-9_-]+)|\["([^"]*)"\]|\[(\d+)\]`)

// pathOf returns member names, as strings, and indexes, as ints.
func pathOf(text string) (path []any) {
	for _, m := range pathSteps.FindAllStringSubmatch(text, -1) {
		if m[3] != "" {
			n, err := strconv.Atoi(m[3])
			if err != nil {
				n = -1 // beyond every array
			}
			path = append(path, n)
			continue
		}
		path = append(path, m[1]+m[2])
	}
	return path
}

func lookUp(v any, path []any) (any, bool) {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[step]; !ok {
				return nil, false
			}
		case int:
			l, ok := v.([]any)
			if !ok || step < 0 || step >= len(l) {
				return nil, false
			}
			v = l[step]
		}
	}
	return v, true
}

// comparison reads an operator with its operand.
func (p *jsonPattern) comparison() (func(v any, exists bool) bool, error) {
	for _, word := range []struct {
		text string
		test func(v any, exists bool) bool
	}{
		{"IS NULL", func(v any, ok bool) bool { return ok && v == nil }},
		{"IS TRUE", func(v any, ok bool) bool { return v == true }},
		{"IS FALSE", func(v any, ok bool) bool { return v == false }},
		{"NOT EXISTS", func(_ any, ok bool) bool { return !ok }},
		{"EXISTS", func(_ any, ok bool) bool { return ok }},
	} {
		if p.take(word.text) {
			return word.test, nil
		}
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if p.take(op) {
			return p.operand(op)
		}
	}
	return nil, fmt.Errorf("an operator is missing at %q", p.rest)
}

var bareOperand = regexp.MustCompile(`^[^\s()&|"]+`)

func (p *jsonPattern) operand(op string) (func(v any, exists bool) bool, error) {
	p.space()
	var text string
	quotedText := strings.HasPrefix(p.rest, `"`)
	if quotedText {
		var err error
		if text, p.rest, err = quoted(p.rest); err != nil {
			return nil, err
		}
	} else {
		text = bareOperand.FindString(p.rest)
		if text == "" {
			return nil, fmt.Errorf("a value is missing after %s", op)
		}
		p.rest = p.rest[len(text):]
	}
	number, err := strconv.ParseFloat(text, 64)
	if !quotedText && err == nil {
		return func(v any, _ bool) bool {
			n, ok := v.(json.Number)
			if !ok {
				return op == "!="
			}
			f, err := n.Float64()
			return err == nil && compareNumbers(op, f, number)
		}, nil
	}
	if op != "=" && op != "!=" {
		return nil, fmt.Errorf("%s compares numbers, not %q", op, text)
	}
	like := wildcard(text)
	return func(v any, _ bool) bool {
		s, ok := v.(string)
		return (ok && like.MatchString(s)) == (op == "=")
	}, nil
}

func compareNumbers(op string, a, b float64) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "<=":
		return a <= b
	}
	return a >= b
}

// wildcard matches text in which * stands for anything.
func wildcard(text string) *regexp.Regexp {
	return regexp.MustCompile("^(?s:" + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*") + ")$")
}
