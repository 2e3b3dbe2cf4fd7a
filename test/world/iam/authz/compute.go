package authz

import (
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
)

// unqualified is the ARN of the state machine in a field, whose value may name
// a version or an alias of it.
func unqualified(path string) resources {
	return func(r Request) []string {
		parts := strings.Split(r.text(path), ":")
		return []string{strings.Join(parts[:min(len(parts), 7)], ":")}
	}
}

func versioned(action, path string) Rule {
	return with(on(action, unqualified(path)), "states:StateMachineQualifier", path)
}

var states = merge(
	map[string]Rule{
		"CreateStateMachine":        and(on("states:CreateStateMachine", arn("states:stateMachine:{Name}")), pass("RoleArn", "states.amazonaws.com")),
		"UpdateStateMachine":        and(on("states:UpdateStateMachine", field("StateMachineArn")), pass("RoleArn", "states.amazonaws.com")),
		"TestState":                 and(on("states:TestState", anything), pass("RoleArn", "states.amazonaws.com")),
		"CreateActivity":            on("states:CreateActivity", arn("states:activity:{Name}")),
		"CreateStateMachineAlias":   on("states:CreateStateMachineAlias", unqualified("RoutingConfiguration.StateMachineVersionArn")),
		"UpdateStateMachineAlias":   versioned("states:UpdateStateMachineAlias", "StateMachineAliasArn"),
		"DeleteStateMachineAlias":   versioned("states:DeleteStateMachineAlias", "StateMachineAliasArn"),
		"DescribeStateMachineAlias": versioned("states:DescribeStateMachineAlias", "StateMachineAliasArn"),
		"DeleteStateMachineVersion": versioned("states:DeleteStateMachineVersion", "StateMachineVersionArn"),
		"ListExecutions": func(r Request) []Need {
			return on("states:ListExecutions", field(oneOf(r, "StateMachineArn", "MapRunArn")))(r)
		},
		"ListMapRuns": on("states:ListMapRuns", field("ExecutionArn")),
	},
	same("states", field("StateMachineArn"), "StartExecution", "StartSyncExecution", "DescribeStateMachine", "DeleteStateMachine", "PublishStateMachineVersion",
		"ListStateMachineVersions", "ListStateMachineAliases"),
	same("states", field("ExecutionArn"), "DescribeExecution", "GetExecutionHistory", "StopExecution", "RedriveExecution", "DescribeStateMachineForExecution"),
	same("states", field("MapRunArn"), "DescribeMapRun", "UpdateMapRun"),
	same("states", field("ActivityArn"), "DescribeActivity", "DeleteActivity", "GetActivityTask"),
	same("states", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource"),
	same("states", anything, "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat", "ListStateMachines", "ListActivities", "ValidateStateMachineDefinition"),
)

// oneOf is the first of two fields that is set, or the first.
func oneOf(r Request, paths ...string) string {
	for _, p := range paths {
		if r.text(p) != "" {
			return p
		}
	}
	return paths[0]
}

// function is the ARN of a Lambda function, which requests name in many ways:
// by name, by part of an ARN or by all of it, each with a qualifier or without.
func (r Request) function(name, qualifier string) string {
	if i := strings.LastIndex(name, "function:"); i >= 0 {
		name = name[i+len("function:"):]
	}
	if name, own, ok := strings.Cut(name, ":"); ok {
		return r.arn("lambda", "function:"+name+":"+own)
	}
	if name == "" {
		name = "*"
	}
	if qualifier != "" {
		name += ":" + qualifier
	}
	return r.arn("lambda", "function:"+name)
}

func function(r Request) []string {
	return []string{r.function(r.text("FunctionName"), r.text("Qualifier"))}
}

// invoked: $LATEST is the function itself.
func invoked(r Request) []Need {
	qualifier := r.text("Qualifier")
	return []Need{{Action: "lambda:InvokeFunction", Resource: r.function(r.text("FunctionName"), qualifier), Context: policy.Context{}}}
}

var lambda = merge(
	map[string]Rule{
		"Invoke": invoked, "InvokeAsync": invoked, "InvokeWithResponseStream": invoked,
		"CreateFunction":                 and(with(on("lambda:CreateFunction", function), "lambda:Layer", "Layers"), pass("Role", "lambda.amazonaws.com")),
		"UpdateFunctionConfiguration":    and(with(on("lambda:UpdateFunctionConfiguration", function), "lambda:Layer", "Layers"), pass("Role", "lambda.amazonaws.com")),
		"AddPermission":                  with(on("lambda:AddPermission", function), "lambda:Principal", "Principal"),
		"ListFunctionEventInvokeConfigs": on("lambda:ListFunctionEventInvokeConfigs", function),
	},
	same("lambda", function, "DeleteFunction", "GetFunction", "GetFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "ListVersionsByFunction",
		"CreateAlias", "GetAlias", "UpdateAlias", "DeleteAlias", "ListAliases", "PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency",
		"PutFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig",
		"GetPolicy", "RemovePermission", "PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig",
		"ListProvisionedConcurrencyConfigs", "GetRuntimeManagementConfig", "PutRuntimeManagementConfig", "GetFunctionCodeSigningConfig", "GetFunctionRecursionConfig",
		"PutFunctionRecursionConfig"),
	same("lambda", field("Resource"), "ListTags", "TagResource", "UntagResource"),
	same("lambda", anything, "ListFunctions", "GetAccountSettings"),
)

// projects turns names and ARNs of projects, or ids of their builds, into the
// projects' ARNs.
func projects(path string) resources {
	return func(r Request) []string {
		var out []string
		for _, name := range orAnything(r.texts(path)) {
			if i := strings.LastIndex(name, ":project/"); i >= 0 {
				name = name[i+len(":project/"):]
			} else if i := strings.LastIndex(name, ":build/"); i >= 0 {
				name = name[i+len(":build/"):]
			}
			name, _, _ = strings.Cut(name, ":")
			out = append(out, r.arn("codebuild", "project/"+name))
		}
		return unique(out)
	}
}

var codebuild = merge(
	map[string]Rule{
		"CreateProject":          and(on("codebuild:CreateProject", projects("Name")), pass("ServiceRole", "codebuild.amazonaws.com")),
		"UpdateProject":          and(on("codebuild:UpdateProject", projects("Name")), pass("ServiceRole", "codebuild.amazonaws.com")),
		"DeleteProject":          on("codebuild:DeleteProject", projects("Name")),
		"StartBuild":             and(on("codebuild:StartBuild", projects("ProjectName")), pass("ServiceRoleOverride", "codebuild.amazonaws.com")),
		"BatchGetProjects":       on("codebuild:BatchGetProjects", projects("Names")),
		"ListBuildsForProject":   on("codebuild:ListBuildsForProject", projects("ProjectName")),
		"InvalidateProjectCache": on("codebuild:InvalidateProjectCache", projects("ProjectName")),
	},
	same("codebuild", projects("Ids"), "BatchGetBuilds", "BatchDeleteBuilds"),
	same("codebuild", projects("Id"), "StopBuild", "RetryBuild"),
	same("codebuild", anything, "ListProjects", "ListBuilds", "ListCuratedEnvironmentImages"),
)

// group is a log group; AWS ends its ARN as if it named log streams.
func group(r Request) []string {
	name := r.text(oneOf(r, "LogGroupName", "LogGroupIdentifier"))
	if strings.HasPrefix(name, "arn:") {
		return []string{strings.TrimSuffix(name, ":*") + ":log-stream:"}
	}
	return []string{r.arn("logs", "log-group:"+name+":log-stream:")}
}

func stream(r Request) []string {
	return []string{group(r)[0] + r.text("LogStreamName")}
}

var logs = merge(
	same("logs", group, "CreateLogGroup", "DeleteLogGroup", "CreateLogStream", "DescribeLogStreams", "FilterLogEvents", "PutRetentionPolicy", "DeleteRetentionPolicy",
		"DescribeLogGroups", "PutSubscriptionFilter", "DescribeSubscriptionFilters", "DeleteSubscriptionFilter", "PutMetricFilter", "DescribeMetricFilters",
		"DeleteMetricFilter", "AssociateKmsKey", "DisassociateKmsKey", "StartQuery", "ListTagsLogGroup", "TagLogGroup", "UntagLogGroup"),
	same("logs", stream, "DeleteLogStream", "PutLogEvents", "GetLogEvents"),
	same("logs", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource"),
	same("logs", anything, "GetQueryResults", "StopQuery", "DescribeQueries", "DescribeDestinations", "DescribeExportTasks", "PutResourcePolicy", "DeleteResourcePolicy", "DescribeResourcePolicies"),
)
