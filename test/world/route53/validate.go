package route53

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

func invalidInput(format string, args ...any) error {
	return &types.InvalidInput{Message: ptr(fmt.Sprintf(format, args...))}
}

// invalidBatch carries the problems as AWS does: as a list, and in brackets as
// one message.
func invalidBatch(problems []string) error {
	return &types.InvalidChangeBatch{Messages: problems, Message: ptr("[" + strings.Join(problems, ", ") + "]")}
}

// validateChange checks one change by itself: what AWS answers with
// InvalidInput before it looks at the zone, and the values of its records.
func validateChange(ch types.Change) error {
	if !slices.Contains(ch.Action.Values(), ch.Action) {
		return invalidInput("Invalid value '%s' at 'action': Member must satisfy enum value set: [CREATE, DELETE, UPSERT]", ch.Action)
	}
	set := ch.ResourceRecordSet
	if set == nil {
		return invalidInput("1 validation error detected: Value null at 'resourceRecordSet' failed to satisfy constraint: Member must not be null")
	}
	where := fmt.Sprintf("in Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", ch.Action, value(set.Name), set.Type, orNull(set.SetIdentifier))
	if !validDomain(canonicalName(value(set.Name))) {
		return &types.InvalidDomainName{Message: ptr(fmt.Sprintf("%s is not a valid domain name", value(set.Name)))}
	}
	if !slices.Contains(set.Type.Values(), set.Type) {
		return invalidInput("Invalid value '%s' at 'type': Member must satisfy enum value set", set.Type)
	}
	if err := validateRouting(set, where); err != nil {
		return err
	}
	return validateTarget(set, where)
}

// validateRouting allows simple, weighted, failover and multivalue record sets.
// The policies that depend on where a client is are refused loudly instead of
// being half simulated.
func validateRouting(set *types.ResourceRecordSet, where string) error {
	if set.Region != "" || set.GeoLocation != nil || set.CidrRoutingConfig != nil || set.GeoProximityLocation != nil || set.TrafficPolicyInstanceId != nil {
		return &wire.Error{Code: "NotImplementedException", Status: 501,
			Message: "the simulated Route 53 knows simple, weighted, failover and multivalue record sets only " + where}
	}
	if set.SetIdentifier != nil && (len(*set.SetIdentifier) < 1 || len(*set.SetIdentifier) > 128) {
		return invalidInput("Invalid request: SetIdentifier must have between 1 and 128 characters %s", where)
	}
	policies := 0
	for _, used := range []bool{set.Weight != nil, set.Failover != "", set.MultiValueAnswer != nil} {
		if used {
			policies++
		}
	}
	switch {
	case policies > 1:
		return invalidInput("Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found more than one %s", where)
	case set.SetIdentifier != nil && policies == 0:
		return invalidInput("Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found none %s", where)
	case set.SetIdentifier == nil && policies > 0:
		return invalidInput("Invalid request: Missing field 'SetIdentifier' %s", where)
	case set.Failover != "" && !slices.Contains(set.Failover.Values(), set.Failover):
		return invalidInput("Invalid value '%s' at 'failover': Member must satisfy enum value set: [SECONDARY, PRIMARY] %s", set.Failover, where)
	case value(set.MultiValueAnswer) && set.AliasTarget != nil:
		return invalidInput("Invalid request: MultiValueAnswer is not valid for alias record sets %s", where)
	}
	if w := value(set.Weight); w < 0 {
		return invalidInput("Value '%d' at 'weight' failed to satisfy constraint: Member must have value greater than or equal to 0 %s", w, where)
	} else if w > 255 {
		return invalidInput("Value '%d' at 'weight' failed to satisfy constraint: Member must have value less than or equal to 255 %s", w, where)
	}
	return nil
}

func validateTarget(set *types.ResourceRecordSet, where string) error {
	values := set.TTL != nil || len(set.ResourceRecords) > 0
	switch {
	case set.AliasTarget != nil && values:
		return invalidInput("Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found more than one %s", where)
	case set.AliasTarget == nil && !values:
		return invalidInput("Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none %s", where)
	case set.AliasTarget != nil:
		if value(set.AliasTarget.DNSName) == "" || value(set.AliasTarget.HostedZoneId) == "" {
			return invalidInput("Invalid request: AliasTarget needs DNSName and HostedZoneId %s", where)
		}
		return nil
	case set.TTL == nil:
		return invalidInput("Invalid request: Missing field 'TTL' %s", where)
	case *set.TTL < 0 || *set.TTL > 2147483647:
		return invalidInput("Value '%d' at 'ttl' failed to satisfy constraint: Member must have value between 0 and 2147483647 %s", *set.TTL, where)
	case len(set.ResourceRecords) == 0:
		return invalidInput("Invalid request: Missing field 'ResourceRecords' %s", where)
	}
	var problems []string
	seen := map[string]bool{}
	for _, r := range set.ResourceRecords {
		v := value(r.Value)
		if seen[v] {
			problems = append(problems, fmt.Sprintf("Duplicate Resource Record: '%s'", v))
		}
		seen[v] = true
		if p := recordProblem(set.Type, v); p != "" {
			problems = append(problems, p)
		}
	}
	if set.Type == types.RRTypeCname && len(set.ResourceRecords) > 1 {
		problems = append(problems, fmt.Sprintf("RRSet of type CNAME with DNS name %s must have exactly one value", canonicalName(value(set.Name))))
	}
	if len(problems) > 0 {
		return invalidBatch(problems)
	}
	return nil
}

