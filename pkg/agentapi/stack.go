package agentapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// CloudFormation knows the outputs.
type CloudFormation interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
}

// Output returns an output of the agent's stack.
func Output(ctx context.Context, api CloudFormation, stack, name string) (string, error) {
	op := "read output " + name + " of stack " + stack
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		if awserr.Is(err, "ValidationError") { // that is how CloudFormation says that there is none
			return "", upgrade.KindAPINotFound.Errorf(op, "%w", err).WithRemedy("choose the region and the account where the agent is (AWS_REGION, AWS_PROFILE), or give the address: --url")
		}
		return "", awserr.Wrap(op, err)
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == name && aws.ToString(o.OutputValue) != "" {
				return *o.OutputValue, nil
			}
		}
	}
	return "", upgrade.KindAPINotFound.Field(op, "", "there is no such output", "give the address: --url")
}
