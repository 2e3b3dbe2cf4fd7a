package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/statemachine"
)

// stack looks at the stack as a whole: one whose last update failed half way
// may have parts of two versions.
func (e *examination) stack(ctx context.Context) {
	if e.Stack == "" {
		return
	}
	const area = "stack"
	out, err := e.api.stack.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &e.Stack})
	if awserr.Is(err, "ValidationError") && strings.Contains(err.Error(), "does not exist") {
		e.add(area, e.Stack, Missing, "CloudFormation knows no stack of this name", "deploy the agent: make deploy; or name its stack")
		return
	}
	if err == nil && len(out.Stacks) != 1 {
		err = upgrade.KindAWSUnexpected.Errorf("describe stack "+e.Stack, "there are %d", len(out.Stacks))
	}
	if err != nil {
		e.failed(area, e.Stack, awserr.Wrap("describe stack "+e.Stack, err), "cloudformation:DescribeStacks", "arn:"+e.Names.Partition+":cloudformation:"+e.Names.Region+":"+e.Names.Account+":stack/"+e.Stack+"/*", deployAgain)
		return
	}
	for _, o := range out.Stacks[0].Outputs {
		if aws.ToString(o.OutputKey) == access.StreamOutput { // wss://<id>.execute-api...
			host := strings.TrimPrefix(aws.ToString(o.OutputValue), "wss://")
			e.Names.StreamAPI, _, _ = strings.Cut(host, ".")
		}
	}
	switch status := string(out.Stacks[0].StackStatus); status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
		e.ok(area, e.Stack, "%s", status)
	case "UPDATE_ROLLBACK_COMPLETE":
		e.add(area, e.Stack, Warning, status+": it is what it was before the last deployment", "see the stack's events, and "+deployAgain)
	default:
		e.add(area, e.Stack, Missing, status, "see the stack's events, and "+deployAgain)
	}
}

// functions looks at each function: that it can be called, acts by its role and
// reads its settings.
func (e *examination) functions(ctx context.Context) {
	const area = "functions"
	for _, f := range access.Functions() {
		out, err := e.api.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &f.Name})
		if err != nil {
			e.failed(area, f.Name, awserr.Wrap("look at function "+f.Name, err), "lambda:GetFunctionConfiguration", e.Names.Function(f.Name), deployAgain)
			continue
		}
		role, path := e.Names.Role(f.Name), ""
		if out.Environment != nil {
			path = out.Environment.Variables["EKS_UPGRADE_AGENT_CONFIG_PATH"]
		}
		switch {
		case out.State != "Active":
			e.add(area, f.Name, Missing, fmt.Sprintf("it is %s: %s", out.State, aws.ToString(out.StateReason)), deployAgain)
		case aws.ToString(out.Role) != role:
			e.add(area, f.Name, Missing, fmt.Sprintf("it acts by %s instead of %s", aws.ToString(out.Role), role), deployAgain)
		case path != access.ConfigPath:
			e.add(area, f.Name, Warning, fmt.Sprintf("it reads its settings from %q instead of %q", path, access.ConfigPath), deployAgain)
		default:
			e.ok(area, f.Name, "Active, %v, %s, code of %s", out.Architectures, out.Runtime, aws.ToString(out.LastModified))
		}
	}
}

// machines looks at the state machines: that they are the documents of this
// version, and that the alias by which they are started is there.
func (e *examination) machines(ctx context.Context) {
	const area = "state machines"
	for name, document := range map[string][]byte{access.UpgradeMachine: statemachine.Upgrade, access.FleetMachine: statemachine.Fleet} {
		arn := e.Names.StateMachine(name)
		out, err := e.api.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		if err != nil {
			e.failed(area, name, awserr.Wrap("look at state machine "+name, err), "states:DescribeStateMachine", arn, deployAgain)
			continue
		}
		switch {
		case out.Status != "ACTIVE":
			e.add(area, name, Missing, "it is "+string(out.Status), deployAgain)
		case aws.ToString(out.RoleArn) != e.Names.Role(access.MachineRole(name)):
			e.add(area, name, Missing, "it acts by "+aws.ToString(out.RoleArn), deployAgain)
		case !sameJSON([]byte(aws.ToString(out.Definition)), document):
			e.add(area, name, Warning, "its document is not that of this version of eks-upgrade", deployAgain+"; or use the eks-upgrade of the version that is deployed")
		default:
			e.ok(area, name, "ACTIVE, the document of this version")
		}
		live := e.Names.Live(name)
		alias, err := e.api.sfn.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &live})
		if err != nil {
			e.failed(area, name+":"+access.LiveAlias, awserr.Wrap("look at alias "+live, err), "states:DescribeStateMachineAlias", live, deployAgain)
			continue
		}
		var versions []string
		for _, r := range alias.RoutingConfiguration {
			versions = append(versions, fmt.Sprintf("%d %% to version %s", r.Weight, last(aws.ToString(r.StateMachineVersionArn), ":")))
		}
		e.ok(area, name+":"+access.LiveAlias, "%s", strings.Join(versions, ", "))
	}
	slices.SortStableFunc(e.report.Findings, func(a, b Finding) int { // a map has no order
		if a.Area != area || b.Area != area {
			return 0
		}
		return strings.Compare(a.What, b.What)
	})
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func last(text, separator string) string {
	return text[strings.LastIndex(text, separator)+len(separator):]
}
