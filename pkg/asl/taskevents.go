package asl

// The three families of tasks have events of their own: TaskScheduled,
// LambdaFunctionScheduled and ActivityScheduled, and so on.

func (a *attempt) prefix() string {
	switch a.visit.state.resource.family {
	case lambdaFunction:
		return "LambdaFunction"
	case activity:
		return "Activity"
	}
	return "Task"
}

// details has what every event of an integration names.
func (a *attempt) details() Details {
	r := a.visit.state.resource
	return Details{ResourceType: r.service, Resource: r.action}
}

func (a *attempt) recordScheduled() {
	r := a.visit.state.resource
	d := a.details()
	if r.family == integration {
		d.Region, d.Parameters = a.visit.ex.region, string(a.request.Arguments)
	} else {
		d = *inputDetails(Details{Resource: r.arn}, string(a.request.Arguments))
	}
	if t := int64(a.request.Timeout.Seconds()); t > 0 {
		d.TimeoutInSeconds = &t
	}
	if h := int64(a.request.Heartbeat.Seconds()); h > 0 {
		d.HeartbeatSeconds = &h
	}
	a.visit.record(a.prefix()+"Scheduled", &d)
}

func (a *attempt) recordStarted() {
	if a.visit.state.resource.family == integration {
		d := a.details()
		a.visit.record("TaskStarted", &d)
		return
	}
	a.visit.record(a.prefix()+"Started", nil)
}

func (a *attempt) recordSucceeded(output string) {
	if a.visit.state.resource.family == activity {
		a.recordStarted() // a worker took it
	}
	a.visit.record(a.prefix()+"Succeeded", outputDetails(a.details(), output))
}

func (a *attempt) recordFailed(err *Error) {
	if a.visit.state.resource.family == activity {
		a.recordStarted()
	}
	a.visit.record(a.prefix()+"Failed", errorDetails(a.details(), err))
}

func (a *attempt) recordTimedOut(err *Error) {
	a.visit.record(a.prefix()+"TimedOut", errorDetails(a.details(), err))
}
