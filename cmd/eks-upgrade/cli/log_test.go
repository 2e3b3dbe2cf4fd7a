package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
)

func TestARunIsNamedInItsLogAndWhenItFails(t *testing.T) {
	t.Setenv(levelVariable, "info")
	var stdout, stderr bytes.Buffer
	a := newApp(strings.NewReader(""), &stdout, &stderr)
	a.aws = func(ctx context.Context) (aws.Config, error) {
		a.calledAWS = true
		logging.From(ctx).Info().Msg("from inside")
		return aws.Config{}, errors.New("no credentials, password=hunter2hunter2")
	}
	if code := a.run(t.Context(), []string{"status"}); code == exitOK {
		t.Fatal("it did not fail")
	}
	first, rest, _ := strings.Cut(stderr.String(), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(first), &line); err != nil || line["run"] != a.runID || line["message"] != "from inside" {
		t.Errorf("%v: %s", err, first)
	}
	if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(a.runID) || !strings.Contains(rest, "run: "+a.runID) || strings.Contains(rest, "hunter2") {
		t.Error(rest)
	}
}

func TestALevelThatIsWrongIsRefused(t *testing.T) {
	t.Setenv(levelVariable, "loud")
	var stderr bytes.Buffer
	if code := Run(t.Context(), []string{"version"}, strings.NewReader(""), &bytes.Buffer{}, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "logging.level") {
		t.Errorf("code %d: %s", code, stderr.String())
	}
}

func TestWithoutALevelThereIsNoLog(t *testing.T) {
	t.Setenv(levelVariable, "")
	var stderr bytes.Buffer
	if code := Run(t.Context(), []string{"version"}, strings.NewReader(""), &bytes.Buffer{}, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("code %d: %s", code, stderr.String())
	}
}
