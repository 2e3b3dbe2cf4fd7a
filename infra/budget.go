package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newBudget tells people when the models cost 80 and 100 percent of what a month
// may cost. It counts the whole account's use of Bedrock and Comprehend, but not
// models that AWS bills through its Marketplace. Not all regions know budgets:
// https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2177. Names
// of services: https://docs.aws.amazon.com/cost-management/latest/userguide/ce-filtering.html
func newBudget(scope constructs.Construct, a agent, topic awssns.CfnTopic, mayPublish awssns.CfnTopicPolicy) {
	var notifications []any
	for _, percent := range []float64{80, 100} {
		notifications = append(notifications, &awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{NotificationType: jsii.String("ACTUAL"), ComparisonOperator: jsii.String("GREATER_THAN"), ThresholdType: jsii.String("PERCENTAGE"), Threshold: jsii.Number(percent)},
			Subscribers:  []any{&awsbudgets.CfnBudget_SubscriberProperty{SubscriptionType: jsii.String("SNS"), Address: topic.Ref()}},
		})
	}
	budget := awsbudgets.NewCfnBudget(scope, jsii.String("Models"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetName: jsii.String("eks-upgrade-models"), BudgetType: jsii.String("COST"), TimeUnit: jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(a.settings.Budget.MonthlyUSD), Unit: jsii.String("USD")},
			CostFilters: map[string]any{"Service": []any{"Amazon Bedrock", "Amazon Comprehend"}},
		},
		NotificationsWithSubscribers: notifications,
	})
	after(budget, mayPublish) // Budgets looks whether it may
}
