// Package world is a simulated AWS. It listens on one port of 127.0.0.1 and
// speaks AWS's wire protocols to the real SDK and CLI (AWS_ENDPOINT_URL), holds
// state, takes simulated time for what takes time in AWS, answers with AWS's own
// error codes, records every call, and makes calls fail on demand.
package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/apigateway"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/bedrock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/budgets"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudformation"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/cloudwatch"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/comprehend"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dynamodb"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ecr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/elasticache"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/elasticloadbalancing"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eventbridge"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/kms"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/lambda"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/logs"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/rds"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/s3"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/scheduler"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sns"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sqs"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ssm"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/stepfunctions"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/sts"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Options say what kind of AWS to simulate.
type Options struct {
	// Clock tells the simulated time. Required.
	Clock clock.Clock
	// Account and Region default to 123456789012 and eu-west-1.
	Account, Region string
	// Hold, if set, slows simulated time to real time until the returned
	// function is called (clock.Fast.Hold). It is taken while real work runs.
	Hold func() func()
	// Seed makes what is random repeat.
	Seed int64
	// Synchronous runs Lambda handlers on the goroutine that advances the state
	// machine, so that a run on a virtual clock repeats exactly.
	Synchronous bool
	// KeepCalls bounds the record of calls: the last ones, this many at least; 0
	// keeps all.
	KeepCalls int
	// Addr is the address to listen on; default 127.0.0.1:0.
	Addr string
	// FunctionEnv is added to the environment of functions that are processes, such
	// as HTTP_PROXY for what has only a simulated DNS name.
	FunctionEnv map[string]string
	// IAM lets each call be judged against the policies of its caller's role.
	// Callers with unknown access keys are the account's administrator.
	IAM bool
}

// World is a running simulated AWS.
type World struct {
	opts   Options
	mux    *wire.Mux
	faults *Faults
	server *http.Server
	url    string
	served chan error
	routes *http.ServeMux // what is not AWS's: under /_world/

	closing   chan struct{} // closed by Close
	closeOnce sync.Once

	mu       sync.Mutex
	calls    []CallRecord
	recorded int // calls, kept or not
	hooks    []func(CallRecord)

	cloudformation *cloudformation.Service
	kms            *kms.Service
	ssm            *ssm.Service
	dynamodb       *dynamodb.Service
	s3             *s3.Service
	sts            *sts.Service
	iam            *iam.Service
	judge          *iam.Judge
	bedrock        *bedrock.Service
	comprehend     *comprehend.Service
	rds            *rds.Service
	elasticache    *elasticache.Service
	balancing      *elasticloadbalancing.Service
	lambda         *lambda.Service
	stepfunctions  *stepfunctions.Service
	sns            *sns.Service
	sqs            *sqs.Service
	apigateway     *apigateway.Service
	authority      authority
	events         *eventbridge.Service
	scheduler      *scheduler.Service
	cloudwatch     *cloudwatch.Service
	logs           *logs.Service
}

// New starts a simulated AWS.
func New(opts Options) (*World, error) {
	if opts.Clock == nil {
		return nil, errors.New("world: Options.Clock is required")
	}
	if opts.Account == "" {
		opts.Account = "123456789012"
	}
	if opts.Region == "" {
		opts.Region = "eu-west-1"
	}
	if opts.Hold == nil {
		opts.Hold = func() func() { return func() {} }
	}
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	w := &World{opts: opts, routes: http.NewServeMux(), served: make(chan error, 1), closing: make(chan struct{})}
	w.faults = &Faults{}
	w.mux = wire.NewMux(opts.Clock.Now, w.intercept)
	w.addServices()
	l, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("world: listen on %s: %w", opts.Addr, err)
	}
	w.url = "http://" + reachable(l.Addr())
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 30 * time.Second}
	go func() { w.served <- w.server.Serve(l) }()
	return w, nil
}

