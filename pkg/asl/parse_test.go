package asl

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidateSaysWhatAWSSays(t *testing.T) {
	jsonPath := func(state string) string { return `{"StartAt":"S","States":{"S":{` + state + `}}}` }
	jsonata := func(state string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{` + state + `}}}`
	}
	pass := func(fields string) string { return jsonPath(`"Type":"Pass","End":true,` + fields) }
	task := func(fields string) string { return jsonPath(invoke + `,"End":true,` + fields) }
	const schema = "SCHEMA_VALIDATION_FAILED: "
	only := func(fields, where string) []string {
		return []string{schema + "There should only be one of the following fields: [" + fields + "] at " + where}
	}
	long := strings.Repeat("n", 81)
	for _, c := range []struct {
		name, definition string
		want             []string
	}{
		{"nothing", ``, []string{schema + "Definition must be a valid JSON object"}},
		{"no JSON", `no`, []string{"INVALID_JSON_DESCRIPTION: Unrecognized token 'no': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n" +
			" at [Source: (String)\"no\"; line: 1, column: 3] at [Source: (String)\"no\"; line: 1, column: 3]"}},
		{"the end is missing", "{\n\"StartAt\":", []string{"INVALID_JSON_DESCRIPTION: Unexpected end-of-input\n at [Source: (String)\"{\n\"StartAt\":\"; line: 2, column: 11]" +
			" at [Source: (String)\"{\n\"StartAt\":\"; line: 2, column: 11]"}},
		{"no object", `[]`, []string{schema + "Definition must be a valid JSON object"}},
		{"empty", `{}`, []string{schema + "These fields are required: [States, StartAt] at /"}},
		{"no start", `{"States":{"S":{"Type":"Succeed"}}}`, []string{schema + "These fields are required: [StartAt] at /"}},
		{"empty names", `{"StartAt":"","States":{"S":{"Type":"Pass","Next":""},"":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":""}],"Default":""}}}`,
			[]string{schema + "Value cannot be empty at /StartAt", schema + "Value cannot be empty at /States/S/Next", "INVALID_STATE_NAME: State name cannot be empty at /States",
				schema + "Value cannot be empty at /States//Default", schema + "Value cannot be empty at /States//Choices[0]/Next"}},
		{"no states", `{"StartAt":"S","States":{}}`, []string{schema + "Value cannot be empty at /States"}},
		{"unknown fields", `{"StartAt":"S","Foo":1,"States":{"S":{"Type":"Pass","End":true,"Bar":1}}}`,
			[]string{schema + "Field 'Bar' is not supported at /States/S", schema + "Field 'Foo' is not supported at /"}},
		{"a field in another spelling", pass(`"comment":"c"`), []string{schema + "Field 'comment' is not supported at /States/S"}},
		{"key twice", `{"StartAt":"S","States":{"S":{"Type":"Pass","End":true},"S":{"Type":"Succeed"}}}`, []string{`INVALID_JSON_DESCRIPTION: Duplicate field 'S' at /States`}},
		{"wrong version", `{"Version":"2","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, []string{schema + "Value should be one of the following: [1.0] at /Version"}},
		{"wrong query language", `{"QueryLanguage":"XPath","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`,
			[]string{schema + "Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage"}},
		{"unknown type", jsonPath(`"Type":"Loop"`), []string{schema + "Value should be one of the following: [Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map] at /States/S/Type"}},
		{"no type", jsonPath(`"End":true`), []string{schema + "These fields are required: [Type] at /States/S"}},
		{"no transition", jsonPath(`"Type":"Pass"`), []string{schema + "This object should have only one of the following fields: [Next, End] at /States/S"}},
		{"two transitions", pass(`"Next":"S"`), only("Next, End", "/States/S")},
		{"missing targets, also the first one", `{"StartAt":"X","States":{"S":{"Type":"Pass","Next":"Y"}}}`,
			[]string{"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: X at /StartAt", "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/S/Next",
				"MISSING_END_STATE: Workflow has no terminal state"}},
		{"missing targets everywhere", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"X"}],"Default":"T"},
		   "T":{` + invoke + `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y"}],"End":true}}}`,
			[]string{"MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/C/Choices[0]/Next", "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/T/Catch[0]/Next"}},
		{"missing default", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"S"}],"Default":"Y"},"S":{"Type":"Succeed"}}}`,
			[]string{"MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/C/Default"}},
		{"a loop without an end", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"},"C":{"Type":"Pass","Next":"A"}}}`,
			[]string{"MISSING_END_STATE: Workflow has no terminal state"}},
		{"unreachable", `{"StartAt":"S","States":{"S":{"Type":"Succeed"},"T":{"Type":"Pass","Next":"S"}}}`, []string{`MISSING_TRANSITION_TARGET: State "T" is not reachable. at /States/T`}},
		{"target in another scope", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"P"}}}]}}}`,
			[]string{"MISSING_TRANSITION_TARGET: Missing 'Next' target: P at /States/P/Branches[0]/States/A/Next"}},
		{"name twice", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}]}}}`,
			[]string{"DUPLICATE_STATE_NAME: Duplicate State name: P at /States/P/Branches[0]/States/P"}},
		{"long name", `{"StartAt":"` + long + `","States":{"` + long + `":{"Type":"Succeed"}}}`,
			[]string{"INVALID_STATE_NAME: State name '" + long + "' exceeds the 80-character limit allowed by the service at /States/" + long}},
		{"fields of another type of state", jsonPath(`"Type":"Wait","Seconds":1,"End":true,"TimeoutSeconds":1,"Retry":[],"Catch":[],"ResultPath":"$"`),
			[]string{schema + "Field 'TimeoutSeconds' is not supported at /States/S", schema + "Field 'Retry' is not supported at /States/S",
				schema + "Field 'Catch' is not supported at /States/S", schema + "Field 'ResultPath' is not supported at /States/S"}},
		{"JSONPath fields in JSONata", jsonata(`"Type":"Pass","End":true,"InputPath":"$","Result":1`),
			[]string{schema + "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/S",
				schema + "The QueryLanguage is set to 'JSONata', but field 'Result' is only supported for the 'JSONPath' QueryLanguage at /States/S"}},
		{"JSONata fields in JSONPath", pass(`"Output":1`),
			[]string{schema + "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S"}},
		{"Arguments in a Pass", pass(`"Arguments":{}`), []string{schema + "Field 'Arguments' is not supported at /States/S"}},
		{"JSONPath state in a JSONata machine", jsonata(`"Type":"Pass","End":true,"QueryLanguage":"JSONPath"`),
			[]string{schema + "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/S"}},
		{"a JSONata Map does not make its states JSONata", jsonPath(`"Type":"Map","QueryLanguage":"JSONata","End":true,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","Output":1,"End":true}}}`),
			[]string{schema + "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S/ItemProcessor/States/P"}},
		{"query language of a processor", jsonPath(`"Type":"Map","End":true,"ItemProcessor":{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Succeed"}}}`),
			[]string{schema + "Field 'QueryLanguage' is not supported at /States/S/ItemProcessor"}},
		{"expression is not closed", jsonata(`"Type":"Pass","End":true,"Output":"{% 1"`), []string{schema + "JSONata string must start with {% and end with %} at /States/S/Output"}},
		{"expression is empty", jsonata(`"Type":"Pass","End":true,"Output":"{%  %}"`), []string{"INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/S/Output"}},
		{"expression is nested too deeply", jsonata(`"Type":"Pass","End":true,"Output":"{% ` + strings.Repeat("(", 1001) + `1` + strings.Repeat(")", 1001) + ` %}"`),
			[]string{"INVALID_JSONATA_EXPRESSION: The expression is nested too deeply at /States/S/Output"}},
		{"expression has too many steps", jsonata(`"Type":"Pass","End":true,"Output":"{% $states` + strings.Repeat(".a", 10_001) + ` %}"`),
			[]string{"INVALID_JSONATA_EXPRESSION: The expression is nested too deeply at /States/S/Output"}},
		{"name without a context", jsonata(`"Type":"Pass","End":true,"Output":{"v":"{% phone.number %}"}`),
			[]string{"UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/S/Output/v"}},
		{"$states.errorOutput outside of Catch", jsonata(`"Type":"Pass","End":true,"Output":"{% $states.errorOutput.Error %}"`),
			[]string{"UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. at /States/S/Output"}},
		{"$states.result in a state without one", jsonata(`"Type":"Pass","End":true,"Output":{"v":"{% $states.result %}"}`),
			[]string{"UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/S/Output/v"}},
		{"$states.result before there is one", jsonata(`"Type":"Parallel","End":true,"Arguments":{"v":"{% $states.result %}"},"Branches":[{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}]`),
			[]string{"UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/S/Arguments/v"}},
		{"$states.errorOutput in a number", jsonata(`"Type":"Wait","End":true,"Seconds":"{% $states.errorOutput.n %}"`),
			[]string{"UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. at /States/S/Seconds"}},
		{"path does not parse", pass(`"InputPath":"$.x["`), []string{schema + "Value must be a valid JSONPath. at /States/S/InputPath"}},
		{"path does not begin with $", pass(`"OutputPath":"x"`), []string{schema + "Value must be a valid JSONPath. at /States/S/OutputPath"}},
		{"path in a template does not parse", pass(`"Parameters":{"a.$":"$.x["}`),
			[]string{schema + "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters"}},
		{"neither path nor intrinsic", pass(`"Parameters":{"b":{"a.$":"x"}}`),
			[]string{schema + "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters"}},
		{"unknown intrinsic", pass(`"Parameters":{"a.$":"States.Foo()"}`),
			[]string{schema + "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters"}},
		{"escape that intrinsics do not have", pass(`"Parameters":{"a.$":"States.Format('say \\\"{}\\\"', $.n)"}`),
			[]string{schema + "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters"}},
		{"ResultPath is not a reference path", pass(`"ResultPath":"$.a[*]"`), []string{schema + "Value is not a Reference Path at /States/S/ResultPath"}},
		{"ResultPath in the context object", pass(`"ResultPath":"$$.a"`), []string{schema + "Value is not a Reference Path at /States/S/ResultPath"}},
		{"no resource", jsonPath(`"Type":"Task","End":true`), []string{schema + "These fields are required: [Resource] at /States/S"}},
		{"resource is no ARN", jsonPath(`"Type":"Task","Resource":"f","End":true`), []string{schema + "Value is not a valid resource ARN at /States/S/Resource"}},
		{"heartbeat beyond the timeout", task(`"TimeoutSeconds":5,"HeartbeatSeconds":5`), []string{schema + "HeartbeatSeconds must be smaller than TimeoutSeconds at /States/S/HeartbeatSeconds"}},
		{"timeouts out of range", task(`"TimeoutSeconds":0,"HeartbeatSeconds":100000000`),
			[]string{schema + "Minimum value is 1 at /States/S/TimeoutSeconds", schema + "Maximum value is 99999999 at /States/S/HeartbeatSeconds"}},
		{"timeout is a text", task(`"TimeoutSeconds":"5"`), []string{schema + "Expected value of type Integer at /States/S/TimeoutSeconds"}},
		{"timeout twice", task(`"TimeoutSeconds":1,"TimeoutSecondsPath":"$.t"`), only("TimeoutSeconds, TimeoutSecondsPath", "/States/S")},
		{"credentials without a role", task(`"Credentials":{}`), []string{schema + "The field 'RoleArn' is required but was missing at /States/S/Credentials"}},
		{"retry", task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":[],"IntervalSeconds":-1,"MaxAttempts":-1,"BackoffRate":0.5,"MaxDelaySeconds":31622401,"JitterStrategy":"HALF","Foo":1}]`),
			[]string{schema + "States.ALL must appear alone and at end of list at /States/S/Retry[0]/ErrorEquals", schema + "Value cannot be empty at /States/S/Retry[1]/ErrorEquals",
				schema + "Minimum value is 0 at /States/S/Retry[1]/IntervalSeconds", schema + "Minimum value is 0 at /States/S/Retry[1]/MaxAttempts",
				schema + "Maximum value is 31622400 at /States/S/Retry[1]/MaxDelaySeconds", schema + "Minimum value is 1.0 at /States/S/Retry[1]/BackoffRate",
				schema + "Value should be one of the following: [NONE, FULL] at /States/S/Retry[1]/JitterStrategy", schema + "Field 'Foo' is not supported at /States/S/Retry[1]"}},
		{"catch", task(`"Catch":[{"ErrorEquals":["A","States.ALL"],"Output":1},{"Next":"S"}]`),
			[]string{schema + "States.ALL must appear alone and at end of list at /States/S/Catch[0]/ErrorEquals", schema + "These fields are required: [Next] at /States/S/Catch[0]",
				schema + "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S/Catch[0]",
				schema + "These fields are required: [ErrorEquals] at /States/S/Catch[1]"}},
		{"wait without time", jsonPath(`"Type":"Wait","End":true`),
			[]string{schema + "This object should have only one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] at /States/S"}},
		{"wait with two times", jsonPath(`"Type":"Wait","End":true,"Seconds":1,"TimestampPath":"$.t"`), only("SecondsPath, Seconds, TimestampPath, Timestamp", "/States/S")},
		{"wait for no timestamp", jsonPath(`"Type":"Wait","End":true,"Timestamp":"2016-12-05 21:29:29Z"`), []string{schema + "String does not match RFC3339 timestamp at /States/S/Timestamp"}},
		{"wait for a path that finds many", jsonPath(`"Type":"Wait","End":true,"SecondsPath":"$..s"`), []string{schema + "Value is not a Reference Path at /States/S/SecondsPath"}},
		{"fail with two errors", jsonPath(`"Type":"Fail","Error":"E","ErrorPath":"$.e","Next":"S"`),
			[]string{schema + "There should only be one of the following fields: [Error, ErrorPath] at /States/S", schema + "Field 'Next' is not supported at /States/S"}},
		{"choice without rules", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[]},"S":{"Type":"Succeed"}}}`, []string{schema + "Value cannot be empty at /States/C/Choices"}},
		{"choice: two tests", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","And":[{"Variable":"$.b","IsNull":true}],"Next":"S"}]},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at /States/C/Choices[0]", schema + "Field 'Variable' is not supported at /States/C/Choices[0]"}},
		{"choice: Next inside", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Not":{"Variable":"$.b","IsNull":true,"Next":"S"},"Next":"S"}]},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "Field 'Next' is not supported at /States/C/Choices[0]/Not"}},
		{"choice: types of operands", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"S"},{"Variable":"a","IsNull":1,"Next":"S"}]},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "Expected value of type Number at /States/C/Choices[0]/NumericEquals",
				schema + "Value is not a Reference Path: Reference path didn't start with '$' at /States/C/Choices[1]/Variable", schema + "Expected value of type Boolean at /States/C/Choices[1]/IsNull"}},
		{"choice: no target", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true}],"Default":"S"},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "These fields are required: [Next] at /States/C/Choices[0]"}},
		{"JSONata choice without condition", `{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Next":"S"}]},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "These fields are required: [Condition] at /States/C/Choices[0]"}},
		{"JSONata choice with a variable", `{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":true,"Variable":"$.a","Next":"S"}]},"S":{"Type":"Succeed"}}}`,
			[]string{schema + "The QueryLanguage is set to 'JSONata', but field 'Variable' is only supported for the 'JSONPath' QueryLanguage at /States/C/Choices[0]"}},
		{"parallel without branches", jsonPath(`"Type":"Parallel","End":true,"Branches":[]`), []string{schema + "Value cannot be empty at /States/S/Branches"}},
		{"branch without states", jsonPath(`"Type":"Parallel","End":true,"Branches":[{"StartAt":"A"}]`), []string{schema + "These fields are required: [States] at /States/S/Branches[0]"}},
		{"map without processor", jsonPath(`"Type":"Map","End":true`), []string{schema + "This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/S"}},
		{"map with a path that finds many", jsonPath(`"Type":"Map","End":true,"ItemsPath":"$.a[*]","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`),
			[]string{schema + "Value is not a Reference Path at /States/S/ItemsPath"}},
		{"inline map with an execution type", jsonPath(`"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`),
			[]string{schema + "Field 'ExecutionType' is not supported at /States/S/ItemProcessor/ProcessorConfig"}},
		{"Distributed Map without an execution type", jsonPath(`"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`),
			[]string{schema + "These fields are required: [ExecutionType] at /States/S/ItemProcessor/ProcessorConfig"}},
		{"reserved variable", jsonata(`"Type":"Pass","End":true,"Assign":{"states":1}`), []string{"RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/S/Assign"}},
		{"bad variable name", jsonata(`"Type":"Pass","End":true,"Assign":{"a-b":1}`),
			[]string{"INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters. at /States/S/Assign"}},
		{"long variable name", jsonata(`"Type":"Pass","End":true,"Assign":{"` + long + `":1}`),
			[]string{"INVALID_VARIABLE_NAME: Invalid variable name '" + long + "': the variable name exceeds the 80-character limit. at /States/S/Assign"}},
		{"outer variable", `{"StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"x":1},"Next":"P"},"P":{"Type":"Parallel","End":true,"Branches":[
		   {"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":2},"End":true}}}]}}}`,
			[]string{"INVALID_VARIABLE_NAME: Invalid variable name 'x': the variable is assigned in an outer scope. at /States/P/Branches[0]/States/A/Assign"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range Validate([]byte(c.definition)) {
				if d.Severity == SeverityError {
					got = append(got, d.String())
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			var failed *DefinitionError
			if _, err := Parse([]byte(c.definition)); !errors.As(err, &failed) || err.Error() != "Invalid State Machine Definition: '"+strings.Join(c.want, ", ")+"'" {
				t.Errorf("Parse says %v", err)
			}
		})
	}
}

func TestValidateAcceptsWhatAWSAccepts(t *testing.T) {
	for name, definition := range map[string]string{
		"no wait before a retry, no limit of time": `{"TimeoutSeconds":0,"StartAt":"S","States":{"S":{` + invoke + `,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":0,"Comment":"c"}],"End":true}}}`,
		"End: false":                              `{"StartAt":"S","States":{"S":{"Type":"Pass","End":false,"Next":"T"},"T":{"Type":"Succeed"}}}`,
		"the name of an error that nobody has":    `{"StartAt":"S","States":{"S":{` + invoke + `,"Catch":[{"ErrorEquals":["State.ALL","States.Foo"],"Next":"T"}],"Next":"T"},"T":{"Type":"Succeed"}}}`,
		"a constant condition":                    `{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":true,"Next":"T"}]},"T":{"Type":"Succeed"}}}`,
		"names with anything in them":             `{"StartAt":"a b/ü.$","States":{"a b/ü.$":{"Type":"Pass","Comment":"","End":true}}}`,
		"variables in any language":               `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Assign":{"größe_2":1},"Output":"{% $größe_2 %}","End":true}}}`,
		"text that only looks like an expression": `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":" {% 1 %}","End":true}}}`,
		"names within steps":                      `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":"{% $states.input.items[price > 5 and kind in ['a']]^(>price).{'n': name, 'm': $map(tags, function($t){ $t.id })} %}","End":true}}}`,
		"a transform":                             `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":"{% $states.input ~> | a | {'b': c} | %}","End":true}}}`,
		"$states.errorOutput in Catch":            `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{` + strings.Replace(invoke, "Parameters", "Arguments", 1) + `,"Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput.Error %}","Assign":{"e":"{% $states.errorOutput %}"},"Next":"T"}],"Next":"T"},"T":{"Type":"Succeed"}}}`,
		"the same variable in two branches": `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
		   {"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":2},"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"x":3},"End":true}}}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if all := Validate([]byte(definition)); len(all) > 0 {
				t.Error(all)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	const definition = `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"a":"$.b","c":"$not a path"},"Next":"T"},"T":{"Type":"Pass","Result":{"a.$":"$.b"},"End":true}}}`
	var got []string
	for _, d := range Validate([]byte(definition)) {
		got = append(got, string(d.Severity)+" "+d.Code+" "+d.Location)
	}
	if d := cmp.Diff([]string{"WARNING NO_DOLLAR /States/S/Parameters", "WARNING PASS_RESULT_IS_STATIC /States/T/Result"}, got); d != "" {
		t.Error(d)
	}
	if _, err := Parse([]byte(definition)); err != nil {
		t.Error(err)
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
