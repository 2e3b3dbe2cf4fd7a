package asl

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNamesEveryProblem(t *testing.T) {
	jsonPath := func(state string) string { return `{"StartAt":"S","States":{"S":{` + state + `}}}` }
	jsonata := func(state string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{` + state + `}}}`
	}
	task := func(fields string) string { return jsonPath(invoke + `,"End":true,` + fields) }
	for _, c := range []struct {
		name, definition string
		want             []string // "path: part of the message"
	}{
		{"no JSON", `{"StartAt"`, []string{"$: is not JSON"}},
		{"no object", `[]`, []string{"$: must be an object, but is array"}},
		{"empty", `{}`, []string{"$.StartAt: is missing", "$.States: is missing"}},
		{"no states", `{"StartAt":"S","States":{}}`, []string{"$.States: must have at least one state"}},
		{"unknown fields", `{"StartAt":"S","Foo":1,"States":{"S":{"Type":"Pass","End":true,"Bar":1}}}`,
			[]string{"$.States['S'].Bar: is not a field of a Pass state", "$.Foo: is not a known field"}},
		{"key twice", `{"StartAt":"S","States":{"S":{"Type":"Pass","End":true},"S":{"Type":"Succeed"}}}`, []string{`$['States']: the key "S" is there twice`}},
		{"wrong version", `{"Version":"2","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, []string{`$.Version: must be "1.0"`}},
		{"wrong query language", `{"QueryLanguage":"XPath","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, []string{`$.QueryLanguage: must be "JSONPath" or "JSONata"`}},
		{"unknown type", jsonPath(`"Type":"Loop"`), []string{"$.States['S'].Type: must be Pass, Task"}},
		{"no type", jsonPath(`"End":true`), []string{"$.States['S'].Type: is missing"}},
		{"no transition", jsonPath(`"Type":"Pass"`), []string{"$.States['S']: must have Next, or End: true"}},
		{"two transitions", jsonPath(`"Type":"Pass","Next":"S","End":true`), []string{"$.States['S'].Next: cannot be there together with End"}},
		{"missing states", `{"StartAt":"X","States":{"S":{"Type":"Pass","Next":"Y"}}}`, []string{`$.StartAt: there is no state "X"`, "$.States['S']: no transition leads"}},
		{"missing targets", `{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"X"}],"Default":"Y"}}}`,
			[]string{`Default: there is no state "Y"`, `$.States['S'].Choices[0].Next: there is no state "X"`}},
		{"unreachable", `{"StartAt":"S","States":{"S":{"Type":"Succeed"},"T":{"Type":"Pass","Next":"S"}}}`, []string{"$.States['T']: no transition leads to this state"}},
		{"target in another scope", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"P"}}}]}}}`,
			[]string{`$.States['P'].Branches[0].States['A'].Next: there is no state "P" here`}},
		{"name twice", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}]}}}`,
			[]string{`the state name "P" is used twice`}},
		{"JSONPath fields in JSONata", jsonata(`"Type":"Pass","End":true,"InputPath":"$","Result":1,"ResultPath":"$"`),
			[]string{"InputPath: is a field of JSONPath states", "Result: is a field of JSONPath states", "ResultPath: is a field of JSONPath states"}},
		{"JSONata fields in JSONPath", jsonPath(`"Type":"Pass","End":true,"Output":1,"Arguments":{}`), []string{"Arguments: is a field of JSONata states", "Output: is a field of JSONata states"}},
		{"JSONPath state in a JSONata machine", jsonata(`"Type":"Pass","End":true,"QueryLanguage":"JSONPath"`), []string{"QueryLanguage: a state of a JSONata machine cannot be JSONPath"}},
		{"expression does not parse", jsonata(`"Type":"Pass","End":true,"Output":{"a":"{% 1 + %}"}`), []string{"$.States['S']: Output/a: the JSONata expression '1 +' does not parse"}},
		{"expression is not closed", jsonata(`"Type":"Pass","End":true,"Output":"{% 1"`), []string{"does not end with %}"}},
		{"expression is empty", jsonata(`"Type":"Pass","End":true,"Output":"{%  %}"`), []string{"expression is empty"}},
		{"path does not parse", jsonPath(`"Type":"Pass","End":true,"Parameters":{"a.$":"$.x["}`), []string{`$.States['S'].Parameters: a.$: path "$.x["`}},
		{"neither path nor intrinsic", jsonPath(`"Type":"Pass","End":true,"Parameters":{"a.$":"x"}`), []string{"neither a path"}},
		{"unknown intrinsic", jsonPath(`"Type":"Pass","End":true,"Parameters":{"a.$":"States.Foo()"}`), []string{"there is no function States.Foo"}},
		{"wrong number of arguments", jsonPath(`"Type":"Pass","End":true,"Parameters":{"a.$":"States.ArrayLength()"}`), []string{"takes 1 arguments, not 0"}},
		{"ResultPath is not a reference path", jsonPath(`"Type":"Pass","End":true,"ResultPath":"$.a[*]"`), []string{"ResultPath: must be a reference path"}},
		{"no resource", jsonPath(`"Type":"Task","End":true`), []string{"Resource: is missing"}},
		{"resource is no ARN", jsonPath(`"Type":"Task","Resource":"f","End":true`), []string{`Resource: must be an ARN, but is "f"`}},
		{"unknown pattern", jsonPath(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.later","End":true`), []string{"the pattern must be .sync"}},
		{"heartbeat beyond the timeout", task(`"TimeoutSeconds":5,"HeartbeatSeconds":5`), []string{"HeartbeatSeconds: must be smaller than TimeoutSeconds"}},
		{"timeout out of range", task(`"TimeoutSeconds":0`), []string{"TimeoutSeconds: must be a whole number from 1 to 99999999, but is 0"}},
		{"timeout twice", task(`"TimeoutSeconds":1,"TimeoutSecondsPath":"$.t"`), []string{"TimeoutSecondsPath: cannot be there together"}},
		{"retry", task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":[],"IntervalSeconds":0,"MaxAttempts":-1,"BackoffRate":0.5,"JitterStrategy":"HALF","Foo":1}]`),
			[]string{"Retry[0].ErrorEquals: States.ALL must stand alone and in the last entry", "Retry[1].ErrorEquals: must name at least one", "Retry[1].IntervalSeconds",
				"Retry[1].MaxAttempts", "Retry[1].BackoffRate", "Retry[1].JitterStrategy", "Retry[1].Foo: is not a known field"}},
		{"catch", task(`"Catch":[{"ErrorEquals":["A","States.ALL"],"Output":1}]`),
			[]string{"States.ALL must stand alone", "Catch[0].Next: is missing", "Catch[0].Output: is a field of JSONata states"}},
		{"retry on a Pass", jsonPath(`"Type":"Pass","End":true,"Retry":[]`), []string{"Retry: is not a field of a Pass state"}},
		{"wait without time", jsonPath(`"Type":"Wait","End":true`), []string{"must have exactly one of Seconds"}},
		{"wait with two times", jsonPath(`"Type":"Wait","End":true,"Seconds":1,"TimestampPath":"$.t"`), []string{"must have exactly one of Seconds"}},
		{"wait for no timestamp", jsonPath(`"Type":"Wait","End":true,"Timestamp":"tomorrow"`), []string{"Timestamp: must be a timestamp"}},
		{"choice", jsonPath(`"Type":"Choice","Choices":[{"Variable":"$.a","Next":"S"},{"Variable":"$.a","NumericEquals":"1","Next":"S"},{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"S"},{"Condition":"{% true %}","Next":"S"}]`),
			[]string{"Choices[0]: must have one comparison operator", "Choices[1].NumericEquals: must be a number", "Choices[2].IsString: cannot be there together with IsNull",
				"Choices[3].Variable: is missing", "Choices[3]: must have one comparison", "Choices[3].Condition: is a field of JSONata states"}},
		{"choice without rules", jsonPath(`"Type":"Choice","Choices":[]`), []string{"Choices: must have at least one rule"}},
		{"JSONata choice without condition", jsonata(`"Type":"Choice","Choices":[{"Next":"S"}]`), []string{"Choices[0].Condition: is missing"}},
		{"parallel without branches", jsonPath(`"Type":"Parallel","End":true,"Branches":[]`), []string{"Branches: must have at least one branch"}},
		{"map without processor", jsonPath(`"Type":"Map","End":true`), []string{"ItemProcessor: is missing"}},
		{"Distributed Map", jsonPath(`"Type":"Map","End":true,"ItemReader":{},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`),
			[]string{"ItemReader: belongs to Distributed Map", "ItemProcessor.ProcessorConfig.Mode: DISTRIBUTED (Distributed Map) is not run"}},
		{"reserved variable", jsonata(`"Type":"Pass","End":true,"Assign":{"states":1}`), []string{`Assign: the name "states" is reserved`}},
		{"bad variable name", jsonata(`"Type":"Pass","End":true,"Assign":{"a-b":1}`), []string{`Assign: "a-b" is not a variable name`}},
		{"outer variable", `{"StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"x":1},"Next":"P"},"P":{"Type":"Parallel","End":true,"Branches":[
		   {"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":2},"End":true}}}]}}}`, []string{`Branches[0].States['A'].Assign: "x" is a variable of an outer scope`}},
		{"long name", `{"StartAt":"` + strings.Repeat("n", 81) + `","States":{"` + strings.Repeat("n", 81) + `":{"Type":"Succeed"}}}`, []string{"must have 1 to 80 characters, but has 81"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.definition))
			var d *DefinitionError
			if !errors.As(err, &d) {
				t.Fatalf("error is %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in\n%v", want, err)
				}
			}
			if len(d.Problems) != len(c.want) {
				t.Errorf("%d problems, want %d:\n%v", len(d.Problems), len(c.want), err)
			}
		})
	}
}

