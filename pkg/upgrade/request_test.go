package upgrade

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodRequest = `{"cluster":"shop","target":"1.35","traffic":{"hostedZone":"Z0123456789ABC","record":"shop.example.com","service":"default/frontend"}}`

func TestDecodeRequestSetsDefaults(t *testing.T) {
	r, err := DecodeRequest([]byte(goodRequest))
	if err != nil {
		t.Fatal(err)
	}
	want := Request{
		Cluster: "shop", Target: Version{1, 35}, Strategy: BlueGreen, Green: "shop-green",
		Traffic: Traffic{HostedZone: "Z0123456789ABC", Record: "shop.example.com", Service: ObjectName{"default", "frontend"},
			Steps: []int{10, 25, 50, 75, 100}, Bake: Duration(10 * time.Minute), TTL: Duration(time.Minute), MaxErrorRate: 0.01, MinRequests: 20},
		Approval: Approval{Mode: ApprovalRequired, Timeout: Duration(24 * time.Hour)},
		Soak:     Duration(time.Hour), Decommission: DestroyBlue,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestRequestRoundTripsThroughJSON(t *testing.T) {
	r, err := DecodeRequest([]byte(goodRequest))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Error(diff)
	}
}

func TestBadRequestsNameTheField(t *testing.T) {
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goodRequest) }
	cases := map[string]struct{ request, field string }{
		"unknown field":              {edit(`"cluster"`, `"clutser":"x","cluster"`), "clutser"},
		"no cluster":                 {edit(`"cluster":"shop",`, ``), "cluster"},
		"cluster of wrong type":      {edit(`"shop"`, `7`), "cluster"},
		"target is no version":       {edit(`"1.35"`, `"newest"`), "target"},
		"no target":                  {edit(`"target":"1.35",`, ``), "target"},
		"unknown strategy":           {edit(`"target"`, `"strategy":"yolo","target"`), "strategy"},
		"green is blue":              {edit(`"target"`, `"green":"shop","target"`), "green"},
		"zone is no zone":            {edit(`Z0123456789ABC`, `zone`), "traffic.hostedZone"},
		"record is no name":          {edit(`shop.example.com`, `shop`), "traffic.record"},
		"service without namespace":  {edit(`default/frontend`, `frontend`), "traffic.service"},
		"service missing":            {edit(`,"service":"default/frontend"`, ``), "traffic.service"},
		"steps that do not rise":     {edit(`"service"`, `"steps":[10,10,100],"service"`), "traffic.steps[1]"},
		"steps that do not end":      {edit(`"service"`, `"steps":[10,50],"service"`), "traffic.steps"},
		"steps over 100":             {edit(`"service"`, `"steps":[10,101],"service"`), "traffic.steps[1]"},
		"bake is no duration":        {edit(`"service"`, `"bake":"long","service"`), "traffic.bake"},
		"bake too short":             {edit(`"service"`, `"bake":"1s","service"`), "traffic.bake"},
		"error rate of one":          {edit(`"service"`, `"maxErrorRate":1,"service"`), "traffic.maxErrorRate"},
		"negative minimum":           {edit(`"service"`, `"minRequests":-1,"service"`), "traffic.minRequests"},
		"negative soak":              {edit(`"target"`, `"soak":"-1h","target"`), "soak"},
		"approval that never ends":   {edit(`"target"`, `"approval":{"timeout":"9999h"},"target"`), "approval.timeout"},
		"a soak without an end":      {edit(`"target"`, `"soak":"2562047h","target"`), "soak"},
		"longer than an execution":   {edit(`"target"`, `"soak":"168h","approval":{"timeout":"336h"},"target"`, `"service"`, `"bake":"48h","service"`), "soak"},
		"as long as an execution":    {edit(`"service"`, `"bake":"168h","service"`), "soak"},
		"unknown approval mode":      {edit(`"target"`, `"approval":{"mode":"maybe"},"target"`), "approval.mode"},
		"unknown end of blue":        {edit(`"target"`, `"decommission":"shrug","target"`), "decommission"},
		"a second value":             {goodRequest + `{}`, ""},
		"not JSON":                   {`cluster: shop`, ""},
		"TTL of a day":               {edit(`"service"`, `"ttl":"24h","service"`), "traffic.ttl"},
		"steps of wrong type inside": {edit(`"service"`, `"steps":["ten"],"service"`), "traffic.steps"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeRequest([]byte(c.request))
			if CodeOf(err) != CodeInvalidRequest {
				t.Fatalf("err = %v, want InvalidRequest", err)
			}
			e := err.(*Error)
			if e.Field != c.field {
				t.Errorf("field = %q, want %q (%v)", e.Field, c.field, err)
			}
			if e.Remedy == "" {
				t.Errorf("no remedy: %v", err)
			}
		})
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(goodRequest))
	f.Add([]byte(`{"traffic":{"service":"a/b/c","bake":"1h"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRequest(data)
		if err != nil {
			if CodeOf(err) != CodeInvalidRequest {
				t.Fatalf("code %s: %v", CodeOf(err), err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeRequest(again)
		if err != nil {
			t.Fatalf("an accepted request does not survive a round trip: %v\n%s", err, again)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Fatal(diff)
		}
	})
}
