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
	"States.ArrayPartition": {2, 2, onArray(func(a []any, args []any) (any, error) { return partition(a, args[0]) })},
	"States.ArrayContains":  {2, 2, onArray(arrayContains)},
	"States.ArrayRange":     {3, 3, func(_ *runtime, a []any) (any, error) { return numberRange(a[0], a[1], a[2]) }},
	"States.ArrayGetItem":   {2, 2, onArray(arrayGetItem)},
	"States.ArrayLength":    {1, 1, onArray(func(a []any, _ []any) (any, error) { return jsonInt(int64(len(a))), nil })},
	"States.ArrayUnique":    {1, 1, onArray(arrayUnique)},
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
			return nil, fmt.Errorf("the first argument must be an array, but was the %s %s", typeName(args[0]), text(args[0]))
		}
		return f(a, args[1:])
	}
}

// statesFormat fills {} with the arguments; \{ and \} are braces.
func statesFormat(_ *runtime, args []any) (any, error) {
	template, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the template must be a string")
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
				return nil, errors.New("there are more {} than arguments")
			}
			out.WriteString(javaText(args[0]))
			args = args[1:]
			i++
		case c == '{' || c == '}':
			return nil, errors.New("matching braces are {} only; write \\{ and \\} for braces")
		default:
			out.WriteByte(c)
		}
	}
	if len(args) > 0 {
		return nil, errors.New("there are more arguments than {}")
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
		return nil, fmt.Errorf("the argument must be a string, but was %s", typeName(args[0]))
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	return decode([]byte(s))
}

// rounded reads a number as AWS's numeric functions do: to the nearest integer.
func rounded(v any) (int64, bool) {
	f, ok := number(v)
	if !ok || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(math.Floor(f + 0.5)), true
}

func partition(a []any, size any) (any, error) {
	n, ok := rounded(size)
	if !ok || n < 1 {
		return nil, fmt.Errorf("the chunk size must be a positive integer, but was %s", text(size))
	}
	out := []any{}
	for len(a) > 0 {
		k := min(int(min(n, int64(len(a)))), len(a))
		out = append(out, append([]any{}, a[:k]...))
		a = a[k:]
	}
	return out, nil
}

func arrayContains(a []any, rest []any) (any, error) {
	for _, e := range a {
		if equal(e, rest[0]) {
			return true, nil
		}
	}
	return false, nil
}

func numberRange(first, last, step any) (any, error) {
	a, ok1 := rounded(first)
	b, ok2 := rounded(last)
	s, ok3 := rounded(step)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("the arguments must be numbers, but were %s, %s and %s", text(first), text(last), text(step))
	}
	if s == 0 {
		return nil, errors.New("the step must not be 0")
	}
	if n := (b - a) / s; n >= maxArray {
		return nil, fmt.Errorf("there would be more than %d items", maxArray)
	}
	out := []any{}
	for i := a; s > 0 && i <= b || s < 0 && i >= b; i += s {
		out = append(out, jsonInt(i))
	}
	return out, nil
}

func arrayGetItem(a []any, rest []any) (any, error) {
	i, ok := integer(rest[0])
	if !ok || i < 0 || i >= int64(len(a)) {
		return nil, fmt.Errorf("there is no item %s in an array of %d", text(rest[0]), len(a))
	}
	return a[i], nil
}

func arrayUnique(a []any, _ []any) (any, error) {
	out := []any{}
	for _, e := range a {
		if found, _ := arrayContains(out, []any{e}); found == false {
			out = append(out, e)
		}
	}
	return out, nil
}

func shortText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("the argument must be a string, but was %s", typeName(v))
	}
	if n := utf8.RuneCountInString(s); n > maxText {
		return "", fmt.Errorf("the string has %d characters, more than %d", n, maxText)
	}
	return s, nil
}

func statesBase64Encode(_ *runtime, args []any) (any, error) {
	s, err := shortText(args[0])
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

func statesBase64Decode(_ *runtime, args []any) (any, error) {
	s, err := shortText(args[0])
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return string(b), nil
}

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
		return nil, fmt.Errorf("the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, but was %s", text(algorithm))
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
// merge either and wants false as third argument.
func statesJSONMerge(_ *runtime, args []any) (any, error) {
	_, ok1 := members(args[0])
	b, ok2 := members(args[1])
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("the first two arguments must be objects, but were %s and %s", typeName(args[0]), typeName(args[1]))
	}
	if args[2] != false {
		return nil, errors.New("only the shallow merge is supported: the third argument must be false")
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
	a, ok1 := rounded(args[0])
	b, ok2 := rounded(args[1])
	if !ok1 || !ok2 || a >= b {
		return nil, fmt.Errorf("the first two arguments must be numbers, the second the greater one, but were %s and %s", text(args[0]), text(args[1]))
	}
	if len(args) < 3 {
		return jsonInt(a + rt.rand.Int63n(b-a)), nil
	}
	seed, ok := rounded(args[2])
	if !ok {
		return nil, fmt.Errorf("the seed must be an integer, but was %s", text(args[2]))
	}
	return jsonInt(a + int64(newJavaRandom(seed).double()*float64(b-a))), nil
}

func statesMathAdd(_ *runtime, args []any) (any, error) {
	a, ok1 := rounded(args[0])
	b, ok2 := rounded(args[1])
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("the arguments must be numbers, but were %s and %s", text(args[0]), text(args[1]))
	}
	return jsonInt(a + b), nil
}

// statesStringSplit splits at any of the given characters and drops empty
// parts.
func statesStringSplit(_ *runtime, args []any) (any, error) {
	s, ok1 := args[0].(string)
	delimiters, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("the arguments must be strings, but were %s and %s", typeName(args[0]), typeName(args[1]))
	}
	out := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		out = append(out, part)
	}
	return out, nil
}
