package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// intrinsicTemplate is a field that holds a call of an intrinsic function.
type intrinsicTemplate struct {
	src  string
	call *call
}

// call is an intrinsic function (States.Format(...)) with its arguments:
// strings, numbers, true, false, null, paths and nested calls.
type call struct {
	name string
	fn   intrinsic
	args []template
}

type intrinsic struct {
	min, max int // number of arguments; max < 0: any
	apply    func(rt *runtime, args []any) (any, error)
}

// errArguments says that a function does not take the arguments that it got.
// AWS tells no more than that.
var errArguments = errors.New("Invalid arguments") //nolint:staticcheck // AWS's words

// intrinsicError is a function that failed, in AWS's words.
type intrinsicError struct{ why string }

func (e *intrinsicError) Error() string { return e.why }

// maxNesting is the depth to which AWS lets intrinsic functions nest.
const maxNesting = 10

func compileIntrinsic(src string) (template, error) {
	p := &intrinsicParser{src: src, rest: src}
	c, err := p.call(1)
	if err != nil {
		return nil, fmt.Errorf("intrinsic function %q: %w", src, err)
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("intrinsic function %q: unexpected %q", src, p.rest)
	}
	return &intrinsicTemplate{src, c}, nil
}

// eval fails with States.Runtime whatever is wrong: AWS documents
// States.IntrinsicFailure, but was never seen to raise it.
func (t *intrinsicTemplate) eval(v *view) (any, error) {
	out, err := t.call.eval(v)
	failed, missing := (*intrinsicError)(nil), (*evalError)(nil)
	switch {
	case errors.As(err, &failed):
		return nil, runtimeError("There was an error while evaluating the intrinsic function: %s. %s", t.src, failed.why)
	case errors.As(err, &missing):
		return nil, runtimeError("The function '%s' had the following error: %s", t.src, missing.cause)
	}
	return out, err
}

// eval also checks how many arguments there are, which AWS does not do when a
// definition is created.
func (c *call) eval(v *view) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		var err error
		if args[i], err = a.eval(v); err != nil {
			return nil, err
		}
	}
	var out any
	err := errArguments
	if n := len(args); n >= c.fn.min && (c.fn.max < 0 || n <= c.fn.max) {
		out, err = c.fn.apply(v.rt, args)
	}
	switch {
	case errors.Is(err, errArguments):
		return nil, &intrinsicError{errArguments.Error() + " in " + c.name}
	case err != nil:
		return nil, &intrinsicError{err.Error()}
	}
	return out, nil
}

type intrinsicParser struct {
	src, rest string
}

func (p *intrinsicParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *intrinsicParser) take(s string) bool {
	p.space()
	after, ok := strings.CutPrefix(p.rest, s)
	p.rest = after
	return ok
}

func (p *intrinsicParser) call(depth int) (*call, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("functions nest more than %d deep", maxNesting)
	}
	open := strings.IndexByte(p.rest, '(')
	if open < 0 {
		return nil, fmt.Errorf("%q: the ( is missing", p.rest)
	}
	name := strings.TrimSpace(p.rest[:open])
	fn, ok := intrinsics[name]
	if !ok {
		return nil, fmt.Errorf("there is no function %s", name)
	}
	c := &call{name: name, fn: fn}
	p.rest = p.rest[open+1:]
	for !p.take(")") {
		if len(c.args) > 0 && !p.take(",") {
			return nil, fmt.Errorf("a comma or ) must come before %q", p.rest)
		}
		arg, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		// States.Format reads the escapes of its template itself.
		if l, isLiteral := arg.(literal); isLiteral && (name != "States.Format" || len(c.args) > 0) {
			if text, isText := l.v.(string); isText {
				arg = literal{unescape(text)}
			}
		}
		c.args = append(c.args, arg)
	}
	return c, nil
}

func (p *intrinsicParser) argument(depth int) (template, error) {
	p.space()
	switch {
	case p.rest == "":
		return nil, fmt.Errorf("the ) is missing")
	case p.rest[0] == '\'':
		return p.text()
	case p.rest[0] == '$':
		n := pathLength(p.rest)
		src := strings.TrimSpace(p.rest[:n])
		p.rest = p.rest[n:]
		parsed, err := parsePath(src)
		if err != nil {
			return nil, err
		}
		return pathTemplate{path: parsed}, nil
	case strings.HasPrefix(p.rest, "States."):
		return p.call(depth + 1)
	}
	n := strings.IndexAny(p.rest, ",) \t\r\n")
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	switch word {
	case "true":
		return literal{true}, nil
	case "false":
		return literal{false}, nil
	case "null":
		return literal{nil}, nil
	}
	if _, err := strconv.ParseFloat(word, 64); err != nil {
		return nil, fmt.Errorf("%q is not an argument", word)
	}
	return literal{json.Number(word)}, nil
}

// text reads a string in single quotes, with its escapes: \', \{, \} and \\.
func (p *intrinsicParser) text() (template, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\'':
			t := literal{p.rest[1:i]}
			p.rest = p.rest[i+1:]
			return t, nil
		case '\\':
			if i++; i == len(p.rest) || !strings.ContainsRune(`'{}\`, rune(p.rest[i])) {
				return nil, fmt.Errorf("a backslash can only come before ', {, } and another one in %q", p.rest)
			}
		}
	}
	return nil, fmt.Errorf("unclosed quote in %q", p.rest)
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\{`, `{`, `\}`, `}`).Replace(s)
}

// pathLength is the length of the path that s begins with: to the first comma
// or ) outside of brackets, parentheses and quotes.
func pathLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '"':
			if depth > 0 {
				if end := closingQuote(s[i:]); end > 0 {
					i += end
				}
			}
		case '[', '(':
			depth++
		case ']':
			depth--
		case ')':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}
