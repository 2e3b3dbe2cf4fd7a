package asl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// path is a JSONPath as AWS reads it, which is as the Java library Jayway
// reads it: $ (input), $$ (context object) or $name (variable), then steps.
// Jayway differs from RFC 9535: a path that names one value gives that value
// (and not a list), names may have hyphens and more, [?()] tests an object
// itself, and there are functions (.length()).
// https://github.com/json-path/JsonPath
type path struct {
	src      string
	context  bool   // $$
	variable string // $name
	steps    []pathStep
	function string // .length() and so on, at the end
	fnArgs   []any  // its literal arguments
	definite bool   // names one value; otherwise the result is a list
}

// pathStep is one step of a path; exactly one kind of it is set.
type pathStep struct {
	names    []string // .a, ['a'], ['a','b']
	indices  []int    // [0], [-1], [0,2]
	slice    *[2]*int // [1:3], [:2], [-2:]
	wildcard bool     // .*, [*]
	scan     bool     // ..: what follows is looked for at every depth
	filter   filter   // [?()]
}

// single says that the step names one value at most.
func (s pathStep) single() bool { return len(s.names) == 1 || len(s.indices) == 1 }

// errNotFound is what notFound errors are.
var errNotFound = errors.New("no such value")

// notFound says why a path that names one value leads nowhere, in Jayway's
// words.
type notFound struct {
	why    string
	beyond bool // an index was past the end of its array
}

func (e *notFound) Error() string        { return e.why }
func (e *notFound) Is(target error) bool { return target == errNotFound }

// isPath reports whether AWS would read s as a path (and not as an intrinsic).
func isPath(s string) bool { return strings.HasPrefix(s, "$") }

func parsePath(src string) (*path, error) {
	p := &path{src: src, definite: true}
	rest, ok := strings.CutPrefix(src, "$")
	if !ok {
		return nil, errors.New("Reference path didn't start with '$'") //nolint:staticcheck // AWS's words
	}
	if strings.HasPrefix(rest, "$") {
		p.context, rest = true, rest[1:]
	} else if n := variableLength(rest); n > 0 {
		p.variable, rest = rest[:n], rest[n:]
	}
	s := &pathScanner{rest: rest}
	if err := s.path(p); err != nil {
		return nil, err
	}
	return p, nil
}

// variableLength is the length of the variable's name that s begins with.
func variableLength(s string) int {
	for i, r := range s {
		if !nameStart(r) && (i == 0 || !namePart(r)) {
			return i
		}
	}
	return len(s)
}

type pathScanner struct {
	rest  string
	open  bool // within a filter: the path ends where something else begins
	depth int  // of lists within lists
}

func (s *pathScanner) space() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

func (s *pathScanner) take(prefix string) bool {
	after, ok := strings.CutPrefix(s.rest, prefix)
	if ok {
		s.rest = after
	}
	return ok
}

// path reads steps until the end.
func (s *pathScanner) path(p *path) error {
	for s.rest != "" && p.function == "" {
		var err error
		switch {
		case s.take(".."):
			p.definite = false
			p.steps = append(p.steps, pathStep{scan: true})
			if s.rest == "" || s.rest[0] == '.' {
				return errors.New("a path must not end with '..'")
			}
			if s.rest[0] == '[' {
				err = s.bracket(p)
			} else {
				err = s.property(p)
			}
			if err == nil && p.steps[len(p.steps)-1].scan {
				return errors.New("a function cannot follow '..'")
			}
		case s.take("."):
			if s.rest == "" {
				return errors.New("path must not end with a '.'")
			}
			if s.rest[0] == '[' {
				err = s.bracket(p)
			} else {
				err = s.property(p)
			}
		case s.rest[0] == '[':
			err = s.bracket(p)
		case s.open:
			return nil
		default:
			return fmt.Errorf("unexpected %q", s.rest)
		}
		if err != nil {
			return err
		}
	}
	if s.rest != "" && !s.open {
		return fmt.Errorf("unexpected %q after a function", s.rest)
	}
	// At its end, ['a','b'] gives one object with the members that are there.
	for i, st := range p.steps {
		if !st.single() && !(len(st.names) > 1 && i == len(p.steps)-1) {
			p.definite = false
		}
	}
	return nil
}

