package apigateway

import (
	"strings"

	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// identity is who signed a request.
type identity struct{ accessKey, account, caller, arn string }

// identify finds out who makes a call.
func (s *Service) identify(c *wire.Call) *identity {
	i := &identity{accessKey: c.AccessKeyID, account: s.o.Account}
	if s.o.Identity != nil {
		if i.arn, i.caller = s.o.Identity(c); i.arn != "" {
			return i
		}
	}
	out, err := s.o.Mux.Peek(&wire.Call{Context: c.Context, Service: "sts", Operation: "GetCallerIdentity", AccessKeyID: c.AccessKeyID}, &awssts.GetCallerIdentityInput{})
	if who, ok := out.(*awssts.GetCallerIdentityOutput); err == nil && ok {
		i.arn, i.caller, i.account = *who.Arn, *who.UserId, *who.Account
	}
	return i
}

// context is the identity in the requestContext of a HTTP API.
func (i *identity) context() map[string]any {
	return map[string]any{"accessKey": i.accessKey, "accountId": i.account, "callerId": i.caller, "cognitoIdentity": nil, "principalOrgId": nil, "userArn": i.arn, "userId": i.caller}
}

// user is the name at the end of the caller's ARN.
func (i *identity) user() string { return i.arn[strings.LastIndex(i.arn, "/")+1:] }
