package proof

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestOnlyWhatIsNewIsLeft(t *testing.T) {
	refused := func(fields ...string) outcome {
		var o outcome
		for _, f := range fields {
			o.refused = append(o.refused, cause{f, "in words of this version"})
		}
		return o
	}
	tests := []struct {
		name        string
		target, now outcome
		want        outcome
	}{
		{"rejected by the target only", refused("spec.a"), outcome{}, refused("spec.a")},
		{"rejected by both, in other words", refused("spec.a"), outcome{refused: []cause{{"spec.a", "in others"}}}, outcome{}},
		{"rejected by both, and by the target for more", refused("spec.a", "spec.b"), refused("spec.a"), refused("spec.b")},
		{"unknown to both", refused(""), refused(""), outcome{}},
		{"unknown to the target, and rejected now", refused(""), refused("spec.a"), refused("")},
		{"pruned and warned about by both", outcome{pruned: []string{"a", "b"}, warnings: []string{"x", "y"}}, outcome{pruned: []string{"b"}, warnings: []string{"y"}}, outcome{pruned: []string{"a"}, warnings: []string{"x"}}},
		{"pruned by the target, and rejected now", outcome{pruned: []string{"a"}}, refused("spec.a"), outcome{}},
		{"the running version said nothing", refused("spec.a"), outcome{problem: "no answer"}, refused("spec.a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := kept{outcome: tt.target}
			if left := k.less(tt.now); left == tt.want.clean() {
				t.Errorf("left: %t", left)
			}
			if diff := cmp.Diff(tt.want, k.outcome, cmp.AllowUnexported(outcome{}, cause{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFieldsThatAreLost(t *testing.T) {
	type m = map[string]any
	container := func(more m) m {
		out := m{"name": "a", "image": "b"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	tests := []struct {
		name       string
		sent, back m
		want       []string
	}{
		{"all came back, with defaults", m{"spec": m{"a": "1000m"}}, m{"spec": m{"a": "1", "b": int64(2)}}, nil},
		{"one is lost", m{"spec": m{"a": "x", "b": m{"c": int64(1)}}}, m{"spec": m{"a": "x"}}, []string{"spec.b"}},
		{"what says nothing", m{"spec": m{"a": nil, "b": "", "c": false, "d": m{}, "e": []any{}, "f": int64(0), "g": m{"h": nil}}}, m{"spec": m{}}, nil},
		{"status", m{"status": m{"a": int64(1)}}, m{}, nil},
		{"in a list", m{"c": []any{container(m{"x": "y"})}}, m{"c": []any{container(nil)}}, []string{"c[0].x"}},
		{"defaults came before", m{"c": []any{container(nil)}}, m{"c": []any{m{"name": "other"}, container(nil)}}, nil},
		{"an item is lost", m{"c": []any{container(nil), m{"name": "z"}}}, m{"c": []any{container(nil)}}, []string{"c"}},
		{"another type", m{"a": m{"b": "c"}}, m{"a": "text"}, []string{"a"}},
		{"an item without a name", m{"c": []any{m{"x": "y"}}}, m{"c": []any{m{"x": "y"}, m{"z": "y"}}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lost(tt.sent, tt.back)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
