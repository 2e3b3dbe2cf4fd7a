package expr

import (
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

// Update is an update expression: what it does to which paths.
type Update struct {
	sets    []setAction
	removes []Path
	adds    []pathValue
	deletes []pathValue
}

type setAction struct {
	path Path
	expr setValue
}

type pathValue struct {
	path  Path
	value attr.Value
}

// setValue is the right side of SET: an operand, or two joined by + or -.
type setValue struct {
	op   string
	args []setOperand
}

// setOperand is a value, a path, if_not_exists(path, operand) or
// list_append(operand, operand).
type setOperand struct {
	fn    string
	path  Path
	value attr.Value
	args  []setOperand
}

// ParseUpdate parses an update expression.
func ParseUpdate(src string, env *Env) (*Update, error) {
	p, err := newParser(src, env)
	if err != nil {
		return nil, err
	}
	u := &Update{}
	seen := map[string]bool{}
	for p.peek().kind != tokEnd {
		t := p.next()
		clause := strings.ToLower(t.text)
		if t.kind != tokName || !slices.Contains([]string{"set", "remove", "add", "delete"}, clause) {
			return nil, p.unexpected(t)
		}
		if seen[clause] {
			return nil, syntaxf("The %q section can only be used once in an update expression;", strings.ToUpper(clause))
		}
		seen[clause] = true
		for {
			if err := u.action(p, clause); err != nil {
				return nil, err
			}
			if !p.symbol(",") {
				break
			}
		}
	}
	return u, u.checkPaths()
}

func (u *Update) action(p *parser, clause string) error {
	if err := p.node(); err != nil {
		return err
	}
	path, err := p.path()
	if err != nil {
		return err
	}
	switch clause {
	case "set":
		if err := p.expect("="); err != nil {
			return err
		}
		v, err := p.setValue()
		if err != nil {
			return err
		}
		u.sets = append(u.sets, setAction{path, v})
	case "remove":
		u.removes = append(u.removes, path)
	default:
		t := p.next()
		if t.kind != tokValue {
			return p.unexpected(t)
		}
		v, err := p.value(t)
		if err != nil {
			return err
		}
		typ := attr.Type(v)
		if isSet := strings.HasSuffix(typ, "S") && len(typ) == 2; !isSet && (clause == "delete" || typ != "N") {
			return syntaxf("Incorrect operand type for operator or function; operator: %s, operand type: %s", strings.ToUpper(clause), typ)
		}
		if clause == "add" {
			u.adds = append(u.adds, pathValue{path, v})
		} else {
			u.deletes = append(u.deletes, pathValue{path, v})
		}
	}
	return nil
}

func (p *parser) setValue() (setValue, error) {
	left, err := p.setOperand()
	if err != nil {
		return setValue{}, err
	}
	for _, op := range []string{"+", "-"} {
		if p.symbol(op) {
			right, err := p.setOperand()
			return setValue{op, []setOperand{left, right}}, err
		}
	}
	return setValue{args: []setOperand{left}}, nil
}

func (p *parser) setOperand() (setOperand, error) {
	if err := p.node(); err != nil {
		return setOperand{}, err
	}
	t := p.peek()
	if t.kind == tokValue {
		p.at++
		v, err := p.value(t)
		return setOperand{value: v}, err
	}
	if t.kind == tokName && p.toks[p.at+1].text == "(" {
		return p.setFunction(t)
	}
	path, err := p.path()
	return setOperand{path: path}, err
}

func (p *parser) setFunction(name token) (setOperand, error) {
	if name.text != "if_not_exists" && name.text != "list_append" {
		return setOperand{}, syntaxf("Invalid function name; function: %s", name.text)
	}
	p.at += 2
	first, err := p.setOperand()
	if err != nil {
		return setOperand{}, err
	}
	if err := p.expect(","); err != nil {
		return setOperand{}, err
	}
	second, err := p.setOperand()
	if err != nil {
		return setOperand{}, err
	}
	if name.text == "if_not_exists" && first.path == nil {
		return setOperand{}, syntaxf("Operator or function requires a document path; operator or function: if_not_exists")
	}
	return setOperand{fn: name.text, args: []setOperand{first, second}}, p.expect(")")
}

// Paths returns the paths that the update touches.
func (u *Update) Paths() []Path {
	var out []Path
	for _, s := range u.sets {
		out = append(out, s.path)
	}
	out = append(out, u.removes...)
	for _, a := range append(slices.Clone(u.adds), u.deletes...) {
		out = append(out, a.path)
	}
	return out
}

func (u *Update) checkPaths() error {
	paths := u.Paths()
	for i, a := range paths {
		for _, b := range paths[:i] {
			if a.overlaps(b) {
				return syntaxf("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", b, a)
			}
		}
	}
	return nil
}

// Apply returns the item after the update; the item itself is not changed.
// Operands are read from the item as it was before.
func (u *Update) Apply(item attr.Item) (attr.Item, error) {
	out := attr.CloneItem(item)
	for _, s := range u.sets {
		v, err := s.expr.eval(item)
		if err != nil {
			return nil, err
		}
		if err := s.path.set(out, attr.Clone(v)); err != nil {
			return nil, err
		}
	}
	for _, a := range u.adds {
		v, err := add(a.path.Get(item), a.value)
		if err != nil {
			return nil, err
		}
		if err := a.path.set(out, v); err != nil {
			return nil, err
		}
	}
	for _, d := range u.deletes {
		if err := remove(out, d, d.path.Get(item)); err != nil {
			return nil, err
		}
	}
	// From the end, so that the indices of one list stay true.
	removes := slices.Clone(u.removes)
	sort.SliceStable(removes, func(i, j int) bool { return removes[i][len(removes[i])-1].Index > removes[j][len(removes[j])-1].Index })
	for _, r := range removes {
		if err := r.remove(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s setValue) eval(item attr.Item) (attr.Value, error) {
	left, err := s.args[0].eval(item)
	if err != nil || s.op == "" {
		return left, err
	}
	right, err := s.args[1].eval(item)
	if err != nil {
		return nil, err
	}
	if s.op == "-" {
		return arithmetic(left, right, (*big.Rat).Sub)
	}
	return arithmetic(left, right, (*big.Rat).Add)
}

func (o setOperand) eval(item attr.Item) (attr.Value, error) {
	switch {
	case o.fn == "if_not_exists":
		if v := o.args[0].path.Get(item); v != nil {
			return v, nil
		}
		return o.args[1].eval(item)
	case o.fn == "list_append":
		out := &types.AttributeValueMemberL{Value: []attr.Value{}}
		for _, a := range o.args {
			v, err := a.eval(item)
			if err != nil {
				return nil, err
			}
			list, ok := v.(*types.AttributeValueMemberL)
			if !ok {
				return nil, syntaxf("Incorrect operand type for operator or function; operator or function: list_append, operand type: %s", attr.Type(v))
			}
			out.Value = append(out.Value, list.Value...)
		}
		return out, nil
	case o.path != nil:
		v := o.path.Get(item)
		if v == nil {
			return nil, &SyntaxError{"The provided expression refers to an attribute that does not exist in the item"}
		}
		return v, nil
	}
	return o.value, nil
}

func arithmetic(a, b attr.Value, f func(z, x, y *big.Rat) *big.Rat) (attr.Value, error) {
	x, ok1 := a.(*types.AttributeValueMemberN)
	y, ok2 := b.(*types.AttributeValueMemberN)
	if !ok1 || !ok2 {
		return nil, &SyntaxError{"An operand in the update expression has an incorrect data type"}
	}
	xn, err := attr.ParseNumber(x.Value)
	if err != nil {
		return nil, &SyntaxError{err.Error()}
	}
	yn, err := attr.ParseNumber(y.Value)
	if err != nil {
		return nil, &SyntaxError{err.Error()}
	}
	sum := attr.FormatNumber(f(new(big.Rat), xn, yn))
	if _, err := attr.ParseNumber(sum); err != nil {
		return nil, &SyntaxError{err.Error()}
	}
	return &types.AttributeValueMemberN{Value: sum}, nil
}

// add adds a number to a number, or elements to a set.
func add(old, v attr.Value) (attr.Value, error) {
	if old == nil {
		return v, nil
	}
	if attr.Type(old) != attr.Type(v) {
		return nil, &SyntaxError{"An operand in the update expression has an incorrect data type"}
	}
	if attr.Type(v) == "N" {
		return arithmetic(old, v, (*big.Rat).Add)
	}
	elements := attr.Elements(old)
	for _, e := range attr.Elements(v) {
		if !slices.ContainsFunc(elements, func(o attr.Value) bool { return attr.Equal(o, e) }) {
			elements = append(elements, e)
		}
	}
	return attr.Set(attr.Type(v), elements), nil
}

// remove takes elements out of a set; an empty set is no attribute at all.
func remove(out attr.Item, d pathValue, old attr.Value) error {
	if old == nil {
		return nil
	}
	if attr.Type(old) != attr.Type(d.value) {
		return &SyntaxError{"An operand in the update expression has an incorrect data type"}
	}
	gone := attr.Elements(d.value)
	elements := slices.DeleteFunc(attr.Elements(old), func(e attr.Value) bool {
		return slices.ContainsFunc(gone, func(g attr.Value) bool { return attr.Equal(g, e) })
	})
	if len(elements) == 0 {
		return d.path.remove(out)
	}
	return d.path.set(out, attr.Set(attr.Type(old), elements))
}
