package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/recolabs/gnata"
)

// runtime is what evaluation takes from outside: time, chance and identities.
type runtime struct {
	clock     clock.Clock
	rand      *rand.Rand
	id        func() string
	functions map[string]any // gnata's function values by name
}

// function returns the value to bind for a function that AWS adds to JSONata,
// that AWS answers differently, or whose standard version would read the wall
// clock or the global source of random numbers.
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
func (rt *runtime) function(name string) (any, bool) {
	if rt.functions == nil {
		own := map[string]gnata.CustomFunc{
			"partition": limited("partition", 2, jsonataPartition),
			"range":     limited("range", 3, jsonataRange),
			"hash":      limited("hash", 2, jsonataHash),
			"parse":     limited("parse", 1, jsonataParse),
			"random":    limited("random", 1, rt.jsonataRandom),
			"uuid":      limited("uuid", 0, func([]any, any) (any, error) { return rt.id(), nil }),
			"now":       rt.jsonataNow,
			"millis":    func([]any, any) (any, error) { return float64(rt.clock.Now().UnixMilli()), nil },
			"shuffle":   rt.jsonataShuffle,
			"match":     jsonataMatch,
			"pad":       jsonataPad,
			"eval":      func([]any, any) (any, error) { return nil, jsonataError("T1006", "Attempted to invoke a non-function") },
		}
		env := gnata.NewCustomEnv(own)
		rt.functions = make(map[string]any, len(own))
		for name := range own {
			rt.functions[name], _ = env.LookupDirect(name)
		}
	}
	f, ok := rt.functions[name]
	return f, ok
}

func jsonataError(code, format string, args ...any) error {
	return fmt.Errorf("%s: %s", code, fmt.Sprintf(format, args...))
}

func notSignature(name string, argument int) error {
	return jsonataError("T0410", "Argument %d of function \"%s\" does not match function signature", argument, name)
}

// limited refuses arguments beyond those that the function takes.
func limited(name string, most int, f gnata.CustomFunc) gnata.CustomFunc {
	return func(args []any, focus any) (any, error) {
		if len(args) > most {
			return nil, notSignature(name, most+1)
		}
		return f(args, focus)
	}
}

var matchWithIndex = mustCompile(`$match($text, $pattern, $limit).{
	"match": match, "index": $exists(index) ? index : start, "groups": groups}`)

// $match(text, pattern [, limit]) names the index of each match; gnata's gives
// start and end instead.
func jsonataMatch(args []any, _ any) (any, error) {
	return matchWithIndex.EvalWithVars(context.Background(), nil, map[string]any{
		"text": argument(args, 0), "pattern": argument(args, 1), "limit": argument(args, 2),
	})
}

func mustCompile(src string) *gnata.Expression {
	e, err := gnata.Compile(src)
	if err != nil {
		panic(err)
	}
	return e
}

// maxPadded bounds what $pad makes: AWS refuses values of more than about 7 MB.
const maxPadded = 7_000_000

// $pad(text, width [, characters]) is as in JSONata; gnata's has a width of
// 10,000 at most. Behind a dot the text is the context.
func jsonataPad(args []any, focus any) (any, error) {
	if _, isNumber := number(argument(args, 0)); isNumber {
		args = append([]any{focus}, args...)
	}
	if argument(args, 0) == nil {
		return nil, nil
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, notSignature("pad", 1)
	}
	width, err := towardsZero("pad", args, 1)
	if err != nil {
		return nil, err
	}
	fill := " "
	if f := argument(args, 2); f != nil {
		if fill, ok = f.(string); !ok {
			return nil, notSignature("pad", 3)
		}
	}
	if fill == "" {
		fill = " "
	}
	missing := max(width, -width) - int64(utf8.RuneCountInString(s))
	switch {
	case missing <= 0:
		return s, nil
	case missing > maxPadded:
		return nil, errMemory
	}
	padding := []rune(strings.Repeat(fill, int(missing)/utf8.RuneCountInString(fill)+1))[:missing]
	if width < 0 {
		return string(padding) + s, nil
	}
	return s + string(padding), nil
}

// timeLayout is how AWS and JSONata write times: UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

var fromMillis = mustCompile("$fromMillis($ms, $picture, $zone)")

