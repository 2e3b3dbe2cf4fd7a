package start

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/boundary"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

func TestAFunctionStartsWithTheSettingsOfParameterStore(t *testing.T) {
	w, err := world.New(world.Options{Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := logging.Hide(nil); err != nil {
			t.Error(err)
		}
	})
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": w.URL(), "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(name, value)
	}
	put := func(key, value string, kind types.ParameterType) {
		t.Helper()
		if _, err := ssm.NewFromConfig(w.AWSConfig()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(config.ParameterName(config.DefaultPath, key)), Value: &value, Type: kind, Overwrite: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
	}
	put("traffic.bake", "20m", types.ParameterTypeString)
	put("logging.level", "debug", types.ParameterTypeString) // the environment says warn
	put("releaseNotes.token", "s3cr3t", types.ParameterTypeSecureString)
	put("security.redact", "ACME-[0-9]+", types.ParameterTypeString)

	var got config.Config
	phase := func(_ context.Context, _ aws.Config, c config.Config, _ clock.Clock) (boundary.Function[string], error) {
		got = c
		return func(context.Context, json.RawMessage) (string, error) { return "", nil }, nil
	}
	withPath := append(environ, config.PathVariable+"="+config.DefaultPath)
	if _, err := build(t.Context(), phase, withPath); err != nil {
		t.Fatal(err)
	}
	if got.Traffic.Bake.D() != 20*time.Minute || got.Requests().Bake.D() != 20*time.Minute || got.Logging.Level != "warn" || got.ReleaseNotes.Token.Reveal() != "s3cr3t" {
		t.Errorf("%+v", got)
	}
	if text := logging.Redact("order ACME-42"); strings.Contains(text, "42") {
		t.Errorf("security.redact has no effect: %s", text)
	}
	if _, err := build(t.Context(), phase, environ); err != nil || got.Traffic.Bake.D() != 10*time.Minute {
		t.Errorf("without the path: %s, %v", got.Traffic.Bake, err)
	}
	put("traffic.baek", "20m", types.ParameterTypeString)
	if _, err := build(t.Context(), phase, withPath); upgrade.KindOf(err) != upgrade.KindInvalidConfiguration || !strings.Contains(err.Error(), `did you mean "traffic.bake"?`) {
		t.Errorf("error %v", err)
	}
}
