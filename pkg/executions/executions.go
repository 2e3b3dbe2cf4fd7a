// Package executions starts upgrades and finds them again: each is an execution
// of a state machine, and its name is the upgrade's id.
package executions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// The state machines.
const (
	Upgrade = access.UpgradeMachine
	Fleet   = access.FleetMachine
)

// StepFunctions is what this package needs of Step Functions.
type StepFunctions interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

// STS says which account this is.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Client works with the executions of one account and region.
type Client struct {
	api    StepFunctions
	prefix string // arn:<partition>:states:<region>:<account>:
	place  string // for people
}

// New returns the client of the caller's account.
func New(ctx context.Context, api StepFunctions, identity STS, region string) (*Client, error) {
	const op = "find the state machines"
	if region == "" {
		return nil, upgrade.KindInvalidInput.Field(op, "region", "is missing", "set AWS_REGION or the region of your profile")
	}
	who, err := identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, awserr.Wrap(op, err)
	}
	caller, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return nil, upgrade.KindUnexpected.Errorf(op, "%w", err)
	}
	return &Client{api: api, prefix: fmt.Sprintf("arn:%s:states:%s:%s:", caller.Partition, region, aws.ToString(who.Account)),
		place: "account " + aws.ToString(who.Account) + ", region " + region}, nil
}

// Execution is one run of a state machine.
type Execution struct {
	Name      string       `json:"name"`
	Machine   string       `json:"machine"`
	ARN       string       `json:"arn"`
	Status    string       `json:"status"` // of Step Functions: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, PENDING_REDRIVE
	StartedAt upgrade.Time `json:"startedAt"`
	StoppedAt upgrade.Time `json:"stoppedAt,omitzero"`
	State     string       `json:"state,omitempty"` // the state that was entered last
	Input     string       `json:"input,omitempty"`
	Output    string       `json:"output,omitempty"`
	Error     string       `json:"error,omitempty"`
	Cause     string       `json:"cause,omitempty"`
}

// Running reports whether the execution goes on.
func (e Execution) Running() bool {
	return e.Status == string(types.ExecutionStatusRunning) || e.Status == string(types.ExecutionStatusPendingRedrive)
}

