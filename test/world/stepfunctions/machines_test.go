package stepfunctions_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestCreateStateMachineIsIdempotentButForWhatItChecks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sfn.CreateStateMachineInput)
		code   string
	}{
		"the same":                {func(*sfn.CreateStateMachineInput) {}, ""},
		"another role is ignored": {func(in *sfn.CreateStateMachineInput) { in.RoleArn = aws.String(role + "2") }, ""},
		"other tags are ignored": {func(in *sfn.CreateStateMachineInput) {
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
		}, ""},
		"logging off is the default": {func(in *sfn.CreateStateMachineInput) {
			in.LoggingConfiguration = &types.LoggingConfiguration{Level: types.LogLevelOff}
		}, ""},
		"another layout of the text": {func(in *sfn.CreateStateMachineInput) { in.Definition = aws.String(pass + " ") }, "StateMachineAlreadyExists"},
		"another type":               {express, "StateMachineAlreadyExists"},
		"tracing": {func(in *sfn.CreateStateMachineInput) {
			in.TracingConfiguration = &types.TracingConfiguration{Enabled: true}
		}, "StateMachineAlreadyExists"},
		"publishing": {func(in *sfn.CreateStateMachineInput) { in.Publish = true }, "StateMachineAlreadyExists"},
		"encryption": {func(in *sfn.CreateStateMachineInput) {
			in.EncryptionConfiguration = &types.EncryptionConfiguration{Type: types.EncryptionTypeCustomerManagedKmsKey, KmsKeyId: aws.String("k")}
		}, "StateMachineAlreadyExists"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			arn := h.create("m", pass)
			in := &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: aws.String(pass), RoleArn: aws.String(role)}
			c.change(in)
			h.clk.Advance(60e9)
			out, err := h.sfn.CreateStateMachine(t.Context(), in)
			check(t, err, c.code, "")
			if err == nil && (*out.StateMachineArn != arn || !out.CreationDate.Equal(start)) {
				t.Errorf("answer = %s, %v", *out.StateMachineArn, out.CreationDate)
			}
		})
	}
}

