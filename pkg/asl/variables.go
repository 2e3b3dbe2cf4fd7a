package asl

// variables is one scope of Assign. The scopes of Map iterations and Parallel
// branches read the outer ones and cannot change them.
type variables struct {
	outer  *variables
	values map[string]any
}

func (s *variables) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.values[name]; ok {
			return v, true
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
		s.values = make(map[string]any, len(values))
	}
	texts := make(map[string]string, len(values))
	for name, d := range values {
		s.values[name] = d.v
		texts[name] = d.raw
	}
	return texts
}
