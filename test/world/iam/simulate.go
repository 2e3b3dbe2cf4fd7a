package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// simulation is what the operations that simulate policies have in common.
type simulation struct {
	set       policy.Set
	principal policy.Principal
	actions   []string
	resources []string
	entries   []types.ContextEntry
}

// sourceType is how the policy simulator calls the sources of statements.
const sourceType = types.PolicySourceType("IAM Policy")

// inputPolicies parses policies that come with the request.
func inputPolicies(texts []string, name string, kind policy.Kind, typ policy.Type) ([]policy.Source, error) {
	var out []policy.Source
	for i, text := range texts {
		d, err := policy.Parse(text, kind)
		if err != nil {
			return nil, invalidInput("%s", err.Error())
		}
		out = append(out, policy.Source{ID: fmt.Sprintf("%s.%d", name, i+1), Type: typ, Document: d})
	}
	return out, nil
}

// limit sets permissions boundary and resource policy of a simulation.
func (s *simulation) limit(boundaries []string, resourcePolicy *string) error {
	sources, err := inputPolicies(boundaries, "PermissionsBoundaryPolicyInputList", policy.Identity, policy.Boundary)
	if err != nil {
		return err
	}
	if len(sources) > 1 {
		return invalidInput("PermissionsBoundaryPolicyInputList can have at most one policy.")
	}
	if len(sources) == 1 {
		s.set.Boundary = &sources[0]
	}
	if resourcePolicy == nil {
		return nil
	}
	sources, err = inputPolicies([]string{*resourcePolicy}, "ResourcePolicy", policy.Resource, policy.ResourceBased)
	if err != nil {
		return err
	}
	s.set.Resource = &sources[0]
	return nil
}

// run judges every action on every resource.
func (s simulation) run() ([]types.EvaluationResult, error) {
	known := policy.Context{}
	for _, e := range s.entries {
		if e.ContextKeyName == nil {
			return nil, invalidInput("A context entry has no name.")
		}
		known.Set(*e.ContextKeyName, e.ContextKeyValues...)
	}
	if len(s.resources) == 0 {
		s.resources = []string{"*"}
	}
	var out []types.EvaluationResult
	for _, action := range s.actions {
		if !strings.Contains(action, ":") {
			return nil, invalidInput("Invalid Action: %s", action)
		}
		for _, resource := range s.resources {
			d := policy.Decide(s.set, policy.Request{Action: action, Resource: resource, Principal: s.principal, Context: known})
			r := types.EvaluationResult{
				EvalActionName: aws.String(action), EvalResourceName: aws.String(resource), EvalDecision: decision(d),
				MatchedStatements: statements(d), MissingContextValues: s.missing(known),
			}
			one := types.ResourceSpecificResult{
				EvalResourceName: r.EvalResourceName, EvalResourceDecision: r.EvalDecision, MatchedStatements: r.MatchedStatements, MissingContextValues: r.MissingContextValues,
			}
			if s.set.Boundary != nil {
				r.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: d.BoundaryAllows}
				one.PermissionsBoundaryDecisionDetail = r.PermissionsBoundaryDecisionDetail
			}
			r.ResourceSpecificResults = []types.ResourceSpecificResult{one}
			out = append(out, r)
		}
	}
	return out, nil
}

