package asl

import (
	"fmt"
	"strings"
	"testing"
)

// All variables of an execution may have 10 MiB together, those of one state
// 256 KiB.
func TestVariablesHaveALimit(t *testing.T) {
	machine := func(states int) string {
		var all []string
		for i := range states {
			next := fmt.Sprintf(`"Next":"S%d"`, i+1)
			if i == states-1 {
				next = `"End":true`
			}
			all = append(all, fmt.Sprintf(`"S%d":{"Type":"Pass","Assign":{"v%d.$":"$"},%s}`, i, i, next))
		}
		return `{"StartAt":"S0","States":{` + strings.Join(all, ",") + `}}`
	}
	input := `"` + strings.Repeat("x", MaxPayload-2) + `"`
	begin(t, machine(40), input, nil).wantOutput(t, input)
	begin(t, machine(41), input, nil).wantError(t, ErrDataLimit, "The state/task 'S40'")
	begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"a.$":"$","b":1},"End":true}}}`, input, nil).wantError(t, ErrDataLimit, "")
}

// What a state assigns is there for the next one; an inner scope sees it, and
// what it assigns itself is gone at its end.
func TestScopesOfVariables(t *testing.T) {
	const definition = `{"StartAt":"A","States":{
	  "A":{"Type":"Pass","Assign":{"x":1},"Parameters":{"before.$":"$$.State.Name"},"Next":"P"},
	  "P":{"Type":"Parallel","Branches":[
	    {"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"y.$":"$x"},"Next":"B2"},"B2":{"Type":"Pass","Parameters":{"y.$":"$y","x.$":"$x"},"End":true}}},
	    {"StartAt":"C","States":{"C":{"Type":"Pass","Assign":{"y":"own"},"Next":"C2"},"C2":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $y %}","End":true}}}],
	   "Assign":{"first.$":"$[0].y"},"ResultPath":"$.p","Next":"Z"},
	  "Z":{"Type":"Pass","Parameters":{"p.$":"$.p","first.$":"$first"},"Next":`
	begin(t, definition+`"E"},"E":{"Type":"Succeed"}}}`, `{}`, nil).wantOutput(t, `{"p":[{"x":1,"y":1},"own"],"first":1}`)
	begin(t, definition+`"E"},"E":{"Type":"Pass","Parameters":{"y.$":"$y"},"End":true}}}`, `{}`, nil).wantError(t, ErrRuntime, "$y")
}
