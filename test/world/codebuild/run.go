package codebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
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
	result := r.phases()
	if cleanup := r.remove(); cleanup != nil && result == types.StatusTypeSucceeded {
		result = types.StatusTypeFault
		r.service.mu.Lock()
		last := len(r.build.Phases) - 1
		r.build.Phases = slices.Clone(r.build.Phases)
		r.build.Phases[last].Contexts = []types.PhaseContext{{StatusCode: ptr("FAULT"), Message: ptr(cleanup.Error())}}
		r.service.mu.Unlock()
	}
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
	prepared := step(types.BuildPhaseTypeSubmitted, nothing) && step(types.BuildPhaseTypeQueued, nothing) &&
		step(types.BuildPhaseTypeProvisioning, r.provision) && step(types.BuildPhaseTypeDownloadSource, r.download)
	if prepared {
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
		f = work()
		// What was killed reports a failure of its own: the cause counts.
		if cause := r.interrupted(); cause != nil {
			f = cause
		}
	}
	if f == nil {
		f = &failure{status: types.StatusTypeSucceeded}
	}
	r.build.logs.printf("[Container] Phase complete: %s State: %s\n", typ, f.status)
	if f.message != "" {
		r.build.logs.printf("[Container] Phase context status code: %s Message: %s\n", f.code, f.message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.opts.Clock.Now()
	b.Phases = slices.Clone(b.Phases)
	b.Phases[index] = types.BuildPhase{PhaseType: typ, PhaseStatus: f.status, StartTime: ptr(started), EndTime: ptr(ended),
		DurationInSeconds: ptr(int64(ended.Sub(started) / time.Second)),
		Contexts:          []types.PhaseContext{{StatusCode: ptr(f.code), Message: ptr(f.message)}}}
	return f.status
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
	case errors.Is(cause, errTimedOut):
		return &failure{types.StatusTypeTimedOut, "BUILD_TIMED_OUT", "Build has timed out. "}
	default:
		return &failure{types.StatusTypeStopped, "STOPPED", "Build was stopped by a request"}
	}
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
	dir, err := os.MkdirTemp(r.service.opts.TempDir, "codebuild-")
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
	if b.Source.Type != types.SourceTypeNoSource {
		from, ok := r.service.opts.Sources[value(b.Source.Location)]
		if !ok {
			return failed("CLIENT_ERROR", "no source folder is set for location %s", value(b.Source.Location))
		}
		if err := os.CopyFS(r.src(), os.DirFS(from)); err != nil {
			return failed("CLIENT_ERROR", "copy source %s: %v", value(b.Source.Location), err)
		}
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
