package route53

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// maxMultivalue is how many healthy records an answer of multivalue routing has
// at most.
const maxMultivalue = 8

// candidate is one record set of a name and type, with its health.
type candidate struct {
	set     types.ResourceRecordSet
	healthy bool
}

// candidates returns the record sets that DNS has for a name and a type.
func (s *Service) candidates(z *zone, name string, typ types.RRType, depth int) []candidate {
	var group []candidate
	for _, k := range z.live.sortedKeys() {
		if k.name == name && k.typ == typ {
			set := z.live[k]
			group = append(group, candidate{set, s.setHealthy(z, set, depth)})
		}
	}
	return group
}

// maxAliasDepth bounds aliases to aliases.
const maxAliasDepth = 8

// setHealthy follows a record set's health check and, for an alias that
// evaluates its target's health, the record sets of the target. Load balancers
// count as healthy.
func (s *Service) setHealthy(z *zone, set types.ResourceRecordSet, depth int) bool {
	if set.HealthCheckId != nil && !s.healthOf(*set.HealthCheckId) {
		return false
	}
	t := set.AliasTarget
	if t == nil || !t.EvaluateTargetHealth || depth >= maxAliasDepth {
		return true
	}
	group := s.candidates(z, canonicalName(value(t.DNSName)), set.Type, depth+1)
	return len(group) == 0 || slices.ContainsFunc(group, func(c candidate) bool { return c.healthy })
}

// shares says which part of the answers each candidate gets (source: "How
// Amazon Route 53 chooses records when health checking is configured"):
//   - weighted: healthy records by weight; when no record with a weight above 0
//     is healthy, the healthy ones of weight 0; when none is healthy, as if all
//     were; when all weights are 0, equally;
//   - failover: the primary while it is healthy, else the secondary while it is,
//     else the primary;
//   - multivalue and simple: every healthy record, or all when none is.
func shares(group []candidate) []float64 {
	out := make([]float64, len(group))
	if len(group) == 0 {
		return out
	}
	switch {
	case group[0].set.Failover != "":
		out[failoverChoice(group)] = 1
	case group[0].set.Weight != nil:
		weighted := func(use func(candidate) bool) bool {
			var sum int64
			n := 0
			for _, c := range group {
				if use(c) {
					sum += *c.set.Weight
					n++
				}
			}
			for i, c := range group {
				switch {
				case !use(c):
				case sum > 0:
					out[i] = float64(*c.set.Weight) / float64(sum)
				default:
					out[i] = 1 / float64(n)
				}
			}
			return n > 0
		}
		if !weighted(func(c candidate) bool { return c.healthy && *c.set.Weight > 0 }) && !weighted(func(c candidate) bool { return c.healthy }) &&
			!weighted(func(c candidate) bool { return *c.set.Weight > 0 }) {
			weighted(func(candidate) bool { return true })
		}
	default:
		healthy := slices.ContainsFunc(group, func(c candidate) bool { return c.healthy })
		for i, c := range group {
			if c.healthy || !healthy {
				out[i] = 1
			}
		}
	}
	return out
}

func failoverChoice(group []candidate) int {
	primary, secondary := -1, -1
	for i, c := range group {
		if c.set.Failover == types.ResourceRecordSetFailoverPrimary {
			primary = i
		} else {
			secondary = i
		}
	}
	if primary < 0 || (secondary >= 0 && !group[primary].healthy && group[secondary].healthy) {
		return secondary
	}
	return primary
}

// Record is one resource record of a DNS answer.
type Record struct {
	Name  string // with final dot
	Type  types.RRType
	TTL   time.Duration
	Value string // in presentation format
}

// Reply is what DNS answers to a question.
type Reply struct {
	Authority bool     // Route 53 has a public zone for the name
	Exists    bool     // the name exists, perhaps with other types
	Records   []Record // the answer; an alias is answered by its target's records
	SOA       *Record  // of the zone
	// Unknown names the target of an alias for which nobody knows addresses.
	Unknown string
}

