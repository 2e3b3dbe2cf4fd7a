package authz

// Source: "Actions, resources, and condition keys for AWS Elastic Load Balancing
// V2": no description can be narrowed. Both APIs have one prefix.
var balancers = merge(
	same("elasticloadbalancing", anything, "DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTargetHealth", "DescribeTargetGroupAttributes", "DescribeTags"),
	same("elasticloadbalancing", field("TargetGroupArn"), "RegisterTargets", "DeregisterTargets"),
	same("elasticloadbalancing", field("ResourceArns"), "AddTags"),
)

var classic = same("elasticloadbalancing", anything, "DescribeLoadBalancers", "DescribeTags")