// property reads what follows a dot: a name, * or a function.
func (s *pathScanner) property(p *path) error {
	stop := ".[ \t\r\n("
	if s.open {
		stop += "),=<>!&|~"
	}
	n := strings.IndexAny(s.rest, stop)
	if n < 0 {
		n = len(s.rest)
	}
	name := s.rest[:n]
	s.rest = s.rest[n:]
	switch {
	case name == "":
		return errors.New("a name is missing after the dot")
	case name == "*":
		p.steps = append(p.steps, pathStep{wildcard: true})
		return nil
	case strings.HasPrefix(s.rest, "("):
		return s.call(p, name)
	case s.rest != "" && s.rest[0] != '.' && s.rest[0] != '[' && !s.open:
		return errors.New("use bracket notation ['my prop'] if your property contains blank characters")
	}
	p.steps = append(p.steps, pathStep{names: []string{name}})
	return nil
}

// call reads the arguments of a function: literals.
func (s *pathScanner) call(p *path, name string) error {
	if _, ok := pathFunctions[name]; !ok {
		return fmt.Errorf("function with name: %s does not exist", name)
	}
	s.take("(")
	p.function = name
	for s.space(); !s.take(")"); s.space() {
		if len(p.fnArgs) > 0 && !s.take(",") {
			return fmt.Errorf("arguments to function: %q are not closed properly", name)
		}
		s.space()
		v, err := s.literal()
		if err != nil {
			return err
		}
		p.fnArgs = append(p.fnArgs, v)
	}
	return nil
}

// bracket reads [...].
func (s *pathScanner) bracket(p *path) error {
	s.take("[")
	s.space()
	var st pathStep
	switch {
	case s.rest == "":
		return errors.New("unclosed [")
	case s.take("*"):
		st.wildcard = true
	case s.take("?"):
		f, err := s.filter()
		if err != nil {
			return err
		}
		st.filter = f
	case s.rest[0] == '\'' || s.rest[0] == '"':
		for {
			name, err := s.quoted()
			if err != nil {
				return err
			}
			st.names = append(st.names, name)
			if s.space(); !s.take(",") {
				break
			}
			s.space()
		}
	default:
		if err := s.indices(&st); err != nil {
			return err
		}
	}
	if s.space(); !s.take("]") {
		return fmt.Errorf("expected ] before %q", s.rest)
	}
	p.steps = append(p.steps, st)
	return nil
}

