package awsstate

import (
	"errors"

	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// prefixes of IAM's actions, by the SDK's name of a service.
var prefixes = map[string]string{"EKS": "eks", "EC2": "ec2", "Auto Scaling": "autoscaling", "Service Quotas": "servicequotas"}

// wrap wraps an error of AWS; one for want of a permission names the action that
// IAM has to allow.
func wrap(op string, err error) error {
	err = awserr.Wrap(op, err)
	var own *upgrade.Error
	var call *smithy.OperationError
	if errors.As(err, &own) && own.Code == upgrade.CodePermissionDenied && errors.As(err, &call) && prefixes[call.ServiceID] != "" {
		return own.WithRemedy("allow " + prefixes[call.ServiceID] + ":" + call.OperationName + " in an IAM policy of the role or user that looks")
	}
	return err
}
