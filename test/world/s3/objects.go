package s3

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const nullVersion = "null"

// latest returns the newest version of a key, a delete marker included; nil
// when there is none.
func (b *bucket) latest(key string) *version {
	if all := b.keys[key]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// current returns the object that a plain GET sees; nil when there is none.
func (b *bucket) current(key string) *version {
	if v := b.latest(key); v != nil && !v.marker {
		return v
	}
	return nil
}

// find returns the version that a request is about.
func (b *bucket) find(key string, id *string) (*version, error) {
	if id == nil {
		if v := b.current(key); v != nil {
			return v, nil
		}
		return nil, fail(404, "NoSuchKey", "The specified key does not exist.")
	}
	for _, v := range b.keys[key] {
		if v.id == *id {
			if v.marker {
				return nil, fail(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
			}
			return v, nil
		}
	}
	return nil, fail(404, "NoSuchVersion", "The specified version does not exist.")
}

// add stores a version as the newest of its key. Without versioning, or when it
// is suspended, it takes the place of the version "null".
func (s *Service) add(b *bucket, v *version) {
	v.id = nullVersion
	if b.versioning == types.BucketVersioningStatusEnabled {
		v.id = s.nextID("version")
	} else {
		b.keys[v.key] = slices.DeleteFunc(b.keys[v.key], func(o *version) bool { return o.id == nullVersion })
	}
	v.modified = s.clock.Now()
	b.keys[v.key] = append([]*version{v}, b.keys[v.key]...)
}

// shownID is a version's id as answers carry it: not at all in a bucket that
// never had versioning.
func (b *bucket) shownID(v *version) *string {
	if b.versioning == "" {
		return nil
	}
	return &v.id
}

func checkKey(key *string) error {
	switch {
	case value(key) == "":
		return fail(400, "InvalidArgument", "A key is required")
	case len(*key) > maxKey:
		return fail(400, "KeyTooLongError", "Your key is too long")
	case !utf8.ValidString(*key):
		return fail(400, "InvalidURI", "Couldn't parse the specified URI.")
	}
	return nil
}

// checkWrite applies If-None-Match and If-Match of a write to what is there.
func checkWrite(now *version, ifMatch, ifNoneMatch *string) error {
	switch {
	case ifNoneMatch != nil && *ifNoneMatch != "*":
		return fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	case ifNoneMatch != nil && now != nil:
		return fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	case ifMatch != nil && now == nil:
		return fail(404, "NoSuchKey", "The specified key does not exist.")
	case ifMatch != nil && !matches(*ifMatch, now.etag):
		return fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	return nil
}

// matches compares an ETag with a list of ETags, quoted or not, or "*".
func matches(list, etag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.Trim(strings.TrimPrefix(strings.TrimSpace(part), "W/"), `"`)
		if part == "*" || part == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

// checkRead applies the conditions of a GET, HEAD or copy (RFC 9110, 13.2.2).
// A condition that says "not modified" is answered with 304, or 412 for a copy.
func checkRead(v *version, ifMatch, ifNoneMatch *string, modifiedSince, unmodifiedSince *time.Time, notModified int) error {
	modified := v.modified.Truncate(time.Second)
	failed := fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	switch {
	case ifMatch != nil && !matches(*ifMatch, v.etag):
		return failed
	case ifMatch == nil && unmodifiedSince != nil && modified.After(*unmodifiedSince):
		return failed
	}
	same := ifNoneMatch != nil && matches(*ifNoneMatch, v.etag)
	old := ifNoneMatch == nil && modifiedSince != nil && !modified.After(*modifiedSince)
	switch {
	case !same && !old:
		return nil
	case notModified == 412:
		return failed
	}
	return fail(304, "NotModified", "Not Modified")
}

// PutObject stores an object.
func (s *Service) PutObject(_ *wire.Call, in *sdk.PutObjectInput) (*sdk.PutObjectOutput, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	body, err := readAll(in.Body)
	if err != nil {
		return nil, err
	}
	if in.WriteOffsetBytes != nil || in.SSECustomerAlgorithm != nil || in.ObjectLockMode != "" || in.ObjectLockLegalHoldStatus != "" {
		return nil, fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	}
	sum := md5.Sum(body) //nolint:gosec // S3's ETag is an MD5
	if err := checkMD5(in.ContentMD5, sum[:]); err != nil {
		return nil, err
	}
	sums := checksums{crc32: in.ChecksumCRC32, crc32c: in.ChecksumCRC32C, crc64: in.ChecksumCRC64NVME, sha1: in.ChecksumSHA1, sha256: in.ChecksumSHA256}
	if err := sums.verify(body); err != nil {
		return nil, err
	}
	sums.add(in.ChecksumAlgorithm, body)
	tags, err := parseTagging(in.Tagging)
	if err != nil {
		return nil, err
	}
	v := &version{key: *in.Key, etag: quote(hex.EncodeToString(sum[:])), body: body, tags: tags, sums: sums, headers: headers{
		contentType: in.ContentType, cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition, contentEncoding: in.ContentEncoding,
		contentLanguage: in.ContentLanguage, redirect: in.WebsiteRedirectLocation, expires: in.Expires, metadata: in.Metadata, class: in.StorageClass,
		encryption: in.ServerSideEncryption, kmsKey: in.SSEKMSKeyId, bucketKey: in.BucketKeyEnabled}}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := b.complete(&v.headers); err != nil {
		return nil, err
	}
	if err := s.checkACL(b, acl{canned: string(in.ACL), grants: given(in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP)}); err != nil {
		return nil, err
	}
	if err := checkWrite(b.current(v.key), in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	s.add(b, v)
	return &sdk.PutObjectOutput{
		ETag: &v.etag, VersionId: b.shownID(v), ServerSideEncryption: v.headers.encryption, SSEKMSKeyId: v.headers.kmsKey, BucketKeyEnabled: v.headers.bucketKey,
		Expiration: b.expiration(v), ChecksumCRC32: v.sums.crc32, ChecksumCRC32C: v.sums.crc32c, ChecksumCRC64NVME: v.sums.crc64, ChecksumSHA1: v.sums.sha1,
		ChecksumSHA256: v.sums.sha256, ChecksumType: v.sums.kind(),
	}, nil
}

func readAll(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fail(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header: %v", err)
	}
	return body, nil
}

func quote(s string) string { return `"` + s + `"` }

// complete checks an object's headers and fills in what the bucket decides.
func (b *bucket) complete(h *headers) error {
	size := 0
	for k, v := range h.metadata {
		size += len(k) + len(v)
	}
	if size > maxMetadata {
		return fail(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	if h.class != "" && !slices.Contains(h.class.Values(), h.class) {
		return fail(400, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	if h.encryption != "" && !slices.Contains(h.encryption.Values(), h.encryption) {
		return fail(400, "InvalidEncryptionAlgorithmError", "The encryption request you specified is not valid. The valid value is AES256, aws:kms, aws:kms:dsse.")
	}
	if h.kmsKey != nil && !strings.HasPrefix(string(h.encryption), "aws:kms") {
		return fail(400, "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
	}
	if h.encryption == "" {
		h.encryption, h.kmsKey, h.bucketKey = b.defaultEncryption()
	}
	if h.contentType == nil {
		h.contentType = ptr("binary/octet-stream")
	}
	return nil
}

// GetObject returns an object, or a part of it.
func (s *Service) GetObject(_ *wire.Call, in *sdk.GetObjectInput) (*sdk.GetObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	v, err := b.find(value(in.Key), in.VersionId)
	if err != nil {
		return nil, err
	}
	if err := checkRead(v, in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince, 304); err != nil {
		return nil, err
	}
	from, to, partial, err := v.slice(in.Range, in.PartNumber)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetObjectOutput{
		Body: io.NopCloser(bytes.NewReader(v.body[from:to])), ContentLength: ptr(to - from), ETag: &v.etag, LastModified: ptr(v.modified.Truncate(time.Second)),
		AcceptRanges: ptr("bytes"), VersionId: b.shownID(v), Metadata: v.headers.metadata, StorageClass: v.headers.shownClass(), Expires: v.headers.expires,
		ContentType: or(in.ResponseContentType, v.headers.contentType), CacheControl: or(in.ResponseCacheControl, v.headers.cacheControl),
		ContentDisposition: or(in.ResponseContentDisposition, v.headers.contentDisposition), ContentEncoding: or(in.ResponseContentEncoding, v.headers.contentEncoding),
		ContentLanguage: or(in.ResponseContentLanguage, v.headers.contentLanguage), WebsiteRedirectLocation: v.headers.redirect,
		ServerSideEncryption: v.headers.encryption, SSEKMSKeyId: v.headers.kmsKey, BucketKeyEnabled: v.headers.bucketKey, Expiration: b.expiration(v),
	}
	if in.ResponseExpires != nil {
		out.Expires = in.ResponseExpires
	}
	if n := len(v.tags); n > 0 {
		out.TagCount = ptr(int32(n)) //nolint:gosec // at most 10
	}
	if in.PartNumber != nil && len(v.parts) > 0 {
		out.PartsCount = ptr(int32(len(v.parts))) //nolint:gosec // at most 10,000
	}
	if partial {
		out.ContentRange = ptr(fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(v.body)))
	} else if in.ChecksumMode == types.ChecksumModeEnabled {
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = v.sums.crc32, v.sums.crc32c, v.sums.crc64, v.sums.sha1, v.sums.sha256
		out.ChecksumType = v.sums.kind()
	}
	return out, nil
}

// HeadObject describes an object.
func (s *Service) HeadObject(c *wire.Call, in *sdk.HeadObjectInput) (*sdk.HeadObjectOutput, error) {
	got, err := s.GetObject(c, &sdk.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, ChecksumMode: in.ChecksumMode, ExpectedBucketOwner: in.ExpectedBucketOwner,
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince, PartNumber: in.PartNumber, Range: in.Range,
		ResponseCacheControl: in.ResponseCacheControl, ResponseContentDisposition: in.ResponseContentDisposition, ResponseContentEncoding: in.ResponseContentEncoding,
		ResponseContentLanguage: in.ResponseContentLanguage, ResponseContentType: in.ResponseContentType, ResponseExpires: in.ResponseExpires,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.HeadObjectOutput{
		AcceptRanges: got.AcceptRanges, BucketKeyEnabled: got.BucketKeyEnabled, CacheControl: got.CacheControl, ChecksumCRC32: got.ChecksumCRC32, ChecksumCRC32C: got.ChecksumCRC32C,
		ChecksumCRC64NVME: got.ChecksumCRC64NVME, ChecksumSHA1: got.ChecksumSHA1, ChecksumSHA256: got.ChecksumSHA256, ChecksumType: got.ChecksumType,
		ContentDisposition: got.ContentDisposition, ContentEncoding: got.ContentEncoding, ContentLanguage: got.ContentLanguage, ContentLength: got.ContentLength,
		ContentRange: got.ContentRange, ContentType: got.ContentType, ETag: got.ETag, Expiration: got.Expiration, Expires: got.Expires, LastModified: got.LastModified,
		Metadata: got.Metadata, PartsCount: got.PartsCount, SSEKMSKeyId: got.SSEKMSKeyId, ServerSideEncryption: got.ServerSideEncryption, StorageClass: got.StorageClass,
		TagCount: got.TagCount, VersionId: got.VersionId, WebsiteRedirectLocation: got.WebsiteRedirectLocation,
	}, nil
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// shownClass is the storage class as answers carry it: STANDARD is not said.
func (h headers) shownClass() types.StorageClass {
	if h.class == types.StorageClassStandard {
		return ""
	}
	return h.class
}

// slice returns the bytes [from, to) that a request asks for. Several ranges,
// and what is no range of bytes, mean the whole object (RFC 9110, 14.2).
func (v *version) slice(spec *string, part *int32) (from, to int64, partial bool, err error) {
	size := int64(len(v.body))
	if part != nil {
		if spec != nil {
			return 0, 0, false, fail(400, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
		}
		return v.part(int(*part), size)
	}
	text, ok := strings.CutPrefix(value(spec), "bytes=")
	if !ok || strings.Contains(text, ",") {
		return 0, size, false, nil
	}
	first, last, ok := strings.Cut(text, "-")
	a, errA := strconv.ParseInt(first, 10, 64)
	z, errZ := strconv.ParseInt(last, 10, 64)
	outside := fail(416, "InvalidRange", "The requested range is not satisfiable")
	switch {
	case !ok || (first == "" && errZ != nil) || (first != "" && errA != nil) || (last != "" && errZ != nil):
		return 0, size, false, nil
	case first == "": // the last z bytes
		if z == 0 || size == 0 {
			return 0, 0, false, outside
		}
		return max(size-z, 0), size, true, nil
	case last != "" && z < a:
		return 0, size, false, nil
	case a >= size:
		return 0, 0, false, outside
	case last == "":
		return a, size, true, nil
	}
	return a, min(z+1, size), true, nil
}

func (v *version) part(n int, size int64) (from, to int64, partial bool, err error) {
	if n < 1 || n > max(len(v.parts), 1) {
		return 0, 0, false, fail(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	}
	if len(v.parts) == 0 {
		return 0, size, true, nil
	}
	for _, p := range v.parts[:n-1] {
		from += p
	}
	return from, from + v.parts[n-1], true, nil
}

// DeleteObject deletes an object: for good without versioning or with a version
// id, else by a delete marker.
func (s *Service) DeleteObject(_ *wire.Call, in *sdk.DeleteObjectInput) (*sdk.DeleteObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil {
		now := b.current(value(in.Key))
		if in.VersionId != nil {
			now, _ = b.find(value(in.Key), in.VersionId)
		}
		if err := checkWrite(now, in.IfMatch, nil); err != nil {
			return nil, err
		}
	}
	d := s.remove(b, value(in.Key), in.VersionId)
	out := &sdk.DeleteObjectOutput{DeleteMarker: d.DeleteMarker, VersionId: d.VersionId}
	if d.DeleteMarkerVersionId != nil {
		out.VersionId = d.DeleteMarkerVersionId
	}
	return out, nil
}

// remove deletes a key or one version; what is not there is no error.
func (s *Service) remove(b *bucket, key string, id *string) types.DeletedObject {
	out := types.DeletedObject{Key: &key, VersionId: id}
	drop := func(gone func(*version) bool) {
		b.keys[key] = slices.DeleteFunc(b.keys[key], gone)
		if len(b.keys[key]) == 0 {
			delete(b.keys, key)
		}
	}
	switch {
	case id != nil:
		drop(func(v *version) bool {
			if v.id == *id && v.marker {
				out.DeleteMarker, out.DeleteMarkerVersionId = ptr(true), id
			}
			return v.id == *id
		})
	case b.versioning == "":
		drop(func(*version) bool { return true })
	default:
		m := &version{key: key, marker: true}
		s.add(b, m)
		out.DeleteMarker, out.DeleteMarkerVersionId = ptr(true), &m.id
	}
	return out
}

// DeleteObjects deletes up to 1,000 objects.
func (s *Service) DeleteObjects(_ *wire.Call, in *sdk.DeleteObjectsInput) (*sdk.DeleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > maxPage {
		return nil, fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out := &sdk.DeleteObjectsOutput{}
	for _, o := range in.Delete.Objects {
		if o.ETag != nil {
			if err := checkWrite(b.current(value(o.Key)), o.ETag, nil); err != nil {
				info := wire.Describe(err)
				out.Errors = append(out.Errors, types.Error{Key: o.Key, VersionId: o.VersionId, Code: &info.Code, Message: &info.Message})
				continue
			}
		}
		d := s.remove(b, value(o.Key), o.VersionId)
		if !value(in.Delete.Quiet) {
			out.Deleted = append(out.Deleted, d)
		}
	}
	return out, nil
}

// CopyObject copies an object within the world, with its metadata and tags
// unless they are replaced.
func (s *Service) CopyObject(_ *wire.Call, in *sdk.CopyObjectInput) (*sdk.CopyObjectOutput, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, source, err := s.copySource(in.CopySource, in.ExpectedSourceBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := checkRead(source, in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince, 412); err != nil {
		return nil, err
	}
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := s.checkACL(b, acl{canned: string(in.ACL), grants: given(in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP)}); err != nil {
		return nil, err
	}
	if err := checkWrite(b.current(*in.Key), in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	v := &version{key: *in.Key, body: source.body, sums: source.sums, tags: maps.Clone(source.tags), headers: source.headers}
	v.headers.class, v.headers.encryption, v.headers.kmsKey, v.headers.bucketKey = in.StorageClass, in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled
	v.headers.redirect = in.WebsiteRedirectLocation
	sum := md5.Sum(v.body) //nolint:gosec // S3's ETag is an MD5
	v.etag = quote(hex.EncodeToString(sum[:]))
	v.sums.add(in.ChecksumAlgorithm, v.body)
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		v.headers.contentType, v.headers.cacheControl, v.headers.contentDisposition = in.ContentType, in.CacheControl, in.ContentDisposition
		v.headers.contentEncoding, v.headers.contentLanguage, v.headers.expires, v.headers.metadata = in.ContentEncoding, in.ContentLanguage, in.Expires, in.Metadata
	} else if from == b && source.key == v.key && b.versioning == "" && in.StorageClass == "" && in.ServerSideEncryption == "" && in.WebsiteRedirectLocation == nil {
		return nil, fail(400, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		if v.tags, err = parseTagging(in.Tagging); err != nil {
			return nil, err
		}
	}
	if err := b.complete(&v.headers); err != nil {
		return nil, err
	}
	s.add(b, v)
	return &sdk.CopyObjectOutput{
		CopyObjectResult: &types.CopyObjectResult{ETag: &v.etag, LastModified: ptr(v.modified), ChecksumCRC32: v.sums.crc32, ChecksumCRC32C: v.sums.crc32c,
			ChecksumCRC64NVME: v.sums.crc64, ChecksumSHA1: v.sums.sha1, ChecksumSHA256: v.sums.sha256, ChecksumType: v.sums.kind()},
		CopySourceVersionId: from.shownID(source), VersionId: b.shownID(v), ServerSideEncryption: v.headers.encryption, SSEKMSKeyId: v.headers.kmsKey,
		BucketKeyEnabled: v.headers.bucketKey, Expiration: b.expiration(v),
	}, nil
}

// copySource finds the object that x-amz-copy-source names: bucket/key, with an
// optional versionId.
func (s *Service) copySource(text, owner *string) (*bucket, *version, error) {
	invalid := fail(400, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	path, query, _ := strings.Cut(value(text), "?versionId=")
	plain, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, nil, invalid
	}
	name, key, ok := strings.Cut(plain, "/")
	if !ok || key == "" {
		return nil, nil, invalid
	}
	b, err := s.bucket(&name, owner)
	if err != nil {
		return nil, nil, err
	}
	var id *string
	if query != "" {
		id = &query
	}
	v, err := b.find(key, id)
	return b, v, err
}
