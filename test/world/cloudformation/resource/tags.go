package resource

import (
	"maps"
	"slices"
)

// tags joins the stack's tags and the resource's own, which win.
func (x *Context) tags(own []Tag) map[string]string { return join(x.Tags, own) }

func join(stack, own []Tag) map[string]string {
	out := map[string]string{}
	for _, t := range stack {
		out[t.Key] = t.Value
	}
	for _, t := range own {
		out[t.Key] = t.Value
	}
	return out
}

// tagsAs writes tags as a service's own type, sorted by key.
func tagsAs[T any](tags map[string]string, as func(key, value *string) T) []T {
	var out []T
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		out = append(out, as(&key, &value))
	}
	return out
}

// changed gives what to set and what to remove to get from old to tags.
func changed(old, tags map[string]string) (set map[string]string, remove []string) {
	set = map[string]string{}
	for key, value := range tags {
		if was, ok := old[key]; !ok || was != value {
			set[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, ok := tags[key]; !ok {
			remove = append(remove, key)
		}
	}
	return set, remove
}

// retag brings a resource's tags up to date by the service's two operations.
func retag(x *Context, old, is []Tag, set func(tags map[string]string) error, remove func(keys []string) error) error {
	put, gone := changed(join(x.Before, old), x.tags(is))
	if len(put) > 0 {
		if err := set(put); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		return remove(gone)
	}
	return nil
}
