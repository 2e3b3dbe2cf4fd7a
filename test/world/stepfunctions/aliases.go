package stepfunctions

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// alias is a name that leads to one version, or to two by weight.
type alias struct {
	arn, name        string
	description      *string
	routes           []route
	created, updated time.Time
}

type route struct {
	version *version
	weight  int32 // percent
}

// draw chooses a version by the weights; s.mu is held.
func (s *Service) draw(routes []route) *version {
	if len(routes) == 1 {
		return routes[0].version
	}
	n := s.choice.Int31n(100)
	for _, r := range routes {
		if n < r.weight {
			return r.version
		}
		n -= r.weight
	}
	return routes[len(routes)-1].version
}

var (
	aliasCharacters = regexp.MustCompile(`^[a-zA-Z0-9_\-.]+$`)
	notOnlyDigits   = regexp.MustCompile(`[a-zA-Z_\-.]`)
)

func checkAliasName(name *string) error {
	if err := length("name", name, 1, maxName); err != nil {
		return err
	}
	if !aliasCharacters.MatchString(*name) || !notOnlyDigits.MatchString(*name) {
		return constraint("name", *name, `satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`)
	}
	return nil
}

func invalidRouting(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...)), Reason: types.ValidationExceptionReasonInvalidRoutingConfiguration}
}

// routing checks a routing configuration; all its versions are of one machine.
// s.mu is held.
func (s *Service) routing(list []types.RoutingConfigurationListItem) (*machine, []route, error) {
	var items, arns, weights []string
	sum := int32(0)
	for _, l := range list {
		arns, weights = append(arns, aws.ToString(l.StateMachineVersionArn)), append(weights, strconv.Itoa(int(l.Weight)))
		items = append(items, fmt.Sprintf("RoutingConfigurationListItem(stateMachineVersionArn=%s, weight=%d)", aws.ToString(l.StateMachineVersionArn), l.Weight))
		sum += l.Weight
	}
	switch value := "[" + strings.Join(items, ", ") + "]"; {
	case len(list) < 1:
		return nil, nil, constraint("routingConfiguration", value, "have length greater than or equal to 1")
	case len(list) > 2:
		return nil, nil, constraint("routingConfiguration", value, "have length less than or equal to 2")
	}
	for i, l := range list {
		member := fmt.Sprintf("routingConfiguration.%d.member.weight", i+1)
		if l.Weight < 0 {
			return nil, nil, constraint(member, l.Weight, "have value greater than or equal to 0")
		}
		if l.Weight > 100 {
			return nil, nil, constraint(member, l.Weight, "have value less than or equal to 100")
		}
	}
	received := "[" + strings.Join(arns, ", ") + "]"
	parsed := make([]resource, len(list))
	for i, l := range list {
		var err error
		if parsed[i], err = parseArn(l.StateMachineVersionArn, "stateMachine"); err != nil {
			return nil, nil, err
		}
		if r := parsed[i]; len(r.rest) != 1 || strings.Trim(r.rest[0], "0123456789") != "" {
			return nil, nil, invalidRouting("Routing configuration must contain state machine version ARNs. Received: %s", received)
		}
	}
	if len(arns) == 2 && arns[0] == arns[1] {
		return nil, nil, invalidRouting("Routing configuration must contain distinct state machine version ARNs. Received: %s", received)
	}
	if len(arns) == 2 && parsed[0].name != parsed[1].name {
		return nil, nil, invalidRouting("Routing configuration must contain state machine version ARNs of the same state machine. Received: %s", received)
	}
	if sum != 100 {
		return nil, nil, invalidRouting("Sum of routing configuration weights must equal 100. Received: [%s]", strings.Join(weights, ", "))
	}
	m, ok := s.machines[s.machineArn(parsed[0].name)]
	if !ok {
		return nil, nil, &types.ResourceNotFound{Message: aws.String("Request references a resource that does not exist."), ResourceName: &arns[0]}
	}
	var routes []route
	for i, l := range list {
		v := m.version(arns[i])
		if v == nil {
			return nil, nil, &types.ResourceNotFound{Message: aws.String("Request references a resource that does not exist."), ResourceName: &arns[i]}
		}
		routes = append(routes, route{v, l.Weight})
	}
	return m, routes, nil
}