// executionName is what Step Functions takes (API reference, StartExecution)
// without the characters that would have to be quoted in a shell.
var executionName = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,80}$`)

// CheckName checks the name of an execution.
func CheckName(name string) error {
	if !executionName.MatchString(name) {
		return upgrade.KindInvalidInput.Field("", "name", fmt.Sprintf("%q is no name of an execution", name),
			"give 1 to 80 letters, digits, dots, hyphens or underscores")
	}
	return nil
}

// NameOf derives the name of an upgrade's execution from its cluster, target
// and day (UTC): starting the same upgrade twice finds the one that runs.
func NameOf(r upgrade.Request, now time.Time) string {
	suffix := fmt.Sprintf("-%s-%s", strings.ReplaceAll(r.Target.String(), ".", "-"), now.UTC().Format("20060102"))
	return r.Cluster[:min(len(r.Cluster), 80-len(suffix))] + suffix
}

// Start starts an execution of the live version of a machine, or finds the one
// that runs under this name with the same input. A name that was used for
// something else, or for an execution that has ended, is a Conflict.
func (c *Client) Start(ctx context.Context, machine, name string, input []byte) (Execution, error) {
	op := "start " + machine
	if err := CheckName(name); err != nil {
		return Execution{}, err
	}
	out, err := c.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(c.prefix + "stateMachine:" + machine + ":" + access.LiveAlias), Name: &name, Input: aws.String(string(input))})
	var exists *types.ExecutionAlreadyExists
	var missing *types.StateMachineDoesNotExist
	switch {
	case errors.As(err, &exists):
		return Execution{}, upgrade.KindExecutionExists.Errorf(op, "an execution named %s exists, with another input or at its end", name).
			WithRemedy("look at it with eks-upgrade status " + name + ", or give another --name")
	case errors.As(err, &missing):
		return Execution{}, upgrade.KindAgentMissing.Errorf(op, "there is no state machine %s in %s", machine, c.place).
			WithRemedy("deploy the agent, or choose the region and the account where it is: AWS_REGION, AWS_PROFILE")
	case err != nil:
		return Execution{}, awserr.Wrap(op, err)
	}
	e, err := c.Get(ctx, aws.ToString(out.ExecutionArn))
	if err != nil {
		return Execution{}, fmt.Errorf("%s was started, but cannot be looked at: %w", aws.ToString(out.ExecutionArn), err)
	}
	return e, nil
}

// Get returns an execution by its ARN, or by its name: that of an upgrade, or
// of a fleet's upgrade when there is no such upgrade.
func (c *Client) Get(ctx context.Context, nameOrARN string) (Execution, error) {
	op := "look at execution " + nameOrARN
	candidates := []string{nameOrARN}
	if !arn.IsARN(nameOrARN) {
		if err := CheckName(nameOrARN); err != nil {
			return Execution{}, err
		}
		candidates = []string{c.prefix + "execution:" + Upgrade + ":" + nameOrARN, c.prefix + "execution:" + Fleet + ":" + nameOrARN}
	}
	for _, candidate := range candidates {
		out, err := c.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &candidate})
		var missing *types.ExecutionDoesNotExist
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return Execution{}, awserr.Wrap(op, err)
		}
		e := Execution{Name: aws.ToString(out.Name), Machine: machineOf(aws.ToString(out.StateMachineArn)), ARN: candidate, Status: string(out.Status), StartedAt: upgrade.At(aws.ToTime(out.StartDate)),
			Input: aws.ToString(out.Input), Output: aws.ToString(out.Output), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)}
		if out.StopDate != nil {
			e.StoppedAt = upgrade.At(*out.StopDate)
		}
		e.State, err = c.state(ctx, candidate)
		return e, err
	}
	return Execution{}, upgrade.KindExecutionMissing.Errorf(op, "there is none in %s", c.place).
		WithRemedy("list them with eks-upgrade status; Step Functions forgets them 90 days after their end")
}

// state returns the name of the state that was entered last.
func (c *Client) state(ctx context.Context, execution string) (string, error) {
	pages := sfn.NewGetExecutionHistoryPaginator(c.api, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, ReverseOrder: true, IncludeExecutionData: aws.Bool(false), MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", awserr.Wrap("read the history of "+execution, err)
		}
		for _, e := range page.Events {
			if e.StateEnteredEventDetails != nil {
				return aws.ToString(e.StateEnteredEventDetails.Name), nil
			}
		}
	}
	return "", nil
}

// List returns the newest executions of a machine, at most limit, the newest
// first. status "" means all.
func (c *Client) List(ctx context.Context, machine, status string, limit int) ([]Execution, error) {
	out := []Execution{}
	pages := sfn.NewListExecutionsPaginator(c.api, &sfn.ListExecutionsInput{StateMachineArn: aws.String(c.prefix + "stateMachine:" + machine), StatusFilter: types.ExecutionStatus(status)})
	for pages.HasMorePages() && len(out) < limit {
		page, err := pages.NextPage(ctx)
		var missing *types.StateMachineDoesNotExist
		if errors.As(err, &missing) {
			return nil, upgrade.KindAgentMissing.Errorf("list executions", "there is no state machine %s in %s", machine, c.place).
				WithRemedy("deploy the agent, or choose the region and the account where it is: AWS_REGION, AWS_PROFILE")
		}
		if err != nil {
			return nil, awserr.Wrap("list executions of "+machine, err)
		}
		for _, e := range page.Executions {
			next := Execution{Name: aws.ToString(e.Name), Machine: machine, ARN: aws.ToString(e.ExecutionArn), Status: string(e.Status), StartedAt: upgrade.At(aws.ToTime(e.StartDate))}
			if e.StopDate != nil {
				next.StoppedAt = upgrade.At(*e.StopDate)
			}
			out = append(out, next)
		}
	}
	return out[:min(len(out), limit)], nil
}

// machineOf returns the name of a state machine by its ARN.
func machineOf(machine string) string {
	parts := strings.Split(machine, ":")
	if len(parts) < 7 {
		return machine
	}
	return parts[6]
}
