package access

import (
	"slices"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Function returns what the role of a Lambda function may do, by the
// function's name. It panics for a name that is no function's: nobody wrote
// down what that may do. The tokens for Kubernetes need no statement: they are
// presigned sts:GetCallerIdentity calls, which everybody may make.
func Function(name string, n Names) []Statement {
	own, known := functions[name]
	if !known {
		panic("access: no permissions are written down for function " + name)
	}
	return withKey(n, slices.Concat(own(n), n.spokes(name), n.settings(), n.network(own(n)), []Statement{
		allow("the Lambda service writes the function's log", n.logStreams(functionLog(name)), "logs:CreateLogStream", "logs:PutLogEvents"),
		wide("the Lambda service sends the function's traces", "X-Ray knows no resources of traces", "xray:PutTraceSegments", "xray:PutTelemetryRecords"),
	}))
}

var functions = map[string]func(Names) []Statement{
	FunctionName(upgrade.PhaseLease): func(n Names) []Statement {
		return []Statement{n.documents("takes, renews and gives back the lease", Leases), n.publish()}
	},
	FunctionName(upgrade.PhasePerceive): perceive,
	FunctionName(upgrade.PhaseReason): func(n Names) []Statement {
		return []Statement{
			n.read("reads what perception saw, and the users' rules", "snapshots", "rules"),
			n.write("writes its assessment and the plan", "assessments", "plans"),
			n.read("tells what it found and planned", "assessments", "plans"),
			n.publish(),
		}
	},
	FunctionName(upgrade.PhaseApprove): func(n Names) []Statement {
		return []Statement{
			n.documents("renews the lease, records the approval, remembers who is asked", Leases, Records, Approvals),
			n.read("shows a person what is to be approved", "plans", "assessments"),
			allow("asks people", []string{n.Topic()}, "sns:Publish"),
			n.publish(),
		}
	},
	FunctionName(upgrade.PhaseExecute): execute,
	FunctionName(upgrade.PhaseValidate): func(n Names) []Statement {
		return []Statement{
			n.documents("writes verdicts", Records),
			n.read("reads the plan's criteria", "plans"),
			allow("checks that the cluster is active, and finds its API server", n.clusters("cluster"), "eks:DescribeCluster"),
			allow("checks the weights", n.zones(), "route53:ListResourceRecordSets"),
			wide("reads the error rate", "CloudWatch knows no resources of metrics", "cloudwatch:GetMetricData"),
			n.publish(),
		}
	},
	FunctionName(upgrade.PhaseRecord): func(n Names) []Statement {
		return []Statement{
			n.documents("renews the lease, records the step", Leases, Records),
			n.read("reads the step", "plans"),
			n.publish(),
		}
	},
	FunctionName(upgrade.PhaseRollback): func(n Names) []Statement {
		return []Statement{
			n.look("reads which steps were done"),
			n.read("reads the plan that goes wrong", "plans"),
			n.write("writes the plan that goes back", "plans"),
			n.publish(),
		}
	},
	FunctionName(upgrade.PhaseReport): func(n Names) []Statement {
		return []Statement{
			n.look("reads what was done"),
			n.read("reads what was planned", "plans", "assessments"),
			n.write("writes the result", "results"),
			allow("says which version runs at the end", n.clusters("cluster"), "eks:DescribeCluster"),
			allow("says where traffic goes at the end", n.zones(), "route53:ListResourceRecordSets"),
			n.publish(),
		}
	},
	AnswerFunction: func(n Names) []Statement {
		return []Statement{
			n.documents("finds the question and keeps the answer", Approvals),
			n.read("shows a person what is to be approved", "plans", "assessments"),
			wide("passes the answer on to the upgrade that waits", "Step Functions knows no resources of task tokens", "states:SendTaskSuccess"),
		}
	},
	StreamFunction: func(n Names) []Statement {
		may := []Statement{
			allow("remembers who listens", []string{n.Table(Connections)}, "dynamodb:PutItem", "dynamodb:DeleteItem"),
			allow("finds who listens to an upgrade", []string{n.Table(Connections) + "/index/" + ConnectionIndex}, "dynamodb:Query"),
			allow("the Lambda service keeps events that could not be told", []string{n.Queue()}, "sqs:SendMessage"),
		}
		if n.StreamAPI != "" {
			may = append(may, allow("tells those who listen, and hangs up", []string{n.arn("execute-api", n.StreamAPI+"/*/*/@connections/*")}, "execute-api:ManageConnections"))
		}
		return may
	},
	SurveyFunction: survey,
}

func survey(n Names) []Statement {
	return []Statement{
		wide("finds the clusters that it is to look at, and until when EKS supports their versions", "the list and what EKS offers belong to no cluster", "eks:ListClusters", "eks:DescribeClusterVersions"),
		allow("looks at the cluster", n.clusters("cluster"), "eks:DescribeCluster", "eks:ListInsights"),
		n.documents("remembers what it told", Records),
		n.publish(),
		allow("the Lambda service keeps surveys that failed", []string{n.Queue()}, "sqs:SendMessage"),
	}
}

func perceive(n Names) []Statement {
	return slices.Concat([]Statement{
		n.write("writes what it saw, and keeps release notes for the next upgrade", "snapshots", "cache"),
		n.read("reads what the scan build found, the release notes that it kept, and the users' rules", "scans", "cache", "rules"),
		// Without it S3 answers 403 instead of 404 for an object that is not there.
		allow(`tells a scan that did not run from one that may not be read`, []string{n.BucketARN()}, "s3:ListBucket"),
	}, clusterAndNodes(n), []Statement{n.publish()}, around(n),
		[]Statement{allow("reads who owns names in the zones of the weights", n.zones(), "route53:ListResourceRecordSets")})
}

// clusterAndNodes is for what EKS and EC2 know of a cluster.
func clusterAndNodes(n Names) []Statement {
	return []Statement{
		allow("looks at the cluster", n.clusters("cluster"), "eks:DescribeCluster", "eks:ListNodegroups", "eks:ListFargateProfiles", "eks:ListAddons", "eks:ListInsights", "eks:DescribeInsight"),
		allow("has EKS's insights refreshed, so that they are not of yesterday", n.clusters("cluster"), "eks:StartInsightsRefresh", "eks:DescribeInsightsRefresh"),
		allow("looks at its node groups", n.clusters("nodegroup"), "eks:DescribeNodegroup"),
		allow("looks at its Fargate profiles", n.clusters("fargateprofile"), "eks:DescribeFargateProfile"),
		allow("looks at its add-ons", n.clusters("addon"), "eks:DescribeAddon"),
		wide("learns which versions EKS offers", "what EKS offers belongs to no cluster", "eks:DescribeClusterVersions", "eks:DescribeAddonVersions"),
		wide("looks at what runs nodes and at their subnets", "EC2 and Auto Scaling let no description be narrowed",
			"ec2:DescribeSubnets", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeImages", "ec2:DescribeVolumes", "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions",
			"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeLaunchConfigurations"),
		wide("learns whether quotas leave room for more nodes", "quotas are the account's", "servicequotas:GetServiceQuota", "servicequotas:GetAWSDefaultServiceQuota"),
	}
}

// around is for what the cluster shares with others and its workloads use
// outside of it. Permissions that name a kind of resource are asked for all of
// the kind: nothing says beforehand what a cluster uses.
func around(n Names) []Statement {
	return []Statement{
		allow("looks at who may log in to the cluster, and which of its service accounts have roles", n.clusters("cluster"), "eks:ListPodIdentityAssociations", "eks:ListIdentityProviderConfigs"),
		allow("tells whether IAM trusts the cluster's service accounts", []string{"arn:" + n.Partition + ":iam::" + n.Account + ":oidc-provider/*"}, "iam:GetOpenIDConnectProvider"),
		wide("finds roles that trust the cluster's service accounts, its load balancers and target groups, and who may connect to databases and caches",
			"lists of IAM, and descriptions of EC2 and of Elastic Load Balancing, cannot be narrowed",
			"iam:ListOpenIDConnectProviders", "iam:ListRoles", "ec2:DescribeSecurityGroups", "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroups",
			"elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTargetGroupAttributes", "rds:DescribePendingMaintenanceActions"),
		allow("finds databases that workloads use", []string{n.arn("rds", "db:*"), n.arn("rds", "cluster:*")}, "rds:DescribeDBInstances", "rds:DescribeDBClusters"),
		allow("finds caches that workloads use", []string{n.arn("elasticache", "cluster:*"), n.arn("elasticache", "replicationgroup:*"), n.arn("elasticache", "serverlesscache:*")},
			"elasticache:DescribeCacheClusters", "elasticache:DescribeReplicationGroups", "elasticache:DescribeServerlessCaches"),
	}
}

func execute(n Names) []Statement {
	return []Statement{
		n.documents("renews the lease, records each act before it is done", Leases, Records),
		allow("reads which acts were done", []string{n.Table(Records)}, "dynamodb:Query"),
		n.read("reads the plan and what it is bound to", "plans", "assessments"),
		n.write("writes the specification of the green cluster", "provision"),
		allow("has the green cluster made", []string{n.Project(ProvisionProject)}, "codebuild:StartBuild", "codebuild:BatchGetBuilds", "codebuild:StopBuild"),
		allow("finds API servers; removes the cluster that is no longer needed", n.clusters("cluster"), "eks:DescribeCluster", "eks:ListNodegroups", "eks:DeleteCluster"),
		allow("removes its node groups first", n.clusters("nodegroup"), "eks:DescribeNodegroup", "eks:DeleteNodegroup"),
		allow("reads the weights before and after each shift", n.zones(), "route53:ListResourceRecordSets"),
		allow("shifts traffic: weighted CNAMEs only, no other record of the zone", n.zones(), "route53:ChangeResourceRecordSets").when(map[string]map[string]any{
			"ForAllValues:StringEquals": {
				"route53:ChangeResourceRecordSetsRecordTypes": []string{"CNAME"},
				"route53:ChangeResourceRecordSetsActions":     []string{"UPSERT", "DELETE"},
			},
			// Without it a request that lacks the keys would match all values.
			"Null": {"route53:ChangeResourceRecordSetsRecordTypes": "false"},
		}),
		// Route 53 gives each change an id of its own; to read one says only
		// whether it is in sync.
		allow("waits until a shift is in sync", []string{"arn:" + n.Partition + ":route53:::change/*"}, "route53:GetChange"),
		n.publish(),
	}
}

// documents allows to read and write single documents of tables.
func (n Names) documents(why string, tables ...string) Statement {
	return allow(why, n.tables(tables), "dynamodb:GetItem", "dynamodb:PutItem")
}

// look allows to read the records, one or all of an upgrade.
func (n Names) look(why string) Statement {
	return allow(why, []string{n.Table(Records)}, "dynamodb:GetItem", "dynamodb:Query")
}

func (n Names) read(why string, prefixes ...string) Statement {
	return allow(why, n.objects(prefixes), "s3:GetObject")
}

func (n Names) write(why string, prefixes ...string) Statement {
	return allow(why, n.objects(prefixes), "s3:PutObject")
}

// publish allows to tell what happens.
func (n Names) publish() Statement {
	return allow("tells what happens", []string{n.EventBus()}, "events:PutEvents")
}

// settings allows to read the configuration.
func (n Names) settings() []Statement {
	return []Statement{allow("reads the agent's settings", n.Parameters(), "ssm:GetParametersByPath")}
}

// network allows Lambda to give a function its place in a VPC. Source:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
func (n Names) network(own []Statement) []Statement {
	if !n.VPC {
		return nil
	}
	actions := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	return []Statement{wide("the Lambda service makes the function's network interfaces", "EC2 lets no description be narrowed, and Lambda refuses a role that may do the others on some interfaces only",
		slices.DeleteFunc(actions, func(a string) bool { return does(own, a) })...)}
}
