package codebuild

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// eventTime is how CodeBuild writes times in its events (source: "Build
// notifications input format reference").
const eventTime = "Jan 2, 2006 3:04:05 PM"

// announce puts a change of the build's status on the bus.
func (r *runner) announce(status types.StatusType) {
	r.emit("CodeBuild Build State Change", func(b *types.Build) map[string]any {
		phase := types.BuildPhase{}
		if len(b.Phases) > 0 {
			phase = b.Phases[len(b.Phases)-1]
		}
		current := "SUBMITTED"
		if b.BuildComplete {
			current = string(types.BuildPhaseTypeCompleted)
		}
		return map[string]any{"build-status": status, "current-phase": current, "current-phase-context": contexts(phase)}
	})
}

// announcePhase puts the end of a phase on the bus.
func (r *runner) announcePhase(p types.BuildPhase) {
	status := p.PhaseStatus
	r.emit("CodeBuild Build Phase Change", func(b *types.Build) map[string]any {
		if p.PhaseType == types.BuildPhaseTypeCompleted {
			status = b.BuildStatus
		}
		d := map[string]any{"completed-phase": p.PhaseType, "completed-phase-status": status, "completed-phase-context": contexts(p),
			"completed-phase-start": p.StartTime.Format(eventTime), "completed-phase-duration-seconds": value(p.DurationInSeconds)}
		if p.EndTime != nil {
			d["completed-phase-end"] = p.EndTime.Format(eventTime)
		}
		return d
	})
}

func (r *runner) emit(detailType string, own func(b *types.Build) map[string]any) {
	s := r.service
	if s.opts.Events == nil {
		return
	}
	s.mu.Lock()
	b := r.build.Build
	s.mu.Unlock()
	detail := own(&b)
	detail["project-name"], detail["build-id"], detail["version"], detail["additional-information"] = *b.ProjectName, *b.Arn, "1", information(&b)
	if err := s.opts.Events.Emit("aws.codebuild", detailType, detail, *b.Arn); err != nil {
		r.build.logs.printf("[Container] the event %s is lost: %v\n", detailType, err)
	}
}

// contexts writes a phase's contexts as CodeBuild's events do: as text.
func contexts(p types.BuildPhase) string {
	text := "["
	for i, c := range p.Contexts {
		if i > 0 {
			text += ", "
		}
		if value(c.StatusCode) != "" {
			text += value(c.StatusCode)
		}
		text += ": " + value(c.Message)
	}
	return text + "]"
}

// information is what both events say of the build.
func information(b *types.Build) map[string]any {
	variables := []map[string]any{}
	for _, v := range b.Environment.EnvironmentVariables {
		kind := v.Type
		if kind == "" {
			kind = types.EnvironmentVariableTypePlaintext
		}
		variables = append(variables, map[string]any{"name": *v.Name, "type": kind, "value": *v.Value})
	}
	phases := []map[string]any{}
	for _, p := range slices.Clone(b.Phases) {
		phase := map[string]any{"phase-type": p.PhaseType, "start-time": p.StartTime.Format(eventTime)}
		if p.EndTime != nil {
			phase["end-time"], phase["duration-in-seconds"], phase["phase-status"] = p.EndTime.Format(eventTime), value(p.DurationInSeconds), p.PhaseStatus
			phase["phase-context"] = []string{}
			for _, c := range p.Contexts {
				phase["phase-context"] = append(phase["phase-context"].([]string), value(c.StatusCode)+": "+value(c.Message))
			}
		}
		phases = append(phases, phase)
	}
	source := map[string]any{"type": b.Source.Type}
	if b.Source.Location != nil {
		source["location"] = *b.Source.Location
	}
	info := map[string]any{
		"build-complete": b.BuildComplete, "build-number": value(b.BuildNumber), "build-start-time": b.StartTime.Format(eventTime), "initiator": value(b.Initiator),
		"timeout-in-minutes": value(b.TimeoutInMinutes), "queued-timeout-in-minutes": value(b.QueuedTimeoutInMinutes), "phases": phases, "source": source,
		"artifact": map[string]any{"location": value(b.Artifacts.Location), "md5sum": value(b.Artifacts.Md5sum), "sha256sum": value(b.Artifacts.Sha256sum)},
		"environment": map[string]any{"image": value(b.Environment.Image), "compute-type": b.Environment.ComputeType, "type": b.Environment.Type,
			"privileged-mode": value(b.Environment.PrivilegedMode), "environment-variables": variables},
		"logs": map[string]any{"group-name": value(b.Logs.GroupName), "stream-name": value(b.Logs.StreamName), "deep-link": value(b.Logs.DeepLink)},
	}
	if b.EndTime != nil {
		info["build-end-time"] = b.EndTime.Format(eventTime)
	}
	exported := []map[string]any{}
	for _, e := range b.ExportedEnvironmentVariables {
		exported = append(exported, map[string]any{"name": value(e.Name), "value": value(e.Value)})
	}
	if len(exported) > 0 {
		info["exported-environment-variables"] = exported
	}
	return info
}