// reachable is an address to call where l listens, be that on all addresses.
func reachable(l net.Addr) string {
	a, ok := l.(*net.TCPAddr)
	if !ok || !a.IP.IsUnspecified() {
		return l.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
}

func (w *World) addServices() {
	o := w.opts
	w.kms = kms.New(o.Clock, o.Account, o.Region, o.Seed)
	w.ssm = ssm.New(o.Clock, o.Account, o.Region, w.kms)
	w.dynamodb = dynamodb.New(o.Clock, o.Account, o.Region)
	w.sts = sts.New(o.Clock, o.Account, Secret, w.mux)
	w.iam = iam.New(o.Clock, o.Account)
	w.sts.SetDirectory(w.iam)
	w.judge = iam.NewJudge(w.iam, w.sts, w.mux, o.Account, o.Region)
	if o.IAM {
		w.mux.SetAuthorizer(w.judge.Authorize)
	}
	w.s3 = s3.New(o.Clock, o.Account, o.Region)
	w.logs = logs.New(o.Clock, o.Account, o.Region)
	w.lambda = w.newLambda()
	w.sns = sns.New(o.Clock, o.Account, o.Region, w.mux)
	w.sqs = sqs.New(o.Clock, o.Account, o.Region)
	w.events = eventbridge.New(o.Clock, o.Account, o.Region, w.mux)
	w.scheduler = scheduler.New(o.Clock, o.Account, o.Region, w.mux, o.Seed)
	w.cloudwatch = cloudwatch.New(o.Clock, o.Account, o.Region, w.mux, w.events)
	w.logs.SetMetrics(w.cloudwatch)
	w.stepfunctions = stepfunctions.New(stepfunctions.Options{Clock: o.Clock, Hold: o.Hold, Account: o.Account, Region: o.Region, Seed: o.Seed,
		Functions: w.lambda, Mux: w.mux, Events: w.events, Logs: w.logs})
	w.cloudformation = cloudformation.New(o.Clock, o.Account, o.Region, w.mux)
	w.mux.Register("cloudformation", w.cloudformation)
	w.mux.Register("budgets", budgets.New(o.Clock, o.Account))
	w.mux.Register("ecr", ecr.New(o.Clock, o.Account, o.Region))
	w.mux.Register("kms", w.kms)
	w.mux.Register("s3", w.s3)
	w.mux.Register("ssm", w.ssm)
	w.mux.Register("dynamodb", w.dynamodb)
	w.mux.Register("sts", w.sts)
	w.mux.Register("iam", w.iam)
	w.bedrock = bedrock.New()
	w.comprehend = comprehend.New()
	w.rds = rds.New(o.Clock, o.Account, o.Region)
	w.elasticache = elasticache.New(o.Clock, o.Account, o.Region)
	w.mux.Register("bedrockruntime", w.bedrock)
	w.mux.Register("comprehend", w.comprehend)
	w.mux.Register("rds", w.rds)
	w.mux.Register("elasticache", w.elasticache)
	w.balancing = elasticloadbalancing.New(o.Clock, o.Account, o.Region)
	w.mux.Register("elasticloadbalancingv2", w.balancing)
	w.mux.Register("elasticloadbalancing", w.balancing.Classic())
	w.mux.Register("sns", w.sns)
	w.mux.Register("sqs", w.sqs)
	w.apigateway = apigateway.New(apigateway.Options{Clock: o.Clock, Account: o.Account, Region: o.Region, Seed: o.Seed, Mux: w.mux, Functions: w.lambda, Logs: w.logs, Endpoint: w.URL,
		Identity: w.judge.Identity})
	w.mux.Register("apigatewayv2", w.apigateway)
	w.mux.Register("apigateway", w.apigateway.Account())
	w.mux.Register("apigatewaymanagementapi", w.apigateway.Connections())
	w.mux.Register("eventbridge", w.events)
	w.mux.Register("scheduler", w.scheduler)
	w.mux.Register("cloudwatch", w.cloudwatch)
	w.mux.Register("sfn", w.stepfunctions)
	w.mux.Register("lambda", w.lambda.API())
	w.mux.Register("cloudwatchlogs", w.logs)
	w.routes.Handle("GET /_world/lambda/code/{digest}", w.lambda.CodeHandler())
	w.routes.Handle("POST /_world/token-review/{cluster}", w.sts.TokenReviewHandler())
	w.routes.Handle("GET /_world/iam/usage", w.judge.UsageHandler())
	w.routes.HandleFunc("GET /_world/clock", w.tellTime)
}

// URL is the endpoint to give the SDK or the CLI as AWS_ENDPOINT_URL.
func (w *World) URL() string { return w.url }

// Mux is where further services are registered.
func (w *World) Mux() *wire.Mux { return w.mux }

// Clock is the world's clock.
func (w *World) Clock() clock.Clock { return w.opts.Clock }

// Account is the simulated account's id.
func (w *World) Account() string { return w.opts.Account }

// Region is the simulated region.
func (w *World) Region() string { return w.opts.Region }

// Handle adds a handler of the world's own; its path must begin with /_world/.
func (w *World) Handle(pattern string, h http.Handler) { w.routes.Handle(pattern, h) }

// Close ends the processes of functions, stops listening and waits for calls in
// flight until ctx ends.
func (w *World) Close(ctx context.Context) error {
	killed := w.lambda.Close()
	w.closeOnce.Do(func() { close(w.closing) })
	w.sqs.Close()
	w.apigateway.Close()
	err := w.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, w.server.Close())
	}
	err = errors.Join(killed, err)
	if w.authority.file != "" {
		err = errors.Join(err, os.Remove(w.authority.file))
	}
	if served := <-w.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// ServeHTTP serves AWS's API, the clients of API Gateway's APIs and, under
