package asl

import "encoding/json"

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

// callee is how AWS names what a task calls in the cause of an error.
func (r *resource) callee() string {
	if r.family == integration {
		return r.service
	}
	return r.arn
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
	var credentials TaskCredentials
	if json.Unmarshal(a.request.Credentials, &credentials) == nil && credentials.RoleArn != "" {
		d.TaskCredentials = &credentials
	}
	a.visit.record(a.prefix()+"Scheduled", &d)
}

// recordTaken notes that a worker has begun an activity's task.
func (a *attempt) recordTaken(worker string) {
	a.taken = true
	a.visit.record("ActivityStarted", &Details{WorkerName: worker})
	if a.visit.ex.status == Running {
		a.arm()
	}
}

func (a *attempt) recordStarted() {
	if a.visit.state.resource.family == integration {
		d := a.details()
		a.visit.record("TaskStarted", &d)
		return
	}
	a.visit.record(a.prefix()+"Started", nil)
}

// begun notes that a worker has taken an activity's task whose runner did not
// say so.
func (a *attempt) begun() {
	if a.visit.state.resource.family == activity && !a.taken {
		a.taken = true
		a.recordStarted()
	}
}

func (a *attempt) recordSucceeded(output string) {
	a.begun()
	a.visit.record(a.prefix()+"Succeeded", outputDetails(a.details(), output))
}

func (a *attempt) recordFailed(err *Error) {
	a.begun()
	a.visit.record(a.prefix()+"Failed", errorDetails(a.details(), err))
}

func (a *attempt) recordTimedOut(err *Error) {
	a.visit.record(a.prefix()+"TimedOut", errorDetails(a.details(), err))
}
