package apigateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// authorizerTimeout is how long an authorizer's function may take.
const authorizerTimeout = 10 * time.Second

// grant is the answer of a Lambda authorizer.
type grant struct {
	Principal    string          `json:"principalId"`
	Document     json.RawMessage `json:"policyDocument"`
	IsAuthorized *bool           `json:"isAuthorized"`
	Context      map[string]any  `json:"context"`
	until        time.Time
}

// allows reports whether an answer lets a request through: by its simple form,
// or by its policy.
func (g grant) allows(simple bool, resource string) (ok bool, err error) {
	if simple {
		return g.IsAuthorized != nil && *g.IsAuthorized, nil
	}
	d, err := policy.Parse(string(g.Document), policy.Identity)
	if err != nil {
		return false, err
	}
	set := policy.Set{Identity: []policy.Source{{ID: "authorizer", Type: policy.IdentityBased, Document: d}}}
	return policy.Decide(set, policy.Request{Action: "execute-api:Invoke", Resource: resource, Context: policy.Context{}}).Allowed, nil
}

func internal(reason string) *refused {
	return &refused{status: http.StatusInternalServerError, message: "Internal Server Error", reason: reason}
}

// authorizeByFunction asks a Lambda authorizer, or remembers what it said.
func (s *Service) authorizeByFunction(q *request, z types.Authorizer) *refused {
	var identity []string
	for _, text := range z.IdentitySource {
		src, err := parseSource(text, false)
		if err != nil {
			return internal(err.Error())
		}
		value := q.identity(src)
		if value == "" {
			return &refused{status: http.StatusUnauthorized, message: "Unauthorized", reason: "an identity source is missing"}
		}
		identity = append(identity, value)
	}
	resource := s.executeARN(*q.api.ApiId, *q.stage.StageName, q.http.Method+q.path)
	key := *z.AuthorizerId + "\x00" + strings.Join(identity, "\x00")
	ttl := time.Duration(aws.ToInt32(z.AuthorizerResultTtlInSeconds)) * time.Second
	s.mu.Lock()
	g, known := q.live.grants[key]
	s.mu.Unlock()
	if !known || !q.at.Before(g.until) {
		var no *refused
		if g, no = s.ask(q, z, identity, resource); no != nil {
			return no
		}
		if ttl > 0 {
			g.until = q.at.Add(ttl)
			s.mu.Lock()
			q.live.grants[key] = g
			s.mu.Unlock()
		}
	}
	ok, err := g.allows(aws.ToBool(z.EnableSimpleResponses), resource)
	switch {
	case err != nil:
		return internal("the authorizer's policy is not valid")
	case !ok:
		return forbidden("the authorizer does not allow the request")
	}
	context := map[string]any{}
	for name, value := range g.Context {
		context[name] = value
	}
	if g.Principal != "" {
		q.logged["authorizer.principalId"] = g.Principal
		if aws.ToString(z.AuthorizerPayloadFormatVersion) == "1.0" {
			context["principalId"] = g.Principal
		}
	}
	q.authorizer = map[string]any{"lambda": orNull(context)}
	return nil
}

// ask invokes the authorizer's function.
func (s *Service) ask(q *request, z types.Authorizer, identity []string, resource string) (grant, *refused) {
	var e map[string]any
	if *z.AuthorizerPayloadFormatVersion == "2.0" {
		e = q.common2()
		e["version"], e["routeArn"], e["identitySource"], e["requestContext"] = "2.0", resource, identity, q.context2()
	} else {
		e = q.common1()
		e["version"], e["methodArn"], e["identitySource"] = "1.0", resource, strings.Join(identity, ",")
		if slices.ContainsFunc(z.IdentitySource, func(s string) bool { return strings.EqualFold(s, "$request.header.Authorization") }) {
			e["authorizationToken"] = q.http.Header.Get("Authorization")
		}
	}
	e["type"] = "REQUEST"
	return s.askFunction(q.http, z, *q.api.ApiId, e)
}

// askFunction invokes an authorizer's function with an event.
func (s *Service) askFunction(r *http.Request, z types.Authorizer, api string, e map[string]any) (grant, *refused) {
	function, _, _ := functionOf(*z.AuthorizerUri)
	source := s.executeARN(api, "authorizers", *z.AuthorizerId)
	out, err := s.call(r.Context(), function, aws.ToString(z.AuthorizerCredentialsArn), source, encode(e), authorizerTimeout)
	if err != nil {
		return grant{}, internal("the authorizer failed: " + err.Error())
	}
	var g grant
	if err := json.Unmarshal(out, &g); err != nil {
		return grant{}, internal("the authorizer's answer cannot be read")
	}
	return g, nil
}