func TestCreateStateMachineRefusesInAWSsWords(t *testing.T) {
	h := newHarness(t)
	if _, err := h.logs.CreateLogGroup(&wire.Call{}, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("group")}); err != nil {
		t.Fatal(err)
	}
	group := func(name string) []types.LogDestination {
		return []types.LogDestination{{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:" + name + ":*")}}}
	}
	logging := func(l types.LoggingConfiguration) func(*sfn.CreateStateMachineInput) {
		return func(in *sfn.CreateStateMachineInput) { in.LoggingConfiguration = &l }
	}
	definition := func(text string) func(*sfn.CreateStateMachineInput) {
		return func(in *sfn.CreateStateMachineInput) { in.Definition = &text }
	}
	for name, c := range map[string]struct {
		change        func(*sfn.CreateStateMachineInput)
		code, message string
	}{
		"a name with a blank": {func(in *sfn.CreateStateMachineInput) { in.Name = aws.String("a b") }, "InvalidName", "Invalid Name: 'a b'"},
		"a name that is long": {func(in *sfn.CreateStateMachineInput) { in.Name = aws.String(strings.Repeat("x", 81)) }, "ValidationException",
			"1 validation error detected: Value '" + strings.Repeat("x", 81) + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"},
		"no states":           {definition(`{"StartAt":"A"}`), "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"},
		"a role that is none": {func(in *sfn.CreateStateMachineInput) { in.RoleArn = aws.String("me") }, "InvalidArn", "Invalid Role Arn: 'me'"},
		"a description of no version": {func(in *sfn.CreateStateMachineInput) { in.VersionDescription = aws.String("v") }, "ValidationException",
			"Version description can only be set when publish is true"},
		"logs without a destination": {logging(types.LoggingConfiguration{Level: types.LogLevelAll}), "InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination."},
		"two log destinations": {logging(types.LoggingConfiguration{Level: types.LogLevelAll, Destinations: append(group("group"), group("group")...)}), "InvalidLoggingConfiguration",
			"Invalid Logging Configuration: Must specify exactly one Log Destination."},
		"a log group that is missing": {logging(types.LoggingConfiguration{Level: types.LogLevelAll, Destinations: group("other")}), "InvalidLoggingConfiguration", "Invalid Logging Configuration: Log Destination not found."},
		"a log group that is there":   {logging(types.LoggingConfiguration{Level: types.LogLevelAll, Destinations: group("group")}), "", ""},
		"too many tags": {func(in *sfn.CreateStateMachineInput) {
			for i := range 51 {
				in.Tags = append(in.Tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
			}
		}, "TooManyTags", ""},
		"a key without its id": {func(in *sfn.CreateStateMachineInput) {
			in.EncryptionConfiguration = &types.EncryptionConfiguration{Type: types.EncryptionTypeCustomerManagedKmsKey}
		}, "InvalidEncryptionConfiguration", ""},
		"an action that AWS does not have": {definition(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sns:shout","End":true}}}`), "InvalidDefinition",
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::sns:shout is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/T/Resource'"},
		"a field that the action does not have": {definition(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{"TableName":"t","Key":{},"Colour":"red"},"End":true}}}`), "InvalidDefinition",
			`Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The field "Colour" is not supported by Step Functions at /States/T/Parameters'`},
		"a field that is missing": {definition(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload.$":"$"},"End":true}}}`), "InvalidDefinition",
			`Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The field "FunctionName" is required but was missing at /States/T/Parameters'`},
		"a service that the world lacks is AWS's all the same": {definition(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q"},"End":true}}}`), "", ""},
		"a callback in an Express workflow": {func(in *sfn.CreateStateMachineInput) {
			express(in)
			in.Definition = aws.String(`{"StartAt":"Publish","States":{"Publish":{"Type":"Task","Resource":"arn:aws:states:::sns:publish.waitForTaskToken","Parameters":{"TopicArn":"t","Message":"m"},"End":true}}}`)
		}, "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/Publish/Resource'"},
		"a job in an Express workflow": {func(in *sfn.CreateStateMachineInput) {
			express(in)
			in.Definition = aws.String(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"a"},"End":true}}}`)
		}, "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration at /States/S/Resource'"},
		"an activity in an Express workflow": {func(in *sfn.CreateStateMachineInput) {
			express(in)
			in.Definition = aws.String(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"` + prefix + `activity:a","End":true}}}`)
		}, "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/A/Resource'"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sfn.CreateStateMachineInput{Name: aws.String(strings.ReplaceAll(name, " ", "-")), Definition: aws.String(pass), RoleArn: aws.String(role)}
			c.change(in)
			_, err := h.sfn.CreateStateMachine(t.Context(), in)
			check(t, err, c.code, c.message)
		})
	}
}

func TestRequestsThatTheSDKWouldNotSend(t *testing.T) {
	h := newHarness(t)
	for name, c := range map[string]struct{ operation, body, message string }{
		"no name":     {"CreateStateMachine", `{"definition":"{}","roleArn":"r"}`, "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		"a bad type":  {"CreateStateMachine", `{"name":"m","definition":"{}","roleArn":"r","type":"FAST"}`, "1 validation error detected: Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"},
		"a long list": {"ListStateMachines", `{"maxResults":1001}`, "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := h.post(c.operation, c.body)
			if status != 400 || !strings.HasSuffix(out["__type"].(string), "ValidationException") || out["message"] != c.message {
				t.Errorf("%d %v", status, out)
			}
		})
	}
}

func TestUpdateMakesARevisionWhenSomethingChanges(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", pass)
	describe := func() *sfn.DescribeStateMachineOutput {
		out, err := h.sfn.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	d := describe()
	if d.RevisionId != nil || d.Status != types.StateMachineStatusActive || d.Type != types.StateMachineTypeStandard ||
		!reflect.DeepEqual(d.LoggingConfiguration, &types.LoggingConfiguration{Level: types.LogLevelOff}) || d.TracingConfiguration.Enabled {
		t.Errorf("after creation: %+v", d)
	}
	_, err := h.sfn.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn})
	check(t, err, "MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	change := func(definition string) *sfn.UpdateStateMachineOutput {
		out, err := h.sfn.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: &definition})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := change(pass); out.RevisionId != nil {
		t.Errorf("the same definition made the revision %s", *out.RevisionId)
	}
	first := change(failing)
	if again := change(failing); aws.ToString(again.RevisionId) != *first.RevisionId {
		t.Errorf("the same definition made the revision %v after %s", again.RevisionId, *first.RevisionId)
	}
	if second := change(waiting); *second.RevisionId == *first.RevisionId || *describe().RevisionId != *second.RevisionId {
		t.Errorf("revisions: %s, then %s", *first.RevisionId, *second.RevisionId)
	}
}

