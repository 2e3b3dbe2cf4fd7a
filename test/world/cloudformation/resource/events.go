package resource

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedtypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

type eventBus struct {
	DeadLetterConfig *types.DeadLetterConfig
	Description      *string
	EventSourceName  *string
	KmsKeyIdentifier *string
	LogConfig        *types.LogConfig
	Name             string `cfn:"required"`
	Policy           *Document
	Tags             []Tag
}

func eventTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

type rule struct {
	Description        *string
	EventBusName       *string
	EventPattern       *Document
	Name               *string
	RoleArn            *string
	ScheduleExpression *string
	State              types.RuleState
	Tags               []Tag
	Targets            []eventTarget
}

type eventTarget struct {
	Arn              string `cfn:"required"`
	DeadLetterConfig *types.DeadLetterConfig
	Id               string `cfn:"required"`
	Input            *string
	InputPath        *string
	InputTransformer *struct {
		InputPathsMap map[string]string
		InputTemplate string `cfn:"required"`
	}
	RetryPolicy   *types.RetryPolicy
	RoleArn       *string
	SqsParameters *types.SqsParameters
}

func (t eventTarget) forEvents() types.Target {
	out := types.Target{Arn: &t.Arn, Id: &t.Id, DeadLetterConfig: t.DeadLetterConfig, Input: t.Input, InputPath: t.InputPath, RetryPolicy: t.RetryPolicy, RoleArn: t.RoleArn, SqsParameters: t.SqsParameters}
	if t.InputTransformer != nil {
		out.InputTransformer = &types.InputTransformer{InputPathsMap: t.InputTransformer.InputPathsMap, InputTemplate: &t.InputTransformer.InputTemplate}
	}
	return out
}

