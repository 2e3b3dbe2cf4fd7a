// Package attr holds the rules of DynamoDB's attribute values: equality, order,
// numbers of 38 digits, sizes and validity.
package attr

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Value is an attribute value; nil stands for an absent attribute.
type Value = types.AttributeValue

// Item is an item: its attributes by name.
type Item = map[string]Value

// Type returns DynamoDB's short name of a value's type, such as "S".
func Type(v Value) string {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	case *types.AttributeValueMemberBOOL:
		return "BOOL"
	case *types.AttributeValueMemberNULL:
		return "NULL"
	case *types.AttributeValueMemberM:
		return "M"
	case *types.AttributeValueMemberL:
		return "L"
	case *types.AttributeValueMemberSS:
		return "SS"
	case *types.AttributeValueMemberNS:
		return "NS"
	case *types.AttributeValueMemberBS:
		return "BS"
	}
	return ""
}

// Equal reports whether two values are the same: numbers by value, sets
// without order.
func Equal(a, b Value) bool {
	if Type(a) != Type(b) {
		return false
	}
	switch x := a.(type) {
	case *types.AttributeValueMemberBOOL:
		return x.Value == b.(*types.AttributeValueMemberBOOL).Value
	case *types.AttributeValueMemberNULL:
		return true
	case *types.AttributeValueMemberM:
		y := b.(*types.AttributeValueMemberM)
		if len(x.Value) != len(y.Value) {
			return false
		}
		for k, v := range x.Value {
			if w, ok := y.Value[k]; !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case *types.AttributeValueMemberL:
		return slices.EqualFunc(x.Value, b.(*types.AttributeValueMemberL).Value, Equal)
	case *types.AttributeValueMemberSS, *types.AttributeValueMemberNS, *types.AttributeValueMemberBS:
		xs, ys := Elements(a), Elements(b)
		return len(xs) == len(ys) && !slices.ContainsFunc(xs, func(v Value) bool { return !slices.ContainsFunc(ys, func(w Value) bool { return Equal(v, w) }) })
	}
	c, ok := Compare(a, b)
	return ok && c == 0
}

// Compare orders two values of the same scalar type: strings and binaries by
// bytes, numbers by value. ok is false for other pairs.
func Compare(a, b Value) (c int, ok bool) {
	switch x := a.(type) {
	case *types.AttributeValueMemberS:
		if y, same := b.(*types.AttributeValueMemberS); same {
			return strings.Compare(x.Value, y.Value), true
		}
	case *types.AttributeValueMemberB:
		if y, same := b.(*types.AttributeValueMemberB); same {
			return bytes.Compare(x.Value, y.Value), true
		}
	case *types.AttributeValueMemberN:
		if y, same := b.(*types.AttributeValueMemberN); same {
			xn, err1 := ParseNumber(x.Value)
			yn, err2 := ParseNumber(y.Value)
			return xnCmp(xn, yn), err1 == nil && err2 == nil
		}
	}
	return 0, false
}

func xnCmp(a, b *big.Rat) int {
	if a == nil || b == nil {
		return 0
	}
	return a.Cmp(b)
}

// Elements returns the elements of a set as values, or nil.
func Elements(v Value) []Value {
	var out []Value
	switch x := v.(type) {
	case *types.AttributeValueMemberSS:
		for _, s := range x.Value {
			out = append(out, &types.AttributeValueMemberS{Value: s})
		}
	case *types.AttributeValueMemberNS:
		for _, s := range x.Value {
			out = append(out, &types.AttributeValueMemberN{Value: s})
		}
	case *types.AttributeValueMemberBS:
		for _, b := range x.Value {
			out = append(out, &types.AttributeValueMemberB{Value: b})
		}
	}
	return out
}

// Set makes a set of the given type ("SS", "NS" or "BS") of elements.
func Set(typ string, elements []Value) Value {
	switch typ {
	case "SS":
		out := &types.AttributeValueMemberSS{}
		for _, e := range elements {
			out.Value = append(out.Value, e.(*types.AttributeValueMemberS).Value)
		}
		return out
	case "NS":
		out := &types.AttributeValueMemberNS{}
		for _, e := range elements {
			out.Value = append(out.Value, e.(*types.AttributeValueMemberN).Value)
		}
		return out
	}
	out := &types.AttributeValueMemberBS{}
	for _, e := range elements {
		out.Value = append(out.Value, e.(*types.AttributeValueMemberB).Value)
	}
	return out
}

// Invalid says what makes a value invalid, in DynamoDB's own words.
type Invalid string

func (e Invalid) Error() string { return string(e) }

func invalid(format string, args ...any) error { return Invalid(fmt.Sprintf(format, args...)) }

// maxDepth is how deep documents may nest.
const maxDepth = 32

// Check reports what makes a value invalid, and normalises its numbers.
func Check(v Value) error { return check(v, 0) }

func check(v Value, depth int) error {
	if depth > maxDepth {
		return invalid("Nesting Levels have exceeded supported limits: Attributes can be nested up to 32 levels")
	}
	switch x := v.(type) {
	case nil:
		return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case *types.AttributeValueMemberN:
		n, err := ParseNumber(x.Value)
		if err != nil {
			return err
		}
		x.Value = FormatNumber(n)
	case *types.AttributeValueMemberNULL:
		if !x.Value {
			return invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
	case *types.AttributeValueMemberM:
		for _, e := range x.Value {
			if err := check(e, depth+1); err != nil {
				return err
			}
		}
	case *types.AttributeValueMemberL:
		for _, e := range x.Value {
			if err := check(e, depth+1); err != nil {
				return err
			}
		}
	case *types.AttributeValueMemberSS, *types.AttributeValueMemberNS, *types.AttributeValueMemberBS:
		return checkSet(v)
	}
	return nil
}

func checkSet(v Value) error {
	elements := Elements(v)
	if len(elements) == 0 {
		return invalid("One or more parameter values were invalid: An string set  may not be empty")
	}
	if ns, ok := v.(*types.AttributeValueMemberNS); ok {
		for i, text := range ns.Value {
			n, err := ParseNumber(text)
			if err != nil {
				return err
			}
			ns.Value[i] = FormatNumber(n)
		}
	}
	for i, e := range elements {
		if slices.ContainsFunc(elements[:i], func(o Value) bool { return Equal(e, o) }) {
			return invalid("One or more parameter values were invalid: Input collection contains duplicates")
		}
	}
	return nil
}

// Size returns what the size function gives: characters, bytes or elements.
func Size(v Value) (int, bool) {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		return len(x.Value), true
	case *types.AttributeValueMemberB:
		return len(x.Value), true
	case *types.AttributeValueMemberM:
		return len(x.Value), true
	case *types.AttributeValueMemberL:
		return len(x.Value), true
	case *types.AttributeValueMemberSS, *types.AttributeValueMemberNS, *types.AttributeValueMemberBS:
		return len(Elements(v)), true
	}
	return 0, false
}

// Bytes returns the stored size of a value (source: "DynamoDB item sizes and
// formats").
func Bytes(v Value) int {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		return len(x.Value)
	case *types.AttributeValueMemberB:
		return len(x.Value)
	case *types.AttributeValueMemberN:
		return len(x.Value)/2 + 1
	case *types.AttributeValueMemberM:
		n := 3
		for k, e := range x.Value {
			n += 1 + len(k) + Bytes(e)
		}
		return n
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range x.Value {
			n += 1 + Bytes(e)
		}
		return n
	}
	n := 1
	for _, e := range Elements(v) {
		n += Bytes(e)
	}
	return n
}

