package e2e

// elsewhere are the permissions that no rehearsal uses, each with its reason:
// who uses it, and which test shows that it is needed. It is short, and a test
// keeps it so: what is used must not be here, nor what nobody may do.
var elsewhere = []struct {
	why     string
	role    string // a prefix of names of roles
	actions []string
}{
	{"services of AWS use them behind the scenes of a function, a build or a state machine; the simulated ones write logs and traces as themselves",
		"", []string{"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
			"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
			"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}},
}
