package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb/attr"
)

func s(v string) attr.Value { return &types.AttributeValueMemberS{Value: v} }
func n(v string) attr.Value { return &types.AttributeValueMemberN{Value: v} }
func b(v string) attr.Value { return &types.AttributeValueMemberB{Value: []byte(v)} }
func yes() attr.Value       { return &types.AttributeValueMemberBOOL{Value: true} }
func l(v ...attr.Value) attr.Value {
	return &types.AttributeValueMemberL{Value: v}
}
func m(v attr.Item) attr.Value  { return &types.AttributeValueMemberM{Value: v} }
func ss(v ...string) attr.Value { return &types.AttributeValueMemberSS{Value: v} }
func ns(v ...string) attr.Value { return &types.AttributeValueMemberNS{Value: v} }

var names = map[string]string{"#n": "name", "#dot": "a.b", "#st": "status"}

var values = map[string]attr.Value{
	":shop": s("shop"), ":s": s("s"), ":one": n("1"), ":two": n("2.0"), ":ten": n("10"), ":true": yes(), ":S": s("S"), ":blue": s("blue"),
	":list": l(n("9")), ":set": ss("green", "blue"), ":nums": ns("1", "2"), ":map": m(attr.Item{"x": n("1")}), ":e": s(""), ":b": b("by"),
}

func item() attr.Item {
	return attr.Item{
		"name": s("shop"), "gen": n("2"), "big": n("10"), "ok": yes(), "a.b": s("dotted"), "bin": b("bytes"), "status": s("held"),
		"m": m(attr.Item{"in1": m(attr.Item{"deep": s("x")}), "n": n("5")}), "lst": l(n("1"), s("two"), m(attr.Item{"k": s("v")})),
		"tags": ss("blue", "red"), "nums": ns("1", "2", "3"), "null": &types.AttributeValueMemberNULL{Value: true},
	}
}