func TestVersions(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.create("m", pass, func(in *sfn.CreateStateMachineInput) {
		in.Publish, in.VersionDescription = true, aws.String("the first")
	})
	publish := func(revision *string) (string, error) {
		out, err := h.sfn.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: &arn, RevisionId: revision, Description: aws.String("d")})
		if err != nil {
			return "", err
		}
		return *out.StateMachineVersionArn, nil
	}
	if v, err := publish(aws.String("INITIAL")); err != nil || v != arn+":1" {
		t.Errorf("the same revision again: %s, %v", v, err)
	}
	u, err := h.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: aws.String(failing), Publish: true})
	if err != nil || *u.StateMachineVersionArn != arn+":2" {
		t.Fatalf("update = %+v, %v", u, err)
	}
	_, err = publish(aws.String("INITIAL"))
	check(t, err, "ConflictException", "Failed to publish the State Machine version for revision INITIAL. The current State Machine revision is "+*u.RevisionId+".")
	d, err := h.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(arn + ":1")})
	if err != nil || *d.Definition != pass || *d.StateMachineArn != arn+":1" || aws.ToString(d.Description) != "the first" || *d.Name != "m" {
		t.Errorf("version 1 = %+v, %v", d, err)
	}
	_, err = h.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(arn + ":3")})
	check(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+arn+":3'")
	list := func() (names []string) {
		out, err := h.sfn.ListStateMachineVersions(ctx, &sfn.ListStateMachineVersionsInput{StateMachineArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.StateMachineVersions {
			names = append(names, strings.TrimPrefix(*v.StateMachineVersionArn, arn))
		}
		return names
	}
	if got := list(); !reflect.DeepEqual(got, []string{":2", ":1"}) {
		t.Errorf("versions = %v", got)
	}
	for range 2 { // deleting what is gone is no error
		if _, err := h.sfn.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: aws.String(arn + ":2")}); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := publish(nil); err != nil || v != arn+":3" {
		t.Errorf("after a deletion: %s, %v; numbers are not used twice", v, err)
	}
}

