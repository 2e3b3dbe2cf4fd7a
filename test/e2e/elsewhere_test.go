package e2e

// elsewhere are the permissions that no rehearsal uses, each with its reason:
// who uses it, and which tests make the call. A test keeps the list short: what
// a rehearsal uses must not be here, nor what nobody may do any more.
var elsewhere = []struct {
	why     string
	roles   []string // names or, with a * at the end, prefixes
	actions []string
}{
	{"services of AWS use them behind the scenes of a function, a build, a state machine or an API; the simulated ones write logs and traces as themselves",
		[]string{"*"}, []string{"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
			"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
			"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}},
	{"API Gateway asks for all of these before it writes a log", []string{"eks-upgrade-gateway"}, []string{"logs:CreateLogGroup", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"}},
	{"CodeBuild fetches its source and checks its bucket as the project's role; the simulated one has the source in a folder", []string{"eks-upgrade-scan", "eks-upgrade-provision"}, []string{"s3:GetObjectVersion"}},
	{"CodeBuild, as above", []string{"eks-upgrade-scan"}, []string{"s3:GetObject", "s3:GetBucketAcl", "s3:GetBucketLocation"}},
	{"EKS asks these of whoever makes a cluster with tags, or a node group; the simulated one asks for iam:PassRole only", []string{"eks-upgrade-provision"}, []string{"eks:TagResource", "iam:GetRole"}},
	{"EKS asks these of whoever makes a node group, as it looks at the node group's role, its subnets and its own roles", []string{"eks-upgrade-provision"},
		[]string{"iam:ListAttachedRolePolicies", "ec2:DescribeSubnets", "iam:CreateServiceLinkedRole"}},
	{"S3 answers 403 instead of 404 for an object that is not there without it; the simulated one always answers 404", []string{"eks-upgrade-perceive"}, []string{"s3:ListBucket"}},
	{"rehearsed clusters have no insight that is worth a second look; pkg/perception/awsstate tests the call", []string{"eks-upgrade-perceive"}, []string{"eks:DescribeInsight"}},
	{"rehearsed clusters have no Fargate profiles, no launch templates or configurations of their own, and quotas of their own; pkg/perception/awsstate tests the calls", []string{"eks-upgrade-perceive"},
		[]string{"eks:DescribeFargateProfile", "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions", "autoscaling:DescribeLaunchConfigurations", "servicequotas:GetAWSDefaultServiceQuota"}},
	{"rehearsed clusters have no roles for service accounts, no load balancers of AWS and no databases; pkg/perception/awslinks tests the calls", []string{"eks-upgrade-perceive"},
		[]string{"iam:GetOpenIDConnectProvider", "ec2:DescribeSecurityGroups", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTargetGroupAttributes"}},
	{"a build is stopped only when an upgrade goes back while green is made; pkg/execution/clusters tests it", []string{"eks-upgrade-execute"}, []string{"codebuild:StopBuild"}},
	{"the gate of a point of no return is read only when the removal of blue has begun; pkg/validation/rollback tests it", []string{"eks-upgrade-rollback"}, []string{"dynamodb:GetItem"}},
	{"Step Functions waits for builds and executions by a rule, polls and stops them; the simulated one is told by CodeBuild itself", []string{"eks-upgrade-machine", "eks-upgrade-fleet-machine"},
		[]string{"events:PutTargets", "events:PutRule", "events:DescribeRule"}},
	{"Step Functions, as above", []string{"eks-upgrade-machine"}, []string{"codebuild:BatchGetBuilds", "codebuild:StopBuild"}},
	{"people are alerted when a cluster is left with its lease held, which no injection does; statemachine's tests reach the state", []string{"eks-upgrade-machine"}, []string{"sns:Publish"}},
	{"rehearsed handlers have no event bus; pkg/events tests what is published", []string{"*"}, []string{"events:PutEvents"}},
	{"rehearsed functions have all settings in their environment; pkg/config/stored and pkg/config/parameters test the path", []string{"*"}, []string{"ssm:GetParametersByPath"}},
	{"rehearsals answer approvals themselves; pkg/answer and lambdas/answer are tested against the simulated AWS", []string{"eks-upgrade-answer"},
		[]string{"dynamodb:GetItem", "dynamodb:PutItem", "s3:GetObject", "states:SendTaskSuccess"}},
	{"nobody listens to a rehearsal; pkg/stream is tested against the simulated AWS", []string{"eks-upgrade-stream"}, []string{"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query", "sqs:SendMessage", "execute-api:ManageConnections"}},
	{"the survey runs between upgrades; pkg/survey is tested against the simulated AWS", []string{"eks-upgrade-survey"},
		[]string{"dynamodb:GetItem", "dynamodb:PutItem", "eks:DescribeCluster", "eks:DescribeClusterVersions", "eks:ListClusters", "eks:ListInsights", "sqs:SendMessage"}},
	{"a rehearsal is one upgrade; the fleet's document is tested in statemachine", []string{"eks-upgrade-fleet-machine"}, []string{"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}},
	{"rehearsals are started by a person; schedules and rules are those of infra and events", []string{"eks-upgrade-scheduler", "eks-upgrade-events"}, []string{"states:StartExecution"}},
	{"schedules, as above", []string{"eks-upgrade-scheduler"}, []string{"lambda:InvokeFunction", "sqs:SendMessage"}},
}
