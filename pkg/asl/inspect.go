package asl

import (
	"maps"
	"slices"
)

// StateInfo is what a checker of definitions wants to know about one state.
type StateInfo struct {
	Path       string // "Outer/Branches[0]/Inner"; top-level states: their name
	Name       string
	Type       string   // Pass, Task, ...
	Resource   string   // of Task
	Next       []string // every state it can lead to in its own block: Next, Default, Choices, Catch
	End        bool     // it can end its block by itself: End, Succeed, Fail
	HasTimeout bool     // of Task: TimeoutSeconds or TimeoutSecondsPath is there
	Retry      [][]string
	Catch      [][]string // ErrorEquals of each entry
}

// States lists all states, the nested ones after the one they are in, in the
// order of their names.
func (m *Machine) States() []StateInfo { return m.body.list("", nil) }

func (b *block) list(prefix string, out []StateInfo) []StateInfo {
	for _, name := range slices.Sorted(maps.Keys(b.states)) {
		s := b.states[name]
		info := StateInfo{
			Path: prefix + name, Name: name, Type: string(s.kind), Resource: s.resource.arn,
			End: s.end || s.kind == kindSucceed || s.kind == kindFail, HasTimeout: s.timeout != nil,
		}
		lead := func(to string) {
			if to != "" && !slices.Contains(info.Next, to) {
				info.Next = append(info.Next, to)
			}
		}
		lead(s.next)
		for _, c := range s.choices {
			lead(c.next)
		}
		lead(s.byDefault)
		for _, r := range s.retry {
			info.Retry = append(info.Retry, r.errors)
		}
		for _, c := range s.catch {
			info.Catch = append(info.Catch, c.errors)
			lead(c.next)
		}
		out = append(out, info)
		for i, inner := range s.branches {
			out = inner.list(prefix+name+"/Branches["+string(jsonInt(int64(i)))+"]/", out)
		}
		if s.processor != nil {
			out = s.processor.list(prefix+name+"/ItemProcessor/", out)
		}
	}
	return out
}
