package resource

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

type functionVersion struct {
	CodeSha256                   *string
	Description                  *string
	FunctionName                 string `cfn:"required"`
	ProvisionedConcurrencyConfig any
	RuntimePolicy                any
}

type functionAlias struct {
	Description                  *string
	FunctionName                 string `cfn:"required"`
	FunctionVersion              string `cfn:"required"`
	Name                         string `cfn:"required"`
	ProvisionedConcurrencyConfig any
	RoutingConfig                *struct {
		AdditionalVersionWeights []struct {
			FunctionVersion string  `cfn:"required"`
			FunctionWeight  float64 `cfn:"required"`
		}
	}
}

func (p *functionAlias) routing() *types.AliasRoutingConfiguration {
	out := &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	if p.RoutingConfig != nil {
		for _, w := range p.RoutingConfig.AdditionalVersionWeights {
			out.AdditionalVersionWeights[w.FunctionVersion] = w.FunctionWeight
		}
	}
	return out
}

type permission struct {
	Action                string `cfn:"required"`
	EventSourceToken      *string
	FunctionName          string `cfn:"required"`
	FunctionUrlAuthType   types.FunctionUrlAuthType
	InvokedViaFunctionUrl *bool
	Principal             string `cfn:"required"`
	PrincipalOrgID        *string
	SourceAccount         *string
	SourceArn             *string
}

type eventInvokeConfig struct {
	DestinationConfig        *types.DestinationConfig
	FunctionName             string `cfn:"required"`
	MaximumEventAgeInSeconds *int32
	MaximumRetryAttempts     *int32
	Qualifier                string `cfn:"required"`
}

func init() {
	register(definition[functionVersion]{
		name: "AWS::Lambda::Version", replace: []string{"CodeSha256", "Description", "FunctionName"}, attributes: []string{"FunctionArn", "Version"},
		create: func(x *Context, p *functionVersion) (string, error) {
			if p.ProvisionedConcurrencyConfig != nil || p.RuntimePolicy != nil {
				return "", refuse("ProvisionedConcurrencyConfig and RuntimePolicy")
			}
			out, err := invoke[lambda.PublishVersionOutput](x, &lambda.PublishVersionInput{FunctionName: &p.FunctionName, CodeSha256: p.CodeSha256, Description: p.Description})
			if err != nil {
				return "", err
			}
			return *out.FunctionArn, nil
		},
		read: func(_ *Context, id string, _ *functionVersion) (State, error) {
			return State{Attributes: map[string]any{"FunctionArn": id, "Version": lastOf(id, ":")}}, nil
		},
		remove: func(x *Context, id string, _ *functionVersion) error {
			return do(x, &lambda.DeleteFunctionInput{FunctionName: &id})
		},
	}, definition[functionAlias]{
		name: "AWS::Lambda::Alias", nameProperty: "Name", replace: []string{"FunctionName", "Name"}, attributes: []string{"AliasArn"},
		create: func(x *Context, p *functionAlias) (string, error) {
			if p.ProvisionedConcurrencyConfig != nil {
				return "", refuse("ProvisionedConcurrencyConfig")
			}
			out, err := invoke[lambda.CreateAliasOutput](x, &lambda.CreateAliasInput{FunctionName: &p.FunctionName, FunctionVersion: &p.FunctionVersion, Name: &p.Name, Description: p.Description, RoutingConfig: p.routing()})
			if err != nil {
				return "", err
			}
			return *out.AliasArn, nil
		},
		read: func(_ *Context, id string, _ *functionAlias) (State, error) {
			return State{Attributes: map[string]any{"AliasArn": id}}, nil
		},
		update: func(x *Context, _ string, _, p *functionAlias) error {
			return do(x, &lambda.UpdateAliasInput{FunctionName: &p.FunctionName, FunctionVersion: &p.FunctionVersion, Name: &p.Name, Description: aws.String(aws.ToString(p.Description)), RoutingConfig: p.routing()})
		},
		remove: func(x *Context, _ string, p *functionAlias) error {
			return do(x, &lambda.DeleteAliasInput{FunctionName: &p.FunctionName, Name: &p.Name})
		},
	}, definition[permission]{
		name: "AWS::Lambda::Permission", attributes: []string{"Id"},
		replace: []string{"Action", "EventSourceToken", "FunctionName", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "Principal", "PrincipalOrgID", "SourceAccount", "SourceArn"},
		create: func(x *Context, p *permission) (string, error) {
			id := x.Name(100)
			return made(id, do(x, &lambda.AddPermissionInput{StatementId: &id, FunctionName: &p.FunctionName, Action: &p.Action, Principal: &p.Principal, EventSourceToken: p.EventSourceToken,
				FunctionUrlAuthType: p.FunctionUrlAuthType, InvokedViaFunctionUrl: p.InvokedViaFunctionUrl, PrincipalOrgID: p.PrincipalOrgID, SourceAccount: p.SourceAccount, SourceArn: p.SourceArn}))
		},
		read: func(_ *Context, id string, _ *permission) (State, error) {
			return State{Attributes: map[string]any{"Id": id}}, nil
		},
		remove: func(x *Context, id string, p *permission) error {
			return do(x, &lambda.RemovePermissionInput{FunctionName: &p.FunctionName, StatementId: &id})
		},
	}, definition[eventInvokeConfig]{
		name: "AWS::Lambda::EventInvokeConfig", replace: []string{"FunctionName", "Qualifier"},
		create: func(x *Context, p *eventInvokeConfig) (string, error) {
			return made(strings.Join([]string{p.FunctionName, p.Qualifier}, "|"), p.put(x))
		},
		update: func(x *Context, _ string, _, p *eventInvokeConfig) error { return p.put(x) },
		remove: func(x *Context, _ string, p *eventInvokeConfig) error {
			return do(x, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &p.FunctionName, Qualifier: &p.Qualifier})
		},
	})
}

func (p *eventInvokeConfig) put(x *Context) error {
	return do(x, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &p.FunctionName, Qualifier: &p.Qualifier, DestinationConfig: p.DestinationConfig,
		MaximumEventAgeInSeconds: p.MaximumEventAgeInSeconds, MaximumRetryAttempts: p.MaximumRetryAttempts})
}