func TestConditions(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want bool
	}{
		{"#n = :shop", true},
		{"#n <> :shop", false},
		{"gen = :two", true}, // 2 and 2.0 are the same number
		{"gen < big", true},  // as numbers, not as text
		{"gen > big", false},
		{"gen < :shop", false}, // different types have no order
		{"gen <> :shop", true},
		{"absent = :shop", false},
		{"absent <> :shop", true},
		{"absent < :one", false},
		{"gen BETWEEN :one AND :ten", true},
		{"big between :one and :two", false},
		{"#n IN (:s, :shop)", true},
		{"#n in (:s)", false},
		{"attribute_exists(m.in1.deep)", true},
		{"attribute_exists(m.in1.nope)", false},
		{"attribute_not_exists(absent)", true},
		{"attribute_exists(#dot)", true},
		{"attribute_type(#n, :S)", true},
		{"begins_with(#n, :s)", true},
		{"begins_with(bin, :b)", true},
		{"begins_with(gen, :s)", false},
		{"contains(#n, :s)", true},
		{"contains(tags, :blue)", true},
		{"contains(nums, :two)", true},
		{"contains(lst, :one)", true},
		{"contains(tags, :shop)", false},
		{"size(#n) = :ten", false},
		{"size(lst) > :two", true},
		{"size(gen) = :one", false},
		{"NOT #n = :shop", false},
		{"not not #n = :shop", true},
		{"#n = :s OR #n = :shop AND gen = :two", true},
		{"(#n = :s OR #n = :shop) AND gen = :one", false},
		{"#n = :shop and not (gen = :one or gen = :ten)", true},
		{"lst[0] = :one", true},
		{"lst[7] = :one", false},
		{"lst[2].k = :shop", false},
		{"ok = :true", true},
		{"tags = :set", false},
	} {
		t.Run(tc.expr, func(t *testing.T) {
			c, err := Condition(tc.expr, NewEnv(names, values))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Holds(item()); got != tc.want {
				t.Errorf("holds = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestConditionsOfAnAbsentItem(t *testing.T) {
	for expr, want := range map[string]bool{"attribute_not_exists(pk)": true, "attribute_exists(pk)": false, "pk = :shop": false, "pk <> :shop": true, "NOT pk = :shop": true} {
		c, err := Condition(expr, NewEnv(nil, values))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Holds(nil); got != want {
			t.Errorf("%s: holds = %v, want %v", expr, got, want)
		}
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	condition := func(e string, env *Env) error { _, err := Condition(e, env); return err }
	update := func(e string, env *Env) error { _, err := ParseUpdate(e, env); return err }
	projection := func(e string, env *Env) error { _, err := Projection(e, env); return err }
	for _, tc := range []struct {
		parse      func(string, *Env) error
		expr, want string
	}{
		{condition, "", "can not be empty"},
		{condition, "gen =", "Syntax error; token: \"<EOF>\""},
		{condition, "gen = :one extra", "Syntax error"},
		{condition, "name = :shop", "reserved keyword; reserved keyword: name"},
		{condition, "Status = :shop", "reserved keyword"},
		{condition, "#nope = :one", "not defined; attribute name: #nope"},
		{condition, "gen = :nope", "not defined; attribute value: :nope"},
		{condition, "gen = 5", "Syntax error"},
		{condition, "exists(gen)", "Invalid function name; function: exists"},
		{condition, "attribute_exists(:one)", "requires a document path"},
		{condition, "contains(gen)", "Incorrect number of operands"},
		{condition, "attribute_type(gen, :one)", "Incorrect operand type"},
		{condition, "gen between :ten and :one", "upper bound"},
		{condition, "gen & :one", "Syntax error; token: \"&\""},
		{condition, "(gen = :one", "Syntax error"},
		{condition, strings.Repeat("(", 400) + "gen = :one", "too many operators"},
		{condition, strings.Repeat("x", 5000), "maximum allowed size"},
		{update, "gen = :one", "Syntax error"},
		{update, "SET gen = :one SET big = :one", "can only be used once"},
		{update, "SET gen = :one, gen = :two", "overlap"},
		{update, "SET m.n = :one REMOVE m", "overlap"},
		{update, "ADD gen :shop", "Incorrect operand type"},
		{update, "DELETE tags :one", "Incorrect operand type"},
		{update, "SET gen = size(big)", "Invalid function name"},
		{update, "SET gen = if_not_exists(:one, :two)", "requires a document path"},
		{projection, "m, m.in1", "overlap"},
		{projection, "m,,lst", "Syntax error"},
		{projection, "lst[x]", "Syntax error"},
	} {
		t.Run(tc.expr, func(t *testing.T) {
			err := tc.parse(tc.expr, NewEnv(names, values))
			if _, ok := errors.AsType[*SyntaxError](err); !ok || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestUnusedPlaceholdersAreRefused(t *testing.T) {
	env := NewEnv(names, map[string]attr.Value{":a": n("1"), ":b": n("2"), ":c": n("3")})
	if _, err := Condition("gen = :b", env); err != nil {
		t.Fatal(err)
	}
	if err := env.Unused(); err == nil || !strings.Contains(err.Error(), "ExpressionAttributeValues unused in expressions: keys: {:a, :c}") {
		t.Errorf("err = %v", err)
	}
}

var cmpItems = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{},
	types.AttributeValueMemberL{}, types.AttributeValueMemberM{}, types.AttributeValueMemberSS{}, types.AttributeValueMemberNS{}, types.AttributeValueMemberNULL{})

func TestUpdates(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want func(attr.Item)
	}{
		{"SET gen = gen + :one", func(i attr.Item) { i["gen"] = n("3") }},
		{"SET gen = big - :two, big = gen", func(i attr.Item) { i["gen"], i["big"] = n("8"), n("2") }}, // reads come first
		{"SET fresh = if_not_exists(fresh, :one)", func(i attr.Item) { i["fresh"] = n("1") }},
		{"SET gen = if_not_exists(gen, :one) + :one", func(i attr.Item) { i["gen"] = n("3") }},
		{"SET lst = list_append(lst, :list)", func(i attr.Item) { i["lst"] = l(n("1"), s("two"), m(attr.Item{"k": s("v")}), n("9")) }},
		{"SET m.in1.fresh = :s, lst[1] = :one", func(i attr.Item) {
			i["m"] = m(attr.Item{"in1": m(attr.Item{"deep": s("x"), "fresh": s("s")}), "n": n("5")})
			i["lst"] = l(n("1"), n("1"), m(attr.Item{"k": s("v")}))
		}},
		{"SET lst[99] = :one", func(i attr.Item) { i["lst"] = l(n("1"), s("two"), m(attr.Item{"k": s("v")}), n("1")) }},
		{"REMOVE lst[0], lst[1], gen, absent", func(i attr.Item) { i["lst"] = l(m(attr.Item{"k": s("v")})); delete(i, "gen") }},
		{"ADD gen :ten, cnt :one, tags :set", func(i attr.Item) {
			i["gen"], i["cnt"], i["tags"] = n("12"), n("1"), ss("blue", "red", "green")
		}},
		{"DELETE tags :set, nums :nums", func(i attr.Item) { i["tags"], i["nums"] = ss("red"), ns("3") }},
		{"SET #n = :s REMOVE ok ADD big :one DELETE tags :set", func(i attr.Item) {
			i["name"], i["big"], i["tags"] = s("s"), n("11"), ss("red")
			delete(i, "ok")
		}},
	} {
		t.Run(tc.expr, func(t *testing.T) {
			u, err := ParseUpdate(tc.expr, NewEnv(names, values))
			if err != nil {
				t.Fatal(err)
			}
			before := item()
			got, err := u.Apply(before)
			if err != nil {
				t.Fatal(err)
			}
			want := item()
			tc.want(want)
			if d := cmp.Diff(want, got, cmpItems); d != "" {
				t.Errorf("item (-want +got):\n%s", d)
			}
			if d := cmp.Diff(item(), before, cmpItems); d != "" {
				t.Errorf("the item itself changed:\n%s", d)
			}
		})
	}
}

func TestUpdatesThatFailOnTheItem(t *testing.T) {
	for expr, want := range map[string]string{
		"SET gen = absent + :one":           "does not exist in the item",
		"SET gen = #n + :one":               "incorrect data type",
		"SET absent.x = :one":               "document path provided in the update expression is invalid",
		"SET gen.x = :one":                  "document path provided",
		"ADD #n :one":                       "incorrect data type",
		"DELETE nums :set":                  "incorrect data type",
		"SET lst = list_append(gen, :list)": "list_append",
		"REMOVE absent.x":                   "document path provided",
	} {
		u, err := ParseUpdate(expr, NewEnv(names, values))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if _, err := u.Apply(item()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v, want %q", expr, err, want)
		}
	}
}

func TestProjection(t *testing.T) {
	paths, err := Projection("#n, m.in1.deep, lst[1], lst[2].k, absent", NewEnv(names, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := attr.Item{"name": s("shop"), "m": m(attr.Item{"in1": m(attr.Item{"deep": s("x")})}), "lst": l(s("two"), m(attr.Item{"k": s("v")}))}
	if d := cmp.Diff(want, Project(item(), paths), cmpItems); d != "" {
		t.Errorf("projection (-want +got):\n%s", d)
	}
}

func FuzzExpressions(f *testing.F) {
	f.Add("#n = :shop AND NOT (gen BETWEEN :one AND :ten OR size(lst) IN (:one)) and begins_with(m.in1.deep, :s)")
	f.Add("SET gen = if_not_exists(gen, :one) + :two, lst = list_append(lst, :list) REMOVE m.n, lst[2] ADD tags :set DELETE nums :nums")
	f.Add("#n, m.in1, lst[0]")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := Condition(text, NewEnv(names, values)); err == nil {
			c.Holds(item())
			c.Holds(nil)
		}
		if u, err := ParseUpdate(text, NewEnv(names, values)); err == nil {
			before := item()
			_, _ = u.Apply(before) // must neither panic nor change the item
			if d := cmp.Diff(item(), before, cmpItems); d != "" {
				t.Errorf("%q changed the item:\n%s", text, d)
			}
		}
		if p, err := Projection(text, NewEnv(names, values)); err == nil {
			Project(item(), p)
		}
	})
}
