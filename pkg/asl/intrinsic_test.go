package asl

import (
	"strings"
	"testing"
)

func intrinsicMachine(call string) string {
	return `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"v.$":` + text(call) + `},"OutputPath":"$.v","End":true}}}`
}

func TestIntrinsicResults(t *testing.T) {
	const input = `{"null":null,"one":1,"float":1.5,"whole":2.0,"neg":-1.5,"true":true,"s":"text","empty":"","blank":" ",
	  "o":{"z":1,"a":[1,"b",null],"m":{"k":"v"}},"list":[1,"a",{"k":1},[2]],"items":[{"y":1997},{"y":1999}]}`
	for _, c := range []struct{ call, want string }{
		// States.Format writes values as Java does.
		{`States.Format('no arguments')`, `"no arguments"`},
		{`States.Format('{}', $.null)`, `"null"`},
		{`States.Format('{}', $.float)`, `"1.5"`},
		{`States.Format('{} {}', true, 7)`, `"true 7"`},
		{`States.Format('{}', $.empty)`, `""`},
		{`States.Format('{}', $.o)`, `"{z=1, a=[1, b, null], m={k=v}}"`},
		{`States.Format('{}', $.list)`, `"[1, a, {k=1}, [2]]"`},
		{`States.Format($.s)`, `"text"`},
		{`States.Format('\{\} \'\\ {}', 1)`, `"{} '\\ 1"`},
		{`States.Format('{}', '{\}')`, `"{}"`},
		{`States.Format('{}', '\{x\}')`, `"{x}"`},
		{`States.Format( 'a{}b' , States.Format('{}', 1) )`, `"a1b"`},
		// JSON
		{`States.StringToJson('')`, `null`},
		{`States.StringToJson($.blank)`, `null`},
		{`States.StringToJson('-0')`, `0`},
		{`States.StringToJson('1.10')`, `1.10`},
		{`States.StringToJson('{"b": [1, {"a": "x"}], "a": null}')`, `{"b":[1,{"a":"x"}],"a":null}`},
		{`States.JsonToString($.o)`, `"{\"z\":1,\"a\":[1,\"b\",null],\"m\":{\"k\":\"v\"}}"`},
		{`States.JsonToString($.null)`, `"null"`},
		{`States.JsonToString('é "q"')`, `"\"é \\\"q\\\"\""`},
		{`States.JsonToString($.items[?(@.y <= 1998)])`, `"[{\"y\":1997}]"`},
		{`States.JsonMerge($.o, States.StringToJson('{"m":1,"n":2}'), false)`, `{"z":1,"a":[1,"b",null],"m":1,"n":2}`},
		// Arrays
		{`States.Array()`, `[]`},
		{`States.Array($.null, 'a', -1.5, States.Array(1))`, `[null,"a",-1.5,[1]]`},
		{`States.ArrayPartition($.list, 1)`, `[[1],["a"],[{"k":1}],[[2]]]`},
		{`States.ArrayPartition($.list, 2.6)`, `[[1,"a"],[{"k":1},[2]]]`},
		{`States.ArrayPartition($.list, 2147483647)`, `[[1,"a",{"k":1},[2]]]`},
		{`States.ArrayPartition(States.Array(), 2)`, `[]`},
		{`States.ArrayContains($.list, $.list[2])`, `true`},
		{`States.ArrayContains($.list, 'b')`, `false`},
		{`States.ArrayContains(States.Array('true', '7'), true)`, `true`}, // compared as they are printed
		{`States.ArrayContains(States.Array('true', '7'), 7)`, `true`},
		{`States.ArrayContains(States.Array(0, 1), false)`, `false`},
		{`States.ArrayContains(States.Array(States.StringToJson('{"a":1,"b":2}')), States.StringToJson('{"b":2,"a":1}'))`, `false`},
		{`States.ArrayGetItem($.list, 1.9)`, `"a"`},
		{`States.ArrayGetItem(States.Array(), 999)`, `null`},
		{`States.ArrayRange(1, 9, 2)`, `[1,3,5,7,9]`},
		{`States.ArrayRange(3, -3, -3)`, `[3,0,-3]`},
		{`States.ArrayRange(1.4, 2.5, 1)`, `[1,2]`},
		{`States.ArrayRange(1.6, 1.4, 1)`, `[1]`},
		{`States.ArrayRange(5.4, -0.6, -2.4)`, `[5,3,1]`},
		{`States.ArrayRange(5, 1, 1)`, `[]`},
		{`States.ArrayUnique(States.Array(1, 'a', 1, 'a', $.null, $.null, $.o, $.o))`, `[null,1,"a",{"z":1,"a":[1,"b",null],"m":{"k":"v"}}]`}, // a Java HashSet
		{`States.ArrayUnique(States.Array(true, false, true))`, `[false,true]`},
		{`States.ArrayUnique(States.Array(States.Array(1, 2), States.Array(1, 2), States.Array(2, 1)))`, `[[2,1],[1,2]]`},
		{`States.ArrayUnique(States.Array(1, '1', 1, 1.0, -1, 1.5, 5000000000, 5000000000))`, `[1.0,-1,1,"1",5000000000,1.5]`},
		// Texts
		{`States.Base64Encode('')`, `""`},
		{`States.Base64Encode('é')`, `"w6k="`},
		{`States.Base64Decode('w6k=')`, `"é"`},
		{`States.Base64Decode(' YWJj ZA== ')`, `"abcd"`},
		{`States.Base64Decode('YWJjZA')`, `"abcd"`},
		{`States.Base64Decode('YWI=YWJj')`, `"ab"`},
		{`States.Base64Decode('!Y!')`, `""`},
		{`States.Hash(123, 'MD5')`, `"202cb962ac59075b964b07152d234b70"`},
		{`States.JsonMerge($.items[0], $.o.m, 'false')`, `{"y":1997,"k":"v"}`},
		{`States.Hash('x', 'MD5')`, `"9dd4e461268c8034f5c8564e155c67a6"`},
		{`States.StringSplit(' ', ',')`, `[" "]`},
		{`States.StringSplit(', , ,', ',')`, `[" "," "]`},
		{`States.StringSplit(',,,', ',')`, `[]`},
		{`States.StringSplit('This.is+a,test=string', '.+,=')`, `["This","is","a","test","string"]`},
		{"States.StringSplit('Hello\nWorld', '\n')", `["Hello","World"]`},
		// Numbers
		{`States.MathAdd($.float, $.neg)`, `1`}, // 2 and -1: to the nearest, halves upwards
		{`States.MathAdd($.whole, 1)`, `3`},
		{`States.MathAdd(2147483646, 1)`, `2147483647`},
		{`States.MathRandom(1.6, 2.4)`, `1`},
		// Paths of all kinds
		{`States.Array($$.State.Name, $$.Execution.Input.one)`, `["S",1]`},
		{`States.ArrayLength($.list[*])`, `4`},
		{`States.ArrayGetItem($.items[?(@.y == 1999 || @.y == 1)], 0)`, `{"y":1999}`},
	} {
		t.Run(c.call, func(t *testing.T) {
			begin(t, intrinsicMachine(c.call), input, nil).wantOutput(t, c.want)
		})
	}
}

