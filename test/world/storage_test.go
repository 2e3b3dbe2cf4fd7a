package world

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

// bucket is a bucket of a new world, with shorthands that fail the test.
type bucket struct {
	*s3.Client
	t     *testing.T
	w     *World
	clock *clock.Virtual
	name  *string
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	w, clk := newWorld(t)
	b := &bucket{Client: s3.NewFromConfig(w.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true }), t: t, w: w, clock: clk, name: aws.String("artifacts")}
	_, err := b.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b.name})
	wantCode(t, err, "IllegalLocationConstraintException")
	if _, err := b.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b.name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bucket) put(key, body string, change ...func(*s3.PutObjectInput)) *s3.PutObjectOutput {
	b.t.Helper()
	in := &s3.PutObjectInput{Bucket: b.name, Key: &key, Body: strings.NewReader(body)}
	for _, f := range change {
		f(in)
	}
	out, err := b.PutObject(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bucket) read(in *s3.GetObjectInput) (string, *s3.GetObjectOutput, error) {
	b.t.Helper()
	in.Bucket = b.name
	out, err := b.GetObject(b.t.Context(), in)
	if err != nil {
		return "", nil, err
	}
	body, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		b.t.Fatal(err)
	}
	return string(body), out, nil
}

func (b *bucket) version() {
	b.t.Helper()
	if _, err := b.PutBucketVersioning(b.t.Context(), &s3.PutBucketVersioningInput{Bucket: b.name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}); err != nil {
		b.t.Fatal(err)
	}
}

func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func TestAnObjectIsReadAsItWasWritten(t *testing.T) {
	b := newBucket(t)
	key := "a folder/ü+%20 &.json"
	put := b.put(key, `{"a":1}`, func(in *s3.PutObjectInput) {
		in.ContentType, in.CacheControl, in.Metadata, in.Tagging = aws.String("application/json"), aws.String("no-store"), map[string]string{"plan": "sha256-1"}, aws.String("kind=plan&team=a%20b")
		in.ChecksumAlgorithm = s3types.ChecksumAlgorithmSha256
	})
	if put.VersionId != nil || put.ServerSideEncryption != s3types.ServerSideEncryptionAes256 || put.ChecksumSHA256 == nil {
		t.Errorf("put = %+v", put)
	}
	body, got, err := b.read(&s3.GetObjectInput{Key: &key, ChecksumMode: s3types.ChecksumModeEnabled})
	if err != nil || body != `{"a":1}` || *got.ContentType != "application/json" || *got.CacheControl != "no-store" || got.Metadata["plan"] != "sha256-1" || *got.TagCount != 2 || *got.ETag != *put.ETag || *got.ChecksumSHA256 != *put.ChecksumSHA256 {
		t.Errorf("get = %q %+v, %v", body, got, err)
	}
	head, err := b.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b.name, Key: &key})
	if err != nil || *head.ContentLength != 7 || *head.ETag != *put.ETag {
		t.Errorf("head = %+v, %v", head, err)
	}
	tags, err := b.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: b.name, Key: &key})
	if err != nil || len(tags.TagSet) != 2 || *tags.TagSet[1].Value != "a b" {
		t.Errorf("tags = %+v, %v", tags, err)
	}
	if _, err := b.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: b.name, Key: &key, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("x"), Value: aws.String("")}}}}); err != nil {
		t.Fatal(err)
	}
	if body, got, err = b.read(&s3.GetObjectInput{Key: &key}); err != nil || body != `{"a":1}` || *got.TagCount != 1 {
		t.Errorf("after new tags: %q %+v, %v", body, got, err)
	}
	for code, err := range map[string]error{
		"NoSuchKey": func() error { _, _, err := b.read(&s3.GetObjectInput{Key: aws.String("none")}); return err }(),
		"NotFound": func() error {
			_, err := b.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b.name, Key: aws.String("none")})
			return err
		}(),
		"NoSuchBucket": func() error {
			_, err := b.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("none")})
			return err
		}(),
		"BadDigest": func() error {
			_, err := b.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b.name, Key: &key, Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA==")})
			return err
		}(),
		"BucketNotEmpty": func() error {
			_, err := b.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b.name})
			return err
		}(),
	} {
		wantCode(t, err, code)
	}
}

