// Package scheduler simulates Amazon EventBridge Scheduler: schedules in groups,
// in time zones, with flexible windows and bounded retries, that call templated
// targets and any operation of the simulated AWS (universal targets).
package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/delivery"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/schedule"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const defaultGroup = "default"

var (
	nameSyntax = regexp.MustCompile(`^[0-9a-zA-Z\-_.]{1,64}$`)
	roleSyntax = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

// entry is one schedule.
type entry struct {
	sdk.GetScheduleOutput
	expression schedule.Expression
	stop       func() bool
	generation int
	token      tokenUse // of its creation
}

type tokenUse struct {
	token   string
	request string
}

// Service is EventBridge Scheduler. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string
	sender          delivery.Sender

	mu          sync.Mutex
	random      *rand.Rand // of flexible windows
	groups      map[string]*group
	schedules   map[string]*entry // by group and name
	undelivered []error
	count       int
}

// New returns Scheduler with the default group. seed chooses within flexible
// windows.
func New(c clock.Clock, account, region string, mux *wire.Mux, seed int64) *Service {
	s := &Service{clock: c, account: account, region: region, groups: map[string]*group{}, schedules: map[string]*entry{},
		random: rand.New(rand.NewPCG(uint64(seed), 185)), //nolint:gosec // repeatable on purpose
		sender: delivery.Sender{Clock: c, Mux: mux, Region: region, Account: account, Principal: "scheduler.amazonaws.com"}}
	s.groups[defaultGroup] = s.newGroup(defaultGroup)
	return s
}

// Undelivered returns why schedules did not reach their targets.
func (s *Service) Undelivered() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.undelivered)
}

