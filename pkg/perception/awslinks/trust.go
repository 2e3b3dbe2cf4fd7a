package awslinks

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// trust is what a trust policy says of web identities.
type trust struct {
	size       int
	statements []upgrade.TrustStatement // that name the issuer
	issuers    []string                 // all, sorted
	denies     bool
}

// assumes is the action by which a service account takes on a role.
const assumes = "sts:assumerolewithwebidentity"

// texts is a text or a list of texts; IAM writes numbers and truths without
// quotes too.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			*t = append(*t, v)
		case bool, float64:
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			*t = append(*t, string(text))
		default:
			return upgrade.Detailf("there is neither a text nor a list of texts")
		}
	}
	return nil
}

type statement struct {
	Effect    string
	Principal principal
	Action    texts
	NotAction texts
	Condition map[string]map[string]texts
}

// principal is "*" or who may, by kind.
type principal struct {
	Federated texts
	all       bool
}

// UnmarshalJSON reads either.
func (p *principal) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		p.all = text == "*"
		return nil
	}
	var kinds map[string]texts
	if err := json.Unmarshal(data, &kinds); err != nil {
		return err
	}
	p.Federated = kinds["Federated"]
	return nil
}

// statements is one statement or a list of them.
type statements []statement

// UnmarshalJSON reads either.
func (s *statements) UnmarshalJSON(data []byte) error {
	if first := strings.TrimLeftFunc(string(data), unicode.IsSpace); strings.HasPrefix(first, "[") {
		var list []statement
		err := json.Unmarshal(data, &list)
		*s = list
		return err
	}
	var one statement
	err := json.Unmarshal(data, &one)
	*s = statements{one}
	return err
}

// parseTrust reads a trust policy as IAM returns it, which is URL-encoded; issuer
// is without https://. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
func parseTrust(document, issuer string) (trust, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return trust{}, upgrade.KindSourceUnreadable.Errorf("read a trust policy", "%w", err)
	}
	var doc struct{ Statement statements }
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return trust{}, upgrade.KindSourceUnreadable.Errorf("read a trust policy", "%w", err)
	}
	t := trust{size: size(text)}
	for _, s := range doc.Statement {
		if !s.admits() {
			continue
		}
		if s.Effect != "Allow" {
			t.denies = true
			continue
		}
		for _, arn := range s.Principal.Federated {
			_, named, ok := strings.Cut(arn, ":oidc-provider/")
			if !ok {
				continue // SAML, or one of the providers that need none
			}
			named = strings.TrimSuffix(named, "/")
			t.issuers = append(t.issuers, named)
			if named == issuer {
				t.statements = append(t.statements, conditions(s.Condition, issuer))
			}
		}
	}
	slices.Sort(t.issuers)
	t.issuers = slices.Compact(t.issuers)
	return t, nil
}

// admits reports whether a statement is about web identities.
func (s statement) admits() bool {
	if len(s.NotAction) > 0 {
		return !slices.ContainsFunc(s.NotAction, matchesAction)
	}
	return slices.ContainsFunc(s.Action, matchesAction)
}

func matchesAction(pattern string) bool {
	pattern = strings.ToLower(pattern)
	if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(assumes, prefix)
	}
	return pattern == assumes
}

func conditions(all map[string]map[string]texts, issuer string) upgrade.TrustStatement {
	var t upgrade.TrustStatement
	for operator, keys := range all {
		for key, values := range keys {
			c := upgrade.TrustCondition{Operator: operator, Values: values}
			switch {
			case strings.EqualFold(key, issuer+":sub"):
				t.Subjects = append(t.Subjects, c)
			case strings.EqualFold(key, issuer+":aud"):
				t.Audiences = append(t.Audiences, c)
			default:
				t.Others = append(t.Others, operator+" "+key)
			}
		}
	}
	byOperator := func(a, b upgrade.TrustCondition) int { return strings.Compare(a.Operator, b.Operator) }
	slices.SortFunc(t.Subjects, byOperator)
	slices.SortFunc(t.Audiences, byOperator)
	slices.Sort(t.Others)
	return t
}

// size counts as IAM does: without white space. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
