package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation/template"
)

type sample struct {
	Name   string `cfn:"required"`
	Size   *int32
	On     *bool
	Ratio  *float64
	Tags   []Tag
	Policy *Document
	Nested *struct{ Keys map[string]string }
}

func TestDecodeIsStrictButForScalars(t *testing.T) {
	var s sample
	err := decode(map[string]any{"Name": json.Number("5"), "Size": "7", "On": "true", "Ratio": json.Number("0.5"), "Tags": []any{map[string]any{"Key": "a", "Value": true}},
		"Policy": map[string]any{"a": "<b>"}, "Nested": map[string]any{"Keys": map[string]any{"k": json.Number("1")}}}, &s)
	if err != nil || s.Name != "5" || *s.Size != 7 || !*s.On || *s.Ratio != 0.5 || s.Tags[0].Value != "true" || string(*s.Policy) != `{"a":"<b>"}` || s.Nested.Keys["k"] != "1" {
		t.Errorf("%+v, %v", s, err)
	}
	for name, tc := range map[string]struct {
		in   map[string]any
		want string
	}{
		"missing": {map[string]any{}, "#: required key [Name] not found"},
		"unknown": {map[string]any{"Name": "x", "Nme": "y"}, "#: extraneous key [Nme] is not permitted"},
		"deep":    {map[string]any{"Name": "x", "Nested": map[string]any{"Kes": "y"}}, "#/Nested: extraneous key [Kes] is not permitted"},
		"list":    {map[string]any{"Name": "x", "Tags": "a"}, "#/Tags: expected type: JSONArray, found: String"},
		"object":  {map[string]any{"Name": "x", "Tags": []any{"a"}}, "#/Tags/0: expected type: JSONObject, found: String"},
		"number":  {map[string]any{"Name": "x", "Size": "big"}, "#/Size: expected type: Integer, found: String"},
		"boolean": {map[string]any{"Name": "x", "On": "yes"}, "#/On: expected type: Boolean, found: String"},
		"text":    {map[string]any{"Name": []any{}}, "#/Name: expected type: String, found: JSONArray"},
	} {
		if err := decode(tc.in, &sample{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	if err := decode(map[string]any{"Name": template.Unknown{}, "Tags": template.Unknown{}}, &sample{}); err != nil {
		t.Errorf("what is not known yet: %v", err)
	}
}

func TestNamesAreOfTheStackAndFit(t *testing.T) {
	x := &Context{Stack: "a-stack", LogicalID: "Thing", StackID: "arn:1"}
	name := x.Name(64)
	if !strings.HasPrefix(name, "a-stack-Thing-") || len(name) != len("a-stack-Thing-")+12 {
		t.Errorf("name = %s", name)
	}
	x.Attempt = 1
	if x.Name(64) == name {
		t.Error("another attempt has the same name")
	}
	x.Stack, x.LogicalID = strings.Repeat("s", 60), strings.Repeat("L", 60)
	if name := x.Name(64); len(name) != 64 || !strings.Contains(name, "-L") {
		t.Errorf("%s has %d characters", name, len(name))
	}
}
