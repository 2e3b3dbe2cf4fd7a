// Package codebuild simulates AWS CodeBuild. A build really runs the commands
// of its buildspec, with bash, in a temporary folder and an environment of its
// own; phases, statuses, contexts, logs and artifacts are as in AWS.
//
// Commands run in real time while the build's timeout goes by the clock that is
// handed in: on a fast clock a slow command can time out, unless Options.Hold
// slows it. Do not hold it for builds whose commands wait for simulated
// operations: those would then take real time.
package codebuild

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/supervise"
)

// Default durations, in simulated time.
const (
	DefaultProvisioning = 10 * time.Second
	// tokenLife is how long AWS remembers an idempotency token.
	tokenLife = 5 * time.Minute
	// defaultTimeout is AWS's build timeout when a project names none.
	defaultTimeout = 60 // minutes
)

// Bucket stores artifacts.
type Bucket interface {
	// Put writes an object as the service role of a build.
	Put(ctx context.Context, role, bucket, key string, data []byte) error
}

// Bus receives events: EventBridge.
type Bus interface {
	Emit(source, detailType string, detail any, resources ...string) error
}

// Logs receives log events: CloudWatch Logs.
type Logs interface {
	Write(group, stream string, at time.Time, message string)
}

// Credentials are what a build gets for its service role.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// maxBuilds is how many builds of an account run at a time; others are queued.
const maxBuilds = 60

// Options configures a Service. Clock, Account and Region are required.
type Options struct {
	Clock           clock.Clock
	Account, Region string
	// Env is added to the environment of every build, for example
	// AWS_ENDPOINT_URL. It wins over the project's variables.
	Env map[string]string
	// Path is the PATH of builds; "" means /usr/local/bin:/usr/bin:/bin.
	Path string
	// Sources maps a source location to the local folder that is copied for
	// the build.
	Sources map[string]string
	// Artifacts receives artifacts. Nil: builds with S3 artifacts fail.
	Artifacts Bucket
	// Parameter reads an SSM parameter for env.parameter-store and variables of
	// type PARAMETER_STORE. Nil: builds that need one fail.
	Parameter func(ctx context.Context, name string) (string, error)
	// Object reads a source of type S3 that is not in Sources; nil: such builds
	// fail.
	Object func(bucket, key string) ([]byte, error)
	// Issue makes the credentials of a session of the service role; nil: builds
	// get only those of Env.
	Issue func(roleArn, sessionName string) Credentials
	// Events receives the changes of builds and phases; Logs what builds write.
	// Both can be nil.
	Events Bus
	Logs   Logs
	// Hold is taken while a build's commands run; nil: nothing is.
	Hold func() func()
	// HoldOnly are the projects whose builds take Hold; nil: all.
	HoldOnly []string
	// HoldTransfers is taken while the source is copied and artifacts are stored,
	// which is real work that waits for nothing simulated; nil: nothing is.
	HoldTransfers func() func()
	// MaxBuilds is how many builds run at a time; 0 means 60.
	MaxBuilds int
	// TempDir is where builds get their folders; "" means os.TempDir().
	TempDir string
	// Provisioning is how long it takes until a build's container runs; zero
	// means DefaultProvisioning, negative none.
	Provisioning time.Duration
}

// Service is the simulated CodeBuild. It is safe for concurrent use. Close it:
// builds are processes.
type Service struct {
	opts    Options
	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	projects map[string]*types.Project
	builds   map[string]*build // by id
	order    []*build
	numbers  map[string]int64 // last build number, by project
	seq      int
	busy     int             // builds that have left the queue
	queue    []chan struct{} // of those that wait, first come first served

	processes sync.Mutex // guards what follows
	super     *supervise.Supervisor
	dir       string
}

// build is one build. Its types.Build is replaced in part, never modified in
// depth: answers may share its pointers.
type build struct {
	types.Build
	token, request string // idempotency token and what it was used for
	spec           string // buildspec: text, or path within the source
	artifacts      types.ProjectArtifacts
	stop           context.CancelCauseFunc
	done           chan struct{}
	logs           logs
	group, stream  string // of its log; "" for none
	input          sdk.StartBuildInput
}

// New returns a CodeBuild without projects.
func New(o Options) *Service {
	if o.Path == "" {
		o.Path = "/usr/local/bin:/usr/bin:/bin"
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	if o.MaxBuilds == 0 {
		o.MaxBuilds = maxBuilds
	}
	if o.Hold == nil {
		o.Hold = func() func() { return func() {} }
	}
	if o.HoldTransfers == nil {
		o.HoldTransfers = func() func() { return func() {} }
	}
	if o.Provisioning == 0 {
		o.Provisioning = DefaultProvisioning
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Service{opts: o, ctx: ctx, cancel: cancel,
		projects: map[string]*types.Project{}, builds: map[string]*build{}, numbers: map[string]int64{}}
}

// Close stops all builds, kills their processes and waits until they are gone.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(errStopped)
	s.running.Wait()
	s.processes.Lock()
	defer s.processes.Unlock()
	if s.super != nil {
		// All of its processes are gone, and so are their folders: there is nothing
		// left that could fail and matter.
		_ = s.super.Close()
		s.super = nil
	}
}

// supervisor returns the supervisor of processes and the folder of builds, which
// are made for the first build.
func (s *Service) supervisor() (*supervise.Supervisor, string, error) {
	s.processes.Lock()
	defer s.processes.Unlock()
	if s.super != nil {
		return s.super, s.dir, nil
	}
	dir, err := os.MkdirTemp(s.opts.TempDir, "codebuild-")
	if err != nil {
		return nil, "", err
	}
	super, err := supervise.New(dir)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	s.super, s.dir = super, dir
	return super, dir, nil
}

// Wait waits until a build is complete and returns it.
func (s *Service) Wait(ctx context.Context, id string) (types.Build, error) {
	s.mu.Lock()
	b := s.builds[id]
	s.mu.Unlock()
	if b == nil {
		return types.Build{}, fmt.Errorf("codebuild: no build %s", id)
	}
	select {
	case <-b.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return b.Build, nil
	case <-ctx.Done():
		return types.Build{}, ctx.Err()
	}
}

// Logs returns what a build has written so far, "" for an unknown build.
func (s *Service) Logs(id string) string {
	s.mu.Lock()
	b := s.builds[id]
	s.mu.Unlock()
	if b == nil {
		return ""
	}
	return b.logs.String()
}

// uuid returns an id that is the same in every run that makes the same calls.
func (s *Service) uuid() string {
	s.seq++
	h := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "codebuild/%s/%s/%d", s.opts.Account, s.opts.Region, s.seq)))
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:32]}, "-")
}

func (s *Service) arn(kind, name string) string {
	return fmt.Sprintf("arn:aws:codebuild:%s:%s:%s/%s", s.opts.Region, s.opts.Account, kind, name)
}

func (s *Service) now() *time.Time { return ptr(s.opts.Clock.Now()) }

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