// $now([picture [, timezone]]) is the clock's time.
func (rt *runtime) jsonataNow(args []any, _ any) (any, error) {
	now := rt.clock.Now()
	if argument(args, 0) == nil {
		return stamp(now), nil
	}
	return fromMillis.EvalWithVars(context.Background(), nil, map[string]any{
		"ms": float64(now.UnixMilli()), "picture": args[0], "zone": argument(args, 1),
	})
}

// towardsZero reads a number as AWS's functions do: without its fraction.
func towardsZero(name string, args []any, i int) (int64, error) {
	f, ok := number(argument(args, i))
	if !ok || math.Abs(f) > 1<<53 {
		return 0, notSignature(name, i+1)
	}
	return int64(f), nil
}

// $partition(array, size) cuts an array into chunks. No array, an empty one and
// a size of 0 give nothing; without a size there is one chunk.
func jsonataPartition(args []any, _ any) (any, error) {
	if argument(args, 0) == nil {
		return nil, nil
	}
	a, ok := args[0].([]any)
	switch {
	case !ok:
		return nil, jsonataError("T0412", "Argument 1 of function \"partition\" must be an array of undefined")
	case len(a) == 0:
		return nil, nil
	case len(args) < 2:
		return []any{a}, nil
	}
	size, err := towardsZero("partition", args, 1)
	switch {
	case err != nil:
		return nil, err
	case size < 0:
		return nil, jsonataError("D3137", "Second argument must be zero or greater")
	case size == 0:
		return nil, nil
	}
	return partition(a, size), nil
}

// maxRange bounds the items of $range: AWS refuses values of more than about
// 7 MB, and a number counts as 8 bytes.
const maxRange = 873_782

// $range(first, last, step), both ends included. Without a step, or with one
// that leads away from last, there is nothing; one item is not in an array.
func jsonataRange(args []any, _ any) (any, error) {
	first, err := towardsZero("range", args, 0)
	if err != nil {
		return nil, err
	}
	last, err := towardsZero("range", args, 1)
	if err != nil {
		return nil, err
	}
	if argument(args, 2) == nil {
		return nil, nil
	}
	step, err := towardsZero("range", args, 2)
	if err != nil {
		return nil, err
	}
	switch {
	case step == 0, step > 0 && first > last, step < 0 && first < last:
		return nil, nil
	case first == last:
		return jsonInt(first), nil
	case (last-first)/step >= maxRange:
		return nil, errMemory
	}
	return numberRange(first, last, step), nil
}

var errMemory = fmt.Errorf("Expression evaluation memory limit exceeded: Check for excessive memory usage") //nolint:staticcheck // AWS's words

// $hash(data, algorithm) is the hex digest.
func jsonataHash(args []any, _ any) (any, error) {
	if _, ok := argument(args, 0).(string); !ok {
		return nil, notSignature("hash", 1)
	}
	if argument(args, 1) == nil {
		return nil, nil
	}
	algorithm, ok := args[1].(string)
	if !ok {
		return nil, notSignature("hash", 2)
	}
	sum, known := hashes[algorithm]
	if !known {
		return nil, jsonataError("D3137", "Hash algorithm '%s' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5", algorithm)
	}
	return sum([]byte(args[0].(string))), nil
}

// $random([seed]) is a number in [0, 1).
func (rt *runtime) jsonataRandom(args []any, _ any) (any, error) {
	if argument(args, 0) == nil {
		return rt.rand.Float64(), nil
	}
	seed, err := towardsZero("random", args, 0)
	if err != nil {
		return nil, err
	}
	return newJavaRandom(seed).double(), nil
}

func (rt *runtime) jsonataShuffle(args []any, _ any) (any, error) {
	if argument(args, 0) == nil {
		return nil, nil
	}
	a, ok := args[0].([]any)
	if !ok {
		return []any{args[0]}, nil
	}
	out := append([]any{}, a...)
	rt.rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// $parse(text) reads JSON. AWS refuses keys that are there twice.
func jsonataParse(args []any, _ any) (any, error) {
	if argument(args, 0) == nil {
		return nil, nil
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, notSignature("parse", 1)
	}
	v, err := decode([]byte(s))
	if err != nil || strings.TrimSpace(s) == "" {
		return nil, jsonataError("D3137", "Invalid JSON")
	}
	if _, _, twice := duplicateKey([]byte(s)); twice {
		return nil, jsonataError("D3137", "Invalid JSON")
	}
	return toJSONata(v), nil
}

func jsonInt(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }
