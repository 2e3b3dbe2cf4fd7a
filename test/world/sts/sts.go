// Package sts simulates the AWS Security Token Service, and what Amazon EKS
// makes of its presigned GetCallerIdentity requests: logins to Kubernetes.
package sts

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Service is STS.
type Service struct{ account, secret string }

// New returns STS of an account whose access keys all have the same secret.
func New(account, secret string) *Service { return &Service{account, secret} }

// CallerARN is the identity behind an access key: every key is a session of
// one role, as the keys of the simulated account need no registration.
func (s *Service) CallerARN(accessKey string) string {
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/eks-upgrade/%s", s.account, accessKey)
}

// GetCallerIdentity implements the API operation.
func (s *Service) GetCallerIdentity(c *wire.Call, _ *awssts.GetCallerIdentityInput) (*awssts.GetCallerIdentityOutput, error) {
	return &awssts.GetCallerIdentityOutput{
		Account: aws.String(s.account), Arn: aws.String(s.CallerARN(c.AccessKeyID)), UserId: aws.String("AROAWORLD:" + c.AccessKeyID),
	}, nil
}
