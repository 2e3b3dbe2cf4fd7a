package eks

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// clusterIssue is what EKS says about an issue of a cluster, and the error that
// an update of the control plane ends with while the issue lasts; "" when it
// does not stop updates.
type clusterIssue struct {
	message string
	failure types.ErrorCode
}

// clusterIssues are all issues that EKS knows. Source: EKS User Guide, "Learn
// how to view the health of a cluster" (cluster health FAQs and error codes).
var clusterIssues = map[types.ClusterIssueCode]clusterIssue{
	types.ClusterIssueCodeAccessDenied:                {"EKS does not have the permissions that it needs to manage the cluster.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeClusterUnreachable:          {"EKS could not reach the Kubernetes API server of the cluster.", types.ErrorCodeClusterUnreachable},
	types.ClusterIssueCodeConfigurationConflict:       {"A change of the cluster conflicts with its configuration.", types.ErrorCodeConfigurationConflict},
	types.ClusterIssueCodeInternalFailure:             {"An internal failure happened in EKS.", types.ErrorCodeUnknown},
	types.ClusterIssueCodeResourceLimitExceeded:       {"A quota of the account was exceeded.", types.ErrorCodeEniLimitReached},
	types.ClusterIssueCodeResourceNotFound:            {"We couldn't find a resource that the cluster needs.", types.ErrorCodeUnknown},
	types.ClusterIssueCodeIamRoleNotFound:             {"We couldn't find the IAM role associated with your cluster.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeVpcNotFound:                 {"We couldn't find the VPC associated with your cluster.", types.ErrorCodeVpcIdNotFound},
	types.ClusterIssueCodeInsufficientFreeAddresses:   {"One or more of the subnets associated with your cluster does not have enough available IP addresses for EKS to perform cluster management operations.", types.ErrorCodeIpNotAvailable},
	types.ClusterIssueCodeEc2ServiceNotSubscribed:     {"Your account is not subscribed to Amazon EC2.", types.ErrorCodeOperationNotPermitted},
	types.ClusterIssueCodeEc2SubnetNotFound:           {"We couldn't find one or more subnets associated with your cluster.", types.ErrorCodeSubnetNotFound},
	types.ClusterIssueCodeEc2SecurityGroupNotFound:    {"We couldn't find the security group associated with your cluster.", types.ErrorCodeSecurityGroupNotFound},
	types.ClusterIssueCodeKmsGrantRevoked:             {"The grant of the KMS key associated with your cluster was revoked.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeKmsKeyNotFound:              {"We couldn't find the KMS key associated with your cluster.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeKmsKeyMarkedForDeletion:     {"The KMS key associated with your cluster is marked for deletion.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeKmsKeyDisabled:              {"The KMS key associated with your cluster is disabled.", types.ErrorCodeAccessDenied},
	types.ClusterIssueCodeStsRegionalEndpointDisabled: {"The regional endpoint of AWS STS is disabled for your account.", types.ErrorCodeOperationNotPermitted},
	types.ClusterIssueCodeUnsupportedVersion:          {"The Kubernetes version of the cluster is not supported any more.", ""},
	types.ClusterIssueCodeOther:                       {"There is an issue with your cluster.", ""},
}

// SetHealth replaces a cluster's health issues; without issues it is healthy.
// What is empty gets a value: EKS's message and the cluster's name as the
// resource. While they last, updates of the control plane fail, except with
// UnsupportedVersion and Other; with ClusterUnreachable, insights that need the
// Kubernetes API are UNKNOWN. A code that EKS does not know is an error.
func (s *Service) SetHealth(cluster string, issues ...types.ClusterIssue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(&cluster)
	if err != nil {
		return err
	}
	health := &types.ClusterHealth{Issues: []types.ClusterIssue{}}
	for _, i := range issues {
		known, ok := clusterIssues[i.Code]
		if !ok {
			return fmt.Errorf("eks: %q is no code of a cluster issue", i.Code)
		}
		if i.Message == nil {
			i.Message = ptr(known.message)
		}
		if len(i.ResourceIds) == 0 {
			i.ResourceIds = []string{cluster}
		}
		health.Issues = append(health.Issues, i)
	}
	c.Health = health
	return nil
}

// healthFailure returns the error that the cluster's health gives an update.
func (c *cluster) healthFailure() *types.ErrorDetail {
	for _, i := range c.Health.Issues {
		if code := clusterIssues[i.Code].failure; code != "" {
			return &types.ErrorDetail{ErrorCode: code, ErrorMessage: i.Message, ResourceIds: i.ResourceIds}
		}
	}
	return nil
}

func (c *cluster) unreachable() bool {
	for _, i := range c.Health.Issues {
		if i.Code == types.ClusterIssueCodeClusterUnreachable {
			return true
		}
	}
	return false
}
