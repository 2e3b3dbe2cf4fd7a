package asl

import (
	"strings"
	"testing"
	"time"
)

func TestJSONPathDataFlow(t *testing.T) {
	const input = `{"a":{"b":[1,2,{"c":3}]},"delivery-partner":"U","it":[{"n":"x","p":1.5},{"n":"y","p":10}]}`
	for _, c := range []struct{ name, state, output string }{
		{"InputPath", `"InputPath":"$.a.b[2].c"`, `3`},
		{"InputPath null", `"InputPath":null`, `{}`},
		{"OutputPath", `"OutputPath":"$.a.b[-1]"`, `{"c":3}`},
		{"OutputPath null", `"OutputPath":null`, `{}`},
		{"Result and ResultPath", `"Result":{"r":1},"ResultPath":"$.a.new"`, strings.Replace(input, `"b":`, `"new":{"r":1},"b":`, 1)},
		{"ResultPath goes into the raw input", `"InputPath":"$.a.b[0]","ResultPath":"$.a","OutputPath":"$.a"`, `1`},
		{"ResultPath replaces an element", `"Result":9,"ResultPath":"$.a.b[1]","OutputPath":"$.a.b"`, `[1,9,{"c":3}]`},
		{"ResultPath null", `"Result":9,"ResultPath":null,"OutputPath":"$.a.b[0]"`, `1`},
		{"Parameters: nested, in arrays, literals", `"Parameters":{"x.$":"$.a.b[0]","y":{"z.$":"$.a.b[2]"},"l":[{"w.$":"$.delivery-partner"},"$.a"],"k":"$.a"}`,
			`{"x":1,"y":{"z":{"c":3}},"l":[{"w":"U"},"$.a"],"k":"$.a"}`},
		{"names in brackets", `"InputPath":"$['a'][\"b\"][0]"`, `1`},
		{"wildcard", `"InputPath":"$.it[*].n"`, `["x","y"]`},
		{"members of an object, in the order of their names", `"InputPath":"$.it[0].*"`, `["x",1.5]`},
		{"descendants", `"InputPath":"$..c"`, `[3]`},
		{"slice", `"InputPath":"$.a.b[0:2]"`, `[1,2]`},
		{"union", `"InputPath":"$.a.b[1,0]"`, `[2,1]`},
		{"filter", `"InputPath":"$.it[?(@.p > 2 && @.n == 'y')].n"`, `["y"]`},
		{"filter without match", `"InputPath":"$.it[?(@.p > 20)]"`, `[]`},
		{"index past the end of an array", `"Parameters":{"x.$":"$.a.b[9]"}`, `{"x":null}`},
		{"hyphen after a wildcard", `"InputPath":"$..delivery-partner"`, `["U"]`},
		{"context object", `"Parameters":{"n.$":"$$.Execution.Name","s.$":"$$.State.Name","m.$":"$$.StateMachine.Name","t.$":"$$.Execution.StartTime","i.$":"$$.Execution.Input.a.b[0]"}`,
			`{"n":"e1","s":"S","m":"m","t":"2026-08-01T12:00:00.000Z","i":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass",`+c.state+`,"End":true}}}`, input, nil).wantOutput(t, c.output)
		})
	}
}

func TestResultSelector(t *testing.T) {
	begin(t, `{"StartAt":"T","States":{"T":{`+invoke+`,"ResultSelector":{"v.$":"$.Payload.v","in.$":"$$.Execution.Input.a"},"ResultPath":"$.r","End":true}}}`,
		`{"a":1}`, map[string][]answer{"T": {{output: `{"Payload":{"v":2},"StatusCode":200}`}}}).wantOutput(t, `{"a":1,"r":{"v":2,"in":1}}`)
}

