package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/metrics/metricstest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/outcome"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
)

var (
	start  = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	v134   = upgrade.Version{Major: 1, Minor: 34}
	v135   = upgrade.Version{Major: 1, Minor: 35}
	ref    = upgrade.Ref{Bucket: "b", Key: "k", SHA256: "s"}
	errAWS = errors.New("GET https://x/?X-Amz-Signature=abcdef0123456789abcdef: connection refused")
)

// world is what the handler reads; a nil part of it does not answer.
type world struct {
	hook       webhook.Hook
	sets       []types.ResourceRecordSet
	pageSize   int
	clusters   map[string]string
	steps      []upgrade.StepRecord
	approval   *upgrade.ApprovalRecord
	documents  bool
	awsDown    bool
	recordDown bool
	stored     upgrade.Result
	prefix     string
	storeErr   error
}

func (w *world) Plan(context.Context, upgrade.Ref) (upgrade.Plan, error) {
	if !w.documents {
		return upgrade.Plan{}, errAWS
	}
	return upgrade.Plan{From: v134, Target: v135, Hash: "aa"}, nil
}

func (w *world) Assessment(context.Context, upgrade.Ref) (upgrade.Assessment, error) {
	if !w.documents {
		return upgrade.Assessment{}, errAWS
	}
	return upgrade.Assessment{From: v134, Decision: upgrade.Go}, nil
}

func (w *world) Steps(context.Context, string) ([]upgrade.StepRecord, error) {
	if w.recordDown {
		return nil, errAWS
	}
	return w.steps, nil
}

func (w *world) Approval(_ context.Context, _, hash string) (upgrade.ApprovalRecord, bool, error) {
	if w.recordDown {
		return upgrade.ApprovalRecord{}, false, errAWS
	}
	if w.approval == nil || hash != w.approval.PlanHash {
		return upgrade.ApprovalRecord{}, false, nil
	}
	return *w.approval, true, nil
}

func (w *world) DescribeCluster(_ context.Context, in *eks.DescribeClusterInput, _ ...func(*eks.Options)) (*eks.DescribeClusterOutput, error) {
	if w.awsDown {
		return nil, errAWS
	}
	version, ok := w.clusters[*in.Name]
	if !ok {
		return nil, &ekstypes.ResourceNotFoundException{Message: aws.String("No cluster found for name: " + *in.Name)}
	}
	return &eks.DescribeClusterOutput{Cluster: &ekstypes.Cluster{Name: in.Name, Version: &version}}, nil
}

// ListResourceRecordSets pages through the sets from the start that is asked for.
func (w *world) ListResourceRecordSets(_ context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	if w.awsDown {
		return nil, errAWS
	}
	key := func(name string, kind types.RRType, id string) string {
		return strings.TrimSuffix(name, ".") + "|" + string(kind) + "|" + id
	}
	from := key(aws.ToString(in.StartRecordName), in.StartRecordType, aws.ToString(in.StartRecordIdentifier))
	sets := slices.Clone(w.sets)
	sets = slices.DeleteFunc(sets, func(s types.ResourceRecordSet) bool {
		return key(*s.Name, s.Type, aws.ToString(s.SetIdentifier)) < from
	})
	out := &route53.ListResourceRecordSetsOutput{ResourceRecordSets: sets}
	if w.pageSize > 0 && len(sets) > w.pageSize {
		next := sets[w.pageSize]
		out.ResourceRecordSets, out.IsTruncated = sets[:w.pageSize], true
		out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = next.Name, next.Type, next.SetIdentifier
	}
	return out, nil
}

func (w *world) Put(_ context.Context, prefix string, v any) (upgrade.Ref, error) {
	w.prefix, w.stored = prefix, v.(upgrade.Result)
	return ref, w.storeErr
}

func set(name, id string, weight int64) types.ResourceRecordSet {
	return types.ResourceRecordSet{Name: aws.String(name + "."), Type: types.RRTypeCname, SetIdentifier: aws.String(id), Weight: aws.Int64(weight)}
}

func weighted(blue, green int64) []types.ResourceRecordSet {
	return []types.ResourceRecordSet{set("shop.example.com", "shop", blue), set("shop.example.com", "shop-green", green), {Name: aws.String("www.example.com."), Type: types.RRTypeCname}}
}

