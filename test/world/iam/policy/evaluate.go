package policy

import (
	"slices"
	"strings"
)

// Principal is who makes a request, as resource-based policies name it.
type Principal struct {
	ARN       string // of the session or user
	RoleARN   string // of the session's role; "" for users
	Account   string
	Service   string // for example "states.amazonaws.com"
	Federated string // ARN of an identity provider
}

// Request is what is judged.
type Request struct {
	Action    string // for example "eks:DescribeCluster"
	Resource  string // an ARN, or "*" for actions that have none
	Principal Principal
	Context   Context
}

// reach says how a statement of a resource-based policy came to be about a
// principal.
type reach int

const (
	notReached reach = iota
	byAccount        // its account may give the permission on
	byRole           // the role is named, or everybody
	byName           // exactly it is named
)

// Match is a statement that applies to a request.
type Match struct {
	Source    Source
	Statement int
	// Actions and Resources are the texts of the statement that fit; none for
	// NotAction and NotResource.
	Actions, Resources []string
}

// Source is a policy with its name.
type Source struct {
	ID       string // for example a managed policy's ARN
	Type     Type
	Document *Document
}

// Type is the kind of policy that a decision rests on, as AWS words it.
type Type string

const (
	IdentityBased Type = "identity-based policy"
	Boundary      Type = "permissions boundary"
	SessionPolicy Type = "session policy"
	ResourceBased Type = "resource-based policy"
)

// Set is all policies that bear on a request.
type Set struct {
	Identity []Source
	// Boundary limits what Identity allows; nil: no limit.
	Boundary *Source
	// Session limits a session when HasSession.
	Session    []Source
	HasSession bool
	// Resource is the resource's own policy; nil: none.
	Resource *Source
	// ResourceDecides is for roles' trust policies: without their permission
	// nothing else permits.
	ResourceDecides bool
}

// Decision is the outcome.
type Decision struct {
	Allowed bool
	// Explicit says that a Deny statement of a policy of type By decided;
	// otherwise By is the type of policy whose permission is missing.
	Explicit bool
	By       Type
	// Matched are the statements that led to the decision.
	Matched []Match
	// BoundaryAllows is what the boundary alone says, if there is one.
	BoundaryAllows bool
}

// Reason words a refusal as AWS's messages end.
func (d Decision) Reason(action string) string {
	article := "a "
	if d.By == IdentityBased {
		article = "an "
	}
	if d.Explicit {
		return "with an explicit deny in " + article + string(d.By)
	}
	return "because no " + string(d.By) + " allows the " + action + " action"
}

// evaluate returns the statements of a policy that apply, and how far they
// reach the principal.
func evaluate(src Source, r Request, resourceBased bool) (allows, denies []Match, reached reach) {
	for i, s := range src.Document.Statements {
		how := byRole
		if resourceBased {
			if how = s.reaches(r.Principal); how == notReached {
				continue
			}
		}
		actions, resources, ok := src.Document.applies(s, r, resourceBased)
		if !ok {
			continue
		}
		m := Match{src, i, actions, resources}
		if s.Allow {
			allows = append(allows, m)
			reached = max(reached, how)
		} else {
			denies = append(denies, m)
		}
	}
	return allows, denies, reached
}

// applies reports whether action, resource and conditions of a statement fit,
// and by which of its texts.
func (d *Document) applies(s Statement, r Request, resourceBased bool) (actions, resources []string, ok bool) {
	fitting := func(list []string, fits func(string) bool) []string {
		return slices.DeleteFunc(slices.Clone(list), func(text string) bool { return !fits(text) })
	}
	isAction := func(text string) bool { return MatchAction(text, r.Action) }
	isResource := func(text string) bool {
		p, ok := d.expand(text, r.Context)
		return ok && matchARN(p, r.Resource)
	}
	if actions = fitting(s.Actions, isAction); s.Actions != nil && len(actions) == 0 || slices.ContainsFunc(s.NotActions, isAction) {
		return nil, nil, false
	}
	if s.Resources == nil && s.NotResources == nil && !resourceBased {
		return nil, nil, false
	}
	if resources = fitting(s.Resources, isResource); s.Resources != nil && len(resources) == 0 || slices.ContainsFunc(s.NotResources, isResource) {
		return nil, nil, false
	}
	for _, c := range s.Conditions {
		if !d.holds(c, r.Context) {
			return nil, nil, false
		}
	}
	return actions, resources, true
}

// reaches tells whether and how a statement is about a principal.
func (s Statement) reaches(p Principal) reach {
	if s.NotPrincipals != nil {
		if s.NotPrincipals.reach(p) == notReached {
			return byRole
		}
		return notReached
	}
	if s.Principals == nil {
		return notReached
	}
	return s.Principals.reach(p)
}

func (ps *Principals) reach(p Principal) reach {
	if p.Service != "" && slices.Contains(ps.Service, p.Service) {
		return byName
	}
	if p.Federated != "" && slices.Contains(ps.Federated, p.Federated) {
		return byName
	}
	best := notReached
	for _, name := range ps.AWS {
		switch {
		case p.ARN != "" && name == p.ARN:
			return byName
		case name == "*", p.RoleARN != "" && name == p.RoleARN:
			best = max(best, byRole)
		case p.Account != "" && (name == p.Account || strings.HasSuffix(name, ":iam::"+p.Account+":root")):
			best = max(best, byAccount)
		}
	}
	return best
}

// Decide judges a request as AWS does within one account: an explicit deny
// wins; then a permission is needed from the identity-based policies or the
// resource's own, within the permissions boundary and the session policies.
func Decide(set Set, r Request) Decision {
	var allows []Match
	denied := func(by Type, denies []Match) (Decision, bool) {
		return Decision{Explicit: true, By: by, Matched: denies}, len(denies) > 0
	}
	identityAllows, identityDenies := evaluateAll(set.Identity, r)
	allows = append(allows, identityAllows...)
	if d, ok := denied(IdentityBased, identityDenies); ok {
		return d
	}
	var resourceAllows []Match
	var reached reach
	if set.Resource != nil {
		var denies []Match
		resourceAllows, denies, reached = evaluate(*set.Resource, r, true)
		if d, ok := denied(ResourceBased, denies); ok {
			return d
		}
	}
	withinBoundary, withinSession := true, true
	if set.Boundary != nil {
		a, denies, _ := evaluate(*set.Boundary, r, false)
		if d, ok := denied(Boundary, denies); ok {
			return d
		}
		withinBoundary = len(a) > 0
	}
	if set.HasSession {
		a, denies := evaluateAll(set.Session, r)
		if d, ok := denied(SessionPolicy, denies); ok {
			return d
		}
		withinSession = len(a) > 0
	}
	fail := func(by Type) Decision { return Decision{By: by, BoundaryAllows: set.Boundary != nil && withinBoundary} }
	if set.ResourceDecides && reached == notReached {
		return fail(ResourceBased)
	}
	granted := Decision{Allowed: true, Matched: append(allows, resourceAllows...), BoundaryAllows: set.Boundary != nil && withinBoundary}
	if reached == byName {
		return granted
	}
	switch {
	case len(identityAllows) == 0 && reached != byRole:
		return fail(IdentityBased)
	case !withinBoundary:
		return fail(Boundary)
	case !withinSession:
		return fail(SessionPolicy)
	}
	return granted
}

func evaluateAll(sources []Source, r Request) (allows, denies []Match) {
	for _, src := range sources {
		a, d, _ := evaluate(src, r, false)
		allows, denies = append(allows, a...), append(denies, d...)
	}
	return allows, denies
}
