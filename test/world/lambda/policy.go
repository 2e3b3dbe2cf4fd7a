package lambda

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// policy is the resource-based policy of a function, a version or an alias.
type policy struct {
	Version   string
	ID        string `json:"Id"`
	Statement []statement
	revision  *string
}

// statement is one permission, in the order in which AWS writes its members.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

var (
	statementIDs = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,100}$`)
	actions      = regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)
	accounts     = regexp.MustCompile(`^\d{12}$`)
)

// AddPermission allows a service or an account to use a function.
func (s *Service) AddPermission(_ *wire.Call, in *sdk.AddPermissionInput) (*sdk.AddPermissionOutput, error) {
	if id := value(in.StatementId); !statementIDs.MatchString(id) {
		return nil, violation(id, "statementId", `Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)`)
	}
	if a := value(in.Action); !actions.MatchString(a) {
		return nil, violation(a, "action", `Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(value(in.FunctionName), in.Qualifier, false)
	if err != nil {
		return nil, err
	}
	p := t.f.policies[t.qualifier]
	if p == nil {
		p = &policy{Version: "2012-10-17", ID: "default"}
	}
	if in.RevisionId != nil {
		if err := checkRevision(in.RevisionId, p.revision); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(p.Statement, func(st statement) bool { return st.Sid == *in.StatementId }) {
		return nil, conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", *in.StatementId)
	}
	st := statement{Sid: *in.StatementId, Effect: "Allow", Action: *in.Action, Resource: s.qualifiedARN(t.f.name, t.qualifier)}
	switch who := value(in.Principal); {
	case who == "*":
		st.Principal = "*"
	case accounts.MatchString(who):
		st.Principal = map[string]string{"AWS": "arn:aws:iam::" + who + ":root"}
	case strings.HasPrefix(who, "arn:"):
		st.Principal = map[string]string{"AWS": who}
	case strings.HasSuffix(who, ".amazonaws.com"):
		st.Principal = map[string]string{"Service": who}
	default:
		return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	add := func(operator, key string, v *string) {
		if v == nil {
			return
		}
		if st.Condition == nil {
			st.Condition = map[string]map[string]string{}
		}
		if st.Condition[operator] == nil {
			st.Condition[operator] = map[string]string{}
		}
		st.Condition[operator][key] = *v
	}
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	if in.FunctionUrlAuthType != "" {
		add("StringEquals", "lambda:FunctionUrlAuthType", ptr(string(in.FunctionUrlAuthType)))
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	changed := *p
	changed.Statement = append(slices.Clone(p.Statement), st)
	whole, err := json.Marshal(changed)
	if err != nil {
		return nil, err
	}
	if len(whole) > 20<<10 {
		return nil, &types.PolicyLengthExceededException{Message: ptr("The final policy size is bigger than the limit (20480)."), Type: ptr("User")}
	}
	changed.revision = s.revision()
	t.f.policies[t.qualifier] = &changed
	return &sdk.AddPermissionOutput{Statement: ptr(string(text))}, nil
}

// GetPolicy shows a resource-based policy.
func (s *Service) GetPolicy(_ *wire.Call, in *sdk.GetPolicyInput) (*sdk.GetPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(value(in.FunctionName), in.Qualifier, false)
	if err != nil {
		return nil, err
	}
	p := t.f.policies[t.qualifier]
	if p == nil {
		return nil, notFound("The resource you requested does not exist.")
	}
	text, err := json.Marshal(p)
	return &sdk.GetPolicyOutput{Policy: ptr(string(text)), RevisionId: p.revision}, err
}

// RemovePermission removes a statement of a policy.
func (s *Service) RemovePermission(_ *wire.Call, in *sdk.RemovePermissionInput) (*sdk.RemovePermissionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(value(in.FunctionName), in.Qualifier, false)
	if err != nil {
		return nil, err
	}
	p := t.f.policies[t.qualifier]
	if p == nil {
		return nil, notFound("No policy is associated with the given resource.")
	}
	if err := checkRevision(in.RevisionId, p.revision); err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(p.Statement), func(st statement) bool { return st.Sid == value(in.StatementId) })
	if len(left) == len(p.Statement) {
		return nil, notFound("Statement " + value(in.StatementId) + " is not found in resource policy.")
	}
	if len(left) == 0 {
		delete(t.f.policies, t.qualifier)
		return &sdk.RemovePermissionOutput{}, nil
	}
	t.f.policies[t.qualifier] = &policy{Version: p.Version, ID: p.ID, Statement: left, revision: s.revision()}
	return &sdk.RemovePermissionOutput{}, nil
}

// TagResource tags a function.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(f.tags)
	maps.Copy(all, in.Tags)
	if len(all) > 50 {
		return nil, invalid("You can't add more than 50 tags to a resource.")
	}
	f.tags = all
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(f.tags, k)
	}
	return &sdk.UntagResourceOutput{}, nil
}

// ListTags lists a function's tags.
func (s *Service) ListTags(_ *wire.Call, in *sdk.ListTagsInput) (*sdk.ListTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTagsOutput{Tags: maps.Clone(f.tags)}, nil
}

func (s *Service) tagged(arn *string) (*function, error) {
	if !strings.HasPrefix(value(arn), "arn:") {
		return nil, violation(value(arn), "resource", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})`)
	}
	return s.find(*arn)
}