func step(id string, mode upgrade.Mode, kind upgrade.StepKind, verified bool) upgrade.StepRecord {
	s := upgrade.StepRecord{Step: id, Mode: mode, Kind: kind}
	if verified {
		s.VerifiedAt = upgrade.At(start)
	}
	return s
}

func input(o upgrade.Outcome, cause *upgrade.Cause) upgrade.ReportInput {
	return upgrade.ReportInput{Outcome: o, Cause: cause, Assessment: ref, Plan: ref, Run: upgrade.Run{ID: "shop-135", StartedAt: upgrade.At(start),
		Request: upgrade.Request{Cluster: "shop", Green: "shop-green", Target: v135, Traffic: upgrade.Traffic{HostedZone: "Z1", Record: "shop.example.com"}}}}
}

func (w *world) report(t *testing.T, in upgrade.ReportInput) (upgrade.ReportOutput, error) {
	t.Helper()
	h := outcome.Handler{Documents: w, Records: w, Route53: w, EKS: w, Results: w, Hook: w.hook, Clock: clock.NewVirtual(start.Add(2*time.Hour + 3*time.Minute))}
	return h.Handle(t.Context(), in)
}

func TestAChatIsToldHowItEnded(t *testing.T) {
	var told string
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		told = string(body)
	}))
	defer chat.Close()
	w := &world{documents: true, sets: weighted(100, 0), clusters: map[string]string{"shop": "1.34"}, hook: webhook.New(chat.URL)}
	out, err := w.report(t, input(upgrade.RolledBack, nil))
	if err != nil || !strings.Contains(told, "EKS cluster shop to 1.35 has ended: rolledBack") || !strings.Contains(told, out.Reason) {
		t.Errorf("%v, told %q", err, told)
	}
}

func TestReportOfASuccess(t *testing.T) {
	w := &world{documents: true, sets: weighted(0, 100), clusters: map[string]string{"shop-green": "1.35"}, approval: &upgrade.ApprovalRecord{PlanHash: "aa", By: "ada"},
		steps: []upgrade.StepRecord{step("verify-blue", upgrade.Forward, upgrade.StepVerify, true), step("shift-100", upgrade.Forward, upgrade.StepShift, true)}}
	out, err := w.report(t, input(upgrade.Succeeded, nil))
	if err != nil {
		t.Fatal(err)
	}
	reason := "succeeded: Kubernetes 1.34 to 1.35 in 2h3m0s, 2 steps verified; traffic is at 0 % on shop and 100 % on shop-green"
	if diff := cmp.Diff(upgrade.ReportOutput{Outcome: upgrade.Succeeded, Reason: reason, Result: ref}, out); diff != "" {
		t.Error(diff)
	}
	want := upgrade.Result{Upgrade: "shop-135", Cluster: "shop", Green: "shop-green", From: v134, Target: v135, Outcome: upgrade.Succeeded, Reason: reason,
		StartedAt: upgrade.At(start), EndedAt: upgrade.At(start.Add(2*time.Hour + 3*time.Minute)), Weights: &upgrade.Weights{Green: 100},
		Versions: map[string]upgrade.Version{"shop-green": v135}, Assessment: &upgrade.Assessment{From: v134, Decision: upgrade.Go},
		Plan: &upgrade.Plan{From: v134, Target: v135, Hash: "aa"}, Approval: w.approval, Steps: w.steps}
	if diff := cmp.Diff(want, w.stored); diff != "" || w.prefix != "results/shop-135" {
		t.Error(w.prefix, diff)
	}
}

