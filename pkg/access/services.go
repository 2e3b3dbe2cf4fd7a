package access

import "slices"

// service is a service of AWS that starts upgrades by a role of its own.
type service struct {
	Part
	service string
	own     func(Names) []Statement
}

var services = []service{
	{Part{SchedulerRole, "schedules that start upgrades"}, "scheduler.amazonaws.com", func(n Names) []Statement {
		return []Statement{
			allow("starts scheduled upgrades", []string{n.Live(UpgradeMachine), n.Live(FleetMachine)}, "states:StartExecution"),
			allow("keeps schedules that could not start anything", []string{n.Queue()}, "sqs:SendMessage"),
		}
	}},
	{Part{EventsRole, "rules that start upgrades"}, "events.amazonaws.com", func(n Names) []Statement {
		return []Statement{allow("starts upgrades that an event asks for", []string{n.Live(UpgradeMachine)}, "states:StartExecution")}
	}},
}

// Service returns what the role of EventBridge or its Scheduler may do, by the
// role's name. It panics for a name that is neither's.
func Service(role string, n Names) []Statement {
	i := slices.IndexFunc(services, func(s service) bool { return s.Name == role })
	if i < 0 {
		panic("access: no permissions are written down for role " + role)
	}
	return withKey(n, services[i].own(n))
}
