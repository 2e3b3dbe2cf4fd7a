package eks

import (
	"errors"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"
)

// walker drives a cluster through the API as clients do.
type walker struct {
	*fixture
	api *sdk.Client
}

func walk(t *testing.T, version string, edit func(*sdk.CreateClusterInput)) *walker {
	t.Helper()
	f := newFixture(t, Options{})
	w := &walker{f, f.client()}
	in := clusterInput(version)
	if edit != nil {
		edit(in)
	}
	f.must(w.api.CreateCluster(t.Context(), in))
	f.clock.Advance(DefaultCreateCluster + time.Hour)
	return w
}

func (w *walker) version(to string, edit ...func(*sdk.UpdateClusterVersionInput)) (*types.Update, error) {
	in := &sdk.UpdateClusterVersionInput{Name: ptr("shop"), Version: ptr(to)}
	for _, e := range edit {
		e(in)
	}
	out, err := w.api.UpdateClusterVersion(w.t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.Update, nil
}

// hop makes a version change and waits until it has ended well.
func (w *walker) hop(to string) {
	w.t.Helper()
	u, err := w.version(to)
	w.must(u, err)
	w.clock.Advance(DefaultUpdateVersion)
	w.ended(u.Id, types.UpdateStatusSuccessful)
	if c := w.describe(); *c.Version != to || c.Status != types.ClusterStatusActive {
		w.t.Fatalf("cluster is %s at %s, want ACTIVE at %s", c.Status, *c.Version, to)
	}
}

func (w *walker) describe() *types.Cluster {
	w.t.Helper()
	out, err := w.api.DescribeCluster(w.t.Context(), &sdk.DescribeClusterInput{Name: ptr("shop")})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Cluster
}

func (w *walker) describeUpdate(id *string) *types.Update {
	w.t.Helper()
	out, err := w.api.DescribeUpdate(w.t.Context(), &sdk.DescribeUpdateInput{Name: ptr("shop"), UpdateId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Update
}

func (w *walker) ended(id *string, status types.UpdateStatus) *types.Update {
	w.t.Helper()
	u := w.describeUpdate(id)
	if u.Status != status {
		w.t.Fatalf("update = %s %+v, want %s", u.Status, u.Errors, status)
	}
	return u
}

func (w *walker) nodegroupTo(version string) {
	w.t.Helper()
	w.must(w.api.UpdateNodegroupVersion(w.t.Context(), &sdk.UpdateNodegroupVersionInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers"), Version: ptr(version)}))
	w.clock.Advance(time.Hour)
	if n := w.Nodegroups("shop")[0]; *n.Version != version || n.Status != types.NodegroupStatusActive {
		w.t.Fatalf("node group = %s %s", *n.Version, n.Status)
	}
}

func (w *walker) addon(name, version string) {
	w.t.Helper()
	w.must(w.api.CreateAddon(w.t.Context(), &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr(name), AddonVersion: ptr(version)}))
	w.clock.Advance(time.Hour)
}

func force(in *sdk.UpdateClusterVersionInput) { in.Force = true }

func timeout(minutes int32) func(*sdk.UpdateClusterVersionInput) {
	return func(in *sdk.UpdateClusterVersionInput) {
		in.RollbackConfig = &types.RollbackConfig{TimeoutMinutes: ptr(minutes)}
	}
}

func config(w *walker, in *sdk.UpdateClusterConfigInput) {
	w.t.Helper()
	in.Name = ptr("shop")
	out, err := w.api.UpdateClusterConfig(w.t.Context(), in)
	w.must(out, err)
	w.clock.Advance(time.Hour)
	w.ended(out.Update.Id, types.UpdateStatusSuccessful)
}

// TestVersionRules walks the rules of version changes, forward and back. Each
// case prepares a cluster created at from and asks for a version; no code means
// that it works.
func TestVersionRules(t *testing.T) {
	const parameter, request, state, busy = "InvalidParameterException", "InvalidRequestException", "InvalidStateException", "ResourceInUseException"
	for _, c := range []struct {
		name, from string
		prepare    func(*walker)
		to         string
		edit       func(*sdk.UpdateClusterVersionInput)
		code, part string
	}{
		{"one minor forward", "1.34", nil, "1.35", nil, "", ""},
		{"two minors forward", "1.34", nil, "1.36", nil, parameter, "Unsupported Kubernetes minor version update from 1.34 to 1.36"},
		{"no step", "1.34", nil, "1.34", nil, parameter, "from 1.34 to 1.34"},
		{"unknown version", "1.34", nil, "1.99", nil, parameter, "unsupported Kubernetes version"},
		{"no version of Kubernetes", "1.34", nil, "34", nil, parameter, "unsupported Kubernetes version"},
		{"rollbackConfig forward", "1.34", nil, "1.35", timeout(120), parameter, "rollbackConfig"},
		{"forward during another update", "1.34", func(w *walker) { w.must(w.version("1.35")) }, "1.35", nil, busy, "Cannot VersionUpdate because cluster shop currently has update"},
		{"forward during an update of the configuration", "1.34", func(w *walker) {
			w.must(w.api.UpdateClusterConfig(w.t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), DeletionProtection: ptr(true)}))
		}, "1.35", nil, busy, "currently has update"},
		{"forward with a failing upgrade insight", "1.34", func(w *walker) {
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Kubelet version skew"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
		}, "1.35", nil, state, "Kubelet version skew"},
		{"forward with a failing upgrade insight, forced", "1.34", func(w *walker) {
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Kubelet version skew"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
		}, "1.35", force, "", ""},
		{"forward with an unknown upgrade insight", "1.34", func(w *walker) {
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Kubelet version skew"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueUnknown}}))
		}, "1.35", nil, "", ""},
		{"forward with a failing insight about another version", "1.34", func(w *walker) {
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Deprecated APIs removed in Kubernetes v1.37"), KubernetesVersion: ptr("1.37"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
		}, "1.35", nil, "", ""},
		{"forward with nodes that would be four minors behind", "1.32", func(w *walker) {
			w.nodegroup("workers")
			w.hop("1.33")
			w.hop("1.34")
			w.hop("1.35")
		}, "1.36", force, request, "Nodegroups workers must be updated"},

		{"back after an upgrade", "1.34", func(w *walker) { w.hop("1.35") }, "1.34", nil, "", ""},
		{"back with a timeout", "1.34", func(w *walker) { w.hop("1.35") }, "1.34", timeout(10080), "", ""},
		{"back with a short timeout", "1.34", func(w *walker) { w.hop("1.35") }, "1.34", timeout(119), parameter, "between 120 and 10080"},
		{"back with a long timeout", "1.34", func(w *walker) { w.hop("1.35") }, "1.34", timeout(10081), parameter, "between 120 and 10080"},
		{"back without an upgrade", "1.34", nil, "1.33", nil, request, "was not an upgrade"},
		{"back without an upgrade, forced", "1.34", nil, "1.33", force, request, "was not an upgrade"},
		{"two minors back", "1.33", func(w *walker) { w.hop("1.34"); w.hop("1.35") }, "1.33", nil, parameter, "Unsupported Kubernetes minor version update from 1.35 to 1.33"},
		{"back after two hops, to the version before the last", "1.33", func(w *walker) { w.hop("1.34"); w.hop("1.35") }, "1.34", nil, "", ""},
		{"back twice", "1.33", func(w *walker) { w.hop("1.34"); w.hop("1.35"); w.hop("1.34") }, "1.33", force, request, "was not an upgrade"},
		{"forward again after a rollback", "1.34", func(w *walker) { w.hop("1.35"); w.hop("1.34") }, "1.35", nil, "", ""},
		{"back in the last minute of 7 days", "1.34", func(w *walker) { w.hop("1.35"); w.clock.Advance(7*24*time.Hour - time.Minute) }, "1.34", nil, "", ""},
		{"back after 7 days", "1.34", func(w *walker) { w.hop("1.35"); w.clock.Advance(7*24*time.Hour + time.Minute) }, "1.34", force, request, "more than 7 days"},
		{"back during an update", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(w.api.UpdateClusterConfig(w.t.Context(), &sdk.UpdateClusterConfigInput{Name: ptr("shop"), DeletionProtection: ptr(true)}))
		}, "1.34", force, busy, "Cannot VersionRollback because cluster shop currently has update"},
		{"back with nodes at the newer version", "1.34", func(w *walker) { w.nodegroup("workers"); w.hop("1.35"); w.nodegroupTo("1.35") }, "1.34", nil, state, "Kubelet version rollback compatibility"},
		{"back with nodes at the newer version, forced", "1.34", func(w *walker) { w.nodegroup("workers"); w.hop("1.35"); w.nodegroupTo("1.35") }, "1.34", force, "", ""},
		{"back when the nodes went back first", "1.34", func(w *walker) {
			w.nodegroup("workers")
			w.hop("1.35")
			w.nodegroupTo("1.35")
			w.nodegroupTo("1.34")
		}, "1.34", nil, "", ""},
		{"back with nodes that never left", "1.34", func(w *walker) { w.nodegroup("workers"); w.hop("1.35") }, "1.34", nil, "", ""},
		{"back with an add-on that needs the newer version", "1.34", func(w *walker) { w.hop("1.35"); w.addon("coredns", "v1.14.3-eksbuild.14") }, "1.34", nil, state, "EKS add-on version rollback compatibility"},
		{"back with a newer kube-proxy", "1.34", func(w *walker) { w.hop("1.35"); w.addon("kube-proxy", "v1.35.0-eksbuild.2") }, "1.34", nil, state, "kube-proxy version rollback compatibility"},
		{"back with an add-on that runs on both", "1.34", func(w *walker) { w.hop("1.35"); w.addon("coredns", "v1.13.2-eksbuild.1") }, "1.34", nil, "", ""},
		{"back with issues of the cluster's health", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(nil, w.SetHealth("shop", types.ClusterIssue{Code: types.ClusterIssueCodeOther}))
		}, "1.34", nil, state, "Cluster health rollback compatibility"},
		{"back with an insight that is unknown", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Incompatible API usage"), Category: types.CategoryRollbackReadiness, InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueUnknown}}))
		}, "1.34", nil, state, "Incompatible API usage"},
		{"back with an insight that warns", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Incompatible API usage"), Category: types.CategoryRollbackReadiness, InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueWarning}}))
		}, "1.34", nil, "", ""},
		{"back with an insight that fails, forced", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Incompatible API usage"), Category: types.CategoryRollbackReadiness, InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
		}, "1.34", force, "", ""},
		{"back with a failing upgrade insight", "1.34", func(w *walker) {
			w.hop("1.35")
			w.must(w.SetInsight("shop", types.Insight{Name: ptr("Kubelet version skew"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
		}, "1.34", nil, "", ""},
		{"back to extended support", "1.33", func(w *walker) { w.hop("1.34") }, "1.33", nil, "", ""},
		{"back to extended support with the policy STANDARD", "1.33", func(w *walker) {
			w.hop("1.34")
			config(w, &sdk.UpdateClusterConfigInput{UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeStandard}})
		}, "1.33", force, request, "Change the upgrade policy to EXTENDED first"},
		{"back after the automatic upgrade at the end of standard support", "1.34", func(w *walker) {
			config(w, &sdk.UpdateClusterConfigInput{UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeStandard}})
			w.clock.Advance(150 * 24 * time.Hour)
			w.must(w.EndSupport("shop"))
			w.clock.Advance(time.Hour)
			config(w, &sdk.UpdateClusterConfigInput{UpgradePolicy: &types.UpgradePolicyRequest{SupportType: types.SupportTypeExtended}})
		}, "1.34", nil, "", ""},
		{"back to a version that is not supported any more", "1.31", func(w *walker) {
			w.clock.Advance(115 * 24 * time.Hour)
			w.hop("1.32")
			w.clock.Advance(5 * 24 * time.Hour)
		}, "1.31", force, parameter, "unsupported Kubernetes version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := walk(t, c.from, nil)
			if c.prepare != nil {
				c.prepare(w)
			}
			edit := c.edit
			if edit == nil {
				edit = func(*sdk.UpdateClusterVersionInput) {}
			}
			before := *w.describe().Version
			u, err := w.version(c.to, edit)
			if c.code != "" {
				wantCode(t, err, c.code, c.part)
				if got := *w.describe().Version; got != before {
					t.Errorf("a refused change moved the version from %s to %s", before, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := types.UpdateTypeVersionUpdate
			if minor(c.to) < minor(before) {
				want = types.UpdateTypeVersionRollback
			}
			v, _ := findVersion(c.to)
			if u.Type != want || u.Status != types.UpdateStatusInProgress || *u.Params[0].Value != c.to || u.Params[1].Type != types.UpdateParamTypePlatformVersion || *u.Params[1].Value != v.platform {
				t.Fatalf("update = %+v", u)
			}
			if got := w.describe().Status; got != types.ClusterStatusUpdating {
				t.Errorf("status = %s, want UPDATING", got)
			}
			w.clock.Advance(time.Hour)
			w.ended(u.Id, types.UpdateStatusSuccessful)
			if c2 := w.describe(); *c2.Version != c.to || *c2.PlatformVersion != v.platform || c2.Status != types.ClusterStatusActive {
				t.Fatalf("cluster = %s %s %s", *c2.Version, *c2.PlatformVersion, c2.Status)
			}
		})
	}
}

func TestAddonsAndNodesStayWhenTheControlPlaneGoesBack(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.nodegroup("workers")
	w.hop("1.35")
	w.addon("vpc-cni", "v1.21.1-eksbuild.3")
	w.hop("1.34")
	a, err := w.api.DescribeAddon(t.Context(), &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("vpc-cni")})
	if err != nil || *a.Addon.AddonVersion != "v1.21.1-eksbuild.3" {
		t.Fatalf("add-on = %+v, %v", a, err)
	}
	if n := w.Nodegroups("shop")[0]; *n.Version != "1.34" {
		t.Errorf("node group = %s", *n.Version)
	}
}

func TestNoRollbackAfterTheEndOfExtendedSupport(t *testing.T) {
	w := walk(t, "1.31", nil)
	w.clock.Advance(120 * 24 * time.Hour) // 1.31 is unsupported, 1.32 is not
	id, err := w.EndSupport("shop")
	w.must(id, err)
	w.clock.Advance(time.Hour)
	w.ended(&id, types.UpdateStatusSuccessful)
	if got := *w.describe().Version; got != "1.32" {
		t.Fatalf("version = %s", got)
	}
	if _, ok := w.RollbackVersion("shop"); ok {
		t.Error("such an upgrade cannot be rolled back")
	}
	if id, err := w.EndSupport("shop"); id != "" || err != nil {
		t.Errorf("1.32 is supported, but it was upgraded: %q, %v", id, err)
	}
}

// rollbackInsights returns the names and statuses of rollback readiness.
func (w *walker) rollbackInsights() map[string]types.InsightStatusValue {
	w.t.Helper()
	out, err := w.api.ListInsights(w.t.Context(), &sdk.ListInsightsInput{ClusterName: ptr("shop"), Filter: &types.InsightsFilter{Categories: []types.Category{types.CategoryRollbackReadiness}}})
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]types.InsightStatusValue{}
	for _, i := range out.Insights {
		if *i.KubernetesVersion != "1.34" {
			w.t.Errorf("insight %s is about %s", *i.Name, *i.KubernetesVersion)
		}
		found[*i.Name] = i.InsightStatus.Status
	}
	return found
}

