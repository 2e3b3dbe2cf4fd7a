package expr

import (
	"bytes"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

// Holds reports whether the condition is true of an item (nil: no item).
func (c *Cond) Holds(item attr.Item) bool {
	switch c.Op {
	case "and":
		return c.Left.Holds(item) && c.Right.Holds(item)
	case "or":
		return c.Left.Holds(item) || c.Right.Holds(item)
	case "not":
		return !c.Left.Holds(item)
	}
	args := make([]attr.Value, len(c.Args))
	for i, a := range c.Args {
		args[i] = a.of(item)
	}
	switch c.Op {
	case "attribute_exists":
		return args[0] != nil
	case "attribute_not_exists":
		return args[0] == nil
	}
	for _, a := range args[:min(2, len(args))] {
		if a == nil {
			// A comparison with what is not there is false, but "not equal" is true.
			return c.Op == "<>" && (args[0] != nil || args[1] != nil)
		}
	}
	switch c.Op {
	case "attribute_type":
		return attr.Type(args[0]) == args[1].(*types.AttributeValueMemberS).Value
	case "begins_with":
		return beginsWith(args[0], args[1])
	case "contains":
		return contains(args[0], args[1])
	case "between":
		return ordered(args[1], args[0], args[2])
	case "in":
		for _, v := range args[1:] {
			if v != nil && attr.Equal(args[0], v) {
				return true
			}
		}
		return false
	case "=":
		return attr.Equal(args[0], args[1])
	case "<>":
		return !attr.Equal(args[0], args[1])
	}
	cmp, ok := attr.Compare(args[0], args[1])
	if !ok {
		return false
	}
	switch c.Op {
	case "<":
		return cmp < 0
	case "<=":
		return cmp <= 0
	case ">":
		return cmp > 0
	}
	return cmp >= 0
}

func (o Operand) of(item attr.Item) attr.Value {
	switch {
	case o.Size != nil:
		n, ok := attr.Size(o.Size.Path.Get(item))
		if !ok {
			return nil
		}
		return attr.Number(new(big.Rat).SetInt64(int64(n)))
	case o.Path != nil:
		return o.Path.Get(item)
	}
	return o.Value
}

// ordered reports a <= b <= c; values of different types are not in order.
func ordered(a, b, c attr.Value) bool {
	if c == nil {
		return false
	}
	x, ok1 := attr.Compare(a, b)
	y, ok2 := attr.Compare(b, c)
	return ok1 && ok2 && x <= 0 && y <= 0
}

func beginsWith(v, prefix attr.Value) bool {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		p, ok := prefix.(*types.AttributeValueMemberS)
		return ok && strings.HasPrefix(x.Value, p.Value)
	case *types.AttributeValueMemberB:
		p, ok := prefix.(*types.AttributeValueMemberB)
		return ok && bytes.HasPrefix(x.Value, p.Value)
	}
	return false
}

func contains(v, part attr.Value) bool {
	elements := attr.Elements(v)
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		p, ok := part.(*types.AttributeValueMemberS)
		return ok && strings.Contains(x.Value, p.Value)
	case *types.AttributeValueMemberB:
		p, ok := part.(*types.AttributeValueMemberB)
		return ok && bytes.Contains(x.Value, p.Value)
	case *types.AttributeValueMemberL:
		elements = x.Value
	}
	for _, e := range elements {
		if attr.Equal(e, part) {
			return true
		}
	}
	return false
}

// Project returns the parts of an item that the paths name.
func Project(item attr.Item, paths []Path) attr.Item {
	out := attr.Item{}
	for _, p := range paths {
		if v := p.Get(item); v != nil {
			place(out, p, v)
		}
	}
	return out
}

// place puts v at the path, making what is missing on the way: maps for names,
// and lists that hold only what was asked for.
func place(out attr.Item, p Path, v attr.Value) {
	var wrap func(existing attr.Value, rest Path) attr.Value
	wrap = func(existing attr.Value, rest Path) attr.Value {
		if len(rest) == 0 {
			return attr.Clone(v)
		}
		if rest[0].Index >= 0 {
			list, ok := existing.(*types.AttributeValueMemberL)
			if !ok {
				list = &types.AttributeValueMemberL{}
			}
			list.Value = append(list.Value, wrap(nil, rest[1:]))
			return list
		}
		m, ok := existing.(*types.AttributeValueMemberM)
		if !ok {
			m = &types.AttributeValueMemberM{Value: attr.Item{}}
		}
		m.Value[rest[0].Name] = wrap(m.Value[rest[0].Name], rest[1:])
		return m
	}
	out[p[0].Name] = wrap(out[p[0].Name], p[1:])
}
