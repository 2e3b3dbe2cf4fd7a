package wire

import "reflect"

// Required lists the members that an SDK Input must have, in the order of its
// fields.
func Required(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && rowOf(t, f.Name).required {
			names = append(names, f.Name)
		}
	}
	return names
}

// NewOutput returns a new, empty Output of the operation.
func (m *Mux) NewOutput(service, name string) (any, error) {
	op := m.operation(service, name)
	if op == nil {
		return nil, notSimulated(service, name)
	}
	return reflect.New(op.out).Interface(), nil
}
