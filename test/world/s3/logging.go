package s3

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// PutBucketLogging says where the bucket's accesses are to be logged, or no
// longer. The setting is kept and shown; no logs are written.
func (s *Service) PutBucketLogging(_ *wire.Call, in *sdk.PutBucketLoggingInput) (*sdk.PutBucketLoggingOutput, error) {
	if in.BucketLoggingStatus == nil {
		return nil, malformed()
	}
	l := in.BucketLoggingStatus.LoggingEnabled
	if l != nil && (l.TargetBucket == nil || l.TargetPrefix == nil) {
		return nil, malformed()
	}
	if l != nil && len(l.TargetGrants) > 0 {
		return nil, fail(501, "NotImplemented", "The simulated S3 grants nothing on log objects: their bucket's owner has them")
	}
	return &sdk.PutBucketLoggingOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if l != nil {
			if _, ok := s.buckets[*l.TargetBucket]; !ok {
				return fail(400, "InvalidTargetBucketForLogging", "The target bucket for logging does not exist")
			}
		}
		b.config.logging = l
		return nil
	})
}

// GetBucketLogging tells where accesses are to be logged.
func (s *Service) GetBucketLogging(_ *wire.Call, in *sdk.GetBucketLoggingInput) (*sdk.GetBucketLoggingOutput, error) {
	out := &sdk.GetBucketLoggingOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		out.LoggingEnabled = b.config.logging
		return nil
	})
}
