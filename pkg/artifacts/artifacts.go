// Package artifacts is the store of everything that is too large for a state's
// payload: snapshots, assessments, plans, reports. Objects are addressed by the
// hash of their content, so that writing twice is the same as writing once and
// reading always yields what was written.
package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// MaxBytes is the size of the largest object that is read: it must fit a
// Lambda's memory several times over.
const MaxBytes = 64 << 20

// S3API is what the store needs of S3.
type S3API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Store keeps artifacts in one bucket.
type Store struct {
	api    S3API
	bucket string
}

// New returns the store of a bucket.
func New(api S3API, bucket string) *Store { return &Store{api: api, bucket: bucket} }

// Bucket returns the name of the store's bucket.
func (s *Store) Bucket() string { return s.bucket }

// Put stores v as JSON under "<prefix>/<sha256>.json".
func (s *Store) Put(ctx context.Context, prefix string, v any) (upgrade.Ref, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return upgrade.Ref{}, upgrade.KindArtifactUnencodable.Errorf("store artifact", "%w", err)
	}
	return s.put(ctx, prefix, ".json", "application/json", data)
}

// PutBytes stores data under "<prefix>/<sha256>", with an extension for the
// content types that people open: HTML, plain text, JSON.
func (s *Store) PutBytes(ctx context.Context, prefix, contentType string, data []byte) (upgrade.Ref, error) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	extension := map[string]string{"text/html": ".html", "text/plain": ".txt", "application/json": ".json"}[mediaType]
	return s.put(ctx, prefix, extension, contentType, data)
}

func (s *Store) put(ctx context.Context, prefix, extension, contentType string, data []byte) (upgrade.Ref, error) {
	sum := sha256.Sum256(data)
	ref := upgrade.Ref{Bucket: s.bucket, SHA256: hex.EncodeToString(sum[:])}
	ref.Key = prefix + "/" + ref.SHA256 + extension
	_, err := s.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket:            &s.bucket,
		Key:               &ref.Key,
		Body:              bytes.NewReader(data),
		ContentType:       &contentType,
		IfNoneMatch:       aws.String("*"),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		ChecksumSHA256:    aws.String(base64.StdEncoding.EncodeToString(sum[:])), // S3 refuses what arrives damaged
	})
	op := "store artifact " + ref.Key
	switch {
	case awserr.Is(err, "PreconditionFailed"): // it is there already
		return ref, nil
	case awserr.Is(err, "ConditionalRequestConflict"): // somebody is writing the same content just now
		return upgrade.Ref{}, upgrade.KindArtifactInterrupted.Errorf(op, "%w", err)
	case err != nil:
		return upgrade.Ref{}, awserr.Wrap(op, err)
	}
	return ref, nil
}

// Get reads an artifact and decodes it strictly. It is a PlanMismatch when the
// content is not what the reference's hash says.
func Get[T any](ctx context.Context, s *Store, ref upgrade.Ref) (T, error) {
	var none T
	data, err := s.GetBytes(ctx, ref)
	if err != nil {
		return none, err
	}
	v, err := upgrade.Decode[T](data)
	if err != nil {
		return none, fmt.Errorf("decode artifact %s: %w", ref.Key, err)
	}
	return v, nil
}

// GetBytes reads an artifact and checks its hash.
func (s *Store) GetBytes(ctx context.Context, ref upgrade.Ref) ([]byte, error) {
	op := "read artifact " + ref.Key
	if ref.Bucket != s.bucket {
		return nil, upgrade.KindArtifactForeign.Errorf(op, "it is in bucket %q, not in the agent's bucket %q", ref.Bucket, s.bucket).
			WithRemedy("pass on the reference that the agent gave")
	}
	data, err := s.Read(ctx, ref.Key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != ref.SHA256 {
		return nil, upgrade.KindArtifactChanged.Errorf(op, "its content has the hash %s, not %s: it was changed after it was written", got, ref.SHA256).
			WithRemedy("find out who writes to the bucket, then start a new upgrade")
	}
	return data, nil
}

// Read reads an object that is not addressed by its content, such as the
// output of a build, up to MaxBytes. It is NotFound when there is none.
func (s *Store) Read(ctx context.Context, key string) (data []byte, err error) {
	op := "read artifact " + key
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, awserr.Wrap(op, err)
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	data, err = io.ReadAll(io.LimitReader(out.Body, MaxBytes+1))
	if err != nil {
		return nil, upgrade.KindArtifactInterrupted.Errorf(op, "%w", err)
	}
	if len(data) > MaxBytes {
		return nil, upgrade.KindArtifactTooLarge.Errorf(op, "it is larger than %d MiB", MaxBytes>>20).WithRemedy("remove the object")
	}
	return data, nil
}
