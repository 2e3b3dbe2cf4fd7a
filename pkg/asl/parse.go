package asl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxSeconds is AWS's largest timeout and wait.
const maxSeconds = 99_999_999

// maxDefinition is AWS's largest definition, in bytes.
const maxDefinition = 1 << 20

// Parse reads and validates a definition. The error is a *DefinitionError with
// everything for which AWS would refuse it: unknown and missing fields, fields
// of the other query language, transitions to states that do not exist, states
// that nothing leads to, expressions and paths that do not parse.
func Parse(definition []byte) (*Machine, error) {
	m, all := parse(definition)
	errs := slices.DeleteFunc(all, func(d Diagnostic) bool { return d.Severity != SeverityError })
	if len(errs) > 0 {
		return nil, &DefinitionError{errs}
	}
	return m, nil
}

func parse(definition []byte) (*Machine, []Diagnostic) {
	var all []Diagnostic
	notAnObject := []Diagnostic{{SeverityError, schemaFailed, "Definition must be a valid JSON object", ""}}
	if strings.TrimSpace(string(definition)) == "" {
		return nil, notAnObject
	}
	if len(definition) > maxDefinition {
		return nil, []Diagnostic{{SeverityError, schemaFailed, fmt.Sprintf("The definition has %d bytes, more than %d", len(definition), maxDefinition), ""}}
	}
	v, err := decode(definition)
	if err != nil {
		return nil, []Diagnostic{notJSON(definition, err)}
	}
	if _, isObject := members(v); !isObject {
		return nil, notAnObject
	}
	if at, key, twice := duplicateKey(definition); twice {
		return nil, []Diagnostic{{SeverityError, invalidJSON, fmt.Sprintf("Duplicate field '%s'", key), at}}
	}
	r, _ := newReader("", v, &all)
	m := &Machine{}
	m.comment = r.text("Comment")
	r.oneOf("Version", "1.0")
	m.timeout = time.Duration(r.integer("TimeoutSeconds", 0, maxSeconds, 0)) * time.Second
	p := &parser{errs: &all, names: map[string]bool{}, labels: map[string]bool{}}
	p.jsonata = r.oneOf("QueryLanguage", "JSONPath", "JSONata") == "JSONata"
	m.body = p.block(r, nil)
	r.unknown(unknownField)
	if !hasErrors(all) {
		p.transitions(m.body, "", true)
	}
	return m, all
}

// parseState reads one state that stands alone.
func parseState(definition []byte, name string) (*state, error) {
	v, err := decode(definition)
	if err != nil {
		return nil, &DefinitionError{[]Diagnostic{notJSON(definition, err)}}
	}
	var all []Diagnostic
	var s *state
	if r, ok := newReader("", v, &all); ok {
		p := &parser{errs: &all, names: map[string]bool{name: true}, labels: map[string]bool{}}
		s = p.state(name, r, nil, map[string]bool{})
	}
	all = slices.DeleteFunc(all, func(d Diagnostic) bool { return d.Severity != SeverityError })
	if len(all) > 0 {
		return nil, &DefinitionError{all}
	}
	return s, nil
}

