package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var options = logging.Options{Level: "info", Format: logging.JSON,
	Clock: clock.NewVirtual(time.Date(2026, 8, 1, 14, 0, 0, 123e6, time.FixedZone("CEST", 7200)))}

func TestLinesSayWhatTheyBelongTo(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(&out, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := logging.With(t.Context(), log, logging.Fields{Execution: "shop-135", Cluster: "shop", Phase: upgrade.PhaseExecute, Step: "shift-10"})
	logging.From(ctx).Info().Int("weight", 10).Msg("shifted")
	logging.From(ctx).Debug().Msg("below the level")
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	want := map[string]any{"level": "info", "time": "2026-08-01T12:00:00.123Z", "execution": "shop-135", "cluster": "shop",
		"phase": "execute", "step": "shift-10", "weight": 10., "message": "shifted"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutALoggerNothingIsWritten(t *testing.T) {
	logging.From(t.Context()).Error().Msg("must not panic")
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]logging.Options{
		"logging.level":  {Level: "loud", Format: logging.JSON, Clock: options.Clock},
		"logging.format": {Level: "info", Format: "xml", Clock: options.Clock},
	} {
		_, err := logging.New(&bytes.Buffer{}, o)
		var e *upgrade.Error
		if !errors.As(err, &e) || e.Code != upgrade.CodeInvalidRequest || e.Field != name {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestConsoleIsRedactedToo(t *testing.T) {
	var out bytes.Buffer
	o := options
	o.Format = logging.Console
	log, err := logging.New(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Str("password", "hunter2hunter2").Msg("hello")
	if text := out.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "hello") {
		t.Error(text)
	}
}
