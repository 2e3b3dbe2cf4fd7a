package asl

import "testing"

func FuzzJSONata(f *testing.F) {
	for _, src := range []string{`$states.input.a[0] + $sum([1..3])`, `($f := function($x){ $x > 0 ? $f($x - 1) : 'end' }; $f(3))`, `$match('ab', /a(b)/).groups[0] & $pad('x', -3)`,
		`$states.input ~> |$|{'b': 1}|`, `$map($states.input.a^(>$), $string){$: $count($)}`, `$parse('{"a":[1]}').a[]`} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		m, err := Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":` + text("{% "+src+" %}") + `,"End":true}}}`))
		if err == nil && runFuzzed(t, m).Status() == Running {
			t.Fatal("still running")
		}
	})
}
