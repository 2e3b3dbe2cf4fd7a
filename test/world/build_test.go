package world

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscb "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/codebuild"
)

func TestABuildRunsWithinAStateMachine(t *testing.T) {
	clk, err := clock.NewFast(start, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var held, holds atomic.Int32
	w, err := New(Options{Clock: clk, Hold: func() func() {
		holds.Add(1)
		held.Add(1)
		release := clk.Hold()
		return func() { held.Add(-1); release() }
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	builds := codebuild.New(codebuild.Options{Clock: clk, Account: w.Account(), Region: w.Region()})
	defer builds.Close()
	w.Mux().Register("codebuild", builds)
	cb := awscb.NewFromConfig(w.AWSConfig())
	if _, err := cb.CreateProject(t.Context(), &awscb.CreateProjectInput{Name: aws.String("proj"), ServiceRole: aws.String("arn:aws:iam::123456789012:role/b"),
		Source:    &cbtypes.ProjectSource{Type: cbtypes.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nphases:\n  build:\n    commands:\n      - exit $CODE\n")},
		Artifacts: &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
		Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeLinuxContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/standard:7.0"),
			EnvironmentVariables: []cbtypes.EnvironmentVariable{{Name: aws.String("CODE"), Value: aws.String("0")}}},
	}); err != nil {
		t.Fatal(err)
	}
	c := sfn.NewFromConfig(w.AWSConfig())
	run := func(code int) *sfn.DescribeExecutionOutput {
		definition := fmt.Sprintf(`{"QueryLanguage":"JSONata","StartAt":"B","States":{"B":{"Type":"Task","Resource":"arn:aws:states:::codebuild:startBuild.sync","TimeoutSeconds":3600,
			"Arguments":{"ProjectName":"proj","EnvironmentVariablesOverride":[{"Name":"CODE","Value":"%d"}]},"Output":"{%% $states.result.Build.BuildStatus %%}","End":true}}}`, code)
		m, err := c.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String(fmt.Sprintf("m%d", code)), Definition: &definition, RoleArn: aws.String("arn:aws:iam::1:role/r")})
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
		if err != nil {
			t.Fatal(err)
		}
		x, _ := w.StepFunctions().Execution(*e.ExecutionArn)
		<-x.Done()
		return describe(t, c, *e.ExecutionArn)
	}
	if d := run(0); d.Status != sfntypes.ExecutionStatusSucceeded || *d.Output != `"SUCCEEDED"` {
		t.Errorf("good build: %s %s %s", d.Status, aws.ToString(d.Output), aws.ToString(d.Cause))
	}
	if d := run(3); aws.ToString(d.Error) != "States.TaskFailed" || !strings.Contains(aws.ToString(d.Cause), `"BuildStatus":"FAILED"`) {
		t.Errorf("failed build: %s %s %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause))
	}
	for _, call := range w.Calls() {
		if call.Operation == "BatchGetBuilds" {
			t.Error("looking after the build was recorded as a call")
		}
	}
	before := holds.Load()
	done := make(chan int32, 1)
	w.Lambda().Register("f", func() { done <- held.Load() }, time.Minute)
	execution := `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,"Parameters":{"FunctionName":"f"},"End":true}}}`
	_, arn := execute(t, w, execution)
	if during := <-done; during != 1 || holds.Load() != before+1 {
		t.Errorf("the clock had %d holds during the invocation", during)
	}
	x, _ := w.StepFunctions().Execution(arn)
	<-x.Done()
}
