package expr

import (
	"sort"
	"strconv"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

// Env resolves the placeholders of a request's expressions, and knows in the
// end which of them no expression has used: DynamoDB refuses those.
type Env struct {
	names      map[string]string
	values     map[string]attr.Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

// NewEnv returns an environment of ExpressionAttributeNames and -Values.
func NewEnv(names map[string]string, values map[string]attr.Value) *Env {
	return &Env{names, values, map[string]bool{}, map[string]bool{}}
}

// Unused returns the error for placeholders that no expression has used.
func (e *Env) Unused() error {
	var names, values []string
	for k := range e.names {
		if !e.usedNames[k] {
			names = append(names, k)
		}
	}
	for k := range e.values {
		if !e.usedValues[k] {
			values = append(values, k)
		}
	}
	sort.Strings(names)
	sort.Strings(values)
	if len(values) > 0 {
		return syntaxf("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(values, ", "))
	}
	if len(names) > 0 {
		return syntaxf("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(names, ", "))
	}
	return nil
}

// maxNodes bounds an expression's operators (DynamoDB allows 300) and with it
// the depth of the parser.
const maxNodes = 300

type parser struct {
	src   string
	toks  []token
	at    int
	nodes int
	env   *Env
}

func newParser(src string, env *Env) (*parser, error) {
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	return &parser{src: src, toks: toks, env: env}, nil
}

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) unexpected(t token) error {
	return syntaxf("Syntax error; token: %q, near: %q", t.text, near(p.src, t.pos))
}

func (p *parser) symbol(text string) bool {
	if t := p.peek(); t.kind == tokSymbol && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.symbol(text) {
		return p.unexpected(p.peek())
	}
	return nil
}

// keyword takes a word, whatever its case.
func (p *parser) keyword(word string) bool {
	if t := p.peek(); t.kind == tokName && strings.EqualFold(t.text, word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) node() error {
	p.nodes++
	if p.nodes > maxNodes {
		return syntaxf("The expression contains too many operators; operator count: %d", p.nodes)
	}
	return nil
}

// path parses a document path.
func (p *parser) path() (Path, error) {
	var out Path
	for {
		t := p.next()
		switch t.kind {
		case tokName:
			if reserved[strings.ToLower(t.text)] {
				return nil, syntaxf("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
			}
			out = append(out, Step{t.text, -1})
		case tokAlias:
			name, ok := p.env.names[t.text]
			if !ok {
				return nil, syntaxf("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
			}
			p.env.usedNames[t.text] = true
			out = append(out, Step{name, -1})
		default:
			return nil, p.unexpected(t)
		}
		for p.symbol("[") {
			n := p.next()
			i, err := strconv.Atoi(n.text)
			if n.kind != tokNumber || err != nil {
				return nil, p.unexpected(n)
			}
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			out = append(out, Step{"", i})
		}
		if !p.symbol(".") {
			return out, nil
		}
		if err := p.node(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) value(t token) (attr.Value, error) {
	v, ok := p.env.values[t.text]
	if !ok {
		return nil, syntaxf("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.env.usedValues[t.text] = true
	return v, nil
}

// Projection parses a list of paths.
func Projection(src string, env *Env) ([]Path, error) {
	p, err := newParser(src, env)
	if err != nil {
		return nil, err
	}
	var out []Path
	for {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			if path.overlaps(other) {
				return nil, syntaxf("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", other, path)
			}
		}
		out = append(out, path)
		if p.symbol(",") {
			continue
		}
		if t := p.peek(); t.kind != tokEnd {
			return nil, p.unexpected(t)
		}
		return out, nil
	}
}
