package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// roles looks at each role: that it is there, may do all that it must, and
// nothing more.
func (e *examination) roles(ctx context.Context) {
	for _, role := range access.Roles(e.Names) {
		e.role(ctx, role)
	}
}

func (e *examination) role(ctx context.Context, role access.Role) {
	area := "role " + role.Name
	arn := e.Names.Role(role.Name)
	out, err := e.api.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role.Name})
	if err != nil {
		e.failed(area, "role", awserr.Wrap("look at role "+role.Name, err), "iam:GetRole", arn, deployAgain)
		if upgrade.CodeOf(awserr.Wrap("", err)) == upgrade.CodeNotFound {
			return
		}
	} else {
		if trust := decoded(out.Role.AssumeRolePolicyDocument); !strings.Contains(trust, role.Service) {
			e.add(area, "trust", Missing, role.Service+" may not take it on", deployAgain)
		} else {
			e.ok(area, "trust", "%s takes it on", role.Service)
		}
		if b := out.Role.PermissionsBoundary; b != nil {
			e.add(area, "boundary", Warning, "its permissions end at the boundary "+aws.ToString(b.PermissionsBoundaryArn), "see that the boundary allows what docs/permissions.md lists for this role")
		}
	}
	if len(role.Statements) > 0 {
		e.simulate(ctx, area, arn, role.Statements)
	}
	e.excess(ctx, area, role)
}

// simulate asks IAM whether the role may do what each statement says. Actions
// with the same resources and condition go in one question.
func (e *examination) simulate(ctx context.Context, area, arn string, statements []access.Statement) {
	allowed := 0
	for _, s := range statements {
		if slices.Contains(s.Resources, "") {
			e.add(area, strings.Join(s.Actions, ", "), NotChecked, "what it is for is not known: the build project was not seen (it "+s.Why+")", "see the other findings")
			continue
		}
		in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: s.Actions, ResourceArns: concrete(s.Resources), ContextEntries: contextOf(s.Condition)}
		pages := iam.NewSimulatePrincipalPolicyPaginator(e.api.iam, in)
		answered := map[string]bool{}
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				err = awserr.Wrap("simulate the policies of "+arn, err)
				if upgrade.CodeOf(err) == upgrade.CodePermissionDenied {
					e.denied(area, "permissions", err, "iam:SimulatePrincipalPolicy", arn) // nor any of the others
					return
				}
				e.add(area, strings.Join(s.Actions, ", "), NotChecked, err.Error(), "run this again; the error says what AWS did")
				break
			}
			for _, r := range page.EvaluationResults {
				answered[aws.ToString(r.EvalActionName)] = true
				if why := refusals(r); len(why) > 0 {
					e.add(area, aws.ToString(r.EvalActionName), Missing, strings.Join(why, "; ")+" (it "+s.Why+")",
						"add to the role: "+access.Document([]access.Statement{{Actions: []string{aws.ToString(r.EvalActionName)}, Resources: s.Resources, Condition: s.Condition}})+"; or "+deployAgain)
					continue
				}
				allowed++
			}
		}
		for _, action := range s.Actions {
			if !answered[action] && len(answered) > 0 {
				e.add(area, action, NotChecked, "IAM's simulator says nothing of it", "see whether the role's policy has it")
			}
		}
	}
	if allowed > 0 {
		e.ok(area, "permissions", "IAM's simulator allows %d of the actions that it needs", allowed)
	}
}

// refusals says on what an action is not allowed, and what stands against it.
func refusals(r types.EvaluationResult) []string {
	var why []string
	reason := func(d types.PolicyEvaluationDecisionType) string {
		text := "no policy allows it"
		if d == types.PolicyEvaluationDecisionTypeExplicitDeny {
			text = "a policy denies it"
		}
		if b := r.PermissionsBoundaryDecisionDetail; b != nil && !b.AllowedByPermissionsBoundary {
			text += "; the permissions boundary does not allow it"
		}
		if o := r.OrganizationsDecisionDetail; o != nil && !o.AllowedByOrganizations {
			text += "; a service control policy of the organization does not allow it"
		}
		return text
	}
	for _, one := range r.ResourceSpecificResults {
		if one.EvalResourceDecision != types.PolicyEvaluationDecisionTypeAllowed {
			why = append(why, reason(one.EvalResourceDecision)+" on "+aws.ToString(one.EvalResourceName))
		}
	}
	if len(r.ResourceSpecificResults) == 0 && r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
		why = append(why, reason(r.EvalDecision)+" on "+aws.ToString(r.EvalResourceName))
	}
	return why
}

// concrete gives ARNs an example for each text that a * stands for: the
// simulator is asked about resources, not about patterns.
func concrete(resources []string) []string {
	out := make([]string, len(resources))
	for i, r := range resources {
		out[i] = r
		if r != "*" {
			out[i] = strings.ReplaceAll(r, "*", "example")
		}
	}
	return out
}

