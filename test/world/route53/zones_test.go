package route53

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func TestHostedZones(t *testing.T) {
	f := newFixture(t)
	_, err := f.CreateHostedZone(&wire.Call{}, &sdk.CreateHostedZoneInput{Name: ptr("example.org"), CallerReference: ptr("1")})
	wantCode(t, err, "HostedZoneAlreadyExists", "caller reference")
	if _, err := f.CreateHostedZone(&wire.Call{}, &sdk.CreateHostedZoneInput{Name: ptr("dev.example.com."), CallerReference: ptr("2")}); err != nil {
		t.Fatal(err)
	}
	if id, ok := f.ZoneID(shop); !ok || id != f.zone {
		t.Errorf("ZoneID = %s, want %s", id, f.zone)
	}
	if id, ok := f.ZoneID("x.dev.example.com"); !ok || id == f.zone {
		t.Errorf("the longest zone must win, got %s", id)
	}
	byName, err := f.ListHostedZonesByName(&wire.Call{}, &sdk.ListHostedZonesByNameInput{DNSName: ptr("example.com"), MaxItems: ptr(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	if len(byName.HostedZones) != 1 || *byName.HostedZones[0].Name != "example.com." || *byName.HostedZones[0].ResourceRecordSetCount != 2 || *byName.NextDNSName != "dev.example.com." {
		t.Errorf("by name = %+v", byName)
	}
	page, err := f.ListHostedZones(&wire.Call{}, &sdk.ListHostedZonesInput{MaxItems: ptr(int32(1))})
	if err != nil || !page.IsTruncated {
		t.Fatalf("first page = %+v, %v", page, err)
	}
	rest, err := f.ListHostedZones(&wire.Call{}, &sdk.ListHostedZonesInput{Marker: page.NextMarker})
	if err != nil || len(rest.HostedZones) != 1 || rest.IsTruncated || *rest.HostedZones[0].Id == *page.HostedZones[0].Id {
		t.Fatalf("second page = %+v, %v", rest, err)
	}
	f.settled(create(weighted("blue", 100, "10.0.0.1")))
	_, err = f.DeleteHostedZone(&wire.Call{}, &sdk.DeleteHostedZoneInput{Id: ptr(f.zone)})
	wantCode(t, err, "HostedZoneNotEmpty", "non-required")
	f.settled(remove(weighted("blue", 100, "10.0.0.1")))
	if _, err = f.DeleteHostedZone(&wire.Call{}, &sdk.DeleteHostedZoneInput{Id: ptr(f.zone)}); err != nil {
		t.Fatal(err)
	}
	_, err = f.GetHostedZone(&wire.Call{}, &sdk.GetHostedZoneInput{Id: ptr(f.zone)})
	wantCode(t, err, "NoSuchHostedZone", f.zone)
	_, err = f.GetChange(&wire.Call{}, &sdk.GetChangeInput{Id: ptr("C0")})
	wantCode(t, err, "NoSuchChange", "C0")
}

func TestTags(t *testing.T) {
	f := newFixture(t)
	if _, err := f.ChangeTagsForResource(&wire.Call{}, &sdk.ChangeTagsForResourceInput{ResourceId: ptr(f.zone), ResourceType: types.TagResourceTypeHostedzone,
		AddTags: []types.Tag{{Key: ptr("team"), Value: ptr("shop")}}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.ListTagsForResource(&wire.Call{}, &sdk.ListTagsForResourceInput{ResourceId: ptr(f.zone), ResourceType: types.TagResourceTypeHostedzone})
	if err != nil || len(out.ResourceTagSet.Tags) != 1 || *out.ResourceTagSet.Tags[0].Value != "shop" {
		t.Fatalf("tags = %+v, %v", out, err)
	}
}
