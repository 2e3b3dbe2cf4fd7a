// Package traffic moves users between the two clusters by the weights of
// Route 53 record sets, and is the only code of the agent that writes to
// Route 53.
//
// Both clusters have one weighted CNAME record set each under the same name;
// the set identifier is the cluster's name, the value the host name of its load
// balancer. Weights are percentages. Both are written in one change batch, so
// that they sum to 100 at every instant. Sources:
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
package traffic

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// API is what this package needs of Route 53.
type API interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error)
	GetChange(context.Context, *route53.GetChangeInput, ...func(*route53.Options)) (*route53.GetChangeOutput, error)
}

// Name says where the weights are: a DNS name of a hosted zone and the set
// identifiers of both sides.
type Name struct {
	Zone, Record string
	Blue, Green  string
}

// sets is what Route 53 holds for a Name; nil: there is no such record set.
type sets struct{ blue, green *types.ResourceRecordSet }

// read lists the record sets of a name and refuses, as a Precondition, any that
// traffic cannot be shifted by.
func read(ctx context.Context, api API, n Name) (sets, error) {
	op := "read the record sets of " + n.Record
	all, err := list(ctx, api, n.Zone, n.Record)
	if err != nil {
		return sets{}, awserr.Wrap(op, err)
	}
	var found sets
	for _, set := range all {
		if problem := unfit(set); problem != "" {
			return sets{}, upgrade.KindRecordSetsUnusable.Errorf(op, "there is a record set of type %s that %s", set.Type, problem).
				WithRemedy("make it a weighted CNAME record set with the set identifier " + n.Blue + " and the host name of " + n.Blue + "'s load balancer as its value")
		}
		switch id := aws.ToString(set.SetIdentifier); id {
		case n.Blue:
			found.blue = &set
		case n.Green:
			found.green = &set
		default:
			return sets{}, upgrade.KindRecordSetsUnusable.Errorf(op, "the set identifier %q belongs to neither %s nor %s, so their weights would not be percentages", id, n.Blue, n.Green).
				WithRemedy("remove this record set or give it another name")
		}
	}
	if found.blue == nil && found.green == nil {
		return sets{}, upgrade.KindRecordSetsUnusable.Errorf(op, "hosted zone %s has no record set of this name", n.Zone).
			WithRemedy("create a weighted CNAME record set with the set identifier " + n.Blue + " and the weight 100")
	}
	return found, nil
}

// list returns all record sets of one name, of any type.
func list(ctx context.Context, api API, zone, record string) ([]types.ResourceRecordSet, error) {
	var all []types.ResourceRecordSet
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: &record}
	for {
		out, err := api.ListResourceRecordSets(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, set := range out.ResourceRecordSets {
			if canonical(aws.ToString(set.Name)) != canonical(record) {
				return all, nil // record sets come in the order of their names
			}
			all = append(all, set)
		}
		if !out.IsTruncated {
			return all, nil
		}
		in = &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: out.NextRecordName,
			StartRecordType: out.NextRecordType, StartRecordIdentifier: out.NextRecordIdentifier}
	}
}

// unfit says why a record set cannot take part in a shift, or "".
func unfit(set types.ResourceRecordSet) string {
	switch {
	case set.Type != types.RRTypeCname:
		return "is not a CNAME"
	case set.AliasTarget != nil:
		return "is an alias"
	case set.SetIdentifier == nil:
		return "is simple, not weighted"
	case set.Weight == nil:
		return "has another routing policy than weights"
	case len(set.ResourceRecords) != 1:
		return "does not have exactly one value"
	}
	return ""
}

func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// split is what the record sets mean: how traffic goes, and where to.
type split struct {
	Weights    upgrade.Weights `json:"weights"`
	BlueValue  string          `json:"blueValue,omitempty"` // empty: there is no record set
	GreenValue string          `json:"greenValue,omitempty"`
}

// split returns the effective weights: a side that is alone with its weight
// has 100 %, whatever the number. All-zero weights stay what they are: no step
// of any plan begins there.
func (s sets) split() split {
	w := upgrade.Weights{Blue: weight(s.blue), Green: weight(s.green)}
	switch {
	case w.Blue > 0 && w.Green == 0:
		w = upgrade.AllBlue
	case w.Green > 0 && w.Blue == 0:
		w = upgrade.AllGreen
	}
	return split{Weights: w, BlueValue: value(s.blue), GreenValue: value(s.green)}
}

// ttl returns the longest time that a client may hold an answer made of these
// record sets.
func (s sets) ttl() time.Duration {
	var longest int64
	for _, set := range []*types.ResourceRecordSet{s.blue, s.green} {
		if set != nil {
			longest = max(longest, aws.ToInt64(set.TTL))
		}
	}
	return time.Duration(longest) * time.Second
}

func weight(set *types.ResourceRecordSet) int {
	if set == nil {
		return 0
	}
	return int(aws.ToInt64(set.Weight))
}

func value(set *types.ResourceRecordSet) string {
	if set == nil {
		return ""
	}
	return canonical(aws.ToString(set.ResourceRecords[0].Value))
}
