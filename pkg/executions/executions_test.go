package executions_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/executions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// starter may start executions and not look at them.
type starter struct{ executions.StepFunctions }

func (starter) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	machine := strings.TrimSuffix(strings.Replace(*in.StateMachineArn, ":stateMachine:", ":execution:", 1), ":live")
	return &sfn.StartExecutionOutput{ExecutionArn: aws.String(machine + ":" + *in.Name)}, nil
}

func (starter) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not states:DescribeExecution"}
}

type account struct{}

func (account) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012"), Arn: aws.String("arn:aws:iam::123456789012:user/ada")}, nil
}

// Nobody must take an upgrade that runs for one that was not started.
func TestWhatWasStartedAndCannotBeSeenIsNamed(t *testing.T) {
	client, err := executions.New(t.Context(), starter{}, account{}, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Start(t.Context(), executions.Upgrade, "shop", []byte("{}"))
	if upgrade.CodeOf(err) != upgrade.CodePermissionDenied || !strings.Contains(err.Error(), "arn:aws:states:eu-west-1:123456789012:execution:eks-upgrade:shop was started, but cannot be looked at") {
		t.Error(err)
	}
}
