package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// register adds a function in process: the tests of the API need no processes.
func (f *fixture) register(name string, handler any) {
	f.lambda.Register(name, handler, time.Minute)
}

func TestCreatedFunctionsArePendingThenActive(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	zip := zipped(t, "bootstrap", []byte("#!/bin/sh\n"), 0o755)
	out, err := f.CreateFunction(ctx, input("worker", zip))
	if err != nil {
		t.Fatal(err)
	}
	if out.State != types.StatePending || out.StateReasonCode != types.StateReasonCodeCreating || *out.Version != "$LATEST" || *out.FunctionArn != f.lambda.ARN("worker") ||
		out.CodeSize != int64(len(zip)) || *out.MemorySize != 128 || *out.Timeout != 3 || out.Architectures[0] != types.ArchitectureX8664 || *out.LastModified != "2026-08-01T12:00:00.000+0000" ||
		*out.EphemeralStorage.Size != 512 || out.TracingConfig.Mode != types.TracingModePassThrough || *out.LoggingConfig.LogGroup != "/aws/lambda/worker" {
		t.Errorf("%+v", out)
	}
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker")})
	wantError(t, err, "ResourceConflictException", "The function is currently in the following state: Pending", 409)
	_, err = f.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), Timeout: aws.Int32(9)})
	wantError(t, err, "ResourceConflictException", "state: Pending", 409)
	_, err = f.CreateFunction(ctx, input("worker", zip))
	wantError(t, err, "ResourceConflictException", "Function already exist: worker", 409)
	f.clock.Advance(2 * time.Second)
	got, err := f.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: out.FunctionArn})
	if err != nil || got.State != types.StateActive || got.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Fatalf("%+v, %v", got, err)
	}
	update, err := f.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), Timeout: aws.Int32(9), RevisionId: got.RevisionId})
	if err != nil || update.LastUpdateStatus != types.LastUpdateStatusInProgress || *update.Timeout != 9 || *update.RevisionId == *got.RevisionId {
		t.Fatalf("%+v, %v", update, err)
	}
	_, err = f.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("worker"), ZipFile: zip})
	wantError(t, err, "ResourceConflictException", "An update is in progress for resource: "+f.lambda.ARN("worker"), 409)
	f.clock.Advance(2 * time.Second)
	_, err = f.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("worker"), ZipFile: zip, RevisionId: got.RevisionId})
	wantError(t, err, "PreconditionFailedException", "The Revision Id provided does not match", 412)
	full, err := f.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("worker")})
	if err != nil || *full.Code.RepositoryType != "S3" || full.Configuration.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("%+v, %v", full, err)
	}
	digest := (*full.Code.Location)[strings.LastIndex(*full.Code.Location, "/")+1:]
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetPathValue("digest", digest)
	f.lambda.CodeHandler().ServeHTTP(rec, r)
	if data, err := io.ReadAll(rec.Body); err != nil || string(data) != string(zip) {
		t.Errorf("the code's location serves %d bytes, %v", len(data), err)
	}
	if _, err := f.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("worker")}); err != nil {
		t.Fatal(err)
	}
	_, err = f.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("worker")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:worker", 404)
}

func TestCodeComesInTheRequestOrFromS3(t *testing.T) {
	f := newFixture(t)
	f.create("worker", func(in *sdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{ZipFile: zipped(t, "bootstrap", bootstrap(t), 0o755)}
	})
	if got := f.call("worker", `{"Do":"count"}`); got != "1" {
		t.Error(got)
	}
	in := input("other", nil)
	in.Code = &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("none.zip")}
	_, err := f.CreateFunction(t.Context(), in)
	wantError(t, err, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.", 400)
}

