package apigateway

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Account is what the version 1 API says of the account: the role by which API
// Gateway writes logs.
type Account struct{ s *Service }

// Account returns the operations of the version 1 API that are simulated.
func (s *Service) Account() Account { return Account{s} }

// GetAccount shows the account's settings.
func (a Account) GetAccount(_ *wire.Call, _ *v1.GetAccountInput) (*v1.GetAccountOutput, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return project[v1.GetAccountOutput](a.shown()), nil
}

func (a Account) shown() v1.UpdateAccountOutput {
	out := v1.UpdateAccountOutput{ApiKeyVersion: ptr("4"), Features: []string{"UsagePlans"}, ThrottleSettings: &types.ThrottleSettings{BurstLimit: accountBurst, RateLimit: accountRate}}
	if a.s.role != "" {
		out.CloudwatchRoleArn = ptr(a.s.role)
	}
	return out
}

// UpdateAccount sets or removes the role: an operation on /cloudwatchRoleArn.
func (a Account) UpdateAccount(_ *wire.Call, in *v1.UpdateAccountInput) (*v1.UpdateAccountOutput, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for _, p := range in.PatchOperations {
		path, value := aws.ToString(p.Path), aws.ToString(p.Value)
		switch {
		case path != "/cloudwatchRoleArn":
			return nil, refuse("Invalid patch path '%s' specified for op '%s'. Must be one of: [/cloudwatchRoleArn, /features]", path, p.Op)
		case p.Op == types.OpRemove || p.Op == types.OpReplace && value == "":
			a.s.role = ""
		case p.Op != types.OpReplace && p.Op != types.OpAdd:
			return nil, refuse("Invalid patch operation specified. Must be one of: [add, remove, replace]")
		case !roleARN.MatchString(value):
			return nil, refuse("The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.")
		default:
			a.s.role = value
		}
	}
	return ptr(a.shown()), nil
}