func TestStatesListsWhatCheckersNeed(t *testing.T) {
	m := mustParse(t, twoBranches)
	var paths []string
	for _, s := range m.States() {
		paths = append(paths, s.Path+":"+strings.Join(s.Next, ","))
	}
	if got, want := strings.Join(paths, " "), "C: P:C P/Branches[0]/A: P/Branches[1]/B: P/Branches[2]/D:E P/Branches[2]/E:"; got != want {
		t.Errorf("states are\n%s\nwant\n%s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range recordedCases(f) {
		f.Add([]byte(c.Definition))
	}
	f.Add([]byte(tokenMachine))
	f.Add([]byte(twoBranches))
	f.Add([]byte(mapMachine(`"MaxConcurrency":"{% 2 %}",`)))
	f.Fuzz(func(t *testing.T, definition []byte) {
		m, err := Parse(definition)
		var d *DefinitionError
		switch {
		case err == nil && m == nil:
			t.Fatal("neither a machine nor an error")
		case err != nil && (!errors.As(err, &d) || len(d.Problems) == 0):
			t.Fatalf("error without problems: %v", err)
		}
		if err != nil {
			return
		}
		// What was parsed must run without a panic.
		r := runFuzzed(t, m)
		r.Stop("Fuzz", "")
		if r.Status() == Running {
			t.Fatal("still running after Stop")
		}
	})
}