func TestAliases(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.create("m", pass, func(in *sfn.CreateStateMachineInput) { in.Publish = true })
	if _, err := h.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: aws.String(failing), Publish: true}); err != nil {
		t.Fatal(err)
	}
	route := func(pairs ...any) (list []types.RoutingConfigurationListItem) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, types.RoutingConfigurationListItem{StateMachineVersionArn: aws.String(arn + pairs[i].(string)), Weight: int32(pairs[i+1].(int))})
		}
		return list
	}
	for name, c := range map[string]struct {
		alias         string
		routes        []types.RoutingConfigurationListItem
		code, message string
	}{
		"one version":      {"live", route(":1", 100), "", ""},
		"the same again":   {"live", route(":1", 100), "", ""},
		"a name of digits": {"123", route(":1", 100), "ValidationException", `1 validation error detected: Value '123' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`},
		"a sum of 99":      {"a", route(":1", 70, ":2", 29), "ValidationException", "Sum of routing configuration weights must equal 100. Received: [70, 29]"},
		"a weight of 101":  {"a", route(":1", 101), "ValidationException", "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100"},
		"one version twice": {"a", route(":1", 50, ":1", 50), "ValidationException",
			"Routing configuration must contain distinct state machine version ARNs. Received: [" + arn + ":1, " + arn + ":1]"},
		"no version":                {"a", route("", 100), "ValidationException", "Routing configuration must contain state machine version ARNs. Received: [" + arn + "]"},
		"a version that is missing": {"a", route(":7", 100), "ResourceNotFound", "Request references a resource that does not exist."},
		"three versions":            {"a", route(":1", 50, ":2", 30, ":3", 20), "ValidationException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.sfn.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: &c.alias, RoutingConfiguration: c.routes})
			check(t, err, c.code, c.message)
		})
	}
	if _, err := h.sfn.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: route(":1", 100)}); err != nil {
		t.Fatal(err)
	}
	_, err := h.sfn.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: aws.String("live"), RoutingConfiguration: route(":2", 100)})
	check(t, err, "ConflictException", "Failed to create alias because an alias with the same name and a different routing configuration already exists.")
	_, err = h.sfn.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: aws.String(arn + ":1")})
	check(t, err, "ConflictException", "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]")
	if _, err := h.sfn.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: aws.String(arn + ":live"), RoutingConfiguration: route(":1", 75, ":2", 25)}); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for i := range 200 {
		d := h.describe(h.run(arn+":live", fmt.Sprint("run", i), ""))
		if aws.ToString(d.StateMachineAliasArn) != arn+":live" || *d.StateMachineArn != arn {
			t.Fatalf("execution = %+v", d)
		}
		got[strings.TrimPrefix(*d.StateMachineVersionArn, arn)]++
	}
	if got[":1"] < 130 || got[":1"] > 170 || got[":1"]+got[":2"] != 200 {
		t.Errorf("of 200 executions by 75 to 25: %v", got)
	}
	byVersion, err := h.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(arn + ":2"), MaxResults: 1000})
	if err != nil || len(byVersion.Executions) != got[":2"] {
		t.Errorf("of version 2: %d executions, %v", len(byVersion.Executions), err)
	}
	_, err = h.sfn.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: aws.String(arn + ":none"), Description: aws.String("d")})
	check(t, err, "ResourceNotFound", "Request references a resource that does not exist.")
	if _, err := h.sfn.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: aws.String(arn + ":live")}); err != nil {
		t.Error(err)
	}
	list, err := h.sfn.ListStateMachineAliases(ctx, &sfn.ListStateMachineAliasesInput{StateMachineArn: &arn})
	if err != nil || len(list.StateMachineAliases) != 0 {
		t.Errorf("aliases = %v, %v", list, err)
	}
}

