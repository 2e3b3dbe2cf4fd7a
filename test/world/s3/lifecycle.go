package s3

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const maxRules = 1000

// GetBucketLifecycleConfiguration returns the lifecycle rules.
func (s *Service) GetBucketLifecycleConfiguration(_ *wire.Call, in *sdk.GetBucketLifecycleConfigurationInput) (*sdk.GetBucketLifecycleConfigurationOutput, error) {
	out := &sdk.GetBucketLifecycleConfigurationOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if len(b.config.lifecycle) == 0 {
			return fail(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
		}
		out.Rules = b.config.lifecycle
		return nil
	})
}

// PutBucketLifecycleConfiguration replaces the lifecycle rules.
func (s *Service) PutBucketLifecycleConfiguration(_ *wire.Call, in *sdk.PutBucketLifecycleConfigurationInput) (*sdk.PutBucketLifecycleConfigurationOutput, error) {
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 || len(in.LifecycleConfiguration.Rules) > maxRules {
		return nil, malformed()
	}
	rules := slices.Clone(in.LifecycleConfiguration.Rules)
	ids := map[string]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rules {
		r := &rules[i]
		if err := checkRule(r); err != nil {
			return nil, err
		}
		if r.ID == nil {
			r.ID = ptr(s.nextID("rule"))
		}
		if ids[*r.ID] {
			return nil, fail(400, "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[*r.ID] = true
	}
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	b.config.lifecycle = rules
	return &sdk.PutBucketLifecycleConfigurationOutput{}, nil
}

// DeleteBucketLifecycle removes the lifecycle rules.
func (s *Service) DeleteBucketLifecycle(_ *wire.Call, in *sdk.DeleteBucketLifecycleInput) (*sdk.DeleteBucketLifecycleOutput, error) {
	return &sdk.DeleteBucketLifecycleOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.lifecycle = nil
		return nil
	})
}

