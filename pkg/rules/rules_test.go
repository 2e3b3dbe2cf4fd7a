package rules_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/rules"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func example(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../docs/rules.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheExampleIsRead(t *testing.T) {
	set, err := rules.Parse(example(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(set.APIs) != 4 || len(set.Suppressions) != 1 {
		t.Fatalf("%+v", set)
	}
	api, ok := set.APIs.Lookup("acme.example.com", "v1alpha2", "Widget")
	if !ok || api.Product != "acme-operator" || api.Removed.String() != "2.0" || api.ReplacedBy() != "acme.example.com/v1 Widget" || api.Plural != "widgets" {
		t.Errorf("%+v", api)
	}
}

func TestParseNamesFieldAndRemedy(t *testing.T) {
	const api, suppression = "apis:\n- group: a.example.com\n  versions: [v1]\n  kinds: {A: as}\n", "suppressions:\n- check: c\n  object: {name: a}\n  reason: r\n"
	tests := []struct{ name, text, field, says string }{
		{"empty", "# nothing\n", "", ""},
		{"no YAML", "apis: [", "", "not valid YAML"},
		{"a list", "- a\n", "", "does not fit"},
		{"an unknown section", "supressions: []\n", "supressions", "not known"},
		{"an unknown key", api + "  removed: \"1.2\"\n  sorce: x\n", "sorce", "not known"},
		{"a key twice", "apis: []\napis: []\n", "", "apis"},
		{"a release that is a number", api + "  removed: 1.30\n", "", `in quotes: "1.30"`},
		{"a release that is none", api + "  removed: soon\n", "apis[0].removed", "soon"},
		{"neither deprecated nor removed", api, "apis[0].removed", "neither"},
		{"removed before it was deprecated", api + "  deprecated: \"1.3\"\n  removed: \"1.2\"\n", "apis[0].removed", "before"},
		{"no group", "apis:\n- versions: [v1]\n  removed: \"1.2\"\n", "apis[0].group", "missing"},
		{"no kinds", "apis:\n- group: a\n  versions: [v1]\n  removed: \"1.2\"\n", "apis[0].kinds", "missing"},
		{"a bad source", api + "  removed: \"1.2\"\n  source: ftp://a\n", "apis[0].source", "https"},
		{"an API twice", api + "  removed: \"1.2\"\n" + strings.TrimPrefix(api, "apis:\n") + "  removed: \"1.2\"\n", "apis[1]", "twice"},
		{"a version twice", "apis:\n- group: a\n  versions: [v1, v1]\n  kinds: {A: as}\n  removed: \"1.2\"\n", "apis[0]", "twice"},
		{"no check", "suppressions:\n- object: {name: a}\n  reason: r\n  until: \"2026-01-01\"\n", "suppressions[0].check", "missing"},
		{"no object", "suppressions:\n- check: c\n  reason: r\n  until: \"2026-01-01\"\n", "suppressions[0].object", "missing"},
		{"no reason", "suppressions:\n- check: c\n  object: {name: a}\n  reason: ' '\n  until: \"2026-01-01\"\n", "suppressions[0].reason", "missing"},
		{"no end", suppression, "suppressions[0].until", "no date"},
		{"a date that is none", suppression + "  until: 2026-02-30\n", "suppressions[0].until", "no date"},
		{"a date without quotes", suppression + "  until: 2026-02-28\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.Parse([]byte(tt.text))
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var own *upgrade.Error
			if !errors.As(err, &own) || own.Remedy == "" || !strings.Contains(err.Error(), tt.says) || !strings.Contains(own.Field, tt.field) {
				t.Errorf("error %v (%+v)", err, own)
			}
		})
	}
}

func TestSuppressionsCoverWhatTheyNameUntilTheirLastDay(t *testing.T) {
	set, err := rules.Parse([]byte(`
suppressions:
- {check: pdb, object: {kind: PodDisruptionBudget, namespace: "team-*", name: "*-web"}, reason: agreed, until: 2026-08-01}
- {check: whole, object: {name: "*"}, reason: agreed, until: 2026-08-01}
- {check: old, object: {name: "*"}, reason: agreed, until: 2026-07-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	object := func(namespace, name string) *upgrade.ObjectRef {
		return &upgrade.ObjectRef{APIVersion: "policy/v1", Kind: "PodDisruptionBudget", Namespace: namespace, Name: name}
	}
	tests := []struct {
		name    string
		finding upgrade.Finding
		want    bool
	}{
		{"the pattern", upgrade.Finding{Check: "pdb", Object: object("team-a", "shop-web")}, true},
		{"another name", upgrade.Finding{Check: "pdb", Object: object("team-a", "shop-webs")}, false},
		{"another namespace", upgrade.Finding{Check: "pdb", Object: object("my-team-a", "shop-web")}, false},
		{"another check", upgrade.Finding{Check: "pdbs", Object: object("team-a", "shop-web")}, false},
		{"no object", upgrade.Finding{Check: "pdb"}, false},
		{"the cluster", upgrade.Finding{Check: "whole"}, true},
		{"any object", upgrade.Finding{Check: "whole", Object: object("a", "b")}, true},
		{"what could not be seen", upgrade.Finding{Check: "whole", NotChecked: true}, false},
		{"an expired one", upgrade.Finding{Check: "old"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.finding.Blocks = true
			findings := []upgrade.Finding{tt.finding}
			set.Apply(findings, time.Date(2026, 8, 1, 23, 59, 0, 0, time.UTC))
			if got := findings[0]; (got.Suppressed != nil) != tt.want || got.Blocks == tt.want {
				t.Errorf("suppressed %v, blocks %v", got.Suppressed, got.Blocks)
			}
		})
	}
	if err := set.Unknown([]string{"pdb", "whole"}); err == nil || !strings.Contains(err.Error(), "suppressions[2].check") {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example(f))
	f.Add([]byte("apis: [{group: a, versions: [v1], kinds: {A: as}, removed: 1.2}]"))
	f.Add([]byte("suppressions: [{check: c, object: {name: '*'}, reason: r, until: 2026-01-01}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := rules.Parse(data)
		if err != nil {
			var own *upgrade.Error
			if !errors.As(err, &own) || own.Remedy == "" {
				t.Errorf("error without a remedy: %v", err)
			}
			return
		}
		for _, s := range set.Suppressions {
			if s.Reason == "" || s.Check == "" || s.String() == "" {
				t.Errorf("%+v", s)
			}
		}
		set.Apply([]upgrade.Finding{{Check: "c"}}, time.Now())
	})
}
