package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Amazon S3 is restXML with habits of its own: the bucket stands in the host or
// before the path, keys hold slashes, bodies are streams, and errors and root
// elements have names of their own.

// maxObject bounds a body; real S3 takes 5 GiB at once.
const maxObject = 1 << 30

// s3Place is what a route of S3 is about.
type s3Place int

const (
	s3Service s3Place = iota
	s3Bucket
	s3Object
)

// s3Route is a route with what a request must have to be of its operation.
type s3Route struct {
	route
	place s3Place
	id    string // the x-id that SDKs send
}

// s3Routes are the routes of the SDK, whose paths do not hold the bucket.
var s3Routes = func() []s3Route {
	var out []s3Route
	for _, r := range boundRoutes["s3"] {
		s := s3Route{route: r, id: r.query.Get("x-id")}
		s.query = url.Values{}
		for k, v := range r.query {
			if k != "x-id" {
				s.query[k] = v
			}
		}
		inputs := tableOf("s3").structures[r.operation+"Input"]
		if _, hasBucket := inputs["Bucket"]; hasBucket {
			s.place = s3Bucket
			s.in = append([]binding{{"Bucket", inLabel, "Bucket"}}, r.in...)
		}
		if strings.HasPrefix(r.segments[0], "{Key") {
			s.place = s3Object
		} else if r.segments[0] != "" {
			continue // not for callers of buckets: WriteGetObjectResponse
		}
		out = append(out, s)
	}
	return out
}()

// matches reports whether a request has what the operation requires, and how
// much that is.
func (s s3Route) matches(r *http.Request, query url.Values) (score int, ok bool) {
	for name := range s.query {
		if _, given := query[name]; !given || (s.query.Get(name) != "" && query.Get(name) != s.query.Get(name)) {
			return 0, false
		}
		score += 2
	}
	inputs := tableOf("s3").structures[s.operation+"Input"]
	for _, b := range s.in {
		if !inputs[b.field].required {
			continue
		}
		switch {
		case b.at == inQuery && query.Get(b.name) == "", b.at == inHeader && r.Header.Get(b.name) == "":
			return 0, false
		case b.at == inQuery, b.at == inHeader:
			score += 2
		}
	}
	if s.id != "" && query.Get("x-id") == s.id {
		score++
	}
	return score, true
}

// findS3Route returns the operation of a request, with bucket and key.
func findS3Route(r *http.Request) (best route, labels map[string]string, ok bool) {
	bucket, key := s3Path(r)
	place := s3Service
	switch {
	case key != "":
		place = s3Object
	case bucket != "":
		place = s3Bucket
	}
	most := -1
	query := r.URL.Query()
	for _, s := range s3Routes {
		if s.place != place || s.method != r.Method {
			continue
		}
		if score, match := s.matches(r, query); match && score > most {
			best, most, ok = s.route, score, true
			best.in, best.query = s.in, s.query
		}
	}
	return best, map[string]string{"Bucket": bucket, "Key": key}, ok
}

