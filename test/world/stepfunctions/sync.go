package stepfunctions

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// A .sync task looks after its job this often: while the job waits, and while
// it works in real time.
const (
	pollWaiting = time.Second
	pollWorking = 100 * time.Millisecond
	pollSlow    = 15 * time.Second // of jobs that take many minutes
)

func (a *attempt) submitted(out json.RawMessage) {
	if a.req.Submitted != nil {
		a.req.Submitted(out)
	}
}

// quiet calls an operation as AWS does inside itself: AWS hears of the end of a
// job by an event, not by asking.
func (s *Service) quiet(service, operation string, in any) (any, error) {
	return s.o.Mux.Peek(&wire.Call{Context: context.Background(), Service: service, Operation: operation, Region: s.o.Region, Time: s.o.Clock.Now()}, in)
}

// startBuild starts a build and waits until it is complete. Given up, it stops
// the build.
func (a *attempt) startBuild(i integration) {
	out, err := a.api(i, a.req.Arguments)
	if err != nil {
		a.fail(err)
		return
	}
	var started struct{ Build struct{ Id string } }
	if err := json.Unmarshal(out, &started); err != nil || started.Build.Id == "" {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: "CodeBuild started no build"})
		return
	}
	a.submitted(out)
	p := &buildPoll{a: a, id: started.Build.Id, release: func() {}}
	a.onAbandon(p.stop)
	p.poll()
}

// buildPoll looks after a build.
type buildPoll struct {
	a       *attempt
	id      string
	working bool
	release func() // of the clock's hold
}

// stop stops the build of a task that was given up; the next look ends the
// poll.
func (p *buildPoll) stop() {
	i := integration{service: "codebuild", action: "stopBuild"}
	// The build may have ended by itself: then there is nothing to stop.
	_, _ = p.a.s.o.Mux.Invoke(p.a.call(i), &codebuild.StopBuildInput{Id: &p.id})
}

func (p *buildPoll) end(r asl.TaskResult) {
	p.a.done(r)
	p.release()
}

func (p *buildPoll) poll() {
	out, err := p.a.s.quiet("codebuild", "BatchGetBuilds", &codebuild.BatchGetBuildsInput{Ids: []string{p.id}})
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
		p.a.s.o.Clock.AfterFunc(pollWaiting, p.poll)
		return
	}
	if !p.working && p.a.s.o.Hold != nil {
		p.release = p.a.s.o.Hold()
	}
	p.working = true
	p.a.s.o.Clock.AfterFunc(pollWorking, p.poll)
}

// startExecution starts a child execution and waits for its end; sync gives
// its input and output as text, sync:2 as JSON. Given up, it stops the child.
func (a *attempt) startExecution(i integration) {
	out, apiErr := a.api(i, a.req.Arguments)
	if apiErr != nil {
		a.fail(apiErr)
		return
	}
	var started struct{ ExecutionArn string }
	if err := json.Unmarshal(out, &started); err != nil {
		a.fail(&asl.Error{Name: asl.ErrRuntime, Cause: err.Error()})
		return
	}
	a.s.mu.Lock()
	child := a.s.executions[started.ExecutionArn]
	a.s.mu.Unlock()
	if child == nil { // an Express workflow: AWS cannot wait for it
		a.fail(&asl.Error{Name: "StepFunctions.StateMachineTypeNotSupportedException", Cause: "This operation is not supported by this type of state machine"})
		return
	}
	a.submitted(out)
	a.onAbandon(func() { child.run.Stop("", "") })
	a.s.whenEnded(child, func(e *execution) {
		m := e.described(i.pattern)
		if e.run.Status() != asl.Succeeded {
			a.fail(&asl.Error{Name: asl.ErrTaskFailed, Cause: string(mustJSON(m))})
			return
		}
		a.done(asl.TaskResult{Output: mustJSON(m)})
	})
}

