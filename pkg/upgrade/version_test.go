package upgrade

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{"1.35": {1, 35}, "1.9": {1, 9}} {
		if got, err := ParseVersion(text); err != nil || got != want || got.String() != text {
			t.Errorf("ParseVersion(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "v1.35", "1.35.1", "1.-3", "1.35 ", "x.y", "1.9999"} {
		if got, err := ParseVersion(text); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", text, got)
		}
	}
	for text, want := range map[string]Version{"v1.34.2-eks-2d5f9a1": {1, 34}, "v1.34.0": {1, 34}, "1.34+": {1, 34}, "v1.37.0-alpha.0+abc": {1, 37}} {
		if got, err := ParseBuildVersion(text); err != nil || got != want {
			t.Errorf("ParseBuildVersion(%q) = %v, %v", text, got, err)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("1.35")
	f.Add("v1.34.2-eks-1")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVersion(text); err == nil {
			if back, err := ParseVersion(v.String()); err != nil || back != v {
				t.Fatalf("%q -> %v -> %v, %v", text, v, back, err)
			}
		}
		if v, err := ParseBuildVersion(text); err == nil && v.String() == "" && v != (Version{}) {
			t.Fatalf("%q -> %#v has no text", text, v)
		}
	})
}

func TestHopsAreSingleMinors(t *testing.T) {
	got, err := Hops(Version{1, 33}, Version{1, 35})
	want := []Hop{{Version{1, 33}, Version{1, 34}}, {Version{1, 34}, Version{1, 35}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("err %v, diff %s", err, diff)
	}
	for name, target := range map[string]Version{"same": {1, 33}, "older": {1, 32}, "other major": {2, 0}} {
		if _, err := Hops(Version{1, 33}, target); CodeOf(err) != CodeInvalidRequest {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

func TestKubeletSkew(t *testing.T) {
	server := Version{1, 35}
	for kubelet, allowed := range map[Version]bool{{1, 35}: true, {1, 32}: true, {1, 31}: false, {1, 36}: false, {2, 35}: false} {
		if problem := SkewProblem(server, kubelet); (problem == "") != allowed {
			t.Errorf("kubelet %s: %q", kubelet, problem)
		}
	}
}