func TestPathFailures(t *testing.T) {
	for _, c := range []struct{ name, state, err, cause string }{
		{"Parameters", `"Parameters":{"x.$":"$.gone"}`, ErrRuntime, "The JSONPath '$.gone' specified for the field 'x.$' could not be found in the input '{\"a\":1}'"},
		{"OutputPath", `"OutputPath":"$.a.b"`, ErrRuntime, "$.a.b"},
		{"context object", `"Parameters":{"x.$":"$$.Gone"}`, ErrRuntime, "context object"},
		{"variable", `"Parameters":{"x.$":"$gone"}`, ErrRuntime, "$gone"},
		{"ResultPath through a number", `"Result":1,"ResultPath":"$.a.b"`, "States.ResultPathMatchFailure", "$.a.b"},
		{"ResultPath beyond an array", `"Result":1,"ResultPath":"$.a[0]"`, "States.ResultPathMatchFailure", "$.a[0]"},
		{"index in what is no array", `"Parameters":{"x.$":"$.a[0]"}`, ErrRuntime, "could not be found in the input"},
		{"intrinsic", `"Parameters":{"x.$":"States.ArrayGetItem(States.Array(1), 5)"}`, ErrRuntime, "There was an error while evaluating the intrinsic function: States.ArrayGetItem(States.Array(1), 5). Invalid arguments in States.ArrayGetItem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass",`+c.state+`,"End":true}}}`, `{"a":1}`, nil).wantError(t, c.err, c.cause)
		})
	}
}

func TestWaitForms(t *testing.T) {
	for _, c := range []struct {
		state string
		want  time.Duration
	}{
		{`"Seconds":90`, 90 * time.Second},
		{`"SecondsPath":"$.n"`, 5 * time.Second},
		{`"SecondsPath":"$.text"`, 7 * time.Second},
		{`"Timestamp":"2026-08-01T12:01:00Z"`, time.Minute},
		{`"Timestamp":"2020-01-01T00:00:00Z"`, 0},
		{`"TimestampPath":"$.at"`, 2 * time.Hour},
		{`"QueryLanguage":"JSONata","Seconds":"{% $states.input.n * 2 %}"`, 10 * time.Second},
		{`"QueryLanguage":"JSONata","Timestamp":"{% $states.input.at %}"`, 2 * time.Hour},
		{`"QueryLanguage":"JSONata","Timestamp":"2026-08-01T12:00:30.5Z"`, 30500 * time.Millisecond},
	} {
		t.Run(c.state, func(t *testing.T) {
			r := begin(t, `{"StartAt":"W","States":{"W":{"Type":"Wait",`+c.state+`,"End":true}}}`, `{"n":5,"text":"7","at":"2026-08-01T14:00:00Z"}`, nil).toEnd()
			if d := r.clock.Now().Sub(noon); r.Status() != Succeeded || d != c.want {
				t.Errorf("status %s after %s, want %s", r.Status(), d, c.want)
			}
		})
	}
}

func TestJSONata(t *testing.T) {
	const input = `{"a":[1,2,3],"z":null,"nil":null,"single":["only"],"order":{"b":1,"a":2,"c":3},"o":{"k":[null,{"x":null}]},"s":"{\"j\":[1]}"}`
	for _, c := range []struct{ name, expression, output string }{
		{"null survives", `$states.input.o`, `{"k":[null,{"x":null}]}`},
		{"null is not undefined", `$exists($states.input.z)`, `true`},
		{"count sees nulls", `$count($states.input.o.k)`, `2`},
		{"sum", `$sum($states.input.a)`, `6`},
		{"singleton arrays stay arrays when asked", `$states.input.a[$ > 2][]`, `[3]`},
		{"object construction", `{'n': $states.input.a[0], 'all': [$states.input.a]}`, `{"n":1,"all":[1,2,3]}`},
		{"lambda", `$map($states.input.a, function($v){ $v * 2 })`, `[2,4,6]`},
		{"division", `1 / 4`, `0.25`},
		{"large integers", `9007199254740991`, `9007199254740991`},
		{"$partition", `$partition([1,2,3,4,5], 2)`, `[[1,2],[3,4],[5]]`},
		{"$range", `$range(0, 10, 5)`, `[0,5,10]`},
		{"$range down", `$range(3, 1, -1)`, `[3,2,1]`},
		{"$hash", `$hash('a', 'MD5')`, `"0cc175b9c0f1b6a831c399e269772661"`},
		{"$parse", `$parse($states.input.s).j[0]`, `1`},
		{"$parse null", `$parse('null')`, `null`},
		{"$now is the execution's clock", `$now()`, `"2026-08-01T12:00:00.000Z"`},
		{"$now with a picture", `$now('[Y0001]/[M01]/[D01]')`, `"2026/08/01"`},
		{"$millis", `$millis()`, `1785585600000`},
		{"$random with a seed repeats", `$random(5) = $random(5)`, `true`},
		{"$random differs", `$random() = $random()`, `false`},
		{"$uuid", `$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/).index`, `0`},
		{"$match names the index", `$match('xabab', /a(b)/)`, `[{"match":"ab","index":1,"groups":["b"]},{"match":"ab","index":3,"groups":["b"]}]`},
		{"$match with a limit", `$match('abab', /ab/, 1).index`, `0`},
		{"$pad", `$pad('a', 3) & '|' & $pad('a', -4, 'xy') & '|' & $pad('abc', 2) & '|' & $states.input.single.$pad(6, 'é')`, `"a  |xyxa|abc|onlyéé"`},
		{"$pad to a great width", `$length($pad('', 200000, 'x'))`, `200000`},
		{"$random as on AWS", `$random(42)`, `0.7275636800328681`},
		{"$partition of one item stays a list of lists", `$partition([0], 1)`, `[[0]]`},
		{"$partition of the input", `$partition($states.input.single, 5)`, `[["only"]]`},
		{"a list of one in the input stays a list", `$states.input.single`, `["only"]`},
		{"a text with quotes", `$states.input.s = "{\"j\":[1]}"`, `true`},
		{"$each in the order of the keys", `$each($states.input.order, function($v, $k) { $k & $v })`, `["b1","a2","c3"]`},
		{"$merge keeps the first places", `$merge([{"x": 1, "a": 2}, {"x": 3, "b": 4}])`, `{"x":3,"a":2,"b":4}`},
		{"$now is a time", `$toMillis($now()) = $millis()`, `true`},
		{"$partition without a size", `$partition([1,2])`, `[[1,2]]`},
		{"$partition rounds towards zero", `$partition([1,2,3], 2.9)`, `[[1,2],[3]]`},
		{"$range of one item", `$range(3, 3, 1)`, `3`},
		{"$range downwards", `$range(5, 0, -2)`, `[5,3,1]`},
		{"division by zero", `1 / 0`, `"Infinity"`},
		{"whole numbers", `[1.0, 1e2, 10 / 4, 9223372036854775807]`, `[1,100,2.5,9223372036854775807]`},
		{"small and large numbers", `[0.00001, 12345678.5]`, `[1.0E-5,1.23456785E7]`},
		{"a regular expression", `$contains('a/b', /A\/B/i)`, `true`},
		{"order of keys", `$keys($states.input.order)`, `["b","a","c"]`},
		{"order of keys in a text", `$string($states.input.order)`, `"{\"b\":1,\"a\":2,\"c\":3}"`},
		{"order of a new object", `{"z": 1, "y": {"x": 2, "w": 3}}`, `{"z":1,"y":{"x":2,"w":3}}`},
		{"null is a value", `[$exists($states.input.nil), $type($states.input.nil), $states.input.nil]`, `[true,"null",null]`},
		{"$shuffle keeps the elements", `$sort($shuffle([3,1,2]))`, `[1,2,3]`},
		{"context", `$states.context.Execution.Input.a[1]`, `2`},
		{"context by lookup", `$lookup($states, 'context').State.Name`, `"S"`},
		{"several lines", "(\n $x := 1;\n $x + 1\n)", `2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			definition := `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":` + text("{% "+c.expression+" %}") + `,"End":true}}}`
			begin(t, definition, input, nil).wantOutput(t, c.output)
		})
	}
}

