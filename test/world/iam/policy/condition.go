package policy

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Context holds what is known of a request, by condition key in lower case. A
// key with an empty list is not there.
type Context map[string][]string

// Set gives a key its values; empty ones are left out.
func (c Context) Set(key string, values ...string) {
	if len(values) > 0 {
		c[strings.ToLower(key)] = values
	}
}

// Get returns the values of a key; case does not count.
func (c Context) Get(key string) ([]string, bool) {
	v, ok := c[strings.ToLower(key)]
	return v, ok && len(v) > 0
}

// operator is a condition operator without its prefix and suffix.
type operator struct {
	forAll, forAny, ifExists bool
	null                     bool
	negated                  bool
	arn, text                bool // whether variables are replaced in its values
	// holds compares one value of the request with one of the policy, expanded
	// when arn or text.
	holds func(request, policy string, pattern []rune) bool
}

// parseOperator reports false for operators that IAM does not know.
func parseOperator(name string) (operator, bool) {
	var op operator
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		op.forAll, name = true, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		op.forAny, name = true, rest
	}
	if rest, ok := strings.CutSuffix(name, "IfExists"); ok {
		op.ifExists, name = true, rest
	}
	if name == "Null" {
		op.null = true
		return op, !op.ifExists && !op.forAll && !op.forAny
	}
	base := strings.Replace(name, "Not", "", 1)
	op.negated = base != name
	switch base {
	case "StringEquals":
		op.text = true
		op.holds = func(r, _ string, p []rune) bool { return literal(p) == r }
	case "StringEqualsIgnoreCase":
		op.text = true
		op.holds = func(r, _ string, p []rune) bool { return strings.EqualFold(literal(p), r) }
	case "StringLike":
		op.text = true
		op.holds = func(r, _ string, p []rune) bool { return matches(p, []rune(r)) }
	case "ArnEquals", "ArnLike":
		op.arn = true
		op.holds = func(r, _ string, p []rune) bool { return matchARN(p, r) }
	case "Bool":
		op.holds = func(r, p string, _ []rune) bool { return strings.EqualFold(r, p) }
	case "BinaryEquals":
		op.holds = func(r, p string, _ []rune) bool {
			a, errA := base64.StdEncoding.DecodeString(r)
			b, errB := base64.StdEncoding.DecodeString(p)
			return errA == nil && errB == nil && string(a) == string(b)
		}
	case "IpAddress":
		op.holds = inNetwork
	default:
		rest, numeric := strings.CutPrefix(base, "Numeric")
		compare := compareNumbers
		if !numeric {
			var date bool
			if rest, date = strings.CutPrefix(base, "Date"); !date {
				return op, false
			}
			compare = compareDates
		}
		accept, ok := orders[rest]
		if !ok {
			return op, false
		}
		op.holds = func(r, p string, _ []rune) bool {
			order, ok := compare(r, p)
			return ok && accept(order)
		}
	}
	// There is a negated form of the operators that test for equality only, and
	// NotIpAddress; and none of Bool and BinaryEquals.
	if op.negated {
		switch name {
		case "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike", "NotIpAddress", "NumericNotEquals", "DateNotEquals":
		default:
			return op, false
		}
	}
	return op, true
}

// orders tells which results of a comparison, request against policy, an
// operator accepts.
var orders = map[string]func(int) bool{
	"Equals":            func(o int) bool { return o == 0 },
	"LessThan":          func(o int) bool { return o < 0 },
	"LessThanEquals":    func(o int) bool { return o <= 0 },
	"GreaterThan":       func(o int) bool { return o > 0 },
	"GreaterThanEquals": func(o int) bool { return o >= 0 },
}

// literal is a pattern's text; its wildcards are plain characters there.
func literal(pattern []rune) string {
	out := make([]rune, len(pattern))
	for i, r := range pattern {
		switch r {
		case anyText:
			r = '*'
		case anyOne:
			r = '?'
		}
		out[i] = r
	}
	return string(out)
}

func compareNumbers(a, b string) (int, bool) {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y), errX == nil && errY == nil
}

func compareDates(a, b string) (int, bool) {
	x, okX := parseDate(a)
	y, okY := parseDate(b)
	return x.Compare(y), okX && okY
}

// parseDate takes the W3C profile of ISO 8601 and seconds since 1970.
func parseDate(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > 4 {
		return time.Unix(n, 0), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func inNetwork(request, network string, _ []rune) bool {
	addr, err := netip.ParseAddr(request)
	if err != nil {
		return false
	}
	if !strings.Contains(network, "/") {
		other, err := netip.ParseAddr(network)
		return err == nil && other == addr
	}
	prefix, err := netip.ParsePrefix(network)
	return err == nil && prefix.Masked().Contains(addr)
}

// holds evaluates one condition.
func (d *Document) holds(cond Condition, c Context) bool {
	op, ok := parseOperator(cond.Operator)
	if !ok {
		return false
	}
	values, there := c.Get(cond.Key)
	if op.null {
		// "true" wants the key to be missing.
		return slices.ContainsFunc(cond.Values, func(want string) bool { return strings.EqualFold(want, strconv.FormatBool(!there)) })
	}
	if !there {
		return op.ifExists || op.forAll || (op.negated && !op.forAny)
	}
	// One value of the request against all of the policy: any for an operator,
	// none for its negation.
	one := func(value string) bool {
		for _, want := range cond.Values {
			var pattern []rune
			if op.text || op.arn {
				expanded, ok := d.expand(want, c)
				if !ok {
					continue
				}
				pattern = expanded
			}
			if op.holds(value, want, pattern) {
				return !op.negated
			}
		}
		return op.negated
	}
	all := op.forAll || (op.negated && !op.forAny)
	for _, v := range values {
		if one(v) != all {
			return !all
		}
	}
	return all
}
