package codebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/unpack"
)

// runner carries one build through its phases.
type runner struct {
	service *Service
	build   *build
	ctx     context.Context // ends with errStopped or errTimedOut

	dir  string // the build's temporary folder
	spec *Buildspec
	env  []string
}

// failure is why a phase failed, as its context tells it.
type failure struct {
	status        types.StatusType // FAILED or FAULT
	code, message string
}

func failed(code, format string, args ...any) *failure {
	return &failure{types.StatusTypeFailed, code, fmt.Sprintf(format, args...)}
}

func fault(err error) *failure { return &failure{types.StatusTypeFault, "FAULT", err.Error()} }

// run runs all phases and completes the build.
func (r *runner) run() {
	r.announce(types.StatusTypeInProgress)
	result := r.phases()
	if cleanup := r.remove(); cleanup != nil && result == types.StatusTypeSucceeded {
		result = types.StatusTypeFault
		r.service.mu.Lock()
		last := len(r.build.Phases) - 1
		r.build.Phases = slices.Clone(r.build.Phases)
		r.build.Phases[last].Contexts = []types.PhaseContext{{StatusCode: ptr("FAULT"), Message: ptr(cleanup.Error())}}
		r.service.mu.Unlock()
	}
	r.complete(result)
	r.announcePhase(r.build.Phases[len(r.build.Phases)-1])
	r.announce(result)
}

// complete closes the build.
func (r *runner) complete(result types.StatusType) {
	s, b := r.service, r.build
	s.mu.Lock()
	defer s.mu.Unlock()
	b.BuildStatus, b.BuildComplete, b.EndTime = result, true, s.now()
	b.CurrentPhase = ptr(string(types.BuildPhaseTypeCompleted))
	b.Phases = append(slices.Clone(b.Phases), types.BuildPhase{PhaseType: types.BuildPhaseTypeCompleted, StartTime: s.now()})
}

// phases runs the phases in AWS's order of transitions: a failure before BUILD
// skips what follows; POST_BUILD runs after a failed BUILD unless that aborts;
// artifacts are uploaded after a POST_BUILD that worked. A build in which any
// phase failed has failed, also with on-failure: CONTINUE.
func (r *runner) phases() types.StatusType {
	result := types.StatusTypeSucceeded
	step := func(typ types.BuildPhaseType, work func() *failure) (ok bool) {
		status := r.phase(typ, work)
		if status != types.StatusTypeSucceeded && result == types.StatusTypeSucceeded {
			result = status
		}
		return status == types.StatusTypeSucceeded
	}
	queued := step(types.BuildPhaseTypeSubmitted, nothing) && step(types.BuildPhaseTypeQueued, r.enqueue)
	if queued {
		defer r.service.dequeue()
		timeout := r.service.opts.Clock.AfterFunc(time.Duration(*r.build.TimeoutInMinutes)*time.Minute, func() { r.build.stop(errTimedOut) })
		defer timeout()
	}
	provisioned := queued && step(types.BuildPhaseTypeProvisioning, r.provision)
	if only := r.service.opts.HoldOnly; provisioned && (only == nil || slices.Contains(only, value(r.build.ProjectName))) {
		defer r.service.opts.Hold()()
	}
	if provisioned && step(types.BuildPhaseTypeDownloadSource, r.download) {
		upload := true
		for _, p := range r.spec.Phases.all() {
			upload = step(p.typ, func() *failure { return r.commands(p, result == types.StatusTypeSucceeded) })
			if upload {
				continue
			}
			if r.ctx.Err() != nil || result == types.StatusTypeFault {
				break
			}
			on := p.onFailure()
			if on != "CONTINUE" && (on == "ABORT" || p.typ != types.BuildPhaseTypeBuild) {
				break
			}
		}
		if upload && r.ctx.Err() == nil {
			step(types.BuildPhaseTypeUploadArtifacts, r.upload)
		}
	}
	r.phaseAlways(types.BuildPhaseTypeFinalizing)
	return result
}

func nothing() *failure { return nil }

// inContainer reports whether a phase happens in the build's container, whose
// log tells of it.
func inContainer(typ types.BuildPhaseType) bool {
	switch typ {
	case types.BuildPhaseTypeSubmitted, types.BuildPhaseTypeQueued, types.BuildPhaseTypeProvisioning, types.BuildPhaseTypeFinalizing:
		return false
	}
	return true
}

// phase runs one phase and records it.
func (r *runner) phase(typ types.BuildPhaseType, work func() *failure) types.StatusType {
	s, b := r.service, r.build
	s.mu.Lock()
	started := s.opts.Clock.Now()
	b.CurrentPhase = ptr(string(typ))
	index := len(b.Phases)
	b.Phases = append(slices.Clone(b.Phases), types.BuildPhase{PhaseType: typ, StartTime: ptr(started)})
	s.mu.Unlock()

	f := r.interrupted()
	if f == nil {
		if inContainer(typ) && typ != types.BuildPhaseTypeDownloadSource {
			r.build.logs.printf("[Container] Entering phase %s\n", typ)
		}
		f = work()
		// What was killed reports a failure of its own: the cause counts.
		if cause := r.interrupted(); cause != nil {
			f = cause
		}
	}
	if f == nil {
		f = &failure{status: types.StatusTypeSucceeded}
	}
	if inContainer(typ) || f.status != types.StatusTypeSucceeded {
		r.build.logs.printf("[Container] Phase complete: %s State: %s\n", typ, f.status)
		r.build.logs.printf("[Container] Phase context status code: %s Message: %s\n", f.code, f.message)
	}
	r.writeLog(true)
	r.announcePhase(r.record(index, typ, started, f))
	return f.status
}

