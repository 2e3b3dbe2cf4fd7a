package stepfunctions_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// mocked gives a test a mocked result.
func mocked(result string) func(*sfn.TestStateInput) {
	return func(in *sfn.TestStateInput) { in.Mock = &types.MockInput{Result: &result} }
}

func mockedError(in *sfn.TestStateInput) {
	in.Mock = &types.MockInput{ErrorOutput: &types.MockErrorOutput{Error: aws.String("MockException"), Cause: aws.String("mocked")}}
}

func TestTestStateRefusesInAWSsWords(t *testing.T) {
	h := newHarness(t)
	const (
		aPass     = `{"Type":"Pass","End":true}`
		aMap      = `{"Type":"Map","ItemProcessor":` + pass + `,"End":true}`
		aParallel = `{"Type":"Parallel","Branches":[` + pass + `],"End":true}`
		aLambda   = `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true}`
		aStart    = `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"m"},"End":true}`
		aGet      = `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:getObject","Parameters":{"Bucket":"b","Key":"k"},"End":true}`
		unmocked  = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
	)
	for name, c := range map[string]struct {
		definition    string
		change        func(*sfn.TestStateInput)
		code, message string
	}{
		"a Map without a mock":      {aMap, nil, "InvalidDefinition", unmocked},
		"a Parallel without a mock": {aParallel, nil, "InvalidDefinition", unmocked},
		"a Pass with a mock":        {aPass, mocked(`{}`), "ValidationException", "State type 'Pass' is not supported when a mock is specified"},
		"result and error":          {aLambda, func(in *sfn.TestStateInput) { mockedError(in); in.Mock.Result = aws.String("{}") }, "ValidationException", "A test mock should have only one of the following fields: [result, errorOutput]."},
		"secrets of a mock":         {aLambda, func(in *sfn.TestStateInput) { mocked("{}")(in); in.RevealSecrets = true }, "ValidationException", "TestState does not support RevealSecrets when a mock is specified."},
		"a Map's result":            {aMap, mocked(`{}`), "ValidationException", "Mocked result must be an array."},
		"a Parallel's result":       {aParallel, mocked(`[1,2]`), "ValidationException", "Mocked result must contain the same number of items as number of Parallel branches."},
		"a required member":         {aStart, mocked(`{"StartDate":"2026-08-01T12:00:00Z"}`), "ValidationException", "Mock result schema validation error: Required field 'ExecutionArn' is missing"},
		"a date that is a number":   {aStart, mocked(`{"ExecutionArn":"a","StartDate":1}`), "ValidationException", "Mock result schema validation error: Field 'StartDate' must be a string"},
		"a code that is a text":     {aLambda, mocked(`{"StatusCode":"200"}`), "ValidationException", "Mock result schema validation error: Field 'StatusCode' must be a number"},
		"an enumeration":            {aGet, mocked(`{"StorageClass":"WARM"}`), "ValidationException", "Mock result schema validation error: Field 'StorageClass' is not an expected value"},
		"a length":                  {aGet, mocked(`{"ContentLength":"7"}`), "ValidationException", "Mock result schema validation error: Field 'ContentLength' must be a number"},
		"no validation": {aGet, func(in *sfn.TestStateInput) {
			mocked(`{"ContentLength":"7"}`)(in)
			in.Mock.FieldValidationMode = types.MockResponseValidationModeNone
		}, "", ""},
		"only what is there": {aStart, func(in *sfn.TestStateInput) {
			mocked(`{}`)(in)
			in.Mock.FieldValidationMode = types.MockResponseValidationModePresent
		}, "", ""},
		"a member beyond the model":    {aLambda, mocked(`{"random":"json"}`), "", ""},
		"a state that is not there":    {pass, func(in *sfn.TestStateInput) { in.StateName = aws.String("Q") }, "ValidationException", "State not found in definition"},
		"a definition that is invalid": {`{"Type":"Wait","End":true}`, nil, "InvalidDefinition", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sfn.TestStateInput{Definition: &c.definition, RoleArn: aws.String(role)}
			if c.change != nil {
				c.change(in)
			}
			_, err := h.sfn.TestState(t.Context(), in)
			check(t, err, c.code, c.message)
		})
	}
}

