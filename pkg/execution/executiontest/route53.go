package executiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// Spread is how long a change takes to be INSYNC.
const Spread = 30 * time.Second

// Route53 is a hosted zone. It fails the test's expectations by itself: a
// change while an earlier one is PENDING, or weights that do not sum to 100,
// are noted as Violations.
type Route53 struct {
	Sets       []types.ResourceRecordSet
	Changes    []time.Time // when each batch was taken
	Fail       func(operation string) error
	Violations []string

	clock clock.Clock
	fuse  *Fuse
}

// NewRoute53 returns an empty hosted zone.
func NewRoute53(c clock.Clock, f *Fuse) *Route53 { return &Route53{clock: c, fuse: f} }

// Set puts a weighted record set of a cluster there, as a person would.
func (r *Route53) Set(identifier string, weight int64, value string, ttl int64) {
	r.put(types.ResourceRecordSet{Name: aws.String(Record + "."), Type: types.RRTypeCname, SetIdentifier: &identifier,
		Weight: &weight, TTL: &ttl, ResourceRecords: []types.ResourceRecord{{Value: &value}}})
}

// Weights returns the weights by set identifier.
func (r *Route53) Weights() map[string]int64 {
	out := map[string]int64{}
	for _, set := range r.Sets {
		if set.SetIdentifier != nil {
			out[*set.SetIdentifier] = aws.ToInt64(set.Weight)
		}
	}
	return out
}

// Get returns the record set of an identifier.
func (r *Route53) Get(identifier string) *types.ResourceRecordSet {
	i := r.index(identifier)
	if i < 0 {
		return nil
	}
	return &r.Sets[i]
}

func (r *Route53) index(identifier string) int {
	return slices.IndexFunc(r.Sets, func(s types.ResourceRecordSet) bool { return aws.ToString(s.SetIdentifier) == identifier })
}

func (r *Route53) put(set types.ResourceRecordSet) {
	set.Name = aws.String(strings.TrimSuffix(*set.Name, ".") + ".")
	if i := r.index(aws.ToString(set.SetIdentifier)); i >= 0 {
		r.Sets[i] = set
		return
	}
	r.Sets = append(r.Sets, set)
}

func (r *Route53) failure(operation string) error {
	if r.Fail == nil {
		return nil
	}
	return r.Fail(operation)
}

// APIError is an error as AWS answers it.
func APIError(code string) error { return &smithy.GenericAPIError{Code: code, Message: "as AWS says"} }

// ListResourceRecordSets answers one record set a page.
func (r *Route53) ListResourceRecordSets(_ context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	if err := r.failure("ListResourceRecordSets"); err != nil {
		return nil, err
	}
	all := slices.Clone(r.Sets)
	other := types.ResourceRecordSet{Name: aws.String("zzz.example.com."), Type: types.RRTypeTxt}
	all = append(all, other)
	first := 0
	if in.StartRecordIdentifier != nil {
		first = slices.IndexFunc(all, func(s types.ResourceRecordSet) bool {
			return aws.ToString(s.SetIdentifier) == *in.StartRecordIdentifier
		})
	} else if *in.StartRecordName == *other.Name {
		first = len(all) - 1
	}
	out := &route53.ListResourceRecordSetsOutput{ResourceRecordSets: all[first : first+1]}
	if first+1 < len(all) {
		next := all[first+1]
		out.IsTruncated, out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = true, next.Name, next.Type, next.SetIdentifier
	}
	return out, nil
}

// ChangeResourceRecordSets takes a batch, all of it or nothing.
func (r *Route53) ChangeResourceRecordSets(_ context.Context, in *route53.ChangeResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	if err := r.fuse.before("ChangeResourceRecordSets"); err != nil {
		return nil, err
	}
	if err := r.failure("ChangeResourceRecordSets"); err != nil {
		return nil, err
	}
	before := r.Weights()
	for _, change := range in.ChangeBatch.Changes {
		switch change.Action {
		case types.ChangeActionUpsert:
			r.put(*change.ResourceRecordSet)
		case types.ChangeActionDelete:
			i := r.index(*change.ResourceRecordSet.SetIdentifier)
			if i < 0 {
				return nil, APIError("InvalidChangeBatch")
			}
			r.Sets = slices.Delete(r.Sets, i, i+1)
		}
	}
	r.judge(before)
	r.Changes = append(r.Changes, r.clock.Now())
	if err := r.fuse.after(); err != nil {
		return nil, err
	}
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: r.info(len(r.Changes) - 1)}, nil
}

// judge holds the invariants 1 and 4 over each change.
func (r *Route53) judge(before map[string]int64) {
	after, sum := r.Weights(), int64(0)
	moved := false
	for id, w := range after {
		sum += w
		moved = moved || before[id] != w
	}
	if sum != 100 {
		r.Violations = append(r.Violations, fmt.Sprintf("weights %v do not sum to 100", after))
	}
	if n := len(r.Changes); moved && n > 0 && r.clock.Now().Sub(r.Changes[n-1]) < Spread {
		r.Violations = append(r.Violations, fmt.Sprintf("weights moved to %v while the last change was pending", after))
	}
}

func (r *Route53) info(i int) *types.ChangeInfo {
	status := types.ChangeStatusInsync
	if r.clock.Now().Sub(r.Changes[i]) < Spread {
		status = types.ChangeStatusPending
	}
	return &types.ChangeInfo{Id: aws.String(fmt.Sprintf("/change/C%d", i)), Status: status, SubmittedAt: &r.Changes[i]}
}

// GetChange tells whether a change is INSYNC.
func (r *Route53) GetChange(_ context.Context, in *route53.GetChangeInput, _ ...func(*route53.Options)) (*route53.GetChangeOutput, error) {
	if err := r.failure("GetChange"); err != nil {
		return nil, err
	}
	var i int
	if _, err := fmt.Sscanf(*in.Id, "/change/C%d", &i); err != nil || i >= len(r.Changes) {
		return nil, APIError("NoSuchChange")
	}
	return &route53.GetChangeOutput{ChangeInfo: r.info(i)}, nil
}
