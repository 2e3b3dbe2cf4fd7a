package iam

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/authz"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Judge judges calls. It is safe for concurrent use.
type Judge struct {
	iam             *Service
	sts             *sts.Service
	mux             *wire.Mux
	account, region string

	mu        sync.Mutex
	functions map[string]string // roles of in-process functions, by name
	usage     map[string]*usage // by the ARN of role or user
}

// NewJudge returns a judge of the calls of mux.
func NewJudge(s *Service, sessions *sts.Service, mux *wire.Mux, account, region string) *Judge {
	return &Judge{iam: s, sts: sessions, mux: mux, account: account, region: region, functions: map[string]string{}, usage: map[string]*usage{}}
}

// Authorize returns nil when the caller may make the call, and otherwise the
// error that AWS refuses it with. It is made for wire.Mux.SetAuthorizer.
func (j *Judge) Authorize(c *wire.Call, in any) error {
	if c.Service == "sts" && c.Operation == "AssumeRoleWithWebIdentity" {
		return j.webIdentity(c, in)
	}
	who, err := j.caller(c)
	if err != nil {
		return err
	}
	rule, ok := authz.For(c.Service, c.Operation)
	if !ok {
		if who.admin {
			return nil
		}
		return &wire.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
			Message: fmt.Sprintf("the simulated IAM does not know which permissions %s.%s needs", c.Service, c.Operation)}
	}
	globals := j.globals(c, who, in)
	for _, need := range rule(j.request(c, in)) {
		if who.service() && strings.HasPrefix(need.Action, "kms:") && c.Service != "sqs" {
			continue // a service encrypts for itself by a grant on the key, which is not simulated; to a queue with a key it must be let by the key's policy
		}
		maps.Copy(need.Context, globals)
		j.addResourceAccount(need)
		if err := j.judge(c, who, need); err != nil {
			return err
		}
		if need.Action == "iam:PassRole" {
			if err := j.assumable(c, in, need); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *Judge) request(c *wire.Call, in any) authz.Request {
	return authz.Request{Account: j.account, Region: j.region, Input: in, Resource: c.Resource, Peek: func(service, operation string, in any) (any, error) {
		ctx := c.Context
		if ctx == nil {
			ctx = context.Background()
		}
		return j.mux.Peek(&wire.Call{Context: ctx, Service: service, Operation: operation, Region: j.region, Time: c.Time}, in)
	}}
}

// addResourceAccount says whose the resource of a permission is, for KMS also
// whose the caller is: what is not AWS's own is the account's.
func (j *Judge) addResourceAccount(need authz.Need) {
	parts := strings.SplitN(need.Resource, ":", 6)
	if len(parts) < 6 || parts[4] == "aws" {
		return
	}
	account := cmp.Or(parts[4], j.account)
	need.Context.Set("aws:ResourceAccount", account)
	switch service, _, _ := strings.Cut(need.Action, ":"); service {
	case "s3":
		need.Context.Set("s3:ResourceAccount", account)
	case "kms":
		need.Context.Set("kms:CallerAccount", need.Context["aws:principalaccount"]...)
	}
}

// judge judges one permission, and keeps that it was asked for.
func (j *Judge) judge(c *wire.Call, who caller, need authz.Need) error {
	set := j.iam.policiesOf(who)
	switch {
	case need.Trust:
		set.ResourceDecides = true
		set.Resource = j.iam.trustOf(need.Resource)
	case who.admin && unlocks(need.Action):
	default:
		set.Resource = j.policyOf(need)
		set.ResourceDecides = who.service() || set.Resource != nil && strings.HasPrefix(need.Action, "kms:")
	}
	j.addResourceTags(need.Context, c.Service, need.Resource, set)
	d := policy.Decide(set, policy.Request{Action: need.Action, Resource: need.Resource, Principal: who.principal, Context: need.Context})
	if !who.admin && !who.service() {
		j.record(who.named(), need, d)
		j.iam.touch(who, c, j.region)
	}
	if d.Allowed {
		return nil
	}
	return refused(c.Service, cmp.Or(who.principal.ARN, who.principal.Service), need, d)
}

// allowAll is what the administrator's policies say.
var allowAll = policy.Source{ID: "AdministratorAccess", Type: policy.IdentityBased, Document: mustParse(awsPolicies["/AdministratorAccess"])}

func mustParse(text string) *policy.Document {
	d, err := policy.Parse(text, policy.Identity)
	if err != nil {
		panic(err)
	}
	return d
}

// policiesOf collects what bears on a caller's requests.
func (s *Service) policiesOf(who caller) policy.Set {
	switch {
	case who.admin:
		return policy.Set{Identity: []policy.Source{allowAll}}
	case who.service():
		return policy.Set{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var set policy.Set
	if e, ok := s.entityOf(who); ok {
		set.Identity = s.identityPolicies(e)
		if e.boundary != "" {
			if p, ok := s.policies[e.boundary]; ok {
				set.Boundary = &policy.Source{ID: p.arn, Type: policy.Boundary, Document: p.document()}
			}
		}
	}
	session := who.session
	set.HasSession = session.Policy != "" || len(session.PolicyARNs) > 0
	if session.Policy != "" {
		// STS takes only valid policies; one that is none allows nothing.
		if d, err := policy.Parse(session.Policy, policy.Identity); err == nil {
			set.Session = append(set.Session, policy.Source{ID: "session", Type: policy.SessionPolicy, Document: d})
		}
	}
	for _, arn := range session.PolicyARNs {
		if p, ok := s.policies[arn]; ok {
			set.Session = append(set.Session, policy.Source{ID: arn, Type: policy.SessionPolicy, Document: p.document()})
		}
	}
	return set
}

// identityPolicies lists inline policies by name, then attached ones. The lock
// is held.
func (s *Service) identityPolicies(e *entity) []policy.Source {
	var out []policy.Source
	for _, name := range slices.Sorted(maps.Keys(e.inline)) {
		out = append(out, policy.Source{ID: name, Type: policy.IdentityBased, Document: e.inline[name]})
	}
	for _, arn := range e.attached {
		out = append(out, policy.Source{ID: arn, Type: policy.IdentityBased, Document: s.policies[arn].document()})
	}
	return out
}

func (s *Service) trustOf(roleArn string) *policy.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.roleByARN(roleArn)
	if !ok {
		return nil
	}
	return &policy.Source{ID: "trust", Type: policy.ResourceBased, Document: r.trust}
}

// touch keeps when a role was used last.
func (s *Service) touch(who caller, c *wire.Call, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entityOf(who); ok {
		e.usedAt, e.usedRegion = s.clock.Now(), region
		if c.Region != "" {
			e.usedRegion = c.Region
		}
	}
}

func (s *Service) usable(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[key]
	return !ok || k.active
}

func (s *Service) deleted(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[key]
}

// webIdentity judges the trust policy of a role for the holder of a token.
func (j *Judge) webIdentity(c *wire.Call, in any) error {
	req, ok := in.(*awssts.AssumeRoleWithWebIdentityInput)
	if !ok || req.WebIdentityToken == nil || req.RoleArn == nil {
		return nil // the service says what is missing
	}
	claims, err := sts.ParseClaims(*req.WebIdentityToken)
	if err != nil {
		return err
	}
	arn := "arn:aws:iam::" + j.account + ":oidc-provider/" + claims.Provider()
	j.iam.mu.Lock()
	p, known := j.iam.providers[arn]
	j.iam.mu.Unlock()
	if !known {
		return &ststypes.InvalidIdentityTokenException{Message: ptr("No OpenIDConnect provider found in your account for " + claims.Issuer)}
	}
	if !slices.ContainsFunc(claims.Audience, func(a string) bool { return slices.Contains(p.audiences, a) }) {
		return &ststypes.InvalidIdentityTokenException{Message: ptr("Incorrect token audience")}
	}
	rule, _ := authz.For(c.Service, c.Operation)
	for _, need := range rule(j.request(c, in)) {
		maps.Copy(need.Context, j.globals(c, caller{}, in))
		need.Context.Set(claims.Provider()+":sub", claims.Subject)
		need.Context.Set(claims.Provider()+":aud", claims.Audience...)
		set := policy.Set{Resource: j.iam.trustOf(need.Resource), ResourceDecides: true}
		d := policy.Decide(set, policy.Request{Action: need.Action, Resource: need.Resource, Principal: policy.Principal{Federated: arn}, Context: need.Context})
		if !d.Allowed {
			return &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Not authorized to perform " + need.Action}
		}
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

// refused words a refusal as the service does.
func refused(service, arn string, need authz.Need, d policy.Decision) error {
	if service == "sqs" { // it writes actions so
		need.Action = strings.ToLower(need.Action)
	}
	what := "User: " + arn + " is not authorized to perform: " + need.Action
	switch {
	case need.Trust && !d.Explicit:
		return deniedBy(service, what+" on resource: "+need.Resource)
	case service == "s3" && need.Resource != "*":
		what += ` on resource: "` + need.Resource + `"`
	case need.Resource != "*" || !(service == "ec2" || service == "cloudwatch" || service == "s3"):
		what += " on resource: " + need.Resource
	}
	what += " " + d.Reason(need.Action)
	if service == "ec2" {
		what = "You are not authorized to perform this operation. " + what
	}
	return deniedBy(service, what)
}

// deniedBy is a refusal with the service's own code and status (source: lists
// of common errors in the API references).
func deniedBy(service, message string) error {
	e := &wire.Error{Code: "AccessDeniedException", Status: http.StatusBadRequest, Message: message}
	switch service {
	case "ec2":
		e.Code, e.Status = "UnauthorizedOperation", http.StatusForbidden
	case "s3", "sts", "iam", "route53", "autoscaling", "rds", "elasticache", "elasticloadbalancing", "elasticloadbalancingv2", "cloudwatch", "cloudformation":
		e.Code, e.Status = "AccessDenied", http.StatusForbidden
	case "sns":
		e.Code, e.Status = "AuthorizationError", http.StatusForbidden
	case "eks", "lambda", "scheduler", "bedrockruntime", "apigateway", "apigatewayv2", "sqs":
		e.Status = http.StatusForbidden
	case "apigatewaymanagementapi", "execute-api":
		e.Code, e.Status = "ForbiddenException", http.StatusForbidden
	}
	return e
}

// expired refuses the credentials of a session that is over.
func expired(service string) error {
	e := &wire.Error{Code: "ExpiredTokenException", Status: http.StatusBadRequest, Message: "The security token included in the request is expired"}
	switch service {
	case "ec2":
		e.Code, e.Message = "RequestExpired", "Request has expired."
	case "s3":
		e.Code, e.Message = "ExpiredToken", "The provided token has expired."
	case "sts", "iam", "route53", "autoscaling", "rds", "elasticache", "elasticloadbalancing", "elasticloadbalancingv2", "cloudwatch", "cloudformation", "sns":
		e.Code, e.Status = "ExpiredToken", http.StatusForbidden
	case "eks", "lambda", "scheduler", "bedrockruntime", "apigateway", "apigatewaymanagementapi", "apigatewayv2", "execute-api", "sqs":
		e.Status = http.StatusForbidden
	}
	return e
}

// invalidKey refuses an access key that does not count any more.
func invalidKey(service string) error {
	e := &wire.Error{Code: "UnrecognizedClientException", Status: http.StatusBadRequest, Message: "The security token included in the request is invalid."}
	switch service {
	case "ec2":
		e.Code, e.Status, e.Message = "AuthFailure", http.StatusUnauthorized, "AWS was not able to validate the provided access credentials"
	case "s3":
		e.Code, e.Status, e.Message = "InvalidAccessKeyId", http.StatusForbidden, "The AWS Access Key Id you provided does not exist in our records."
	case "sts", "iam", "route53", "autoscaling", "rds", "elasticache", "elasticloadbalancing", "elasticloadbalancingv2", "cloudwatch", "cloudformation", "sns":
		e.Code, e.Status = "InvalidClientTokenId", http.StatusForbidden
	case "eks", "lambda", "scheduler", "bedrockruntime", "apigateway", "apigatewaymanagementapi", "apigatewayv2", "execute-api", "sqs":
		e.Status = http.StatusForbidden
	}
	return e
}
