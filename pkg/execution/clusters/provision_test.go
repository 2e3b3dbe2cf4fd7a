package clusters_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/clusters"
	lab "github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/execution/executiontest"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

var (
	plan = upgrade.Plan{Upgrade: "up-1", Cluster: lab.Blue, Green: lab.Green, Mode: upgrade.Forward, Hash: "h1"}
	ours = map[string]string{provision.UpgradeTag: "up-1"}
)

// specs is an artifact store that only remembers.
type specs struct{ stored []any }

func (s *specs) Put(_ context.Context, prefix string, v any) (upgrade.Ref, error) {
	s.stored = append(s.stored, v)
	return upgrade.Ref{Bucket: "bucket", Key: prefix + "/spec.json", SHA256: "abc"}, nil
}

func encode(t testing.TB, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func provisionStep(t testing.TB) upgrade.Step {
	t.Helper()
	return upgrade.Step{ID: "provision", Kind: upgrade.StepProvision, Timeout: upgrade.Duration(89*time.Minute + time.Second), Input: encode(t, upgrade.ProvisionInput{
		Cluster: lab.Green, Like: lab.Blue, Version: upgrade.Version{Major: 1, Minor: 35}, NodeGroups: []upgrade.NodeGroup{{Name: "workers"}}})}
}

func provisionOnce(t testing.TB, l *lab.Lab, run upgrade.Run) (upgrade.Progress, error) {
	t.Helper()
	p := &clusters.Provision{Builds: l.Builds, EKS: l.EKS, Specs: &specs{}, States: l.Records, Guard: l.Leases, Project: "eks-upgrade-provision"}
	return p.Reconcile(t.Context(), run, plan, provisionStep(t), upgrade.StepRecord{})
}

func wantCode(t testing.TB, err error, want upgrade.Code, text string) {
	t.Helper()
	if upgrade.CodeOf(err) != want || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v has code %q, want %q and the text %q", err, upgrade.CodeOf(err), want, text)
	}
}

func TestProvisionIsDoneWhenEKSSaysSo(t *testing.T) {
	l := lab.New(t)
	notDone := func(about string) {
		t.Helper()
		p, err := provisionOnce(t, l, l.Run)
		if err != nil || p.Done || !strings.Contains(p.Note, about) {
			t.Fatalf("progress %+v, error %v, want a note about %q", p, err, about)
		}
	}
	notDone("was started")
	notDone("BUILD")
	l.EKS.AddCluster(lab.Green, "1.35", ours, "workers")
	notDone("BUILD") // while the build runs its word counts
	l.Builds.Started[0].BuildStatus = build.StatusTypeSucceeded
	l.EKS.Cluster(lab.Green).Status = types.ClusterStatusUpdating
	notDone("UPDATING")
	l.EKS.Cluster(lab.Green).Status = types.ClusterStatusActive
	l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusUpdating
	notDone("workers is UPDATING")
	l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusActive
	p, err := provisionOnce(t, l, l.Run)
	if err != nil || !p.Done {
		t.Fatalf("progress %+v, error %v", p, err)
	}
	if len(l.Builds.Started) != 1 {
		t.Errorf("%d builds", len(l.Builds.Started))
	}
	if minutes := *l.Builds.Inputs[0].TimeoutInMinutesOverride; minutes != 90 {
		t.Errorf("the build may take %d minutes, not as long as the step", minutes)
	}
	env := map[string]string{}
	for _, v := range l.Builds.Inputs[0].EnvironmentVariablesOverride {
		env[*v.Name] = *v.Value
	}
	if env["EXECUTION"] != "up-1" || env["CLUSTER"] != lab.Blue || env["STEP"] == "" || env["SPEC_BUCKET"] != "bucket" || env["SPEC_KEY"] != "provision/up-1/spec.json" || env["SPEC_SHA256"] != "abc" || env["STEP_ID"] != "provision" {
		t.Errorf("environment of the build: %v", env)
	}
}

func TestProvisionStartsOneBuildWhateverCrashes(t *testing.T) {
	for at := 1; at <= 8; at++ {
		for _, effect := range []bool{false, true} {
			l := lab.New(t)
			l.Fuse.At, l.Fuse.Effect = l.Fuse.Calls+at, effect
			for range 3 {
				if _, err := provisionOnce(t, l, l.Run); err != nil && !errors.Is(err, lab.ErrCrash) {
					t.Fatalf("crash at call %d: %v", at, err)
				}
			}
			if len(l.Builds.Started) != 1 {
				t.Errorf("crash at call %d, effect %t: %d builds", at, effect, len(l.Builds.Started))
			}
		}
	}
}