func TestJSONataFailures(t *testing.T) {
	for _, c := range []struct{ name, expression, cause string }{
		{"undefined", `$states.input.gone`, "The JSONata expression '$states.input.gone' specified for the field 'Output/v' returned nothing (undefined)."},
		{"wrong operand", `1 + 'a'`, "must evaluate to a number"},
		{"function as a result", `function($x){ $x }`, "unsupported result type"},
		{"builtin as a result", `$sum`, "unsupported result type"},
		{"$eval", `$eval('1')`, "T1006: Attempted to invoke a non-function"},
		{"unknown function", `$randomSeeded(1)`, ""},
		{"$parse of no JSON", `$parse('{')`, "D3137: Invalid JSON"},
		{"$parse of nothing", `$parse('')`, "D3137: Invalid JSON"},
		{"$parse of a key twice", `$parse('{"a":1,"a":2}')`, "D3137: Invalid JSON"},
		{"$parse of a number", `$parse(1)`, "T0410: Argument 1 of function \"parse\""},
		{"$partition of no array", `$partition(1, 1)`, "T0412"},
		{"$partition by zero", `$partition([1], 0)`, "returned nothing"},
		{"$partition below zero", `$partition([1], -2)`, "D3137: Second argument must be zero or greater"},
		{"$partition of nothing", `$partition([], 2)`, "returned nothing"},
		{"$hash with an unknown algorithm", `$hash('a', 'CRC')`, "D3137: Hash algorithm 'CRC' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"},
		{"$hash of a number", `$hash(1, 'MD5')`, "T0410: Argument 1 of function \"hash\""},
		{"$hash without algorithm", `$hash('a')`, "returned nothing"},
		{"$range without end", `$range(1, 10, 0)`, "returned nothing"},
		{"$range that leads away", `$range(1, 10, -1)`, "returned nothing"},
		{"$range of texts", `$range('a', 10, 1)`, "T0410: Argument 1 of function \"range\""},
		{"$range that is too long", `$range(1, 900000, 1)`, "memory limit"},
		{"$partition into chunks of null", `$partition([1,2,3], null)`, "T0410: Argument 2 of function \"partition\""},
		{"$uuid takes nothing", `$uuid(1)`, "T0410: Argument 1 of function \"uuid\""},
		{"$error", `$error('mine')`, "mine"},
		{"endless tail calls", `($f := function($x){ $f($x) }; $f(1))`, ""},
		{"endless recursion", `($f := function($x){ 1 + $f($x) }; $f(1))`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			definition := `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass","Output":{"v":` + text("{% "+c.expression+" %}") + `},"End":true}}}`
			begin(t, definition, `{}`, nil).wantError(t, ErrQueryEvaluation, c.cause)
		})
	}
}