func TestADeletedMachineEndsItsExecutionsAtTheirNextTransition(t *testing.T) {
	h := newHarness(t)
	arn := h.create("m", waiting)
	run := h.run(arn, "run", "")
	for range 2 {
		if _, err := h.sfn.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := h.sfn.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	if err != nil || d.Status != types.StateMachineStatusDeleting {
		t.Fatalf("status = %v, %v", d, err)
	}
	_, err = h.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn})
	check(t, err, "StateMachineDeleting", "")
	h.clk.Advance(3600e9)
	if d := h.describe(run); d.Status != types.ExecutionStatusAborted {
		t.Errorf("status = %s", d.Status)
	}
	_, err = h.sfn.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	check(t, err, "StateMachineDoesNotExist", "")
	if _, err := h.sfn.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &arn}); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestARNs(t *testing.T) {
	h := newHarness(t)
	for arn, want := range map[string][2]string{
		"no-arn":                                 {"InvalidArn", "Invalid Arn: 'Invalid ARN prefix: no-arn'"},
		prefix + "stateMachine:none":             {"StateMachineDoesNotExist", "State Machine Does Not Exist: '" + prefix + "stateMachine:none'"},
		prefix + "execution:m:run":               {"InvalidArn", "Invalid Arn: 'Resource type not valid in this context: execution'"},
		"arn:aws:sns:eu-west-1:1:stateMachine:m": {"InvalidArn", ""},
	} {
		_, err := h.sfn.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		check(t, err, want[0], want[1])
	}
	for arn, want := range map[string][2]string{
		"no-arn":                        {"InvalidArn", "Invalid Arn: 'Invalid ARN prefix: no-arn'"},
		prefix + "execution:m:none":     {"ExecutionDoesNotExist", "Execution Does Not Exist: '" + prefix + "execution:m:none'"},
		prefix + "express:m:run:abc":    {"InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'"},
		prefix + "execution:m/Map:none": {"ExecutionDoesNotExist", ""},
	} {
		_, err := h.sfn.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		check(t, err, want[0], want[1])
		_, err = h.sfn.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
		check(t, err, want[0], want[1])
	}
}

func TestTags(t *testing.T) {
	h := newHarness(t)
	ctx := t.Context()
	arn := h.create("m", pass, func(in *sfn.CreateStateMachineInput) {
		in.Publish, in.Tags = true, []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}
	})
	if _, err := h.sfn.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("b"), Value: aws.String("3")}}}); err != nil {
		t.Fatal(err)
	}
	list := func() (got []string) {
		out, err := h.sfn.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range out.Tags {
			got = append(got, *tag.Key+"="+*tag.Value)
		}
		return got
	}
	if got := list(); !reflect.DeepEqual(got, []string{"a=", "b=3"}) {
		t.Errorf("tags = %v", got)
	}
	if _, err := h.sfn.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"b", "none"}}); err != nil {
		t.Fatal(err)
	}
	if got := list(); !reflect.DeepEqual(got, []string{"a="}) {
		t.Errorf("tags = %v", got)
	}
	_, err := h.sfn.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: aws.String(arn + ":1"), Tags: []types.Tag{}})
	check(t, err, "ResourceNotFound", "Resource not found: '"+arn+":1'")
}

func TestListsArePagedAndSorted(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{"c", "a", "b"} {
		h.create(name, pass)
	}
	var got []string
	p := sfn.NewListStateMachinesPaginator(h.sfn, &sfn.ListStateMachinesInput{MaxResults: 2})
	pages := 0
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, m := range out.StateMachines {
			got = append(got, *m.Name)
		}
	}
	if pages != 2 || strings.Join(got, "") != "abc" {
		t.Errorf("%d pages: %v", pages, got)
	}
	_, err := h.sfn.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{NextToken: aws.String("7")})
	check(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
}

func TestValidateStateMachineDefinition(t *testing.T) {
	h := newHarness(t)
	for name, c := range map[string]struct {
		definition, want string
		kind             types.StateMachineType
	}{
		"a valid one":  {pass, "OK", ""},
		"no text":      {"", "FAIL SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object", ""},
		"no start":     {`{"States":{"P":{"Type":"Pass","End":true}}}`, "FAIL SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /", ""},
		"Express rule": {`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true}}}`, "FAIL SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/S/Resource", types.StateMachineTypeExpress},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := h.sfn.ValidateStateMachineDefinition(t.Context(), &sfn.ValidateStateMachineDefinitionInput{Definition: &c.definition, Type: c.kind})
			if err != nil {
				t.Fatal(err)
			}
			got := string(out.Result)
			for _, d := range out.Diagnostics {
				got += " " + *d.Code + ": " + *d.Message
				if d.Location != nil {
					got += " at " + *d.Location
				}
			}
			if got != c.want || *out.Truncated {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}