func TestReasons(t *testing.T) {
	lambdaError := `{"errorMessage":"shift traffic: shop-green has no load balancer","errorType":"StepFailed"}`
	shift := []upgrade.StepRecord{step("verify-blue", upgrade.Forward, upgrade.StepVerify, true), step("shift-50", upgrade.Forward, upgrade.StepShift, false)}
	back := append(slices.Clone(shift), step("shift-back", upgrade.RollingBack, upgrade.StepShift, false))
	for name, c := range map[string]struct {
		outcome upgrade.Outcome
		cause   *upgrade.Cause
		steps   []upgrade.StepRecord
		want    string
	}{
		"rolled back after a verification": {upgrade.RolledBack, &upgrade.Cause{Error: "StepFailed", Text: "shift-50: errorRate of shop-green: 12.4% of 310 requests failed in 10m0s (limit 1%)"}, back,
			"rolled back: shift-50: errorRate of shop-green: 12.4% of 310 requests failed in 10m0s (limit 1%); traffic is at 100 % on shop and 0 % on shop-green"},
		"rolled back after an error of a Lambda": {upgrade.RolledBack, &upgrade.Cause{Error: "StepFailed", Text: lambdaError}, back,
			"rolled back: shift traffic: shop-green has no load balancer; traffic is at 100 % on shop and 0 % on shop-green"},
		"rolled back after a timeout": {upgrade.RolledBack, &upgrade.Cause{Error: "States.Timeout"}, back,
			"rolled back: it did not finish in time; traffic is at 100 % on shop and 0 % on shop-green"},
		"no-go": {upgrade.Failed, &upgrade.Cause{Error: "NoGo", Text: "1 of 3 findings block the upgrade"}, nil,
			"failed, and nothing was changed: 1 of 3 findings block the upgrade"},
		"failed at the first check": {upgrade.Failed, &upgrade.Cause{Error: "StepFailed", Text: "blue is not healthy"}, shift[:1],
			"failed, and nothing was changed: blue is not healthy"},
		"drift": {upgrade.Failed, &upgrade.Cause{Error: "Drift", Text: `{"errorMessage":"somebody set blue 70","errorType":"Drift"}`}, shift,
			"failed, and a person is needed: somebody set blue 70; it stopped at step shift-50; traffic is at 100 % on shop and 0 % on shop-green; the lease of shop is kept until somebody has looked"},
		"failed while rolling back": {upgrade.Failed, &upgrade.Cause{Error: "Internal", Text: "boom"}, back,
			"failed, and a person is needed: Internal: boom; it stopped while rolling back, at step shift-back; traffic is at 100 % on shop and 0 % on shop-green; the lease of shop is kept until somebody has looked"},
		"no cause": {upgrade.Failed, nil, nil, "failed, and nothing was changed: no cause was given"},
		"a cause of several lines with a secret": {upgrade.Failed, &upgrade.Cause{Error: "Unavailable", Text: "a\n\x1b[31mb password=hunter2hunter2"}, nil,
			"failed, and nothing was changed: a [31mb password=[REDACTED]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{documents: true, sets: weighted(100, 0), clusters: map[string]string{"shop": "1.34"}, steps: c.steps}
			out, err := w.report(t, input(c.outcome, c.cause))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.Reason); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatCannotBeReadIsNamedAndNotGuessed(t *testing.T) {
	w := &world{awsDown: true, recordDown: true}
	in := input(upgrade.Failed, &upgrade.Cause{Error: "Unavailable", Text: "AWS is down"})
	in.Rollback = ref
	out, err := w.report(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "failed: AWS is down; whether anything was changed is not known, because the records could not be read; the traffic weights could not be read"; out.Reason != want {
		t.Error(cmp.Diff(want, out.Reason))
	}
	var what []string
	for _, n := range w.stored.NotRead {
		if strings.Contains(n, "abcdef") {
			t.Errorf("a signature is in %q", n)
		}
		name, _, _ := strings.Cut(n, ":")
		what = append(what, name)
	}
	want := []string{"the assessment", "the plan", "the rollback plan", "the records of the steps", "the traffic weights", "the version of shop", "the version of shop-green"}
	if diff := cmp.Diff(want, what); diff != "" {
		t.Error(diff)
	}
	if w.stored.Weights != nil || len(w.stored.Versions) != 0 || w.stored.Steps == nil {
		t.Errorf("guessed: %+v", w.stored)
	}
}

func TestWithoutAssessmentAndPlanNothingIsMissing(t *testing.T) {
	w := &world{sets: weighted(100, 0), clusters: map[string]string{"shop": "1.34"}}
	in := input(upgrade.Failed, &upgrade.Cause{Error: "PermissionDenied", Text: "no"})
	in.Assessment, in.Plan = upgrade.Ref{}, upgrade.Ref{}
	if _, err := w.report(t, in); err != nil {
		t.Fatal(err)
	}
	if len(w.stored.NotRead) != 0 || w.stored.Plan != nil || w.stored.Versions["shop"] != v134 {
		t.Errorf("%+v", w.stored)
	}
}

func TestAResultThatCannotBeStoredIsAnError(t *testing.T) {
	w := &world{documents: true, storeErr: upgrade.Errorf(upgrade.CodeUnavailable, "put", "s3 is down")}
	if _, err := w.report(t, input(upgrade.Succeeded, nil)); upgrade.CodeOf(err) != upgrade.CodeUnavailable {
		t.Errorf("error %v", err)
	}
}

func TestWeights(t *testing.T) {
	other := set("shop.example.com", "a-third", 10)
	var neighbours []types.ResourceRecordSet
	for i := range 5 {
		neighbours = append(neighbours, set(fmt.Sprintf("a%d.example.com", i), "x", 50))
	}
	for name, c := range map[string]struct {
		sets []types.ResourceRecordSet
		page int
		want *upgrade.Weights
		says string
	}{
		"both":                   {weighted(75, 25), 0, &upgrade.Weights{Blue: 75, Green: 25}, ""},
		"one set on each page":   {weighted(75, 25), 1, &upgrade.Weights{Blue: 75, Green: 25}, ""},
		"blue alone":             {weighted(100, 0)[:1], 0, &upgrade.Weights{Blue: 100}, ""},
		"green alone":            {weighted(0, 100)[1:2], 0, &upgrade.Weights{Green: 100}, ""},
		"blue alone with a 1":    {weighted(1, 0), 0, &upgrade.Weights{Blue: 100}, ""},
		"blue alone with a 255":  {weighted(255, 0)[:1], 0, &upgrade.Weights{Blue: 100}, ""},
		"as somebody left them":  {weighted(90, 20), 0, &upgrade.Weights{Blue: 90, Green: 20}, ""},
		"after many other names": {append(neighbours, weighted(50, 50)...), 2, &upgrade.Weights{Blue: 50, Green: 50}, ""},
		"a third one takes part": {append([]types.ResourceRecordSet{other}, weighted(50, 50)...), 0, nil, "a-third"},
		"none":                   {neighbours, 0, nil, "no weighted CNAME"},
		"no zone content":        {nil, 0, nil, "no weighted CNAME"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{documents: true, sets: c.sets, pageSize: c.page}
			if _, err := w.report(t, input(upgrade.Failed, nil)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, w.stored.Weights); diff != "" {
				t.Error(diff)
			}
			if notRead := strings.Join(w.stored.NotRead, "\n"); !strings.Contains(notRead, c.says) || (c.says == "") != (notRead == "") {
				t.Errorf("not read: %q, want it to say %q", notRead, c.says)
			}
		})
	}
}

func TestASuccessThatSomebodyUndidSaysSo(t *testing.T) {
	w := &world{documents: true, sets: weighted(50, 50), steps: []upgrade.StepRecord{}}
	out, err := w.report(t, input(upgrade.Succeeded, nil))
	if err != nil || !strings.Contains(out.Reason, "somebody changed the weights") {
		t.Errorf("%q, %v", out.Reason, err)
	}
}

func FuzzReasonIsOneBoundedLine(f *testing.F) {
	f.Add("StepFailed", `{"errorMessage":"a\nb","errorType":"StepFailed"}`)
	f.Add("States.Timeout", "")
	f.Add("Internal", "\x1b[2J\u202e{")
	f.Fuzz(func(t *testing.T, name, text string) {
		w := &world{documents: true, sets: weighted(100, 0)}
		out, err := w.report(t, input(upgrade.Failed, &upgrade.Cause{Error: name, Text: text}))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(out.Reason) || strings.ContainsFunc(out.Reason, unicode.IsControl) || utf8.RuneCountInString(out.Reason) > 1200 {
			t.Errorf("%q", out.Reason)
		}
	})
}

func TestTheEndIsCounted(t *testing.T) {
	w := &world{documents: true, sets: weighted(100, 0), clusters: map[string]string{"shop": "1.34"}}
	h := outcome.Handler{Documents: w, Records: w, Route53: w, EKS: w, Results: w, Clock: clock.NewVirtual(start)}
	got := metricstest.Record(t, func(ctx context.Context) {
		if _, err := h.Handle(ctx, input(upgrade.RolledBack, nil)); err != nil {
			t.Fatal(err)
		}
	})
	if got["UpgradesFinished"] != 1. || got["Outcome"] != "rolledBack" {
		t.Error(got)
	}
}
