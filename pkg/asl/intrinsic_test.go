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
		{`States.ArrayPartition($.list, 2.6)`, `[[1,"a",{"k":1}],[[2]]]`},
		{`States.ArrayPartition(States.Array(), 2)`, `[]`},
		{`States.ArrayContains($.list, $.list[2])`, `true`},
		{`States.ArrayContains($.list, 'b')`, `false`},
		{`States.ArrayRange(1, 9, 2)`, `[1,3,5,7,9]`},
		{`States.ArrayRange(3, -3, -3)`, `[3,0,-3]`},
		{`States.ArrayRange(1.4, 2.5, 1)`, `[1,2,3]`},
		{`States.ArrayRange(5, 1, 1)`, `[]`},
		{`States.ArrayUnique(States.Array(1, 'a', 1, 'a', $.null, $.null, $.o, $.o))`, `[1,"a",null,{"z":1,"a":[1,"b",null],"m":{"k":"v"}}]`},
		// Texts
		{`States.Base64Encode('')`, `""`},
		{`States.Base64Encode('é')`, `"w6k="`},
		{`States.Base64Decode('w6k=')`, `"é"`},
		{`States.Hash('x', 'MD5')`, `"9dd4e461268c8034f5c8564e155c67a6"`},
		{`States.StringSplit(' ', ',')`, `[" "]`},
		{`States.StringSplit(', , ,', ',')`, `[" "," "]`},
		{`States.StringSplit(',,,', ',')`, `[]`},
		{`States.StringSplit('This.is+a,test=string', '.+,=')`, `["This","is","a","test","string"]`},
		{"States.StringSplit('Hello\nWorld', '\n')", `["Hello","World"]`},
		// Numbers
		{`States.MathAdd($.float, $.neg)`, `1`}, // 2 and -1: to the nearest, halves upwards
		{`States.MathAdd($.whole, 1)`, `3`},
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
	const input = `{"s":"text","n":1,"o":{"a":1},"list":[1],"long":"` + "%" + `"}`
	long := strings.Repeat("x", maxText+1)
	for _, c := range []struct{ call, name string }{
		{`States.Format('{} {}', 1)`, ErrIntrinsicFailure},
		{`States.Format('{}', 1, 2)`, ErrIntrinsicFailure},
		{`States.Format($.n)`, ErrIntrinsicFailure},
		{`States.StringToJson('{')`, ErrIntrinsicFailure},
		{`States.StringToJson($.n)`, ErrIntrinsicFailure},
		{`States.JsonMerge($.o, $.s, false)`, ErrIntrinsicFailure},
		{`States.JsonMerge($.o, $.o, true)`, ErrIntrinsicFailure},
		{`States.ArrayPartition($.s, 1)`, ErrIntrinsicFailure},
		{`States.ArrayPartition($.list, 0)`, ErrIntrinsicFailure},
		{`States.ArrayPartition($.list, -1)`, ErrIntrinsicFailure},
		{`States.ArrayContains($.o, 1)`, ErrIntrinsicFailure},
		{`States.ArrayRange(1, 5, 0)`, ErrIntrinsicFailure},
		{`States.ArrayRange(1, 1001, 1)`, ErrIntrinsicFailure},
		{`States.ArrayRange('a', 5, 1)`, ErrIntrinsicFailure},
		{`States.ArrayGetItem($.list, 1)`, ErrIntrinsicFailure},
		{`States.ArrayGetItem($.list, -1)`, ErrIntrinsicFailure},
		{`States.ArrayLength($.n)`, ErrIntrinsicFailure},
		{`States.ArrayUnique($.s)`, ErrIntrinsicFailure},
		{`States.Base64Encode($.n)`, ErrIntrinsicFailure},
		{`States.Base64Encode($.long)`, ErrIntrinsicFailure},
		{`States.Base64Decode('?')`, ErrIntrinsicFailure},
		{`States.Hash('x', 'CRC')`, ErrIntrinsicFailure},
		{`States.Hash($.long, 'MD5')`, ErrIntrinsicFailure},
		{`States.MathRandom(5, 1)`, ErrIntrinsicFailure},
		{`States.MathRandom('a', 1)`, ErrIntrinsicFailure},
		{`States.MathAdd('1', 1)`, ErrIntrinsicFailure},
		{`States.StringSplit($.n, ',')`, ErrIntrinsicFailure},
		{`States.Format('{}', $.gone)`, ErrRuntime},
		{`States.Array(States.Format('{}', $$.Gone))`, ErrRuntime},
		{`States.Array($gone)`, ErrRuntime},
	} {
		t.Run(c.call, func(t *testing.T) {
			begin(t, intrinsicMachine(c.call), strings.Replace(input, "%", long, 1), nil).wantError(t, c.name, "The function '")
		})
	}
}

func TestIntrinsicsThatAWSRefuses(t *testing.T) {
	deep := strings.Repeat("States.Array(", 11) + strings.Repeat(")", 11)
	for _, call := range []string{`States.Format('say \"{}\"', 1)`, `States.Format('a\n')`, `States.Format('a`, `States.Format(a)`, `States.Format()`, `States.Format('a',)`,
		`States.Format('a' 1)`, `States.Format('a') x`, `States.Foo()`, `States.UUID(1)`, `States.Format("a")`, `States.Array($.a[)`, `States.Array(1`, `States.`, `States.Array`, deep} {
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
