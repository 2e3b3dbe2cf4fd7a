package asl

import (
	"cmp"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"
)

// Where AWS collects values in a java.util.HashMap or HashSet, the order in
// which they come out follows from their hash codes.

// javaHashOrder sorts keys as java.util.HashMap iterates over them.
func javaHashOrder(keys []string) []string {
	size := javaTable(len(keys))
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Compare(javaBucket(javaHash(a), size), javaBucket(javaHash(b), size))
	})
	return keys
}

// javaSet is what a java.util.HashSet makes of an array: every value once.
func javaSet(a []any) []any {
	size := javaTable(len(a))
	buckets := map[uint32][]any{}
	var used []uint32
	for _, e := range a {
		b := javaBucket(javaHash(e), size)
		if slices.ContainsFunc(buckets[b], func(o any) bool { return javaEqual(o, e) }) {
			continue
		}
		if len(buckets[b]) == 0 {
			used = append(used, b)
		}
		buckets[b] = append(buckets[b], e)
	}
	slices.Sort(used)
	out := []any{}
	for _, b := range used {
		out = append(out, buckets[b]...)
	}
	return out
}

// javaTable is the size of the hash table for so many values.
func javaTable(n int) uint32 {
	size := uint32(16)
	for float64(n) > 0.75*float64(size) {
		size *= 2
	}
	return size
}

func javaBucket(hash, size uint32) uint32 { return (hash ^ hash>>16) & (size - 1) }

// javaHash is hashCode of the value that Java makes of JSON.
func javaHash(v any) uint32 {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1231
		}
		return 1237
	case string:
		var h uint32
		for _, unit := range utf16.Encode([]rune(v)) {
			h = 31*h + uint32(unit)
		}
		return h
	case []any:
		h := uint32(1)
		for _, e := range v {
			h = 31*h + javaHash(e)
		}
		return h
	}
	if m, isObject := members(v); isObject {
		var h uint32
		for k, e := range m {
			h += javaHash(k) ^ javaHash(e)
		}
		return h
	}
	if i, isInteger := javaInteger(v); isInteger {
		if i.IsInt64() {
			n := i.Int64()
			if n == int64(int32(n)) {
				return uint32(n) //nolint:gosec // the same bits
			}
			return uint32(n) ^ uint32(n>>32) //nolint:gosec // the same bits
		}
		var h uint32
		for b := i.Bytes(); len(b) > 0; { // BigInteger: words of 32 bits
			n := (len(b)-1)%4 + 1
			var word uint32
			for _, c := range b[:n] {
				word = word<<8 | uint32(c)
			}
			h, b = 31*h+word, b[n:]
		}
		return h * uint32(i.Sign()) //nolint:gosec // two's complement
	}
	f, _ := number(v)
	bits := math.Float64bits(f)
	return uint32(bits) ^ uint32(bits>>32) //nolint:gosec // the same bits
}

// javaInteger says whether Java reads a number as an integer, and not as a
// double.
func javaInteger(v any) (*big.Int, bool) {
	switch n := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(n), ".eE") {
			return nil, false
		}
		return new(big.Int).SetString(string(n), 10)
	case int:
		return big.NewInt(int64(n)), true
	}
	return nil, false
}

// javaEqual is equals of what Java makes of JSON: 1 is not 1.0.
func javaEqual(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, javaEqual)
	case *object, map[string]any:
		m, _ := members(a)
		n, ok := members(b)
		if !ok || len(m) != len(n) {
			return false
		}
		for k, e := range m {
			if f, has := n[k]; !has || !javaEqual(e, f) {
				return false
			}
		}
		return true
	}
	x, whole := javaInteger(a)
	y, other := javaInteger(b)
	if whole && other {
		return x.Cmp(y) == 0
	}
	return whole == other && equal(a, b)
}
