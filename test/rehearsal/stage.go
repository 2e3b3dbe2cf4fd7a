package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	sdkbuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/config"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/controlplane"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/scripts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster/eksbackend"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/traffic"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/codebuild"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

// begin is when every rehearsal takes place.
var begin = time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC)

// sourceLocation is where the CodeBuild projects take their source from.
const sourceLocation = "https://github.com/eks-upgrade-agent/eks-upgrade-agent.git"

// stage is everything around the agent: the simulated AWS, the clusters, the
// users.
type stage struct {
	o        Options
	clock    *clock.Fast
	world    *world.World
	eks      *eks.Service
	ec2      *ec2.Service
	route53  *route53.Service
	builds   *codebuild.Service
	services *full.Services // the four above
	fleet    *cluster.Fleet
	aws      aws.Config // of whoever owns the cluster
	config   config.Config
	zone     string // hosted zone id
	machine  string // state machine ARN

	balancers balancers
	proxy     *proxy
	meter     *meter
	load      *traffic.Load
	ledger    *ledger
	files     []io.Closer

	events sync.Mutex  // one event at a time
	killed atomic.Bool // green's API server was

	mu        sync.Mutex
	faults    []string       // that were put in
	execution string         // ARN
	created   []func() error // run once green's control plane is there
	shifted   []func(upgrade.Weights)
	history   []split

	begun  chan struct{} // closed when the execution is known
	work   sync.WaitGroup
	ctx    context.Context // of what runs in the background
	cancel context.CancelCauseFunc
}

// split is the weights from an instant on.
type split struct {
	at      time.Time
	weights upgrade.Weights
}

// newStage sets the stage without starting a cluster.
func newStage(o Options, assets cluster.Assets) (*stage, error) {
	clk, err := clock.NewFast(begin, o.Speed)
	if err != nil {
		return nil, err
	}
	s := &stage{o: o, clock: clk, balancers: balancers{address: map[string]string{}}, begun: make(chan struct{}), ledger: &ledger{hours: map[string]bool{}}}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if s.proxy, err = newProxy(s.balancers.lookup); err != nil {
		return nil, err
	}
	if s.world, err = world.New(world.Options{Clock: clk, Hold: clk.Hold, Seed: o.Seed, IAM: true,
		FunctionEnv: map[string]string{"HTTP_PROXY": s.proxy.url()}}); err != nil {
		return nil, errors.Join(err, s.proxy.close())
	}
	s.aws = s.world.AWSConfig()
	s.meter = &meter{api: cloudwatch.NewFromConfig(s.world.FunctionConfig("ingress")), clock: clk, counts: map[string]*count{}}
	s.fleet, err = cluster.NewFleet(cluster.Options{Assets: assets, Dir: o.Dir, Hold: clk.Hold,
		TokenWebhook:   func(name string) string { return s.world.URL() + "/_world/token-review/" + name },
		DefaultService: o.service.String(), Observe: s.meter.observe})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.addServices(assets); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) addServices(assets cluster.Assets) error {
	source, err := unpackScripts(s.o.Dir)
	if err != nil {
		return err
	}
	env := map[string]string{"POLL_INTERVAL": "200ms", controlplane.PathVariable: assets.Path()}
	if s.o.Deploy == nil { // else the project says where it is
		env["EKS_UPGRADE"] = s.o.Executable
	}
	s.services = full.Add(s.world, full.Options{Clusters: announcing{eksbackend.New(s.fleet), s}, Hold: s.clock.Hold, Seed: s.o.Seed, TempDir: s.o.Dir,
		Sources:  map[string]string{sourceLocation: source},
		BuildEnv: env, HoldProjects: []string{scanProject}})
	s.ec2, s.eks, s.route53, s.builds = s.services.EC2, s.services.EKS, s.services.Route53, s.services.CodeBuild
	s.route53.OnChange(s.changed)
	s.config, err = config.Load(s.environment())
	return err
}

// unpackScripts lays out the source that the builds check out.
func unpackScripts(dir string) (string, error) {
	root, err := os.MkdirTemp(dir, "source-")
	if err != nil {
		return "", err
	}
	return root, fs.WalkDir(scripts.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := scripts.Files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, "scripts"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, "scripts", name), data, 0o755)
	})
}

