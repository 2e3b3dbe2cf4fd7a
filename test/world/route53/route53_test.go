package route53

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const shop = "shop.example.com"

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// fixture is a Route 53 with the zone example.com, on a clock that stands still.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Virtual
	zone  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	v := clock.NewVirtual(start)
	f := &fixture{Service: New(Options{Clock: v, Limiter: Unlimited}), t: t, clock: v}
	out, err := f.CreateHostedZone(&wire.Call{}, &sdk.CreateHostedZoneInput{Name: ptr("example.com"), CallerReference: ptr("1")})
	if err != nil {
		t.Fatal(err)
	}
	f.zone = bareID(out.HostedZone.Id)
	v.Advance(DefaultPropagation)
	return f
}

func weighted(id string, weight int64, ip string) *types.ResourceRecordSet {
	return &types.ResourceRecordSet{Name: ptr(shop), Type: types.RRTypeA, SetIdentifier: ptr(id), Weight: ptr(weight), TTL: ptr(int64(60)),
		ResourceRecords: []types.ResourceRecord{{Value: ptr(ip)}}}
}

func simple(name string, typ types.RRType, values ...string) *types.ResourceRecordSet {
	set := &types.ResourceRecordSet{Name: ptr(name), Type: typ, TTL: ptr(int64(300))}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: ptr(v)})
	}
	return set
}

func create(set *types.ResourceRecordSet) types.Change {
	return types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: set}
}
func upsert(set *types.ResourceRecordSet) types.Change {
	return types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: set}
}
func remove(set *types.ResourceRecordSet) types.Change {
	return types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: set}
}

func (f *fixture) change(changes ...types.Change) (string, error) {
	out, err := f.ChangeResourceRecordSets(&wire.Call{}, &sdk.ChangeResourceRecordSetsInput{
		HostedZoneId: ptr("/hostedzone/" + f.zone), ChangeBatch: &types.ChangeBatch{Changes: changes}})
	if err != nil {
		return "", err
	}
	return *out.ChangeInfo.Id, nil
}

// settled makes a change and waits for it.
func (f *fixture) settled(changes ...types.Change) {
	f.t.Helper()
	if _, err := f.change(changes...); err != nil {
		f.t.Fatal(err)
	}
	f.clock.Advance(DefaultPropagation)
}

func (f *fixture) weights() map[string]int64 { return f.Weights(f.zone, shop, types.RRTypeA) }

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	got := ""
	var api smithy.APIError
	var we *wire.Error
	switch {
	case errors.As(err, &api):
		got = api.ErrorCode()
	case errors.As(err, &we):
		got = we.Code
	}
	if got != code || !strings.Contains(fmt.Sprint(err), part) {
		t.Fatalf("error = %v\nwant %s: ...%s...", err, code, part)
	}
}

func TestChangeIsPendingUntilItIsPropagated(t *testing.T) {
	f := newFixture(t)
	f.settled(create(weighted("blue", 100, "10.0.0.1")), create(weighted("green", 0, "10.0.0.2")))
	id, err := f.change(upsert(weighted("blue", 75, "10.0.0.1")), upsert(weighted("green", 25, "10.0.0.2")))
	if err != nil {
		t.Fatal(err)
	}
	status := func() types.ChangeStatus {
		out, err := f.GetChange(&wire.Call{}, &sdk.GetChangeInput{Id: ptr(id)})
		if err != nil {
			t.Fatal(err)
		}
		return out.ChangeInfo.Status
	}
	f.clock.Advance(DefaultPropagation - time.Second)
	if got := status(); got != types.ChangeStatusPending {
		t.Fatalf("status = %s, want PENDING", got)
	}
	if d := cmp.Diff(map[string]int64{"blue": 100, "green": 0}, f.weights()); d != "" {
		t.Errorf("DNS must answer with the old weights while PENDING: %s", d)
	}
	if d := cmp.Diff(map[string]int64{"blue": 75, "green": 25}, f.RequestedWeights(f.zone, shop, types.RRTypeA)); d != "" {
		t.Error(d)
	}
	f.clock.Advance(time.Second)
	if got := status(); got != types.ChangeStatusInsync {
		t.Fatalf("status = %s, want INSYNC", got)
	}
	if d := cmp.Diff(map[string]int64{"blue": 75, "green": 25}, f.weights()); d != "" {
		t.Error(d)
	}
}

