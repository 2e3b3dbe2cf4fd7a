package asl

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestKeysKeepTheirOrder(t *testing.T) {
	const input = `{"b":{"z":1,"a":2},"a":[{"d":1,"c":2}],"é\"\u0001":"/\u2028<&>\ud83c\udd97"}`
	for _, c := range []struct{ name, state, want string }{
		{"input passed on", `"Comment":""`, "{\"b\":{\"z\":1,\"a\":2},\"a\":[{\"d\":1,\"c\":2}],\"é\\\"\\u0001\":\"/\\u2028<&>\\ud83c\\udd97\"}"},
		{"part of the input", `"InputPath":"$.b"`, `{"z":1,"a":2}`},
		{"characters are written as they are", `"OutputPath":"$['é\"\u0001']"`, "\"/\u2028<&>🆗\""},
		{"Result", `"Result":{"y":1,"x":{"w":1,"v":2}}`, `{"y":1,"x":{"w":1,"v":2}}`},
		{"ResultPath adds at the end", `"InputPath":"$.b","Result":1,"ResultPath":"$.b.k"`, "{\"b\":{\"z\":1,\"a\":2,\"k\":1},\"a\":[{\"d\":1,\"c\":2}],\"é\\\"\\u0001\":\"/\u2028<&>🆗\"}"},
		{"Parameters: constants first, the others as in a Java HashMap", `"Parameters":{"original_input.$":"$.b","iteration_input_value.$":"$.b.z","iteration_index.$":"$.b.a","from_input_constant.$":"$.b.a","constant_value":"c"}`,
			`{"constant_value":"c","iteration_input_value":1,"from_input_constant":2,"iteration_index":2,"original_input":{"z":1,"a":2}}`},
		{"JSONata: as written", `"QueryLanguage":"JSONata","Output":{"q":"{% 1 %}","p":"{% $states.input.b %}","o":"{% {'y': 1, 'x': 2} %}"}`, `{"q":1,"p":{"z":1,"a":2},"o":{"y":1,"x":2}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass",`+c.state+`,"End":true}}}`, input, nil)
			if got := string(r.Output()); got != c.want {
				t.Errorf("output\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestContextObjectKeepsAWSsOrder(t *testing.T) {
	r := begin(t, `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"c.$":"States.Format('{}', $$)"},"OutputPath":"$.c","End":true}}}`, `{}`, nil)
	r.wantOutput(t, `"{Execution={Id=arn:aws:states:eu-west-1:123456789012:execution:m:e1, Input={}, StartTime=2026-08-01T12:00:00.000Z, Name=e1, `+
		`RoleArn=arn:aws:iam::123456789012:role/r, RedriveCount=0}, StateMachine={Id=arn:aws:states:eu-west-1:123456789012:stateMachine:m, Name=m}, `+
		`State={Name=S, EnteredTime=2026-08-01T12:00:00.000Z}}"`)
}

func TestNumbersAsJavaWritesThem(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{{0, "0.0"}, {1.5, "1.5"}, {100, "100.0"}, {0.001, "0.001"}, {0.0001, "1.0E-4"}, {9999999.5, "9999999.5"}, {1e7, "1.0E7"}, {-1.25e-9, "-1.25E-9"}, {1e21, "1.0E21"}} {
		if got := javaDouble(c.f); got != c.want {
			t.Errorf("%v is written %s, want %s", c.f, got, c.want)
		}
	}
}

func TestJavaRandom(t *testing.T) {
	if got := newJavaRandom(42).double(); got != 0.7275636800328681 {
		t.Errorf("first number of seed 42 is %v", got)
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0,1e5,"\u00e9\ud83c\udd97\n",null,true]," ":{}}`, `"\ud800"`, `[[[]],{"a":1,"a":2}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want any
		err := json.Unmarshal([]byte(s), &want)
		d, gotErr := parseDoc([]byte(s))
		if (err == nil) != (gotErr == nil) {
			if _, outOfRange := err.(*json.UnmarshalTypeError); outOfRange {
				return // a number that Go cannot hold stays a text here
			}
			t.Fatalf("encoding/json says %v, decode %v", err, gotErr)
		}
		if err != nil {
			return
		}
		raw, err := encode(d.v)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal([]byte(raw), &got); err != nil || !reflect.DeepEqual(want, got) {
			t.Fatalf("%s became %s (%v)", s, raw, err)
		}
		if _, err := fromJSONata(toJSONata(d.v)); err != nil {
			t.Fatal(err)
		}
	})
}
