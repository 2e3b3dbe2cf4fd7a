package metrics_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 5e6, time.UTC)

// record runs f with a recorder and returns the documents that it made, each
// checked against the format.
func record(t *testing.T, f func(*metrics.Recorder), properties map[string]string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	r := metrics.NewSink(&out, clock.NewVirtual(now)).Start()
	f(r)
	if err := r.Flush(properties); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var docs []map[string]any
	for line := range strings.Lines(out.String()) {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		checkTargets(t, doc)
		docs = append(docs, doc)
	}
	return docs
}

// checkTargets proves what a schema cannot say: each reference has its target,
// of the right type.
func checkTargets(t *testing.T, doc map[string]any) {
	t.Helper()
	for _, d := range doc["_aws"].(map[string]any)["CloudWatchMetrics"].([]any) {
		d := d.(map[string]any)
		for _, set := range d["Dimensions"].([]any) {
			for _, name := range set.([]any) {
				if v, ok := doc[name.(string)].(string); !ok || v == "" {
					t.Errorf("dimension %s has no value in %v", name, doc)
				}
			}
		}
		for _, m := range d["Metrics"].([]any) {
			name := m.(map[string]any)["Name"].(string)
			switch v := doc[name].(type) {
			case float64:
			case []any:
				if len(v) > 100 {
					t.Errorf("%s has %d values", name, len(v))
				}
			default:
				t.Errorf("metric %s has the value %v", name, v)
			}
		}
	}
}

func TestOneLineHoldsWhatDoesNotContradictItself(t *testing.T) {
	docs := record(t, func(r *metrics.Recorder) {
		r.Add(metrics.PhaseCalls, 1, metrics.Dims{metrics.Phase: "execute"})
		r.Add(metrics.PhaseDuration, 1250, metrics.Dims{metrics.Phase: "execute"})
		r.Add(metrics.PhaseErrors, 1, metrics.Dims{metrics.Phase: "execute", metrics.Code: "Drift"})
		r.Add(metrics.UpgradesStarted, 1, nil)
	}, map[string]string{"execution": "shop-135", "cluster": "", "Phase": "not the dimension"})
	want := []map[string]any{{
		"_aws": map[string]any{"Timestamp": 1785585600005., "CloudWatchMetrics": []any{
			map[string]any{"Namespace": "EKSUpgradeAgent", "Dimensions": []any{[]any{"Phase"}}, "Metrics": []any{
				map[string]any{"Name": "PhaseCalls", "Unit": "Count"}, map[string]any{"Name": "PhaseDuration", "Unit": "Milliseconds"}}},
			map[string]any{"Namespace": "EKSUpgradeAgent", "Dimensions": []any{[]any{"Phase"}, []any{"Phase", "Code"}}, "Metrics": []any{
				map[string]any{"Name": "PhaseErrors", "Unit": "Count"}}},
			map[string]any{"Namespace": "EKSUpgradeAgent", "Dimensions": []any{[]any{}}, "Metrics": []any{
				map[string]any{"Name": "UpgradesStarted", "Unit": "Count"}}},
		}},
		"Phase": "execute", "Code": "Drift", "PhaseCalls": 1., "PhaseDuration": 1250., "PhaseErrors": 1., "UpgradesStarted": 1., "execution": "shop-135",
	}}
	if diff := cmp.Diff(want, docs); diff != "" {
		t.Error(diff)
	}
}

func TestACallThatSucceedsCountsNoErrorInThePhasesTotal(t *testing.T) {
	docs := record(t, func(r *metrics.Recorder) { r.Add(metrics.PhaseErrors, 0, metrics.Dims{metrics.Phase: "report"}) }, nil)
	d := docs[0]["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	if diff := cmp.Diff([]any{[]any{"Phase"}}, d["Dimensions"]); diff != "" || docs[0]["PhaseErrors"] != 0. {
		t.Error(docs[0], diff)
	}
}