func TestConditionsOnReadsAndWrites(t *testing.T) {
	b := newBucket(t)
	key := aws.String("plan.json")
	b.clock.Advance(time.Hour)
	etag := b.put(*key, "one").ETag
	write := func(change func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{Bucket: b.name, Key: key, Body: strings.NewReader("two")}
		change(in)
		_, err := b.PutObject(t.Context(), in)
		return err
	}
	read := func(change func(*s3.GetObjectInput)) error {
		in := &s3.GetObjectInput{Key: key}
		change(in)
		_, _, err := b.read(in)
		return err
	}
	other := aws.String(`"00000000000000000000000000000000"`)
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"write if there is none", write(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), 412},
		{"write over another", write(func(in *s3.PutObjectInput) { in.IfMatch = other }), 412},
		{"write over what is not there", write(func(in *s3.PutObjectInput) { in.Key, in.IfMatch = aws.String("none"), etag }), 404},
		{"read another", read(func(in *s3.GetObjectInput) { in.IfMatch = other }), 412},
		{"read if it changed", read(func(in *s3.GetObjectInput) { in.IfNoneMatch = etag }), 304},
		{"read if modified since", read(func(in *s3.GetObjectInput) { in.IfModifiedSince = aws.Time(start.Add(time.Hour)) }), 304},
		{"read if unmodified since", read(func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = aws.Time(start) }), 412},
		{"read the same", read(func(in *s3.GetObjectInput) { in.IfMatch = etag }), 0},
		{"write over the same", write(func(in *s3.PutObjectInput) { in.IfMatch = etag }), 0},
	} {
		if got := status(c.err); got != c.want {
			t.Errorf("%s: HTTP %d (%v), want %d", c.name, got, c.err, c.want)
		}
	}
}

func TestRanges(t *testing.T) {
	b := newBucket(t)
	b.put("k", "0123456789")
	for spec, want := range map[string]string{"bytes=0-3": "0123", "bytes=7-": "789", "bytes=-2": "89", "bytes=5-100": "56789", "bytes=1-2,4-5": "0123456789", "lines=1-2": "0123456789"} {
		body, got, err := b.read(&s3.GetObjectInput{Key: aws.String("k"), Range: &spec})
		if err != nil || body != want || (len(want) < 10) != (got.ContentRange != nil) {
			t.Errorf("%s: %q %v, %v", spec, body, got, err)
		}
	}
	_, _, err := b.read(&s3.GetObjectInput{Key: aws.String("k"), Range: aws.String("bytes=10-")})
	wantCode(t, err, "InvalidRange")
}

func TestVersions(t *testing.T) {
	b := newBucket(t)
	ctx := t.Context()
	b.put("k", "before")
	b.version()
	one := b.put("k", "one").VersionId
	two := b.put("k", "two").VersionId
	if one == nil || two == nil || *one == *two {
		t.Fatalf("versions %v %v", one, two)
	}
	deleted, err := b.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")})
	if err != nil || !aws.ToBool(deleted.DeleteMarker) {
		t.Fatalf("delete = %+v, %v", deleted, err)
	}
	_, _, err = b.read(&s3.GetObjectInput{Key: aws.String("k")})
	wantCode(t, err, "NoSuchKey")
	_, _, err = b.read(&s3.GetObjectInput{Key: aws.String("k"), VersionId: deleted.VersionId})
	wantCode(t, err, "MethodNotAllowed")
	_, _, err = b.read(&s3.GetObjectInput{Key: aws.String("k"), VersionId: aws.String("none")})
	wantCode(t, err, "NoSuchVersion")
	for id, want := range map[string]string{*one: "one", *two: "two", "null": "before"} {
		if body, _, err := b.read(&s3.GetObjectInput{Key: aws.String("k"), VersionId: &id}); err != nil || body != want {
			t.Errorf("version %s = %q, %v", id, body, err)
		}
	}
	list, err := b.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: b.name})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest || *list.Versions[0].VersionId != *two {
		t.Errorf("list = %+v, %v", list, err)
	}
	if _, err := b.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k"), VersionId: deleted.VersionId}); err != nil {
		t.Fatal(err)
	}
	if body, _, err := b.read(&s3.GetObjectInput{Key: aws.String("k")}); err != nil || body != "two" {
		t.Errorf("without the marker: %q, %v", body, err)
	}
	var ids []string
	in := &s3.ListObjectVersionsInput{Bucket: b.name, MaxKeys: aws.Int32(1)}
	for {
		page, err := b.ListObjectVersions(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			ids = append(ids, *v.VersionId)
		}
		if !*page.IsTruncated {
			break
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
	if got := strings.Join(ids, " "); got != *two+" "+*one+" null" {
		t.Errorf("versions in pages: %s", got)
	}
}

func TestListingsInPages(t *testing.T) {
	b := newBucket(t)
	for i := range 5 {
		b.put(fmt.Sprintf("logs/2026/%d.txt", i), "x")
	}
	b.put("logs/readme", "x")
	b.put("z", "x")
	list := func(in *s3.ListObjectsV2Input) string {
		t.Helper()
		in.Bucket = b.name
		var out []string
		for {
			page, err := b.ListObjectsV2(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				out = append(out, *o.Key)
			}
			for _, p := range page.CommonPrefixes {
				out = append(out, *p.Prefix+"*")
			}
			if !*page.IsTruncated {
				return strings.Join(out, " ")
			}
			out = append(out, "|")
			in.ContinuationToken = page.NextContinuationToken
		}
	}
	for _, c := range []struct {
		name string
		in   s3.ListObjectsV2Input
		want string
	}{
		{"by delimiter", s3.ListObjectsV2Input{Delimiter: aws.String("/")}, "z logs/*"},
		{"below a prefix", s3.ListObjectsV2Input{Delimiter: aws.String("/"), Prefix: aws.String("logs/")}, "logs/readme logs/2026/*"},
		{"in pages", s3.ListObjectsV2Input{Prefix: aws.String("logs/2026/"), MaxKeys: aws.Int32(2)}, "logs/2026/0.txt logs/2026/1.txt | logs/2026/2.txt logs/2026/3.txt | logs/2026/4.txt"},
		{"pages of prefixes", s3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)}, "logs/* | z"},
		{"after a key", s3.ListObjectsV2Input{StartAfter: aws.String("logs/2026/3.txt")}, "logs/2026/4.txt logs/readme z"},
	} {
		if got := list(&c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	old, err := b.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: b.name, MaxKeys: aws.Int32(1), Delimiter: aws.String("/")})
	if err != nil || aws.ToString(old.NextMarker) != "logs/" {
		t.Errorf("by markers: %+v, %v", old, err)
	}
	gone, err := b.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: b.name, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("z")}, {Key: aws.String("none")}}}})
	if err != nil || len(gone.Deleted) != 2 {
		t.Errorf("delete = %+v, %v", gone, err)
	}
}

