package logging

import (
	"strings"
	"testing"
)

// Patterns are compiled when they are needed first, which may be in production.
func TestEachPatternCompilesAndHasHints(t *testing.T) {
	for _, p := range secrets {
		e := p.expression()
		if len(p.hints) == 0 || e.NumSubexp() == 0 {
			t.Errorf("%s has no hints or keeps nothing", e)
		}
		for _, h := range p.hints {
			if h != strings.ToLower(h) {
				t.Errorf("hint %q is never found in lower case", h)
			}
		}
	}
	for _, v := range values {
		if e := v(); !strings.HasPrefix(e.String(), "^") {
			t.Errorf("%s looks beyond the name", e)
		}
	}
}
