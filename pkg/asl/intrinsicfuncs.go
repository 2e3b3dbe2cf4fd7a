package asl

import (
	"crypto/md5"  //nolint:gosec // the algorithms are the user's choice
	"crypto/sha1" //nolint:gosec
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// intrinsics are AWS's functions for JSONPath states, with AWS's limits.
// https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
var intrinsics = map[string]intrinsic{
	"States.Format":         {1, -1, statesFormat},
	"States.StringToJson":   {1, 1, statesStringToJSON},
	"States.JsonToString":   {1, 1, func(_ *runtime, a []any) (any, error) { return text(a[0]), nil }},
	"States.Array":          {0, -1, func(_ *runtime, a []any) (any, error) { return append([]any{}, a...), nil }},
	"States.ArrayPartition": {2, 2, onArray(statesArrayPartition)},
	"States.ArrayContains":  {2, 2, onArray(arrayContains)},
	"States.ArrayRange":     {3, 3, statesArrayRange},
	"States.ArrayGetItem":   {2, 2, onArray(arrayGetItem)},
	"States.ArrayLength":    {1, 1, onArray(func(a []any, _ []any) (any, error) { return jsonInt(int64(len(a))), nil })},
	"States.ArrayUnique":    {1, 1, onArray(func(a []any, _ []any) (any, error) { return javaSet(a), nil })},
	"States.Base64Encode":   {1, 1, statesBase64Encode},
	"States.Base64Decode":   {1, 1, statesBase64Decode},
	"States.Hash":           {2, 2, func(_ *runtime, a []any) (any, error) { return digest(a[0], a[1]) }},
	"States.JsonMerge":      {3, 3, statesJSONMerge},
	"States.MathRandom":     {2, 3, statesMathRandom},
	"States.MathAdd":        {2, 2, statesMathAdd},
	"States.StringSplit":    {2, 2, statesStringSplit},
	"States.UUID":           {0, 0, func(rt *runtime, _ []any) (any, error) { return rt.id(), nil }},
}

const (
	maxArray = 1000   // items that ArrayRange may produce
	maxText  = 10_000 // characters that Base64 and Hash accept
)

func onArray(f func(a []any, rest []any) (any, error)) func(*runtime, []any) (any, error) {
	return func(_ *runtime, args []any) (any, error) {
		a, ok := args[0].([]any)
		if !ok {
			return nil, errArguments
		}
		return f(a, args[1:])
	}
}

// statesFormat fills {} with the arguments; \{ and \} are braces.
func statesFormat(_ *runtime, args []any) (any, error) {
	template, ok := args[0].(string)
	if !ok {
		return nil, errArguments
	}
	args = args[1:]
	var out strings.Builder
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && i+1 < len(template):
			i++
			if n := template[i]; n != '{' && n != '}' && n != '\\' && n != '\'' {
				out.WriteByte(c)
			}
			out.WriteByte(template[i])
		case strings.HasPrefix(template[i:], "{}"):
			if len(args) == 0 {
				return nil, errArguments
			}
			out.WriteString(javaText(args[0]))
			args = args[1:]
			i++
		case c == '{':
			return nil, errors.New("Invalid template in States.Format: matching '}' not found for '{'.") //nolint:staticcheck // AWS's words
		case c == '}':
			return nil, errors.New("Invalid template in States.Format: matching '{' not found for '}'.") //nolint:staticcheck // AWS's words
		default:
			out.WriteByte(c)
		}
	}
	if len(args) > 0 {
		return nil, errArguments
	}
	return out.String(), nil
}