func TestIntrinsicFunctions(t *testing.T) {
	const input = `{"a":[1,2,3,3],"s":"x,y;z","n":5,"o":{"k":1},"j":"{\"q\":[1]}","name":"it's"}`
	for _, c := range []struct{ call, output string }{
		{`States.Format('{} and {}', $.n, $.s)`, `"5 and x,y;z"`},
		{`States.Format('\\{{}\\} \\'{}\\'', $.o, $.name)`, `"{{k=1}} 'it's'"`},
		{`States.StringToJson($.j)`, `{"q":[1]}`},
		{`States.JsonToString($.o)`, `"{\"k\":1}"`},
		{`States.Array(1, 'a', true, null, $.n)`, `[1,"a",true,null,5]`},
		{`States.ArrayPartition($.a, 3)`, `[[1,2,3],[3]]`},
		{`States.ArrayContains($.a, 3)`, `true`},
		{`States.ArrayContains($.a, '3')`, `true`},
		{`States.ArrayRange(1, 9, 4)`, `[1,5,9]`},
		{`States.ArrayGetItem($.a, 1)`, `2`},
		{`States.ArrayLength($.a)`, `4`},
		{`States.ArrayUnique($.a)`, `[1,2,3]`},
		{`States.Base64Encode('Data to encode')`, `"RGF0YSB0byBlbmNvZGU="`},
		{`States.Base64Decode('RGF0YSB0byBlbmNvZGU=')`, `"Data to encode"`},
		{`States.Hash('input data', 'SHA-1')`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{`States.JsonMerge($.o, States.StringToJson($.j), false)`, `{"k":1,"q":[1]}`},
		{`States.MathAdd($.n, -1)`, `4`},
		{`States.StringSplit($.s, ',;')`, `["x","y","z"]`},
		{`States.ArrayGetItem(States.StringSplit('a-b', '-'), States.MathAdd(0, 1))`, `"b"`},
		{`States.ArrayLength($.a[?(@ > 1)])`, `3`},
		{`States.ArrayLength($['a'])`, `4`},
	} {
		t.Run(c.call, func(t *testing.T) {
			definition := `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"v.$":` + text(strings.ReplaceAll(c.call, `\\`, `\`)) + `},"OutputPath":"$.v","End":true}}}`
			begin(t, definition, input, nil).wantOutput(t, c.output)
		})
	}
}

func TestRandomIntrinsicsRepeatAndStayInRange(t *testing.T) {
	const definition = `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"r.$":"States.MathRandom(3, 6)","s.$":"States.MathRandom(0, 1000000, 7)","u.$":"States.UUID()"},"End":true}}}`
	one, two := begin(t, definition, `{}`, nil), begin(t, definition, `{}`, nil)
	if string(one.Output()) != string(two.Output()) {
		t.Errorf("%s, then %s", one.Output(), two.Output())
	}
	out, err := decode(one.Output())
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := integer(out.(*object).values["r"]); !ok || r < 3 || r >= 6 {
		t.Errorf("MathRandom(3, 6) = %d", r)
	}
}
