package cloudformation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	smithy "github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/full"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// fixture is a world with CloudFormation's client.
type fixture struct {
	*testing.T
	*cfn.Client
	w     *world.World
	s     *full.Services
	clock *clock.Virtual
}

func newFixture(t *testing.T, iam bool) *fixture {
	t.Helper()
	clk := clock.NewVirtual(start)
	w, err := world.New(world.Options{Clock: clk, IAM: iam})
	if err != nil {
		t.Fatal(err)
	}
	s := full.Add(w, full.Options{})
	if err := s.AddDefaultVPC(w.Region()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &fixture{t, cfn.NewFromConfig(w.AWSConfig()), w, s, clk}
}

var capabilities = []types.Capability{types.CapabilityCapabilityNamedIam}

// settle lets an operation end and returns the stack.
func (f *fixture) settle(name string) types.Stack {
	f.Helper()
	for range 200 {
		f.clock.Advance(5 * time.Second)
		out, err := f.DescribeStacks(f.Context(), &cfn.DescribeStacksInput{StackName: &name})
		if err != nil {
			f.Fatal(err)
		}
		if !strings.HasSuffix(string(out.Stacks[0].StackStatus), "_IN_PROGRESS") {
			return out.Stacks[0]
		}
	}
	f.Fatalf("%s goes on for ever", name)
	return types.Stack{}
}

// create makes a stack of a template and wants it to end in a status.
func (f *fixture) create(name, template string, want types.StackStatus) types.Stack {
	f.Helper()
	out, err := f.CreateStack(f.Context(), &cfn.CreateStackInput{StackName: &name, TemplateBody: &template, Capabilities: capabilities})
	if err != nil {
		f.Fatal(err)
	}
	return f.ended(*out.StackId, want)
}

func (f *fixture) update(name, template string, want types.StackStatus) types.Stack {
	f.Helper()
	out, err := f.UpdateStack(f.Context(), &cfn.UpdateStackInput{StackName: &name, TemplateBody: &template, Capabilities: capabilities})
	if err != nil {
		f.Fatal(err)
	}
	return f.ended(*out.StackId, want)
}

func (f *fixture) delete(name string, want types.StackStatus) {
	f.Helper()
	out, err := f.DescribeStacks(f.Context(), &cfn.DescribeStacksInput{StackName: &name})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := f.DeleteStack(f.Context(), &cfn.DeleteStackInput{StackName: &name}); err != nil {
		f.Fatal(err)
	}
	f.ended(*out.Stacks[0].StackId, want)
}

func (f *fixture) ended(id string, want types.StackStatus) types.Stack {
	f.Helper()
	st := f.settle(id)
	if st.StackStatus != want {
		f.Fatalf("status = %s, want %s: %s\n%s", st.StackStatus, want, aws.ToString(st.StackStatusReason), strings.Join(f.failures(id), "\n"))
	}
	return st
}

// failures lists the reasons of the stack's failures, the latest first.
func (f *fixture) failures(id string) []string {
	out, err := f.DescribeStackEvents(f.Context(), &cfn.DescribeStackEventsInput{StackName: &id})
	if err != nil {
		f.Fatal(err)
	}
	var all []string
	for _, e := range out.StackEvents {
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			all = append(all, *e.LogicalResourceId+" "+string(e.ResourceStatus)+" "+aws.ToString(e.ResourceStatusReason))
		}
	}
	return all
}

// physical gives the physical ids of a stack's resources, by logical id.
func (f *fixture) physical(name string) map[string]string {
	f.Helper()
	out, err := f.DescribeStackResources(f.Context(), &cfn.DescribeStackResourcesInput{StackName: &name})
	if err != nil {
		f.Fatal(err)
	}
	ids := map[string]string{}
	for _, r := range out.StackResources {
		ids[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
	}
	return ids
}

func outputs(st types.Stack) map[string]string {
	m := map[string]string{}
	for _, o := range st.Outputs {
		m[*o.OutputKey] = *o.OutputValue
	}
	return m
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("err = %v, want %s: %s", err, code, message)
	}
}

// as is a configuration that calls as a session of a role.
func as(w *world.World, role string) aws.Config {
	cfg := w.AWSConfig()
	c := w.STS().Issue(role, "run")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return cfg
}
