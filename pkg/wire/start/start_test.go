package start

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var environ = []string{config.Prefix + "BUCKET=artifacts", config.Prefix + "NOTIFICATION_TOPIC=arn:aws:sns:eu-west-1:123456789012:alerts", config.Prefix + "LOGGING_LEVEL=warn"}

// credentials are set in every function.
func credentials(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"} {
		t.Setenv(name, value)
	}
}

func TestBuildHandsOverConfigurationClockAndLogger(t *testing.T) {
	credentials(t)
	f, err := build(t.Context(), func(ctx context.Context, cfg aws.Config, c config.Config, clk clock.Clock) (boundary.Function[string], error) {
		if cfg.Region != "eu-west-1" || c.Bucket != "artifacts" || clk != (clock.System{}) || logging.From(ctx).GetLevel().String() != "warn" {
			t.Errorf("region %q, bucket %q, clock %T, level %s", cfg.Region, c.Bucket, clk, logging.From(ctx).GetLevel())
		}
		return func(context.Context, json.RawMessage) (string, error) { return "served", nil }, nil
	}, environ)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f(t.Context(), nil); got != "served" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBuildStopsAtWrongConfiguration(t *testing.T) {
	_, err := build(t.Context(), func(context.Context, aws.Config, config.Config, clock.Clock) (boundary.Function[string], error) {
		t.Error("the phase was made")
		return nil, nil
	}, environ[:1])
	if upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), "topic: is missing") {
		t.Errorf("error %v", err)
	}
}

func TestBuildPassesThePhasesErrorOn(t *testing.T) {
	credentials(t)
	refusal := errors.New("no")
	_, err := build(t.Context(), func(context.Context, aws.Config, config.Config, clock.Clock) (boundary.Function[string], error) {
		return nil, refusal
	}, environ)
	if !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
}

func TestWhyAFunctionCannotStartIsALineOfItsLog(t *testing.T) {
	_, err := build(t.Context(), func(context.Context, aws.Config, config.Config, clock.Clock) (boundary.Function[string], error) {
		return nil, nil
	}, environ[:1])
	var out bytes.Buffer
	report(&out, err)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if line["level"] != "error" || line["kind"] != "config.invalid" || line["code"] != "InvalidRequest" || line["coldStart"] != true || !strings.Contains(fmt.Sprint(line["message"]), "topic: is missing") {
		t.Error(line)
	}
}