// CreateStateMachineAlias implements the API operation. Repeating it is
// idempotent.
func (s *Service) CreateStateMachineAlias(_ *wire.Call, in *sfn.CreateStateMachineAliasInput) (*sfn.CreateStateMachineAliasOutput, error) {
	if err := errors.Join(checkAliasName(in.Name), length("description", in.Description, 0, maxDescription)); err != nil {
		return nil, first(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, routes, err := s.routing(in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	if m.deleting {
		return nil, &types.StateMachineDeleting{Message: aws.String(fmt.Sprintf("State Machine is being deleted: '%s'", m.arn))}
	}
	if old, ok := m.aliases[*in.Name]; ok {
		if !slices.Equal(old.routes, routes) || !reflect.DeepEqual(old.description, in.Description) {
			return nil, &types.ConflictException{Message: aws.String("Failed to create alias because an alias with the same name and a different routing configuration already exists.")}
		}
		return &sfn.CreateStateMachineAliasOutput{StateMachineAliasArn: &old.arn, CreationDate: aws.Time(old.created)}, nil
	}
	if len(m.aliases) == maxAliases {
		return nil, &types.ServiceQuotaExceededException{Message: aws.String(fmt.Sprintf("The number of aliases of the state machine has reached the limit of %d", maxAliases))}
	}
	a := &alias{arn: m.arn + ":" + *in.Name, name: *in.Name, description: in.Description, routes: routes, created: s.now(), updated: s.now()}
	m.aliases[a.name] = a
	return &sfn.CreateStateMachineAliasOutput{StateMachineAliasArn: &a.arn, CreationDate: aws.Time(a.created)}, nil
}

// findAlias finds an alias and its machine; s.mu is held.
func (s *Service) findAlias(arn *string) (*machine, *alias, error) {
	r, err := parseArn(arn, "stateMachine")
	if err != nil {
		return nil, nil, err
	}
	if len(r.rest) != 1 || !notOnlyDigits.MatchString(r.rest[0]) {
		return nil, nil, invalidArn("Invalid ARN: %s", r.arn)
	}
	if m, ok := s.machines[strings.TrimSuffix(r.arn, ":"+r.rest[0])]; ok && m.aliases[r.rest[0]] != nil {
		return m, m.aliases[r.rest[0]], nil
	}
	return nil, nil, &types.ResourceNotFound{Message: aws.String("Request references a resource that does not exist."), ResourceName: arn}
}

// UpdateStateMachineAlias implements the API operation.
func (s *Service) UpdateStateMachineAlias(_ *wire.Call, in *sfn.UpdateStateMachineAliasInput) (*sfn.UpdateStateMachineAliasOutput, error) {
	if err := length("description", in.Description, 0, maxDescription); err != nil {
		return nil, err
	}
	if in.Description == nil && in.RoutingConfiguration == nil {
		return nil, &types.ValidationException{Message: aws.String("Either the description or the routingConfiguration must be specified"),
			Reason: types.ValidationExceptionReasonMissingRequiredParameter}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, a, err := s.findAlias(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	if in.RoutingConfiguration != nil {
		other, routes, err := s.routing(in.RoutingConfiguration)
		if err != nil {
			return nil, err
		}
		if other != m {
			return nil, invalidRouting("Routing configuration must contain state machine version ARNs of the alias's state machine. Received: [%s]", routes[0].version.arn)
		}
		a.routes = routes
	}
	if in.Description != nil {
		a.description = in.Description
	}
	a.updated = s.now()
	return &sfn.UpdateStateMachineAliasOutput{UpdateDate: aws.Time(a.updated)}, nil
}

// DescribeStateMachineAlias implements the API operation.
func (s *Service) DescribeStateMachineAlias(_ *wire.Call, in *sfn.DescribeStateMachineAliasInput) (*sfn.DescribeStateMachineAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a, err := s.findAlias(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	out := &sfn.DescribeStateMachineAliasOutput{StateMachineAliasArn: &a.arn, Name: &a.name, Description: a.description,
		CreationDate: aws.Time(a.created), UpdateDate: aws.Time(a.updated)}
	for _, r := range a.routes {
		out.RoutingConfiguration = append(out.RoutingConfiguration, types.RoutingConfigurationListItem{StateMachineVersionArn: &r.version.arn, Weight: r.weight})
	}
	return out, nil
}

// ListStateMachineAliases implements the API operation, for a machine or for
// one of its versions: by name.
func (s *Service) ListStateMachineAliases(_ *wire.Call, in *sfn.ListStateMachineAliasesInput) (*sfn.ListStateMachineAliasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.resolve(in.StateMachineArn, heaviest)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(t.machine.aliases))
	if t.version != nil {
		names = t.machine.aliasesOf(t.version)
	}
	var all []types.StateMachineAliasListItem
	for _, name := range names {
		a := t.machine.aliases[name]
		all = append(all, types.StateMachineAliasListItem{StateMachineAliasArn: &a.arn, CreationDate: aws.Time(a.created)})
	}
	part, next, err := page(all, in.MaxResults, in.NextToken, maxPageToken)
	if err != nil {
		return nil, err
	}
	return &sfn.ListStateMachineAliasesOutput{StateMachineAliases: part, NextToken: next}, nil
}

// DeleteStateMachineAlias implements the API operation.
func (s *Service) DeleteStateMachineAlias(_ *wire.Call, in *sfn.DeleteStateMachineAliasInput) (*sfn.DeleteStateMachineAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, a, err := s.findAlias(in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	delete(m.aliases, a.name)
	return &sfn.DeleteStateMachineAliasOutput{}, nil
}