func TestProvisionFails(t *testing.T) {
	for what, c := range map[string]struct {
		first, then func(*lab.Lab)
		code        upgrade.Code
		text        string
	}{
		"a build that failed": {nil, func(l *lab.Lab) {
			l.Builds.Started[0].BuildStatus = build.StatusTypeFailed
			l.Builds.Started[0].Phases = []build.BuildPhase{
				{PhaseType: build.BuildPhaseTypeInstall, PhaseStatus: build.StatusTypeSucceeded},
				{PhaseType: build.BuildPhaseTypeBuild, PhaseStatus: build.StatusTypeFailed, Contexts: []build.PhaseContext{{StatusCode: aws.String("COMMAND_EXECUTION_ERROR"), Message: aws.String("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI\nno free addresses")}}}}
		}, upgrade.CodeStepFailed, "BUILD FAILED: COMMAND_EXECUTION_ERROR: AWS_SECRET_ACCESS_KEY=[REDACTED] no free addresses"},
		"a build that was stopped":  {nil, func(l *lab.Lab) { l.Builds.Started[0].BuildStatus = build.StatusTypeStopped }, upgrade.CodeStepFailed, "STOPPED"},
		"a build that made nothing": {nil, func(l *lab.Lab) { l.Builds.Started[0].BuildStatus = build.StatusTypeSucceeded }, upgrade.CodeStepFailed, "knows no such cluster"},
		"a cluster of the wrong version": {nil, func(l *lab.Lab) {
			l.EKS.AddCluster(lab.Green, "1.34", ours, "workers")
			l.Builds.Started[0].BuildStatus = build.StatusTypeSucceeded
		}, upgrade.CodeStepFailed, "version 1.34 instead of 1.35"},
		"a cluster without the node group": {nil, func(l *lab.Lab) {
			l.EKS.AddCluster(lab.Green, "1.35", ours)
			l.Builds.Started[0].BuildStatus = build.StatusTypeSucceeded
		}, upgrade.CodeStepFailed, "no node group workers"},
		"a node group that failed": {nil, func(l *lab.Lab) {
			l.EKS.AddCluster(lab.Green, "1.35", ours, "workers")
			l.EKS.Group(lab.Green, "workers").Status = types.NodegroupStatusCreateFailed
			l.EKS.Group(lab.Green, "workers").Health = &types.NodegroupHealth{Issues: []types.Issue{{Code: types.NodegroupIssueCodeInsufficientFreeAddresses, Message: aws.String("no addresses")}}}
			l.Builds.Started[0].BuildStatus = build.StatusTypeSucceeded
		}, upgrade.CodeStepFailed, "InsufficientFreeAddresses: no addresses"},
		"somebody else's cluster of that name": {func(l *lab.Lab) { l.EKS.AddCluster(lab.Green, "1.35", nil, "workers") }, nil, upgrade.CodePrecondition, "lacks the tag"},
		"another upgrade's cluster":            {func(l *lab.Lab) { l.EKS.AddCluster(lab.Green, "1.35", map[string]string{provision.UpgradeTag: "up-0"}) }, nil, upgrade.CodePrecondition, `says "up-0"`},
		"throttling":                           {func(l *lab.Lab) { l.Builds.Fail = func(string) error { return lab.APIError("ThrottlingException") } }, nil, upgrade.CodeThrottled, ""},
	} {
		t.Run(what, func(t *testing.T) {
			l := lab.New(t)
			if c.first != nil {
				c.first(l)
			}
			_, err := provisionOnce(t, l, l.Run)
			if c.then != nil {
				if err != nil {
					t.Fatal(err)
				}
				c.then(l)
				_, err = provisionOnce(t, l, l.Run)
			}
			wantCode(t, err, c.code, c.text)
			if c.then == nil && len(l.Builds.Started) > 0 {
				t.Error("a build was started")
			}
		})
	}
}

func TestProvisionWithAStaleLeaseStartsNothing(t *testing.T) {
	l := lab.New(t)
	_, err := provisionOnce(t, l, l.Stale())
	wantCode(t, err, upgrade.CodeLeaseLost, "")
	if len(l.Builds.Started) > 0 {
		t.Error("a build was started")
	}
}
