package stepfunctions

import (
	"fmt"
	"slices"
	"strings"
)

// integration names an API action as a Task's resource does.
type integration struct {
	service, action string
	sdk             bool   // aws-sdk:service:action
	pattern         string // "", sync, sync:2 or waitForTaskToken
}

const integrationPrefix = "arn:aws:states:::"

// parseIntegration reads the resource of a Task that calls a service.
func parseIntegration(resource string) (integration, bool) {
	rest, ok := strings.CutPrefix(resource, integrationPrefix)
	if !ok {
		return integration{}, false
	}
	var i integration
	i.service, i.action, _ = strings.Cut(rest, ":")
	if i.service == "aws-sdk" {
		i.sdk = true
		i.service, i.action, _ = strings.Cut(i.action, ":")
	}
	i.action, i.pattern, _ = strings.Cut(i.action, ".")
	return i, i.service != "" && i.action != ""
}

func (i integration) String() string {
	s := i.service + ":" + i.action
	if i.sdk {
		s = "aws-sdk:" + s
	}
	return s
}

// operation is the API operation's name.
func (i integration) operation() string { return strings.ToUpper(i.action[:1]) + i.action[1:] }

// muxService is the name under which the world serves the service.
func (i integration) muxService() string {
	switch {
	case i.sdk:
		return i.service
	case i.service == "events":
		return "eventbridge"
	case i.service == "states":
		return "sfn"
	}
	return i.service
}

const (
	callback = "waitForTaskToken"
	runJob   = "sync"
	runJob2  = "sync:2"
)

// optimised lists the optimised integrations that the world serves: their
// actions with the patterns that they have beside request and response (source:
// "Integrating services with Step Functions", Step Functions Developer Guide).
var optimised = map[string]map[string][]string{
	"codebuild": {
		"startBuild": {runJob}, "stopBuild": nil, "batchDeleteBuilds": nil, "batchGetReports": nil, "batchGetBuilds": nil,
		"startBuildBatch": {runJob}, "stopBuildBatch": nil, "retryBuildBatch": {runJob}, "deleteBuildBatch": nil,
	},
	"dynamodb": {"getItem": nil, "putItem": nil, "updateItem": nil, "deleteItem": nil},
	"eks": {
		"createCluster": {runJob}, "deleteCluster": {runJob}, "createNodegroup": {runJob}, "deleteNodegroup": {runJob},
		"createFargateProfile": {runJob}, "deleteFargateProfile": {runJob}, "call": nil, "runJob": {runJob},
	},
	"events": {"putEvents": {callback}},
	"lambda": {"invoke": {callback}},
	"sns":    {"publish": {callback}},
	"states": {"startExecution": {runJob, runJob2, callback}},
}

// elsewhere lists the other optimised integrations of AWS: their definitions
// are valid, and the tasks fail because the world has no such service.
var elsewhere = []string{
	"apigateway", "athena", "batch", "bedrock", "databrew", "ecs", "elasticmapreduce", "emr-containers", "emr-serverless", "glue", "http",
	"mediaconvert", "sagemaker", "sqs",
}

// check says why AWS would not take the resource, or "".
func (i integration) check(resource string) string {
	unknown := fmt.Sprintf("The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", resource)
	if i.sdk {
		if strings.ToLower(i.service) != i.service || i.action[:1] != strings.ToLower(i.action[:1]) || i.pattern != "" && i.pattern != callback {
			return unknown
		}
		return ""
	}
	if slices.Contains(elsewhere, i.service) {
		return ""
	}
	patterns, ok := optimised[i.service][i.action]
	if !ok || i.pattern != "" && !slices.Contains(patterns, i.pattern) {
		return unknown
	}
	return ""
}