func TestRollbackInsightsAreThereForSevenDays(t *testing.T) {
	w := walk(t, "1.34", nil)
	if got := w.rollbackInsights(); len(got) > 0 {
		t.Fatalf("before the upgrade: %v", got)
	}
	w.hop("1.35")
	got := w.rollbackInsights()
	for _, name := range []string{"Incompatible API usage", "Kubelet version rollback compatibility", "EKS add-on version rollback compatibility", "kube-proxy version rollback compatibility"} {
		if got[name] != types.InsightStatusValuePassing {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	if v, ok := w.RollbackVersion("shop"); v != "1.34" || !ok {
		t.Errorf("RollbackVersion = %q, %t", v, ok)
	}
	w.clock.Advance(8 * 24 * time.Hour)
	if got := w.rollbackInsights(); len(got) > 0 {
		t.Errorf("after 8 days: %v", got)
	}
}

func TestRollbackInsightsAreRefreshedWhenARollbackBegins(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.nodegroup("workers")
	w.hop("1.35")
	w.nodegroupTo("1.35")
	if got := w.rollbackInsights()["Kubelet version rollback compatibility"]; got != types.InsightStatusValuePassing {
		t.Fatalf("before a refresh the insight is %s", got)
	}
	_, err := w.version("1.34")
	wantCode(t, err, "InvalidStateException", "Kubelet")
	if got := w.rollbackInsights()["Kubelet version rollback compatibility"]; got != types.InsightStatusValueError {
		t.Fatalf("the insight is %s", got)
	}
}

func TestRollbackIsIdempotentByToken(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.hop("1.35")
	token := func(in *sdk.UpdateClusterVersionInput) { in.ClientRequestToken = ptr("back-1") }
	first, err := w.version("1.34", token)
	w.must(first, err)
	again, err := w.version("1.34", token)
	if err != nil || *again.Id != *first.Id {
		t.Fatalf("again = %+v, %v", again, err)
	}
	_, err = w.version("1.34", token, force)
	wantCode(t, err, "InvalidRequestException", "already used with different parameters")
	w.clock.Advance(time.Hour)
	again, err = w.version("1.34", token)
	if err != nil || again.Status != types.UpdateStatusSuccessful {
		t.Fatalf("again = %+v, %v", again, err)
	}
	if n := len(w.Updates("shop")); n != 2 {
		t.Errorf("%d updates", n)
	}
}

func TestErrorsOfVersionChangesAreModelled(t *testing.T) {
	w := walk(t, "1.34", nil)
	w.must(w.SetInsight("shop", types.Insight{Name: ptr("Kubelet version skew"), InsightStatus: &types.InsightStatus{Status: types.InsightStatusValueError}}))
	_, err := w.version("1.35")
	if e, ok := errors.AsType[*types.InvalidStateException](err); !ok || *e.ClusterName != "shop" || e.ErrorFault() != smithy.FaultClient {
		t.Fatalf("err = %v", err)
	}
}
