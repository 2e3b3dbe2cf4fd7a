package access

import "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"

// Machine returns what the role of a state machine may do: what the tasks of
// its document need. It panics for a name that is no machine's. Sources: the
// IAM policies of integrated services, of logging and of tracing in
// https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
func Machine(name string, n Names) []Statement {
	own, known := machines[name]
	if !known {
		panic("access: no permissions are written down for state machine " + name)
	}
	return withKey(n, append(own(n),
		wide("Step Functions delivers the machine's log", "CloudWatch Logs knows no resources of log deliveries",
			"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
			"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
		wide("Step Functions sends the machine's traces", "X-Ray knows no resources of traces",
			"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")))
}

var machines = map[string]func(Names) []Statement{
	UpgradeMachine: func(n Names) []Statement {
		var phases []string
		for _, phase := range upgrade.Phases() {
			phases = append(phases, n.Function(FunctionName(phase)))
		}
		return []Statement{
			allow("calls the phases", phases, "lambda:InvokeFunction"),
			allow("runs kubent and pluto, and stops them when it is itself stopped", []string{n.Project(ScanProject)}, "codebuild:StartBuild", "codebuild:StopBuild", "codebuild:BatchGetBuilds"),
			allow("hears of the build's end by a rule that Step Functions makes", []string{n.arn("events", "rule/StepFunctionsGetEventForCodeBuildStartBuildRule")},
				"events:PutTargets", "events:PutRule", "events:DescribeRule"),
			allow("alerts people when a cluster is left with its lease held", []string{n.Topic()}, "sns:Publish"),
		}
	},
	// Sources: the pages on Distributed Map and on startExecution.sync in the
	// Step Functions Developer Guide, "IAM policies for integrated services".
	FleetMachine: func(n Names) []Statement {
		return []Statement{
			allow("starts the upgrades", []string{n.StateMachine(UpgradeMachine), n.Live(UpgradeMachine)}, "states:StartExecution"),
			allow("waits for them, and stops them when it is itself stopped", []string{n.arn("states", "execution:"+UpgradeMachine+":*")}, "states:DescribeExecution", "states:StopExecution"),
			allow("hears of their end by a rule that Step Functions makes", []string{n.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")},
				"events:PutTargets", "events:PutRule", "events:DescribeRule"),
			allow("runs each cluster of a wave as an execution of its own", []string{n.StateMachine(FleetMachine)}, "states:StartExecution"),
			// The second is the form with the state's label. Source:
			// https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
			allow("follows these, and stops them when it is itself stopped", []string{n.arn("states", "execution:"+FleetMachine+":*"), n.arn("states", "execution:"+FleetMachine+"/*")},
				"states:DescribeExecution", "states:StopExecution"),
		}
	},
}
