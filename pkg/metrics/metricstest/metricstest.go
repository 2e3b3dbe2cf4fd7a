// Package metricstest tells tests what was measured.
package metricstest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
)

// Record returns what f measures: the values of metrics and dimensions by
// name. Of a metric that is measured on several lines the last counts.
func Record(t testing.TB, f func(context.Context)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	r := metrics.NewSink(&out, clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))).Start()
	f(metrics.With(t.Context(), r))
	if err := r.Flush(nil); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for line := range strings.Lines(out.String()) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		delete(doc, "_aws")
		maps.Copy(all, doc)
	}
	return all
}