// /_world/, what is the world's own.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		w.connect(rw, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/_world/") {
		w.routes.ServeHTTP(rw, r)
		return
	}
	if w.apigateway.Serves(r) {
		w.silence(rw, r, w.apigateway.ServeHTTP)
		return
	}
	w.silence(rw, r, w.mux.ServeHTTP)
}

// tellTime answers with nanoseconds since 1970: the processes of functions, built
// with the tag worldclock, have no other clock (pkg/clock).
func (w *World) tellTime(rw http.ResponseWriter, _ *http.Request) {
	_, _ = rw.Write(strconv.AppendInt(nil, w.opts.Clock.Now().UnixNano(), 10)) // who went away needs no answer
}

// KMS holds the keys.
func (w *World) KMS() *kms.Service { return w.kms }

// SSM is the Parameter Store.
func (w *World) SSM() *ssm.Service { return w.ssm }

// DynamoDB holds the tables.
func (w *World) DynamoDB() *dynamodb.Service { return w.dynamodb }

// S3 holds the buckets.
func (w *World) S3() *s3.Service { return w.s3 }

// IAM holds the roles, users and policies.
func (w *World) IAM() *iam.Service { return w.iam }

// Judge judges the calls when Options.IAM is set, and says which permissions
// calls used.
func (w *World) Judge() *iam.Judge { return w.judge }

// Bedrock answers by scripts and by its stand-in.
func (w *World) Bedrock() *bedrock.Service { return w.bedrock }

// Comprehend answers by scripts and by its stand-in.
func (w *World) Comprehend() *comprehend.Service { return w.comprehend }

// RDS holds the databases.
func (w *World) RDS() *rds.Service { return w.rds }

// ElastiCache holds the caches.
func (w *World) ElastiCache() *elasticache.Service { return w.elasticache }

// LoadBalancing holds the load balancers and their target groups.
func (w *World) LoadBalancing() *elasticloadbalancing.Service { return w.balancing }

// STS issues credentials of sessions of roles.
func (w *World) STS() *sts.Service { return w.sts }

// Logs holds what functions, builds and state machines log.
func (w *World) Logs() *logs.Service { return w.logs }

// Lambda holds the functions: processes, and handlers in process.
func (w *World) Lambda() *lambda.Service { return w.lambda }

// StepFunctions holds the state machines and their executions.
func (w *World) StepFunctions() *stepfunctions.Service { return w.stepfunctions }

// SNS holds the topics and the messages that were published.
func (w *World) SNS() *sns.Service { return w.sns }

// SQS holds the queues and their messages.
func (w *World) SQS() *sqs.Service { return w.sqs }

// APIGateway holds the HTTP and WebSocket APIs.
func (w *World) APIGateway() *apigateway.Service { return w.apigateway }

// Events is the event bus.
func (w *World) Events() *eventbridge.Service { return w.events }

// Scheduler is EventBridge Scheduler.
func (w *World) Scheduler() *scheduler.Service { return w.scheduler }

// CloudWatch holds the metrics and alarms.
func (w *World) CloudWatch() *cloudwatch.Service { return w.cloudwatch }
