package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/cluster/eksbackend"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/dns"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

const (
	defaultWorldAddr = "127.0.0.1:4566"
	maxWorldSpeed    = 100_000
	worldStop        = 5 * time.Second // for calls in flight
	keptCalls        = 10_000          // in memory: a world may run for weeks
)

type worldFlags struct {
	addr, account, region, dns, output string
	speed                              float64
	seed                               int64
	iam                                bool
	controlPlane                       string
}

// The values of --control-plane.
const (
	planeAuto = "auto"
	planeReal = "real"
	planeNone = "none"
)

func (a *app) worldCommand() *cobra.Command {
	var f worldFlags
	c := &cobra.Command{
		Use:   "world",
		Short: "Run the simulated AWS alone, for the AWS CLI and every SDK",
		Long: `Run the simulated AWS of the rehearsal alone, until SIGINT or SIGTERM.

It speaks AWS's protocols on one port: Step Functions, EKS, EC2, Route 53, Lambda, S3,
DynamoDB, Systems Manager, SNS, EventBridge, CloudWatch, CloudWatch Logs, CodeBuild, STS,
IAM and more. Any access key will do; signatures are not checked, but a request without
one is refused, as AWS does it. Nothing is kept when it stops.

EKS clusters have a real Kubernetes API when the control plane has been built
(make control-plane); without one they have no endpoint. What takes minutes on AWS takes
as long here, unless --speed says otherwise; while a build of CodeBuild runs, or a control
plane starts, time goes at real speed.

SDKs and the CLI put "sync-" before the host name for two operations of Step Functions,
StartSyncExecution and TestState. With an endpoint such as http://127.0.0.1:4566 that is
a name which does not exist. One of these helps:
  HTTP_PROXY=http://127.0.0.1:4566 aws stepfunctions test-state ...
  an endpoint with a name under .localhost, http://aws.localhost:4566, where
    systemd-resolved answers names of this machine
  a line "127.0.0.1 sync-localhost" in /etc/hosts, and the endpoint http://localhost:4566
  in programs: Config(inject_host_prefix=False) of boto3, disableHostPrefix of JavaScript,
    smithyhttp.DisableEndpointHostPrefix of Go`,
		Example: `  eks-upgrade world
  eks-upgrade world --addr 127.0.0.1:0 --speed 60 --output json
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 aws eks list-clusters`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			a.started = true
			return a.runWorld(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.addr, "addr", defaultWorldAddr, "address to listen on; port 0 takes a free one")
	flags.StringVar(&f.account, "account", "123456789012", "id of the account")
	flags.StringVar(&f.region, "region", "eu-west-1", "the region")
	flags.Float64Var(&f.speed, "speed", 1, "how many times faster than real time everything that only waits goes")
	flags.Int64Var(&f.seed, "seed", 1, "seed of everything that is random")
	flags.BoolVar(&f.iam, "iam", false, "judge every call of a role or user by its policies; the account's own keys may do everything")
	flags.StringVar(&f.controlPlane, "control-plane", planeAuto, "Kubernetes behind EKS clusters. auto: if it has been built; real: or fail; none")
	flags.StringVar(&f.dns, "dns", "", "address of a DNS server for the zones of Route 53, such as 127.0.0.1:5353 (default: none)")
	flags.StringVarP(&f.output, "output", "o", outputText, "text; json: one line with the URL when it is ready")
	return c
}

func (f worldFlags) check() error {
	host, port, err := net.SplitHostPort(f.addr)
	if err != nil || port == "" {
		return usage("--addr", fmt.Sprintf("%q is not an address", f.addr), "give host and port, such as "+defaultWorldAddr)
	}
	if ip := net.ParseIP(host); host != "localhost" && ip == nil {
		return usage("--addr", fmt.Sprintf("%q is not an address of this machine", host), "give "+defaultWorldAddr+", or 0.0.0.0 to be reached from outside")
	}
	switch {
	case len(f.account) != 12 || !digits(f.account):
		return usage("--account", fmt.Sprintf("%q is not an account id", f.account), "give 12 digits")
	case f.region == "":
		return usage("--region", "the region is empty", "give one, such as eu-west-1")
	case !(f.speed >= 1 && f.speed <= maxWorldSpeed):
		return usage("--speed", fmt.Sprintf("%v is out of range", f.speed), "give 1 (real time) to 100000")
	case f.controlPlane != planeAuto && f.controlPlane != planeReal && f.controlPlane != planeNone:
		return usage("--control-plane", fmt.Sprintf("%q is not known", f.controlPlane), "use one of: auto, real, none")
	case f.output != outputText && f.output != outputJSON:
		return usage("--output", fmt.Sprintf("%q is not known", f.output), "use one of: text, json")
	}
	return nil
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// running is a world with everything that belongs to it.
type running struct {
	world    *world.World
	services *full.Services
	fleet    *cluster.Fleet // nil: clusters without a Kubernetes API
	dns      *dns.Server    // nil: none
	plane    string         // what is behind EKS clusters, for people
}

// runWorld runs a world until ctx ends.
func (a *app) runWorld(ctx context.Context, f worldFlags) (err error) {
	dir, err := os.MkdirTemp("", "eks-upgrade-world-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for what runs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := startWorld(f, dir)
	if err != nil {
		return err
	}
	if err := r.announce(a.stdout, f); err != nil {
		return errors.Join(err, r.close())
	}
	<-ctx.Done()
	return r.close()
}

func startWorld(f worldFlags, dir string) (_ *running, err error) {
	options := world.Options{Clock: clock.System{}, Account: f.account, Region: f.region, Seed: f.seed, Addr: f.addr, KeepCalls: keptCalls, IAM: f.iam}
	if f.speed > 1 {
		fast, err := clock.NewFast(time.Now(), f.speed)
		if err != nil {
			return nil, err
		}
		options.Clock, options.Hold = fast, fast.Hold
	}
	r := &running{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	assets, found := cluster.FindAssets()
	if found != nil && f.controlPlane == planeReal {
		return nil, &upgrade.Error{Code: upgrade.CodeInvalidRequest, Err: found}
	}
	if r.world, err = world.New(options); err != nil {
		return nil, listenError("--addr", f.addr, err)
	}
	var clusters eks.ClusterBackend
	r.plane = "none, so they have no endpoint"
	switch {
	case f.controlPlane == planeNone:
	case found != nil:
		r.plane = "none, because the control plane has not been built: make control-plane"
	default:
		r.plane = "a real control plane each"
		r.fleet, err = cluster.NewFleet(cluster.Options{Assets: assets, Dir: dir, Hold: options.Hold,
			TokenWebhook: func(name string) string { return r.world.URL() + "/_world/token-review/" + name }})
		if err != nil {
			return nil, err
		}
		clusters = eksbackend.New(r.fleet)
	}
	r.services = full.Add(r.world, full.Options{Clusters: clusters, RandomDurations: true, Hold: options.Hold, HoldBuilds: true, Seed: f.seed, TempDir: dir})
	if err := r.services.AddDefaultVPC(f.region); err != nil {
		return nil, err
	}
	if f.dns != "" {
		if r.dns, err = dns.Serve(f.dns, r.services.Route53, f.seed); err != nil {
			return nil, listenError("--dns", f.dns, err)
		}
	}
	return r, nil
}

// listenError says what to do about an address that cannot be had.
func listenError(flag, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return usage(flag, addr+" is in use", fmt.Sprintf("stop what listens there, or give another address: %s 127.0.0.1:0 takes a free port", flag))
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EADDRNOTAVAIL):
		return usage(flag, fmt.Sprintf("cannot listen on %s: %v", addr, err), "give an address of this machine and a port above 1023, such as "+defaultWorldAddr)
	}
	return err
}

// close stops everything, in the order in which things need each other.
func (r *running) close() error {
	var errs []error
	if r.dns != nil {
		ctx, cancel := context.WithTimeout(context.Background(), worldStop)
		defer cancel()
		errs = append(errs, r.dns.Close(ctx))
	}
	if r.services != nil {
		r.services.Close()
	}
	if r.fleet != nil {
		errs = append(errs, r.fleet.Close())
	}
	if r.world != nil {
		ctx, cancel := context.WithTimeout(context.Background(), worldStop)
		defer cancel()
		// Who still waits for an answer after that is cut off.
		if err := r.world.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// announce says that the world is ready, and how to use it.
func (r *running) announce(out io.Writer, f worldFlags) error {
	if f.output == outputJSON {
		ready := struct {
			URL          string `json:"url"`
			Account      string `json:"account"`
			Region       string `json:"region"`
			ControlPlane bool   `json:"controlPlane"`
			DNS          string `json:"dns,omitempty"`
		}{URL: r.world.URL(), Account: f.account, Region: f.region, ControlPlane: r.fleet != nil}
		if r.dns != nil {
			ready.DNS = r.dns.Addr()
		}
		return json.NewEncoder(out).Encode(ready)
	}
	text := fmt.Sprintf(`The simulated AWS is ready. Account %[1]s, region %[2]s, speed %[3]g. Ctrl-C stops it.

  export AWS_ENDPOINT_URL=%[4]s AWS_REGION=%[2]s AWS_DEFAULT_REGION=%[2]s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test

  aws sts get-caller-identity
  aws ec2 describe-subnets --query 'Subnets[].SubnetId'
  aws stepfunctions list-state-machines
  HTTP_PROXY=$AWS_ENDPOINT_URL aws stepfunctions test-state ... # and start-sync-execution: see --help

  aws eks create-cluster --name shop --kubernetes-version %[6]s --role-arn arn:aws:iam::%[1]s:role/eks \
      --resources-vpc-config subnetIds=%[7]s,%[8]s --access-config authenticationMode=API
  aws eks wait cluster-active --name shop%[9]s

Kubernetes behind EKS clusters: %[5]s.
`, f.account, f.region, f.speed, r.world.URL(), r.plane, firstVersion, full.DefaultSubnet(1), full.DefaultSubnet(2), r.kubectl())
	if r.dns != nil {
		text += fmt.Sprintf("DNS: dig @%s -p %s NAME\n", host(r.dns.Addr()), port(r.dns.Addr()))
	}
	_, err := io.WriteString(out, text)
	return err
}

// firstVersion is one that can be upgraded.
const firstVersion = "1.34"

// kubectl says how to get into a cluster, where one can.
func (r *running) kubectl() string {
	if r.fleet == nil {
		return ""
	}
	return " && aws eks update-kubeconfig --name shop && kubectl get namespaces"
}

func host(addr string) string { h, _, _ := net.SplitHostPort(addr); return h }
func port(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
