package route53

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const maxZonePage = 100

// CreateHostedZone creates a zone with its NS and SOA records.
func (s *Service) CreateHostedZone(_ *wire.Call, in *sdk.CreateHostedZoneInput) (*sdk.CreateHostedZoneOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	if value(in.CallerReference) == "" {
		return nil, invalidInput("1 validation error detected: Value null at 'callerReference' failed to satisfy constraint: Member must not be null")
	}
	name := canonicalName(value(in.Name))
	if !validDomain(name) {
		return nil, &types.InvalidDomainName{Message: ptr(fmt.Sprintf("%s is not a valid domain name", value(in.Name)))}
	}
	for _, z := range s.zones {
		if z.callerReference == *in.CallerReference {
			return nil, &types.HostedZoneAlreadyExists{Message: ptr("A hosted zone has already been created with the specified caller reference.")}
		}
	}
	z := &zone{id: s.nextID("Z"), name: name, callerReference: *in.CallerReference, tags: map[string]string{}}
	if in.HostedZoneConfig != nil {
		z.comment = value(in.HostedZoneConfig.Comment)
	}
	if in.VPC != nil {
		z.private, z.vpcs = true, []types.VPC{*in.VPC}
	}
	z.records = apexRecords(name)
	s.zones[z.id] = z
	return &sdk.CreateHostedZoneOutput{
		HostedZone: z.describe(), DelegationSet: z.delegation(), VPC: in.VPC,
		ChangeInfo: ptr(s.startChange(z, ChangeEvent{})),
		Location:   ptr("https://route53.amazonaws.com/2013-04-01/hostedzone/" + z.id),
	}, nil
}

// GetHostedZone describes a zone.
func (s *Service) GetHostedZone(_ *wire.Call, in *sdk.GetHostedZoneInput) (*sdk.GetHostedZoneOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.zone(in.Id)
	if err != nil {
		return nil, err
	}
	return &sdk.GetHostedZoneOutput{HostedZone: z.describe(), DelegationSet: z.delegation(), VPCs: slices.Clone(z.vpcs)}, nil
}

// DeleteHostedZone deletes a zone that has no records of its own.
func (s *Service) DeleteHostedZone(_ *wire.Call, in *sdk.DeleteHostedZoneInput) (*sdk.DeleteHostedZoneOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.zone(in.Id)
	if err != nil {
		return nil, err
	}
	if len(z.records) > len(apexRecords(z.name)) {
		return nil, &types.HostedZoneNotEmpty{Message: ptr("The specified hosted zone contains non-required resource record sets and so cannot be deleted.")}
	}
	delete(s.zones, z.id)
	return &sdk.DeleteHostedZoneOutput{ChangeInfo: ptr(s.startChange(z, ChangeEvent{}))}, nil
}

// ListHostedZones lists zones in the order of their ids.
func (s *Service) ListHostedZones(_ *wire.Call, in *sdk.ListHostedZonesInput) (*sdk.ListHostedZonesOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxItems, maxZonePage)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListHostedZonesOutput{HostedZones: []types.HostedZone{}, MaxItems: ptr(int32(limit)), Marker: in.Marker}
	marker := value(in.Marker)
	for _, id := range slices.Sorted(maps.Keys(s.zones)) {
		z := s.zones[id]
		if id < marker || (in.HostedZoneType == types.HostedZoneTypePrivateHostedZone && !z.private) {
			continue
		}
		if len(out.HostedZones) == limit {
			out.IsTruncated, out.NextMarker = true, ptr(id)
			break
		}
		out.HostedZones = append(out.HostedZones, *z.describe())
	}
	return out, nil
}

// ListHostedZonesByName lists zones from a name on, ordered by reversed labels
// and then by id. It does not filter: the first zone may have another name.
func (s *Service) ListHostedZonesByName(_ *wire.Call, in *sdk.ListHostedZonesByNameInput) (*sdk.ListHostedZonesByNameOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	if in.HostedZoneId != nil && in.DNSName == nil {
		return nil, invalidInput("The input is not valid: a hosted zone id is specified but a DNS name is not specified")
	}
	limit, err := pageSize(in.MaxItems, maxZonePage)
	if err != nil {
		return nil, err
	}
	zones := slices.SortedFunc(maps.Values(s.zones), compareByName)
	out := &sdk.ListHostedZonesByNameOutput{HostedZones: []types.HostedZone{}, MaxItems: ptr(int32(limit)), DNSName: in.DNSName, HostedZoneId: in.HostedZoneId}
	from := &zone{id: bareID(in.HostedZoneId), name: canonicalName(value(in.DNSName))}
	for _, z := range zones {
		if in.DNSName != nil && compareByName(z, from) < 0 {
			continue
		}
		if len(out.HostedZones) == limit {
			out.IsTruncated, out.NextDNSName, out.NextHostedZoneId = true, ptr(z.name), ptr(z.id)
			break
		}
		out.HostedZones = append(out.HostedZones, *z.describe())
	}
	return out, nil
}

