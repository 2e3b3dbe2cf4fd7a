// Package deploydoc runs the commands of the operator's page, docs/deploy.md,
// against the simulated AWS.
package deploydoc

import (
	"fmt"
	"regexp"
	"strings"
)

// Page is what is read of a page in Markdown: its blocks of shell commands, in
// order, and the policies by the person that has them. What stands in a comment
// right above a block says more of it:
//
//	<!-- as: deployer -->           the person who runs it
//	<!-- not run: needs a cluster --> why a test cannot
//	<!-- policy: deployer -->       the JSON below is this person's policy
type Page struct {
	Blocks   []Block
	Policies map[string]string
}

// Block is a block of shell commands.
type Block struct {
	Line     int // of the fence
	Commands string
	As       string // person; empty: somebody without an account
	NotRun   string // why not; empty: it is run
}

var comment = regexp.MustCompile(`^<!-- (not run|as|policy):(.*)-->$`)

// Read reads a page. It refuses comments above blocks that it does not know or
// that say nothing, and fences that do not end.
func Read(text string) (Page, error) {
	p := Page{Policies: map[string]string{}}
	above := map[string]string{} // comments right above
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case strings.HasPrefix(line, "<!--"):
			m := comment.FindStringSubmatch(line)
			if m == nil {
				return p, fmt.Errorf("line %d: the comment %s is not known; there are as, not run and policy", i+1, line)
			}
			said := strings.TrimSpace(m[2])
			if said == "" {
				return p, fmt.Errorf("line %d: the comment %q gives no reason or name", i+1, m[1])
			}
			above[m[1]] = said
		case fence:
			first := i + 1
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			}
			if i >= len(lines) {
				return p, fmt.Errorf("line %d: the block does not end", first)
			}
			if err := p.add(first, language, strings.Join(lines[first:i], "\n")+"\n", above); err != nil {
				return p, err
			}
			above = map[string]string{}
		case line != "" && len(above) > 0:
			return p, fmt.Errorf("line %d: a comment stands above no block", i+1)
		}
	}
	if len(above) > 0 {
		return p, fmt.Errorf("the last comment stands above no block")
	}
	return p, nil
}

func (p *Page) add(line int, language, text string, above map[string]string) error {
	switch {
	case language == "sh" && above["policy"] == "":
		p.Blocks = append(p.Blocks, Block{Line: line, Commands: text, As: above["as"], NotRun: above["not run"]})
	case language == "json" && above["policy"] != "" && len(above) == 1:
		p.Policies[above["policy"]] = text
	case len(above) > 0:
		return fmt.Errorf("line %d: the comment above does not fit a block of %q", line, language)
	}
	return nil
}
