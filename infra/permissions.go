package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// may says what the code of a phase calls, and on what. The tokens for
// Kubernetes need no statement: they are presigned sts:GetCallerIdentity calls,
// which everybody may make; what they open is said by each cluster's access
// entries.
func (a arns) may(phase upgrade.Phase) []awsiam.PolicyStatement {
	switch phase {
	case upgrade.PhaseLease:
		return []awsiam.PolicyStatement{a.document(leases)}
	case upgrade.PhasePerceive:
		return a.perceive()
	case upgrade.PhaseReason:
		return []awsiam.PolicyStatement{
			a.read("snapshots"),
			a.write("assessments", "plans"),
		}
	case upgrade.PhaseApprove:
		return []awsiam.PolicyStatement{
			a.document(leases, records, approvals),
			a.read("plans", "assessments"),
			allow([]string{a.topic()}, "sns:Publish"),
		}
	case upgrade.PhaseExecute:
		return a.execute()
	case upgrade.PhaseValidate:
		return []awsiam.PolicyStatement{
			a.document(records),
			a.read("plans"),
			allow(a.clusters("cluster"), "eks:DescribeCluster"),
			allow(a.zones(), "route53:ListResourceRecordSets"),
			// CloudWatch knows no resources of metrics.
			allow(everything, "cloudwatch:GetMetricData"),
		}
	case upgrade.PhaseRecord:
		return []awsiam.PolicyStatement{
			a.document(leases, records),
			a.read("plans"),
		}
	case upgrade.PhaseRollback:
		return []awsiam.PolicyStatement{
			a.look(),
			a.read("plans"),
			a.write("plans"),
		}
	case upgrade.PhaseReport:
		return []awsiam.PolicyStatement{
			a.look(),
			a.read("plans", "assessments"),
			a.write("results"),
			allow(a.clusters("cluster"), "eks:DescribeCluster"),
			allow(a.zones(), "route53:ListResourceRecordSets"),
		}
	}
	panic("no permissions are written down for phase " + string(phase))
}

// document allows to read and write single documents of tables.
func (a arns) document(tables ...string) awsiam.PolicyStatement {
	return allow(a.tables(tables), "dynamodb:GetItem", "dynamodb:PutItem")
}

// look allows to read the records, one or all of an upgrade.
func (a arns) look() awsiam.PolicyStatement {
	return allow(a.tables([]string{records}), "dynamodb:GetItem", "dynamodb:Query")
}

func (a arns) tables(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, a.table(name)...)
	}
	return out
}

func (a arns) read(prefixes ...string) awsiam.PolicyStatement {
	return allow(a.objects(prefixes), "s3:GetObject")
}

func (a arns) write(prefixes ...string) awsiam.PolicyStatement {
	return allow(a.objects(prefixes), "s3:PutObject")
}

func (a arns) objects(prefixes []string) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, a.object(p))
	}
	return out
}

func (a arns) perceive() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		a.write("snapshots"),
		a.read("scans"),
		// Without it S3 answers 403 instead of 404 for a scanner's output that is
		// not there, and "it did not run" could not be told from "it may not be
		// read".
		allow([]string{a.bucket()}, "s3:ListBucket"),
		allow(a.clusters("cluster"), "eks:DescribeCluster", "eks:ListNodegroups", "eks:ListAddons", "eks:ListInsights", "eks:DescribeInsight"),
		allow(a.clusters("nodegroup"), "eks:DescribeNodegroup"),
		allow(a.clusters("addon"), "eks:DescribeAddon"),
		// What EKS offers belongs to no cluster, and EC2 lets no description be
		// narrowed.
		allow(everything, "eks:DescribeClusterVersions", "eks:DescribeAddonVersions", "ec2:DescribeSubnets"),
	}
}

func (a arns) execute() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		a.document(leases, records),
		allow(a.table(records), "dynamodb:Query"),
		a.read("plans", "assessments"),
		a.write("provision"),
		allow(a.project(provisionProject), "codebuild:StartBuild", "codebuild:BatchGetBuilds", "codebuild:StopBuild"),
		allow(a.clusters("cluster"), "eks:DescribeCluster", "eks:ListNodegroups", "eks:DeleteCluster"),
		allow(a.clusters("nodegroup"), "eks:DescribeNodegroup", "eks:DeleteNodegroup"),
		allow(a.zones(), "route53:ListResourceRecordSets"),
		// Weighted CNAMEs only: no other record of the zone can be changed.
		allowWhen(map[string]any{
			"ForAllValues:StringEquals": map[string]any{
				"route53:ChangeResourceRecordSetsRecordTypes": []string{"CNAME"},
				"route53:ChangeResourceRecordSetsActions":     []string{"UPSERT", "DELETE"},
			},
			// Without it a request that lacks the keys would match all values.
			"Null": map[string]any{"route53:ChangeResourceRecordSetsRecordTypes": "false"},
		}, a.zones(), "route53:ChangeResourceRecordSets"),
		// Route 53 gives each change an id of its own; to read one says only
		// whether it is in sync.
		allow([]string{"arn:" + a.partition + ":route53:::change/*"}, "route53:GetChange"),
	}
}