// Clone copies a value deeply.
func Clone(v Value) Value {
	switch x := v.(type) {
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: CloneItem(x.Value)}
	case *types.AttributeValueMemberL:
		out := &types.AttributeValueMemberL{Value: make([]Value, len(x.Value))}
		for i, e := range x.Value {
			out.Value[i] = Clone(e)
		}
		return out
	}
	return v // scalars and sets are never changed in place
}

// CloneItem copies an item deeply; nil stays nil.
func CloneItem(item Item) Item {
	if item == nil {
		return nil
	}
	out := make(Item, len(item))
	for k, v := range item {
		out[k] = Clone(v)
	}
	return out
}

// Number makes a number value.
func Number(r *big.Rat) Value { return &types.AttributeValueMemberN{Value: FormatNumber(r)} }

// Limits of DynamoDB's numbers.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// ParseNumber reads a number of up to 38 significant digits.
func ParseNumber(text string) (*big.Rat, error) {
	if len(text) > 200 || strings.ContainsAny(text, "/xXpP_nN") {
		return nil, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	mantissa, exp, _ := strings.Cut(strings.ToLower(text), "e")
	if len(strings.TrimLeft(exp, "+-0")) > 3 {
		return nil, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	digits := strings.TrimLeft(strings.NewReplacer(".", "", "-", "", "+", "").Replace(mantissa), "0")
	if len(strings.TrimRight(digits, "0")) > maxDigits {
		return nil, invalid("Attempting to store more than 38 significant digits in a Number")
	}
	if err := inRange(r); err != nil {
		return nil, err
	}
	return r, nil
}

func inRange(r *big.Rat) error {
	if r.Sign() == 0 {
		return nil
	}
	abs := new(big.Rat).Abs(r)
	if abs.Cmp(pow10(maxExponent+1)) >= 0 {
		return invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	}
	if abs.Cmp(pow10(minExponent)) < 0 {
		return invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return nil
}

func pow10(n int) *big.Rat {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	if n < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), p)
	}
	return new(big.Rat).SetInt(p)
}

// FormatNumber writes a number plainly, without exponent or trailing zeros.
func FormatNumber(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	text := r.FloatString(maxDigits - minExponent)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