func TestResolveSharesFollowTheWeights(t *testing.T) {
	for _, c := range []struct {
		name        string
		blue, green int64
		want        [2]float64
	}{
		{"all on blue", 100, 0, [2]float64{1, 0}},
		{"a quarter on green", 75, 25, [2]float64{0.75, 0.25}},
		{"weights need not sum to 100", 255, 255, [2]float64{0.5, 0.5}},
		{"all zero means equal split", 0, 0, [2]float64{0.5, 0.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.settled(create(weighted("blue", c.blue, "10.0.0.1")), create(weighted("green", c.green, "10.0.0.2")))
			answers := f.Resolve("SHOP.example.com.")
			if len(answers) != 2 || answers[0].SetIdentifier != "blue" || answers[0].TTL != time.Minute || answers[1].Values[0] != "10.0.0.2" {
				t.Fatalf("answers = %+v", answers)
			}
			if got := [2]float64{answers[0].Share, answers[1].Share}; got != c.want {
				t.Errorf("shares = %v, want %v", got, c.want)
			}
		})
	}
}

func TestResolveAliasWildcardAndUnknownNames(t *testing.T) {
	f := newFixture(t)
	f.settled(
		create(&types.ResourceRecordSet{Name: ptr("www.example.com"), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: ptr("lb.eu-west-1.elb.amazonaws.com."), HostedZoneId: ptr("Z32O12XQLNTSW2")}}),
		create(simple("*.apps.example.com", types.RRTypeCname, "ingress.example.net")),
		create(simple("plain.apps.example.com", types.RRTypeTxt, `"v"`)))
	if a := f.Resolve("www.example.com"); len(a) != 1 || a[0].Alias != "lb.eu-west-1.elb.amazonaws.com" || a[0].Share != 1 || a[0].TTL != time.Minute {
		t.Errorf("alias = %+v", a)
	}
	if a := f.Resolve("a.b.apps.example.com"); len(a) != 1 || a[0].Values[0] != "ingress.example.net" {
		t.Errorf("wildcard = %+v", a)
	}
	for _, name := range []string{"plain.apps.example.com", "nothing.example.com", "example.org"} {
		if a := f.Resolve(name); a != nil {
			t.Errorf("Resolve(%s) = %+v, want none", name, a)
		}
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	_, err := f.change(create(weighted("blue", 100, "10.0.0.1")), remove(weighted("green", 0, "10.0.0.2")), create(simple("x.example.org", types.RRTypeA, "10.0.0.3")))
	wantCode(t, err, "InvalidChangeBatch", "[Tried to delete resource record set [name='shop.example.com.', type='A', set-identifier='green'] but it was not found, RRSet with DNS name x.example.org. is not permitted in zone example.com.]")
	var batch *types.InvalidChangeBatch
	if errors.As(err, &batch); len(batch.Messages) != 2 {
		t.Errorf("messages = %q", batch.Messages)
	}
	if w := f.RequestedWeights(f.zone, shop, types.RRTypeA); len(w) != 0 {
		t.Errorf("a refused batch left %v", w)
	}
}