// javaText is what AWS puts into a format: Java's toString, {a=1, b=[x, y]}
// for objects and arrays.
func javaText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = javaText(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *object, map[string]any:
		m, _ := members(v)
		var parts []string
		for _, k := range keysOf(v) {
			parts = append(parts, k+"="+javaText(m[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return text(v)
}

// statesStringToJSON reads JSON; nothing at all is null.
func statesStringToJSON(_ *runtime, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errArguments
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	v, err := decode([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("Cannot convert String to Json in States.StringToJson, caused by: %w", err) //nolint:staticcheck // AWS's words
	}
	return v, nil
}

// truncated reads a number as most of AWS's functions do: without its
// fraction.
func truncated(v any) (int64, bool) {
	f, ok := number(v)
	return int64(f), ok && math.Abs(f) <= 1<<53
}

func statesArrayPartition(a []any, rest []any) (any, error) {
	n, ok := truncated(rest[0])
	if !ok || n < 1 {
		return nil, errArguments
	}
	return partition(a, n), nil
}

// partition cuts an array into chunks of n.
func partition(a []any, n int64) []any {
	out := []any{}
	for chunk := range slices.Chunk(a, int(min(n, max(1, int64(len(a)))))) {
		out = append(out, slices.Clone(chunk))
	}
	return out
}

// arrayContains compares values as they are printed, as AWS does: true is found
// as "true", and an object only with its keys in the same order.
func arrayContains(a []any, rest []any) (any, error) {
	want := javaText(rest[0])
	return slices.ContainsFunc(a, func(e any) bool { return javaText(e) == want }), nil
}

func statesArrayRange(_ *runtime, args []any) (any, error) {
	a, ok1 := truncated(args[0])
	b, ok2 := truncated(args[1])
	s, ok3 := truncated(args[2])
	if !ok1 || !ok2 || !ok3 || s == 0 || (b-a)/s >= maxArray {
		return nil, errArguments
	}
	return numberRange(a, b, s), nil
}

// numberRange is the numbers from first to last, both included.
func numberRange(first, last, step int64) []any {
	out := []any{}
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		out = append(out, jsonInt(i))
	}
	return out
}

// arrayGetItem gives an item. In an empty array AWS finds null.
func arrayGetItem(a []any, rest []any) (any, error) {
	i, ok := truncated(rest[0])
	switch {
	case !ok:
		return nil, errArguments
	case len(a) == 0:
		return nil, nil
	case i < 0 || i >= int64(len(a)):
		return nil, errArguments
	}
	return a[i], nil
}

func shortText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errArguments
	}
	if utf8.RuneCountInString(s) > maxText {
		return "", errArguments
	}
	return s, nil
}

func statesBase64Encode(_ *runtime, args []any) (any, error) {
	s, err := shortText(args[0])
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

// statesBase64Decode is as forgiving as AWS: it takes both alphabets, skips
// other characters, and needs no padding.
func statesBase64Decode(_ *runtime, args []any) (any, error) {
	s, err := shortText(args[0])
	if err != nil {
		return nil, err
	}
	s, _, _ = strings.Cut(s, "=")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case r < utf8.RuneSelf && strings.ContainsRune(base64Alphabet, r):
			return r
		}
		return -1
	}, s)
	if len(s)%4 == 1 { // six bits are no byte
		s = s[:len(s)-1]
	}
	b, err := base64.RawStdEncoding.DecodeString(s)
	return strings.ToValidUTF8(string(b), "\ufffd"), err
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func digest(data, algorithm any) (any, error) {
	s, ok := data.(string)
	if !ok {
		s = text(data)
	}
	if _, err := shortText(s); err != nil {
		return nil, err
	}
	name, _ := algorithm.(string)
	sum, known := hashes[name]
	if !known {
		return nil, errArguments
	}
	return sum([]byte(s)), nil
}

// hashes are the algorithms of States.Hash and $hash: hexadecimal digests.
var hashes = map[string]func([]byte) string{
	"MD5":     func(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) },  //nolint:gosec
	"SHA-1":   func(b []byte) string { return fmt.Sprintf("%x", sha1.Sum(b)) }, //nolint:gosec
	"SHA-256": func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) },
	"SHA-384": func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum384(b)) },
	"SHA-512": func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum512(b)) },
}

// statesJSONMerge merges shallowly: the second object wins. AWS has no deep
// merge either; whatever else is the third argument asks for the shallow one.
func statesJSONMerge(_ *runtime, args []any) (any, error) {
	_, ok1 := members(args[0])
	b, ok2 := members(args[1])
	if !ok1 || !ok2 || args[2] == true {
		return nil, errArguments
	}
	out := asObject(args[0]).clone()
	for _, k := range keysOf(args[1]) {
		out.set(k, b[k])
	}
	return out, nil
}

// statesMathRandom is an integer from the first (included) to the second
// (excluded) argument.
func statesMathRandom(rt *runtime, args []any) (any, error) {
	a, ok1 := truncated(args[0])
	b, ok2 := truncated(args[1])
	if !ok1 || !ok2 || a >= b {
		return nil, errArguments
	}
	if len(args) < 3 {
		return jsonInt(a + rt.rand.Int63n(b-a)), nil
	}
	seed, ok := truncated(args[2])
	if !ok {
		return nil, errArguments
	}
	return jsonInt(a + int64(newJavaRandom(seed).double()*float64(b-a))), nil
}

// statesMathAdd adds what it rounds to the nearest integers, halves upwards.
// Operands and sum have 32 bits.
func statesMathAdd(_ *runtime, args []any) (any, error) {
	sum := int64(0)
	for _, v := range args {
		f, ok := number(v)
		if f = math.Floor(f + 0.5); !ok || !fits32(f) {
			return nil, errArguments
		}
		sum += int64(f)
	}
	if !fits32(float64(sum)) {
		return nil, errArguments
	}
	return jsonInt(sum), nil
}

func fits32(f float64) bool { return f >= math.MinInt32 && f <= math.MaxInt32 }

// statesStringSplit splits at any of the given characters and drops empty
// parts.
func statesStringSplit(_ *runtime, args []any) (any, error) {
	s, ok1 := args[0].(string)
	delimiters, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return nil, errArguments
	}
	out := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		out = append(out, part)
	}
	return out, nil
}
