package iam

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/authz"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// usage is what one role or user asked for.
type usage struct {
	calls map[permission]*Used
	// texts are the parts of policies that allowed something.
	texts map[allowed]bool
}

type permission struct{ action, resource string }

// allowed is an action or a resource of a statement; neither for a statement
// that has no such list.
type allowed struct {
	doc              *policy.Document
	statement        int
	action, resource string
}

// Used is a permission that calls asked for.
type Used struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Allowed  int    `json:"allowed"` // calls
	Refused  int    `json:"refused"`
}

// Unused is what no call needed of a statement that allows something.
type Unused struct {
	Policy    string `json:"policy"` // name of an inline policy or ARN
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	// Whole says that the statement as a whole was not used; otherwise Actions
	// and Resources are those of it that were not.
	Whole     bool     `json:"whole"`
	Actions   []string `json:"actions,omitempty"`
	Resources []string `json:"resources,omitempty"`
}

// Usage is what a role or user did with its permissions.
type Usage struct {
	Principal string   `json:"principal"` // ARN of the role or user
	Used      []Used   `json:"used"`
	Unused    []Unused `json:"unused"`
}

func (j *Judge) record(principal string, need authz.Need, d policy.Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := j.usage[principal]
	if u == nil {
		u = &usage{map[permission]*Used{}, map[allowed]bool{}}
		j.usage[principal] = u
	}
	key := permission{need.Action, need.Resource}
	if u.calls[key] == nil {
		u.calls[key] = &Used{Action: need.Action, Resource: need.Resource}
	}
	if !d.Allowed {
		u.calls[key].Refused++
		return
	}
	u.calls[key].Allowed++
	for _, m := range d.Matched {
		doc := m.Source.Document
		u.texts[allowed{doc: doc, statement: m.Statement}] = true
		for _, a := range m.Actions {
			u.texts[allowed{doc: doc, statement: m.Statement, action: a}] = true
		}
		for _, r := range m.Resources {
			u.texts[allowed{doc: doc, statement: m.Statement, resource: r}] = true
		}
	}
}

// Usage lists, for every role and user that has policies or made calls, which
// permissions calls asked for and which none needed, by ARN.
func (j *Judge) Usage() []Usage {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.iam.mu.Lock()
	defer j.iam.mu.Unlock()
	sources := map[string][]policy.Source{}
	for _, e := range slices.Concat(sorted(j.iam.roles), sorted(j.iam.users)) {
		sources[e.arn] = j.iam.identityPolicies(e)
	}
	for arn := range j.usage {
		if _, ok := sources[arn]; !ok {
			sources[arn] = nil
		}
	}
	out := []Usage{}
	for arn, policies := range sources {
		u := Usage{Principal: arn, Used: []Used{}, Unused: []Unused{}}
		known := j.usage[arn]
		if known != nil {
			for _, call := range known.calls {
				u.Used = append(u.Used, *call)
			}
		}
		slices.SortFunc(u.Used, func(a, b Used) int {
			return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Resource, b.Resource))
		})
		for _, src := range policies {
			u.Unused = append(u.Unused, known.unused(src)...)
		}
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b Usage) int { return cmp.Compare(a.Principal, b.Principal) })
	return out
}

// unused lists what no call needed of a policy; u may be nil.
func (u *usage) unused(src policy.Source) []Unused {
	used := func(a allowed) bool { return u != nil && u.texts[a] }
	var out []Unused
	for i, s := range src.Document.Statements {
		if !s.Allow {
			continue
		}
		one := Unused{Policy: src.ID, Statement: i, Sid: s.Sid}
		one.Whole = !used(allowed{doc: src.Document, statement: i})
		for _, a := range s.Actions {
			if !used(allowed{doc: src.Document, statement: i, action: a}) {
				one.Actions = append(one.Actions, a)
			}
		}
		for _, r := range s.Resources {
			if !used(allowed{doc: src.Document, statement: i, resource: r}) {
				one.Resources = append(one.Resources, r)
			}
		}
		if one.Whole || one.Actions != nil || one.Resources != nil {
			out = append(out, one)
		}
	}
	return out
}

// UsageHandler answers with Usage as JSON.
func (j *Judge) UsageHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		// A client that went away is not the server's error.
		_ = enc.Encode(j.Usage())
	})
}