func TestWhatCreateFunctionRefuses(t *testing.T) {
	f := newFixture(t)
	zip := zipped(t, "bootstrap", []byte("#!/bin/sh\n"), 0o755)
	for name, c := range map[string]struct {
		change     func(*sdk.CreateFunctionInput)
		code, part string
	}{
		"a name with a blank": {func(in *sdk.CreateFunctionInput) { in.FunctionName = aws.String("a b") }, "ValidationException", "Value 'a b' at 'functionName' failed to satisfy constraint"},
		"a long name":         {func(in *sdk.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("a", 65)) }, "ValidationException", "length less than or equal to 64"},
		"no runtime":          {func(in *sdk.CreateFunctionInput) { in.Runtime = "" }, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters"},
		"go1.x":               {func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimeGo1x }, "InvalidParameterValueException", "no longer supported"},
		"python":              {func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimePython312 }, "InvalidParameterValueException", "it has no python3.12"},
		"a role that is none": {func(in *sdk.CreateFunctionInput) { in.Role = aws.String("worker") }, "ValidationException", "'role'"},
		"too long a timeout":  {func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "ValidationException", "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		"too little memory":   {func(in *sdk.CreateFunctionInput) { in.MemorySize = aws.Int32(64) }, "ValidationException", "greater than or equal to 128"},
		"reserved variables": {func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x", "_HANDLER": "y", "OK": "z"}}
		}, "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION, _HANDLER"},
		"too many variables": {func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"BIG": strings.Repeat("x", 4096)}}
		}, "InvalidParameterValueException", "exceeded the 4KB limit"},
		"what is no zip":               {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = []byte("text") }, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		"a zip that leaves its folder": {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = zipped(t, "../bootstrap", []byte("x"), 0o755) }, "InvalidParameterValueException", "Could not unzip"},
		"an empty zip":                 {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = zipped(t, "bootstrap", nil, 0o755) }, "InvalidParameterValueException", "non-empty zip"},
		"no code":                      {func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{} }, "InvalidParameterValueException", "Please provide a source for function code."},
		"two sources": {func(in *sdk.CreateFunctionInput) {
			in.Code.S3Bucket, in.Code.S3Key = aws.String("bucket"), aws.String("key")
		}, "InvalidParameterValueException", "Please do not provide other FunctionCode parameters when providing a ZipFile."},
		"layers": {func(in *sdk.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:eu-west-1:123456789012:layer:l:1"}
		}, "InvalidParameterValueException", "no layers"},
		"dead letters to a bucket": {func(in *sdk.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:s3:::bucket")}
		}, "InvalidParameterValueException", "sends to sqs, sns only"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input("worker", zip)
			c.change(in)
			_, err := f.CreateFunction(t.Context(), in)
			wantError(t, err, c.code, c.part, 400)
		})
	}
}

func TestVersionsAndAliases(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	name := aws.String("worker")
	f.register("worker", func() (string, error) { return "one", nil })
	first, err := f.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name, Description: aws.String("the first")})
	if err != nil || *first.Version != "1" || *first.FunctionArn != f.lambda.ARN("worker")+":1" || *first.Description != "the first" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := f.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name}); err != nil || *again.Version != "1" {
		t.Errorf("what has not changed is not published again: %+v, %v", again, err)
	}
	_, err = f.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name, CodeSha256: aws.String("x")})
	wantError(t, err, "InvalidParameterValueException", "is different from current CodeSHA256 in $LATEST", 400)
	f.register("worker", func() (string, error) { return "two", nil })
	if _, err := f.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	alias, err := f.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	if err != nil || *alias.AliasArn != f.lambda.ARN("worker")+":live" {
		t.Fatalf("%+v, %v", alias, err)
	}
	for ref, want := range map[string]string{"worker": `"two"`, "worker:1": `"one"`, "worker:live": `"one"`, "worker:$LATEST": `"two"`, f.lambda.ARN("worker") + ":2": `"two"`, "123456789012:function:worker:live": `"one"`} {
		if got := f.call(ref, ""); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
	out, err := f.Invoke(ctx, &sdk.InvokeInput{FunctionName: name, Qualifier: aws.String("live")})
	if err != nil || *out.ExecutedVersion != "1" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: name, Qualifier: aws.String("none")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:worker:none", 404)
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker:1"), Qualifier: aws.String("2")})
	wantError(t, err, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.", 400)
	if _, err := f.UpdateAlias(ctx, &sdk.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}}}); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for range 200 {
		counts[f.call("worker:live", "")]++
	}
	if n := counts[`"two"`]; n < 30 || n > 70 {
		t.Errorf("a quarter of 200: %v", counts)
	}
	_, err = f.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	wantError(t, err, "ResourceConflictException", "referenced by alias live", 409)
	_, err = f.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("7"), FunctionVersion: aws.String("1")})
	wantError(t, err, "ValidationException", "at 'name'", 400)
	_, err = f.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("next"), FunctionVersion: aws.String("9")})
	wantError(t, err, "ResourceNotFoundException", ":worker:9", 404)
	_, err = f.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: name, Name: aws.String("next"), FunctionVersion: aws.String("$LATEST"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}}})
	wantError(t, err, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version", 400)
	if _, err := f.DeleteAlias(ctx, &sdk.DeleteAliasInput{FunctionName: name, Name: aws.String("live")}); err != nil {
		t.Fatal(err)
	}
	_, err = f.GetAlias(ctx, &sdk.GetAliasInput{FunctionName: name, Name: aws.String("live")})
	wantError(t, err, "ResourceNotFoundException", "Cannot find alias arn: arn:aws:lambda:eu-west-1:123456789012:function:worker:live", 404)
	versions, err := f.ListVersionsByFunction(ctx, &sdk.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(2)})
	if err != nil || len(versions.Versions) != 2 || versions.NextMarker == nil {
		t.Fatalf("%+v, %v", versions, err)
	}
	rest, err := f.ListVersionsByFunction(ctx, &sdk.ListVersionsByFunctionInput{FunctionName: name, Marker: versions.NextMarker})
	if err != nil || len(rest.Versions) != 1 || *rest.Versions[0].Version != "2" {
		t.Errorf("%+v, %v", rest, err)
	}
}

