// Package full completes a simulated AWS: it adds the services that stand on
// others or run real work, EC2, Auto Scaling, Service Quotas, EKS, Route 53 and
// CodeBuild, to the ones that package world has by itself.
package full

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/autoscaling"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/codebuild"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/eks"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/servicequotas"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Options say what is behind the services.
type Options struct {
	// Clusters runs the Kubernetes of EKS clusters; nil: they have no endpoint.
	Clusters eks.ClusterBackend
	// Durations of EKS's work; zero ones are typical of AWS or, with
	// RandomDurations, drawn by the seed.
	Durations       eks.Durations
	RandomDurations bool
	// Hold keeps a fast clock at real time while real work runs; nil: none.
	Hold func() (release func())
	Seed int64
	// Sources maps the source locations of builds to folders of this machine.
	Sources map[string]string
	// HoldBuilds holds the clock while builds run, too. Builds whose commands wait
	// for simulated operations then take as long as those take on AWS.
	HoldBuilds bool
	// HoldProjects are projects whose builds hold the clock without HoldBuilds:
	// their commands wait for nothing simulated.
	HoldProjects []string
	// BuildEnv is added to the environment of builds, which already has the
	// endpoint, the region and credentials of the project's service role.
	BuildEnv map[string]string
	// TempDir is where builds get their folders; "" is the system's.
	TempDir string
}

// Services are what Add added. Close them before the world.
type Services struct {
	EC2       *ec2.Service
	EKS       *eks.Service
	Route53   *route53.Service
	CodeBuild *codebuild.Service
	Scaling   *autoscaling.Service
	Quotas    *servicequotas.Service
}

// Add adds the services to w.
func Add(w *world.World, o Options) *Services {
	account, region := w.Account(), w.Region()
	s := &Services{EC2: ec2.New(ec2.Options{Account: account, Region: region})}
	eksOptions := eks.Options{Clock: w.Clock(), Account: account, Region: region, Clusters: o.Clusters, Subnets: s.EC2, EC2: s.EC2,
		Durations: o.Durations, RandomDurations: o.RandomDurations, Seed: o.Seed, Hold: o.Hold,
		Principal: func(c *wire.Call) string { return principal(w, c) }}
	s.EKS = eks.New(eksOptions)
	w.SSM().Publish(eks.PublicParameter)
	s.Route53 = route53.New(route53.Options{Clock: w.Clock(), Seed: o.Seed, Hold: o.Hold, Alarms: w.CloudWatch()})
	env := map[string]string{"AWS_ENDPOINT_URL": w.URL(), "AWS_REGION": region}
	var hold func() func()
	var only []string
	switch {
	case o.HoldBuilds:
		hold = o.Hold
	case len(o.HoldProjects) > 0:
		hold, only = o.Hold, o.HoldProjects
	}
	for name, value := range o.BuildEnv {
		env[name] = value
	}
	s.CodeBuild = codebuild.New(codebuild.Options{Clock: w.Clock(), Account: account, Region: region, Sources: o.Sources, TempDir: o.TempDir, Env: env,
		Hold: hold, HoldOnly: only, HoldTransfers: o.Hold, Events: w.Events(), Logs: w.Logs(), Object: w.Object, Issue: func(role, session string) codebuild.Credentials {
			c := w.STS().Issue(role, session)
			return codebuild.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
		},
		Artifacts: newBucket(w), Parameter: func(_ context.Context, name string) (string, error) {
			value, ok := w.SSM().Value(name)
			if !ok {
				return "", fmt.Errorf("there is no parameter %s", name)
			}
			return value, nil
		}})
	s.Scaling, s.Quotas = autoscaling.New(w.Clock(), account, region, s.EKS.ScalingGroups), servicequotas.New(account, region)
	for name, service := range map[string]any{"autoscaling": s.Scaling, "servicequotas": s.Quotas, "ec2": s.EC2, "eks": s.EKS, "route53": s.Route53, "codebuild": s.CodeBuild} {
		w.Mux().Register(name, service)
	}
	return s
}

// principal is the IAM role, with its path, or the user that makes a call. A
// service of AWS that calls in process does so by a role.
func principal(w *world.World, c *wire.Call) string {
	if c.Role != "" {
		return c.Role
	}
	if session, ok := w.STS().Session(c.AccessKeyID); ok {
		return session.RoleArn
	}
	return w.STS().CallerARN(c.AccessKeyID)
}

// The VPC that AddDefaultVPC makes: AWS gives every account one of this block.
const (
	DefaultVPC  = "vpc-0a1b2c3d4e5f60000"
	defaultCIDR = "172.31.0.0/16"
)

// DefaultSubnet is the id of the default VPC's subnet number n, from 1 to 3.
func DefaultSubnet(n int) string { return fmt.Sprintf("subnet-0a1b2c3d4e5f6000%d", n) }

// AddDefaultVPC adds a VPC with a public subnet in each of three zones.
func (s *Services) AddDefaultVPC(region string) error {
	if err := s.EC2.AddVPC(DefaultVPC, defaultCIDR, nil); err != nil {
		return err
	}
	for i, zone := range []string{"a", "b", "c"} {
		if err := s.EC2.AddSubnet(ec2.Subnet{ID: DefaultSubnet(i + 1), VPC: DefaultVPC, Zone: region + zone,
			CIDR: fmt.Sprintf("172.31.%d.0/20", 16*i), FreeIPs: -1, Public: true}); err != nil {
			return err
		}
	}
	return s.EC2.SetDefaultVPC(DefaultVPC)
}

// Close ends builds and what the clusters' backend is doing.
func (s *Services) Close() {
	s.CodeBuild.Close()
	s.EKS.Close()
}

// bucket takes the artifacts of builds to S3.
type bucket struct{ world *world.World }

func newBucket(w *world.World) bucket { return bucket{w} }

// Put implements codebuild.Bucket.
func (b bucket) Put(ctx context.Context, role, name, key string, data []byte) error {
	cfg := b.world.FunctionConfig("codebuild")
	c := b.world.STS().Issue(role, "AWSCodeBuild")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	client := sdks3.NewFromConfig(cfg, func(o *sdks3.Options) { o.UsePathStyle = true })
	_, err := client.PutObject(ctx, &sdks3.PutObjectInput{Bucket: aws.String(name), Key: aws.String(key), Body: bytes.NewReader(data)})
	return err
}
