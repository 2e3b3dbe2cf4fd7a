// Package s3 serves Amazon S3 from memory, by gofakes3, with the calls named
// and recorded as those of the other services.
package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// maxObject bounds the size of a request; artifacts are far smaller.
const maxObject = 256 << 20

// Service is Amazon S3.
type Service struct {
	mux     *wire.Mux
	backend gofakes3.Backend
	handler http.Handler
}

// simulated tells gofakes3 the simulated time.
type simulated struct{ clock clock.Clock }

func (s simulated) Now() time.Time                  { return s.clock.Now() }
func (s simulated) Since(t time.Time) time.Duration { return s.clock.Now().Sub(t) }

// New returns S3 without buckets; its calls go through the mux's interceptor.
func New(c clock.Clock, mux *wire.Mux) *Service {
	ts := simulated{c}
	backend := s3mem.New(s3mem.WithTimeSource(ts))
	// Requests are signed with the machine's time, which simulated time leaves
	// far behind: the check of the skew between them must be off.
	fake := gofakes3.New(backend, gofakes3.WithTimeSource(ts), gofakes3.WithTimeSkewLimit(0), gofakes3.WithLogger(gofakes3.DiscardLog()))
	return &Service{mux: mux, backend: backend, handler: fake.Server()}
}

// CreateBucket makes a bucket without an API call.
func (s *Service) CreateBucket(name string) error { return s.backend.CreateBucket(name) }

// Object returns the content of an object without an API call.
func (s *Service) Object(bucket, key string) ([]byte, error) {
	obj, err := s.backend.GetObject(bucket, key, nil)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(obj.Contents)
	return b, errors.Join(err, obj.Contents.Close())
}

// reply keeps gofakes3's answer until the call has been recorded.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *reply) WriteHeader(status int)      { r.status = status }

// apiError is S3's error document.
type apiError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// ServeHTTP serves one call.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, _ := wire.Identify(r)
	c := s.mux.NewCall(r, id)
	var in any
	c.Operation, in = describe(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxObject+1))
	if err != nil || len(body) > maxObject {
		http.Error(w, "the request body cannot be read or is too large", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	res := &reply{header: http.Header{}, status: http.StatusOK}
	_, err = s.mux.Intercepted(c, in, func() (any, error) {
		s.handler.ServeHTTP(res, r)
		return nil, res.err(r.Method)
	})
	if errors.Is(err, wire.ErrDropped) {
		panic(http.ErrAbortHandler)
	}
	if err != nil && res.status < 300 { // a fault, not gofakes3's own answer
		res = failure(err)
	}
	for k, v := range res.header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.status)
	// A client that went away is not the server's error.
	_, _ = w.Write(res.body.Bytes())
}

// err returns the error that an answer carries, if any.
func (r *reply) err(method string) error {
	if r.status < 300 {
		return nil
	}
	e := apiError{Code: http.StatusText(r.status)}
	if method != http.MethodHead && r.body.Len() > 0 {
		if err := xml.Unmarshal(r.body.Bytes(), &e); err != nil {
			return err
		}
	}
	return &wire.Error{Code: e.Code, Message: e.Message, Status: r.status}
}

func failure(err error) *reply {
	info := wire.Describe(err)
	res := &reply{header: http.Header{"Content-Type": {"application/xml"}}, status: info.Status}
	// Encoding two strings into a buffer cannot fail.
	_ = xml.NewEncoder(&res.body).Encode(apiError{Code: info.Code, Message: info.Message})
	return res
}

// describe names the operation and gives its Input as far as the method, path
// and headers tell it (source: the routes of the S3 API reference).
func describe(r *http.Request) (string, any) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	if bucket == "" {
		return "ListBuckets", &awss3.ListBucketsInput{}
	}
	if key == "" {
		return describeBucket(r.Method, bucket, q)
	}
	switch {
	case r.Method == http.MethodGet:
		return "GetObject", &awss3.GetObjectInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodHead:
		return "HeadObject", &awss3.HeadObjectInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload", &awss3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodDelete:
		return "DeleteObject", &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return "UploadPart", &awss3.UploadPartInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		source := r.Header.Get("X-Amz-Copy-Source")
		return "CopyObject", &awss3.CopyObjectInput{Bucket: &bucket, Key: &key, CopySource: &source}
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload", &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key}
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload", &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key}
	}
	in := &awss3.PutObjectInput{Bucket: &bucket, Key: &key}
	if v := r.Header.Get("If-None-Match"); v != "" {
		in.IfNoneMatch = &v
	}
	if v := r.Header.Get("If-Match"); v != "" {
		in.IfMatch = &v
	}
	return "PutObject", in
}

func describeBucket(method, bucket string, q url.Values) (string, any) {
	switch {
	case method == http.MethodPut && q.Has("versioning"):
		return "PutBucketVersioning", &awss3.PutBucketVersioningInput{Bucket: &bucket}
	case method == http.MethodPut:
		return "CreateBucket", &awss3.CreateBucketInput{Bucket: &bucket}
	case method == http.MethodDelete:
		return "DeleteBucket", &awss3.DeleteBucketInput{Bucket: &bucket}
	case method == http.MethodHead:
		return "HeadBucket", &awss3.HeadBucketInput{Bucket: &bucket}
	case method == http.MethodPost:
		return "DeleteObjects", &awss3.DeleteObjectsInput{Bucket: &bucket}
	case q.Has("location"):
		return "GetBucketLocation", &awss3.GetBucketLocationInput{Bucket: &bucket}
	case q.Has("versioning"):
		return "GetBucketVersioning", &awss3.GetBucketVersioningInput{Bucket: &bucket}
	case q.Has("versions"):
		return "ListObjectVersions", &awss3.ListObjectVersionsInput{Bucket: &bucket}
	}
	prefix := q.Get("prefix")
	return "ListObjectsV2", &awss3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}
}
