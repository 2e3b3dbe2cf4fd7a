package stepfunctions

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	smithy "github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// spelling is how Step Functions names a service's errors: the prefix and, for
// errors that the service does not model, the SDK's base exception.
type spelling struct{ prefix, base string }

// optimised and sdkSpelling follow the AWS SDK for Java, 1.x for the optimised
// integrations and 2.x for aws-sdk ones (source: "Error handling in service
// integrations", Step Functions Developer Guide).
var (
	optimised = map[string]spelling{
		"dynamodb":  {"DynamoDB", "AmazonDynamoDBException"},
		"sns":       {"SNS", "AmazonSNSException"},
		"codebuild": {"CodeBuild", "AWSCodeBuildException"},
		"events":    {"EventBridge", "AmazonEventBridgeException"},
		"states":    {"StepFunctions", "AWSStepFunctionsException"},
	}
	sdkSpelling = map[string]spelling{
		"dynamodb":    {"DynamoDb", "DynamoDbException"},
		"codebuild":   {"CodeBuild", "CodeBuildException"},
		"cloudwatch":  {"CloudWatch", "CloudWatchException"},
		"eventbridge": {"EventBridge", "EventBridgeException"},
		"route53":     {"Route53", "Route53Exception"},
	}
	registries = map[string]*smithy.TypeRegistry{
		"dynamodb": dynamodb.TypeRegistry, "eks": eks.TypeRegistry, "ssm": ssm.TypeRegistry, "codebuild": codebuild.TypeRegistry,
		"eventbridge": eventbridge.TypeRegistry, "cloudwatch": cloudwatch.TypeRegistry,
	}
)

// serviceError names the error of an API call as Step Functions does.
func serviceError(i integration, c *wire.Call, err error) *asl.Error {
	if errors.Is(err, wire.ErrDropped) {
		return &asl.Error{Name: asl.ErrTaskFailed, Cause: "The connection was lost before the service answered"}
	}
	info := wire.Describe(err)
	sp, ok := sdkSpelling[i.service]
	if !i.sdk {
		sp, ok = optimised[i.service]
	}
	if !ok {
		name := strings.ToUpper(i.service[:1]) + i.service[1:]
		sp = spelling{name, name + "Exception"}
	}
	name := info.Code
	switch {
	case !modelled(c.Service, err, info.Code):
		name = sp.base
	case i.sdk && !strings.HasSuffix(name, "Exception"):
		name += "Exception" // the SDK for Java gives every error this ending
	}
	return &asl.Error{Name: sp.prefix + "." + name,
		Cause: fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", info.Message, sp.prefix, info.Status, c.RequestID)}
}

// modelled reports whether the service's API declares the error.
func modelled(service string, err error, code string) bool {
	if r, ok := registries[service]; ok {
		_, known := r.LookupEntry(code)
		return known
	}
	_, generic := errors.AsType[*wire.Error](err)
	return !generic
}
