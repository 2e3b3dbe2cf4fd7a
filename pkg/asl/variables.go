package asl

// variables is one scope of Assign. The scopes of Map iterations and Parallel
// branches read the outer ones and cannot change them.
type variables struct {
	outer  *variables
	values map[string]*doc
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
	for _, d := range new {
		size += len(d.raw)
	}
	for scope := s; scope != nil; scope = scope.outer {
		for name, d := range scope.values {
			if _, replaced := new[name]; !replaced || scope != s {
				size += len(d.raw)
			}
		}
	}
	return size
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
		s.values[name] = d
		texts[name] = d.raw
	}
	return texts
}
