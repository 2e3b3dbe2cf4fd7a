package asl

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxSeconds is AWS's largest timeout and wait.
const maxSeconds = 99_999_999

// maxDefinition is AWS's largest definition, in bytes.
const maxDefinition = 1 << 20

// Parse reads and validates a definition. The error is a *DefinitionError with
// every problem that was found: unknown and missing fields, fields of the
// other query language, transitions to states that do not exist, states that
// nothing leads to, expressions and paths that do not parse.
func Parse(definition []byte) (*Machine, error) {
	var errs []Problem
	if len(definition) > maxDefinition {
		return nil, &DefinitionError{[]Problem{{"$", fmt.Sprintf("has %d bytes, more than %d", len(definition), maxDefinition)}}}
	}
	v, err := decode(definition)
	if err != nil {
		return nil, &DefinitionError{[]Problem{{"$", "is not JSON: " + err.Error()}}}
	}
	if at, key, twice := duplicateKey(definition); twice {
		errs = append(errs, Problem{at, fmt.Sprintf("the key %q is there twice", key)})
	}
	m := &Machine{}
	if r, ok := newReader("$", v, &errs); ok {
		m.comment = r.text("Comment")
		if v := r.text("Version"); r.has("Version") && v != "1.0" {
			r.problem("Version", "must be \"1.0\", but is %q", v)
		}
		m.timeout = time.Duration(r.integer("TimeoutSeconds", 1, maxSeconds, 0)) * time.Second
		p := &parser{jsonata: r.language(false), errs: &errs, names: map[string]bool{}}
		m.body = p.block(r, nil)
		r.unknown(unknownField)
	}
	if len(errs) > 0 {
		return nil, &DefinitionError{errs}
	}
	return m, nil
}

// parser carries what the states inherit.
type parser struct {
	jsonata bool            // the machine's query language
	names   map[string]bool // of all states: they are unique in the whole machine
	errs    *[]Problem
}

func (r *reader) language(otherwise bool) (jsonata bool) {
	switch q := r.text("QueryLanguage"); {
	case !r.has("QueryLanguage"):
		return otherwise
	case q == "JSONata":
		return true
	case q != "JSONPath":
		r.problem("QueryLanguage", "must be \"JSONPath\" or \"JSONata\", but is %q", q)
	}
	return false
}

// block reads StartAt and States. outer has the variables that enclosing
// blocks assign: an inner scope must not assign them.
func (p *parser) block(r *reader, outer map[string]bool) *block {
	b := &block{startAt: r.required("StartAt"), states: map[string]*state{}}
	v, ok := r.take("States")
	if !ok {
		r.problem("States", "is missing")
		return b
	}
	all, ok := newReader(r.at+".States", v, p.errs)
	if !ok {
		return b
	}
	if len(all.m) == 0 {
		all.problem("", "must have at least one state")
		return b
	}
	names := slices.Sorted(maps.Keys(all.m))
	assigned := maps.Clone(outer)
	if assigned == nil {
		assigned = map[string]bool{}
	}
	for _, name := range names {
		collectAssigned(all.m[name], assigned)
	}
	for _, name := range names {
		if n := len([]rune(name)); n == 0 || n > 80 {
			all.problem("", "the state name %q must have 1 to 80 characters, but has %d", name, n)
		}
		if p.names[name] {
			all.problem("", "the state name %q is used twice in the machine", name)
		}
		p.names[name] = true
		sr, ok := newReader(fmt.Sprintf("%s['%s']", all.at, name), all.m[name], p.errs)
		if !ok {
			continue
		}
		if s := p.state(name, sr, outer, assigned); s != nil {
			b.states[name] = s
		}
	}
	if len(b.states) == len(all.m) {
		p.transitions(r, b)
	}
	return b
}

// state reads one state. Fields that its type and query language do not have
// are problems.
func (p *parser) state(name string, r *reader, outer, assigned map[string]bool) *state {
	s := &state{name: name, kind: kind(r.required("Type")), jsonata: p.jsonata}
	r.text("Comment")
	if s.jsonata = r.language(p.jsonata); p.jsonata && !s.jsonata {
		r.problem("QueryLanguage", "a state of a JSONata machine cannot be JSONPath")
	}
	f := &fields{reader: r, p: p, s: s, outer: outer, assigned: assigned}
	read, ok := map[kind]func(){
		kindPass: f.pass, kindTask: f.task, kindChoice: f.choice, kindWait: f.wait,
		kindSucceed: f.succeed, kindFail: f.fail, kindParallel: f.parallel, kindMap: f.mapState,
	}[s.kind]
	if !ok {
		if r.has("Type") {
			r.problem("Type", "must be Pass, Task, Choice, Wait, Succeed, Fail, Parallel or Map, but is %q", s.kind)
		}
		return nil
	}
	read()
	r.unknown(f.reason)
	return s
}

// transitions checks that every transition leads to a state, and that every
// state can be reached.
func (p *parser) transitions(r *reader, b *block) {
	reached := map[string]bool{}
	var todo []string
	visit := func(at *reader, field, name string) {
		if name == "" || reached[name] {
			return
		}
		if b.states[name] == nil {
			at.problem(field, "there is no state %q here", name)
			return
		}
		reached[name] = true
		todo = append(todo, name)
	}
	visit(r, "StartAt", b.startAt)
	for len(todo) > 0 {
		s := b.states[todo[0]]
		todo = todo[1:]
		at := &reader{at: fmt.Sprintf("%s.States['%s']", r.at, s.name), errs: p.errs}
		visit(at, "Next", s.next)
		visit(at, "Default", s.byDefault)
		for i, c := range s.choices {
			visit(at, fmt.Sprintf("Choices[%d].Next", i), c.next)
		}
		for i, c := range s.catch {
			visit(at, fmt.Sprintf("Catch[%d].Next", i), c.next)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.states)) {
		if !reached[name] {
			*p.errs = append(*p.errs, Problem{fmt.Sprintf("%s.States['%s']", r.at, name), "no transition leads to this state"})
		}
	}
}
