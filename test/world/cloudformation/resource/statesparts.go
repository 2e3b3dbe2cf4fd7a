package resource

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

type machineVersion struct {
	Description            *string
	StateMachineArn        string `cfn:"required"`
	StateMachineRevisionId *string
}

type machineAlias struct {
	DeploymentPreference *struct {
		Alarms                 []string
		Interval               *int32
		Percentage             *int32
		StateMachineVersionArn string `cfn:"required"`
		Type                   string `cfn:"required"`
	}
	Description          *string
	Name                 *string
	RoutingConfiguration []struct {
		StateMachineVersionArn string `cfn:"required"`
		Weight                 int32  `cfn:"required"`
	}
}

// routes are the versions of an alias. A deployment preference other than all
// at once shifts over time, which is not simulated.
func (p *machineAlias) routes() ([]types.RoutingConfigurationListItem, error) {
	if d := p.DeploymentPreference; d != nil {
		if d.Type != "ALL_AT_ONCE" {
			return nil, refuse("DeploymentPreference/Type " + d.Type)
		}
		return []types.RoutingConfigurationListItem{{StateMachineVersionArn: &d.StateMachineVersionArn, Weight: 100}}, nil
	}
	var out []types.RoutingConfigurationListItem
	for _, r := range p.RoutingConfiguration {
		out = append(out, types.RoutingConfigurationListItem{StateMachineVersionArn: &r.StateMachineVersionArn, Weight: r.Weight})
	}
	return out, nil
}

func init() {
	register(definition[machineVersion]{
		name: "AWS::StepFunctions::StateMachineVersion", replace: []string{"Description", "StateMachineArn", "StateMachineRevisionId"}, attributes: []string{"Arn"},
		create: func(x *Context, p *machineVersion) (string, error) {
			out, err := invoke[sfn.PublishStateMachineVersionOutput](x, &sfn.PublishStateMachineVersionInput{StateMachineArn: &p.StateMachineArn, Description: p.Description, RevisionId: p.StateMachineRevisionId})
			if err != nil {
				return "", err
			}
			return *out.StateMachineVersionArn, nil
		},
		read: func(_ *Context, id string, _ *machineVersion) (State, error) {
			return State{Attributes: map[string]any{"Arn": id}}, nil
		},
		remove: func(x *Context, id string, _ *machineVersion) error {
			return do(x, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: &id})
		},
	}, definition[machineAlias]{
		name: "AWS::StepFunctions::StateMachineAlias", nameProperty: "Name", replace: []string{"Name"}, attributes: []string{"Arn"}, takes: 3 * time.Second,
		create: func(x *Context, p *machineAlias) (string, error) {
			routes, err := p.routes()
			if err != nil {
				return "", err
			}
			out, err := invoke[sfn.CreateStateMachineAliasOutput](x, &sfn.CreateStateMachineAliasInput{Name: x.Or(p.Name, 80), Description: p.Description, RoutingConfiguration: routes})
			if err != nil {
				return "", err
			}
			return *out.StateMachineAliasArn, nil
		},
		read: func(_ *Context, id string, _ *machineAlias) (State, error) {
			return State{Attributes: map[string]any{"Arn": id}}, nil
		},
		update: func(x *Context, id string, _, p *machineAlias) error {
			routes, err := p.routes()
			if err != nil {
				return err
			}
			return do(x, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: &id, Description: aws.String(aws.ToString(p.Description)), RoutingConfiguration: routes})
		},
		remove: func(x *Context, id string, _ *machineAlias) error {
			return do(x, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: &id})
		},
	})
}
