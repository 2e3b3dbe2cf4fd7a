package authz

// Sources: "Actions, resources, and condition keys for Amazon EC2 Auto Scaling"
// and "... for Service Quotas": no description and no look-up can be narrowed.
var autoscaling = same("autoscaling", anything, "DescribeAutoScalingGroups", "DescribeLaunchConfigurations")

var servicequotas = same("servicequotas", anything, "GetServiceQuota", "GetAWSDefaultServiceQuota", "ListServiceQuotas")
