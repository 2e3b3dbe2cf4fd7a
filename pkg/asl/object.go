package asl

import (
	"maps"
	"slices"
	"sync/atomic"
)

// object is a JSON object that remembers the order of its keys: AWS passes
// objects on as they were written, and the order shows in texts made of them
// (States.JsonToString, States.Format, $string, $keys). An object is not
// changed once it is shared.
type object struct {
	keys    []string
	values  map[string]any
	jsonata atomic.Pointer[any] // the same as a value of gnata, made when first needed
}

func newObject(size int) *object {
	return &object{keys: make([]string, 0, size), values: make(map[string]any, size)}
}

// objectOf makes an object of keys and values in turn.
func objectOf(pairs ...any) *object {
	o := newObject(len(pairs) / 2)
	for i := 0; i+1 < len(pairs); i += 2 {
		o.set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// set adds or replaces a member. Only the maker of an object may call it.
func (o *object) set(key string, v any) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// clone is a copy that may be changed.
func (o *object) clone() *object {
	return &object{keys: slices.Clone(o.keys), values: maps.Clone(o.values)}
}

// with is a copy of the object with one member added or replaced.
func (o *object) with(key string, v any) *object {
	c := o.clone()
	c.set(key, v)
	return c
}

// members returns the members of a JSON object. The map must not be changed.
func members(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case *object:
		return v.values, true
	case map[string]any:
		return v, true
	}
	return nil, false
}

// contextOrder is the order of the context object's members, which is a plain
// map while it is put together.
var contextOrder = []string{"Execution", "StateMachine", "State", "Map", "Task"}

// keysOf returns the keys of a JSON object in its order. A plain map has none
// of its own: its keys are sorted behind those of the context object.
func keysOf(v any) []string {
	switch v := v.(type) {
	case *object:
		return v.keys
	case map[string]any:
		keys := make([]string, 0, len(v))
		for _, k := range contextOrder {
			if _, ok := v[k]; ok {
				keys = append(keys, k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains(contextOrder, k) {
				keys = append(keys, k)
			}
		}
		return keys
	}
	return nil
}
