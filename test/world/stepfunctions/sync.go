package stepfunctions

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// A .sync task looks after its job this often: while the job waits, and while
// it works in real time.
const (
	pollWaiting = time.Second
	pollWorking = 100 * time.Millisecond
)

// startBuild starts a build and waits until it is complete.
func (t *tasks) startBuild(req asl.TaskRequest, done func(asl.TaskResult)) {
	out, err := t.api(integration{"codebuild", "startBuild", false}, req.Arguments)
	if err != nil {
		done(asl.TaskResult{Err: err})
		return
	}
	var started struct{ Build struct{ Id string } }
	if err := json.Unmarshal(out, &started); err != nil || started.Build.Id == "" {
		done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: "CodeBuild started no build"}})
		return
	}
	submitted(req, out)
	p := &buildPoll{t: t, id: started.Build.Id, done: done, release: func() {}}
	p.poll()
}

func submitted(req asl.TaskRequest, out json.RawMessage) {
	if req.Submitted != nil {
		req.Submitted(out)
	}
}

// buildPoll looks after a build without making API calls: AWS hears of it by
// an event.
type buildPoll struct {
	t       *tasks
	id      string
	done    func(asl.TaskResult)
	working bool
	release func() // of the clock's hold
}

func (p *buildPoll) end(r asl.TaskResult) {
	p.done(r)
	p.release()
}

func (p *buildPoll) poll() {
	s := p.t.s
	out, err := s.o.Mux.Peek(&wire.Call{Context: context.Background(), Service: "codebuild", Operation: "BatchGetBuilds",
		Region: s.o.Region, Time: s.o.Clock.Now()}, &codebuild.BatchGetBuildsInput{Ids: []string{p.id}})
	if err != nil {
		p.end(asl.TaskResult{Err: &asl.Error{Name: asl.ErrTaskFailed, Cause: wire.Describe(err).Message}})
		return
	}
	builds := out.(*codebuild.BatchGetBuildsOutput).Builds
	if len(builds) != 1 {
		p.end(asl.TaskResult{Err: &asl.Error{Name: asl.ErrTaskFailed, Cause: "the build " + p.id + " is gone"}})
		return
	}
	b := builds[0]
	if b.BuildStatus == cbtypes.StatusTypeInProgress {
		p.again(aws.ToString(b.CurrentPhase))
		return
	}
	body, err := wire.ToPascal(&codebuild.StartBuildOutput{Build: &b})
	if err != nil {
		p.end(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}})
		return
	}
	if b.BuildStatus != cbtypes.StatusTypeSucceeded {
		p.end(asl.TaskResult{Err: &asl.Error{Name: asl.ErrTaskFailed, Cause: string(body)}})
		return
	}
	p.end(asl.TaskResult{Output: body})
}

func (p *buildPoll) again(phase string) {
	switch cbtypes.BuildPhaseType(phase) {
	case "", cbtypes.BuildPhaseTypeSubmitted, cbtypes.BuildPhaseTypeQueued, cbtypes.BuildPhaseTypeProvisioning:
		p.t.s.o.Clock.AfterFunc(pollWaiting, p.poll)
		return
	}
	if !p.working && p.t.s.o.Hold != nil {
		p.release = p.t.s.o.Hold()
	}
	p.working = true
	p.t.s.o.Clock.AfterFunc(pollWorking, p.poll)
}

// startExecution starts a child execution and waits for its end; sync gives
// its output as text, sync:2 as JSON.
func (t *tasks) startExecution(req asl.TaskRequest, pattern string, done func(asl.TaskResult)) {
	out, apiErr := t.api(integration{"states", "startExecution", false}, req.Arguments)
	if apiErr != nil {
		done(asl.TaskResult{Err: apiErr})
		return
	}
	var started struct{ ExecutionArn string }
	if err := json.Unmarshal(out, &started); err != nil {
		done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: err.Error()}})
		return
	}
	t.s.mu.Lock()
	child := t.s.executions[started.ExecutionArn]
	t.s.mu.Unlock()
	if child == nil {
		done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrRuntime, Cause: "the execution " + started.ExecutionArn + " is gone"}})
		return
	}
	submitted(req, out)
	t.s.whenEnded(child, func(e *execution) {
		m := map[string]any{
			"ExecutionArn": e.arn, "Name": e.name, "StateMachineArn": e.machineArn, "Status": e.run.Status(),
			"StartDate": e.started.UnixMilli(), "StopDate": e.stopped().UnixMilli(),
			"Input": textOrJSON(e.input, pattern), "Output": textOrJSON(e.run.Output(), pattern),
		}
		if err := e.run.Err(); err != nil {
			m["Error"], m["Cause"] = err.Name, err.Cause
		}
		if e.run.Status() != asl.Succeeded {
			done(asl.TaskResult{Err: &asl.Error{Name: asl.ErrTaskFailed, Cause: string(mustJSON(m))}})
			return
		}
		done(asl.TaskResult{Output: mustJSON(m)})
	})
}

func textOrJSON(raw json.RawMessage, pattern string) any {
	switch {
	case raw == nil:
		return nil
	case strings.HasSuffix(pattern, ":2"):
		return raw
	}
	return aws.String(string(raw))
}