// contextOf gives a condition what it asks for.
func contextOf(condition map[string]map[string]any) []types.ContextEntry {
	values := map[string][]string{}
	for operator, keys := range condition {
		for key, value := range keys {
			switch v := value.(type) {
			case string:
				if operator != "Null" {
					values[key] = []string{strings.ReplaceAll(v, "*", "example")}
				} else if values[key] == nil {
					values[key] = []string{"example"} // it must be there
				}
			case []string:
				values[key] = v[:1]
				if strings.HasPrefix(operator, "ForAllValues") {
					values[key] = v
				}
			}
		}
	}
	var entries []types.ContextEntry
	for key, v := range values {
		kind := types.ContextKeyTypeEnumString
		if len(v) > 1 {
			kind = types.ContextKeyTypeEnumStringList
		}
		entries = append(entries, types.ContextEntry{ContextKeyName: aws.String(key), ContextKeyType: kind, ContextKeyValues: v})
	}
	slices.SortFunc(entries, func(a, b types.ContextEntry) int { return strings.Compare(*a.ContextKeyName, *b.ContextKeyName) })
	return entries
}

// excess finds what the role may do beyond what the agent needs.
func (e *examination) excess(ctx context.Context, area string, role access.Role) {
	documents, ok := e.policies(ctx, area, role.Name)
	if !ok {
		return
	}
	needed := map[string]bool{}
	for _, s := range role.Statements {
		for _, action := range s.Actions {
			for _, resource := range s.Resources {
				needed[strings.ToLower(action)+" "+resource] = true
			}
		}
	}
	more := 0
	for name, text := range documents {
		statements, err := allowing(text)
		if err != nil {
			e.add(area, "policy "+name, NotChecked, err.Error(), "see what the policy allows")
			continue
		}
		for _, s := range statements {
			for _, action := range s.actions {
				var beyond []string
				for _, resource := range s.resources {
					if !needed[strings.ToLower(action)+" "+resource] && !e.unknown(action, resource) {
						beyond = append(beyond, resource)
					}
				}
				if len(beyond) > 0 {
					more++
					e.add(area, action, Warning, fmt.Sprintf("the policy %s allows it on %s, which the agent does not need", name, strings.Join(beyond, ", ")), "take it out of the policy, or "+deployAgain)
				}
			}
		}
	}
	if more == 0 && len(documents) > 0 {
		e.ok(area, "nothing more", "%d policies allow only what the agent needs", len(documents))
	}
}

// unknown reports whether a permission is about something that this examination
// does not know the ARN of: it can then not say that nobody needs it.
func (e *examination) unknown(action, resource string) bool {
	service, _, _ := strings.Cut(action, ":")
	switch service {
	case "kms":
		return e.Names.Key == ""
	case "execute-api":
		return e.Names.StreamAPI == ""
	case "s3":
		return e.Names.Source == "" && !strings.HasPrefix(resource, e.Names.BucketARN()) && strings.HasPrefix(resource, "arn:")
	}
	return false
}

// policies returns the texts of the role's policies, inline and attached.
func (e *examination) policies(ctx context.Context, area, role string) (map[string]string, bool) {
	all := map[string]string{}
	fail := func(err error, action string) bool {
		e.failed(area, "nothing more", awserr.Wrap("read the policies of "+role, err), action, e.Names.Role(role), deployAgain)
		return false
	}
	inline := iam.NewListRolePoliciesPaginator(e.api.iam, &iam.ListRolePoliciesInput{RoleName: &role})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, fail(err, "iam:ListRolePolicies")
		}
		for _, name := range page.PolicyNames {
			out, err := e.api.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return nil, fail(err, "iam:GetRolePolicy")
			}
			all[name] = decoded(out.PolicyDocument)
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(e.api.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, fail(err, "iam:ListAttachedRolePolicies")
		}
		for _, p := range page.AttachedPolicies {
			policy, err := e.api.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: p.PolicyArn})
			if err != nil {
				return nil, fail(err, "iam:GetPolicy")
			}
			version, err := e.api.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.PolicyArn, VersionId: policy.Policy.DefaultVersionId})
			if err != nil {
				return nil, fail(err, "iam:GetPolicyVersion")
			}
			all[aws.ToString(p.PolicyArn)] = decoded(version.PolicyVersion.Document)
		}
	}
	return all, true
}

// decoded returns a policy as JSON: IAM gives policies as URL-encoded text.
func decoded(text *string) string {
	plain, err := url.QueryUnescape(aws.ToString(text))
	if err != nil {
		return aws.ToString(text)
	}
	return plain
}

type allowance struct{ actions, resources []string }

// texts is one text or a list of them, as policies have it.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// allowing returns the statements of a policy that allow something. One that
// allows all but something is shown as it is.
func allowing(text string) ([]allowance, error) {
	type statement struct {
		Effect                                   string
		Action, Resource, NotAction, NotResource texts
	}
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("the policy is not JSON: %w", err)
	}
	var all []statement
	if err := json.Unmarshal(document.Statement, &all); err != nil {
		var one statement
		if json.Unmarshal(document.Statement, &one) != nil {
			return nil, fmt.Errorf("the policy's statements cannot be read: %w", err)
		}
		all = []statement{one}
	}
	var out []allowance
	for _, s := range all {
		if s.Effect != "Allow" {
			continue
		}
		if len(s.NotAction) > 0 {
			s.Action = texts{"all but " + strings.Join(s.NotAction, ", ")}
		}
		if len(s.NotResource) > 0 {
			s.Resource = texts{"all but " + strings.Join(s.NotResource, ", ")}
		}
		out = append(out, allowance{s.Action, s.Resource})
	}
	return out, nil
}