func validation(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func conflict(format string, args ...any) error {
	return &types.ConflictException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missing(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func orDefault(groupName *string) string {
	if g := aws.ToString(groupName); g != "" {
		return g
	}
	return defaultGroup
}

// find finds a schedule; s.mu is held.
func (s *Service) find(groupName, name *string) (*entry, error) {
	g := orDefault(groupName)
	if e, ok := s.schedules[g+"/"+aws.ToString(name)]; ok {
		return e, nil
	}
	return nil, missing("Schedule %s does not exist.", aws.ToString(name))
}

// CreateSchedule creates a schedule. The same request with the same token again
// answers as before.
func (s *Service) CreateSchedule(_ *wire.Call, in *sdk.CreateScheduleInput) (*sdk.CreateScheduleOutput, error) {
	e, err := s.entry(&sdk.GetScheduleOutput{
		Name: in.Name, GroupName: aws.String(orDefault(in.GroupName)), ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		StartDate: in.StartDate, EndDate: in.EndDate, Description: in.Description, State: in.State, KmsKeyArn: in.KmsKeyArn, Target: in.Target,
		FlexibleTimeWindow: in.FlexibleTimeWindow, ActionAfterCompletion: in.ActionAfterCompletion})
	if err != nil {
		return nil, err
	}
	e.token = tokenOf(in.ClientToken, in)
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[*e.GroupName]
	if !ok {
		return nil, missing("Schedule group %s does not exist.", *e.GroupName)
	}
	if g.State == types.ScheduleGroupStateDeleting {
		return nil, conflict("Schedule group %s is being deleted.", *e.GroupName)
	}
	key := *e.GroupName + "/" + *e.Name
	if old, known := s.schedules[key]; known {
		if e.token.token != "" && old.token == e.token {
			return &sdk.CreateScheduleOutput{ScheduleArn: old.Arn}, nil
		}
		return nil, conflict("Schedule %s already exists.", *e.Name)
	}
	now := s.clock.Now()
	e.CreationDate, e.LastModificationDate = &now, &now
	s.schedules[key] = e
	s.arm(e, now)
	return &sdk.CreateScheduleOutput{ScheduleArn: e.Arn}, nil
}

func tokenOf(token *string, request any) tokenUse {
	if aws.ToString(token) == "" {
		return tokenUse{}
	}
	// SDK inputs are plain data.
	b, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	return tokenUse{*token, string(b)}
}

// UpdateSchedule replaces all settings of a schedule: what is not given is the
// default again.
func (s *Service) UpdateSchedule(_ *wire.Call, in *sdk.UpdateScheduleInput) (*sdk.UpdateScheduleOutput, error) {
	e, err := s.entry(&sdk.GetScheduleOutput{
		Name: in.Name, GroupName: aws.String(orDefault(in.GroupName)), ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		StartDate: in.StartDate, EndDate: in.EndDate, Description: in.Description, State: in.State, KmsKeyArn: in.KmsKeyArn, Target: in.Target,
		FlexibleTimeWindow: in.FlexibleTimeWindow, ActionAfterCompletion: in.ActionAfterCompletion})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	old.halt()
	now := s.clock.Now()
	e.CreationDate, e.LastModificationDate, e.token, e.generation = old.CreationDate, &now, old.token, old.generation
	s.schedules[*e.GroupName+"/"+*e.Name] = e
	s.arm(e, now)
	return &sdk.UpdateScheduleOutput{ScheduleArn: e.Arn}, nil
}

// entry checks the settings of a schedule and fills in the defaults.
func (s *Service) entry(g *sdk.GetScheduleOutput) (*entry, error) {
	if !nameSyntax.MatchString(aws.ToString(g.Name)) {
		return nil, validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", aws.ToString(g.Name))
	}
	if g.ScheduleExpressionTimezone == nil {
		g.ScheduleExpressionTimezone = aws.String("UTC")
	}
	zone, err := time.LoadLocation(*g.ScheduleExpressionTimezone)
	if err != nil || *g.ScheduleExpressionTimezone == "Local" {
		return nil, validation("Invalid Schedule Expression Timezone %s.", *g.ScheduleExpressionTimezone)
	}
	e := &entry{GetScheduleOutput: *g}
	if e.expression, err = schedule.Parse(aws.ToString(g.ScheduleExpression), zone); err != nil {
		return nil, validation("Invalid Schedule Expression %s.", aws.ToString(g.ScheduleExpression))
	}
	if g.StartDate != nil && g.EndDate != nil && !g.StartDate.Before(*g.EndDate) {
		return nil, validation("The StartDate you specify cannot be later than the EndDate you specify.")
	}
	if e.State == "" {
		e.State = types.ScheduleStateEnabled
	}
	if e.ActionAfterCompletion == "" {
		e.ActionAfterCompletion = types.ActionAfterCompletionNone
	}
	w := g.FlexibleTimeWindow
	switch {
	case w == nil:
		return nil, validation("1 validation error detected: Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null")
	case w.Mode == types.FlexibleTimeWindowModeOff && w.MaximumWindowInMinutes != nil:
		return nil, validation("MaximumWindowInMinutes must not be specified when FlexibleTimeWindow mode is OFF.")
	case w.Mode == types.FlexibleTimeWindowModeFlexible && (w.MaximumWindowInMinutes == nil || *w.MaximumWindowInMinutes < 1 || *w.MaximumWindowInMinutes > 1440):
		return nil, validation("MaximumWindowInMinutes must be between 1 and 1440 when FlexibleTimeWindow mode is FLEXIBLE.")
	case !slices.Contains(w.Mode.Values(), w.Mode):
		return nil, validation("1 validation error detected: Value '%s' at 'flexibleTimeWindow.mode' failed to satisfy constraint: Member must satisfy enum value set: [OFF, FLEXIBLE]", w.Mode)
	}
	if err := s.checkTarget(g.Target); err != nil {
		return nil, err
	}
	e.Target = withRetries(g.Target)
	e.Arn = aws.String(fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/%s/%s", s.region, s.account, *g.GroupName, *g.Name))
	return e, nil
}

// withRetries fills in the default retry policy, which answers carry.
func withRetries(t *types.Target) *types.Target {
	out, p := *t, types.RetryPolicy{}
	if t.RetryPolicy != nil {
		p = *t.RetryPolicy
	}
	if p.MaximumRetryAttempts == nil {
		p.MaximumRetryAttempts = aws.Int32(int32(delivery.DefaultPolicy.Retries)) //nolint:gosec // 185
	}
	if p.MaximumEventAgeInSeconds == nil {
		p.MaximumEventAgeInSeconds = aws.Int32(int32(delivery.DefaultPolicy.Age.Seconds()))
	}
	out.RetryPolicy = &p
	return &out
}

func (s *Service) checkTarget(t *types.Target) error {
	switch {
	case t == nil:
		return validation("1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null")
	case !roleSyntax.MatchString(aws.ToString(t.RoleArn)):
		return validation("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
	}
	if d := t.DeadLetterConfig; d != nil && !delivery.IsQueue(aws.ToString(d.Arn)) {
		return validation("Provided Arn is not a valid ARN of a standard SQS queue: %s", aws.ToString(d.Arn))
	}
	arn := aws.ToString(t.Arn)
	if universal(arn) {
		if _, _, err := s.universal(t); err != nil {
			return err
		}
		return nil
	}
	switch kind := delivery.KindOf(arn); {
	case kind == "":
		return validation("Provided Arn is not in correct format or is of a target that the simulated AWS does not have: %s", arn)
	case kind == delivery.Bus && t.EventBridgeParameters == nil:
		return validation("EventBridgeParameters must be specified for an event bus as a target.")
	case kind == delivery.Queue && strings.HasSuffix(arn, ".fifo") && (t.SqsParameters == nil || aws.ToString(t.SqsParameters.MessageGroupId) == ""):
		return validation("SqsParameters must be specified for a FIFO queue as a target.")
	case kind != delivery.Topic && kind != delivery.Queue && t.Input != nil && !json.Valid([]byte(*t.Input)):
		return validation("Invalid RequestJson provided. Reason: the Input of target %s is not well-formed JSON.", arn)
	}
	return nil
}

const universalPrefix = "arn:aws:scheduler:::aws-sdk:"

func universal(arn string) bool { return strings.HasPrefix(arn, universalPrefix) }

// packages maps the names of universal targets to the SDK's packages.
var packages = map[string]string{"cloudwatchlogs": "cloudwatchlogs", "states": "sfn"}

// universal returns the call that a universal target makes.
func (s *Service) universal(t *types.Target) (wire.Call, any, error) {
	name, action, ok := strings.Cut(strings.TrimPrefix(*t.Arn, universalPrefix), ":")
	if !ok || action == "" || strings.ToLower(name) != name {
		return wire.Call{}, nil, validation("%s is not a valid universal target.", *t.Arn)
	}
	if p, ok := packages[name]; ok {
		name = p
	}
	c := wire.Call{Service: name, Operation: strings.ToUpper(action[:1]) + action[1:]}
	in, err := s.sender.Mux.NewInput(c.Service, c.Operation)
	if err != nil {
		return c, nil, validation("%s is not a valid universal target: %s", *t.Arn, wire.Describe(err).Message)
	}
	text := aws.ToString(t.Input)
	if text == "" {
		text = "{}"
	}
	if err := wire.FromPascal([]byte(text), in, false); err != nil {
		return c, nil, validation("Invalid RequestJson provided. Reason: %s", wire.Describe(err).Message)
	}
	return c, in, nil
}

// GetSchedule describes a schedule.
func (s *Service) GetSchedule(_ *wire.Call, in *sdk.GetScheduleInput) (*sdk.GetScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	out := e.GetScheduleOutput
	return &out, nil
}

// DeleteSchedule deletes a schedule.
func (s *Service) DeleteSchedule(_ *wire.Call, in *sdk.DeleteScheduleInput) (*sdk.DeleteScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	s.forget(e)
	return &sdk.DeleteScheduleOutput{}, nil
}

func (s *Service) forget(e *entry) {
	e.halt()
	delete(s.schedules, *e.GroupName+"/"+*e.Name)
}

// ListSchedules lists schedules by group and name.
func (s *Service) ListSchedules(_ *wire.Call, in *sdk.ListSchedulesInput) (*sdk.ListSchedulesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.ScheduleSummary{}
	for _, key := range slices.Sorted(maps.Keys(s.schedules)) {
		e := s.schedules[key]
		if (in.GroupName != nil && *in.GroupName != *e.GroupName) || !strings.HasPrefix(*e.Name, aws.ToString(in.NamePrefix)) || (in.State != "" && in.State != e.State) {
			continue
		}
		all = append(all, types.ScheduleSummary{Arn: e.Arn, Name: e.Name, GroupName: e.GroupName, State: e.State, CreationDate: e.CreationDate,
			LastModificationDate: e.LastModificationDate, Target: &types.TargetSummary{Arn: e.Target.Arn}})
	}
	page, next, err := paged(all, in.MaxResults, in.NextToken)
	return &sdk.ListSchedulesOutput{Schedules: page, NextToken: next}, err
}
