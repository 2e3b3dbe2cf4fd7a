package expr

import (
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

// Cond is a condition: a node of and, or, not, or a test.
type Cond struct {
	Op          string // "and", "or", "not", a comparator, "between", "in", or a function's name
	Left, Right *Cond
	Args        []Operand
}

// Operand is a value, a path, or the size of one.
type Operand struct {
	Value attr.Value
	Path  Path
	Size  *Operand
}

// functions gives each function's number of arguments.
var functions = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2,
}

var comparators = []string{"=", "<>", "<=", ">=", "<", ">"}

// Condition parses a condition, a filter or a key condition.
func Condition(src string, env *Env) (*Cond, error) {
	p, err := newParser(src, env)
	if err != nil {
		return nil, err
	}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.unexpected(t)
	}
	return c, nil
}

func (p *parser) or() (*Cond, error)  { return p.chain("or", p.and) }
func (p *parser) and() (*Cond, error) { return p.chain("and", p.not) }

// chain parses operands of one precedence, joined by a word.
func (p *parser) chain(word string, operand func() (*Cond, error)) (*Cond, error) {
	left, err := operand()
	for err == nil && p.keyword(word) {
		if err := p.node(); err != nil {
			return nil, err
		}
		var right *Cond
		if right, err = operand(); err == nil {
			left = &Cond{Op: word, Left: left, Right: right}
		}
	}
	return left, err
}

func (p *parser) not() (*Cond, error) {
	if p.keyword("not") {
		if err := p.node(); err != nil {
			return nil, err
		}
		c, err := p.not()
		return &Cond{Op: "not", Left: c}, err
	}
	return p.test()
}

// test parses a parenthesised condition, a function or a comparison.
func (p *parser) test() (*Cond, error) {
	if err := p.node(); err != nil {
		return nil, err
	}
	if p.symbol("(") {
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	if t := p.peek(); t.kind == tokName && p.toks[p.at+1].text == "(" && t.text != "size" {
		return p.function(t)
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for _, op := range comparators {
		if p.symbol(op) {
			right, err := p.operand()
			return &Cond{Op: op, Args: []Operand{left, right}}, err
		}
	}
	if p.keyword("between") {
		low, err := p.operand()
		if err != nil {
			return nil, err
		}
		if !p.keyword("and") {
			return nil, p.unexpected(p.peek())
		}
		high, err := p.operand()
		if err == nil && low.Value != nil && high.Value != nil {
			if c, ok := attr.Compare(low.Value, high.Value); !ok || c > 0 {
				return nil, syntaxf("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
			}
		}
		return &Cond{Op: "between", Args: []Operand{left, low, high}}, err
	}
	if p.keyword("in") {
		return p.in(left)
	}
	return nil, p.unexpected(p.peek())
}

// maxIn is how many values IN takes.
const maxIn = 100

func (p *parser) in(left Operand) (*Cond, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	c := &Cond{Op: "in", Args: []Operand{left}}
	for {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, o)
		if len(c.Args) > maxIn+1 {
			return nil, syntaxf("Invalid number of operands for operator IN; number of operands: %d", len(c.Args))
		}
		if !p.symbol(",") {
			return c, p.expect(")")
		}
	}
}

func (p *parser) function(name token) (*Cond, error) {
	want, ok := functions[name.text]
	if !ok {
		return nil, syntaxf("Invalid function name; function: %s", name.text)
	}
	p.at += 2
	c := &Cond{Op: name.text}
	for {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, o)
		if !p.symbol(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(c.Args) != want {
		return nil, syntaxf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name.text, len(c.Args))
	}
	if c.Args[0].Path == nil && strings.HasPrefix(name.text, "attribute") {
		return nil, syntaxf("Operator or function requires a document path; operator or function: %s", name.text)
	}
	if name.text == "attribute_type" && attr.Type(c.Args[1].Value) != "S" {
		return nil, syntaxf("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: %s", attr.Type(c.Args[1].Value))
	}
	return c, nil
}

func (p *parser) operand() (Operand, error) {
	t := p.peek()
	switch {
	case t.kind == tokValue:
		p.at++
		v, err := p.value(t)
		return Operand{Value: v}, err
	case t.kind == tokName && t.text == "size" && p.toks[p.at+1].text == "(":
		p.at += 2
		path, err := p.path()
		if err != nil {
			return Operand{}, err
		}
		return Operand{Size: &Operand{Path: path}}, p.expect(")")
	}
	path, err := p.path()
	return Operand{Path: path}, err
}