func init() {
	register(definition[eventBus]{
		name: "AWS::Events::EventBus", nameProperty: "Name", replace: []string{"EventSourceName", "Name"}, attributes: []string{"Arn", "Name", "Policy"},
		create: createBus,
		read: func(x *Context, id string, p *eventBus) (State, error) {
			attributes := map[string]any{"Arn": x.ARN("events", "event-bus/"+id), "Name": id}
			if p.Policy != nil {
				attributes["Policy"] = string(*p.Policy)
			}
			return State{Attributes: attributes}, nil
		},
		update: updateBus,
		remove: func(x *Context, id string, _ *eventBus) error {
			return do(x, &eventbridge.DeleteEventBusInput{Name: &id})
		},
	}, definition[busPolicy]{
		name: "AWS::Events::EventBusPolicy", replace: []string{"EventBusName", "StatementId"},
		create: func(x *Context, p *busPolicy) (string, error) {
			return made(strings.Join([]string{p.bus(), p.StatementId}, "|"), p.put(x))
		},
		update: func(x *Context, _ string, _, p *busPolicy) error { return p.put(x) },
		remove: func(x *Context, _ string, p *busPolicy) error {
			return do(x, &eventbridge.RemovePermissionInput{EventBusName: p.EventBusName, StatementId: &p.StatementId})
		},
	}, definition[rule]{
		name: "AWS::Events::Rule", nameProperty: "Name", replace: []string{"EventBusName", "Name"}, attributes: []string{"Arn"}, takes: 5 * time.Second,
		create: func(x *Context, p *rule) (string, error) {
			name := *x.Or(p.Name, 64)
			id := name
			if p.EventBusName != nil && *p.EventBusName != "default" {
				id = lastOf("/"+*p.EventBusName, "/") + "|" + name
			}
			if err := p.put(x, name); err != nil {
				return "", err
			}
			return id, p.setTargets(x, name, &rule{})
		},
		read: func(x *Context, id string, _ *rule) (State, error) {
			return State{Attributes: map[string]any{"Arn": x.ARN("events", "rule/"+strings.ReplaceAll(id, "|", "/"))}}, nil
		},
		update: func(x *Context, id string, old, p *rule) error {
			name := lastOf("|"+id, "|")
			if err := p.put(x, name); err != nil {
				return err
			}
			if err := p.setTargets(x, name, old); err != nil {
				return err
			}
			arn := x.ARN("events", "rule/"+strings.ReplaceAll(id, "|", "/"))
			return retag(x, old.Tags, p.Tags,
				func(tags map[string]string) error {
					return do(x, &eventbridge.TagResourceInput{ResourceARN: &arn, Tags: tagsAs(tags, eventTag)})
				},
				func(keys []string) error {
					return do(x, &eventbridge.UntagResourceInput{ResourceARN: &arn, TagKeys: keys})
				})
		},
		remove: func(x *Context, id string, p *rule) error {
			name := lastOf("|"+id, "|")
			if err := unlessGone((&rule{EventBusName: p.EventBusName}).setTargets(x, name, p)); err != nil {
				return err
			}
			return do(x, &eventbridge.DeleteRuleInput{Name: &name, EventBusName: p.EventBusName})
		},
	}, definition[schedule]{
		name: "AWS::Scheduler::Schedule", nameProperty: "Name", replace: []string{"Name"}, attributes: []string{"Arn"},
		create: func(x *Context, p *schedule) (string, error) {
			name := x.Or(p.Name, 64)
			return made(*name, do(x, p.forScheduler(name)))
		},
		read: func(x *Context, id string, p *schedule) (State, error) {
			out, err := invoke[scheduler.GetScheduleOutput](x, &scheduler.GetScheduleInput{Name: &id, GroupName: p.GroupName})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"Arn": *out.Arn}}, nil
		},
		update: func(x *Context, id string, old, p *schedule) error {
			if aws.ToString(old.GroupName) != aws.ToString(p.GroupName) {
				return refuse("a change of GroupName")
			}
			in := scheduler.UpdateScheduleInput(*p.forScheduler(&id))
			return do(x, &in)
		},
		remove: func(x *Context, id string, p *schedule) error {
			return do(x, &scheduler.DeleteScheduleInput{Name: &id, GroupName: p.GroupName})
		},
	}, definition[scheduleGroup]{
		name: "AWS::Scheduler::ScheduleGroup", nameProperty: "Name", replace: []string{"Name"}, attributes: []string{"Arn", "CreationDate", "LastModificationDate", "State"},
		create: func(x *Context, p *scheduleGroup) (string, error) {
			name := x.Or(p.Name, 64)
			return made(*name, do(x, &scheduler.CreateScheduleGroupInput{Name: name, Tags: tagsAs(x.tags(p.Tags), scheduleTag)}))
		},
		read: func(x *Context, id string, _ *scheduleGroup) (State, error) {
			out, err := invoke[scheduler.GetScheduleGroupOutput](x, &scheduler.GetScheduleGroupInput{Name: &id})
			if err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"Arn": *out.Arn, "CreationDate": out.CreationDate.UTC().Format(time.RFC3339), "LastModificationDate": out.LastModificationDate.UTC().Format(time.RFC3339), "State": string(out.State)}}, nil
		},
		update: func(x *Context, id string, old, p *scheduleGroup) error {
			arn := x.ARN("scheduler", "schedule-group/"+id)
			return retag(x, old.Tags, p.Tags,
				func(tags map[string]string) error {
					return do(x, &scheduler.TagResourceInput{ResourceArn: &arn, Tags: tagsAs(tags, scheduleTag)})
				},
				func(keys []string) error {
					return do(x, &scheduler.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
				})
		},
		remove: func(x *Context, id string, _ *scheduleGroup) error {
			return do(x, &scheduler.DeleteScheduleGroupInput{Name: &id})
		},
		removed: func(x *Context, id string, _ *scheduleGroup) (bool, error) {
			_, err := invoke[scheduler.GetScheduleGroupOutput](x, &scheduler.GetScheduleGroupInput{Name: &id})
			return gone(err), unlessGone(err)
		},
	})
}

func createBus(x *Context, p *eventBus) (string, error) {
	if err := do(x, &eventbridge.CreateEventBusInput{Name: &p.Name, DeadLetterConfig: p.DeadLetterConfig, Description: p.Description, EventSourceName: p.EventSourceName,
		KmsKeyIdentifier: p.KmsKeyIdentifier, LogConfig: p.LogConfig, Tags: tagsAs(x.tags(p.Tags), eventTag)}); err != nil {
		return "", err
	}
	return p.Name, p.setPolicy(x, &eventBus{})
}

func (p *eventBus) setPolicy(x *Context, old *eventBus) error {
	switch {
	case p.Policy != nil:
		return do(x, &eventbridge.PutPermissionInput{EventBusName: &p.Name, Policy: p.Policy.text()})
	case old.Policy != nil:
		return do(x, &eventbridge.RemovePermissionInput{EventBusName: &p.Name, RemoveAllPermissions: true})
	}
	return nil
}

