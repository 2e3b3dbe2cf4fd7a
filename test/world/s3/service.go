// Package s3 simulates Amazon S3: buckets with versions, tags, conditional
// writes, multipart uploads, listings and lifecycle rules, held in memory. An
// object that a lifecycle rule expires is gone at midnight UTC after its last
// day, whenever somebody looks next.
package s3

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of Amazon S3.
const (
	maxKey      = 1024 // bytes of UTF-8
	maxMetadata = 2048 // bytes of names and values of one object
	maxBuckets  = 10_000
	maxPage     = 1000
)

// bucket is one bucket. Versions of a key are ordered newest first.
type bucket struct {
	name       string
	created    time.Time
	versioning types.BucketVersioningStatus
	keys       map[string][]*version
	uploads    map[string]*upload
	config     bucketConfig
}

// version is one version of an object, or a delete marker. It is never modified
// but for its tags.
type version struct {
	key, id  string // id is "null" without versioning
	marker   bool
	etag     string // with quotes
	body     []byte
	modified time.Time
	parts    []int64 // sizes of the parts of a multipart upload
	headers  headers
	tags     map[string]string
	sums     checksums
}

// headers are what a PUT says of an object and a GET repeats.
type headers struct {
	contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, redirect *string
	expires                                                                                   *time.Time
	metadata                                                                                  map[string]string
	class                                                                                     types.StorageClass
	encryption                                                                                types.ServerSideEncryption
	kmsKey                                                                                    *string
	bucketKey                                                                                 *bool
}

// Service is Amazon S3. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string

	mu      sync.Mutex
	buckets map[string]*bucket
	seq     int
}

// New returns S3 without buckets.
func New(c clock.Clock, account, region string) *Service {
	return &Service{clock: c, account: account, region: region, buckets: map[string]*bucket{}}
}

func (s *Service) newBucket(name string) *bucket {
	return &bucket{name: name, created: s.clock.Now(), keys: map[string][]*version{}, uploads: map[string]*upload{}}
}

// nextID returns an id that is the same in every run that makes the same calls.
func (s *Service) nextID(kind string) string {
	s.seq++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", kind, s.seq))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])
}

func fail(status int, code, format string, args ...any) error {
	return &wire.Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// bucket finds a bucket and lets its lifecycle rules take effect; s.mu is held.
func (s *Service) bucket(name, owner *string) (*bucket, error) {
	b, ok := s.buckets[value(name)]
	if !ok {
		return nil, fail(404, "NoSuchBucket", "The specified bucket does not exist")
	}
	if owner != nil && *owner != s.account {
		return nil, fail(403, "AccessDenied", "Access Denied")
	}
	s.expire(b)
	return b, nil
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// validBucketName follows "General purpose bucket naming rules".
func validBucketName(name string) bool {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return true
}

// CreateBucket creates a bucket in the world's region.
func (s *Service) CreateBucket(_ *wire.Call, in *sdk.CreateBucketInput) (*sdk.CreateBucketOutput, error) {
	name := value(in.Bucket)
	if !validBucketName(name) {
		return nil, fail(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	location := ""
	if c := in.CreateBucketConfiguration; c != nil {
		location = string(c.LocationConstraint)
	}
	if location == "EU" {
		location = "eu-west-1"
	}
	switch {
	case location == "" && s.region != "us-east-1":
		return nil, fail(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case location == "us-east-1":
		return nil, fail(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
	case location != "" && location != s.region:
		return nil, fail(400, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", location)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &sdk.CreateBucketOutput{Location: ptr("/" + name), BucketArn: ptr("arn:aws:s3:::" + name)}
	if location != "" {
		out.Location = ptr("http://" + name + ".s3.amazonaws.com/")
	}
	if _, exists := s.buckets[name]; exists {
		if s.region == "us-east-1" { // the one region where this is no error
			return out, nil
		}
		return nil, fail(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	if len(s.buckets) >= maxBuckets {
		return nil, fail(400, "TooManyBuckets", "You have attempted to create more buckets than allowed")
	}
	s.buckets[name] = s.newBucket(name)
	return out, nil
}

// AddBucket makes a bucket without an API call.
func (s *Service) AddBucket(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.buckets[name]; exists || !validBucketName(name) {
		return fmt.Errorf("s3: the bucket %q exists or has no valid name", name)
	}
	s.buckets[name] = s.newBucket(name)
	return nil
}

// DeleteBucket deletes an empty bucket; old versions and delete markers count.
func (s *Service) DeleteBucket(_ *wire.Call, in *sdk.DeleteBucketInput) (*sdk.DeleteBucketOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.keys) > 0 {
		if b.versioning != "" {
			return nil, fail(409, "BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
		}
		return nil, fail(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	}
	delete(s.buckets, b.name)
	return &sdk.DeleteBucketOutput{}, nil
}

// HeadBucket tells whether a bucket is there.
func (s *Service) HeadBucket(_ *wire.Call, in *sdk.HeadBucketInput) (*sdk.HeadBucketOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	} else {
		return &sdk.HeadBucketOutput{BucketRegion: &s.region, BucketArn: ptr("arn:aws:s3:::" + b.name), AccessPointAlias: ptr(false)}, nil
	}
}

// ListBuckets lists the buckets by name.
func (s *Service) ListBuckets(_ *wire.Call, in *sdk.ListBucketsInput) (*sdk.ListBucketsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := maxBuckets
	if in.MaxBuckets != nil {
		if *in.MaxBuckets < 1 || *in.MaxBuckets > maxBuckets {
			return nil, fail(400, "InvalidArgument", "Argument max-buckets must be an integer between 1 and %d", maxBuckets)
		}
		limit = int(*in.MaxBuckets)
	}
	out := &sdk.ListBucketsOutput{Buckets: []types.Bucket{}, Owner: s.owner(), Prefix: in.Prefix}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		if !strings.HasPrefix(name, value(in.Prefix)) || name <= value(in.ContinuationToken) || (in.BucketRegion != nil && *in.BucketRegion != s.region) {
			continue
		}
		if len(out.Buckets) == limit {
			out.ContinuationToken = out.Buckets[limit-1].Name
			break
		}
		bucket := types.Bucket{Name: ptr(name), CreationDate: ptr(s.buckets[name].created)}
		if in.MaxBuckets != nil || in.Prefix != nil || in.BucketRegion != nil { // told by paged requests only
			bucket.BucketRegion = &s.region
		}
		out.Buckets = append(out.Buckets, bucket)
	}
	return out, nil
}

func (s *Service) owner() *types.Owner {
	sum := sha256.Sum256([]byte("owner/" + s.account))
	return &types.Owner{ID: ptr(fmt.Sprintf("%x", sum))}
}

// GetBucketLocation tells the region; us-east-1 has no name here.
func (s *Service) GetBucketLocation(_ *wire.Call, in *sdk.GetBucketLocationInput) (*sdk.GetBucketLocationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	out := &sdk.GetBucketLocationOutput{}
	if s.region != "us-east-1" {
		out.LocationConstraint = types.BucketLocationConstraint(s.region)
	}
	return out, nil
}

// Object returns the content of an object without an API call.
func (s *Service) Object(bucket, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(&bucket, nil)
	if err != nil {
		return nil, err
	}
	v, err := b.find(key, nil)
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.body), nil
}

func ptr[T any](v T) *T { return &v }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