// record notes how a phase ended.
func (r *runner) record(index int, typ types.BuildPhaseType, started time.Time, f *failure) types.BuildPhase {
	s, b := r.service, r.build
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.opts.Clock.Now()
	b.Phases = slices.Clone(b.Phases)
	b.Phases[index] = types.BuildPhase{PhaseType: typ, PhaseStatus: f.status, StartTime: ptr(started), EndTime: ptr(ended),
		DurationInSeconds: ptr(int64(ended.Sub(started) / time.Second)),
		Contexts:          []types.PhaseContext{{StatusCode: ptr(f.code), Message: ptr(f.message)}}}
	return b.Phases[index]
}

// phaseAlways records a phase that also ends a stopped build.
func (r *runner) phaseAlways(typ types.BuildPhaseType) {
	ctx := r.ctx
	r.ctx = context.Background()
	r.phase(typ, nothing)
	r.ctx = ctx
}

// interrupted tells how the build ended early, if it did.
func (r *runner) interrupted() *failure {
	switch cause := context.Cause(r.ctx); {
	case cause == nil:
		return nil
	case errors.Is(cause, errQueued):
		return &failure{types.StatusTypeTimedOut, "BUILD_TIMED_OUT", "Build has timed out while it was queued. "}
	case errors.Is(cause, errTimedOut):
		return &failure{types.StatusTypeTimedOut, "BUILD_TIMED_OUT", "Build has timed out. "}
	default:
		return &failure{types.StatusTypeStopped, "STOPPED", "Build was stopped by a request"}
	}
}

// enqueue waits until the account may run one more build.
func (r *runner) enqueue() *failure {
	s := r.service
	s.mu.Lock()
	if s.busy < s.opts.MaxBuilds {
		s.busy++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.mu.Unlock()
	stop := s.opts.Clock.AfterFunc(time.Duration(*r.build.QueuedTimeoutInMinutes)*time.Minute, func() { r.build.stop(errQueued) })
	defer stop()
	select {
	case <-turn:
		if r.ctx.Err() != nil { // both at once: the place is for the next one
			s.dequeue()
		}
		return nil
	case <-r.ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(s.queue, turn)
	if i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	s.mu.Unlock()
	if i < 0 { // its turn has come meanwhile
		s.dequeue()
	}
	return nil // phase tells how the build ended
}

// dequeue gives a build's place to the one that has waited longest.
func (s *Service) dequeue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.busy--
		return
	}
	close(s.queue[0])
	s.queue = s.queue[1:]
}

func (r *runner) provision() *failure {
	if d := r.service.opts.Provisioning; d > 0 {
		// Only the build's own end interrupts the wait; phase sees to that.
		_ = clock.Sleep(r.ctx, r.service.opts.Clock, d)
	}
	return nil
}

// download makes the build's folder, copies the source into it, reads the
// buildspec and gathers the environment.
func (r *runner) download() *failure {
	defer r.service.opts.HoldTransfers()()
	_, root, err := r.service.supervisor()
	if err != nil {
		return fault(err)
	}
	dir, err := os.MkdirTemp(root, "build-")
	if err != nil {
		return fault(err)
	}
	r.dir = dir
	for _, sub := range []string{"src", "home", "tmp", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return fault(err)
		}
	}
	if err := r.build.logs.open(filepath.Join(dir, "log")); err != nil {
		return fault(err)
	}
	b := r.build
	if f := r.source(); f != nil {
		return f
	}
	text := []byte(b.spec)
	if !inline(b.spec) {
		path := b.spec
		if path == "" {
			path = "buildspec.yml"
		}
		if !filepath.IsLocal(path) {
			return failed("YAML_FILE_ERROR", "buildspec path %s is outside the source", path)
		}
		if text, err = os.ReadFile(filepath.Join(r.src(), path)); err != nil {
			return failed("YAML_FILE_ERROR", "stat %s: no such file or directory", path)
		}
	}
	if r.spec, err = ParseBuildspec(text); err != nil {
		return failed("YAML_FILE_ERROR", "YAML_FILE_ERROR: %v", err)
	}
	return r.environment()
}

// maxSource bounds what a source zip may hold, in bytes.
const maxSource = 1 << 30

// source copies the local folder of the source, or unpacks it from S3.
func (r *runner) source() *failure {
	source, location := r.build.Source, value(r.build.Source.Location)
	if source.Type == types.SourceTypeNoSource {
		return nil
	}
	if from, ok := r.service.opts.Sources[location]; ok {
		if err := os.CopyFS(r.src(), os.DirFS(from)); err != nil {
			return failed("CLIENT_ERROR", "copy source %s: %v", location, err)
		}
		return nil
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(location, "arn:aws:s3:::"), "/")
	if source.Type != types.SourceTypeS3 || !ok || strings.HasSuffix(key, "/") || r.service.opts.Object == nil {
		return failed("CLIENT_ERROR", "no source folder is set for location %s", location)
	}
	data, err := r.service.opts.Object(bucket, key)
	if err == nil {
		err = unpack.To(r.src(), data, maxSource)
	}
	if err != nil {
		return failed("CLIENT_ERROR", "%v for primary source and source version %s", err, value(r.build.SourceVersion))
	}
	return nil
}

func (r *runner) src() string { return filepath.Join(r.dir, "src") }

// remove keeps the log in memory and deletes the build's folder.
func (r *runner) remove() error {
	if r.dir == "" {
		return nil
	}
	if err := r.build.logs.close(); err != nil {
		return errors.Join(err, os.RemoveAll(r.dir))
	}
	err := os.RemoveAll(r.dir)
	// Killed processes may write for an instant longer. This is real time:
	// processes do not live by the simulated clock.
	for try := 0; err != nil && try < 50; try++ {
		time.Sleep(20 * time.Millisecond)
		err = os.RemoveAll(r.dir)
	}
	return err
}
