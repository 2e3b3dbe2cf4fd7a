package asl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"
)

// path is a JSONPath as AWS writes it: $ (input), $$ (context object) or
// $name (variable), then segments. Leading segments that name one member or
// one element are followed here: it is what most paths consist of, and it
// allows names with hyphens ($.delivery-partner), which AWS's Jayway does and
// RFC 9535 does not. The rest (wildcards, slices, unions, filters, ..) is left
// to github.com/theory/jsonpath, because it reads json.Number and can order
// its results; ohler55/ojg does neither (it walks maps in random order).
type path struct {
	src      string
	context  bool   // $$
	variable string // $name
	segments []segment
	query    *jsonpath.Path // nil: the path is definite and names one value
	sorted   bool           // the query walks objects: order its results
}

type segment struct {
	name  string
	index int
	array bool
}

func (s segment) String() string {
	if s.array {
		return fmt.Sprintf("[%d]", s.index)
	}
	return "['" + s.name + "']"
}

var errNotFound = errors.New("no such value")

// isPath reports whether AWS would read s as a path (and not as an intrinsic).
func isPath(s string) bool { return strings.HasPrefix(s, "$") }

func parsePath(src string) (*path, error) {
	p := &path{src: src}
	rest, ok := strings.CutPrefix(src, "$")
	if !ok {
		return nil, fmt.Errorf("path %q must begin with $", src)
	}
	if strings.HasPrefix(rest, "$") {
		p.context, rest = true, rest[1:]
	} else if n := nameLength(rest, false); n > 0 {
		p.variable, rest = rest[:n], rest[n:]
	}
	for rest != "" {
		seg, after, err := parseSegment(rest)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", src, err)
		}
		if seg == nil {
			q, err := jsonpath.Parse("$" + bracketed(rest))
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", src, err)
			}
			p.query, p.sorted = q, strings.ContainsAny(rest, "*?") || strings.Contains(rest, "..")
			return p, nil
		}
		p.segments = append(p.segments, *seg)
		rest = after
	}
	return p, nil
}

// parseSegment reads one definite segment; nil means that s begins with
// something else.
func parseSegment(s string) (*segment, string, error) {
	switch {
	case strings.HasPrefix(s, ".."), strings.HasPrefix(s, ".*"):
		return nil, s, nil
	case s[0] == '.':
		n := nameLength(s[1:], true)
		if n == 0 {
			return nil, s, errors.New("a name is missing after the dot")
		}
		return &segment{name: s[1 : 1+n]}, s[1+n:], nil
	case s[0] != '[':
		return nil, s, fmt.Errorf("unexpected %q", s)
	}
	inner := strings.TrimLeft(s[1:], " ")
	if inner == "" {
		return nil, s, errors.New("unclosed [")
	}
	if q := inner[0]; q == '\'' || q == '"' {
		end := closingQuote(inner)
		if end < 0 {
			return nil, s, errors.New("unclosed quote")
		}
		after := strings.TrimLeft(inner[end+1:], " ")
		if !strings.HasPrefix(after, "]") {
			return nil, s, nil // a union
		}
		name := inner[1:end]
		name = strings.ReplaceAll(name, `\`+string(q), string(q))
		return &segment{name: name}, after[1:], nil
	}
	end := strings.IndexByte(inner, ']')
	if end < 0 {
		return nil, s, errors.New("unclosed [")
	}
	index, err := strconv.Atoi(strings.TrimSpace(inner[:end]))
	if err != nil {
		return nil, s, nil
	}
	return &segment{index: index, array: true}, inner[end+1:], nil
}

func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i
		}
	}
	return -1
}

// nameLength is the length of the name that s begins with. Members may
// contain hyphens, variables may not.
func nameLength(s string, hyphen bool) int {
	for i, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127:
		case r >= '0' && r <= '9' && (i > 0 || hyphen):
		case r == '-' && hyphen:
		default:
			return i
		}
	}
	return len(s)
}

// bracketed rewrites .a-b as ['a-b'] outside of brackets.
func bracketed(s string) string {
	var out strings.Builder
	depth := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\'' || c == '"':
			if end := closingQuote(s[i:]); end > 0 {
				out.WriteString(s[i : i+end+1])
				i += end + 1
				continue
			}
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '.' && depth == 0 && i+1 < len(s):
			if n := nameLength(s[i+1:], true); n > 0 && strings.Contains(s[i+1:i+1+n], "-") {
				if i > 0 && s[i-1] == '.' { // ..a-b
					out.WriteByte('.')
				}
				out.WriteString("['" + s[i+1:i+1+n] + "']")
				i += 1 + n
				continue
			}
		}
		out.WriteByte(s[i])
		i++
	}
	return out.String()
}

// reference reports whether the path can be written to: $ and definite
// segments only.
func (p *path) reference() bool {
	return p.query == nil && !p.context && p.variable == ""
}

// eval finds the value below root. errNotFound means that a definite path
// leads nowhere; an indefinite path gives an array, perhaps an empty one.
func (p *path) eval(root any) (any, error) {
	v := root
	for _, s := range p.segments {
		if s.array {
			a, ok := v.([]any)
			i := s.index
			if i < 0 {
				i += len(a)
			}
			if !ok || i < 0 || i >= len(a) {
				return nil, errNotFound
			}
			v = a[i]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errNotFound
		}
		if v, ok = m[s.name]; !ok {
			return nil, errNotFound
		}
	}
	if p.query == nil {
		return v, nil
	}
	if !p.sorted {
		return append([]any{}, p.query.Select(v)...), nil
	}
	located := p.query.SelectLocated(v)
	located.Sort()
	out := make([]any, 0, len(located))
	for _, n := range located {
		out = append(out, n.Node)
	}
	return out, nil
}

// insert returns root with v at the path (ResultPath). What is on the way and
// not an object is replaced by one, as AWS does; root itself is not changed.
func (p *path) insert(root, v any) (any, error) { return insertAt(root, p.segments, v) }

func insertAt(at any, segments []segment, v any) (any, error) {
	if len(segments) == 0 {
		return v, nil
	}
	s := segments[0]
	if s.array {
		a, ok := at.([]any)
		if !ok || s.index < 0 || s.index >= len(a) {
			return nil, fmt.Errorf("there is no element %d", s.index)
		}
		w, err := insertAt(a[s.index], segments[1:], v)
		if err != nil {
			return nil, err
		}
		out := append([]any(nil), a...)
		out[s.index] = w
		return out, nil
	}
	m, ok := at.(map[string]any)
	if !ok && at != nil {
		return nil, fmt.Errorf("%s is not in an object but in a %s", s, typeName(at))
	}
	w, err := insertAt(m[s.name], segments[1:], v)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(m)+1)
	for k, e := range m {
		out[k] = e
	}
	out[s.name] = w
	return out, nil
}
