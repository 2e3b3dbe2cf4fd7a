// Package outcome reports how an upgrade ended: it gathers what was decided,
// done and observed, and says in plain words why.
//
// A report is written whatever happened. What cannot be read is named in it
// and never guessed.
package outcome

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
)

// Documents reads what was decided.
type Documents interface {
	Plan(ctx context.Context, ref upgrade.Ref) (upgrade.Plan, error)
	Assessment(ctx context.Context, ref upgrade.Ref) (upgrade.Assessment, error)
}

// Records reads what was done.
type Records interface {
	Steps(ctx context.Context, upgradeID string) ([]upgrade.StepRecord, error)
	Approval(ctx context.Context, upgradeID, planHash string) (a upgrade.ApprovalRecord, found bool, err error)
}

// Route53 reads the weights.
type Route53 interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
}

// EKS reads the versions.
type EKS interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
}

// Results stores the result.
type Results interface {
	Put(ctx context.Context, prefix string, v any) (upgrade.Ref, error)
}

// Handler is the report phase. All fields are needed.
type Handler struct {
	Documents Documents
	Records   Records
	Route53   Route53
	EKS       EKS
	Results   Results
	Hook      webhook.Hook // a chat that is told how it ended; the zero one is none
	Clock     clock.Clock
}

// Handle gathers and stores the result. It fails only when the result cannot
// be stored.
func (h *Handler) Handle(ctx context.Context, in upgrade.ReportInput) (upgrade.ReportOutput, error) {
	r := upgrade.Result{Upgrade: in.Run.ID, Cluster: in.Run.Request.Cluster, Green: in.Run.Request.Green, Target: in.Run.Request.Target,
		Outcome: in.Outcome, StartedAt: in.Run.StartedAt, EndedAt: upgrade.At(h.Clock.Now())}
	g := gatherer{handler: h, in: in, result: &r}
	g.decided(ctx)
	g.done(ctx)
	g.observed(ctx)
	r.Reason = reason(r, in.Cause, g.stepsRead)
	ref, err := h.Results.Put(ctx, "results/"+in.Run.ID, r)
	if err != nil {
		return upgrade.ReportOutput{}, err
	}
	h.Hook.Try(ctx, fmt.Sprintf("The upgrade of EKS cluster %s to %s has ended: %s", r.Cluster, r.Target, r.Outcome), r.Reason+"\n\nUpgrade "+r.Upgrade)
	metrics.From(ctx).Add(metrics.UpgradesFinished, 1, metrics.Dims{metrics.Outcome: string(r.Outcome)})
	return upgrade.ReportOutput{Outcome: r.Outcome, Reason: r.Reason, Result: ref}, nil
}

type gatherer struct {
	handler   *Handler
	in        upgrade.ReportInput
	result    *upgrade.Result
	stepsRead bool
}

// read notes what could not be read and reports whether it was.
func (g *gatherer) read(what string, err error) bool {
	if err != nil {
		g.result.NotRead = append(g.result.NotRead, what+": "+logging.Line(err.Error(), maxCause))
	}
	return err == nil
}

func (g *gatherer) decided(ctx context.Context) {
	if g.in.Assessment != (upgrade.Ref{}) {
		if a, err := g.handler.Documents.Assessment(ctx, g.in.Assessment); g.read("the assessment", err) {
			g.result.Assessment, g.result.From = &a, a.From
		}
	}
	if g.in.Plan != (upgrade.Ref{}) {
		if p, err := g.handler.Documents.Plan(ctx, g.in.Plan); g.read("the plan", err) {
			g.result.Plan, g.result.From = &p, p.From
		}
	}
	if g.in.Rollback != (upgrade.Ref{}) {
		if p, err := g.handler.Documents.Plan(ctx, g.in.Rollback); g.read("the rollback plan", err) {
			g.result.Rollback = &p
		}
	}
}

func (g *gatherer) done(ctx context.Context) {
	steps, err := g.handler.Records.Steps(ctx, g.in.Run.ID)
	g.stepsRead = g.read("the records of the steps", err)
	g.result.Steps = append([]upgrade.StepRecord{}, steps...)
	if g.result.Plan == nil {
		return
	}
	a, found, err := g.handler.Records.Approval(ctx, g.in.Run.ID, g.result.Plan.Hash)
	if g.read("the approval", err) && found {
		g.result.Approval = &a
	}
}

func (g *gatherer) observed(ctx context.Context) {
	if w, err := g.handler.weights(ctx, g.in.Run.Request); g.read("the traffic weights", err) {
		g.result.Weights = &w
	}
	g.result.Versions = map[string]upgrade.Version{}
	for _, cluster := range []string{g.result.Cluster, g.result.Green} {
		v, exists, err := g.handler.version(ctx, cluster)
		if g.read("the version of "+cluster, err) && exists {
			g.result.Versions[cluster] = v
		}
	}
}

func (h *Handler) version(ctx context.Context, cluster string) (v upgrade.Version, exists bool, err error) {
	out, err := h.EKS.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &cluster})
	if awserr.Is(err, "ResourceNotFoundException") {
		return v, false, nil
	}
	if err != nil {
		return v, false, awserr.Wrap("describe cluster "+cluster, err)
	}
	if out.Cluster == nil || out.Cluster.Version == nil {
		return v, false, upgrade.KindVersionMissing.Errorf("describe cluster "+cluster, "EKS answered without a version")
	}
	v, err = upgrade.ParseVersion(*out.Cluster.Version)
	return v, err == nil, err
}