// close stops everything, in the order in which things need each other.
func (s *stage) close() error {
	var errs []error
	if s.load != nil {
		s.load.Stop()
	}
	s.cancel(nil)
	if s.services != nil {
		errs = append(errs, s.keepBuildLogs())
		if s.o.Functions != "" || s.o.Deploy != nil {
			errs = append(errs, s.keepFunctionLogs())
		}
		s.services.Close()
	}
	if s.fleet != nil {
		errs = append(errs, s.fleet.Close())
	}
	s.work.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// Who still calls after a second is cut off: a client that was abandoned.
	if err := s.world.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		errs = append(errs, err)
	}
	errs = append(errs, s.proxy.close())
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// keepBuildLogs writes what the builds printed, for whoever asks why.
func (s *stage) keepBuildLogs() error {
	api := sdkbuild.NewFromConfig(s.as("narrator"))
	var text strings.Builder
	for _, project := range []string{scanProject, s.config.Terraform.Project} {
		out, err := api.ListBuildsForProject(context.Background(), &sdkbuild.ListBuildsForProjectInput{ProjectName: &project})
		if _, missing := errors.AsType[*cbtypes.ResourceNotFoundException](err); missing {
			continue // it did not come so far
		}
		if err != nil {
			return err
		}
		for _, id := range out.Ids {
			fmt.Fprintf(&text, "== %s\n%s\n", id, s.builds.Logs(id))
		}
	}
	return os.WriteFile(filepath.Join(s.o.Dir, "codebuild.log"), []byte(text.String()), 0o600)
}

// announcing tells the injections when green's control plane is there, and
// what they did to it.
type announcing struct {
	eksbackend.Backend
	stage *stage
}

// CreateCluster implements eks.ClusterBackend.
func (a announcing) CreateCluster(ctx context.Context, name, version string) (eks.Endpoint, error) {
	e, err := a.Backend.CreateCluster(ctx, name, version)
	if err != nil {
		return e, err
	}
	if err := a.stage.attach(name); err != nil {
		return e, err
	}
	if name == Green {
		for _, f := range a.stage.created {
			if err := f(); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// RemoveNodes implements eks.ClusterBackend. EC2 terminates the instances of a
// node group that is deleted whether the API server answers or not.
func (a announcing) RemoveNodes(ctx context.Context, name string, nodes []string) error {
	if a.stage.killed.Load() {
		return nil
	}
	return a.Backend.RemoveNodes(ctx, name, nodes)
}

// attach gives a new cluster its load balancers.
func (s *stage) attach(name string) error {
	ingress, err := s.fleet.Ingress(name)
	if err != nil {
		return err
	}
	rc, err := s.fleet.RESTConfig(name)
	if err != nil {
		return err
	}
	s.background(func(ctx context.Context) error { return s.balancers.serve(ctx, name, ingress.Address(), rc) })
	return nil
}

// background runs f until the stage closes; its error fails the rehearsal.
func (s *stage) background(f func(context.Context) error) {
	s.work.Go(func() {
		if err := f(s.ctx); err != nil {
			s.fail(err)
		}
	})
}

// changed follows Route 53: weights for people, and for injections that wait
// for one.
func (s *stage) changed(e route53.ChangeEvent) {
	w, concerned := weights(e.Changes)
	if !concerned || e.Status != types.ChangeStatusInsync {
		return
	}
	s.mu.Lock()
	s.history = append(s.history, split{e.Time, w})
	s.mu.Unlock()
	s.say(progress.Event{Time: upgrade.At(e.Time), Kind: progress.Weights, Weights: &w})
	for _, f := range s.shifted {
		f(w)
	}
}

// weights reads the weights of a change of both record sets.
func weights(changes []types.Change) (w upgrade.Weights, concerned bool) {
	for _, ch := range changes {
		weight := int(aws.ToInt64(ch.ResourceRecordSet.Weight))
		if ch.Action == types.ChangeActionDelete {
			weight = 0
		}
		switch aws.ToString(ch.ResourceRecordSet.SetIdentifier) {
		case Cluster:
			w.Blue, concerned = weight, true
		case Green:
			w.Green, concerned = weight, true
		}
	}
	if w.Blue+w.Green == 0 { // only the idle side was removed: nothing moved
		return w, false
	}
	return w, concerned
}

func (s *stage) onGreenCreated(f func() error)     { s.created = append(s.created, f) }
func (s *stage) onWeights(f func(upgrade.Weights)) { s.shifted = append(s.shifted, f) }

// injected notes what was put in.
func (s *stage) injected(text string) {
	s.mu.Lock()
	s.faults = append(s.faults, text)
	s.mu.Unlock()
	s.say(progress.Event{Time: upgrade.At(s.clock.Now()), Kind: progress.Injected, Text: text})
}

// say hands out one event at a time.
func (s *stage) say(e progress.Event) {
	s.events.Lock()
	defer s.events.Unlock()
	s.o.Events(e)
}

func (s *stage) setup(format string, args ...any) {
	s.say(progress.Event{Time: upgrade.At(s.clock.Now()), Kind: progress.Setup, Text: fmt.Sprintf(format, args...)})
}

// fail ends the rehearsal: it is itself broken.
func (s *stage) fail(err error) { s.cancel(err) }