// quoted reads a name in quotes. Only the quote itself can be escaped: AWS
// looks for other backslashes in the name of the member.
func (s *pathScanner) quoted() (string, error) {
	if s.rest == "" || s.rest[0] != '\'' && s.rest[0] != '"' {
		return "", fmt.Errorf("expected a quoted name before %q", s.rest)
	}
	end := closingQuote(s.rest)
	if end < 0 {
		return "", errors.New("unclosed quote")
	}
	q := s.rest[:1]
	name := strings.ReplaceAll(s.rest[1:end], `\`+q, q)
	s.rest = s.rest[end+1:]
	return name, nil
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

// indices reads 0, -1, 0,2 and 1:3.
func (s *pathScanner) indices(st *pathStep) error {
	end := strings.IndexByte(s.rest, ']')
	if end < 0 {
		return errors.New("unclosed [")
	}
	inner := s.rest[:end]
	s.rest = s.rest[end:]
	if from, to, isSlice := strings.Cut(inner, ":"); isSlice {
		st.slice = &[2]*int{}
		for i, part := range []string{from, to} {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			n, err := strconv.Atoi(part)
			if err != nil {
				return fmt.Errorf("failed to parse SliceOperation: %s", inner)
			}
			st.slice[i] = &n
		}
		if st.slice[0] == nil && st.slice[1] == nil {
			return fmt.Errorf("failed to parse SliceOperation: %s", inner)
		}
		return nil
	}
	for _, part := range strings.Split(inner, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("could not parse token [%s]", inner)
		}
		st.indices = append(st.indices, n)
	}
	return nil
}

// reference reports whether the path can be written to: $ and steps that name
// one value only.
func (p *path) reference() bool {
	if p.context || p.variable != "" || p.function != "" {
		return false
	}
	return p.plain()
}

// plain reports that every step names one value: a Reference Path, perhaps of
// the context object or of a variable.
func (p *path) plain() bool {
	for _, s := range p.steps {
		if !s.single() {
			return false
		}
	}
	return p.function == ""
}

// eval finds the value below root: for a path that names one value that value
// or a notFound error, for others a list, perhaps an empty one.
func (p *path) eval(root any) (any, error) {
	if p.plain() {
		return p.evalPlain(root)
	}
	e := &pathEvaluation{path: p, root: root, results: []any{}}
	if err := e.from(0, root, true); err != nil {
		return nil, err
	}
	var result any = e.results
	if p.definite {
		if len(e.results) == 0 {
			return nil, &notFound{why: "No results for path: " + p.normalized(len(p.steps))}
		}
		result = e.results[0]
	}
	if p.function != "" {
		return pathFunctions[p.function](result, p.fnArgs)
	}
	return result, nil
}

// evalPlain follows names and indices.
func (p *path) evalPlain(v any) (any, error) {
	for i, s := range p.steps {
		leaf := i == len(p.steps)-1
		if len(s.indices) == 1 {
			a, ok := v.([]any)
			if !ok {
				return nil, &notFound{why: fmt.Sprintf("Filter: %s can only be applied to arrays. Current context is: %s", s, text(v))}
			}
			n := s.indices[0]
			if n < 0 {
				n += len(a)
			}
			if n < 0 || n >= len(a) {
				return nil, &notFound{"No results for path: " + p.normalized(len(p.steps)), n >= len(a)}
			}
			v = a[n]
			continue
		}
		m, ok := members(v)
		if !ok {
			return nil, &notFound{why: fmt.Sprintf("Expected to find an object with property ['%s'] in path %s but found '%s'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.", s.names[0], p.normalized(i), javaType(v))}
		}
		w, ok := m[s.names[0]]
		switch {
		case !ok && leaf:
			return nil, &notFound{why: "No results for path: " + p.normalized(len(p.steps))}
		case !ok:
			return nil, &notFound{why: "Missing property in path " + p.normalized(i+1)}
		}
		v = w
	}
	return v, nil
}

// normalized writes the first n steps as Jayway does: $['a'][0].
func (p *path) normalized(n int) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps[:n] {
		b.WriteString(s.String())
	}
	return b.String()
}

func (s pathStep) String() string {
	switch {
	case len(s.names) > 0:
		return "['" + strings.Join(s.names, "','") + "']"
	case s.scan:
		return ".."
	case s.wildcard:
		return "[*]"
	case s.filter != nil:
		return "[?]"
	case s.slice != nil:
		var from, to string
		if s.slice[0] != nil {
			from = strconv.Itoa(*s.slice[0])
		}
		if s.slice[1] != nil {
			to = strconv.Itoa(*s.slice[1])
		}
		return "[" + from + ":" + to + "]"
	}
	return strings.ReplaceAll(fmt.Sprint(s.indices), " ", ",")
}

func javaType(v any) string {
	switch n := v.(type) {
	case nil:
		return "null"
	case string:
		return "java.lang.String"
	case bool:
		return "java.lang.Boolean"
	case []any:
		return "java.util.ArrayList"
	default:
		if _, whole := integer(n); whole {
			return "java.lang.Integer"
		}
	}
	return "java.lang.Double"
}

// insert returns root with v at the path (ResultPath); root itself is not
// changed. Objects that are missing on the way are made.
func (p *path) insert(root, v any) (any, error) { return insertAt(root, p.steps, v) }

func insertAt(at any, steps []pathStep, v any) (any, error) {
	if len(steps) == 0 {
		return v, nil
	}
	if s := steps[0]; len(s.indices) == 1 {
		i := s.indices[0]
		a, ok := at.([]any)
		if !ok || i < 0 || i >= len(a) {
			return nil, fmt.Errorf("there is no element %d", i)
		}
		w, err := insertAt(a[i], steps[1:], v)
		if err != nil {
			return nil, err
		}
		out := append([]any(nil), a...)
		out[i] = w
		return out, nil
	}
	name := steps[0].names[0]
	m, ok := members(at)
	if !ok && at != nil {
		return nil, fmt.Errorf("['%s'] is not in an object but in a %s", name, typeName(at))
	}
	w, err := insertAt(m[name], steps[1:], v)
	if err != nil {
		return nil, err
	}
	return asObject(at).with(name, w), nil
}

func nameStart(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
}

func namePart(r rune) bool { return nameStart(r) || r >= '0' && r <= '9' }
