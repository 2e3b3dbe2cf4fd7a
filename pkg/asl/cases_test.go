package asl

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/google/go-cmp/cmp"
)

type recordedCase struct {
	ID         string          `json:"id"`
	Definition json.RawMessage `json:"definition"`
	Input      json.RawMessage `json:"input"`
	Status     Status          `json:"status"`
	Output     any             `json:"output"`
	Error      *string         `json:"error"`
	EventTypes []string        `json:"event_types"`
}

// differs says why a recorded case comes out differently here: none does.
func (c recordedCase) differs() string { return "" }

// objects is what was in Amazon S3 when the case was recorded.
func (c recordedCase) objects() *fakeS3 {
	switch {
	case strings.Contains(c.ID, "list_objects_v2"):
		s := &fakeS3{objects: map[string]string{}}
		for i := range 3 {
			s.objects[fmt.Sprintf("bucket_name/file_%d.txt", i)] = "Hello World!"
		}
		return s
	case strings.Contains(c.ID, "csv_first_row_extra_fields"):
		return &fakeS3{objects: map[string]string{"bucket-name/file.csv": "H1,\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n"}}
	case strings.Contains(c.ID, "csv_max_items"):
		return &fakeS3{objects: map[string]string{"bucket-name/file.csv": "Col1,Col2\nValue1,Value2\nValue3,Value4\nValue5,Value6\nValue7,Value8\n"}}
	case strings.Contains(c.ID, "max_items_path"):
		return &fakeS3{objects: map[string]string{"bucket-name/file.json": `[
			{"verdict":"true","statement_date":"6/11/2008","statement_source":"speech"},
			{"verdict":"false","statement_date":"6/7/2022","statement_source":"television"},
			{"verdict":"mostly-true","statement_date":"5/18/2016","statement_source":"news"}]`}}
	}
	return &fakeS3{}
}

func TestRecordedExecutions(t *testing.T) {
	for _, c := range recordedCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			diff := runRecorded(c)
			switch reason := c.differs(); {
			case reason != "" && diff == "":
				t.Errorf("listed as different (%s), but it comes out as recorded: take it off the list", reason)
			case reason == "" && diff != "":
				t.Error(diff)
			}
		})
	}
}

func recordedCases(t testing.TB) []recordedCase {
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recordedCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 114 {
		t.Fatalf("%d cases, want 114", len(cases))
	}
	return cases
}

// runRecorded runs a case and says what differs from the recording.
func runRecorded(c recordedCase) string {
	m, err := Parse(c.Definition)
	if err != nil {
		return err.Error()
	}
	input := concreteInput(c)
	v := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	e, err := m.Start(Options{
		Clock: v, Tasks: noTasks{}, Objects: c.objects(), Input: input, RoleArn: "snf_role_arn",
		StateMachineArn: "arn:aws:states:us-east-1:111111111111:stateMachine:part-0idx",
		ExecutionArn:    "arn:aws:states:us-east-1:111111111111:execution:part-0idx:run-1",
	})
	if err != nil {
		return err.Error()
	}
	for v.Next() {
	}
	if e.Status() != c.Status {
		return "status " + string(e.Status()) + " " + text(e.Err()) + ", want " + string(c.Status)
	}
	var types []string
	for _, ev := range e.History() {
		types = append(types, ev.Type)
	}
	if d := cmp.Diff(c.EventTypes, asRecorded(types)); d != "" {
		return "events (-want +got):\n" + d
	}
	if c.Status == Failed {
		want := ""
		if c.Error != nil {
			want = *c.Error
		}
		return cmp.Diff(want, e.Err().Name)
	}
	return sameOutput(c, e.Output())
}

type noTasks struct{}

func (noTasks) Start(TaskRequest, func(TaskResult)) func() { panic("the cases have no tasks") }

// concreteInput puts real timestamps where the recording has a placeholder. In
// cases that must fail the placeholder itself is no timestamp.
func concreteInput(c recordedCase) json.RawMessage {
	var embedded string
	if json.Unmarshal(c.Input, &embedded) == nil && json.Valid([]byte(embedded)) {
		return json.RawMessage(embedded)
	}
	at := `"2016-03-14T01:59:00Z"`
	switch {
	case strings.Contains(c.ID, "[.00Z]"):
		at = `"2016-03-14T01:59:00.00Z"`
	case strings.Contains(c.ID, "[.000000]"):
		at = `"2016-03-14T01:59:00.000000"`
	case strings.Contains(c.ID, "[NO_T]"):
		at = `"2016-03-14 01:59:00Z"`
	case strings.Contains(c.ID, "[NO_Z]"):
		at = `"2016-03-14T01:59:00"`
	case strings.Contains(c.ID, "[INVALID_DATE]"):
		at = `"2016-13-14T01:59:00Z"`
	case strings.Contains(c.ID, "[INVALID_TIME]"):
		at = `"2016-03-14T25:59:00Z"`
	case strings.Contains(c.ID, "[NANOSECONDS]"):
		at = `"2016-03-14T01:59:00.123456789Z"`
	}
	return json.RawMessage(strings.NewReplacer(`"<timestamp>"`, at, `"date"`, at, `"timestamp"`, at).Replace(string(c.Input)))
}

// asRecorded repeats what localstack does to its recordings to make parallel
// branches comparable: between ParallelStateStarted and ParallelStateSucceeded
// events are sorted, and ParallelStateSucceeded is dropped. Nested Parallel
// states lose their outer end.
func asRecorded(types []string) []string {
	types = slices.Clone(types)
	var sub []string
	start := -1
	for i := 0; i < len(types); i++ {
		switch {
		case types[i] == "ParallelStateStarted":
			start, sub = i+1, nil
		case types[i] == "ParallelStateSucceeded" && start >= 0:
			slices.Sort(sub)
			types = slices.Concat(types[:start], sub, types[i+1:])
		case start >= 0:
			sub = append(sub, types[i])
		}
	}
	return types
}

// sameOutput compares outputs; an expected string may itself be JSON.
func sameOutput(c recordedCase, got json.RawMessage) string {
	want, err := decode([]byte(text(c.Output)))
	if err != nil {
		return err.Error()
	}
	have, err := decode(got)
	if err != nil {
		return err.Error()
	}
	if s, ok := want.(string); ok {
		if inner, err := decode([]byte(s)); err == nil {
			want = inner
		}
	}
	if !matchesRecording(want, have) {
		return cmp.Diff(text(want), text(have))
	}
	return ""
}

// matchesRecording is equality, with placeholders standing for any value.
func matchesRecording(want, got any) bool {
	switch w := want.(type) {
	case string:
		if placeholder(w) {
			return true
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !matchesRecording(w[i], g[i]) {
				return false
			}
		}
		return true
	case *object:
		g, ok := members(got)
		if !ok || len(g) != len(w.values) {
			return false
		}
		for k := range w.values {
			if e, ok := g[k]; !ok || !matchesRecording(w.values[k], e) {
				return false
			}
		}
		return true
	}
	return equal(want, got)
}

func placeholder(s string) bool {
	return s == "date" || s == "timestamp" || s == "RandomNumberGenerated" || strings.Contains(s, "<") && strings.Contains(s, ">")
}
