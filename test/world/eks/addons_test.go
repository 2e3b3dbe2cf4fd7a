package eks

import (
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
)

func (f *fixture) addon(name string) types.Addon {
	f.t.Helper()
	out, err := f.DescribeAddon(f.call, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: &name})
	f.must(nil, err)
	return *out.Addon
}

func TestConflictsOfAddons(t *testing.T) {
	w := newWilling()
	w.conflicts = []string{`Deployment.apps coredns - .spec.replicas`}
	f := rolled(t, Options{Clusters: w}, 1, nil)
	settled := func() {
		t.Helper()
		f.settle(func() bool {
			s := f.addon("coredns").Status
			return s != types.AddonStatusCreating && s != types.AddonStatusUpdating
		})
	}
	f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns"), ResolveConflicts: types.ResolveConflictsPreserve}))
	settled()
	a := f.addon("coredns")
	if a.Status != types.AddonStatusCreateFailed || a.Health.Issues[0].Code != types.AddonIssueCodeConfigurationConflict || !strings.Contains(*a.Health.Issues[0].Message, ".spec.replicas") {
		t.Fatalf("add-on is %s, %+v", a.Status, a.Health)
	}
	update := func(in sdk.UpdateAddonInput) types.Update {
		t.Helper()
		in.ClusterName, in.AddonName = ptr("shop"), ptr("coredns")
		out, err := f.UpdateAddon(f.call, &in)
		f.must(nil, err)
		settled()
		d, err := f.DescribeUpdate(f.call, &sdk.DescribeUpdateInput{Name: ptr("shop"), AddonName: ptr("coredns"), UpdateId: out.Update.Id})
		f.must(nil, err)
		return *d.Update
	}
	if u := update(sdk.UpdateAddonInput{ResolveConflicts: types.ResolveConflictsOverwrite}); u.Status != types.UpdateStatusSuccessful || f.addon("coredns").Status != types.AddonStatusActive {
		t.Fatalf("update = %+v", u)
	}
	u := update(sdk.UpdateAddonInput{AddonVersion: ptr("v1.14.2-eksbuild.4")})
	if a := f.addon("coredns"); u.Errors[0].ErrorCode != types.ErrorCodeConfigurationConflict || a.Status != types.AddonStatusUpdateFailed || *a.AddonVersion != "v1.13.2-eksbuild.1" {
		t.Fatalf("update = %+v, add-on = %s %s", u, a.Status, *a.AddonVersion)
	}
	u = update(sdk.UpdateAddonInput{AddonVersion: ptr("v1.14.2-eksbuild.4"), ResolveConflicts: types.ResolveConflictsPreserve})
	if a := f.addon("coredns"); u.Status != types.UpdateStatusSuccessful || a.Status != types.AddonStatusActive || *a.AddonVersion != "v1.14.2-eksbuild.4" || len(a.Health.Issues) != 0 {
		t.Fatalf("update = %+v, add-on = %+v", u, a)
	}
	if !slices.Contains(w.calls, "apply coredns v1.14.2-eksbuild.4 overwrite=false preserve=true") {
		t.Errorf("calls = %v", w.calls)
	}
	f.must(f.DeleteAddon(f.call, &sdk.DeleteAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns"), Preserve: true}))
	f.settle(func() bool { return len(f.clusters["shop"].addons) == 0 })
	if slices.Contains(w.calls, "remove coredns") {
		t.Error("preserve must keep the software")
	}
}

func TestConfigurationValues(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	for _, c := range []struct{ addon, values, want string }{
		{"coredns", `{"replicaCount":3}`, ""},
		{"coredns", "replicaCount: 3\nnodeSelector:\n  tier: system\n", ""},
		{"coredns", `{"replicaCount":"three"}`, "Json schema validation failed with error: [$.replicaCount: string found, integer expected]"},
		{"coredns", `{"replicas":3}`, "$.replicas: is not defined in the schema and the schema does not allow additional properties"},
		{"coredns", `{"replicaCount":`, "neither valid JSON nor valid YAML"},
		{"vpc-cni", `{"env":{"ENABLE_PREFIX_DELEGATION":"true"},"enableNetworkPolicy":"true"}`, ""},
		{"vpc-cni", `{"enableNetworkPolicy":"yes"}`, "$.enableNetworkPolicy: does not have a value in the enumeration"},
		{"kube-proxy", `{"mode":"ipvs","ipvs":{"scheduler":"rr"}}`, ""},
		{"adot", `{"anything":{"goes":1}}`, ""},
	} {
		_, err := f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: &c.addon, ConfigurationValues: &c.values})
		if c.want != "" {
			wantCode(t, err, "InvalidParameterException", c.want)
			continue
		}
		f.must(nil, err)
		f.clock.Advance(DefaultAddon)
		if a := f.addon(c.addon); *a.ConfigurationValues != c.values || a.Status != types.AddonStatusActive {
			t.Errorf("add-on = %+v", a)
		}
		f.must(f.DeleteAddon(f.call, &sdk.DeleteAddonInput{ClusterName: ptr("shop"), AddonName: &c.addon}))
		f.clock.Advance(DefaultAddon)
	}
}

