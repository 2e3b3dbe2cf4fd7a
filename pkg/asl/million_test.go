package asl

import (
	"encoding/json"
	goruntime "runtime"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

const million = 1_000_000

// BenchmarkMillionStates runs a million states in each round: a loop of
// Choice, Pass and Wait, as in our machines. -benchtime=1x is enough.
//
//	states/s        states entered and left in a second
//	B/state         bytes allocated for a state
//	retained-B/state  bytes that are still held when the execution has ended
func BenchmarkMillionStates(b *testing.B) {
	for _, language := range []struct{ name, definition string }{
		{"JSONata", `{"QueryLanguage":"JSONata","StartAt":"C","States":{
		  "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n >= $states.input.limit %}","Next":"Done"}],"Default":"P"},
		  "P":{"Type":"Pass","Output":{"n":"{% $states.input.n + 3 %}","limit":"{% $states.input.limit %}"},"Next":"W"},
		  "W":{"Type":"Wait","Seconds":1,"Next":"C"},"Done":{"Type":"Succeed"}}}`},
		{"JSONPath", `{"StartAt":"C","States":{
		  "C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThanEqualsPath":"$.limit","Next":"Done"}],"Default":"P"},
		  "P":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 3)","limit.$":"$.limit"},"Next":"W"},
		  "W":{"Type":"Wait","Seconds":1,"Next":"C"},"Done":{"Type":"Succeed"}}}`},
	} {
		for _, history := range []struct {
			name    string
			discard bool
		}{{"without history", true}, {"with history", false}} {
			b.Run(language.name+"/"+history.name, func(b *testing.B) {
				m := mustParse(b, language.definition)
				before := heap()
				allocated := before.TotalAlloc
				var kept []*Execution
				b.ResetTimer()
				for range b.N {
					v := clock.NewVirtual(noon)
					e, err := m.Start(Options{Clock: v, Input: json.RawMessage(`{"n":0,"limit":1000000}`), MaxEvents: -1, DiscardHistory: history.discard})
					if err != nil {
						b.Fatal(err)
					}
					for v.Next() {
					}
					if e.Status() != Succeeded {
						b.Fatal(e.Err())
					}
					kept = append(kept, e)
				}
				b.StopTimer()
				after := heap()
				states := float64(b.N) * million
				b.ReportMetric(states/b.Elapsed().Seconds(), "states/s")
				b.ReportMetric(float64(after.TotalAlloc-allocated)/states, "B/state")
				b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/states, "retained-B/state")
				goruntime.KeepAlive(kept)
			})
		}
	}
}

func heap() goruntime.MemStats {
	goruntime.GC()
	var s goruntime.MemStats
	goruntime.ReadMemStats(&s)
	return s
}
