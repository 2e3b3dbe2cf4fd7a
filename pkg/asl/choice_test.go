package asl

import "testing"

func TestChoiceOperators(t *testing.T) {
	const input = `{"s":"b","n":2,"f":2.0,"t":true,"z":null,"at":"2026-08-01T12:00:00Z","s2":"c","n2":3,"at2":"2026-08-01T14:00:00+02:00","o":{}}`
	for _, c := range []struct {
		rule string
		want bool
	}{
		{`"Variable":"$.s","StringEquals":"b"`, true},
		{`"Variable":"$.s","StringEquals":"B"`, false},
		{`"Variable":"$.n","StringEquals":"2"`, false},
		{`"Variable":"$.s","StringEqualsPath":"$.s"`, true},
		{`"Variable":"$.s","StringLessThan":"c"`, true},
		{`"Variable":"$.s","StringLessThanPath":"$.s2"`, true},
		{`"Variable":"$.s","StringGreaterThan":"a"`, true},
		{`"Variable":"$.s","StringLessThanEquals":"b"`, true},
		{`"Variable":"$.s","StringGreaterThanEquals":"c"`, false},
		{`"Variable":"$.s","StringGreaterThanEqualsPath":"$.s2"`, false},
		{`"Variable":"$.s","StringMatches":"*"`, true},
		{`"Variable":"$.at","StringMatches":"2026-*-01T*Z"`, true},
		{`"Variable":"$.at","StringMatches":"2026-*-02*"`, false},
		{`"Variable":"$.s","StringMatches":"\\*"`, false},
		{`"Variable":"$.n","NumericEquals":2`, true},
		{`"Variable":"$.f","NumericEquals":2`, true},
		{`"Variable":"$.s","NumericEquals":2`, false},
		{`"Variable":"$.n","NumericEqualsPath":"$.f"`, true},
		{`"Variable":"$.n","NumericLessThan":2.5`, true},
		{`"Variable":"$.n","NumericLessThanPath":"$.n2"`, true},
		{`"Variable":"$.n","NumericGreaterThan":2`, false},
		{`"Variable":"$.n","NumericLessThanEquals":2`, true},
		{`"Variable":"$.n","NumericGreaterThanEquals":2`, true},
		{`"Variable":"$.n","NumericGreaterThanEqualsPath":"$.s"`, false},
		{`"Variable":"$.t","BooleanEquals":true`, true},
		{`"Variable":"$.t","BooleanEquals":false`, false},
		{`"Variable":"$.s","BooleanEquals":true`, false},
		{`"Variable":"$.t","BooleanEqualsPath":"$.t"`, true},
		{`"Variable":"$.at","TimestampEquals":"2026-08-01T12:00:00Z"`, true},
		{`"Variable":"$.at","TimestampEqualsPath":"$.at2"`, true},
		{`"Variable":"$.at","TimestampLessThan":"2026-08-01T12:00:01Z"`, true},
		{`"Variable":"$.at","TimestampGreaterThan":"2026-08-01T12:00:00Z"`, false},
		{`"Variable":"$.at","TimestampLessThanEquals":"2026-08-01T12:00:00Z"`, true},
		{`"Variable":"$.at","TimestampGreaterThanEqualsPath":"$.at2"`, true},
		{`"Variable":"$.s","TimestampEquals":"2026-08-01T12:00:00Z"`, false},
		{`"Variable":"$.z","IsNull":true`, true},
		{`"Variable":"$.s","IsNull":true`, false},
		{`"Variable":"$.s","IsNull":false`, true},
		{`"Variable":"$.gone","IsPresent":true`, false},
		{`"Variable":"$.gone","IsPresent":false`, true},
		{`"Variable":"$.z","IsPresent":true`, true},
		{`"Variable":"$.s","IsString":true`, true},
		{`"Variable":"$.n","IsString":true`, false},
		{`"Variable":"$.n","IsNumeric":true`, true},
		{`"Variable":"$.t","IsNumeric":false`, true},
		{`"Variable":"$.t","IsBoolean":true`, true},
		{`"Variable":"$.at","IsTimestamp":true`, true},
		{`"Variable":"$.s","IsTimestamp":true`, false},
		{`"Variable":"$$.State.Name","StringEquals":"C"`, true},
		{`"And":[{"Variable":"$.t","BooleanEquals":true},{"Variable":"$.n","NumericEquals":3}]`, false},
		{`"And":[{"Variable":"$.gone","IsPresent":true},{"Variable":"$.gone","NumericEquals":3}]`, false},
		{`"Or":[{"Variable":"$.n","NumericEquals":3},{"Variable":"$.t","BooleanEquals":true}]`, true},
		{`"Or":[{"Variable":"$.n","NumericEquals":3},{"Variable":"$.n","NumericEquals":4}]`, false},
		{`"Not":{"Variable":"$.n","NumericEquals":3}`, true},
		{`"Not":{"And":[{"Not":{"Variable":"$.t","BooleanEquals":false}}]}`, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := begin(t, `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{`+c.rule+`,"Next":"Yes"}],"Default":"No"},
			  "Yes":{"Type":"Pass","Result":true,"End":true},"No":{"Type":"Pass","Result":false,"End":true}}}`, input, nil)
			want := "false"
			if c.want {
				want = "true"
			}
			r.wantOutput(t, want)
		})
	}
}

func TestChoiceFailures(t *testing.T) {
	jsonPath := func(rule string) string {
		return `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{` + rule + `,"Next":"Y"}]},"Y":{"Type":"Succeed"}}}`
	}
	jsonata := func(condition string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Condition":"` + condition + `","Next":"Y"}]},"Y":{"Type":"Succeed"}}}`
	}
	for _, c := range []struct{ name, definition, err, cause string }{
		{"nothing matches and no Default", jsonPath(`"Variable":"$.n","NumericEquals":1`), ErrRuntime, "'C' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."},
		{"the variable is missing", jsonPath(`"Variable":"$.gone","NumericEquals":1`), ErrRuntime, "Invalid path '$.gone'"},
		{"the operand is missing", jsonPath(`"Variable":"$.n","NumericEqualsPath":"$.gone"`), ErrRuntime, "Invalid path '$.gone'"},
		{"JSONata: nothing matches", jsonata(`{% false %}`), ErrRuntime, "The state does not point to a next state."},
		{"JSONata: not a boolean", jsonata(`{% 1 %}`), ErrQueryEvaluation, "Expected 'boolean', but was 'number' for value: 1"},
		{"JSONata: undefined", jsonata(`{% $states.input.gone %}`), ErrQueryEvaluation, "returned nothing (undefined)"},
	} {
		t.Run(c.name, func(t *testing.T) { begin(t, c.definition, `{"n":2}`, nil).wantError(t, c.err, c.cause) })
	}
}
