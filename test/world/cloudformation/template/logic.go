package template

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
)

// truth evaluates a condition.
func (s *Scope) truth(v any) (bool, error) {
	m, ok := v.(map[string]any)
	name, argument := "", any(nil)
	if ok {
		name, argument, ok = function(m)
	}
	if !ok {
		if text, isScalar := scalar(v); isScalar && (text == "true" || text == "false") {
			return text == "true", nil
		}
		return false, errorf("Template format error: Every Conditions member must be a condition function")
	}
	args, isList := argument.([]any)
	switch name {
	case "Condition":
		return s.Condition(argument.(string))
	case "Fn::Not":
		if !isList || len(args) != 1 {
			return false, errorf("Template error: every Fn::Not object requires one boolean parameter.")
		}
		holds, err := s.truth(args[0])
		return !holds, err
	case "Fn::And", "Fn::Or":
		if !isList || len(args) < 2 || len(args) > 10 {
			return false, errorf("Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters.", name)
		}
		result := name == "Fn::And"
		for _, arg := range args {
			holds, err := s.truth(arg)
			if err != nil {
				return false, err
			}
			if name == "Fn::And" {
				result = result && holds
			} else {
				result = result || holds
			}
		}
		return result, nil
	case "Fn::Equals":
		if !isList || len(args) != 2 {
			return false, errorf("Template error: every Fn::Equals object requires a list of 2 string parameters.")
		}
		a, err := s.value(args[0])
		if err != nil {
			return false, err
		}
		b, err := s.value(args[1])
		return Equal(a, b), err
	case "Fn::Contains", "Fn::EachMemberIn", "Fn::EachMemberEquals":
		return s.members(name, args)
	}
	return false, errorf("Template format error: %s is not a condition function", name)
}

// members evaluates the functions that only rules have.
func (s *Scope) members(name string, args []any) (bool, error) {
	if len(args) != 2 {
		return false, errorf("Template error: every %s object requires two parameters", name)
	}
	v, err := s.value(args[0])
	if err != nil {
		return false, err
	}
	list, ok := v.([]any)
	if !ok {
		return false, errorf("Template error: the first parameter of every %s object must be a list", name)
	}
	other, err := s.value(args[1])
	if err != nil {
		return false, err
	}
	in := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(item any) bool { return Equal(item, v) })
	}
	switch name {
	case "Fn::Contains":
		return in(list, other), nil
	case "Fn::EachMemberEquals":
		return !slices.ContainsFunc(list, func(item any) bool { return !Equal(item, other) }), nil
	}
	allowed, ok := other.([]any)
	if !ok {
		return false, errorf("Template error: the second parameter of every %s object must be a list", name)
	}
	return !slices.ContainsFunc(list, func(item any) bool { return !in(allowed, item) }), nil
}

// Equal compares values as CloudFormation does: "1" and 1 are the same. What is
// not known equals nothing.
func Equal(a, b any) bool {
	if x, ok := scalar(a); ok {
		y, ok := scalar(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case []any:
		list, ok := b.([]any)
		return ok && slices.EqualFunc(a, list, Equal)
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for key, v := range a {
			other, ok := m[key]
			if !ok || !Equal(v, other) {
				return false
			}
		}
		return true
	}
	return false
}

// maxCidrs is how many blocks Fn::Cidr makes at most.
const maxCidrs = 256

func (s *Scope) cidr(argument any) (any, error) {
	v, err := s.value(argument)
	if err != nil {
		return nil, err
	}
	args, ok := v.([]any)
	if !ok || len(args) < 2 || len(args) > 3 {
		return nil, errorf("Template error: every Fn::Cidr object requires two or three parameters: the IP block, the count and the CIDR bits")
	}
	if _, unknown := args[0].(Unknown); unknown {
		return Unknown{}, nil
	}
	text, _ := scalar(args[0])
	block, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, errorf("Template error: Fn::Cidr: %q is not an IP block", text)
	}
	text, _ = scalar(args[1])
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > maxCidrs {
		return nil, errorf("Template error: Fn::Cidr: the count must be a number from 1 to %d", maxCidrs)
	}
	bits := 8
	if block.Addr().Is6() {
		bits = 64
	}
	if len(args) == 3 {
		text, _ = scalar(args[2])
		if bits, err = strconv.Atoi(text); err != nil || bits < 1 {
			return nil, errorf("Template error: Fn::Cidr: the CIDR bits must be a number")
		}
	}
	prefix := block.Addr().BitLen() - bits
	if prefix < block.Bits() || prefix-block.Bits() < 16 && 1<<(prefix-block.Bits()) < count {
		return nil, errorf("Template error: Fn::Cidr: %s has no %d blocks of %d bits", block, count, bits)
	}
	base, size := new(big.Int).SetBytes(block.Masked().Addr().AsSlice()), new(big.Int).Lsh(big.NewInt(1), uint(bits))
	out := make([]any, count)
	for i := range out {
		raw := base.FillBytes(make([]byte, block.Addr().BitLen()/8))
		addr, _ := netip.AddrFromSlice(raw) // of the length of an address
		out[i] = fmt.Sprintf("%s/%d", addr, prefix)
		base.Add(base, size)
	}
	return out, nil
}