func updateBus(x *Context, id string, old, p *eventBus) error {
	if JSON([]any{old.DeadLetterConfig, old.Description, old.KmsKeyIdentifier, old.LogConfig}) != JSON([]any{p.DeadLetterConfig, p.Description, p.KmsKeyIdentifier, p.LogConfig}) {
		if err := do(x, &eventbridge.UpdateEventBusInput{Name: &id, DeadLetterConfig: p.DeadLetterConfig, Description: p.Description, KmsKeyIdentifier: p.KmsKeyIdentifier, LogConfig: p.LogConfig}); err != nil {
			return err
		}
	}
	if err := p.setPolicy(x, old); err != nil {
		return err
	}
	arn := x.ARN("events", "event-bus/"+id)
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &eventbridge.TagResourceInput{ResourceARN: &arn, Tags: tagsAs(tags, eventTag)})
		},
		func(keys []string) error {
			return do(x, &eventbridge.UntagResourceInput{ResourceARN: &arn, TagKeys: keys})
		})
}

// busPolicy is one statement of a bus's policy: a whole one, or the parts of
// PutPermission.
type busPolicy struct {
	Action       *string
	Condition    *types.Condition
	EventBusName *string
	Principal    *string
	Statement    any
	StatementId  string `cfn:"required"`
}

func (p *busPolicy) bus() string {
	if p.EventBusName == nil {
		return "default"
	}
	return *p.EventBusName
}

func (p *busPolicy) put(x *Context) error {
	if p.Statement == nil {
		return do(x, &eventbridge.PutPermissionInput{EventBusName: p.EventBusName, StatementId: &p.StatementId, Action: p.Action, Principal: p.Principal, Condition: p.Condition})
	}
	statement, ok := p.Statement.(map[string]any)
	if !ok {
		return refuse("Statement that is no object")
	}
	// One statement stands in the bus's policy beside the others.
	_ = do(x, &eventbridge.RemovePermissionInput{EventBusName: p.EventBusName, StatementId: &p.StatementId})
	out, err := invoke[eventbridge.DescribeEventBusOutput](x, &eventbridge.DescribeEventBusInput{Name: p.EventBusName})
	if err != nil {
		return err
	}
	policy, err := withStatement(aws.ToString(out.Policy), p.StatementId, statement)
	if err != nil {
		return err
	}
	return do(x, &eventbridge.PutPermissionInput{EventBusName: p.EventBusName, Policy: &policy})
}

func (p *rule) put(x *Context, name string) error {
	return do(x, &eventbridge.PutRuleInput{Name: &name, Description: p.Description, EventBusName: p.EventBusName, EventPattern: p.EventPattern.text(), RoleArn: p.RoleArn,
		ScheduleExpression: p.ScheduleExpression, State: p.State, Tags: tagsAs(x.tags(p.Tags), eventTag)})
}

// setTargets makes the rule's targets p's; old has what they were.
func (p *rule) setTargets(x *Context, name string, old *rule) error {
	ids := map[string]bool{}
	var put []types.Target
	for _, t := range p.Targets {
		ids[t.Id] = true
		put = append(put, t.forEvents())
	}
	var remove []string
	for _, t := range old.Targets {
		if !ids[t.Id] {
			remove = append(remove, t.Id)
		}
	}
	if len(remove) > 0 {
		if err := do(x, &eventbridge.RemoveTargetsInput{Rule: &name, EventBusName: p.EventBusName, Ids: remove}); err != nil {
			return err
		}
	}
	if len(put) == 0 {
		return nil
	}
	out, err := invoke[eventbridge.PutTargetsOutput](x, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: p.EventBusName, Targets: put})
	if err != nil {
		return err
	}
	for _, e := range out.FailedEntries {
		return failedEntry(e.TargetId, e.ErrorCode, e.ErrorMessage)
	}
	return nil
}

type schedule struct {
	Description                *string
	EndDate                    *time.Time
	FlexibleTimeWindow         schedtypes.FlexibleTimeWindow `cfn:"required"`
	GroupName                  *string
	KmsKeyArn                  *string
	Name                       *string
	ScheduleExpression         string `cfn:"required"`
	ScheduleExpressionTimezone *string
	StartDate                  *time.Time
	State                      schedtypes.ScheduleState
	Target                     schedtypes.Target `cfn:"required"`
}

func (p *schedule) forScheduler(name *string) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{Name: name, FlexibleTimeWindow: &p.FlexibleTimeWindow, ScheduleExpression: &p.ScheduleExpression, Target: &p.Target, Description: p.Description,
		EndDate: p.EndDate, GroupName: p.GroupName, KmsKeyArn: p.KmsKeyArn, ScheduleExpressionTimezone: p.ScheduleExpressionTimezone, StartDate: p.StartDate, State: p.State}
}

type scheduleGroup struct {
	Name *string
	Tags []Tag
}

func scheduleTag(key, value *string) schedtypes.Tag { return schedtypes.Tag{Key: key, Value: value} }
