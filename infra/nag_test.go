package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// finding is a line of cdk-nag's report.
type finding struct{ rule, resource, compliance, reason, about string }

func findings(path string) ([]finding, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []finding
	for _, row := range rows[1:] {
		out = append(out, finding{row[0], row[1], row[2], row[3], row[5]})
	}
	return out, nil
}

func forEach(t *testing.T, test func(*testing.T, template)) {
	for name, one := range map[string]template{"full": full, "least": least, "spoke": spoke} {
		t.Run(name, func(t *testing.T) { test(t, one) })
	}
}

// cdk-nag's AwsSolutions rules find nothing that is not accepted with a reason.
func TestNagFindsNothing(t *testing.T) {
	forEach(t, func(t *testing.T, one template) {
		if len(one.nag) < 5 {
			t.Fatalf("only %d lines in the report", len(one.nag))
		}
		for _, f := range one.nag {
			switch f.compliance {
			case "Compliant", "Suppressed", "N/A":
			default:
				t.Errorf("%s %s: %s (%s)", f.compliance, f.rule, f.resource, f.about)
			}
		}
	})
}

// Each accepted finding has a reason in words, and is one.
func TestWhatIsAcceptedIsFoundAndHasAReason(t *testing.T) {
	forEach(t, func(t *testing.T, one template) {
		used := map[string]bool{}
		for _, f := range one.nag {
			if f.compliance == "Suppressed" {
				rule, _, _ := strings.Cut(f.rule, "[")
				reason := f.reason
				if _, after, found := strings.Cut(reason, "] "); found && strings.HasPrefix(reason, "[") { // the detail
					reason = after
				}
				used[rule+" "+reason] = true
			}
		}
		for id, r := range one.Resources {
			nag, _ := r.Metadata["cdk_nag"].(map[string]any)
			if nag == nil {
				continue
			}
			for _, s := range list(nag["rules_to_suppress"]) {
				rule, why := s.(map[string]any)["id"].(string), s.(map[string]any)["reason"].(string)
				if words := strings.Fields(why); len(words) < 6 || !regexp.MustCompile(`[.]$`).MatchString(why) {
					t.Errorf("%s: the reason for %s is no sentence: %q", id, rule, why)
				}
				if !used[rule+" "+why] {
					t.Errorf("%s: %s is accepted, but not found: %s", id, rule, fmt.Sprint(s))
				}
			}
		}
	})
}
