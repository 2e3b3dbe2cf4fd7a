package upgrade

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEachKindIsDeclaredWhole(t *testing.T) {
	seen := map[Kind]bool{}
	for _, d := range Kinds() {
		area, name, ok := strings.Cut(string(d.Kind), ".")
		switch {
		case seen[d.Kind]:
			t.Errorf("%s is declared twice", d.Kind)
		case !ok || name == "" || !slices.Contains(areaNames(), area):
			t.Errorf("%s has no known area", d.Kind)
		case !slices.Contains(Codes(), d.Code):
			t.Errorf("%s has the code %q, which Retry and Catch do not know", d.Kind, d.Code)
		case d.Meaning == "" || d.Remedy == "":
			t.Errorf("%s lacks its meaning or its remedy", d.Kind)
		case strings.HasSuffix(d.Meaning, ".") || strings.HasSuffix(d.Remedy, "."):
			t.Errorf("%s: meaning and remedy are parts of a line, not sentences", d.Kind)
		}
		seen[d.Kind] = true
	}
	for _, a := range Areas() {
		if !slices.ContainsFunc(Kinds(), func(d KindDefinition) bool { return d.Kind.Area() == a.Name }) {
			t.Errorf("area %s has no kind", a.Name)
		}
	}
}

func TestAKindGivesCodeAndRemedy(t *testing.T) {
	err := KindTrafficDrift.Errorf("shift traffic", "%s has weight %d", "shop", 7)
	if err.Code != CodeDrift || CodeOf(err) != CodeDrift || KindOf(err) != KindTrafficDrift || err.Remedy != KindTrafficDrift.Definition().Remedy {
		t.Errorf("%#v", err)
	}
	if want := "shift traffic: shop has weight 7; " + err.Remedy; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestTheNearestRemedyCounts(t *testing.T) {
	inner := KindAWSDenied.Errorf("list", "no").WithRemedy("ask for the right")
	if outer := KindClusterUnreachable.Errorf("perceive", "cluster shop: %w", inner); outer.Remedy != "" || !errors.Is(outer, inner) || strings.Count(outer.Error(), "; ") != 1 {
		t.Errorf("%q", outer)
	}
}

func TestKindOfLooksThroughWhatHasNone(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"nothing":                        {nil, ""},
		"an error of others":             {errors.New("x"), KindUnexpected},
		"a code without a kind":          {Errorf(CodeDrift, "x", "y"), KindUnexpected},
		"a code around a kind":           {Errorf(CodeDrift, "x", "%w", KindLeaseLost.Errorf("y", "z")), KindLeaseLost},
		"wrapped":                        {fmt.Errorf("x: %w", KindLeaseHeld.Errorf("y", "z")), KindLeaseHeld},
		"the outer of two":               {KindLeaseHeld.Errorf("y", "%w", KindLeaseLost.Errorf("y", "z")), KindLeaseHeld},
		"a wrong field":                  {invalid("x", "y", "z"), KindInvalidInput},
		"a wrong field of an outer path": {under("plan", invalid("x", "y", "z")), KindInvalidInput},
		"a kind that nobody declared":    {Kind("no.such").Errorf("x", "y"), KindUnexpected},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDetailsAreBounded(t *testing.T) {
	e := KindUnexpected.Errorf("x", "y").With("long", strings.Repeat("é", 1000)).With("count", 3)
	for i := range 50 {
		e.With(fmt.Sprint("n", i), i)
	}
	e.With("count", 4)
	if len(e.Details) != maxDetails || e.Details["count"] != "4" || len(e.Details["long"]) > maxDetailValue+4 || !strings.HasPrefix(e.Details["long"], "éé") {
		t.Errorf("%d details: %v", len(e.Details), e.Details)
	}
}

func TestDetailsOfAllErrorsOfTheChain(t *testing.T) {
	inner := KindAWSConflict.Errorf("x", "y").With("operation", "UpdateItem").With("table", "leases")
	outer := KindTableContended.Errorf("x", "%w", inner).With("table", "eks-upgrade-leases")
	if got := DetailsOf(fmt.Errorf("z: %w", outer)); len(got) != 2 || got["operation"] != "UpdateItem" || got["table"] != "eks-upgrade-leases" {
		t.Error(got)
	}
}