func recordProblem(typ types.RRType, v string) string {
	addr, err := netip.ParseAddr(v)
	switch {
	case typ == types.RRTypeA && (err != nil || !addr.Is4()):
		return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '%s''", v)
	case typ == types.RRTypeAaaa && (err != nil || !addr.Is6()):
		return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address) encountered with '%s''", v)
	case typ == types.RRTypeTxt && (len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"'):
		return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '%s''", v)
	case typ == types.RRTypeCname && !validDomain(canonicalName(v)):
		return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: DomainNameInvalid encountered with '%s''", v)
	case v == "":
		return "Invalid Resource Record: 'FATAL problem: value is empty'"
	}
	if _, err := dns.NewRR(fmt.Sprintf("name. 60 IN %s %s", typ, v)); err != nil {
		return fmt.Sprintf("Invalid Resource Record: 'FATAL problem: %sRRDATAIllegal (Value is not valid for this type) encountered with '%s''", typ, v)
	}
	return ""
}

// conflicts checks the record sets that were written against the others of the
// same name.
func (z *zone) conflicts(next recordMap, written map[recordKey]bool) []string {
	var problems []string
	for _, key := range next.sortedKeys() {
		if !written[key] {
			continue
		}
		if p := z.conflict(next, key); p != "" {
			problems = append(problems, p)
		}
	}
	for _, typ := range []types.RRType{types.RRTypeNs, types.RRTypeSoa} {
		if _, ok := next[recordKey{name: z.name, typ: typ}]; !ok {
			problems = append(problems, fmt.Sprintf("A HostedZone must contain at least one %s record for the zone itself.", typ))
		}
	}
	return problems
}

func (z *zone) conflict(next recordMap, key recordKey) string {
	set := next[key]
	if key.typ == types.RRTypeCname && key.name == z.name {
		return fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", key.name, z.name)
	}
	if t := set.AliasTarget; t != nil && bareID(t.HostedZoneId) == z.id {
		target := canonicalName(*t.DNSName)
		if !slices.ContainsFunc(next.sortedKeys(), func(k recordKey) bool { return k.name == target && k.typ == key.typ }) {
			return fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s, but that target was not found", target, key.typ, z.id)
		}
	}
	for _, other := range next.sortedKeys() {
		if other == key || other.name != key.name {
			continue
		}
		o := next[other]
		switch {
		case other.typ != key.typ && other.typ == types.RRTypeCname:
			return fmt.Sprintf("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone %s", key.typ, key.name, z.name)
		case other.typ != key.typ && key.typ == types.RRTypeCname:
			return fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s", key.name, z.name)
		case other.typ != key.typ:
		case policy(set) == "simple":
			return fmt.Sprintf("RRSet with DNS name %s, type %s, SetIdentifier null cannot be created as other RRSets exist with the same name and type.", key.name, key.typ)
		case policy(o) != policy(set):
			return fmt.Sprintf("RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created as a non-%s set exists with the same name and type.", key.name, key.typ, key.setIdentifier, policy(set))
		case set.Failover != "" && o.Failover == set.Failover:
			return fmt.Sprintf("RRSet with DNS name %s, type %s, SetIdentifier %s, Failover %s cannot be created as a %s failover set exists with the same name and type.", key.name, key.typ, key.setIdentifier, set.Failover, set.Failover)
		case set.TTL != nil && o.TTL != nil && *set.TTL != *o.TTL:
			return fmt.Sprintf("RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created as weighted sets must contain the same TTL.", key.name, key.typ, key.setIdentifier)
		}
	}
	return ""
}

// policy names a record set's routing policy.
func policy(set types.ResourceRecordSet) string {
	switch {
	case set.Weight != nil:
		return "weighted"
	case set.Failover != "":
		return "failover"
	case set.MultiValueAnswer != nil:
		return "multivalue"
	}
	return "simple"
}

// sameRecordSet compares what a DELETE must repeat: everything. The order of
// values does not matter.
func sameRecordSet(a, b types.ResourceRecordSet) bool {
	return recordKey.compare(keyOf(&a), keyOf(&b)) == 0 && value(a.TTL) == value(b.TTL) &&
		reflect.DeepEqual(a.Weight, b.Weight) && a.Failover == b.Failover && reflect.DeepEqual(a.MultiValueAnswer, b.MultiValueAnswer) &&
		value(a.HealthCheckId) == value(b.HealthCheckId) && sameAlias(a.AliasTarget, b.AliasTarget) &&
		slices.Equal(sortedValues(a), sortedValues(b))
}

func sameAlias(a, b *types.AliasTarget) bool {
	if a == nil || b == nil {
		return a == b
	}
	return canonicalName(value(a.DNSName)) == canonicalName(value(b.DNSName)) &&
		bareID(a.HostedZoneId) == bareID(b.HostedZoneId) && a.EvaluateTargetHealth == b.EvaluateTargetHealth
}

func sortedValues(set types.ResourceRecordSet) []string {
	var values []string
	for _, r := range set.ResourceRecords {
		values = append(values, value(r.Value))
	}
	slices.Sort(values)
	return values
}

// validDomain checks a canonical name: labels of 1 to 63 characters, 255 in all.
func validDomain(name string) bool {
	if len(name) > 255 || name == "." {
		return false
	}
	for i, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if i == 0 && label == `\052` {
			continue
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z')
		}) {
			return false
		}
	}
	return true
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