// described is DescribeExecution's answer as .sync tasks give it.
func (e *execution) described(pattern string) map[string]any {
	data := func(raw json.RawMessage) any {
		if pattern == runJob2 {
			return raw
		}
		return string(raw)
	}
	i := e.run.Info()
	included := map[string]bool{"Included": true}
	m := map[string]any{
		"ExecutionArn": e.arn, "Name": e.name, "StateMachineArn": e.machineArn, "Status": i.Status,
		"StartDate": i.Started.UnixMilli(), "StopDate": i.Stopped.UnixMilli(), "Input": data(e.input), "InputDetails": included,
		"RedriveCount": i.RedriveCount, "RedriveStatus": i.Redrive,
	}
	if i.RedriveReason != "" {
		m["RedriveStatusReason"] = i.RedriveReason
	}
	if out := e.run.Output(); out != nil {
		m["Output"], m["OutputDetails"] = data(out), included
	}
	if err := e.run.Err(); err != nil {
		m["Error"], m["Cause"] = err.Name, err.Cause
	}
	for key, arn := range map[string]*string{"StateMachineVersionArn": e.versionArn, "StateMachineAliasArn": e.aliasArn} {
		if arn != nil {
			m[key] = *arn
		}
	}
	return m
}

// eksJobs lists the .sync actions on EKS: what is looked at, and in which
// statuses it is done or has failed. "" is for a resource that is gone.
var eksJobs = map[string]struct {
	describe     string
	done, failed []string
}{
	"createCluster":        {"DescribeCluster", []string{"ACTIVE"}, []string{"FAILED", ""}},
	"deleteCluster":        {"DescribeCluster", []string{""}, []string{"FAILED"}},
	"createNodegroup":      {"DescribeNodegroup", []string{"ACTIVE"}, []string{"CREATE_FAILED", "DEGRADED", ""}},
	"deleteNodegroup":      {"DescribeNodegroup", []string{""}, []string{"DELETE_FAILED"}},
	"createFargateProfile": {"DescribeFargateProfile", []string{"ACTIVE"}, []string{"CREATE_FAILED", ""}},
	"deleteFargateProfile": {"DescribeFargateProfile", []string{""}, []string{"DELETE_FAILED"}},
}

// eksJob changes a cluster, a node group or a Fargate profile and waits until
// that is done.
func (a *attempt) eksJob(i integration) {
	job, ok := eksJobs[i.action]
	if !ok {
		a.fail(notServed(i))
		return
	}
	out, err := a.api(i, a.req.Arguments)
	if err != nil {
		a.fail(err)
		return
	}
	a.submitted(out)
	var look func()
	look = func() {
		a.mu.Lock()
		over := a.cancelled
		a.mu.Unlock()
		if over {
			return
		}
		status, body, err := a.eksStatus(job.describe)
		switch {
		case err != nil:
			a.fail(&asl.Error{Name: asl.ErrTaskFailed, Cause: wire.Describe(err).Message})
		case slices.Contains(job.failed, status):
			a.fail(&asl.Error{Name: asl.ErrTaskFailed, Cause: string(body)})
		case !slices.Contains(job.done, status):
			a.s.o.Clock.AfterFunc(pollSlow, look)
		case status == "":
			a.done(asl.TaskResult{Output: out})
		default:
			a.done(asl.TaskResult{Output: body})
		}
	}
	look()
}

// eksStatus looks at what the task's arguments name.
func (a *attempt) eksStatus(describe string) (status string, body json.RawMessage, err error) {
	var named struct{ Name, ClusterName, NodegroupName, FargateProfileName string }
	if err := json.Unmarshal(a.req.Arguments, &named); err != nil {
		return "", nil, err
	}
	var in any
	switch describe {
	case "DescribeCluster":
		in = &eks.DescribeClusterInput{Name: &named.Name}
	case "DescribeNodegroup":
		in = &eks.DescribeNodegroupInput{ClusterName: &named.ClusterName, NodegroupName: &named.NodegroupName}
	default:
		in = &eks.DescribeFargateProfileInput{ClusterName: &named.ClusterName, FargateProfileName: &named.FargateProfileName}
	}
	out, err := a.s.quiet("eks", describe, in)
	if err != nil {
		if wire.Describe(err).Code == "ResourceNotFoundException" {
			return "", json.RawMessage("{}"), nil
		}
		return "", nil, err
	}
	switch out := out.(type) {
	case *eks.DescribeClusterOutput:
		status = string(out.Cluster.Status)
	case *eks.DescribeNodegroupOutput:
		status = string(out.Nodegroup.Status)
	case *eks.DescribeFargateProfileOutput:
		status = string(out.FargateProfile.Status)
	}
	body, err = wire.ToPascal(out)
	return status, body, err
}
