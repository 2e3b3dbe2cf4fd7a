package awslinks

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// RecordAPI is *route53.Client.
type RecordAPI interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
}

const (
	maxRecordPages = 100 // of 300 record sets each; a zone holds 10,000 unless AWS allows more
	maxCandidates  = 50
)

// names reads the hosted zone of the upgrade: who owns names there, and which
// CNAMEs lead to names of AWS, by these. Without a zone there is nothing to read.
func (c *Collector) names(ctx context.Context, traffic upgrade.Traffic) (*upgrade.NameOwners, map[string][]string, error) {
	o := &upgrade.NameOwners{Zone: traffic.HostedZone}
	if o.Zone == "" {
		return o, nil, nil
	}
	o.Owners = map[string]int{}
	aliases := map[string][]string{}
	record := bare(traffic.Record)
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: &o.Zone, MaxItems: aws.Int32(300)}
	pages, more := 0, true
	err := paged(func() bool { return more }, func() error {
		if pages++; pages > maxRecordPages {
			return upgrade.KindSourceUnreadable.Errorf("list the records of hosted zone "+o.Zone, "it has more than %d pages", maxRecordPages)
		}
		out, err := c.api.Records.ListResourceRecordSets(ctx, in)
		if err != nil {
			return awserr.Wrap("list the records of hosted zone "+o.Zone, err)
		}
		for _, set := range out.ResourceRecordSets {
			o.Records++
			switch set.Type {
			case types.RRTypeTxt:
				note(o, set, record)
			case types.RRTypeCname:
				for _, r := range set.ResourceRecords {
					if host := bare(aws.ToString(r.Value)); strings.Contains(host, ".amazonaws.com") {
						aliases[host] = append(aliases[host], bare(aws.ToString(set.Name)))
					}
				}
			}
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier, more = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier, out.IsTruncated
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return o, aliases, nil
}

// bare is a name as people write it.
func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// note adds a TXT record, if it is one of external-dns.
func note(o *upgrade.NameOwners, set types.ResourceRecordSet, record string) {
	name := bare(aws.ToString(set.Name))
	for _, r := range set.ResourceRecords {
		text := unquote(aws.ToString(r.Value))
		owner, resource, ok := heritage(text)
		if !ok {
			if sealed(name, text) {
				o.Encrypted++
			}
			continue
		}
		o.Owners[owner]++
		if candidate(name, record) && len(o.Traffic) < maxCandidates {
			o.Traffic = append(o.Traffic, upgrade.OwnedName{Name: name, SetID: aws.ToString(set.SetIdentifier), Owner: owner, Resource: resource})
		}
	}
}

// candidate reports whether a TXT record may be about a record: external-dns
// puts the record's type before its first label and, as its flags say, text
// before or after.
func candidate(name, record string) bool {
	label, rest, ok := strings.Cut(record, ".")
	return ok && strings.HasSuffix(name, "."+rest) && strings.Contains(strings.TrimSuffix(name, "."+rest), label)
}

// heritage reads what external-dns writes into a TXT record:
// "heritage=external-dns,external-dns/owner=shop,external-dns/resource=ingress/default/web".
func heritage(text string) (owner, resource string, ok bool) {
	for _, field := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch key {
		case "heritage":
			ok = value == "external-dns"
		case "external-dns/owner":
			owner = value
		case "external-dns/resource":
			resource = value
		}
	}
	return owner, resource, ok
}

// unquote joins the quoted parts of a TXT record's value.
func unquote(value string) string {
	var b strings.Builder
	inside, escaped := false, false
	for _, r := range value {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case inside && r == '\\':
			escaped = true
		case r == '"':
			inside = !inside
		case inside:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sealed guesses at a TXT record that external-dns encrypted (AES-GCM, base64):
// its name begins with the type of another record.
func sealed(name, text string) bool {
	kind, _, ok := strings.Cut(name, "-")
	if !ok || !slices.Contains([]string{"a", "aaaa", "cname"}, kind) {
		return false
	}
	data, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(data) > 28 // nonce and tag
}

// alias notes the CNAMEs that lead to databases and caches.
func alias(aliases map[string][]string, lists ...[]upgrade.Datastore) {
	for _, list := range lists {
		for i := range list {
			for _, host := range list[i].Hosts {
				list[i].Aliases = append(list[i].Aliases, aliases[host]...)
			}
			slices.Sort(list[i].Aliases)
			list[i].Aliases = slices.Compact(list[i].Aliases)
		}
	}
}
