package eks

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// TestEveryCodeOfTheSDKCanBeReached goes through the SDK's lists: a code that a
// newer SDK brings is tried, too.
func TestEveryCodeOfTheSDKCanBeReached(t *testing.T) {
	for _, code := range types.NodegroupIssueCode("").Values() {
		t.Run("node group issue "+string(code), func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			inject := func(i Injection) {
				t.Helper()
				i.Cluster, i.Nodegroup, i.Code = "shop", "workers", string(code)
				f.must(nil, f.Inject(i))
			}
			want := func(status types.NodegroupStatus) {
				t.Helper()
				n := f.Nodegroups("shop")[0]
				if n.Status != status || len(n.Health.Issues) == 0 || n.Health.Issues[0].Code != code {
					t.Fatalf("node group is %s, %+v; want %s", n.Status, n.Health.Issues, status)
				}
			}
			inject(Injection{})
			f.nodegroup("workers")
			want(types.NodegroupStatusCreateFailed)
			f.must(f.DeleteNodegroup(f.call, &sdk.DeleteNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}))
			f.clock.Advance(DefaultDeleteNodegroup)
			f.nodegroup("workers")
			inject(Injection{Now: true})
			want(types.NodegroupStatusDegraded)
			f.must(nil, f.SetNodegroupHealth("shop", "workers"))
			inject(Injection{})
			f.must(f.DeleteNodegroup(f.call, &sdk.DeleteNodegroupInput{ClusterName: ptr("shop"), NodegroupName: ptr("workers")}))
			f.clock.Advance(DefaultDeleteNodegroup)
			want(types.NodegroupStatusDeleteFailed)
		})
	}
	for _, code := range types.AddonIssueCode("").Values() {
		t.Run("add-on issue "+string(code), func(t *testing.T) {
			f := withCluster(t, "1.34", Options{})
			inject := func(now bool) {
				t.Helper()
				f.must(nil, f.Inject(Injection{Cluster: "shop", Addon: "coredns", Code: string(code), Now: now}))
			}
			want := func(status types.AddonStatus) {
				t.Helper()
				out, err := f.DescribeAddon(f.call, &sdk.DescribeAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")})
				f.must(nil, err)
				if a := out.Addon; a.Status != status || len(a.Health.Issues) != 1 || a.Health.Issues[0].Code != code {
					t.Fatalf("add-on is %s, %+v; want %s", a.Status, a.Health.Issues, status)
				}
			}
			update := func() {
				t.Helper()
				f.must(f.UpdateAddon(f.call, &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
				f.clock.Advance(DefaultAddon)
			}
			inject(false)
			f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
			f.clock.Advance(DefaultAddon)
			want(types.AddonStatusCreateFailed)
			update() // heals
			inject(true)
			want(types.AddonStatusDegraded)
			inject(false)
			update()
			want(types.AddonStatusUpdateFailed)
			update()
			inject(false)
			f.must(f.DeleteAddon(f.call, &sdk.DeleteAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
			f.clock.Advance(DefaultAddon)
			want(types.AddonStatusDeleteFailed)
		})
	}
	for _, code := range types.ErrorCode("").Values() {
		t.Run("update error "+string(code), func(t *testing.T) {
			f := rolled(t, Options{}, 1, nil)
			f.must(f.CreateAddon(f.call, &sdk.CreateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")}))
			f.clock.Advance(DefaultAddon)
			f.must(nil, f.Inject(Injection{Cluster: "shop", Nodegroup: "workers", Code: string(code), ResourceIDs: []string{"r"}}))
			u, _ := f.roll(nil)
			if u.Status != types.UpdateStatusFailed || u.Errors[0].ErrorCode != code || u.Errors[0].ResourceIds[0] != "r" || *f.Nodegroups("shop")[0].Version != "1.34" {
				t.Errorf("update = %+v", u)
			}
			f.must(nil, f.Inject(Injection{Cluster: "shop", Addon: "coredns", Code: string(code)}))
			out, err := f.UpdateAddon(f.call, &sdk.UpdateAddonInput{ClusterName: ptr("shop"), AddonName: ptr("coredns")})
			f.must(nil, err)
			f.clock.Advance(DefaultAddon)
			d, err := f.DescribeUpdate(f.call, &sdk.DescribeUpdateInput{Name: ptr("shop"), AddonName: ptr("coredns"), UpdateId: out.Update.Id})
			f.must(nil, err)
			if d.Update.Status != types.UpdateStatusFailed || d.Update.Errors[0].ErrorCode != code {
				t.Errorf("update of the add-on = %+v", d.Update)
			}
		})
	}
}

func TestInjectionsThatCannotBe(t *testing.T) {
	f := withCluster(t, "1.34", Options{})
	for name, i := range map[string]Injection{
		"nothing to strike":         {Cluster: "shop", Code: "AccessDenied"},
		"unknown code":              {Cluster: "shop", Nodegroup: "workers", Code: "Nonsense"},
		"an error code as an issue": {Cluster: "shop", Nodegroup: "workers", Code: string(types.ErrorCodeEniLimitReached), Now: true},
		"a node group that is not":  {Cluster: "shop", Nodegroup: "workers", Code: string(types.NodegroupIssueCodeAccessDenied), Now: true},
	} {
		if err := f.Inject(i); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
