package awsstate

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/perception/partial"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// vcpuQuotas are the codes of quotas of running vCPUs by class. Sources:
// https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html,
// aws service-quotas list-service-quotas --service-code ec2.
var vcpuQuotas = map[string]string{
	"standard": "L-1216C47A", "spot standard": "L-34B43A08",
	"g": "L-DB2E81BA", "spot g": "L-3819A6DF",
	"p": "L-417A185B", "spot p": "L-7212CCBC",
	"inf": "L-1945791B", "spot inf": "L-B5D1601B",
	"trn": "L-2C3B7624", "spot trn": "L-6B0D517C",
	"f": "L-74FC7D96", "spot f": "L-88CF9481",
	"x": "L-7295265B", "spot x": "L-E3A00192",
	"dl": "L-6E869C2A", "spot dl": "L-85EED4F7",
	"u":   "L-43DA4232",
	"hpc": "L-F7808C92",
}

// diskQuotas are the codes of quotas of storage by volume type. Source:
// https://docs.aws.amazon.com/general/latest/gr/ebs-service.html
var diskQuotas = map[string]string{"gp2": "L-D18FCD1D", "gp3": "L-7A658B76"}

const gibPerTiB = 1024

// quotaClass is the class of quota that an instance type counts in: "standard",
// "g" and so on; with "spot " before it for Spot Instances.
func quotaClass(instanceType string, spot bool) string {
	family, _, _ := strings.Cut(instanceType, ".")
	letters := family[:len(family)-len(strings.TrimLeft(family, "abcdefghijklmnopqrstuvwxyz"))]
	class := "standard"
	switch {
	case letters == "vt" || letters == "gr":
		class = "g"
	case letters != "" && vcpuQuotas[letters] != "":
		class = letters
	case letters == "mac":
		class = "mac" // of hosts, not of vCPUs
	}
	if spot {
		return "spot " + class
	}
	return class
}

// limits looks up the quotas that a change of nodes can run into: of the vCPU
// classes that the cluster's groups launch, and of gp2 and gp3 storage.
func (l *look) limits(ctx context.Context, s *upgrade.ClusterState) ([]upgrade.Quota, error) {
	names, err := l.typeNames(s)
	if err != nil || l.usage == nil || l.volumes == nil {
		return nil, errSaid
	}
	spot := slices.ContainsFunc(s.Instances, func(i upgrade.Instance) bool { return i.Spot }) ||
		slices.ContainsFunc(s.NodeGroups, func(g upgrade.NodeGroup) bool { return g.CapacityType == "SPOT" })
	classes := map[string]bool{}
	for _, n := range names {
		classes[quotaClass(n, false)] = true
		if spot {
			classes[quotaClass(n, true)] = true
		}
	}
	var asked []upgrade.Quota
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if vcpuQuotas[class] != "" {
			asked = append(asked, upgrade.Quota{Service: "ec2", Code: vcpuQuotas[class], Class: class, Unit: "vCPU", Used: float64(l.usage.vcpus[class])})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(diskQuotas)) {
		asked = append(asked, upgrade.Quota{Service: "ebs", Code: diskQuotas[kind], Class: kind, Unit: "TiB", Used: float64(l.volumes[kind]) / gibPerTiB})
	}
	return partial.Each(ctx, parallel, asked, l.limit)
}

// limit adds the limit to a quota: the account's own, or else AWS's default.
func (c *Collector) limit(ctx context.Context, q upgrade.Quota) (upgrade.Quota, error) {
	op := "look up quota " + q.Code + " of " + q.Service
	own, err := c.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.Service, QuotaCode: &q.Code})
	if err == nil && own.Quota != nil && own.Quota.Value != nil {
		q.Name, q.Limit = aws.ToString(own.Quota.QuotaName), *own.Quota.Value
		return q, nil
	}
	if err != nil && !awserr.Is(err, "NoSuchResourceException") {
		return q, wrap(op, err)
	}
	general, err := c.quotas.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.Service, QuotaCode: &q.Code})
	if err != nil {
		return q, wrap(op, err)
	}
	if general.Quota == nil || general.Quota.Value == nil {
		return q, upgrade.KindSourceUnreadable.Errorf(op, "Service Quotas gives no value")
	}
	q.Name, q.Limit, q.Default = aws.ToString(general.Quota.QuotaName), *general.Quota.Value, true
	return q, nil
}
