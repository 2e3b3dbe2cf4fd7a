package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/approval"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/artifacts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/progress"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/records"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/wire/awsclient"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/invariants"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/traffic"
)

// executionName is the upgrade's id where the rehearsal itself starts it.
const executionName = "rehearsal"

// userTimeout is how long a user waits for an answer, in real time. It is long
// because two clusters and a build may keep a small machine busy for seconds,
// which is no failure of the upgrade.
const userTimeout = 10 * time.Second

// play sets the scene, runs the upgrade and says what happened.
func (s *stage) play(parent context.Context) (report.Data, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // a broken stage ends the play
	began := time.Now()
	data, err := s.upgrade(ctx)
	if cause := context.Cause(s.ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	data.Speed, data.Real = s.o.Speed, time.Since(began) // real time: how long a person waited
	return data, err
}

func (s *stage) upgrade(ctx context.Context) (report.Data, error) {
	if err := s.prepare(ctx); err != nil {
		return report.Data{}, err
	}
	store := artifacts.New(awsclient.S3(s.as("narrator")), s.config.Bucket)
	n := &narrator{store: store, notify: s.say, plans: map[upgrade.Mode]upgrade.Plan{}, over: make(chan struct{})}
	s.world.StepFunctions().OnEvent(func(arn string, e asl.Event) {
		if s.begins(arn) {
			n.hear(e)
		}
	})
	request := s.request()
	checker := s.watch(request)
	firstCall := len(s.world.Calls())
	for _, name := range s.o.Inject {
		for _, i := range injections {
			if i.Name == name {
				i.apply(s)
			}
		}
	}
	began := s.clock.Now()
	execution, err := s.start(ctx, request)
	if err != nil {
		return report.Data{}, err
	}
	if err := s.follow(ctx, execution, n); err != nil {
		return report.Data{}, err
	}
	if s.o.Usage != nil {
		s.o.Usage(s.world.Judge().Usage())
	}
	data := s.collect(ctx, n, execution, began, firstCall)
	data.Invariants = checker.Violations()
	if data.Cost, err = s.price(ctx, execution, firstCall); err != nil {
		return data, err
	}
	if data.Result.Outcome == upgrade.Succeeded {
		left, err := s.rightsLeft(ctx)
		if err != nil {
			return data, err
		}
		data.Invariants = append(data.Invariants, left...)
	}
	s.say(progress.Event{Time: data.Result.EndedAt, Kind: progress.Summary, Outcome: data.Result.Outcome, Text: data.Result.Reason})
	return data, nil
}

// prepare makes the agent's resources, blue with its workloads, and the users.
func (s *stage) prepare(ctx context.Context) error {
	s.setup("simulated AWS at %s", s.world.URL())
	if err := s.createOwners(ctx); err != nil {
		return err
	}
	s.setup("starting cluster %s, Kubernetes %s: etcd, kube-apiserver, kube-controller-manager, kube-scheduler", Cluster, s.o.From)
	if err := s.createBlue(ctx); err != nil {
		return err
	}
	rc, err := s.fleet.RESTConfig(Cluster)
	if err != nil {
		return err
	}
	release := s.clock.Hold()
	defer release()
	loaded, err := cluster.Load(ctx, rc, s.o.Manifests...)
	if err != nil {
		return fmt.Errorf("load the workloads into %s: %w", Cluster, err)
	}
	s.setup("loaded %d objects into %s in %s; waiting until its pods are ready", loaded.Objects, Cluster, loaded.Took.Round(100*time.Millisecond))
	wait := func(ctx context.Context) error { return s.fleet.WaitSettled(ctx, Cluster) }
	if err := settle(ctx, wait, func(missing error) { s.setup("not ready yet: %v", missing) }); err != nil {
		return fmt.Errorf("the workloads of %s do not become ready: %w", Cluster, err)
	}
	release()
	if err := s.createRecord(ctx, hostname(Cluster, s.o.service.Namespace, s.o.service.Name)); err != nil {
		return err
	}
	if err := s.deploy(ctx); err != nil {
		return err
	}
	s.meter.namespace = s.config.Metrics.Namespace
	s.background(s.meter.run)
	s.load, err = traffic.Start(traffic.Options{Records: authority{s.route53}, Clock: s.clock, Name: Record, Address: s.balancers.lookup,
		Rate: float64(s.o.Rate), Timeout: userTimeout, Seed: uint64(s.o.Seed)})
	if err != nil {
		return err
	}
	s.setup("%d requests a second go to %s", s.o.Rate, Record)
	return nil
}

func (s *stage) as(name string) aws.Config { return s.world.FunctionConfig(name) }

func (s *stage) watch(request upgrade.Request) *invariants.Checker {
	db := dynamodb.NewFromConfig(s.as(invariants.Caller))
	return invariants.Watch(s.world, invariants.Options{DNS: s.route53, Store: records.New(db, s.config.Tables.Records, s.clock),
		Leases: db, LeaseTable: s.config.Tables.Leases, Upgrade: s.name, Cluster: Cluster, Green: Green, Request: request,
		HealthLimit: s.config.Verify.HealthMaxAge.D() + time.Minute,
		Version: func(name string) (upgrade.Version, bool) {
			c, known := s.eks.Cluster(name)
			if !known {
				return upgrade.Version{}, false
			}
			v, err := upgrade.ParseVersion(aws.ToString(c.Version))
			return v, err == nil
		}})
}

// start starts the upgrade, or waits until what Options.Start set going has.
func (s *stage) start(ctx context.Context, request upgrade.Request) (*asl.Execution, error) {
	s.say(progress.Event{Time: upgrade.At(s.clock.Now()), Kind: progress.Started, Run: &progress.RunInfo{Upgrade: executionName, Cluster: Cluster, Green: Green,
		From: s.o.From, Target: s.o.Target, Strategy: request.Strategy, Speed: s.o.Speed}})
	begin := s.startExecution
	if s.o.Start != nil {
		begin = func(ctx context.Context, request upgrade.Request) error { return s.o.Start(ctx, s.site(), request) }
	}
	if err := begin(ctx, request); err != nil {
		return nil, fmt.Errorf("start the upgrade: %w", err)
	}
	select {
	case <-s.begun:
	case <-ctx.Done():
		return nil, fmt.Errorf("the upgrade has not started: %w", ctx.Err())
	}
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	for {
		if e, found := s.world.StepFunctions().Execution(s.execution); found {
			return e, nil
		}
		select {
		case <-tick.C: // its first event is told before it has started
		case <-ctx.Done():
			return nil, fmt.Errorf("execution %s cannot be found: %w", s.execution, ctx.Err())
		}
	}
}

func (s *stage) startExecution(ctx context.Context, request upgrade.Request) error {
	input, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, err = sfn.NewFromConfig(s.as("person")).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &s.machine,
		Name: aws.String(executionName), Input: aws.String(string(input))})
	return err
}

