// Package traffic sends a steady load of real HTTP requests through a resolver
// that honours weighted records and their TTL, and counts what fails.
package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Answer is one of the records that a name has.
type Answer struct {
	SetIdentifier string
	Target        string
	Weight        int // 0 to 255, as in Route 53
	TTL           time.Duration
}

// Records is the authority on names: the simulated Route 53.
type Records interface {
	// Records returns all records of a name; none is a name that does not exist.
	Records(name string) []Answer
}

// resolver is one client's view of the names: it picks a record by weight and
// keeps the answer for its TTL, by the simulated clock, as resolvers do. It is for
// one goroutine.
type resolver struct {
	records Records
	clock   clock.Clock
	random  *rand.Rand
	cache   map[string]cached
}

type cached struct {
	answer  Answer
	expires time.Time
}

func newResolver(records Records, c clock.Clock, seed, client uint64) *resolver {
	return &resolver{records: records, clock: c, random: rand.New(rand.NewPCG(seed, client)), cache: map[string]cached{}}
}

func (r *resolver) resolve(name string) (Answer, error) {
	now := r.clock.Now()
	if c, known := r.cache[name]; known && now.Before(c.expires) {
		return c.answer, nil
	}
	delete(r.cache, name)
	answer, err := pick(r.records.Records(name), r.random.Float64())
	if err != nil {
		return Answer{}, fmt.Errorf("traffic: cannot resolve %s: %w", name, err)
	}
	r.cache[name] = cached{answer, now.Add(answer.TTL)}
	return answer, nil
}

// pick chooses by weight, with at in [0, 1). When all weights are zero every
// record is as likely, which is Route 53's rule.
func pick(answers []Answer, at float64) (Answer, error) {
	if len(answers) == 0 {
		return Answer{}, fmt.Errorf("there is no record")
	}
	sum := 0
	for _, a := range answers {
		if a.Weight < 0 {
			return Answer{}, fmt.Errorf("weight %d of %q is below 0", a.Weight, a.SetIdentifier)
		}
		sum += a.Weight
	}
	if sum == 0 {
		return answers[int(at*float64(len(answers)))], nil
	}
	left := at * float64(sum)
	last := answers[0]
	for _, a := range answers {
		if a.Weight == 0 {
			continue
		}
		last = a
		if left -= float64(a.Weight); left < 0 {
			break
		}
	}
	return last, nil
}
