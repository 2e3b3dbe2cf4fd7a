package authz

import (
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
)

var (
	cluster   = arn("eks:cluster/{ClusterName}")
	clusterIs = arn("eks:cluster/{Name}")
)

// part is the ARN of a part of a cluster. EKS ends it with an id of its own,
// which only EKS knows.
func part(kind, nameField, operation string, ask func(cluster, name *string) any, path string) resources {
	return func(r Request) []string {
		c, n := r.text("ClusterName"), r.text(nameField)
		if found := r.ask("eks", operation, ask(&c, &n), path); len(found) == 1 {
			return found
		}
		return []string{r.fill("eks", kind+"/{ClusterName}/{"+nameField+"}") + "/*"}
	}
}

var (
	nodegroup = part("nodegroup", "NodegroupName", "DescribeNodegroup", func(c, n *string) any {
		return &awseks.DescribeNodegroupInput{ClusterName: c, NodegroupName: n}
	}, "Nodegroup.NodegroupArn")
	addon = part("addon", "AddonName", "DescribeAddon", func(c, n *string) any {
		return &awseks.DescribeAddonInput{ClusterName: c, AddonName: n}
	}, "Addon.AddonArn")
	fargate = part("fargateprofile", "FargateProfileName", "DescribeFargateProfile", func(c, n *string) any {
		return &awseks.DescribeFargateProfileInput{ClusterName: c, FargateProfileName: n}
	}, "FargateProfile.FargateProfileArn")
)

// accessEntry asks EKS too: the ARN is made of the principal's parts.
func accessEntry(r Request) []string {
	c, p := r.text("ClusterName"), r.text("PrincipalArn")
	if found := r.ask("eks", "DescribeAccessEntry", &awseks.DescribeAccessEntryInput{ClusterName: &c, PrincipalArn: &p}, "AccessEntry.AccessEntryArn"); len(found) == 1 {
		return found
	}
	return []string{r.fill("eks", "access-entry/{ClusterName}") + "/*"}
}

// described is where an update, and a list of them, belongs.
func described(action string) Rule {
	return func(r Request) []Need {
		rules := []Rule{on(action, clusterIs)}
		for _, k := range []struct {
			field string
			arn   resources
		}{{"NodegroupName", arn("eks:nodegroup/{Name}/{NodegroupName}/*")}, {"AddonName", arn("eks:addon/{Name}/{AddonName}/*")}} {
			rules = append(rules, when(k.field, on(action, k.arn)))
		}
		return and(rules...)(r)
	}
}

var eks = merge(
	map[string]Rule{
		"CreateCluster":   and(on("eks:CreateCluster", clusterIs), pass("RoleArn", "eks.amazonaws.com"), pass("ComputeConfig.NodeRoleArn", "eks.amazonaws.com")),
		"CreateNodegroup": and(on("eks:CreateNodegroup", cluster), pass("NodeRole", "eks.amazonaws.com")),
		"CreateAddon": and(on("eks:CreateAddon", cluster), pass("ServiceAccountRoleArn", "eks.amazonaws.com"),
			pass("PodIdentityAssociations.RoleArn", "pods.eks.amazonaws.com")),
		"UpdateAddon": and(on("eks:UpdateAddon", addon), pass("ServiceAccountRoleArn", "eks.amazonaws.com"),
			pass("PodIdentityAssociations.RoleArn", "pods.eks.amazonaws.com")),
		"CreateFargateProfile": and(on("eks:CreateFargateProfile", cluster), pass("PodExecutionRoleArn", "eks.amazonaws.com")),
		"CreateAccessEntry": with(on("eks:CreateAccessEntry", cluster), "eks:principalArn", "PrincipalArn", "eks:kubernetesGroups", "KubernetesGroups",
			"eks:username", "Username", "eks:accessEntryType", "Type"),
		"UpdateAccessEntry": with(on("eks:UpdateAccessEntry", accessEntry), "eks:kubernetesGroups", "KubernetesGroups", "eks:username", "Username"),
		"AssociateAccessPolicy": with(on("eks:AssociateAccessPolicy", accessEntry), "eks:policyArn", "PolicyArn", "eks:accessScope", "AccessScope.Type",
			"eks:namespaces", "AccessScope.Namespaces"),
		"DisassociateAccessPolicy":     with(on("eks:DisassociateAccessPolicy", accessEntry), "eks:policyArn", "PolicyArn"),
		"CreatePodIdentityAssociation": and(on("eks:CreatePodIdentityAssociation", cluster), pass("RoleArn", "pods.eks.amazonaws.com")),
		"UpdatePodIdentityAssociation": and(on("eks:UpdatePodIdentityAssociation", arn("eks:podidentityassociation/{ClusterName}/{AssociationId}")),
			pass("RoleArn", "pods.eks.amazonaws.com")),
		"ListUpdates":                     described("eks:ListUpdates"),
		"DescribeUpdate":                  described("eks:DescribeUpdate"),
		"CancelUpdate":                    described("eks:CancelUpdate"),
		"ListClusters":                    on("eks:ListClusters", arn("eks:cluster/*")),
		"AssociateIdentityProviderConfig": with(on("eks:AssociateIdentityProviderConfig", cluster), "eks:clientId", "Oidc.ClientId", "eks:issuerUrl", "Oidc.IssuerUrl"),
	},
	same("eks", clusterIs, "DescribeCluster", "DeleteCluster", "UpdateClusterConfig", "UpdateClusterVersion"),
	same("eks", cluster, "ListNodegroups", "ListAddons", "ListFargateProfiles", "ListIdentityProviderConfigs", "ListAccessEntries", "ListPodIdentityAssociations",
		"ListInsights", "DescribeInsight", "StartInsightsRefresh", "DescribeInsightsRefresh", "AssociateEncryptionConfig"),
	same("eks", nodegroup, "DescribeNodegroup", "DeleteNodegroup", "UpdateNodegroupConfig", "UpdateNodegroupVersion"),
	same("eks", addon, "DescribeAddon", "DeleteAddon"),
	same("eks", fargate, "DescribeFargateProfile", "DeleteFargateProfile"),
	same("eks", accessEntry, "DescribeAccessEntry", "DeleteAccessEntry", "ListAssociatedAccessPolicies"),
	same("eks", arn("eks:podidentityassociation/{ClusterName}/{AssociationId}"), "DescribePodIdentityAssociation", "DeletePodIdentityAssociation"),
	same("eks", arn("eks:identityproviderconfig/{ClusterName}/{IdentityProviderConfig.Type}/{IdentityProviderConfig.Name}/*"),
		"DescribeIdentityProviderConfig", "DisassociateIdentityProviderConfig"),
	same("eks", field("ResourceArn"), "ListTagsForResource", "TagResource", "UntagResource"),
	same("eks", anything, "DescribeAddonVersions", "DescribeAddonConfiguration", "DescribeClusterVersions", "ListAccessPolicies"),
)
