// Package docs_test holds what the documentation shows against the code.
package docs_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fields returns the JSON paths of a type's fields, those of nested structs
// without their own.
func fields(of reflect.Type, prefix string) []string {
	var out []string
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type == reflect.TypeFor[upgrade.Traffic]() || f.Type == reflect.TypeFor[upgrade.Approval]() {
			out = append(out, fields(f.Type, prefix+name+".")...)
			continue
		}
		out = append(out, prefix+name)
	}
	return out
}

func TestEveryFieldOfARequestIsDocumented(t *testing.T) {
	text := read(t, "starting.md")
	for _, of := range []reflect.Type{reflect.TypeFor[upgrade.Request](), reflect.TypeFor[executions.Wave]()} {
		for _, f := range fields(of, "") {
			if !strings.Contains(text, "\n| `"+f+"` |") {
				t.Errorf("starting.md says nothing about %s", f)
			}
		}
	}
}

func TestTheDocumentedDefaultsAreTheDefaults(t *testing.T) {
	request, err := upgrade.DecodeRequest([]byte(example(t, "cluster")))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	data, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| .* \\| `([^<`]+)` \\|$").FindAllStringSubmatch(read(t, "starting.md"), -1) {
		at := any(doc)
		for _, part := range strings.Split(row[1], ".") {
			at = at.(map[string]any)[part]
		}
		var want any = row[2]
		if err := json.Unmarshal([]byte(row[2]), &want); err != nil {
			want = row[2] // text without quotes
		}
		if d, err := time.ParseDuration(row[2]); err == nil {
			want = d.String()
		}
		if !reflect.DeepEqual(at, want) {
			t.Errorf("the default of %s is %v, not %v", row[1], at, want)
		}
	}
}

func TestTheExamplesAreValid(t *testing.T) {
	if _, err := executions.CheckFleet([]byte(example(t, "waves"))); err != nil {
		t.Error(err)
	}
}

// example returns the JSON example of starting.md that begins with a field.
func example(t *testing.T, field string) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(read(t, "starting.md"), -1) {
		if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(block[1], "{")), `"`+field+`"`) {
			return block[1]
		}
	}
	t.Fatalf("there is no example with %s", field)
	return ""
}
