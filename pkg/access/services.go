package access

import "slices"

// service is a service of AWS that works for the agent by a role of its own.
type service struct {
	Part
	service string
	own     func(Names) []Statement
	bare    bool // the service does not say for whom it takes the role on
}

var services = []service{
	{Part: Part{SchedulerRole, "schedules that start upgrades"}, service: "scheduler.amazonaws.com", own: func(n Names) []Statement {
		return []Statement{
			allow("starts scheduled upgrades", []string{n.Live(UpgradeMachine), n.Live(FleetMachine)}, "states:StartExecution"),
			allow("has clusters looked at between upgrades", []string{n.Function(SurveyFunction)}, "lambda:InvokeFunction"),
			allow("keeps schedules that could not start anything", []string{n.Queue()}, "sqs:SendMessage"),
		}
	}},
	{Part: Part{EventsRole, "rules that start upgrades"}, service: "events.amazonaws.com", own: func(n Names) []Statement {
		return []Statement{allow("starts upgrades that an event asks for", []string{n.Live(UpgradeMachine)}, "states:StartExecution")}
	}},
	// What API Gateway asks of the role by which it writes the logs of an
	// account's WebSocket APIs. Source:
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
	{Part: Part{GatewayRole, "logs of WebSocket APIs"}, service: "apigateway.amazonaws.com", bare: true, own: func(n Names) []Statement {
		return []Statement{wide("writes the logs of WebSocket APIs", "API Gateway refuses a role that cannot write all of the account's logs, whose names it makes up",
			"logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:GetLogEvents", "logs:FilterLogEvents")}
	}},
}

// Service returns what the role of a service may do, by the role's name. It
// panics for a name that is none's.
func Service(role string, n Names) []Statement {
	i := slices.IndexFunc(services, func(s service) bool { return s.Name == role })
	if i < 0 {
		panic("access: no permissions are written down for role " + role)
	}
	return withKey(n, services[i].own(n))
}
