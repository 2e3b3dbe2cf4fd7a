package logs

import "testing"

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{`ERROR -"x y" ?z`, `{ $.a.b[0] >= 1.5 && ($.c = "x*" || $.d NOT EXISTS) }`, `%a+%`, `{`, `"\`} {
		f.Add(seed, `{"a":{"b":[2]},"c":"xy"}`)
	}
	f.Fuzz(func(_ *testing.T, pattern, message string) {
		if m, err := parsePattern(pattern); err == nil {
			m(message)
		}
	})
}