func TestTestState(t *testing.T) {
	h := newHarness(t)
	h.function("echo", echo)
	for name, c := range map[string]struct {
		definition, input string
		change            func(*sfn.TestStateInput)
		want              sfn.TestStateOutput
	}{
		"a Pass": {`{"Type":"Pass","Result":{"a":1},"Next":"B"}`, `{}`, nil,
			sfn.TestStateOutput{Status: types.TestExecutionStatusSucceeded, Output: aws.String(`{"a":1}`), NextState: aws.String("B")}},
		"a Fail": {`{"Type":"Fail","Error":"E","Cause":"C"}`, `{}`, nil,
			sfn.TestStateOutput{Status: types.TestExecutionStatusFailed, Error: aws.String("E"), Cause: aws.String("C")}},
		"a Choice": {`{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":1,"Next":"One"}],"Default":"Other"}`, `{"n":1}`, nil,
			sfn.TestStateOutput{Status: types.TestExecutionStatusSucceeded, Output: aws.String(`{"n":1}`), NextState: aws.String("One")}},
		"a real task": {`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"echo","Payload.$":"$"},"OutputPath":"$.Payload","End":true}`, `{"n":1}`, nil,
			sfn.TestStateOutput{Status: types.TestExecutionStatusSucceeded, Output: aws.String(`{"n":1}`)}},
		"a mocked callback": {`{"Type":"Task","Resource":"arn:aws:states:::sns:publish.waitForTaskToken","Parameters":{"TopicArn":"t","Message.$":"$$.Task.Token"},"End":true}`, `{}`, mocked(`{"ok":true}`),
			sfn.TestStateOutput{Status: types.TestExecutionStatusSucceeded, Output: aws.String(`{"ok":true}`)}},
		"an error that is caught": {`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Catch":[{"ErrorEquals":["MockException"],"Next":"Caught"}],"End":true}`, `{}`, mockedError,
			sfn.TestStateOutput{Status: types.TestExecutionStatusCaughtError, Error: aws.String("MockException"), Cause: aws.String("mocked"), NextState: aws.String("Caught"), Output: aws.String(`{"Error":"MockException","Cause":"mocked"}`)}},
		"an error that is tried again": {`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}`, `{}`, mockedError,
			sfn.TestStateOutput{Status: types.TestExecutionStatusRetriable, Error: aws.String("MockException"), Cause: aws.String("mocked")}},
		"a state of a machine, with a variable": {`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},"B":{"Type":"Pass","Output":"{% $x + 1 %}","End":true}}}`, `{}`,
			func(in *sfn.TestStateInput) { in.StateName, in.Variables = aws.String("B"), aws.String(`{"x":41}`) },
			sfn.TestStateOutput{Status: types.TestExecutionStatusSucceeded, Output: aws.String("42")}},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sfn.TestStateInput{Definition: &c.definition, Input: &c.input, RoleArn: aws.String(role)}
			if c.change != nil {
				c.change(in)
			}
			out, err := h.sfn.TestState(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if out.Status != c.want.Status || aws.ToString(out.Error) != aws.ToString(c.want.Error) || aws.ToString(out.Cause) != aws.ToString(c.want.Cause) ||
				aws.ToString(out.NextState) != aws.ToString(c.want.NextState) || aws.ToString(out.Output) != aws.ToString(c.want.Output) && !sameJSON(aws.ToString(out.Output), aws.ToString(c.want.Output)) {
				t.Errorf("%s %s %s: %s -> %s", out.Status, aws.ToString(out.Output), aws.ToString(out.Error), aws.ToString(out.Cause), aws.ToString(out.NextState))
			}
			if out.InspectionData != nil {
				t.Errorf("inspection data at the level INFO: %+v", out.InspectionData)
			}
		})
	}
}

func TestTestStateShowsTheFlowOfData(t *testing.T) {
	h := newHarness(t)
	out, err := h.sfn.TestState(t.Context(), &sfn.TestStateInput{
		Definition: aws.String(`{"Type":"Pass","InputPath":"$.a","Parameters":{"p.$":"$.b"},"ResultPath":"$.r","Next":"N"}`),
		Input:      aws.String(`{"a":{"b":1}}`), InspectionLevel: types.InspectionLevelDebug})
	if err != nil {
		t.Fatal(err)
	}
	d := out.InspectionData
	for name, pair := range map[string][2]string{
		"input": {aws.ToString(d.Input), `{"a":{"b":1}}`}, "afterInputPath": {aws.ToString(d.AfterInputPath), `{"b":1}`},
		"afterParameters": {aws.ToString(d.AfterParameters), `{"p":1}`}, "afterResultPath": {aws.ToString(d.AfterResultPath), `{"a":{"b":1},"r":{"p":1}}`},
	} {
		if !sameJSON(pair[0], pair[1]) {
			t.Errorf("%s = %s, want %s", name, pair[0], pair[1])
		}
	}
}
