package assess

import (
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/reasoning/checks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Repository is where the tool and its documentation are.
const Repository = "https://github.com/eks-upgrade-agent/eks-upgrade-agent"

// Page is the page with all checks; each has an anchor, its id.
const Page = Repository + "/blob/main/docs/checks.md"

// Rule is a check of the catalogue, as it is shown.
type Rule struct {
	ID       string           `json:"id"`
	Family   checks.Family    `json:"family"`
	Title    string           `json:"title"`
	Severity upgrade.Severity `json:"severity"`
	Blocks   checks.Blocks    `json:"blocks"`
	Needs    []Need           `json:"needs"`
	Source   string           `json:"source"`
	Remedy   string           `json:"remedy"`
	Page     string           `json:"page"` // of docs/checks.md, with the anchor
}

// Need is a part of a snapshot that a check needs.
type Need struct {
	Part upgrade.Part `json:"part"`
	What string       `json:"what"`
}

// Catalogue returns all checks by family.
func Catalogue() []Rule {
	all := checks.All()
	out := make([]Rule, 0, len(all))
	for _, family := range checks.Families() {
		for _, c := range all {
			if c.Family != family {
				continue
			}
			r := Rule{ID: c.ID, Family: c.Family, Title: c.Title, Severity: c.Severity, Blocks: c.Blocks, Needs: []Need{}, Source: c.Source, Remedy: c.Remedy, Page: Page + "#" + c.ID}
			for _, n := range c.Needs {
				r.Needs = append(r.Needs, Need{Part: n, What: checks.What(n)})
			}
			out = append(out, r)
		}
	}
	return out
}

// Find returns a check by its id.
func Find(id string) (Rule, bool) {
	for _, r := range Catalogue() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