// begins notes the first execution, which is the one that is rehearsed, and
// reports whether arn is its.
func (s *stage) begins(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.execution == "" {
		s.execution = arn
		close(s.begun)
	}
	return s.execution == arn
}

// name is the upgrade's id: the execution's name; empty before it has started.
func (s *stage) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.execution[strings.LastIndex(s.execution, ":")+1:]
}

// followPoll is how often people see the counters, in real time.
const followPoll = 200 * time.Millisecond

// follow waits for the execution's end, answers its question and shows the
// counters.
func (s *stage) follow(ctx context.Context, e *asl.Execution, n *narrator) error {
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	questions := approval.NewQuestions(dynamodb.NewFromConfig(s.as("person")), s.config.Tables.Approvals)
	answered := false
	for {
		select {
		case <-ctx.Done():
			e.Stop("Cancelled", "the rehearsal was interrupted")
			return ctx.Err()
		case <-n.over:
			s.count()
			return nil
		case <-tick.C:
		}
		s.count()
		if answered || n.current() != upgrade.PhaseApprove {
			continue
		}
		pending, found, err := questions.Pending(ctx, s.name())
		if err != nil {
			return err
		}
		if found && !pending.AnnouncedAt.IsZero() {
			if err := s.answer(ctx, pending, n); err != nil {
				return err
			}
			answered = true
		}
	}
}

func (s *stage) count() {
	c := s.load.Snapshot().Count
	s.say(progress.Event{Time: upgrade.At(s.clock.Now()), Kind: progress.Requests, Requests: &progress.RequestCount{Total: int64(c.Total), Failed: int64(c.Failed)}})
}

// answer asks the person, with the clock held: an approval that expires in a
// day must not expire while somebody reads.
func (s *stage) answer(ctx context.Context, pending approval.Pending, n *narrator) error {
	defer s.clock.Hold()()
	plan, assessment, err := n.question(ctx)
	if err != nil {
		return err
	}
	question := Approval{Upgrade: s.name(), PlanHash: pending.PlanHash, Plan: plan, Assessment: assessment, ExpiresAt: pending.ExpiresAt.Time}
	answer, err := s.o.Approve(ctx, question)
	if err != nil {
		return err
	}
	if s.o.Answer != nil {
		err = s.o.Answer(ctx, s.site(), question, answer)
	} else {
		err = s.sendAnswer(ctx, pending.TaskToken, answer)
	}
	if err != nil {
		return fmt.Errorf("answer the approval: %w", err)
	}
	verb := "refused"
	if answer.Approved {
		verb = "approved"
	}
	s.say(progress.Event{Time: upgrade.At(s.clock.Now()), Kind: progress.Approval, Phase: upgrade.PhaseApprove, Text: fmt.Sprintf("%s %s plan %.12s", answer.By, verb, pending.PlanHash)})
	return nil
}

func (s *stage) sendAnswer(ctx context.Context, token string, answer upgrade.ApprovalAnswer) error {
	output, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = sfn.NewFromConfig(s.as("person")).SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(output))})
	return err
}