func TestRefusedChanges(t *testing.T) {
	existing := []types.Change{
		create(weighted("blue", 100, "10.0.0.1")),
		create(simple("api.example.com", types.RRTypeA, "10.0.0.9")),
		create(simple("old.example.com", types.RRTypeCname, "new.example.net")),
	}
	with := func(set *types.ResourceRecordSet, f func(*types.ResourceRecordSet)) *types.ResourceRecordSet {
		f(set)
		return set
	}
	for _, c := range []struct {
		name       string
		change     types.Change
		code, part string
	}{
		{"create what exists", create(weighted("blue", 1, "10.0.0.1")), "InvalidChangeBatch", "[name='shop.example.com.', type='A', set-identifier='blue'] but it already exists"},
		{"delete with other values", remove(weighted("blue", 99, "10.0.0.1")), "InvalidChangeBatch", "the values provided do not match the current values"},
		{"simple beside weighted", create(simple(shop, types.RRTypeA, "10.0.0.1")), "InvalidChangeBatch", "SetIdentifier null cannot be created as other RRSets exist"},
		{"weighted beside simple", create(with(weighted("x", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.Name = ptr("api.example.com") })), "InvalidChangeBatch", "cannot be created as a non-weighted set exists with the same name and type"},
		{"weighted with another TTL", create(with(weighted("green", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.TTL = ptr(int64(5)) })), "InvalidChangeBatch", "weighted sets must contain the same TTL"},
		{"weight above 255", upsert(weighted("blue", 256, "10.0.0.1")), "InvalidInput", "less than or equal to 255"},
		{"weight below 0", upsert(weighted("blue", -1, "10.0.0.1")), "InvalidInput", "greater than or equal to 0"},
		{"identifier without weight", upsert(with(weighted("blue", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.Weight = nil })), "InvalidInput", "Expected exactly one of [Weight"},
		{"weight without identifier", upsert(with(weighted("blue", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.SetIdentifier = nil })), "InvalidInput", "Missing field 'SetIdentifier'"},
		{"records without TTL", upsert(with(weighted("blue", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.TTL = nil })), "InvalidInput", "Missing field 'TTL'"},
		{"neither alias nor records", upsert(&types.ResourceRecordSet{Name: ptr(shop), Type: types.RRTypeA}), "InvalidInput", "found none"},
		{"alias and records", upsert(with(simple("a.example.com", types.RRTypeA, "10.0.0.1"), func(r *types.ResourceRecordSet) {
			r.AliasTarget = &types.AliasTarget{DNSName: ptr("x"), HostedZoneId: ptr("Z")}
		})), "InvalidInput", "found more than one"},
		{"alias to a record that is not there", upsert(&types.ResourceRecordSet{Name: ptr("a.example.com"), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: ptr("b.example.com"), HostedZoneId: ptr("ZONE")}}), "InvalidChangeBatch", "that target was not found"},
		{"not an IPv4 address", upsert(simple("a.example.com", types.RRTypeA, "10.0.0.300")), "InvalidChangeBatch", "ARRDATAIllegalIPv4Address"},
		{"the same value twice", upsert(simple("a.example.com", types.RRTypeA, "10.0.0.1", "10.0.0.1")), "InvalidChangeBatch", "Duplicate Resource Record"},
		{"A beside CNAME", create(simple("old.example.com", types.RRTypeA, "10.0.0.1")), "InvalidChangeBatch", "conflicting RRSet of type CNAME"},
		{"CNAME beside A", create(simple("api.example.com", types.RRTypeCname, "x.example.net")), "InvalidChangeBatch", "conflicts with other records"},
		{"CNAME at the apex", create(simple("example.com", types.RRTypeCname, "x.example.net")), "InvalidChangeBatch", "not permitted at apex"},
		{"a routing policy that is not simulated", upsert(with(weighted("blue", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.Region = "eu-west-1" })), "NotImplementedException", "simple, weighted"},
		{"a health check that does not exist", upsert(with(weighted("blue", 1, "10.0.0.1"), func(r *types.ResourceRecordSet) { r.HealthCheckId = ptr("h") })), "NoSuchHealthCheck", "h"},
		{"an unknown action", types.Change{Action: "REPLACE", ResourceRecordSet: weighted("blue", 1, "10.0.0.1")}, "InvalidInput", "REPLACE"},
		{"not a domain name", upsert(simple("a b.example.com", types.RRTypeA, "10.0.0.1")), "InvalidDomainName", "a b.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.settled(existing...)
			if a := c.change.ResourceRecordSet.AliasTarget; a != nil && *a.HostedZoneId == "ZONE" {
				a.HostedZoneId = ptr(f.zone)
			}
			before := len(f.zones[f.zone].records)
			_, err := f.change(c.change)
			wantCode(t, err, c.code, c.part)
			if after := len(f.zones[f.zone].records); after != before {
				t.Errorf("a refused change left %d records, before %d", after, before)
			}
		})
	}
}

func TestSimpleMayBeReplacedByWeightedInOneBatch(t *testing.T) {
	f := newFixture(t)
	f.settled(create(simple(shop, types.RRTypeA, "10.0.0.1")))
	f.settled(remove(simple(shop, types.RRTypeA, "10.0.0.1")), create(weighted("blue", 100, "10.0.0.1")), create(weighted("green", 0, "10.0.0.2")))
	if d := cmp.Diff(map[string]int64{"blue": 100, "green": 0}, f.weights()); d != "" {
		t.Error(d)
	}
}

