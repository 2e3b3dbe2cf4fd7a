package route53

import (
	"maps"
	"slices"
	"sort"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxPage is AWS's largest page of record sets.
const maxPage = 300

// recordKey identifies a record set within a zone.
type recordKey struct {
	name          string // canonical, see canonicalName
	typ           types.RRType
	setIdentifier string
}

// recordMap holds record sets by key. Record sets in it are never modified,
// only replaced, so maps can share them.
type recordMap map[recordKey]types.ResourceRecordSet

func keyOf(r *types.ResourceRecordSet) recordKey {
	return recordKey{canonicalName(value(r.Name)), r.Type, value(r.SetIdentifier)}
}

// canonicalName lower-cases, ends with a dot and writes "*" as AWS does.
func canonicalName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return strings.ReplaceAll(name, "*", `\052`) + "."
}

// sortName orders names as Route 53 lists them: by labels, last label first.
func sortName(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

func (k recordKey) compare(o recordKey) int {
	if c := strings.Compare(sortName(k.name), sortName(o.name)); c != 0 {
		return c
	}
	if c := strings.Compare(string(k.typ), string(o.typ)); c != 0 {
		return c
	}
	return strings.Compare(k.setIdentifier, o.setIdentifier)
}

func (m recordMap) sortedKeys() []recordKey {
	return slices.SortedFunc(maps.Keys(m), recordKey.compare)
}

// ListResourceRecordSets lists the records as the API sees them, PENDING
// changes included.
func (s *Service) ListResourceRecordSets(_ *wire.Call, in *sdk.ListResourceRecordSetsInput) (*sdk.ListResourceRecordSetsOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if in.StartRecordType != "" && in.StartRecordName == nil {
		return nil, invalidInput("The input is not valid: type is specified but name is not specified")
	}
	if in.StartRecordIdentifier != nil && in.StartRecordType == "" {
		return nil, invalidInput("The input is not valid: identifier is specified but type is not specified")
	}
	limit, err := pageSize(in.MaxItems, maxPage)
	if err != nil {
		return nil, err
	}
	keys := z.records.sortedKeys()
	if in.StartRecordName != nil {
		from := recordKey{canonicalName(*in.StartRecordName), in.StartRecordType, value(in.StartRecordIdentifier)}
		keys = keys[sort.Search(len(keys), func(i int) bool { return keys[i].compare(from) >= 0 }):]
	}
	out := &sdk.ListResourceRecordSetsOutput{MaxItems: ptr(int32(limit)), ResourceRecordSets: []types.ResourceRecordSet{}}
	if len(keys) > limit {
		next := keys[limit]
		out.IsTruncated, out.NextRecordName, out.NextRecordType = true, ptr(next.name), next.typ
		if next.setIdentifier != "" {
			out.NextRecordIdentifier = ptr(next.setIdentifier)
		}
		keys = keys[:limit]
	}
	for _, k := range keys {
		out.ResourceRecordSets = append(out.ResourceRecordSets, z.records[k])
	}
	return out, nil
}

// pageSize checks a MaxItems; more than the largest page means the largest.
func pageSize(maxItems *int32, largest int) (int, error) {
	if maxItems == nil {
		return largest, nil
	}
	if *maxItems < 1 {
		return 0, invalidInput("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1", *maxItems)
	}
	return min(int(*maxItems), largest), nil
}
