package s3

import (
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const (
	maxParts    = 10_000
	minPartSize = 5 << 20 // of all parts but the last
)

// upload is a multipart upload that has not ended.
type upload struct {
	id, key   string
	started   time.Time
	headers   headers
	tags      map[string]string
	algorithm types.ChecksumAlgorithm
	parts     map[int32]part
}

type part struct {
	body     []byte
	etag     string
	modified time.Time
	sums     checksums
}

// CreateMultipartUpload begins an upload in parts.
func (s *Service) CreateMultipartUpload(_ *wire.Call, in *sdk.CreateMultipartUploadInput) (*sdk.CreateMultipartUploadOutput, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	tags, err := parseTagging(in.Tagging)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := s.checkACL(b, acl{canned: string(in.ACL), grants: given(in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP)}); err != nil {
		return nil, err
	}
	u := &upload{id: s.nextID("upload"), key: *in.Key, started: s.clock.Now(), tags: tags, algorithm: in.ChecksumAlgorithm, parts: map[int32]part{}, headers: headers{
		contentType: in.ContentType, cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition, contentEncoding: in.ContentEncoding,
		contentLanguage: in.ContentLanguage, redirect: in.WebsiteRedirectLocation, expires: in.Expires, metadata: in.Metadata, class: in.StorageClass,
		encryption: in.ServerSideEncryption, kmsKey: in.SSEKMSKeyId, bucketKey: in.BucketKeyEnabled}}
	if err := b.complete(&u.headers); err != nil {
		return nil, err
	}
	b.uploads[u.id] = u
	return &sdk.CreateMultipartUploadOutput{Bucket: &b.name, Key: &u.key, UploadId: &u.id, ServerSideEncryption: u.headers.encryption, SSEKMSKeyId: u.headers.kmsKey,
		BucketKeyEnabled: u.headers.bucketKey, ChecksumAlgorithm: in.ChecksumAlgorithm, ChecksumType: in.ChecksumType}, nil
}

// upload finds an upload; s.mu is held.
func (s *Service) upload(name, owner, key, id *string) (*bucket, *upload, error) {
	b, err := s.bucket(name, owner)
	if err != nil {
		return nil, nil, err
	}
	u, ok := b.uploads[value(id)]
	if !ok || u.key != value(key) {
		return nil, nil, fail(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	}
	return b, u, nil
}

func checkPartNumber(n *int32) error {
	if value(n) < 1 || *n > maxParts {
		return fail(400, "InvalidArgument", "Part number must be an integer between 1 and %d, inclusive", maxParts)
	}
	return nil
}

// UploadPart stores one part; a part of the same number is replaced.
func (s *Service) UploadPart(_ *wire.Call, in *sdk.UploadPartInput) (*sdk.UploadPartOutput, error) {
	if err := checkPartNumber(in.PartNumber); err != nil {
		return nil, err
	}
	body, err := readAll(in.Body)
	if err != nil {
		return nil, err
	}
	sum := md5.Sum(body) //nolint:gosec // S3's ETag is an MD5
	if err := checkMD5(in.ContentMD5, sum[:]); err != nil {
		return nil, err
	}
	p := part{body: body, etag: quote(hex.EncodeToString(sum[:])), sums: checksums{crc32: in.ChecksumCRC32, crc32c: in.ChecksumCRC32C, crc64: in.ChecksumCRC64NVME, sha1: in.ChecksumSHA1, sha256: in.ChecksumSHA256}}
	if err := p.sums.verify(body); err != nil {
		return nil, err
	}
	p.sums.add(in.ChecksumAlgorithm, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, u, err := s.upload(in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	p.modified = s.clock.Now()
	u.parts[*in.PartNumber] = p
	return &sdk.UploadPartOutput{ETag: &p.etag, ServerSideEncryption: u.headers.encryption, SSEKMSKeyId: u.headers.kmsKey, BucketKeyEnabled: u.headers.bucketKey,
		ChecksumCRC32: p.sums.crc32, ChecksumCRC32C: p.sums.crc32c, ChecksumCRC64NVME: p.sums.crc64, ChecksumSHA1: p.sums.sha1, ChecksumSHA256: p.sums.sha256}, nil
}

// UploadPartCopy stores a part of an object as a part of the upload.
func (s *Service) UploadPartCopy(_ *wire.Call, in *sdk.UploadPartCopyInput) (*sdk.UploadPartCopyOutput, error) {
	if err := checkPartNumber(in.PartNumber); err != nil {
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
	first, last, _, err := source.slice(in.CopySourceRange, nil)
	if err != nil {
		return nil, err
	}
	_, u, err := s.upload(in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	body := source.body[first:last]
	sum := md5.Sum(body) //nolint:gosec // S3's ETag is an MD5
	p := part{body: body, etag: quote(hex.EncodeToString(sum[:])), modified: s.clock.Now()}
	p.sums.add(u.algorithm, body)
	u.parts[*in.PartNumber] = p
	return &sdk.UploadPartCopyOutput{CopySourceVersionId: from.shownID(source), CopyPartResult: &types.CopyPartResult{ETag: &p.etag, LastModified: &p.modified,
		ChecksumCRC32: p.sums.crc32, ChecksumCRC32C: p.sums.crc32c, ChecksumCRC64NVME: p.sums.crc64, ChecksumSHA1: p.sums.sha1, ChecksumSHA256: p.sums.sha256}}, nil
}

// CompleteMultipartUpload makes an object of the parts that are listed.
func (s *Service) CompleteMultipartUpload(_ *wire.Call, in *sdk.CompleteMultipartUploadInput) (*sdk.CompleteMultipartUploadOutput, error) {
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, u, err := s.upload(in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	v := &version{key: u.key, tags: u.tags, headers: u.headers}
	md5s := md5.New() //nolint:gosec // S3's ETag is an MD5 of MD5s
	listed := in.MultipartUpload.Parts
	if !slices.IsSortedFunc(listed, func(a, b types.CompletedPart) int { return int(value(a.PartNumber) - value(b.PartNumber)) }) {
		return nil, fail(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
	}
	for i, c := range listed {
		p, ok := u.parts[value(c.PartNumber)]
		switch {
		case !ok || strings.Trim(value(c.ETag), `"`) != strings.Trim(p.etag, `"`):
			return nil, fail(400, "InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
		case i < len(listed)-1 && len(p.body) < minPartSize:
			return nil, fail(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
		v.body = append(v.body, p.body...)
		v.parts = append(v.parts, int64(len(p.body)))
		raw, err := hex.DecodeString(strings.Trim(p.etag, `"`))
		if err != nil {
			return nil, err
		}
		md5s.Write(raw)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != int64(len(v.body)) {
		return nil, fail(400, "InvalidRequest", "The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, len(v.body))
	}
	if err := checkWrite(b.current(u.key), in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	v.etag = quote(fmt.Sprintf("%x-%d", md5s.Sum(nil), len(v.parts)))
	v.sums.add(u.algorithm, v.body)
	s.add(b, v)
	delete(b.uploads, u.id)
	return &sdk.CompleteMultipartUploadOutput{Bucket: &b.name, Key: &v.key, ETag: &v.etag, Location: ptr("http://" + b.name + ".s3.amazonaws.com/" + v.key), VersionId: b.shownID(v),
		ServerSideEncryption: v.headers.encryption, SSEKMSKeyId: v.headers.kmsKey, BucketKeyEnabled: v.headers.bucketKey, Expiration: b.expiration(v),
		ChecksumCRC32: v.sums.crc32, ChecksumCRC32C: v.sums.crc32c, ChecksumCRC64NVME: v.sums.crc64, ChecksumSHA1: v.sums.sha1, ChecksumSHA256: v.sums.sha256, ChecksumType: v.sums.kind()}, nil
}

// AbortMultipartUpload forgets an upload and its parts.
func (s *Service) AbortMultipartUpload(_ *wire.Call, in *sdk.AbortMultipartUploadInput) (*sdk.AbortMultipartUploadOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, u, err := s.upload(in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	delete(b.uploads, u.id)
	return &sdk.AbortMultipartUploadOutput{}, nil
}

// ListParts lists the parts that were stored.
func (s *Service) ListParts(_ *wire.Call, in *sdk.ListPartsInput) (*sdk.ListPartsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, u, err := s.upload(in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxParts)
	if err != nil {
		return nil, err
	}
	after := 0
	if in.PartNumberMarker != nil {
		if after, err = strconv.Atoi(*in.PartNumberMarker); err != nil {
			return nil, fail(400, "InvalidArgument", "Provided part-number-marker not an integer or within integer range")
		}
	}
	class := types.StorageClassStandard
	if u.headers.class != "" {
		class = u.headers.class
	}
	out := &sdk.ListPartsOutput{Bucket: &b.name, Key: &u.key, UploadId: &u.id, MaxParts: ptr(int32(limit)), IsTruncated: ptr(false), PartNumberMarker: ptr(strconv.Itoa(after)), //nolint:gosec // at most 1,000
		StorageClass: class, Owner: s.owner(), Initiator: &types.Initiator{ID: s.owner().ID}, ChecksumAlgorithm: u.algorithm}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if int(n) <= after {
			continue
		}
		if len(out.Parts) == limit {
			out.IsTruncated = ptr(true)
			break
		}
		p := u.parts[n]
		out.Parts = append(out.Parts, types.Part{PartNumber: &n, ETag: &p.etag, Size: ptr(int64(len(p.body))), LastModified: &p.modified,
			ChecksumCRC32: p.sums.crc32, ChecksumCRC32C: p.sums.crc32c, ChecksumCRC64NVME: p.sums.crc64, ChecksumSHA1: p.sums.sha1, ChecksumSHA256: p.sums.sha256})
		out.NextPartNumberMarker = ptr(strconv.Itoa(int(n)))
	}
	return out, nil
}

// ListMultipartUploads lists the uploads that have not ended, by key and start.
func (s *Service) ListMultipartUploads(_ *wire.Call, in *sdk.ListMultipartUploadsInput) (*sdk.ListMultipartUploadsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.Delimiter != nil {
		return nil, fail(501, "NotImplemented", "The simulated S3 lists uploads without a delimiter only")
	}
	limit, err := pageSize(in.MaxUploads)
	if err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(b.uploads), func(x, y *upload) int {
		if c := strings.Compare(x.key, y.key); c != 0 {
			return c
		}
		if c := x.started.Compare(y.started); c != 0 {
			return c
		}
		return strings.Compare(x.id, y.id)
	})
	encode := encoder(in.EncodingType)
	out := &sdk.ListMultipartUploadsOutput{Bucket: &b.name, Prefix: encode(value(in.Prefix)), KeyMarker: encode(value(in.KeyMarker)), UploadIdMarker: ptr(value(in.UploadIdMarker)),
		MaxUploads: ptr(int32(limit)), IsTruncated: ptr(false), EncodingType: in.EncodingType} //nolint:gosec // at most 1,000
	passed := in.UploadIdMarker == nil
	for _, u := range all {
		if !strings.HasPrefix(u.key, value(in.Prefix)) || u.key < value(in.KeyMarker) || (in.KeyMarker != nil && u.key == *in.KeyMarker && passed && in.UploadIdMarker == nil) {
			continue
		}
		if u.key == value(in.KeyMarker) && !passed {
			passed = u.id == *in.UploadIdMarker
			continue
		}
		if len(out.Uploads) == limit {
			out.IsTruncated = ptr(true)
			last := out.Uploads[limit-1]
			out.NextKeyMarker, out.NextUploadIdMarker = last.Key, last.UploadId
			break
		}
		class := types.StorageClassStandard
		if u.headers.class != "" {
			class = u.headers.class
		}
		out.Uploads = append(out.Uploads, types.MultipartUpload{Key: encode(u.key), UploadId: &u.id, Initiated: &u.started, StorageClass: class, Owner: s.owner(),
			Initiator: &types.Initiator{ID: s.owner().ID}, ChecksumAlgorithm: u.algorithm})
	}
	return out, nil
}

// GetObjectAttributes tells what a HEAD does not: the parts.
func (s *Service) GetObjectAttributes(_ *wire.Call, in *sdk.GetObjectAttributesInput) (*sdk.GetObjectAttributesOutput, error) {
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
	out := &sdk.GetObjectAttributesOutput{LastModified: ptr(v.modified.Truncate(time.Second)), VersionId: b.shownID(v)}
	for _, wanted := range in.ObjectAttributes {
		switch wanted {
		case types.ObjectAttributesEtag:
			out.ETag = ptr(strings.Trim(v.etag, `"`))
		case types.ObjectAttributesObjectSize:
			out.ObjectSize = ptr(int64(len(v.body)))
		case types.ObjectAttributesStorageClass:
			out.StorageClass = v.headers.class
			if out.StorageClass == "" {
				out.StorageClass = types.StorageClassStandard
			}
		case types.ObjectAttributesChecksum:
			if v.sums.kind() != "" {
				out.Checksum = &types.Checksum{ChecksumCRC32: v.sums.crc32, ChecksumCRC32C: v.sums.crc32c, ChecksumCRC64NVME: v.sums.crc64, ChecksumSHA1: v.sums.sha1,
					ChecksumSHA256: v.sums.sha256, ChecksumType: v.sums.kind()}
			}
		case types.ObjectAttributesObjectParts:
			if n := len(v.parts); n > 0 {
				out.ObjectParts = &types.GetObjectAttributesParts{TotalPartsCount: ptr(int32(n))} //nolint:gosec // at most 10,000
			}
		}
	}
	return out, nil
}
