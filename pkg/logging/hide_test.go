package logging_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestPatternsOfTheConfigurationAreHiddenToo(t *testing.T) {
	t.Cleanup(func() {
		if err := logging.Hide(nil); err != nil {
			t.Error(err)
		}
	})
	if err := logging.Hide([]string{`ACME-[0-9]{8}`, `customer "[^"]*"`}); err != nil {
		t.Fatal(err)
	}
	const text = `order ACME-12345678 of customer "Jane" failed, password: hunter2hunter2, ACME-1`
	var out bytes.Buffer
	log, err := logging.New(&out, options)
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Str("detail", text).Msg(text)
	for what, got := range map[string]string{"a text": logging.Redact(text), "a line": logging.Line(text, 500), "a log": out.String()} {
		for _, gone := range []string{"ACME-12345678", "Jane", "hunter2"} {
			if strings.Contains(got, gone) {
				t.Errorf("%s shows %s: %q", what, gone, got)
			}
		}
		if !strings.Contains(got, "ACME-1") {
			t.Errorf("%s lost too much: %q", what, got)
		}
	}
	if err := logging.Hide(nil); err != nil || !strings.Contains(logging.Redact(text), "ACME-12345678") {
		t.Errorf("patterns stay after they were taken away: %v", err)
	}
}

func TestPatternsThatWouldHideNothingOrEverythingAreRefused(t *testing.T) {
	for _, pattern := range []string{"(", "a*", ""} {
		if err := logging.Hide([]string{"x", pattern}); upgrade.CodeOf(err) != upgrade.CodeInvalidRequest || !strings.Contains(err.Error(), "security.redact[1]") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
