package attr

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestNumbers(t *testing.T) {
	for _, tc := range []struct{ in, out string }{
		{"1", "1"}, {"007", "7"}, {"1.50", "1.5"}, {"-0.0", "0"}, {"1e3", "1000"}, {"1.5E-3", "0.0015"}, {"+5", "5"},
		{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
		{"1e-130", ""}, {"123456789012345678901234567890123456789", "error"}, {"1e126", "error"}, {"1e-131", "error"},
		{"", "error"}, {"x", "error"}, {"0x10", "error"}, {"1/2", "error"}, {"NaN", "error"}, {"Infinity", "error"}, {"1_000", "error"}, {"1e999999999", "error"},
	} {
		n, err := ParseNumber(tc.in)
		switch {
		case tc.out == "error":
			if err == nil {
				t.Errorf("%q was taken as %s", tc.in, FormatNumber(n))
			}
		case err != nil:
			t.Errorf("%q: %v", tc.in, err)
		case tc.out != "" && FormatNumber(n) != tc.out:
			t.Errorf("%q = %s, want %s", tc.in, FormatNumber(n), tc.out)
		default:
			again, err := ParseNumber(FormatNumber(n))
			if err != nil || again.Cmp(n) != 0 {
				t.Errorf("%q is written as %s, which reads as %v, %v", tc.in, FormatNumber(n), again, err)
			}
		}
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	deep := Value(&types.AttributeValueMemberS{})
	for range 40 {
		deep = &types.AttributeValueMemberL{Value: []Value{deep}}
	}
	for name, v := range map[string]Value{
		"nothing": nil, "a set with duplicates": &types.AttributeValueMemberSS{Value: []string{"a", "a"}}, "an empty set": &types.AttributeValueMemberNS{},
		"equal numbers in a set": &types.AttributeValueMemberNS{Value: []string{"1", "1.0"}}, "null that is false": &types.AttributeValueMemberNULL{},
		"no number": &types.AttributeValueMemberN{Value: "x"}, "a document too deep": deep,
		"an empty value in a map": &types.AttributeValueMemberM{Value: Item{"a": nil}},
	} {
		if err := Check(v); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	f.Add("1.5e-3")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNumber(text)
		if err != nil {
			return
		}
		if again, err := ParseNumber(FormatNumber(n)); err != nil || again.Cmp(n) != 0 {
			t.Errorf("%q is written as %q, which reads as %v, %v", text, FormatNumber(n), again, err)
		}
	})
}
