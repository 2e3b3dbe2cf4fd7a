package rehearsal

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
)

// Injection is something that goes wrong on purpose.
type Injection struct {
	Name        string
	Description string          // what goes wrong
	Expect      upgrade.Outcome // how the upgrade ends all the same
}

// injection is an Injection with what puts it in: into the stage before the
// upgrade starts.
type injection struct {
	Injection
	apply func(s *stage)
}

// Injections lists all of them.
func Injections() []Injection {
	all := make([]Injection, len(injections))
	for i, in := range injections {
		all[i] = in.Injection
	}
	return all
}

func names() []string {
	all := make([]string, len(injections))
	for i, in := range injections {
		all[i] = in.Name
	}
	return all
}

var injections = []injection{
	{Injection{"green-unhealthy", "pods on green never become ready", upgrade.RolledBack}, greenUnhealthy},
	{Injection{"error-rate-at-50", "green answers 30 % of its requests with errors from weight 50 on", upgrade.RolledBack}, errorRateAt50},
	{Injection{"apiserver-down", "green's API server dies once green has a quarter of the traffic", upgrade.RolledBack}, apiServerDown},
	{Injection{"throttling", "AWS refuses bursts of calls", upgrade.Succeeded}, throttling},
	{Injection{"crash-after-effect", "Lambdas die right after their change took effect, before they can say so", upgrade.Succeeded}, crashAfterEffect},
}

func greenUnhealthy(s *stage) {
	s.onGreenCreated(func() error {
		s.injected("pods on " + Green + " never become ready")
		return s.fleet.SetPodsUnready(s.ctx, Green, "*")
	})
}

func errorRateAt50(s *stage) {
	s.onWeights(func(w upgrade.Weights) {
		if w.Green == 50 {
			s.injected(Green + " answers 30 % of its requests with errors")
			ingress, err := s.fleet.Ingress(Green)
			if err == nil {
				err = ingress.SetErrorRate(0.3)
			}
			if err != nil {
				s.fail(err)
			}
		}
	})
}

func apiServerDown(s *stage) {
	s.onWeights(func(w upgrade.Weights) {
		if w.Green == 25 {
			s.injected("the API server of " + Green + " dies")
			s.killed.Store(true)
			if err := s.fleet.KillAPIServer(Green); err != nil {
				s.fail(err)
			}
		}
	})
}

// throttling refuses more calls in a row than the SDK tries again (5), so that
// the state machine's own Retry has to help too.
func throttling(s *stage) {
	s.injected("bursts of calls to EKS, Route 53, CodeBuild, DynamoDB and EC2 are throttled")
	for _, f := range []world.Fault{
		{Service: "eks", Operation: "DescribeCluster", After: 2, Count: 8},
		{Service: "eks", Operation: "DeleteNodegroup", Count: 6},
		{Service: "ec2", Operation: "DescribeSubnets", Count: 6},
		{Service: "codebuild", Operation: "StartBuild", After: 1, Count: 6},
		{Service: "codebuild", Operation: "BatchGetBuilds", After: 3, Count: 6},
		{Service: "route53", Operation: "ListResourceRecordSets", After: 4, Count: 8},
		{Service: "route53", Operation: "ChangeResourceRecordSets", After: 1, Count: 7},
		{Service: "dynamodb", Operation: "PutItem", After: 10, Count: 12},
	} {
		f.Mode = world.Throttle
		s.world.Faults().Add(f)
	}
}

// crashAfterEffect loses the answers of the changes that matter most. What the
// handler knew is gone; what AWS did is done.
func crashAfterEffect(s *stage) {
	s.injected("Lambdas crash right after changes of CodeBuild, Route 53, EKS and DynamoDB took effect")
	for _, f := range []world.Fault{
		{Service: "codebuild", Operation: "StartBuild", After: 1, Count: 1},
		{Service: "route53", Operation: "ChangeResourceRecordSets", Count: 1},
		{Service: "route53", Operation: "ChangeResourceRecordSets", After: 2, Count: 1},
		{Service: "eks", Operation: "DeleteNodegroup", Match: ofCluster(Cluster), Count: 1},
		{Service: "eks", Operation: "DeleteCluster", Match: ofCluster(Cluster), Count: 1},
		{Service: "dynamodb", Operation: "PutItem", Match: toTable("eks-upgrade-leases"), Count: 1},
		{Service: "dynamodb", Operation: "PutItem", Match: toTable("eks-upgrade-records"), After: 3, Count: 2},
	} {
		f.Mode = world.CrashAfterEffect
		s.world.Faults().Add(f)
	}
}

func ofCluster(name string) func(any) bool {
	return func(in any) bool {
		switch in := in.(type) {
		case *eks.DeleteNodegroupInput:
			return aws.ToString(in.ClusterName) == name
		case *eks.DeleteClusterInput:
			return aws.ToString(in.Name) == name
		}
		return false
	}
}

func toTable(name string) func(any) bool {
	return func(in any) bool {
		put, isPut := in.(*dynamodb.PutItemInput)
		return isPut && aws.ToString(put.TableName) == name
	}
}
