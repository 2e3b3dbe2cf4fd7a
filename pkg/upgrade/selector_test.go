package upgrade_test

import (
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestLabelSelectorMatches(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "front"}
	one := func(operator string, values ...string) upgrade.LabelSelector {
		return upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "app", Operator: operator, Values: values}}}
	}
	other := func(operator string, values ...string) upgrade.LabelSelector {
		return upgrade.LabelSelector{Expressions: []upgrade.LabelExpression{{Key: "zone", Operator: operator, Values: values}}}
	}
	for name, tt := range map[string]struct {
		selector upgrade.LabelSelector
		want     bool
	}{
		"one label":                       {upgrade.LabelSelector{Labels: map[string]string{"app": "web"}}, true},
		"two labels":                      {upgrade.LabelSelector{Labels: labels}, true},
		"another value":                   {upgrade.LabelSelector{Labels: map[string]string{"app": "api"}}, false},
		"an empty value of an absent key": {upgrade.LabelSelector{Labels: map[string]string{"zone": ""}}, false},
		"everything":                      {upgrade.LabelSelector{Empty: true}, true},
		"in":                              {one("In", "api", "web"), true},
		"not among":                       {one("In", "api"), false},
		"in, key absent":                  {other("In", "a"), false},
		"not in":                          {one("NotIn", "api"), true},
		"not in, but is":                  {one("NotIn", "web"), false},
		"not in, key absent":              {other("NotIn", "a"), true},
		"exists":                          {one("Exists"), true},
		"exists, key absent":              {other("Exists"), false},
		"does not exist":                  {other("DoesNotExist"), true},
		"does not exist, but does":        {one("DoesNotExist"), false},
		"an operator that is not known":   {one("Gt", "1"), false},
		"label and expression":            {upgrade.LabelSelector{Labels: map[string]string{"app": "web"}, Expressions: other("Exists").Expressions}, false},
	} {
		if got := tt.selector.Matches(labels); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if !(upgrade.LabelSelector{}).IsZero() || (upgrade.LabelSelector{Empty: true}).IsZero() {
		t.Error("a selector that was given and selects everything is not one that was not given")
	}
}