func TestMultipartUpload(t *testing.T) {
	b := newBucket(t)
	ctx, key := t.Context(), aws.String("big")
	up, err := b.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b.name, Key: key, ContentType: aws.String("text/plain")})
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int32, body []byte) s3types.CompletedPart {
		t.Helper()
		out, err := b.UploadPart(ctx, &s3.UploadPartInput{Bucket: b.name, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		return s3types.CompletedPart{PartNumber: &n, ETag: out.ETag}
	}
	complete := func(parts ...s3types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
		return b.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b.name, Key: key, UploadId: up.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts}})
	}
	big := bytes.Repeat([]byte("a"), 5<<20)
	first, second := part(1, big), part(2, []byte("end"))
	small := part(3, []byte("small"))
	_, err = complete(second, first)
	wantCode(t, err, "InvalidPartOrder")
	_, err = complete(first, second, small)
	wantCode(t, err, "EntityTooSmall")
	_, err = complete(s3types.CompletedPart{PartNumber: aws.Int32(1), ETag: second.ETag})
	wantCode(t, err, "InvalidPart")
	listed, err := b.ListParts(ctx, &s3.ListPartsInput{Bucket: b.name, Key: key, UploadId: up.UploadId})
	if err != nil || len(listed.Parts) != 3 {
		t.Errorf("parts = %+v, %v", listed, err)
	}
	out, err := complete(first, second)
	if err != nil || !strings.HasSuffix(*out.ETag, `-2"`) {
		t.Fatalf("complete = %+v, %v", out, err)
	}
	body, got, err := b.read(&s3.GetObjectInput{Key: key, PartNumber: aws.Int32(2)})
	if err != nil || body != "end" || *got.PartsCount != 2 {
		t.Errorf("part 2 = %q, %+v, %v", body, got, err)
	}
	_, err = complete(first)
	wantCode(t, err, "NoSuchUpload")
}

func TestCopies(t *testing.T) {
	b := newBucket(t)
	b.put("from/a b", "x", func(in *s3.PutObjectInput) {
		in.Metadata, in.Tagging = map[string]string{"m": "1"}, aws.String("t=1")
	})
	source := aws.String(*b.name + "/" + url.PathEscape("from/a b"))
	if _, err := b.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: b.name, Key: aws.String("to"), CopySource: source}); err != nil {
		t.Fatal(err)
	}
	body, got, err := b.read(&s3.GetObjectInput{Key: aws.String("to")})
	if err != nil || body != "x" || got.Metadata["m"] != "1" || *got.TagCount != 1 {
		t.Errorf("copy = %q %+v, %v", body, got, err)
	}
	_, err = b.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: b.name, Key: aws.String("from/a b"), CopySource: source})
	wantCode(t, err, "InvalidRequest")
	_, err = b.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: b.name, Key: aws.String("to"), CopySource: aws.String(*b.name + "/none")})
	wantCode(t, err, "NoSuchKey")
}

