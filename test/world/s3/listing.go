package s3

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// entry is one line of a listing: a key, or a common prefix.
type entry struct {
	key    string // the key, or the prefix with the delimiter
	prefix bool
}

// entries lists keys after a marker by UTF-8 bytes, with those that share the
// part up to the delimiter rolled up.
func entries(keys []string, prefix, delimiter, after string, limit int) (out []entry, truncated bool) {
	if limit == 0 { // S3 says that nothing was left out
		return nil, false
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		e := entry{key: key}
		if delimiter != "" {
			if head, _, ok := strings.Cut(key[len(prefix):], delimiter); ok {
				e = entry{key: prefix + head + delimiter, prefix: true}
			}
		}
		// A marker that lies within a common prefix leaves the prefix out.
		if key <= after || (e.prefix && (e.key <= after || strings.HasPrefix(after, e.key))) {
			continue
		}
		if n := len(out); n > 0 && out[n-1] == e {
			continue
		}
		if len(out) == limit {
			return out, true
		}
		out = append(out, e)
	}
	return out, false
}

// liveKeys are the keys that a plain listing shows, sorted.
func (b *bucket) liveKeys() []string {
	var keys []string
	for key := range b.keys {
		if b.current(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func pageSize(asked *int32) (int, error) {
	if asked == nil {
		return maxPage, nil
	}
	if *asked < 0 {
		return 0, fail(400, "InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
	}
	return min(int(*asked), maxPage), nil
}

// encoder encodes keys in answers when the request asks for it.
func encoder(kind types.EncodingType) func(string) *string {
	return func(s string) *string {
		if kind == types.EncodingTypeUrl {
			s = strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "%2F", "/"), "%2A", "*")
		}
		return &s
	}
}

// ListObjectsV2 lists objects.
func (s *Service) ListObjectsV2(_ *wire.Call, in *sdk.ListObjectsV2Input) (*sdk.ListObjectsV2Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	after := value(in.StartAfter)
	if in.ContinuationToken != nil {
		plain, err := base64.StdEncoding.DecodeString(*in.ContinuationToken)
		if err != nil || len(plain) == 0 {
			return nil, fail(400, "InvalidArgument", "The continuation token provided is incorrect")
		}
		after = string(plain)
	}
	found, truncated := entries(b.liveKeys(), value(in.Prefix), value(in.Delimiter), after, limit)
	encode := encoder(in.EncodingType)
	out := &sdk.ListObjectsV2Output{
		Name: &b.name, Prefix: encode(value(in.Prefix)), MaxKeys: ptr(int32(limit)), KeyCount: ptr(int32(len(found))), IsTruncated: &truncated, //nolint:gosec // at most 1,000
		EncodingType: in.EncodingType, ContinuationToken: in.ContinuationToken,
	}
	if in.Delimiter != nil {
		out.Delimiter = encode(*in.Delimiter)
	}
	if in.StartAfter != nil {
		out.StartAfter = encode(*in.StartAfter)
	}
	for _, e := range found {
		if e.prefix {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encode(e.key)})
			continue
		}
		o := b.current(e.key).listed(encode)
		if value(in.FetchOwner) {
			o.Owner = s.owner()
		}
		out.Contents = append(out.Contents, o)
	}
	if truncated && limit > 0 {
		out.NextContinuationToken = ptr(base64.StdEncoding.EncodeToString([]byte(found[len(found)-1].key)))
	}
	return out, nil
}

func (v *version) listed(encode func(string) *string) types.Object {
	class := types.ObjectStorageClassStandard
	if v.headers.class != "" {
		class = types.ObjectStorageClass(v.headers.class)
	}
	return types.Object{Key: encode(v.key), ETag: &v.etag, Size: ptr(int64(len(v.body))), LastModified: &v.modified, StorageClass: class,
		ChecksumAlgorithm: v.sums.algorithms(), ChecksumType: v.sums.kind()}
}

func (c checksums) algorithms() []types.ChecksumAlgorithm {
	var out []types.ChecksumAlgorithm
	for _, f := range c.fields() {
		if *f.value != nil {
			out = append(out, f.algorithm)
		}
	}
	return out
}