func TestEverySchemaCompilesAndIsDescribed(t *testing.T) {
	f := newFixture(t, Options{})
	for name, info := range addonCatalog {
		out, err := f.DescribeAddonConfiguration(f.call, &sdk.DescribeAddonConfigurationInput{AddonName: &name, AddonVersion: &info.versions[0].version})
		f.must(nil, err)
		if _, err := compiled(*out.ConfigurationSchema); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(out.PodIdentityConfiguration) != len(info.accounts) {
			t.Errorf("%s: %+v", name, out.PodIdentityConfiguration)
		}
	}
	_, err := f.DescribeAddonConfiguration(f.call, &sdk.DescribeAddonConfigurationInput{AddonName: ptr("coredns"), AddonVersion: ptr("v0")})
	wantCode(t, err, "InvalidParameterException", "not supported")
}

func TestPodIdentityOfAddons(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	wanted := []types.AddonPodIdentityAssociations{{ServiceAccount: ptr("ebs-csi-controller-sa"), RoleArn: ptr(role)}}
	_, err := f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns"), PodIdentityAssociations: wanted})
	wantCode(t, err, "InvalidParameterException", "does not support pod identity")
	f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("aws-ebs-csi-driver"), PodIdentityAssociations: wanted}))
	f.clock.Advance(DefaultAddon)
	a := f.addon("aws-ebs-csi-driver")
	l, err := f.ListPodIdentityAssociations(f.call, &sdk.ListPodIdentityAssociationsInput{ClusterName: ptr("shop")})
	f.must(nil, err)
	if len(l.Associations) != 1 || !slices.Equal(a.PodIdentityAssociations, []string{*l.Associations[0].AssociationArn}) || *l.Associations[0].OwnerArn != *a.AddonArn {
		t.Fatalf("associations = %+v, add-on = %+v", l.Associations, a)
	}
	f.must(f.UpdateAddon(f.call, &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("aws-ebs-csi-driver"), PodIdentityAssociations: []types.AddonPodIdentityAssociations{}}))
	f.clock.Advance(DefaultAddon)
	l, err = f.ListPodIdentityAssociations(f.call, &sdk.ListPodIdentityAssociationsInput{ClusterName: ptr("shop")})
	f.must(nil, err)
	if len(l.Associations) != 0 || len(f.addon("aws-ebs-csi-driver").PodIdentityAssociations) != 0 {
		t.Errorf("associations = %+v", l.Associations)
	}
}

func TestAddonVersionsAreFilteredAndPaged(t *testing.T) {
	f := newFixture(t, Options{})
	names := func(in sdk.DescribeAddonVersionsInput) (out []string) {
		t.Helper()
		for {
			page, err := f.DescribeAddonVersions(f.call, &in)
			f.must(nil, err)
			for _, a := range page.Addons {
				out = append(out, *a.AddonName)
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				return out
			}
		}
	}
	for _, c := range []struct {
		name string
		in   sdk.DescribeAddonVersionsInput
		want []string
	}{
		{"of the marketplace", sdk.DescribeAddonVersionsInput{Owners: []string{"aws-marketplace"}}, []string{"kubecost_kubecost"}},
		{"by publisher", sdk.DescribeAddonVersionsInput{Publishers: []string{"kubecost"}}, []string{"kubecost_kubecost"}},
		{"of the community, in pages", sdk.DescribeAddonVersionsInput{Owners: []string{"community"}, MaxResults: ptr(int32(1))}, []string{"cert-manager", "external-dns", "kube-state-metrics", "metrics-server"}},
		{"networking of AWS", sdk.DescribeAddonVersionsInput{Owners: []string{"aws"}, Types: []string{"networking"}}, []string{"coredns", "kube-proxy", "vpc-cni"}},
		{"of a version that is not served", sdk.DescribeAddonVersionsInput{KubernetesVersion: ptr("1.20")}, nil},
	} {
		if d := cmp.Diff(c.want, names(c.in)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestRefusedAddons(t *testing.T) {
	for _, c := range []struct {
		name string
		in   sdk.CreateAddonInput
		part string
	}{
		{"a version for another minor", sdk.CreateAddonInput{AddonName: ptr("kube-proxy"), AddonVersion: ptr("v1.37.0-eksbuild.2")}, "Addon version specified is not supported"},
		{"no role", sdk.CreateAddonInput{AddonName: ptr("vpc-cni"), ServiceAccountRoleArn: ptr("me")}, "not a valid role"},
		{"no namespace", sdk.CreateAddonInput{AddonName: ptr("external-dns"), NamespaceConfig: &types.AddonNamespaceConfigRequest{Namespace: ptr("A B")}}, "not a valid Kubernetes namespace"},
		{"no way to resolve conflicts", sdk.CreateAddonInput{AddonName: ptr("coredns"), ResolveConflicts: "FORCE"}, "resolveConflicts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			c.in.ClusterName = ptr("shop")
			_, err := f.CreateAddon(f.call, &c.in)
			wantCode(t, err, "InvalidParameterException", c.part)
		})
	}
}