// GetHostedZoneCount counts the account's zones.
func (s *Service) GetHostedZoneCount(_ *wire.Call, _ *sdk.GetHostedZoneCountInput) (*sdk.GetHostedZoneCountOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	return &sdk.GetHostedZoneCountOutput{HostedZoneCount: ptr(int64(len(s.zones)))}, nil
}

// UpdateHostedZoneComment replaces a zone's comment.
func (s *Service) UpdateHostedZoneComment(_ *wire.Call, in *sdk.UpdateHostedZoneCommentInput) (*sdk.UpdateHostedZoneCommentOutput, error) {
	err := s.admit()
	defer s.unlock()
	if err != nil {
		return nil, err
	}
	z, err := s.zone(in.Id)
	if err != nil {
		return nil, err
	}
	z.comment = value(in.Comment)
	return &sdk.UpdateHostedZoneCommentOutput{HostedZone: z.describe()}, nil
}

// TestDNSAnswer answers a question as the zone's name servers would.
func (s *Service) TestDNSAnswer(_ *wire.Call, in *sdk.TestDNSAnswerInput) (*sdk.TestDNSAnswerOutput, error) {
	err := s.admit()
	s.unlock()
	if err != nil {
		return nil, err
	}
	s.lock()
	z, err := s.zone(in.HostedZoneId)
	at := s.random.Float64()
	s.unlock()
	if err != nil {
		return nil, err
	}
	name := canonicalName(value(in.RecordName))
	if !inZone(name, z.name) {
		return nil, invalidInput("The record name %s is not in the hosted zone %s", name, z.name)
	}
	reply := s.Lookup(name, in.RecordType, at)
	out := &sdk.TestDNSAnswerOutput{
		Nameserver: ptr(nameServers[0]), RecordName: ptr(name), RecordType: in.RecordType, Protocol: ptr("UDP"), RecordData: []string{}, ResponseCode: ptr("NOERROR"),
	}
	if !reply.Exists {
		out.ResponseCode = ptr("NXDOMAIN")
	}
	for _, r := range reply.Records {
		out.RecordData = append(out.RecordData, r.Value)
	}
	return out, nil
}

func compareByName(a, b *zone) int {
	if c := strings.Compare(sortName(a.name), sortName(b.name)); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

func (z *zone) describe() *types.HostedZone {
	config := &types.HostedZoneConfig{PrivateZone: z.private}
	if z.comment != "" {
		config.Comment = ptr(z.comment)
	}
	return &types.HostedZone{
		Id: ptr("/hostedzone/" + z.id), Name: ptr(z.name), CallerReference: ptr(z.callerReference),
		Config: config, ResourceRecordSetCount: ptr(int64(len(z.records))),
	}
}

func (z *zone) delegation() *types.DelegationSet {
	if z.private {
		return nil
	}
	return &types.DelegationSet{NameServers: slices.Clone(nameServers)}
}

var nameServers = []string{"ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net", "ns-2050.awsdns-66.org", "ns-2051.awsdns-67.co.uk"}

// apexRecords are the records that every zone is born with.
func apexRecords(name string) recordMap {
	ns := types.ResourceRecordSet{Name: ptr(name), Type: types.RRTypeNs, TTL: ptr(int64(172800))}
	for _, server := range nameServers {
		ns.ResourceRecords = append(ns.ResourceRecords, types.ResourceRecord{Value: ptr(server + ".")})
	}
	soa := types.ResourceRecordSet{Name: ptr(name), Type: types.RRTypeSoa, TTL: ptr(int64(900)), ResourceRecords: []types.ResourceRecord{
		{Value: ptr(nameServers[0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")},
	}}
	return recordMap{keyOf(&ns): ns, keyOf(&soa): soa}
}