// ListObjects lists objects in the older way, by markers.
func (s *Service) ListObjects(_ *wire.Call, in *sdk.ListObjectsInput) (*sdk.ListObjectsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	found, truncated := entries(b.liveKeys(), value(in.Prefix), value(in.Delimiter), value(in.Marker), limit)
	encode := encoder(in.EncodingType)
	out := &sdk.ListObjectsOutput{Name: &b.name, Prefix: encode(value(in.Prefix)), Marker: encode(value(in.Marker)), MaxKeys: ptr(int32(limit)), IsTruncated: &truncated, EncodingType: in.EncodingType} //nolint:gosec // at most 1,000
	if in.Delimiter != nil {
		out.Delimiter = encode(*in.Delimiter)
	}
	for _, e := range found {
		if e.prefix {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encode(e.key)})
			continue
		}
		o := b.current(e.key).listed(encode)
		o.Owner = s.owner()
		out.Contents = append(out.Contents, o)
	}
	if truncated && in.Delimiter != nil && limit > 0 { // without a delimiter the last key is the marker
		out.NextMarker = encode(found[len(found)-1].key)
	}
	return out, nil
}

// ListObjectVersions lists all versions and delete markers, the newest of each
// key first.
func (s *Service) ListObjectVersions(_ *wire.Call, in *sdk.ListObjectVersionsInput) (*sdk.ListObjectVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	if in.VersionIdMarker != nil && in.KeyMarker == nil {
		return nil, fail(400, "InvalidArgument", "A version-id marker cannot be specified without a key marker.")
	}
	encode := encoder(in.EncodingType)
	out := &sdk.ListObjectVersionsOutput{Name: &b.name, Prefix: encode(value(in.Prefix)), KeyMarker: encode(value(in.KeyMarker)), VersionIdMarker: ptr(value(in.VersionIdMarker)),
		MaxKeys: ptr(int32(limit)), IsTruncated: ptr(false), EncodingType: in.EncodingType} //nolint:gosec // at most 1,000
	if in.Delimiter != nil {
		out.Delimiter = encode(*in.Delimiter)
	}
	n := 0
	var lastKey, lastID string
	full := func() bool {
		if n < limit {
			n++
			return false
		}
		out.IsTruncated, out.NextKeyMarker = ptr(true), encode(lastKey)
		if lastID != "" {
			out.NextVersionIdMarker = &lastID
		}
		return true
	}
	after := value(in.KeyMarker)
	for _, e := range all(entries(slices.Sorted(maps.Keys(b.keys)), value(in.Prefix), value(in.Delimiter), "", len(b.keys))) {
		if e.prefix {
			if e.key <= after || strings.HasPrefix(after, e.key) {
				continue
			}
			if full() {
				return out, nil
			}
			lastKey, lastID = e.key, ""
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encode(e.key)})
			continue
		}
		if e.key < after || (e.key == after && in.VersionIdMarker == nil) {
			continue
		}
		skipping := e.key == after
		for i, v := range b.keys[e.key] {
			if skipping {
				skipping = v.id != *in.VersionIdMarker
				continue
			}
			if full() {
				return out, nil
			}
			lastKey, lastID = e.key, v.id
			if v.marker {
				out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{Key: encode(v.key), VersionId: &v.id, IsLatest: ptr(i == 0), LastModified: &v.modified, Owner: s.owner()})
				continue
			}
			o := v.listed(encode)
			out.Versions = append(out.Versions, types.ObjectVersion{Key: o.Key, VersionId: &v.id, IsLatest: ptr(i == 0), LastModified: o.LastModified, ETag: o.ETag, Size: o.Size,
				StorageClass: types.ObjectVersionStorageClass(o.StorageClass), Owner: s.owner(), ChecksumAlgorithm: o.ChecksumAlgorithm, ChecksumType: o.ChecksumType})
		}
	}
	return out, nil
}

func all(found []entry, _ bool) []entry { return found }
