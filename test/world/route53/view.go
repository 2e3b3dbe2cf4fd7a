package route53

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// aliasTTL is what DNS answers carry for an alias to a load balancer.
const aliasTTL = 60 * time.Second

// Answer is one record set that DNS chooses from for a name.
type Answer struct {
	Type          types.RRType
	SetIdentifier string   // "" for a simple record set
	Values        []string // empty for an alias
	Alias         string   // the alias's target without final dot; "" for others
	Weight        int64    // as set; 0 for a simple record set
	Share         float64  // the part of the answers that it gets, 0 to 1
	TTL           time.Duration
}

// OnChange has f called, without locks held and one at a time, for every change
// that is accepted and again when it is INSYNC.
func (s *Service) OnChange(f func(ChangeEvent)) {
	s.lock()
	defer s.unlock()
	s.listeners = append(s.listeners, f)
}

// ZoneID returns the id of the zone that serves a name, the longest match;
// false when there is none.
func (s *Service) ZoneID(name string) (string, bool) {
	s.lock()
	defer s.unlock()
	if z := s.authority(canonicalName(name)); z != nil {
		return z.id, true
	}
	return "", false
}

func (s *Service) authority(name string) *zone {
	var best *zone
	for _, z := range s.zones {
		if !z.private && inZone(name, z.name) && (best == nil || len(z.name) > len(best.name)) {
			best = z
		}
	}
	return best
}

// Resolve returns the record sets of types A, AAAA and CNAME that DNS answers
// for a name now. Changes that are PENDING do not count. The shares follow
// weights and health; see shares. Unknown names have no answers.
func (s *Service) Resolve(name string) []Answer {
	s.lock()
	defer s.unlock()
	name = canonicalName(name)
	z := s.authority(name)
	if z == nil {
		return nil
	}
	owner, ok := z.owner(name)
	if !ok {
		return nil
	}
	return s.answers(z, owner)
}

func (m recordMap) has(name string) bool {
	for k := range m {
		if k.name == name {
			return true
		}
	}
	return false
}

func (s *Service) answers(z *zone, name string) []Answer {
	var answers []Answer
	for _, typ := range []types.RRType{types.RRTypeA, types.RRTypeAaaa, types.RRTypeCname} {
		group := s.candidates(z, name, typ, 0)
		for i, share := range shares(group) {
			a := answerOf(group[i].set)
			a.Share = share
			answers = append(answers, a)
		}
	}
	return answers
}

func answerOf(set types.ResourceRecordSet) Answer {
	a := Answer{Type: set.Type, SetIdentifier: value(set.SetIdentifier), Weight: value(set.Weight)}
	if set.AliasTarget != nil {
		a.Alias, a.TTL = strings.TrimSuffix(value(set.AliasTarget.DNSName), "."), aliasTTL
		return a
	}
	a.TTL = time.Duration(value(set.TTL)) * time.Second
	for _, r := range set.ResourceRecords {
		a.Values = append(a.Values, value(r.Value))
	}
	return a
}

// Weights returns the weights of a weighted group as DNS applies them now, by
// set identifier; empty when there is no such group.
func (s *Service) Weights(zoneID, name string, typ types.RRType) map[string]int64 {
	return s.weights(zoneID, name, typ, func(z *zone) recordMap { return z.live })
}

// RequestedWeights is like Weights, with PENDING changes counted as done.
func (s *Service) RequestedWeights(zoneID, name string, typ types.RRType) map[string]int64 {
	return s.weights(zoneID, name, typ, func(z *zone) recordMap { return z.records })
}

func (s *Service) weights(zoneID, name string, typ types.RRType, view func(*zone) recordMap) map[string]int64 {
	s.lock()
	defer s.unlock()
	weights := map[string]int64{}
	z, err := s.zone(&zoneID)
	if err != nil {
		return weights
	}
	for k, set := range view(z) {
		if k.name == canonicalName(name) && k.typ == typ && set.Weight != nil {
			weights[k.setIdentifier] = *set.Weight
		}
	}
	return weights
}

// ExternalChange sets the weight of one existing weighted record set, as a
// person at the console would: outside the agent, its limits and its knowledge.
// It returns the id of the change.
func (s *Service) ExternalChange(zoneID, name string, typ types.RRType, setIdentifier string, weight int64) (string, error) {
	s.lock()
	defer s.unlock()
	z, err := s.zone(&zoneID)
	if err != nil {
		return "", err
	}
	key := recordKey{canonicalName(name), typ, setIdentifier}
	set, ok := z.records[key]
	if !ok || set.Weight == nil {
		return "", fmt.Errorf("route53: zone %s has no weighted record set %s", zoneID, key)
	}
	set.Weight = ptr(weight)
	info, err := s.apply(z, &types.ChangeBatch{
		Comment: ptr("changed by somebody else"),
		Changes: []types.Change{{Action: types.ChangeActionUpsert, ResourceRecordSet: &set}},
	}, ChangeEvent{External: true})
	if err != nil {
		return "", err
	}
	return bareID(info.Id), nil
}