func TestTheSameRecordTwiceInABatchIsRefused(t *testing.T) {
	f := newFixture(t)
	_, err := f.change(upsert(weighted("blue", 1, "10.0.0.1")), upsert(weighted("blue", 2, "10.0.0.1")))
	wantCode(t, err, "InvalidChangeBatch", "invalid set of changes")
}

func TestBatchAboveTheRecordLimitIsRefused(t *testing.T) {
	f := newFixture(t)
	var changes []types.Change
	for i := range 501 {
		changes = append(changes, upsert(simple(fmt.Sprintf("h%d.example.com", i), types.RRTypeA, "10.0.0.1")))
	}
	_, err := f.change(changes...)
	wantCode(t, err, "InvalidChangeBatch", "Number of records limit of 1000 exceeded")
}

func TestZoneRefusesABatchWhileItProcessesTheLast(t *testing.T) {
	f := newFixture(t)
	if _, err := f.change(create(weighted("blue", 100, "10.0.0.1"))); err != nil {
		t.Fatal(err)
	}
	_, err := f.change(create(weighted("green", 0, "10.0.0.2")))
	wantCode(t, err, "PriorRequestNotComplete", "prior request")
	f.clock.Advance(DefaultProcessing)
	if _, err := f.change(create(weighted("green", 0, "10.0.0.2"))); err != nil {
		t.Fatalf("a PENDING change must not block the next batch: %v", err)
	}
}

func TestThrottling(t *testing.T) {
	f := newFixture(t)
	f.SetLimiter(PerSecond(RequestsPerSecond, f.clock))
	get := func() error {
		_, err := f.GetHostedZone(&wire.Call{}, &sdk.GetHostedZoneInput{Id: ptr(f.zone)})
		return err
	}
	for range RequestsPerSecond {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, get(), "Throttling", "Rate exceeded")
	f.clock.Advance(time.Second / RequestsPerSecond)
	if err := get(); err != nil {
		t.Fatal(err)
	}
	f.SetLimiter(Unlimited)
	for range 20 {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEventsComeInOrderAndListenersMayLook(t *testing.T) {
	f := newFixture(t)
	var got []string
	f.OnChange(func(e ChangeEvent) {
		got = append(got, fmt.Sprintf("%s %v %d", e.Status, e.External, f.weights()["blue"]))
	})
	f.settled(create(weighted("blue", 100, "10.0.0.1")))
	if _, err := f.ExternalChange(f.zone, shop, types.RRTypeA, "blue", 7); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(DefaultPropagation)
	if d := cmp.Diff([]string{"PENDING false 0", "INSYNC false 100", "PENDING true 100", "INSYNC true 7"}, got); d != "" {
		t.Error(d)
	}
	if _, err := f.ExternalChange(f.zone, shop, types.RRTypeA, "green", 7); err == nil {
		t.Error("an unknown record set must be an error")
	}
}

func TestListingIsOrderedByReversedLabelsAndPaged(t *testing.T) {
	f := newFixture(t)
	f.settled(
		create(weighted("green", 0, "10.0.0.2")), create(weighted("blue", 100, "10.0.0.1")),
		create(simple("a.example.com", types.RRTypeTxt, `"t"`)), create(simple("a.example.com", types.RRTypeA, "10.0.0.3")),
		create(simple("z.a.example.com", types.RRTypeA, "10.0.0.4")), create(simple("*.example.com", types.RRTypeA, "10.0.0.5")))
	var got []string
	in := &sdk.ListResourceRecordSetsInput{HostedZoneId: ptr(f.zone), MaxItems: ptr(int32(3))}
	for pages := 1; ; pages++ {
		out, err := f.ListResourceRecordSets(&wire.Call{}, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.ResourceRecordSets {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", *r.Name, r.Type, value(r.SetIdentifier))))
		}
		if !out.IsTruncated {
			if pages != 3 {
				t.Errorf("pages = %d, want 3", pages)
			}
			break
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
	want := []string{"example.com. NS", "example.com. SOA", `\052.example.com. A`, "a.example.com. A", "a.example.com. TXT", "z.a.example.com. A", "shop.example.com. A blue", "shop.example.com. A green"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, err := f.ListResourceRecordSets(&wire.Call{}, &sdk.ListResourceRecordSetsInput{HostedZoneId: ptr(f.zone), StartRecordType: types.RRTypeA})
	wantCode(t, err, "InvalidInput", "name is not specified")
}
