package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/events"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

type event struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

func parse(t *testing.T, data []byte) event {
	t.Helper()
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema(name)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSamplesAreValid(t *testing.T) {
	for _, name := range events.Names() {
		schema := compile(t, name)
		for sample, data := range events.Samples(name, true) {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s/%s: %v", name, sample, err)
			}
			delete(doc.(map[string]any), "detail")
			if schema.Validate(doc) == nil {
				t.Errorf("%s: an event without detail is valid", name)
			}
		}
	}
}

// TestSamplesFireTheirRules puts every sample on a bus of the simulated
// EventBridge: those that match reach the rule's target, the others do not.
func TestSamplesFireTheirRules(t *testing.T) {
	for _, name := range events.Names() {
		t.Run(name, func(t *testing.T) {
			clk := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
			w, err := world.New(world.Options{Clock: clk, Synchronous: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
			ctx, api := t.Context(), eventbridge.NewFromConfig(w.AWSConfig())
			topic, err := sns.NewFromConfig(w.AWSConfig()).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("alerts")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String(events.Bus)}); err != nil {
				t.Fatal(err)
			}
			bus := events.Bus
			if foreign(events.Pattern(name)) {
				bus = "default"
			}
			if _, err := api.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus, EventPattern: aws.String(string(events.Pattern(name)))}); err != nil {
				t.Fatal(err)
			}
			if _, err := api.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: &bus, Targets: []ebtypes.Target{{Id: aws.String("topic"), Arn: topic.TopicArn}}}); err != nil {
				t.Fatal(err)
			}
			fired := func(data []byte) int {
				before := len(w.SNS().Messages("alerts"))
				e := parse(t, data)
				if strings.HasPrefix(e.Source, "aws.") { // only AWS itself sends these
					if err := w.Events().Emit(e.Source, e.DetailType, e.Detail); err != nil {
						t.Fatal(err)
					}
				} else {
					out, err := api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
						{Source: &e.Source, DetailType: &e.DetailType, EventBusName: &bus, Detail: aws.String(string(e.Detail))}}})
					if err != nil || out.FailedEntryCount > 0 {
						t.Fatalf("%+v, %v", out, err)
					}
				}
				clk.Advance(time.Second)
				return len(w.SNS().Messages("alerts")) - before
			}
			for _, matching := range []bool{true, false} {
				samples := events.Samples(name, matching)
				if len(samples) == 0 {
					t.Errorf("there are no samples, matching: %t", matching)
				}
				for sample, data := range samples {
					if got := fired(data); (got == 1) != matching {
						t.Errorf("%s: %d messages, matching: %t", sample, got, matching)
					}
				}
			}
		})
	}
}

// foreign reports whether a pattern is about events of AWS, which are on the
// default bus.
func foreign(pattern []byte) bool {
	var p struct{ Source []string }
	return json.Unmarshal(pattern, &p) == nil && strings.HasPrefix(p.Source[0], "aws.")
}

func TestRequestsOfTheSamplesAreRequests(t *testing.T) {
	for sample, data := range events.Samples("upgrade-requested", true) {
		if _, err := upgrade.DecodeRequest(parse(t, data).Detail); err != nil {
			t.Errorf("%s: %v", sample, err)
		}
	}
}

// TestTheSchemaOfARequestIsTheRequest holds the schema against the type: what
// the one refuses, the other refuses too.
func TestTheSchemaOfARequestIsTheRequest(t *testing.T) {
	schema := compile(t, "upgrade-requested")
	whole := parse(t, events.Samples("upgrade-requested", true)["everything"]).Detail
	envelope := string(bytes.Replace(events.Samples("upgrade-requested", true)["everything"], whole, []byte("%s"), 1))
	check := func(what string, detail []byte) {
		t.Helper()
		_, err := upgrade.DecodeRequest(detail)
		doc, parsing := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(envelope, "%s", string(detail), 1)))
		if parsing != nil {
			t.Fatal(parsing)
		}
		if invalid := schema.Validate(doc); (err == nil) != (invalid == nil) {
			t.Errorf("%s: the request says %v, the schema %v", what, err, invalid)
		}
	}
	check("everything", whole)
	for _, path := range [][]string{{"cluster"}, {"target"}, {"strategy"}, {"green"}, {"traffic"}, {"approval"}, {"soak"}, {"decommission"}, {"traffic", "hostedZone"}, {"traffic", "record"},
		{"traffic", "service"}, {"traffic", "steps"}, {"traffic", "bake"}, {"traffic", "ttl"}, {"traffic", "maxErrorRate"}, {"traffic", "minRequests"}, {"approval", "mode"}, {"approval", "timeout"}} {
		for _, value := range []any{nil, true, "no such thing", -1.5} { // nil: without the field
			check(fmt.Sprint(path, " = ", value), with(t, whole, path, value))
		}
	}
	check("a field too many", with(t, whole, []string{"force"}, true))
	check("a field too many", with(t, whole, []string{"traffic", "weight"}, true))
}

// with returns the document with one field set, or without it when value is
// nil.
func with(t *testing.T, document []byte, path []string, value any) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	at := doc
	for _, p := range path[:len(path)-1] {
		at = at[p].(map[string]any)
	}
	if at[path[len(path)-1]] = value; value == nil {
		delete(at, path[len(path)-1])
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheReadmeNamesEveryPattern(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range events.Names() {
		if !strings.Contains(string(readme), "| `"+name+"` |") {
			t.Errorf("README.md says nothing about %s", name)
		}
	}
}