func TestIntrinsicFailures(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	input := `{"s":"text","n":1,"o":{"a":1},"list":[1],"long":"` + long + `"}`
	invalid := func(call string) string {
		return "There was an error while evaluating the intrinsic function: " + call + ". Invalid arguments in " + call[:strings.IndexByte(call, '(')]
	}
	missing := func(call string) string {
		return "The function '" + call + "' had the following error: The JsonPath argument for the field '"
	}
	for _, group := range []struct {
		calls []string
		cause func(call string) string
	}{
		{[]string{
			`States.Format('{} {}', 1)`,
			`States.Format('{}', 1, 2)`,
			`States.Format($.n)`,
			`States.StringToJson($.n)`,
			`States.JsonMerge($.o, $.s, false)`,
			`States.JsonMerge($.o, $.o, true)`,
			`States.ArrayPartition($.s, 1)`,
			`States.ArrayPartition($.list, 0)`,
			`States.ArrayPartition($.list, -1)`,
			`States.ArrayContains($.o, 1)`,
			`States.ArrayRange(1, 5, 0)`,
			`States.ArrayRange(1, 1001, 1)`,
			`States.ArrayRange('a', 5, 1)`,
			`States.ArrayGetItem($.list, 1)`,
			`States.ArrayGetItem($.list, -1)`,
			`States.ArrayLength($.n)`,
			`States.ArrayUnique($.s)`,
			`States.Base64Encode($.n)`,
			`States.Base64Encode($.long)`,
			`States.Hash('x', 'CRC')`,
			`States.Hash($.long, 'MD5')`,
			`States.MathRandom(5, 1)`,
			`States.MathRandom('a', 1)`,
			`States.MathAdd('1', 1)`,
			`States.MathAdd(2147483647, 1)`,
			`States.MathAdd(-3000000000, 1)`,
			`States.MathRandom(1.4, 1.6)`,
			`States.MathRandom(1, 10, null)`,
			`States.ArrayPartition($.list, 0.6)`,
			`States.ArrayRange(1, 10, 0.49)`,
			`States.StringSplit($.n, ',')`,
			`States.Hash()`,
			`States.ArrayContains($.list)`,
			`States.ArrayPartition($.list, 2, 9)`,
			`States.UUID(1)`,
			`States.Format()`,
		}, invalid},
		{[]string{`States.Format('{}', $.gone)`, `States.Array(States.Format('{}', $$.Gone))`, `States.Array($gone)`}, missing},
	} {
		for _, call := range group.calls {
			t.Run(call, func(t *testing.T) {
				begin(t, intrinsicMachine(call), input, nil).wantError(t, ErrRuntime, group.cause(call))
			})
		}
	}
	for _, c := range []struct{ call, cause string }{
		{`States.Format('Hello {', 1)`, "States.Format('Hello {', 1). Invalid template in States.Format: matching '}' not found for '{'."},
		{`States.Format('{{}}', 1)`, "matching '}' not found for '{'."},
		{`States.Format('}')`, "matching '{' not found for '}'."},
		{`States.StringToJson('{')`, "Cannot convert String to Json in States.StringToJson, caused by: "},
		{`States.ArrayLength(States.MathAdd('x', 1))`, "function: States.ArrayLength(States.MathAdd('x', 1)). Invalid arguments in States.MathAdd"},
	} {
		t.Run(c.call, func(t *testing.T) { begin(t, intrinsicMachine(c.call), input, nil).wantError(t, ErrRuntime, c.cause) })
	}
}

func TestIntrinsicsThatAWSRefuses(t *testing.T) {
	deep := strings.Repeat("States.Array(", 11) + strings.Repeat(")", 11)
	for _, call := range []string{`States.Format('say \"{}\"', 1)`, `States.Format('a\n')`, `States.Format('a`, `States.Format(a)`, `States.Format('a',)`,
		`States.Format('a' 1)`, `States.Format('a') x`, `States.Foo()`, `States.Format("a")`, `States.Array($.a[)`, `States.Array(1`, `States.`, `States.Array`, deep} {
		if _, err := Parse([]byte(intrinsicMachine(call))); err == nil {
			t.Errorf("%s is accepted", call)
		}
	}
}

func FuzzIntrinsic(f *testing.F) {
	for _, src := range []string{`States.Format('a {} \' \{', $.a[?(@.b == ',')], States.Array(1, true))`, `States.StringSplit($$.State.Name, '-')`, `States.ArrayRange(1, 2, 3)`} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		m, err := Parse([]byte(intrinsicMachine(src)))
		if err == nil && runFuzzed(t, m).Status() == Running {
			t.Fatal("still running")
		}
	})
}
