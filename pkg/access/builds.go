package access

import "slices"

// Build returns what the role of a CodeBuild project may do, by the project's
// name. It panics for a name that is no project's. Source:
// https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
func Build(project string, n Names) []Statement {
	own, known := builds[project]
	if !known {
		panic("access: no permissions are written down for project " + project)
	}
	return withKey(n, slices.Concat(own(n), n.spokes(project), n.buildNetwork(own(n)), []Statement{
		allow("CodeBuild fetches the scripts and the command line tool", []string{n.Source}, "s3:GetObject", "s3:GetObjectVersion"),
		allow("CodeBuild writes the build's log", n.logStreams(buildLog(project)), "logs:CreateLogStream", "logs:PutLogEvents"),
	}))
}

var builds = map[string]func(Names) []Statement{
	// What `eks-upgrade provision` calls, and what EKS asks of its caller while
	// it makes clusters. Node groups with a launch template of their own and
	// clusters with a key for secrets need more: ec2:RunInstances and
	// kms:CreateGrant, which are not given.
	ProvisionProject: func(n Names) []Statement {
		return []Statement{
			n.read("reads the specification", "provision"),
			wide("makes the green cluster, with the tag by which the agent knows its own", "EKS knows no resource of a cluster that does not exist yet", "eks:CreateCluster").
				when(map[string]map[string]any{"Null": {"aws:RequestTag/eks-upgrade-agent/upgrade": "false"}}),
			allow("makes what belongs to it, and reads whom blue lets in", n.clusters("cluster"),
				"eks:DescribeCluster", "eks:CreateNodegroup", "eks:CreateAddon", "eks:ListAccessEntries", "eks:CreateAccessEntry"),
			allow("waits for node groups", n.clusters("nodegroup"), "eks:DescribeNodegroup"),
			allow("waits for add-ons", n.clusters("addon"), "eks:DescribeAddon"),
			allow("lets into green whom blue lets in", n.clusters("access-entry"), "eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies", "eks:AssociateAccessPolicy"),
			allow("stops being green's administrator, which EKS made it as green's maker", n.ownEntries(), "eks:DeleteAccessEntry"),
			allow("tags what it makes", n.clusters("cluster", "nodegroup", "addon"), "eks:TagResource"),
			allow("gives green the roles that blue has", n.passable(), "iam:PassRole").
				when(map[string]map[string]any{"StringEquals": {"iam:PassedToService": []string{"eks.amazonaws.com", "ec2.amazonaws.com"}}}),
			// Source of what EKS asks for as the caller of CreateNodegroup, which the
			// Service Authorization Reference does not say:
			// https://github.com/aws-controllers-k8s/community/issues/2164
			allow("EKS looks at a node group's role as its caller", n.passable(), "iam:GetRole", "iam:ListAttachedRolePolicies"),
			wide("EKS looks at a node group's subnets as its caller", "EC2 lets no description be narrowed", "ec2:DescribeSubnets"),
			// https://docs.aws.amazon.com/eks/latest/userguide/using-service-linked-roles.html
			allow("EKS sees as its caller whether its own roles are in the account", n.linkedRoles(), "iam:GetRole"),
			allow("EKS makes its own roles as its caller where the account has none", n.linkedRoles(), "iam:CreateServiceLinkedRole").
				when(map[string]map[string]any{"StringEquals": {"iam:AWSServiceName": []string{"eks.amazonaws.com", "eks-nodegroup.amazonaws.com"}}}),
		}
	},
	// What scripts/scan.sh calls, and what CodeBuild needs to store its output.
	ScanProject: func(n Names) []Statement {
		return []Statement{
			allow("finds the API server", n.clusters("cluster"), "eks:DescribeCluster"),
			n.write("CodeBuild stores what the scanners found", "scans"),
			allow("CodeBuild checks the bucket first", []string{n.BucketARN()}, "s3:GetBucketAcl", "s3:GetBucketLocation"),
		}
	},
}

// buildNetwork allows CodeBuild to give a build its place in a VPC. Source:
// https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html#customer-managed-policies-example-create-vpc-network-interface
func (n Names) buildNetwork(own []Statement) []Statement {
	if !n.VPC {
		return nil
	}
	actions := []string{"ec2:CreateNetworkInterface", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"}
	return []Statement{
		wide("CodeBuild makes the build's network interface", "EC2 lets no description be narrowed, and CodeBuild names no interface before it makes it",
			slices.DeleteFunc(actions, func(a string) bool { return does(own, a) })...),
		allow("CodeBuild attaches it", []string{n.arn("ec2", "network-interface/*")}, "ec2:CreateNetworkInterfacePermission").
			when(map[string]map[string]any{"StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"}}),
	}
}
