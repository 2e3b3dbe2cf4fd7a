package iam

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	awseb "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/authz"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// unlocks reports whether an action lets the account's administrator out of a
// policy that refuses everybody: on AWS the root user may do these always.
func unlocks(action string) bool {
	switch action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		return true
	}
	return false
}

// policyOf is the policy of the resource that a permission is about: a bucket,
// a function, a topic, a queue or a key; nil when it has none.
func (j *Judge) policyOf(need authz.Need) *policy.Source {
	parts := strings.SplitN(need.Resource, ":", 7)
	if len(parts) < 6 {
		return nil
	}
	text := ""
	switch service := parts[2]; {
	case service == "s3":
		bucket, _, _ := strings.Cut(parts[5], "/")
		text = peek(j, "s3", "GetBucketPolicy", &awss3.GetBucketPolicyInput{Bucket: &bucket}, func(out *awss3.GetBucketPolicyOutput) *string { return out.Policy })
	case service == "lambda" && parts[5] == "function":
		text = peek(j, "lambda", "GetPolicy", &awslambda.GetPolicyInput{FunctionName: &need.Resource}, func(out *awslambda.GetPolicyOutput) *string { return out.Policy })
	case service == "sns" && len(parts) == 6:
		text = peek(j, "sns", "GetTopicAttributes", &awssns.GetTopicAttributesInput{TopicArn: &need.Resource}, func(out *awssns.GetTopicAttributesOutput) *string {
			p := out.Attributes["Policy"]
			return &p
		})
	case service == "sqs" && len(parts) == 6:
		address := "https://sqs/" + parts[4] + "/" + parts[5]
		text = peek(j, "sqs", "GetQueueAttributes", &awssqs.GetQueueAttributesInput{QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy}},
			func(out *awssqs.GetQueueAttributesOutput) *string {
				p := out.Attributes["Policy"]
				return &p
			})
	case service == "events" && strings.HasPrefix(parts[5], "event-bus/"):
		text = peek(j, "eventbridge", "DescribeEventBus", &awseb.DescribeEventBusInput{Name: &need.Resource}, func(out *awseb.DescribeEventBusOutput) *string { return out.Policy })
	case service == "kms" && strings.HasPrefix(parts[5], "key/"):
		text = peek(j, "kms", "GetKeyPolicy", &awskms.GetKeyPolicyInput{KeyId: &need.Resource}, func(out *awskms.GetKeyPolicyOutput) *string { return out.Policy })
	}
	if text == "" {
		return nil
	}
	d, err := policy.Parse(text, policy.Resource)
	if err != nil { // the services take none that cannot be read; one that could would allow nothing
		d = &policy.Document{}
	}
	return &policy.Source{ID: need.Resource, Type: policy.ResourceBased, Document: d}
}

// peek asks a service for a policy; "" when there is none.
func peek[In, Out any](j *Judge, service, operation string, in *In, text func(*Out) *string) string {
	answer, err := j.mux.Peek(&wire.Call{Context: context.Background(), Service: service, Operation: operation, Region: j.region}, in)
	out, ok := answer.(*Out)
	if err != nil || !ok || text(out) == nil {
		return ""
	}
	return *text(out)
}

// trusts reports whether a role exists and a service may assume it.
func (j *Judge) trusts(role, service string, context policy.Context) bool {
	trust := j.iam.trustOf(role)
	if trust == nil {
		return false
	}
	d := policy.Decide(policy.Set{Resource: trust, ResourceDecides: true},
		policy.Request{Action: "sts:AssumeRole", Resource: role, Principal: policy.Principal{Service: service}, Context: context})
	return d.Allowed
}

// assumed refuses a call of a service by a role that does not let it.
func (j *Judge) assumed(c *wire.Call) error {
	context := j.globals(c, caller{principal: policy.Principal{Service: c.Principal}, source: c.SourceArn}, nil)
	if j.trusts(c.Role, c.Principal, context) {
		return nil
	}
	return &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden,
		Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Principal, c.Role)}
}

// assumable refuses to hand over a role that is not there, or that does not
// trust the service that is to assume it: these operations look at once.
func (j *Judge) assumable(c *wire.Call, in any, need authz.Need) error {
	by, looks := unassumable[c.Service+"."+c.Operation]
	if cluster, ok := in.(*awseks.CreateClusterInput); ok && (cluster.RoleArn == nil || *cluster.RoleArn != need.Resource) {
		looks = false // the role of its nodes
	}
	if !looks {
		return nil
	}
	context := policy.Context{}
	context.Set("aws:SourceAccount", j.account)
	// What the role is handed over to has no ARN that the judge could tell; a
	// trust policy that asks for one is judged when the service calls.
	if j.trusts(need.Resource, by.principal, context) || j.asksForSource(need.Resource) {
		return nil
	}
	return &wire.Error{Code: by.code, Message: strings.ReplaceAll(by.message, "{role}", need.Resource)}
}

// asksForSource reports whether a role's trust depends on the resource that it
// is used by.
func (j *Judge) asksForSource(role string) bool {
	trust := j.iam.trustOf(role)
	if trust == nil {
		return false
	}
	for _, key := range trust.Document.ContextKeys() {
		if strings.EqualFold(key, "aws:SourceArn") {
			return true
		}
	}
	return false
}

// refusal is how an operation refuses a role that principal may not assume.
type refusal struct{ principal, code, message string }

var (
	noLambda    = refusal{"lambda.amazonaws.com", "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."}
	noStates    = refusal{"states.amazonaws.com", "AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role."}
	noScheduler = refusal{"scheduler.amazonaws.com", "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."}
	noCodeBuild = refusal{"codebuild.amazonaws.com", "InvalidInputException", "CodeBuild is not authorized to perform: sts:AssumeRole on {role}"}
	noEvents    = refusal{"events.amazonaws.com", "ValidationException", "Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'."}
	noEKS       = refusal{"eks.amazonaws.com", "InvalidParameterException", "Role with arn: {role}, could not be assumed because it does not exist or the trusted entity is not correct"}
	noNodes     = refusal{"ec2.amazonaws.com", "InvalidParameterException", "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole {role}"}
)

// unassumable are the operations that look at a role's trust, with the words of
// AWS's refusals.
var unassumable = map[string]refusal{
	"lambda.CreateFunction": noLambda, "lambda.UpdateFunctionConfiguration": noLambda, "sfn.CreateStateMachine": noStates, "sfn.UpdateStateMachine": noStates,
	"scheduler.CreateSchedule": noScheduler, "scheduler.UpdateSchedule": noScheduler, "codebuild.CreateProject": noCodeBuild, "codebuild.UpdateProject": noCodeBuild,
	"eventbridge.PutTargets": noEvents, "eks.CreateCluster": noEKS, "eks.CreateNodegroup": noNodes,
}
