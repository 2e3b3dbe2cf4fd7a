package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"time"

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

// function returns the value to bind for a function that AWS adds to JSONata
// or whose standard version would read the wall clock or the global source of
// random numbers.
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
func (rt *runtime) function(name string) (any, bool) {
	if rt.functions == nil {
		own := map[string]gnata.CustomFunc{
			"partition": jsonataPartition,
			"range":     jsonataRange,
			"hash":      jsonataHash,
			"parse":     jsonataParse,
			"random":    rt.jsonataRandom,
			"uuid":      func([]any, any) (any, error) { return rt.id(), nil },
			"now":       rt.jsonataNow,
			"millis":    func([]any, any) (any, error) { return float64(rt.clock.Now().UnixMilli()), nil },
			"shuffle":   rt.jsonataShuffle,
			"eval": func([]any, any) (any, error) {
				return nil, errors.New("$eval is not supported by Step Functions; use $parse")
			},
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

// timeLayout is how AWS and JSONata write times: UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

var fromMillis = func() *gnata.Expression {
	e, err := gnata.Compile("$fromMillis($ms, $picture, $zone)")
	if err != nil {
		panic(err)
	}
	return e
}()

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

// $partition(array, size) cuts an array into chunks.
func jsonataPartition(args []any, _ any) (any, error) {
	a, ok := argument(args, 0).([]any)
	if !ok {
		return nil, fmt.Errorf("$partition: the first argument must be an array, but was %s", typeName(argument(args, 0)))
	}
	out, err := partition(a, argument(args, 1))
	if err != nil {
		return nil, fmt.Errorf("$partition: %w", err)
	}
	return toJSONata(out), nil
}

// $range(first, last, step), both ends included.
func jsonataRange(args []any, _ any) (any, error) {
	out, err := numberRange(argument(args, 0), argument(args, 1), argument(args, 2))
	if err != nil {
		return nil, fmt.Errorf("$range: %w", err)
	}
	return toJSONata(out), nil
}

// $hash(data, algorithm) is the hex digest.
func jsonataHash(args []any, _ any) (any, error) {
	out, err := digest(argument(args, 0), argument(args, 1))
	if err != nil {
		return nil, fmt.Errorf("$hash: %w", err)
	}
	return out, nil
}

// $random([seed]) is a number in [0, 1).
func (rt *runtime) jsonataRandom(args []any, _ any) (any, error) {
	if len(args) == 0 {
		return rt.rand.Float64(), nil
	}
	seed, ok := integer(args[0])
	if !ok {
		return nil, fmt.Errorf("$random: the seed must be an integer, but was %s", text(args[0]))
	}
	return rand.New(rand.NewSource(seed)).Float64(), nil
}

func (rt *runtime) jsonataShuffle(args []any, _ any) (any, error) {
	a, ok := argument(args, 0).([]any)
	if !ok {
		return toJSONata([]any{argument(args, 0)}), nil
	}
	out := append([]any{}, a...)
	rt.rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return toJSONata(out), nil
}

// $parse(text) reads JSON.
func jsonataParse(args []any, _ any) (any, error) {
	s, ok := argument(args, 0).(string)
	if !ok {
		return nil, fmt.Errorf("$parse: the argument must be a string, but was %s", typeName(argument(args, 0)))
	}
	v, err := decode([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("$parse: the string is not JSON: %w", err)
	}
	return toJSONata(v), nil
}

func jsonInt(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }
