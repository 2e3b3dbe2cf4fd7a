package pattern

import (
	"encoding/json"
	"strings"
	"testing"
)

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

const event = `{"version":"0","source":"aws.eks","detail-type":"EKS Update","account":"123456789012","resources":["arn:aws:eks:eu-west-1:123456789012:cluster/shop","arn:b"],
	"detail":{"name":"shop","version":"1.35","count":7,"ratio":1.50,"ok":true,"none":null,"ip":"10.0.1.7","empty":[],"tags":[{"k":"team","v":"a"},{"k":"env","v":"prod"}],"path":"a/b*c/d.yaml"}}`

func TestPatterns(t *testing.T) {
	e := decode(t, event)
	for _, tc := range []struct {
		name, pattern string
		want          bool
	}{
		{"exact", `{"source":["aws.eks"]}`, true},
		{"one of several", `{"source":["aws.ec2","aws.eks"]}`, true},
		{"other value", `{"source":["aws.ec2"]}`, false},
		{"all fields must match", `{"source":["aws.eks"],"account":["1"]}`, false},
		{"nested", `{"detail":{"name":["shop"]}}`, true},
		{"number by value", `{"detail":{"ratio":[1.5]}}`, true},
		{"number is not its text", `{"detail":{"count":["7"]}}`, false},
		{"boolean", `{"detail":{"ok":[true]}}`, true},
		{"null", `{"detail":{"none":[null]}}`, true},
		{"absent is not null", `{"detail":{"absent":[null]}}`, false},
		{"any element of an array", `{"resources":["arn:b"]}`, true},
		{"prefix", `{"resources":[{"prefix":"arn:aws:eks:"}]}`, true},
		{"prefix fails", `{"source":[{"prefix":"eks"}]}`, false},
		{"prefix without case", `{"source":[{"prefix":{"equals-ignore-case":"AWS.E"}}]}`, true},
		{"suffix", `{"detail":{"path":[{"suffix":".yaml"}]}}`, true},
		{"suffix without case", `{"detail":{"path":[{"suffix":{"equals-ignore-case":".YAML"}}]}}`, true},
		{"anything but one", `{"source":[{"anything-but":"aws.ec2"}]}`, true},
		{"anything but itself", `{"source":[{"anything-but":"aws.eks"}]}`, false},
		{"anything but a list", `{"source":[{"anything-but":["a","aws.eks"]}]}`, false},
		{"anything but a number", `{"detail":{"count":[{"anything-but":[7,8]}]}}`, false},
		{"anything but a prefix", `{"source":[{"anything-but":{"prefix":"aws."}}]}`, false},
		{"anything but prefixes", `{"source":[{"anything-but":{"prefix":["x","y"]}}]}`, true},
		{"anything but a suffix", `{"source":[{"anything-but":{"suffix":".ec2"}}]}`, true},
		{"anything but without case", `{"source":[{"anything-but":{"equals-ignore-case":["AWS.EKS"]}}]}`, false},
		{"anything but a wildcard", `{"source":[{"anything-but":{"wildcard":"aws.*"}}]}`, false},
		{"anything but needs a value", `{"detail":{"absent":[{"anything-but":"x"}]}}`, false},
		{"numeric range", `{"detail":{"count":[{"numeric":[">",0,"<=",7]}]}}`, true},
		{"numeric range fails", `{"detail":{"count":[{"numeric":[">",7]}]}}`, false},
		{"numeric equality", `{"detail":{"count":[{"numeric":["=",7.0]}]}}`, true},
		{"numeric of text", `{"detail":{"version":[{"numeric":[">",1]}]}}`, false},
		{"exists", `{"detail":{"name":[{"exists":true}]}}`, true},
		{"exists of null", `{"detail":{"none":[{"exists":true}]}}`, true},
		{"not exists", `{"detail":{"absent":[{"exists":false}]}}`, true},
		{"not exists fails", `{"detail":{"name":[{"exists":false}]}}`, false},
		{"not exists under an absent parent", `{"detail":{"a":{"b":[{"exists":false}]}}}`, true},
		{"exists under an absent parent", `{"detail":{"a":{"b":[{"exists":true}]}}}`, false},
		{"an empty array does not exist", `{"detail":{"empty":[{"exists":false}]}}`, true},
		{"an object is no leaf", `{"detail":[{"exists":true}]}`, false},
		{"wildcard", `{"resources":[{"wildcard":"arn:aws:eks:*:*:cluster/*"}]}`, true},
		{"wildcard in order", `{"source":[{"wildcard":"a*e*s"}]}`, true},
		{"wildcard out of order", `{"source":[{"wildcard":"a*s*e"}]}`, false},
		{"wildcard does not use a character twice", `{"detail":{"name":[{"wildcard":"shop*p"}]}}`, false},
		{"escaped star", `{"detail":{"path":[{"wildcard":"a/b\\*c/*"}]}}`, true},
		{"escaped star is no wildcard", `{"detail":{"path":[{"wildcard":"a/\\*"}]}}`, false},
		{"without case", `{"detail":{"name":[{"equals-ignore-case":"SHOP"}]}}`, true},
		{"cidr", `{"detail":{"ip":[{"cidr":"10.0.0.0/16"}]}}`, true},
		{"cidr fails", `{"detail":{"ip":[{"cidr":"10.1.0.0/16"}]}}`, false},
		{"or", `{"$or":[{"source":["x"]},{"detail":{"count":[{"numeric":[">",5]}]}}]}`, true},
		{"or fails", `{"$or":[{"source":["x"]},{"account":["y"]}]}`, false},
		{"or and the rest", `{"source":["x"],"$or":[{"source":["aws.eks"]},{"account":["y"]}]}`, false},
		{"or within detail", `{"detail":{"$or":[{"name":["x"]},{"count":[7]}]}}`, true},
		{"one array element must satisfy all", `{"detail":{"tags":{"k":["team"],"v":["prod"]}}}`, false},
		{"an array element that satisfies all", `{"detail":{"tags":{"k":["env"],"v":["prod"]}}}`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Parse(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(e); got != tc.want {
				t.Errorf("match = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	for _, text := range []string{``, `[]`, `{}`, `{"source":"x"}`, `{"source":[]}`, `{"source":[["x"]]}`, `{"source":[{"prefix":1}]}`,
		`{"source":[{"unknown":"x"}]}`, `{"source":[{"exists":"yes"}]}`, `{"a":[{"numeric":[">"]}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[{"numeric":["<","1"]}]}`,
		`{"a":[{"prefix":"a","suffix":"b"}]}`, `{"a":[{"wildcard":"a**b"}]}`, `{"a":[{"wildcard":"a\\b"}]}`, `{"a":[{"anything-but":[]}]}`,
		`{"a":[{"anything-but":true}]}`, `{"a":[{"cidr":"10.0.0.0"}]}`, `{"a":["b"]} x`} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"source":[{"anything-but":{"wildcard":"a*b"}},{"numeric":[">",1,"<",2]}],"$or":[{"a":[1]},{"b":{"c":[null]}}]}`, event)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(event))
		dec.UseNumber()
		var m map[string]any
		if dec.Decode(&m) == nil {
			p.Match(m) // must not panic
		}
	})
}