func TestLifecycleRulesExpireObjects(t *testing.T) {
	b := newBucket(t)
	ctx := t.Context()
	b.version()
	rules := []s3types.LifecycleRule{
		{ID: aws.String("scans"), Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: aws.String("scans/")}, Expiration: &s3types.LifecycleExpiration{Days: aws.Int32(7)}},
		{ID: aws.String("old"), Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: aws.String("")}, NoncurrentVersionExpiration: &s3types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(2)}},
		{ID: aws.String("off"), Status: s3types.ExpirationStatusDisabled, Filter: &s3types.LifecycleRuleFilter{Prefix: aws.String("")}, Expiration: &s3types.LifecycleExpiration{Days: aws.Int32(1)}},
	}
	_, err := b.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b.name, LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: []s3types.LifecycleRule{{Status: "Enabled", Filter: rules[0].Filter}}}})
	wantCode(t, err, "InvalidRequest")
	if _, err := b.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b.name, LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: rules}}); err != nil {
		t.Fatal(err)
	}
	put := b.put("scans/1", "x")
	if got := aws.ToString(put.Expiration); got != `expiry-date="Sun, 09 Aug 2026 00:00:00 GMT", rule-id="scans"` {
		t.Errorf("expiration = %s", got)
	}
	b.put("plans/1", "old")
	b.put("plans/1", "new")
	versions := func() string {
		t.Helper()
		list, err := b.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: b.name})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d versions, %d markers", len(list.Versions), len(list.DeleteMarkers))
	}
	for _, c := range []struct {
		days int
		want string
	}{{2, "3 versions, 0 markers"}, {1, "2 versions, 0 markers"}, {5, "2 versions, 1 markers"}, {3, "1 versions, 1 markers"}} {
		b.clock.Advance(time.Duration(c.days) * 24 * time.Hour)
		if got := versions(); got != c.want {
			t.Errorf("after %d more days: %s, want %s", c.days, got, c.want)
		}
	}
	if _, _, err := b.read(&s3.GetObjectInput{Key: aws.String("plans/1")}); err != nil {
		t.Errorf("what no rule covers stays: %v", err)
	}
}

func TestPresignedURLs(t *testing.T) {
	b := newBucket(t)
	b.put("k", "x")
	signed, err := s3.NewPresignClient(b.Client).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: b.name, Key: aws.String("k")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(address string) (int, string) {
		t.Helper()
		res, err := http.Get(address) //nolint:gosec,noctx // the world's own address
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if code, body := fetch(signed.URL); code != 200 || body != "x" {
		t.Errorf("presigned: %d %q", code, body)
	}
	u, err := url.Parse(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("X-Amz-Date", "20200101T000000Z")
	u.RawQuery = q.Encode()
	if code, body := fetch(u.String()); code != 403 || !strings.Contains(body, "<Code>AccessDenied</Code><Message>Request has expired</Message>") {
		t.Errorf("expired: %d %q", code, body)
	}
}

func TestSettingsOfABucket(t *testing.T) {
	b := newBucket(t)
	ctx := t.Context()
	location, err := b.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b.name})
	if err != nil || location.LocationConstraint != "eu-west-1" {
		t.Errorf("location = %+v, %v", location, err)
	}
	_, err = b.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b.name})
	wantCode(t, err, "NoSuchTagSet")
	_, err = b.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b.name})
	wantCode(t, err, "NoSuchBucketPolicy")
	policy := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`)
	if _, err := b.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b.name, Policy: policy}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b.name}); err != nil || *got.Policy != *policy {
		t.Errorf("policy = %+v, %v", got, err)
	}
	if _, err := b.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: b.name, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{
		{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String("alias/artifacts")}, BucketKeyEnabled: aws.Bool(true)}}}}); err != nil {
		t.Fatal(err)
	}
	if put := b.put("k", "x"); put.ServerSideEncryption != s3types.ServerSideEncryptionAwsKms || *put.SSEKMSKeyId != "alias/artifacts" {
		t.Errorf("put = %+v", put)
	}
	public, err := b.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b.name})
	if err != nil || !*public.PublicAccessBlockConfiguration.BlockPublicPolicy {
		t.Errorf("public access = %+v, %v", public, err)
	}
	list, err := b.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || len(list.Buckets) != 1 || *list.Buckets[0].Name != "artifacts" {
		t.Errorf("buckets = %+v, %v", list, err)
	}
}
