package asl

// variables is one scope of Assign. The scopes of Map iterations and Parallel
// branches read the outer ones and cannot change them.
type variables struct {
	outer  *variables
	values map[string]*doc
	size   int // bytes of their JSON texts
}

// own returns the values of the scope's own variables.
func (s *variables) own() map[string]any {
	values := make(map[string]any, len(s.values))
	for name, d := range s.values {
		values[name] = d.v
	}
	return values
}

// MaxVariables is AWS's limit for all variables of an execution together, in
// bytes of their JSON texts.
const MaxVariables = 10 << 20

// stored is the size of all variables that are visible in the scope, after
// those given were assigned to it.
func (s *variables) stored(new map[string]*doc) int {
	size := 0
	for name, d := range new {
		size += len(d.raw) - s.sizeOf(name)
	}
	for scope := s; scope != nil; scope = scope.outer {
		size += scope.size
	}
	return size
}

// sizeOf is what a variable of this scope takes.
func (s *variables) sizeOf(name string) int {
	if d := s.values[name]; d != nil {
		return len(d.raw)
	}
	return 0
}

func (s *variables) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		if d, ok := s.values[name]; ok {
			return d.v, true
		}
	}
	return nil, false
}

// assign sets all of them at once and returns their JSON texts, for the
// history.
func (s *variables) assign(values map[string]*doc) map[string]string {
	if len(values) == 0 {
		return nil
	}
	if s.values == nil {
		s.values = make(map[string]*doc, len(values))
	}
	texts := make(map[string]string, len(values))
	for name, d := range values {
		s.size += len(d.raw) - s.sizeOf(name)
		s.values[name] = d
		texts[name] = d.raw
	}
	return texts
}
