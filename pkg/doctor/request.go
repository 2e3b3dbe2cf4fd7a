package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
)

// request looks at what a request names: that the roles allow it, and that the
// record is as the agent shifts it.
func (e *examination) request(ctx context.Context) {
	r := e.Request
	if r.Cluster == "" {
		return
	}
	const area = "request"
	for _, name := range []string{r.Cluster, r.Green} {
		if matches(e.Names.Clusters, name) {
			e.ok(area, "cluster "+name, "the agent's roles allow it")
		} else {
			e.add(area, "cluster "+name, Missing, "the agent's roles allow "+strings.Join(e.Names.Clusters, ", "), "add it to clusters in deploy.yaml, and "+deployAgain)
		}
	}
	zone := r.Traffic.HostedZone
	if !slices.Contains(e.Names.HostedZones, zone) {
		e.add(area, "zone "+zone, Missing, "the agent's roles allow "+strings.Join(e.Names.HostedZones, ", "), "add it to hostedZones in deploy.yaml, and "+deployAgain)
	}
	arn := "arn:" + e.Names.Partition + ":route53:::hostedzone/" + zone
	found, err := e.api.route53.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &zone})
	if err != nil {
		e.failed(area, "zone "+zone, awserr.Wrap("look at hosted zone "+zone, err), "route53:GetHostedZone", arn, "name a hosted zone of the account in traffic.hostedZone")
		return
	}
	name := strings.TrimSuffix(aws.ToString(found.HostedZone.Name), ".")
	record := strings.TrimSuffix(r.Traffic.Record, ".")
	if record != name && !strings.HasSuffix(record, "."+name) {
		e.add(area, "record "+record, Missing, "it does not belong to the zone "+name, "name a record of "+name+" in traffic.record, or its zone in traffic.hostedZone")
		return
	}
	e.ok(area, "zone "+zone, "%s", name)
	e.record(ctx, area, arn, zone, record, r.Cluster, r.Green)
}

// record looks at the record sets of the name: weighted CNAMEs whose set
// identifiers are the clusters' names.
func (e *examination) record(ctx context.Context, area, arn, zone, record, blue, green string) {
	what := "record " + record
	remedy := fmt.Sprintf("make it a weighted CNAME with the set identifier %q, weight 100 and the load balancer of %s", blue, blue)
	fqdn := record + "."
	out, err := e.api.route53.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, StartRecordName: &fqdn})
	if err != nil {
		e.failed(area, what, awserr.Wrap("look at "+what, err), "route53:ListResourceRecordSets", arn, remedy)
		return
	}
	weights := map[string]int64{}
	for _, set := range out.ResourceRecordSets {
		if strings.TrimSuffix(aws.ToString(set.Name), ".") != record || set.Type == types.RRTypeNs || set.Type == types.RRTypeSoa || set.Type == types.RRTypeTxt {
			continue
		}
		id := aws.ToString(set.SetIdentifier)
		if set.Type != types.RRTypeCname || set.Weight == nil || id != blue && id != green {
			e.add(area, what, Missing, fmt.Sprintf("there is a record set of type %s with the set identifier %q and weight %v, which the agent does not shift", set.Type, id, weightOf(set)), remedy+"; take the other away")
			return
		}
		weights[id] = *set.Weight
	}
	switch w, there := weights[blue]; {
	case !there:
		e.add(area, what, Missing, "no record set leads to "+blue, remedy)
	case w == 0:
		e.add(area, what, Warning, fmt.Sprintf("%s has weight 0, %s has %d", blue, green, weights[green]), "an upgrade begins with all traffic on "+blue)
	default:
		e.ok(area, what, "%s has weight %d, %s has %d", blue, w, green, weights[green])
	}
}

func weightOf(set types.ResourceRecordSet) string {
	if set.Weight == nil {
		return "none"
	}
	return fmt.Sprint(*set.Weight)
}

// Quotas that an upgrade needs room in. Sources: EKS User Guide, "View and
// manage Amazon EKS and Fargate service quotas"; Lambda Developer Guide,
// "Understanding Lambda function scaling".
const (
	clusterQuota    = 100 // default, per Region
	leastUnreserved = 100 // that Lambda keeps for functions without reserved concurrency
)

// quotas looks at what an upgrade takes of the account's quotas: one cluster
// more, and functions that run.
func (e *examination) quotas(ctx context.Context) {
	const area = "quotas"
	if names, err := e.known(ctx); err != nil {
		e.failed(area, "clusters", err, "eks:ListClusters", "*", "")
	} else if len(names) >= clusterQuota {
		e.add(area, "clusters", Warning, fmt.Sprintf("there are %d clusters, and the default quota of a Region is %d: a green one needs room", len(names), clusterQuota), "see the quota: aws service-quotas get-service-quota --service-code eks --quota-code L-1194D53C")
	} else {
		e.ok(area, "clusters", "%d of %d by default", len(names), clusterQuota)
	}
	out, err := e.api.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		e.failed(area, "Lambda concurrency", awserr.Wrap("look at Lambda's account settings", err), "lambda:GetAccountSettings", "*", "")
		return
	}
	limit := out.AccountLimit
	if limit == nil || limit.UnreservedConcurrentExecutions == nil {
		e.add(area, "Lambda concurrency", NotChecked, "AWS says nothing of it", "see the quota in the Lambda console")
		return
	}
	if free := *limit.UnreservedConcurrentExecutions; free < leastUnreserved {
		e.add(area, "Lambda concurrency", Warning, fmt.Sprintf("%d of %d executions at a time are not reserved", free, limit.ConcurrentExecutions), "raise the quota of concurrent executions, or reserve less in deploy.yaml")
		return
	}
	e.ok(area, "Lambda concurrency", "%d of %d executions at a time are not reserved", *limit.UnreservedConcurrentExecutions, limit.ConcurrentExecutions)
}