func hasErrors(all []Diagnostic) bool {
	return slices.ContainsFunc(all, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// parser carries what the states inherit.
type parser struct {
	jsonata bool            // the machine's query language
	names   map[string]bool // of all states: they are unique in the whole machine
	labels  map[string]bool // of all Distributed Maps
	errs    *[]Diagnostic
}

// block reads StartAt and States. outer has the variables that enclosing
// blocks assign: an inner scope must not assign them.
func (p *parser) block(r *reader, outer map[string]bool) *block {
	b := &block{states: map[string]*state{}}
	r.require("States", "StartAt")
	b.startAt = r.nonEmpty("StartAt")
	v, ok := r.take("States")
	if !ok {
		return b
	}
	all, ok := newReader(r.at+"/States", v, p.errs)
	if !ok {
		return b
	}
	if len(all.m) == 0 {
		all.problem("", "Value cannot be empty")
		return b
	}
	assigned := maps.Clone(outer)
	if assigned == nil {
		assigned = map[string]bool{}
	}
	for _, name := range all.keys {
		collectAssigned(all.m[name], assigned)
	}
	for _, name := range all.keys {
		b.order = append(b.order, name)
		if name == "" {
			all.note(SeverityError, invalidStateName, "", "State name cannot be empty")
		}
		if n := utf8.RuneCountInString(name); n > 80 {
			all.note(SeverityError, invalidStateName, name, "State name '%s' exceeds the 80-character limit allowed by the service", name)
		}
		if p.names[name] {
			all.note(SeverityError, duplicateState, name, "Duplicate State name: %s", name)
		}
		p.names[name] = true
		sr, ok := newReader(all.at+"/"+name, all.m[name], p.errs)
		if !ok {
			continue
		}
		if s := p.state(name, sr, outer, assigned); s != nil {
			b.states[name] = s
		}
	}
	return b
}

var stateTypes = []string{"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"}

// state reads one state. Fields that its type and query language do not have
// are problems.
func (p *parser) state(name string, r *reader, outer, assigned map[string]bool) *state {
	r.require("Type")
	s := &state{name: name, kind: kind(r.oneOf("Type", stateTypes...)), jsonata: p.jsonata}
	r.text("Comment")
	switch r.oneOf("QueryLanguage", "JSONPath", "JSONata") {
	case "JSONata":
		s.jsonata = true
	case "JSONPath":
		if p.jsonata {
			r.problem("", "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
		}
	}
	f := &fields{reader: r, p: p, s: s, outer: outer, assigned: assigned}
	read, ok := map[kind]func(){
		kindPass: f.pass, kindTask: f.task, kindChoice: f.choice, kindWait: f.wait,
		kindSucceed: f.succeed, kindFail: f.fail, kindParallel: f.parallel, kindMap: f.mapState,
	}[s.kind]
	if !ok {
		return nil
	}
	read()
	r.unknown(f.reason)
	return s
}

// transitions checks that every transition leads to a state, that there is an
// end, and that every state can be reached, in AWS's order.
func (p *parser) transitions(b *block, at string, outermost bool) {
	reached := map[string]bool{}
	var todo []string
	note := func(code, location, format string, args ...any) {
		*p.errs = append(*p.errs, Diagnostic{SeverityError, code, fmt.Sprintf(format, args...), location})
	}
	visit := func(location, field, name string) {
		if name == "" || reached[name] {
			return
		}
		if b.states[name] == nil {
			note(missingTarget, location, "Missing '%s' target: %s", field, name)
			return
		}
		reached[name] = true
		todo = append(todo, name)
	}
	// Every state's targets are looked at, also of those that nothing leads to.
	visit(at+"/StartAt", "StartAt", b.startAt)
	ends := false
	for _, name := range b.order {
		s := b.states[name]
		ends = ends || s.end || s.kind == kindSucceed || s.kind == kindFail
		s.targets(func(field, name string) {
			if b.states[name] == nil {
				note(missingTarget, at+"/States/"+s.name+"/"+field, "Missing 'Next' target: %s", name)
			}
		})
	}
	if !ends && outermost {
		note(missingEnd, "", "Workflow has no terminal state")
		return
	}
	for len(todo) > 0 {
		s := b.states[todo[0]]
		todo = todo[1:]
		s.targets(func(_, name string) {
			if b.states[name] != nil {
				visit("", "", name)
			}
		})
	}
	for _, name := range b.order {
		s, location := b.states[name], at+"/States/"+name
		if !reached[name] && b.states[b.startAt] != nil {
			note(missingTarget, location, "State \"%s\" is not reachable.", name)
		}
		for i, inner := range s.branches {
			p.transitions(inner, fmt.Sprintf("%s/Branches[%d]", location, i), false)
		}
		if s.processor != nil {
			p.transitions(s.processor, location+"/"+s.processor.field, false)
		}
	}
}

// targets names every state that this one can lead to, with the field.
func (s *state) targets(f func(field, name string)) {
	if s.next != "" {
		f("Next", s.next)
	}
	for i, c := range s.choices {
		f(fmt.Sprintf("Choices[%d]/Next", i), c.next)
	}
	if s.byDefault != "" {
		f("Default", s.byDefault)
	}
	for i, c := range s.catch {
		f(fmt.Sprintf("Catch[%d]/Next", i), c.next)
	}
}