// Lookup answers a DNS question as Route 53's name servers do. at, in [0, 1), is
// the random number that chooses among weighted records.
func (s *Service) Lookup(name string, typ types.RRType, at float64) Reply {
	s.lock()
	defer s.unlock()
	name = canonicalName(name)
	z := s.authority(name)
	if z == nil || z.live == nil {
		return Reply{}
	}
	reply := Reply{Authority: true}
	if soa, ok := z.live[recordKey{name: z.name, typ: types.RRTypeSoa}]; ok {
		reply.SOA = &recordsOf(soa, z.name)[0]
	}
	asked := name
	for range maxAliasDepth {
		owner, ok := z.owner(name)
		if !ok {
			break
		}
		if name == asked {
			reply.Exists = true
		}
		if records := s.answer(z, owner, typ, at, name, &reply); len(records) > 0 || typ == types.RRTypeCname {
			reply.Records = append(reply.Records, records...)
			break
		}
		cname := s.answer(z, owner, types.RRTypeCname, at, name, &reply)
		if len(cname) == 0 {
			break
		}
		reply.Records = append(reply.Records, cname...)
		name = canonicalName(cname[0].Value)
		if !inZone(name, z.name) {
			break
		}
	}
	for i := range reply.Records {
		reply.Records[i].Name = strings.ReplaceAll(reply.Records[i].Name, `\052`, "*")
	}
	return reply
}

// owner returns the name whose records answer for a name: itself, or the
// wildcard that stands for it. A name with records below it exists without
// records of its own.
func (z *zone) owner(name string) (string, bool) {
	if z.live.has(name) || z.live.hasBelow(name) {
		return name, true
	}
	for rest := name; rest != z.name; {
		_, rest, _ = strings.Cut(rest, ".")
		if wildcard := `\052.` + rest; z.live.has(wildcard) {
			return wildcard, true
		}
		if z.live.has(rest) || z.live.hasBelow(rest) {
			return "", false // the closest encloser has no wildcard
		}
	}
	return "", false
}

func (m recordMap) hasBelow(name string) bool {
	for k := range m {
		if strings.HasSuffix(k.name, "."+name) {
			return true
		}
	}
	return false
}

// answer chooses among the record sets of owner and writes them under name.
func (s *Service) answer(z *zone, owner string, typ types.RRType, at float64, name string, reply *Reply) []Record {
	group := s.candidates(z, owner, typ, 0)
	if len(group) == 0 {
		return nil
	}
	share := shares(group)
	if group[0].set.Weight == nil && group[0].set.Failover == "" { // simple, multivalue
		return s.several(z, group, share, at, name, reply)
	}
	chosen, rest := choose(share, at)
	return s.expand(z, group[chosen].set, rest, name, reply, 0)
}

// choose picks by shares that sum to 1, with at in [0, 1). rest is a random
// number for the next choice, in [0, 1) again.
func choose(share []float64, at float64) (chosen int, rest float64) {
	chosen = -1
	for i, part := range share {
		if part == 0 {
			continue
		}
		chosen = i
		if at < part {
			return chosen, at / part
		}
		at -= part
	}
	return chosen, 0 // by rounding: the last one
}

// several answers with up to eight of the records that get answers, beginning
// at random.
func (s *Service) several(z *zone, group []candidate, share []float64, at float64, name string, reply *Reply) []Record {
	var out []Record
	first := int(at * float64(len(group)))
	for i := range group {
		n := (first + i) % len(group)
		if share[n] > 0 && (group[n].set.MultiValueAnswer == nil || len(out) < maxMultivalue) {
			out = append(out, s.expand(z, group[n].set, at, name, reply, 0)...)
		}
	}
	return out
}

// expand gives a record set's records, or those of an alias's target.
func (s *Service) expand(z *zone, set types.ResourceRecordSet, at float64, name string, reply *Reply, depth int) []Record {
	if set.AliasTarget == nil {
		return recordsOf(set, name)
	}
	target := canonicalName(value(set.AliasTarget.DNSName))
	if bareID(set.AliasTarget.HostedZoneId) == z.id && depth < maxAliasDepth {
		group := s.candidates(z, target, set.Type, depth)
		if len(group) == 0 {
			return nil
		}
		chosen, rest := choose(shares(group), at)
		return s.expand(z, group[chosen].set, rest, name, reply, depth+1)
	}
	var out []Record
	for _, ip := range s.opts.Addresses(strings.TrimSuffix(target, ".")) {
		if (set.Type == types.RRTypeAaaa) == strings.Contains(ip, ":") {
			out = append(out, Record{Name: name, Type: set.Type, TTL: aliasTTL, Value: ip})
		}
	}
	if len(out) == 0 {
		reply.Unknown = strings.TrimSuffix(target, ".")
	}
	return out
}

func recordsOf(set types.ResourceRecordSet, name string) []Record {
	var out []Record
	for _, r := range set.ResourceRecords {
		out = append(out, Record{Name: name, Type: set.Type, TTL: time.Duration(value(set.TTL)) * time.Second, Value: value(r.Value)})
	}
	return out
}