func TestAnUpdateTakesEffectWhenItIsDone(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.create("worker", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"COLOUR": "blue"}}
	})
	colour := func() string {
		got := f.call("worker", `{"Do":"environment"}`)
		_, after, _ := strings.Cut(got, `"COLOUR":"`)
		colour, _, _ := strings.Cut(after, `"`)
		return colour
	}
	if got := colour(); got != "blue" {
		t.Fatal(got)
	}
	if _, err := f.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("worker"), Environment: &types.Environment{Variables: map[string]string{"COLOUR": "green"}}}); err != nil {
		t.Fatal(err)
	}
	if got := colour(); got != "blue" {
		t.Errorf("before the update is done: %s", got)
	}
	f.clock.Advance(2 * time.Second)
	if got := colour(); got != "green" {
		t.Errorf("after it: %s", got)
	}
}

func TestListFunctionsInPages(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"a-b", "a", "c", "a_b"} {
		f.register(name, func() {})
	}
	var names []string
	pages := sdk.NewListFunctionsPaginator(f.Client, &sdk.ListFunctionsInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Functions {
			names = append(names, *c.FunctionName)
		}
	}
	if d := cmp.Diff([]string{"a", "a-b", "a_b", "c"}, names); d != "" {
		t.Error(d)
	}
}

func TestConcurrencyOfTheAccount(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.register("worker", func() {})
	_, err := f.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(901)})
	wantError(t, err, "InvalidParameterValueException", "below its minimum value of [100]", 400)
	if _, err := f.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("worker"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker")})
	wantError(t, err, "TooManyRequestsException", "Rate Exceeded.", 429)
	settings, err := f.GetAccountSettings(ctx, &sdk.GetAccountSettingsInput{})
	if err != nil || *settings.AccountLimit.UnreservedConcurrentExecutions != 1000 || settings.AccountUsage.FunctionCount != 1 {
		t.Errorf("%+v, %v", settings, err)
	}
	if _, err := f.DeleteFunctionConcurrency(ctx, &sdk.DeleteFunctionConcurrencyInput{FunctionName: aws.String("worker")}); err != nil {
		t.Fatal(err)
	}
	f.call("worker", "")
}

func TestPermissionsAndTags(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.register("worker", func() {})
	name := aws.String("worker")
	add := &sdk.AddPermissionInput{FunctionName: name, StatementId: aws.String("events"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:eu-west-1:123456789012:rule/r")}
	out, err := f.AddPermission(ctx, add)
	want := `{"Sid":"events","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:worker","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:eu-west-1:123456789012:rule/r"}}}`
	if err != nil || *out.Statement != want {
		t.Fatalf("%v, %v", aws.ToString(out.Statement), err)
	}
	_, err = f.AddPermission(ctx, add)
	wantError(t, err, "ResourceConflictException", "The statement id (events) provided already exists.", 409)
	policy, err := f.GetPolicy(ctx, &sdk.GetPolicyInput{FunctionName: name})
	if err != nil || *policy.Policy != `{"Version":"2012-10-17","Id":"default","Statement":[`+want+`]}` {
		t.Errorf("%+v, %v", policy, err)
	}
	_, err = f.RemovePermission(ctx, &sdk.RemovePermissionInput{FunctionName: name, StatementId: aws.String("none")})
	wantError(t, err, "ResourceNotFoundException", "Statement none is not found in resource policy.", 404)
	if _, err := f.RemovePermission(ctx, &sdk.RemovePermissionInput{FunctionName: name, StatementId: aws.String("events")}); err != nil {
		t.Fatal(err)
	}
	_, err = f.GetPolicy(ctx, &sdk.GetPolicyInput{FunctionName: name})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.", 404)
	arn := aws.String(f.lambda.ARN("worker"))
	if _, err := f.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := f.ListTags(ctx, &sdk.ListTagsInput{Resource: arn}); err != nil || fmt.Sprint(tags.Tags) != "map[b:2]" {
		t.Errorf("%+v, %v", tags, err)
	}
}

func TestWhatInvokeRefuses(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.register("worker", func(context.Context, any) error { return errors.New("never mind") })
	_, err := f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker"), Payload: []byte("{")})
	wantError(t, err, "InvalidRequestContentException", "Could not parse request body into json", 400)
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker"), Payload: []byte(`"` + strings.Repeat("x", 6<<20) + `"`)})
	wantError(t, err, "RequestTooLargeException", "6291458 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)", 413)
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)})
	wantError(t, err, "RequestTooLargeException", "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)", 413)
	_, err = f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("nobody"), InvocationType: types.InvocationTypeDryRun})
	wantError(t, err, "ResourceNotFoundException", "Function not found", 404)
	out, err := f.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("worker"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != 204 || len(out.Payload) != 0 {
		t.Errorf("dry run: %+v, %v", out, err)
	}
}
