package provision_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/provision"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	buildRole    = "arn:aws:iam::123456789012:role/eks-upgrade-provision"
	buildSession = "arn:aws:sts::123456789012:assumed-role/eks-upgrade-provision/AWSCodeBuild-1"
)

// kubernetes is the API server of green: it lets in who has an entry, and late.
type kubernetes struct {
	account *account
	caller  string
	late    int // refusals before an entry has arrived
	applied []string
}

func (k *kubernetes) Caller(context.Context) (string, error) { return k.caller, nil }

func (k *kubernetes) Apply(_ context.Context, cluster string, objects []map[string]any) error {
	if k.late > 0 || k.account.clusters[cluster].entries[buildRole] == nil && k.caller == buildSession {
		k.late--
		return upgrade.KindKubernetesUnauthorized.Errorf("apply", "401")
	}
	k.applied = nil
	for _, o := range objects {
		k.applied = append(k.applied, o["kind"].(string)+" "+o["metadata"].(map[string]any)["name"].(string))
	}
	return nil
}

func authorized(a *account, k *kubernetes) error {
	return provision.Provision(context.Background(), a, spec, provision.Options{Upgrade: "up-1", Step: "provision", Poll: time.Minute, Clock: impatient{a.now}, Kubernetes: k})
}

func TestTheBuildLetsTheAgentInAndLeaves(t *testing.T) {
	a := newAccount()
	a.maker = buildRole
	// The owner of blue gave one of the agent's roles another group.
	validate := "arn:aws:iam::123456789012:role/eks-upgrade-validate"
	a.clusters["blue"].entries[validate] = &types.AccessEntry{Type: aws.String("STANDARD"), KubernetesGroups: []string{"watchers"}}
	k := &kubernetes{account: a, caller: buildSession, late: 3}
	for range 2 { // the second time everything is there, and the build is out
		must(t, authorized(a, k))
		got := map[string][]string{}
		for _, principal := range slices.Sorted(maps.Keys(a.clusters["green"].entries)) {
			got[principal] = a.clusters["green"].entries[principal].KubernetesGroups
		}
		want := map[string][]string{"arn:admin": {"ops"}, validate: {"watchers"}}
		for _, e := range access.Entries() {
			if principal := "arn:aws:iam::123456789012:role/" + e.Role; principal != validate {
				want[principal] = []string{string(e.Group)}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entries of green (-want +got):\n%s", diff)
		}
		if !slices.Contains(k.applied, "ClusterRoleBinding eks-upgrade-agent:deliver") || len(k.applied) != 2*len(access.Kubernetes()) {
			t.Errorf("applied %v", k.applied)
		}
	}
}

// Whoever provisions by hand stays who they are.
func TestAPersonStaysAdministrator(t *testing.T) {
	a := newAccount()
	a.maker = "arn:aws:iam::123456789012:role/ops/admins"
	k := &kubernetes{account: a, caller: "arn:aws:sts::123456789012:assumed-role/admins/ann"}
	must(t, authorized(a, k))
	if a.clusters["green"].entries[a.maker] == nil || len(k.applied) == 0 {
		t.Errorf("applied %v, entries %v", k.applied, a.clusters["green"].entries)
	}
}

func TestAClusterThatNeverLetsItsMakerInIsAnError(t *testing.T) {
	a := newAccount()
	a.maker = buildRole
	k := &kubernetes{account: a, caller: buildSession, late: 1000}
	err := authorized(a, k)
	if own, ok := errors.AsType[*upgrade.Error](err); !ok || own.Code != upgrade.CodePermissionDenied {
		t.Errorf("error %v", err)
	}
	if a.clusters["green"].entries[buildRole] == nil {
		t.Error("the build left before it had let the agent in")
	}
}

// The agent gets in by access entries whatever blue has.
func TestGreenHasAccessEntries(t *testing.T) {
	a := newAccount()
	a.maker = buildRole
	a.clusters["blue"].AccessConfig.AuthenticationMode = types.AuthenticationModeConfigMap
	must(t, authorized(a, &kubernetes{account: a, caller: buildSession}))
	green := a.clusters["green"]
	if green.AccessConfig.AuthenticationMode != types.AuthenticationModeApiAndConfigMap || len(green.entries) != len(access.Entries()) {
		t.Errorf("%s, %v", green.AccessConfig.AuthenticationMode, green.entries)
	}
}
