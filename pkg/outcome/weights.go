package outcome

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// weights reads the weights of both sides as Route 53 has them now. A side
// without a record set takes no traffic: 0. It is an error when neither side
// has one, or when a record set of somebody else takes part.
func (h *Handler) weights(ctx context.Context, r upgrade.Request) (upgrade.Weights, error) {
	const op = "read weights"
	var w upgrade.Weights
	found := false
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: &r.Traffic.HostedZone, StartRecordName: &r.Traffic.Record, StartRecordType: types.RRTypeCname}
	for {
		out, err := h.Route53.ListResourceRecordSets(ctx, in)
		if err != nil {
			return w, awserr.Wrap(op, err)
		}
		for _, set := range out.ResourceRecordSets {
			if !sameName(aws.ToString(set.Name), r.Traffic.Record) || set.Type != types.RRTypeCname {
				if found || !sameName(aws.ToString(set.Name), r.Traffic.Record) {
					return finish(op, w, found, r) // the list is in order: there are no more
				}
				continue
			}
			found = true
			switch aws.ToString(set.SetIdentifier) {
			case r.Cluster:
				w.Blue = int(aws.ToInt64(set.Weight))
			case r.Green:
				w.Green = int(aws.ToInt64(set.Weight))
			default:
				return w, upgrade.KindWeightsForeign.Errorf(op, "%s has a record set %q that is not the agent's", r.Traffic.Record, aws.ToString(set.SetIdentifier))
			}
		}
		if !out.IsTruncated {
			return finish(op, w, found, r)
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
}

func finish(op string, w upgrade.Weights, found bool, r upgrade.Request) (upgrade.Weights, error) {
	if !found {
		return w, upgrade.KindWeightsMissing.Errorf(op, "%s has no weighted CNAME record sets", r.Traffic.Record)
	}
	switch { // a side that is alone with its weight has it all, whatever the number
	case w.Blue > 0 && w.Green == 0:
		w = upgrade.AllBlue
	case w.Green > 0 && w.Blue == 0:
		w = upgrade.AllGreen
	}
	return w, nil
}

// sameName compares DNS names as Route 53 writes them: lower case, with a dot
// at the end.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