func TestCountsAddUpAndServicesHaveLinesOfTheirOwn(t *testing.T) {
	docs := record(t, func(r *metrics.Recorder) {
		var all sync.WaitGroup
		for range 20 {
			for _, service := range []string{"EKS", "Route 53"} {
				all.Go(func() { r.Add(metrics.AWSCalls, 1, metrics.Dims{metrics.Service: service}) })
			}
		}
		all.Wait()
	}, nil)
	calls := map[any]any{}
	for _, d := range docs {
		calls[d["Service"]] = d["AWSCalls"]
	}
	if diff := cmp.Diff(map[any]any{"EKS": 20., "Route 53": 20.}, calls); diff != "" || len(docs) != 2 {
		t.Error(diff, len(docs))
	}
}

func TestDurationsAreKeptOneByOneUpToWhatTheFormatAllows(t *testing.T) {
	docs := record(t, func(r *metrics.Recorder) {
		for i := range 150 {
			r.Add(metrics.StepDuration, float64(i), metrics.Dims{metrics.StepKind: "shift"})
		}
	}, nil)
	if v := docs[0]["StepDuration"].([]any); len(v) != 100 || v[99] != 99. {
		t.Errorf("%d values", len(v))
	}
}

func TestWhatTheDashboardsDoNotKnowIsNotWritten(t *testing.T) {
	docs := record(t, func(r *metrics.Recorder) {
		r.Add("Surprise", 1, nil)
		r.Add(metrics.PhaseCalls, 1, metrics.Dims{metrics.Phase: "lease", "Cluster": "shop"})
	}, nil)
	if len(docs) != 1 || docs[0]["Cluster"] != nil || docs[0]["Surprise"] != nil {
		t.Error(docs)
	}
}

func TestAMetricWithoutItsDimensionsIsRefused(t *testing.T) {
	var out bytes.Buffer
	r := metrics.NewSink(&out, clock.NewVirtual(now)).Start()
	r.Add(metrics.Verdicts, 1, nil)
	if err := r.Flush(nil); err == nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestAFlushForgetsWhatItWrote(t *testing.T) {
	var out bytes.Buffer
	r := metrics.NewSink(&out, clock.NewVirtual(now)).Start()
	r.Add(metrics.UpgradesStarted, 1, nil)
	if err := errors.Join(r.Flush(nil), r.Flush(nil)); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestWithoutASinkNothingIsMeasured(t *testing.T) {
	var s *metrics.Sink
	ctx := metrics.With(metrics.WithSink(t.Context(), s), s.Start())
	metrics.From(ctx).Add(metrics.PhaseCalls, 1, metrics.Dims{metrics.Phase: "lease"})
	metrics.From(t.Context()).Add(metrics.PhaseCalls, 1, metrics.Dims{metrics.Phase: "lease"})
	if err := metrics.From(ctx).Flush(nil); err != nil || metrics.SinkOf(ctx) != nil || s.Elapsed()() != 0 {
		t.Error(err)
	}
}

func TestElapsedGoesByTheSinksClock(t *testing.T) {
	c := clock.NewVirtual(now)
	since := metrics.NewSink(&bytes.Buffer{}, c).Elapsed()
	c.Advance(90 * time.Second)
	if since() != 90*time.Second {
		t.Error(since())
	}
}

// Each dimension set is a metric that is kept and billed: none may hold what
// grows with the number of upgrades.
func TestDimensionsAreBounded(t *testing.T) {
	bounded := []string{metrics.Phase, metrics.Code, metrics.Outcome, metrics.Result, metrics.StepKind, metrics.Service}
	names := map[string]bool{}
	for _, d := range metrics.Definitions() {
		if names[d.Name] || len(d.DimensionSets) == 0 {
			t.Errorf("%s is defined twice, or has no dimension set", d.Name)
		}
		names[d.Name] = true
		for _, set := range d.DimensionSets {
			for _, name := range set {
				if !slices.Contains(bounded, name) {
					t.Errorf("dimension %s of %s is not of a closed set", name, d.Name)
				}
			}
		}
	}
}