// s3Path splits a request's address into bucket and key. The bucket is the first
// label of a host such as bucket.localhost or bucket.s3.eu-west-1.amazonaws.com.
func s3Path(r *http.Request) (bucket, key string) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	for _, parent := range []string{".localhost", ".s3.amazonaws.com", ".s3." + regionOf(host) + ".amazonaws.com"} {
		if b, ok := strings.CutSuffix(host, parent); ok && b != "" && b != "s3" {
			return strings.TrimSuffix(b, ".s3"), path
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func regionOf(host string) string {
	_, rest, ok := strings.Cut(host, ".s3.")
	if !ok {
		return ""
	}
	region, _, _ := strings.Cut(rest, ".")
	return region
}

// readS3 reads an object's body; what SDKs send in signed or trailed chunks is
// put together, and the checksums that follow it become headers.
func readS3(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxObject+1))
	if err != nil {
		return nil, &Error{Code: "IncompleteBody", Message: fmt.Sprintf("You did not provide the number of bytes specified by the Content-Length HTTP header: %v", err)}
	}
	if len(body) > maxObject {
		return nil, &Error{Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed size"}
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		if body, err = dechunk(body, r.Header); err != nil {
			return nil, &Error{Code: "IncompleteBody", Message: "The request body is not in aws-chunked form: " + err.Error()}
		}
	}
	if encoding, ok := strings.CutPrefix(r.Header.Get("Content-Encoding"), "aws-chunked"); ok {
		r.Header.Del("Content-Encoding")
		if rest := strings.TrimLeft(encoding, ", "); rest != "" {
			r.Header.Set("Content-Encoding", rest)
		}
	}
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return body, nil
}

// dechunk reads the aws-chunked encoding (source: "Signature calculations for
// the Authorization header: transferring payload in multiple chunks").
func dechunk(body []byte, header http.Header) ([]byte, error) {
	in := bufio.NewReader(bytes.NewReader(body))
	line := func() (string, error) {
		s, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && s != "" {
			err = nil
		}
		return strings.TrimRight(s, "\r\n"), err
	}
	var out []byte
	for {
		head, err := line()
		if err != nil {
			return nil, err
		}
		digits, _, _ := strings.Cut(head, ";")
		n, err := strconv.ParseUint(digits, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("%q is not the size of a chunk", digits)
		}
		if n == 0 {
			break
		}
		if n > uint64(len(body)) {
			return nil, io.ErrUnexpectedEOF
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, err
		}
		out = append(out, chunk...)
		if end, err := line(); err != nil || end != "" {
			return nil, errors.New("a chunk does not end with its size")
		}
	}
	for {
		trailer, err := line()
		if err != nil || trailer == "" {
			return out, nil //nolint:nilerr // the end
		}
		if name, value, ok := strings.Cut(trailer, ":"); ok && strings.HasPrefix(strings.ToLower(name), "x-amz-checksum-") {
			header.Set(name, strings.TrimSpace(value))
		}
	}
}

// checkPresigned refuses a presigned URL whose time is over. It is signed with
// the machine's time, which is not the simulated one.
func checkPresigned(r *http.Request, now time.Time) error {
	q := r.URL.Query()
	if q.Has("AWSAccessKeyId") { // signature version 2
		until, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
		if err != nil {
			return &Error{Code: "AccessDenied", Message: "Invalid date (should be seconds since epoch): " + q.Get("Expires"), Status: http.StatusForbidden}
		}
		if now.Unix() > until {
			return &Error{Code: "AccessDenied", Message: "Request has expired", Status: http.StatusForbidden}
		}
	}
	if !q.Has("X-Amz-Expires") {
		return nil
	}
	from, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	seconds, errSeconds := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || errSeconds != nil || seconds < 1 || seconds > 7*24*3600 {
		return &Error{Code: "AuthorizationQueryParametersError", Message: "X-Amz-Date and X-Amz-Expires must be given; X-Amz-Expires must be between 1 and 604800 seconds", Status: http.StatusBadRequest}
	}
	if now.After(from.Add(time.Duration(seconds) * time.Second)) {
		return &Error{Code: "AccessDenied", Message: "Request has expired", Status: http.StatusForbidden}
	}
	return nil
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// s3Roots are the root elements of S3's answers that are not named after the
// operation (source: the S3 API reference).
var s3Roots = map[string]string{
	"ListBuckets": "ListAllMyBucketsResult", "ListObjects": "ListBucketResult", "ListObjectsV2": "ListBucketResult", "ListObjectVersions": "ListVersionsResult",
	"DeleteObjects": "DeleteResult", "CreateMultipartUpload": "InitiateMultipartUploadResult", "CompleteMultipartUpload": "CompleteMultipartUploadResult",
	"ListParts": "ListPartsResult", "ListMultipartUploads": "ListMultipartUploadsResult", "GetObjectTagging": "Tagging", "GetBucketTagging": "Tagging",
	"GetBucketVersioning": "VersioningConfiguration", "GetBucketLifecycleConfiguration": "LifecycleConfiguration", "GetObjectAttributes": "GetObjectAttributesResponse",
	"GetBucketLocation": "LocationConstraint", "GetBucketAcl": "AccessControlPolicy", "GetObjectAcl": "AccessControlPolicy", "GetBucketLogging": "BucketLoggingStatus",
	"GetBucketRequestPayment": "RequestPaymentConfiguration", "GetBucketNotificationConfiguration": "NotificationConfiguration",
	"GetBucketAccelerateConfiguration": "AccelerateConfiguration",
}

// finishS3 sets what an answer of S3 has beside its members.
func finishS3(c *Call, res *response) {
	res.header.Set("X-Amz-Request-Id", c.RequestID)
	switch {
	case res.header.Get("Content-Range") != "":
		res.status = http.StatusPartialContent
	case c.HTTP.Method == http.MethodDelete, c.Operation == "PutBucketPolicy":
		res.status = http.StatusNoContent
		res.body = nil
	default:
		res.status = http.StatusOK // also where there is a Location
	}
	if len(res.body) == 0 && !strings.HasSuffix(c.Operation, "Object") {
		res.header.Del("Content-Type")
	}
}

// encodeS3Error writes an error as S3 does: nothing at all to a HEAD.
func encodeS3Error(c *Call, res *response, info ErrorInfo) {
	res.header.Set("X-Amz-Request-Id", c.RequestID)
	res.header.Set("Content-Type", "application/xml")
	if c.HTTP == nil || c.HTTP.Method == http.MethodHead || res.status == http.StatusNotModified {
		res.header.Del("Content-Type")
		return
	}
	e := &xmlEncoder{style: styleXML}
	e.buf.WriteString(xmlDeclaration)
	e.open("Error")
	e.text("Code", info.Code)
	e.text("Message", info.Message)
	bucket, key := s3Path(c.HTTP)
	switch {
	case strings.HasPrefix(info.Code, "NoSuchBucket"), strings.HasPrefix(info.Code, "Bucket"):
		e.text("BucketName", bucket)
	case info.Code == "NoSuchKey":
		e.text("Key", key)
	}
	e.text("Resource", c.HTTP.URL.Path)
	e.text("RequestId", c.RequestID)
	e.text("HostId", "world")
	e.close("Error")
	res.body = e.buf.Bytes()
}
