package deploydoc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadsBlocksAndPolicies(t *testing.T) {
	p, err := Read("# T\n\n```sh\nmake a\n```\n\n<!-- as: deployer -->\n\n```sh\nmake b\n\nmake c\n```\n<!-- not run: needs a cluster -->\n```sh\nkubectl\n```\n<!-- policy: starter -->\n```json\n{}\n```\n```yaml\na: b\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Page{Blocks: []Block{{Line: 3, Commands: "make a\n"}, {Line: 9, Commands: "make b\n\nmake c\n", As: "deployer"}, {Line: 15, Commands: "kubectl\n", NotRun: "needs a cluster"}},
		Policies: map[string]string{"starter": "{}\n"}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"a block that is not run without a reason": {"<!-- not run: -->\n```sh\n```\n", "gives no reason"},
		"a comment with a slip":                    {"<!-- notrun: x -->\n```sh\n```\n", "is not known"},
		"a comment above a paragraph":              {"<!-- as: x -->\ntext\n", "above no block"},
		"a comment at the end":                     {"<!-- as: x -->\n", "above no block"},
		"a policy that is no JSON block":           {"<!-- policy: x -->\n```sh\n```\n", "does not fit"},
		"a person above JSON":                      {"<!-- as: x -->\n```json\n```\n", "does not fit"},
		"a block that does not end":                {"```sh\nmake\n", "does not end"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("<!-- as: a -->\n```sh\nmake\n```\n")
	f.Add("```\n```")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read(text)
		if err != nil {
			return
		}
		for _, b := range p.Blocks {
			if b.Line < 1 || b.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of %q", b.Line, text)
			}
		}
	})
}
