package stepfunctions

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

//go:generate go run ./generate

// exceptionList has the errors that the services' API models declare.
//
//go:embed exceptions.txt
var exceptionList string

// exceptions gives the shapes of errors by service and code.
var exceptions = sync.OnceValue(func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(exceptionList) {
		words := strings.Fields(line)
		if words[0] == "#" {
			continue
		}
		if all[words[0]] == nil {
			all[words[0]] = map[string]string{}
		}
		all[words[0]][words[1]] = words[2]
	}
	return all
})

// spelling is how Step Functions names a service in errors: the prefix, the
// SDK's exception for errors that the service does not model, and the name in
// causes. It follows the AWS SDK for Java: 1.x in the optimised integrations,
// 2.x in aws-sdk ones (source: "Handling errors in Step Functions workflows",
// Step Functions Developer Guide, and causes recorded from AWS).
type spelling struct{ prefix, base, service string }

var optimisedSpelling = map[string]spelling{
	"codebuild": {"CodeBuild", "AWSCodeBuildException", "AWSCodeBuild"},
	"dynamodb":  {"DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2"},
	"eks":       {"EKS", "AmazonEKSException", "AmazonEKS"},
	"events":    {"EventBridge", "AmazonEventBridgeException", "AmazonEventBridge"},
	"lambda":    {"Lambda", "AWSLambdaException", "AWSLambda"},
	"sns":       {"SNS", "AmazonSNSException", "AmazonSNS"},
	"states":    {"StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions"},
}

// sdkPrefixes lists the names of service clients that are not the service's own
// name with a capital letter.
var sdkPrefixes = map[string]string{
	"bedrockruntime": "BedrockRuntime", "cloudwatch": "CloudWatch", "cloudwatchlogs": "CloudWatchLogs", "codebuild": "CodeBuild", "dynamodb": "DynamoDb",
	"elasticache": "ElastiCache", "eventbridge": "EventBridge",
}

func (i integration) spelling() spelling {
	if !i.sdk {
		return optimisedSpelling[i.service]
	}
	prefix, ok := sdkPrefixes[i.service]
	if !ok {
		prefix = strings.ToUpper(i.service[:1]) + i.service[1:]
	}
	return spelling{prefix, prefix + "Exception", prefix}
}

// serviceError names the error of an API call as Step Functions does.
func serviceError(i integration, c *wire.Call, err error) *asl.Error {
	sp := i.spelling()
	if errors.Is(err, wire.ErrDropped) {
		return &asl.Error{Name: sp.prefix + ".SdkClientException", Cause: "Unable to execute HTTP request: the connection was lost before the service answered"}
	}
	info := wire.Describe(err)
	name := sp.base
	if shape, ok := exceptions()[c.Service][info.Code]; ok {
		name = exceptionClass(shape, i.sdk)
	}
	cause := fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)", info.Message, sp.service, info.Status, info.Code, c.RequestID)
	if i.sdk {
		cause = fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", info.Message, sp.service, info.Status, c.RequestID)
		if c.Service == "s3" {
			cause = fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s, Extended Request ID: %s)", info.Message, sp.service, info.Status, c.RequestID, c.RequestID)
		}
	}
	return &asl.Error{Name: sp.prefix + "." + name, Cause: cause}
}

// exceptionClass is the name of the class that the SDK for Java makes of an
// error's shape; version 2 writes acronyms like words.
func exceptionClass(shape string, v2 bool) string {
	if v2 {
		shape = wire.PascalName(strings.TrimSuffix(shape, "Fault"))
	}
	if strings.HasSuffix(shape, "Exception") {
		return shape
	}
	return shape + "Exception"
}