func checkRule(r *types.LifecycleRule) error {
	e := r.Expiration
	switch {
	case !slices.Contains(r.Status.Values(), r.Status):
		return malformed()
	case r.Filter == nil && r.Prefix == nil, r.Filter != nil && r.Prefix != nil:
		return malformed()
	case r.ID != nil && len(*r.ID) > 255:
		return fail(400, "InvalidArgument", "ID length should not exceed allowed limit of 255")
	case e == nil && r.NoncurrentVersionExpiration == nil && r.AbortIncompleteMultipartUpload == nil && len(r.Transitions) == 0 && len(r.NoncurrentVersionTransitions) == 0:
		return fail(400, "InvalidRequest", "At least one action needs to be specified in a rule")
	case e != nil && e.Days != nil && *e.Days < 1:
		return fail(400, "InvalidArgument", "'Days' for Expiration action must be a positive integer")
	case e != nil && e.Date != nil && !e.Date.Equal(e.Date.UTC().Truncate(24*time.Hour)):
		return fail(400, "InvalidArgument", "'Date' must be at midnight GMT")
	}
	if e != nil {
		given := 0
		for _, set := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
			if set {
				given++
			}
		}
		if given != 1 {
			return malformed()
		}
	}
	if n := r.NoncurrentVersionExpiration; n != nil && value(n.NoncurrentDays) < 1 {
		return fail(400, "InvalidArgument", "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil && value(a.DaysAfterInitiation) < 1 {
		return fail(400, "InvalidArgument", "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	}
	return nil
}

// covers reports whether a rule is for an object.
func covers(r types.LifecycleRule, key string, size int64, tags map[string]string) bool {
	if r.Prefix != nil {
		return strings.HasPrefix(key, *r.Prefix)
	}
	f := r.Filter
	if and := f.And; and != nil {
		for _, t := range and.Tags {
			if tags[value(t.Key)] != value(t.Value) {
				return false
			}
		}
		return strings.HasPrefix(key, value(and.Prefix)) && within(size, and.ObjectSizeGreaterThan, and.ObjectSizeLessThan)
	}
	if t := f.Tag; t != nil {
		if v, ok := tags[value(t.Key)]; !ok || v != value(t.Value) {
			return false
		}
	}
	return strings.HasPrefix(key, value(f.Prefix)) && within(size, f.ObjectSizeGreaterThan, f.ObjectSizeLessThan)
}

func within(size int64, above, below *int64) bool {
	return (above == nil || size > *above) && (below == nil || size < *below)
}

// due is when what is n days old is removed: at midnight UTC after that (source:
// "Lifecycle rules: based on an object's age").
func due(since time.Time, days int32) time.Time {
	t := since.Add(time.Duration(days) * 24 * time.Hour).UTC()
	midnight := t.Truncate(24 * time.Hour)
	if midnight.Before(t) {
		midnight = midnight.Add(24 * time.Hour)
	}
	return midnight
}

// expiry returns when the current version of a key expires, and by which rule.
func (b *bucket) expiry(v *version) (at time.Time, rule string, ok bool) {
	for _, r := range b.config.lifecycle {
		e := r.Expiration
		if r.Status != types.ExpirationStatusEnabled || e == nil || e.ExpiredObjectDeleteMarker != nil || !covers(r, v.key, int64(len(v.body)), v.tags) {
			continue
		}
		t := due(v.modified, value(e.Days))
		if e.Date != nil {
			t = *e.Date
		}
		if !ok || t.Before(at) {
			at, rule, ok = t, *r.ID, true
		}
	}
	return at, rule, ok
}

// expiration is the x-amz-expiration of an object; nil when it stays.
func (b *bucket) expiration(v *version) *string {
	at, rule, ok := b.expiry(v)
	if !ok {
		return nil
	}
	return ptr(fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, at.Format(http.TimeFormat), rule))
}

// expire lets the lifecycle rules take effect; s.mu is held.
func (s *Service) expire(b *bucket) {
	if len(b.config.lifecycle) == 0 {
		return
	}
	now := s.clock.Now()
	for _, key := range slices.Sorted(maps.Keys(b.keys)) {
		if v := b.current(key); v != nil {
			if at, _, ok := b.expiry(v); ok && !now.Before(at) {
				s.remove(b, key, nil)
			}
		}
		b.expireOld(key, now)
	}
	for id, u := range b.uploads {
		for _, r := range b.config.lifecycle {
			a := r.AbortIncompleteMultipartUpload
			if r.Status == types.ExpirationStatusEnabled && a != nil && covers(r, u.key, 0, u.tags) && !now.Before(due(u.started, *a.DaysAfterInitiation)) {
				delete(b.uploads, id)
				break
			}
		}
	}
}

// expireOld removes noncurrent versions of a key, and a delete marker that has
// no versions left below it.
func (b *bucket) expireOld(key string, now time.Time) {
	versions := b.keys[key]
	var kept []*version
	for i, v := range versions {
		if i > 0 && b.oldEnough(v, versions[i-1].modified, i, now) {
			continue
		}
		kept = append(kept, v)
	}
	if len(kept) == 1 && kept[0].marker {
		for _, r := range b.config.lifecycle {
			if e := r.Expiration; r.Status == types.ExpirationStatusEnabled && e != nil && value(e.ExpiredObjectDeleteMarker) && covers(r, key, 0, nil) {
				kept = nil
				break
			}
		}
	}
	if len(kept) == 0 {
		delete(b.keys, key)
		return
	}
	b.keys[key] = kept
}

// oldEnough reports whether the version of rank n (1: the newest that is not
// current), noncurrent since a time, is to be removed.
func (b *bucket) oldEnough(v *version, since time.Time, n int, now time.Time) bool {
	for _, r := range b.config.lifecycle {
		e := r.NoncurrentVersionExpiration
		if r.Status == types.ExpirationStatusEnabled && e != nil && covers(r, v.key, int64(len(v.body)), v.tags) &&
			!now.Before(due(since, *e.NoncurrentDays)) && n > int(value(e.NewerNoncurrentVersions)) {
			return true
		}
	}
	return false
}
