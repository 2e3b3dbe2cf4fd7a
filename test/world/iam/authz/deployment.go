package authz

import "strings"

// stack is the ARN of a stack that a request names by its name, whose id only
// CloudFormation knows, or by its ARN.
func stack(r Request) []string {
	name := r.text("StackName")
	switch {
	case name == "":
		return []string{"*"}
	case strings.HasPrefix(name, "arn:"):
		return []string{name}
	}
	return []string{r.arn("cloudformation", "stack/"+name+"/*")}
}

// reviewed is the rule of what is done with a change set.
func reviewed(action string) Rule {
	return with(on("cloudformation:"+action, stack), "cloudformation:ChangeSetName", "ChangeSetName")
}

// shaped needs what a stack's template and role need besides.
func shaped(action string) Rule {
	return and(with(on("cloudformation:"+action, stack), "cloudformation:RoleArn", "RoleARN", "cloudformation:TemplateUrl", "TemplateURL", "cloudformation:ResourceTypes", "ResourceTypes",
		"cloudformation:ChangeSetName", "ChangeSetName"), pass("RoleARN", "cloudformation.amazonaws.com"))
}

var cloudformation = merge(
	map[string]Rule{
		"CreateStack": shaped("CreateStack"), "UpdateStack": shaped("UpdateStack"), "DeleteStack": shaped("DeleteStack"), "CreateChangeSet": shaped("CreateChangeSet"),
		"RollbackStack": shaped("RollbackStack"), "ContinueUpdateRollback": shaped("ContinueUpdateRollback"),
		"DescribeChangeSet": reviewed("DescribeChangeSet"), "ExecuteChangeSet": reviewed("ExecuteChangeSet"), "DeleteChangeSet": reviewed("DeleteChangeSet"),
	},
	same("cloudformation", stack, "DescribeStacks", "DescribeStackEvents", "DescribeStackResource", "DescribeStackResources", "DescribeEvents", "ListStackResources", "ListChangeSets",
		"GetTemplate", "GetTemplateSummary", "GetStackPolicy", "SetStackPolicy", "UpdateTerminationProtection", "CancelUpdateStack"),
	same("cloudformation", anything, "ListStacks", "ListExports", "ListImports", "ValidateTemplate"),
)

var ecr = merge(
	same("ecr", arn("ecr:repository/{RepositoryName}"), "CreateRepository", "DeleteRepository", "PutLifecyclePolicy", "GetLifecyclePolicy", "DeleteLifecyclePolicy",
		"SetRepositoryPolicy", "GetRepositoryPolicy", "DeleteRepositoryPolicy", "PutImageTagMutability", "PutImageScanningConfiguration"),
	same("ecr", field("ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource"),
	map[string]Rule{"DescribeRepositories": on("ecr:DescribeRepositories", func(r Request) []string {
		var out []string
		for _, name := range unique(r.texts("RepositoryNames")) {
			out = append(out, r.arn("ecr", "repository/"+name))
		}
		return orAnything(out)
	})},
)

// budget is the ARN of a budget, which has no region.
func budget(path string) resources {
	return func(r Request) []string {
		name := r.text(path)
		if name == "" {
			name = "*"
		}
		return []string{"arn:aws:budgets::" + r.Account + ":budget/" + name}
	}
}

// Source: "Actions, resources, and condition keys for AWS Budget Service": the
// operations of the API have two permissions between them.
var budgets = map[string]Rule{
	"CreateBudget": on("budgets:ModifyBudget", budget("Budget.BudgetName")), "UpdateBudget": on("budgets:ModifyBudget", budget("NewBudget.BudgetName")),
	"DeleteBudget": on("budgets:ModifyBudget", budget("BudgetName")), "DescribeBudget": on("budgets:ViewBudget", budget("BudgetName")),
	"DescribeBudgets": on("budgets:ViewBudget", budget("")), "CreateNotification": on("budgets:ModifyBudget", budget("BudgetName")),
	"DeleteNotification":                 on("budgets:ModifyBudget", budget("BudgetName")),
	"DescribeNotificationsForBudget":     on("budgets:ViewBudget", budget("BudgetName")),
	"DescribeSubscribersForNotification": on("budgets:ViewBudget", budget("BudgetName")),
}