func decision(d policy.Decision) types.PolicyEvaluationDecisionType {
	switch {
	case d.Allowed:
		return types.PolicyEvaluationDecisionTypeAllowed
	case d.Explicit:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return types.PolicyEvaluationDecisionTypeImplicitDeny
}

func statements(d policy.Decision) []types.Statement {
	out := []types.Statement{}
	for _, m := range d.Matched {
		doc := m.Source.Document
		s := doc.Statements[m.Statement]
		out = append(out, types.Statement{SourcePolicyId: aws.String(m.Source.ID[strings.LastIndex(m.Source.ID, "/")+1:]), SourcePolicyType: sourceType,
			StartPosition: position(doc, s.Start), EndPosition: position(doc, s.End)})
	}
	return out
}

func position(d *policy.Document, offset int) *types.Position {
	line, column := d.Position(offset)
	return &types.Position{Line: int32(line), Column: int32(column)} //nolint:gosec // policies are short
}

// missing lists the condition keys of the policies that the request gives no
// value for.
func (s simulation) missing(known policy.Context) []string {
	out := []string{}
	for _, src := range s.set.Identity {
		for _, key := range src.Document.ContextKeys() {
			if _, ok := known.Get(key); !ok && !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

// SimulateCustomPolicy judges actions by policies that come with the request.
func (s *Service) SimulateCustomPolicy(_ *wire.Call, in *awsiam.SimulateCustomPolicyInput) (*awsiam.SimulateCustomPolicyOutput, error) {
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, entries: in.ContextEntries, principal: s.simulated(aws.ToString(in.CallerArn))}
	var err error
	if sim.set.Identity, err = inputPolicies(in.PolicyInputList, "PolicyInputList", policy.Identity, policy.IdentityBased); err != nil {
		return nil, err
	}
	if err := sim.limit(in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	results, err := sim.run()
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(results, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.SimulateCustomPolicyOutput{EvaluationResults: items, IsTruncated: truncated, Marker: next}, nil
}

// simulated is a user or role, by its ARN, as the maker of a request.
func (s *Service) simulated(arn string) policy.Principal {
	p := policy.Principal{ARN: arn, Account: s.account}
	if strings.Contains(arn, ":role/") {
		p.RoleARN = arn
	}
	return p
}

// SimulatePrincipalPolicy judges actions by the policies of a user or role and
// by those that come with the request.
func (s *Service) SimulatePrincipalPolicy(_ *wire.Call, in *awsiam.SimulatePrincipalPolicyInput) (*awsiam.SimulatePrincipalPolicyOutput, error) {
	if err := valid(arned("policySourceArn", in.PolicySourceArn)); err != nil {
		return nil, err
	}
	extra, err := inputPolicies(in.PolicyInputList, "PolicyInputList", policy.Identity, policy.IdentityBased)
	if err != nil {
		return nil, err
	}
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, entries: in.ContextEntries, principal: s.simulated(*in.PolicySourceArn)}
	s.mu.Lock()
	e, err := s.source(*in.PolicySourceArn)
	if err == nil {
		sim.set.Identity = append(s.identityPolicies(e), extra...)
		if p, ok := s.policies[e.boundary]; ok {
			sim.set.Boundary = &policy.Source{ID: p.arn, Type: policy.Boundary, Document: p.document()}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := sim.limit(in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	results, err := sim.run()
	if err != nil {
		return nil, err
	}
	items, truncated, next, err := page(results, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.SimulatePrincipalPolicyOutput{EvaluationResults: items, IsTruncated: truncated, Marker: next}, nil
}

// source finds the user or role of an ARN. The lock is held.
func (s *Service) source(arn string) (*entity, error) {
	if e, ok := s.roleByARN(arn); ok {
		return e, nil
	}
	if e, ok := s.users[strings.ToLower(arn[strings.LastIndex(arn, "/")+1:])]; ok && e.arn == arn {
		return e, nil
	}
	if !strings.Contains(arn, ":role/") && !strings.Contains(arn, ":user/") {
		return nil, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
	}
	return nil, noEntity("The entity with ARN %s cannot be found.", arn)
}

// GetContextKeysForCustomPolicy lists the condition keys that policies mention.
func (s *Service) GetContextKeysForCustomPolicy(_ *wire.Call, in *awsiam.GetContextKeysForCustomPolicyInput) (*awsiam.GetContextKeysForCustomPolicyOutput, error) {
	sources, err := inputPolicies(in.PolicyInputList, "PolicyInputList", policy.Identity, policy.IdentityBased)
	if err != nil {
		return nil, err
	}
	return &awsiam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: simulation{set: policy.Set{Identity: sources}}.missing(policy.Context{})}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys that the policies
// of a user or role mention.
func (s *Service) GetContextKeysForPrincipalPolicy(_ *wire.Call, in *awsiam.GetContextKeysForPrincipalPolicyInput) (*awsiam.GetContextKeysForPrincipalPolicyOutput, error) {
	extra, err := inputPolicies(in.PolicyInputList, "PolicyInputList", policy.Identity, policy.IdentityBased)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.source(aws.ToString(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	set := policy.Set{Identity: append(s.identityPolicies(e), extra...)}
	return &awsiam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: simulation{set: set}.missing(policy.Context{})}, nil
}
