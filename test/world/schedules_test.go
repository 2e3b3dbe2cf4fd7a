package world

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	ssmsdk "github.com/aws/aws-sdk-go-v2/service/ssm"
)

const role = "arn:aws:iam::123456789012:role/scheduler"

// target is a state machine that passes its input on, and a look at the inputs
// that it got, with the simulated time of each.
func passing(t *testing.T, w *World) (arn string, inputs func() []string) {
	t.Helper()
	api := sfn.NewFromConfig(w.AWSConfig())
	m, err := api.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("pass"), RoleArn: aws.String(role),
		Definition: aws.String(`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	return *m.StateMachineArn, func() []string {
		list, err := api.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for i := range list.Executions { // newest first
			e := list.Executions[len(list.Executions)-1-i]
			d := describe(t, api, *e.ExecutionArn)
			out = append(out, fmt.Sprintf("%s %s", e.StartDate.UTC().Format("15:04:05"), *d.Input))
		}
		return out
	}
}

func TestAScheduledRuleStartsExecutions(t *testing.T) {
	w, clk := newSyncWorld(t)
	machine, inputs := passing(t, w)
	c := eventbridge.NewFromConfig(w.AWSConfig())
	put := func(name, expression string) error {
		_, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, ScheduleExpression: &expression})
		return err
	}
	for _, expression := range []string{"rate(1 minutes)", "rate(x)", "at(2026-08-01T12:00:00)", "cron(* * * * * *)"} {
		wantCode(t, put("bad", expression), "ValidationException")
	}
	if err := put("hourly", "rate(1 hour)"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("hourly"), Targets: []ebtypes.Target{
		{Id: aws.String("m"), Arn: &machine, RoleArn: aws.String(role), InputPath: aws.String("$.detail-type")}}}); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2*time.Hour + time.Minute)
	if _, err := c.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String("hourly")}); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	if got := strings.Join(inputs(), "; "); got != `13:00:00 "Scheduled Event"; 14:00:00 "Scheduled Event"` {
		t.Errorf("executions: %s (undelivered %v)", got, w.Events().Undelivered())
	}
}

func TestACustomBusHasItsOwnRulesAndTakesForwardedEvents(t *testing.T) {
	w, clk := newSyncWorld(t)
	ctx, c := t.Context(), eventbridge.NewFromConfig(w.AWSConfig())
	machine, inputs := passing(t, w)
	bus, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("upgrades")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("upgrades")})
	wantCode(t, err, "ResourceAlreadyExistsException")
	rule := func(name, busName string, target ebtypes.Target) {
		t.Helper()
		if _, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventBusName: &busName, EventPattern: aws.String(`{"source":["shop"]}`)}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: &busName, Targets: []ebtypes.Target{target}}); err != nil {
			t.Fatal(err)
		}
	}
	rule("start", "upgrades", ebtypes.Target{Id: aws.String("m"), Arn: &machine, RoleArn: aws.String(role), InputPath: aws.String("$.detail")})
	rule("forward", "default", ebtypes.Target{Id: aws.String("b"), Arn: bus.EventBusArn, RoleArn: aws.String(role)})
	event := func(busName string, n int) ebtypes.PutEventsRequestEntry {
		return ebtypes.PutEventsRequestEntry{EventBusName: &busName, Source: aws.String("shop"), DetailType: aws.String("d"), Detail: aws.String(fmt.Sprintf(`{"n":%d}`, n))}
	}
	out, err := c.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{event("upgrades", 1), event("default", 2), event("nothing", 3)}})
	if err != nil || out.FailedEntryCount != 1 {
		t.Fatalf("put = %+v, %v", out, err)
	}
	clk.Advance(3 * time.Second)
	got := strings.Join(inputs(), "; ")
	if !strings.Contains(got, `{"n":1}`) || !strings.Contains(got, `{"n":2}`) || strings.Count(got, ";") != 1 {
		t.Errorf("executions: %s", got)
	}
	names, err := c.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: bus.EventBusArn})
	if err != nil || len(names.RuleNames) != 1 || names.RuleNames[0] != "forward" {
		t.Errorf("rules of the bus = %v, %v", names, err)
	}
	_, err = c.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("upgrades")})
	wantCode(t, err, "ValidationException")
}

// schedules creates a schedule and returns what goes wrong.
func schedules(t *testing.T, w *World, name, expression, target string, change func(*scheduler.CreateScheduleInput)) error {
	t.Helper()
	in := &scheduler.CreateScheduleInput{Name: &name, ScheduleExpression: &expression, FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{Arn: &target, RoleArn: aws.String(role), Input: aws.String(`{"at":"<aws.scheduler.scheduled-time>"}`)}}
	if change != nil {
		change(in)
	}
	_, err := scheduler.NewFromConfig(w.AWSConfig()).CreateSchedule(t.Context(), in)
	return err
}

func TestSchedulesStartExecutions(t *testing.T) {
	for _, c := range []struct {
		name, expression string
		change           func(*scheduler.CreateScheduleInput)
		want             string
	}{
		{"once", "at(2026-08-01T14:30:00)", nil, `14:30:00 {"at":"2026-08-01T14:30:00Z"}`},
		{"once, in a time zone", "at(2026-08-01T16:30:00)", func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Berlin") }, `14:30:00 {"at":"2026-08-01T14:30:00Z"}`},
		{"a rate starts at once", "rate(2 hours)", nil, `12:00:00 {"at":"2026-08-01T12:00:00Z"}; 14:00:00 {"at":"2026-08-01T14:00:00Z"}`},
		{"from a start to an end", "cron(0 * * * ? *)", func(in *scheduler.CreateScheduleInput) {
			in.StartDate, in.EndDate = aws.Time(start.Add(90*time.Minute)), aws.Time(start.Add(3*time.Hour))
		}, `14:00:00 {"at":"2026-08-01T14:00:00Z"}`},
		{"disabled", "rate(1 hours)", func(in *scheduler.CreateScheduleInput) { in.State = schedulertypes.ScheduleStateDisabled }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, clk := newSyncWorld(t)
			machine, inputs := passing(t, w)
			if err := schedules(t, w, "s", c.expression, machine, c.change); err != nil {
				t.Fatal(err)
			}
			clk.Advance(3*time.Hour + 30*time.Minute)
			if got := strings.Join(inputs(), "; "); got != c.want {
				t.Errorf("executions: %s, want %s (undelivered %v)", got, c.want, w.Scheduler().Undelivered())
			}
		})
	}
}

func TestAFlexibleWindowSpreadsAndACompletedScheduleGoes(t *testing.T) {
	w, clk := newSyncWorld(t)
	machine, inputs := passing(t, w)
	if err := schedules(t, w, "s", "at(2026-08-01T13:00:00)", machine, func(in *scheduler.CreateScheduleInput) {
		in.FlexibleTimeWindow = &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(30)}
		in.ActionAfterCompletion = schedulertypes.ActionAfterCompletionDelete
	}); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	got := inputs()
	if len(got) != 1 || got[0] < "13:00:00" || got[0] > "13:30:00" || strings.HasPrefix(got[0], "13:00:00") {
		t.Errorf("executions: %v", got)
	}
	_, err := scheduler.NewFromConfig(w.AWSConfig()).GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: aws.String("s")})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestAScheduleRetriesWithinItsBounds(t *testing.T) {
	w, clk := newSyncWorld(t)
	machine, inputs := passing(t, w)
	bounded := func(in *scheduler.CreateScheduleInput) {
		in.Target.RetryPolicy = &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(2)}
	}
	w.Faults().Add(Fault{Service: "sfn", Operation: "StartExecution", Mode: Throttle, Count: 2})
	if err := schedules(t, w, "lucky", "at(2026-08-01T13:00:00)", machine, bounded); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	if got := inputs(); len(got) != 1 {
		t.Errorf("executions: %v, undelivered %v", got, w.Scheduler().Undelivered())
	}
	w.Faults().Add(Fault{Service: "sfn", Operation: "StartExecution", Mode: Throttle, Count: 3})
	if err := schedules(t, w, "unlucky", "at(2026-08-01T15:00:00)", machine, bounded); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	if got := inputs(); len(got) != 1 || len(w.Scheduler().Undelivered()) != 1 {
		t.Errorf("executions: %v, undelivered %v; want none after two retries", got, w.Scheduler().Undelivered())
	}
}

func TestUniversalTargetsCallAnyOperation(t *testing.T) {
	w, clk := newSyncWorld(t)
	if err := schedules(t, w, "put", "at(2026-08-01T13:00:00)", "arn:aws:scheduler:::aws-sdk:ssm:putParameter", func(in *scheduler.CreateScheduleInput) {
		in.Target.Input = aws.String(`{"Name":"/ran","Value":"<aws.scheduler.schedule-arn>","Type":"String"}`)
	}); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	got, err := ssmsdk.NewFromConfig(w.AWSConfig()).GetParameter(t.Context(), &ssmsdk.GetParameterInput{Name: aws.String("/ran")})
	if err != nil || *got.Parameter.Value != "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/put" {
		t.Errorf("parameter = %v, %v (undelivered %v)", got, err, w.Scheduler().Undelivered())
	}
}

func TestRefusedSchedules(t *testing.T) {
	w, _ := newSyncWorld(t)
	machine, _ := passing(t, w)
	for _, c := range []struct {
		name, expression, target, code string
		change                         func(*scheduler.CreateScheduleInput)
	}{
		{"expression", "every day", machine, "ValidationException", nil},
		{"time zone", "rate(1 hours)", machine, "ValidationException", func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Bonn") }},
		{"flexible window without length", "rate(1 hours)", machine, "ValidationException", func(in *scheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow.Mode = schedulertypes.FlexibleTimeWindowModeFlexible
		}},
		{"role", "rate(1 hours)", machine, "ValidationException", func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = aws.String("role") }},
		{"target", "rate(1 hours)", "arn:aws:kinesis:eu-west-1:123456789012:stream/s", "ValidationException", nil},
		{"universal target", "rate(1 hours)", "arn:aws:scheduler:::aws-sdk:ssm:fly", "ValidationException", nil},
		{"unknown parameter", "rate(1 hours)", "arn:aws:scheduler:::aws-sdk:ssm:putParameter", "ValidationException", nil},
		{"group", "rate(1 hours)", machine, "ResourceNotFoundException", func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("none") }},
		{"dates", "rate(1 hours)", machine, "ValidationException", func(in *scheduler.CreateScheduleInput) {
			in.StartDate, in.EndDate = aws.Time(start.Add(time.Hour)), aws.Time(start)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantCode(t, schedules(t, w, "s", c.expression, c.target, c.change), c.code)
		})
	}
	if err := schedules(t, w, "s", "rate(1 hours)", machine, nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, schedules(t, w, "s", "rate(2 hours)", machine, nil), "ConflictException")
}

func TestAScheduledMessageReachesATopic(t *testing.T) {
	w, clk := newSyncWorld(t)
	topic, err := sns.NewFromConfig(w.AWSConfig()).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	if err := schedules(t, w, "s", "at(2026-08-01T13:00:00)", *topic.TopicArn, func(in *scheduler.CreateScheduleInput) { in.Target.Input = nil }); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Hour)
	if m := w.SNS().Messages("alerts"); len(m) != 1 || !strings.Contains(m[0].Body, `"source":"aws.scheduler"`) {
		t.Errorf("messages = %+v", m)
	}
}
