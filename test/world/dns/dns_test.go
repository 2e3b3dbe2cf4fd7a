package dns

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// server is a name server with the zone example.com, whose records are INSYNC.
func server(t *testing.T, sets ...types.ResourceRecordSet) *Server {
	t.Helper()
	v := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	r53 := route53.New(route53.Options{Clock: v, Limiter: route53.Unlimited, Addresses: func(name string) []string {
		if name == "blue.elb.amazonaws.com" {
			return []string{"127.0.0.7"}
		}
		return nil
	}})
	zone, err := r53.CreateHostedZone(&wire.Call{}, &sdk.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("1")})
	if err != nil {
		t.Fatal(err)
	}
	batch := &types.ChangeBatch{}
	for _, set := range sets {
		batch.Changes = append(batch.Changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &set})
	}
	if len(sets) > 0 {
		if _, err := r53.ChangeResourceRecordSets(&wire.Call{}, &sdk.ChangeResourceRecordSetsInput{HostedZoneId: zone.HostedZone.Id, ChangeBatch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	v.Advance(time.Minute)
	s, err := Serve("127.0.0.1:0", r53, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func values(name string, typ types.RRType, ttl int64, vals ...string) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: &name, Type: typ, TTL: &ttl}
	for _, v := range vals {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set
}

func weighted(id string, weight int64, ip string) types.ResourceRecordSet {
	set := values("shop.example.com", types.RRTypeA, 60, ip)
	set.SetIdentifier, set.Weight = &id, &weight
	return set
}

func ask(t *testing.T, s *Server, network, name string, typ uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	answer, _, err := (&dns.Client{Net: network}).Exchange(m, s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnswers(t *testing.T) {
	s := server(t,
		values("www.example.com", types.RRTypeA, 300, "10.0.0.1", "10.0.0.2"),
		values("*.apps.example.com", types.RRTypeCname, 60, "www.example.com"),
		values("out.example.com", types.RRTypeCname, 60, "example.net"),
		values("example.com", types.RRTypeMx, 60, "10 mail.example.com"),
		values("txt.example.com", types.RRTypeTxt, 60, `"heritage=external-dns"`),
		values("a.b.example.com", types.RRTypeAaaa, 60, "2001:db8::1"),
		types.ResourceRecordSet{Name: aws.String("lb.example.com"), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: aws.String("blue.elb.amazonaws.com"), HostedZoneId: aws.String("Z32O12XQLNTSW2")}},
		types.ResourceRecordSet{Name: aws.String("gone.example.com"), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: aws.String("green.elb.amazonaws.com"), HostedZoneId: aws.String("Z32O12XQLNTSW2")}},
	)
	for _, c := range []struct {
		what, name string
		typ        uint16
		code       int
		want       string // answers, one after the other, without class
	}{
		{"all values of a simple record set", "www.example.com.", dns.TypeA, dns.RcodeSuccess, "www.example.com. 300 A 10.0.0.1;www.example.com. 300 A 10.0.0.2"},
		{"names are case-insensitive", "WWW.Example.COM.", dns.TypeA, dns.RcodeSuccess, "www.example.com. 300 A 10.0.0.1;www.example.com. 300 A 10.0.0.2"},
		{"a wildcard's CNAME is followed in the zone", "x.apps.example.com.", dns.TypeA, dns.RcodeSuccess, "x.apps.example.com. 60 CNAME www.example.com.;www.example.com. 300 A 10.0.0.1;www.example.com. 300 A 10.0.0.2"},
		{"a CNAME out of the zone is not followed", "out.example.com.", dns.TypeA, dns.RcodeSuccess, "out.example.com. 60 CNAME example.net."},
		{"MX at the apex", "example.com.", dns.TypeMX, dns.RcodeSuccess, "example.com. 60 MX 10 mail.example.com."},
		{"TXT keeps its quotes", "txt.example.com.", dns.TypeTXT, dns.RcodeSuccess, `txt.example.com. 60 TXT "heritage=external-dns"`},
		{"an alias answers with its target's addresses", "lb.example.com.", dns.TypeA, dns.RcodeSuccess, "lb.example.com. 60 A 127.0.0.7"},
		{"an alias to nothing is a failure of the server", "gone.example.com.", dns.TypeA, dns.RcodeServerFailure, ""},
		{"another type of an existing name is no data", "www.example.com.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"a name above others exists", "b.example.com.", dns.TypeA, dns.RcodeSuccess, ""},
		{"unknown names do not exist", "nothing.example.com.", dns.TypeA, dns.RcodeNameError, ""},
		{"other zones are refused", "example.org.", dns.TypeA, dns.RcodeRefused, ""},
		{"ANY is not answered", "www.example.com.", dns.TypeANY, dns.RcodeNotImplemented, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			for _, network := range []string{"udp", "tcp"} {
				m := ask(t, s, network, c.name, c.typ)
				var got []string
				for _, rr := range m.Answer {
					h := rr.Header()
					got = append(got, fmt.Sprintf("%s %d %s %s", h.Name, h.Ttl, dns.TypeToString[h.Rrtype], strings.TrimPrefix(rr.String(), h.String())))
				}
				if m.Rcode != c.code || strings.Join(got, ";") != c.want {
					t.Errorf("%s: %s %q, want %s %q", network, dns.RcodeToString[m.Rcode], strings.Join(got, ";"), dns.RcodeToString[c.code], c.want)
				}
				if negative := m.Rcode == dns.RcodeNameError || (m.Rcode == dns.RcodeSuccess && len(got) == 0); negative && len(m.Ns) != 1 {
					t.Errorf("%s: a negative answer carries the zone's SOA, got %v", network, m.Ns)
				}
			}
		})
	}
}

func TestWeightedRecordsAreAnsweredByWeight(t *testing.T) {
	for _, c := range []struct {
		name        string
		blue, green int64
		low, high   int // of 400 answers, those with green
	}{
		{"nothing for weight 0", 100, 0, 0, 0},
		{"a quarter", 75, 25, 70, 130},
		{"all weights 0 share equally", 0, 0, 160, 240},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := server(t, weighted("blue", c.blue, "10.0.0.1"), weighted("green", c.green, "10.0.0.2"))
			green := 0
			for range 400 {
				m := ask(t, s, "udp", "shop.example.com.", dns.TypeA)
				if len(m.Answer) != 1 {
					t.Fatalf("one record an answer, got %v", m.Answer)
				}
				if m.Answer[0].Header().Ttl != 60 {
					t.Fatalf("TTL %d, want 60", m.Answer[0].Header().Ttl)
				}
				if m.Answer[0].(*dns.A).A.String() == "10.0.0.2" {
					green++
				}
			}
			if green < c.low || green > c.high {
				t.Errorf("%d of 400 answers are green's, want %d to %d", green, c.low, c.high)
			}
		})
	}
}
