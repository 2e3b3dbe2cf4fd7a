package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Large definitions and inputs take time in proportion to their size: these
// would take minutes if anything grew with the square.
func TestLargeMachines(t *testing.T) {
	chain := func(n int, fields func(i int) string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"S%d":{"Type":"Pass",%s"Next":"S%d"},`, i, fields(i), i+1)
		}
		return fmt.Sprintf(`{"StartAt":"S0","States":{%s"S%d":{"Type":"Succeed"}}}`, b.String(), n)
	}
	branches := make([]string, 5_000)
	for i := range branches {
		branches[i] = fmt.Sprintf(`{"StartAt":"B%d","States":{"B%d":{"Type":"Wait","Seconds":%d,"End":true}}}`, i, i, i%7)
	}
	numbers := make([]string, 20_000)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	items := "[" + strings.Join(numbers, ",") + "]"
	for _, c := range []struct{ name, definition, input string }{
		{"states", chain(10_000, func(int) string { return "" }), `{}`},
		{"variables", chain(10_000, func(i int) string { return fmt.Sprintf(`"Assign":{"v%d":1},`, i) }), `{}`},
		{"branches", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[` + strings.Join(branches, ",") + `]}}}`, `{}`},
		{"iterations that read the Map's input", `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":7,"End":true,
		  "ItemSelector":"{% $states.input[0] + $states.context.Map.Item.Index %}","ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":"{% $states.input %}","End":true}}}}}}`, items},
		{"items of a Distributed Map", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},` + passItem + `}}}}`, items},
		{"values to compare", `{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"n.$":"States.ArrayLength(States.ArrayUnique($))"},"End":true}}}`, items},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := clock.NewVirtual(noon)
			e, err := mustParse(t, c.definition).Start(Options{Clock: v, Input: json.RawMessage(c.input), MaxEvents: -1})
			if err != nil {
				t.Fatal(err)
			}
			for v.Next() {
			}
			if e.Status() != Succeeded {
				t.Error(e.Status(), e.Err())
			}
		})
	}
}
