package asl

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/google/go-cmp/cmp"
)

// everything has both query languages, Parallel, Map, Distributed Map, retries
// with jitter, random functions, timers, and objects with many keys.
const everything = `{"StartAt":"P","States":{"P":{"Type":"Parallel","ResultPath":"$.p","Next":"Failing","Branches":[
  {"StartAt":"J","States":{"J":{"QueryLanguage":"JSONata","Type":"Pass","Assign":{"a":1,"b":"{% $uuid() %}","c":"{% $random() %}","d":4,"e":5,"f":6,"g":7,"h":8,"i":9},
     "Output":{"z":1,"y":"{% $random() %}","x":"{% $merge([{'q':1,'w':2,'e':3,'r':4,'t':5,'u':6,'i':7,'o':8,'p':9}, $states.input.o]) %}","w":"{% $keys($states.input.o) %}","v":"{% $spread($states.input.o) %}","u":"{% $states.context %}"},"Next":"K"},
     "K":{"Type":"Pass","Parameters":{"r.$":"States.MathRandom(1, 1000000)","u.$":"States.UUID()","m.$":"States.JsonMerge($.x, $.u.Execution, false)","t.$":"States.JsonToString($.x)","all.$":"$..*","c.$":"$$"},"End":true}}},
  {"StartAt":"R","States":{"R":{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":4,"JitterStrategy":"FULL"}],"End":true}}},
  {"StartAt":"M","States":{"M":{"QueryLanguage":"JSONata","Type":"Map","Items":"{% $states.input.o %}","MaxConcurrency":3,"End":true,"ItemProcessor":{"StartAt":"W","States":{
     "W":{"QueryLanguage":"JSONata","Type":"Wait","Seconds":"{% $floor($random() * 10) %}","Next":"T"},
     "T":{` + wait + `,"TimeoutSeconds":9,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"E"}],"End":true},"E":{"Type":"Pass","End":true}}}}}},
  {"StartAt":"D","States":{"D":{"Type":"Map","MaxConcurrency":4,"ToleratedFailurePercentage":100,"End":true,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"},"ReaderConfig":{"InputType":"JSON"}},
     "ItemBatcher":{"MaxItemsPerBatch":3,"BatchInput":{"o.$":"$.o"}},"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out"}},
     "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"DT","States":{"DT":{` + invoke + `,"TimeoutSeconds":3,"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":2,"JitterStrategy":"FULL"}],"Next":"DP"},
       "DP":{"Type":"Pass","Parameters":{"u.$":"States.UUID()","in.$":"$"},"End":true}}}}}}]},
  "Failing":{"Type":"Map","ItemsPath":"$.list","End":true,"ItemProcessor":{"StartAt":"F","States":{"F":{` + invoke + `,"TimeoutSeconds":5,"End":true}}}}}}`

// transcript is all that can be seen of a run: every history, every file, and
// every call in order.
func transcript(t *testing.T, seed int64) string {
	var b strings.Builder
	say := func(what string, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", what, raw)
	}
	keys := []string{}
	for i := range 12 {
		keys = append(keys, fmt.Sprintf(`"k%d":%d`, i*7%12, i))
	}
	object := "{" + strings.Join(keys, ",") + "}"
	s3 := &fakeS3{objects: map[string]string{"b/k": object}}
	v := clock.NewVirtual(noon)
	s := &script{clock: v, answers: map[string][]answer{
		"R":  {{err: &Error{"E", ""}, after: time.Second}, {err: &Error{"E", ""}}, {output: `1`}},
		"DT": {{output: `1`, after: time.Second}, {never: true}, {err: &Error{"Bad", ""}}, {output: `{"b":1,"a":2}`}},
		"F":  {{never: true}},
	}}
	m := mustParse(t, everything)
	e, err := m.Start(Options{
		Clock: v, Tasks: s, Objects: s3, Rand: rand.New(rand.NewSource(seed)), RoleArn: "arn:aws:iam::123456789012:role/r",
		Input:           json.RawMessage(`{"o":` + object + `,"list":[1,2,3]}`),
		StateMachineArn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", ExecutionArn: "arn:aws:states:eu-west-1:123456789012:execution:m:e1",
		OnEvent:      func(ev Event) { say("event", ev) },
		OnChild:      func(c *Execution) { say("child", c.Info()) },
		OnChildEvent: func(c *Execution, ev Event) { say("event of "+c.Info().Arn, ev) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for v.Next() {
		}
		if e.Status() != Failed || e.Err().Name != ErrTimeout {
			t.Fatalf("status %s, %v", e.Status(), e.Err())
		}
		say("history", e.History())
		if err := e.Redrive(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range e.MapRuns() {
		say("Map Run", r.Info())
		for _, c := range r.Children() {
			say("history", c.History())
		}
	}
	say("objects", s3.objects)
	say("calls", s3.calls)
	say("attempts", s.starts)
	for _, q := range s.requests {
		say(q.State, []string{q.TaskToken, string(q.Arguments)})
	}
	return b.String()
}

func TestOneSeedOneTranscript(t *testing.T) {
	first := transcript(t, 7)
	for range 10 {
		if d := cmp.Diff(strings.Split(first, "\n"), strings.Split(transcript(t, 7), "\n")); d != "" {
			t.Fatalf("two runs from one seed differ:\n%s", d)
		}
	}
	if first == transcript(t, 8) {
		t.Error("another seed gives the same run: nothing is random")
	}
	for _, want := range []string{"MapRunSucceeded", "MapIterationAborted", "ExecutionRedriven", "TaskTimedOut", "SUCCEEDED_0.json", "FAILED_0.json"} {
		if !strings.Contains(first, want) {
			t.Errorf("the run has no %s", want)
		}
	}
}
