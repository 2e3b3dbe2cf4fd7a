package s3

import (
	"encoding/json"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// bucketConfig are the settings of a bucket beside versioning.
type bucketConfig struct {
	tags         map[string]string
	lifecycle    []types.LifecycleRule
	encryption   *types.ServerSideEncryptionConfiguration
	publicAccess *types.PublicAccessBlockConfiguration
	ownership    *types.OwnershipControls
	policy       *string
}

// with calls f with a bucket, under the lock.
func (s *Service) with(name, owner *string, f func(*bucket) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(name, owner)
	if err != nil {
		return err
	}
	return f(b)
}

func malformed() error {
	return fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// GetBucketVersioning tells whether versions are kept.
func (s *Service) GetBucketVersioning(_ *wire.Call, in *sdk.GetBucketVersioningInput) (*sdk.GetBucketVersioningOutput, error) {
	out := &sdk.GetBucketVersioningOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		out.Status = b.versioning
		return nil
	})
}

// PutBucketVersioning enables or suspends versioning; it never ends.
func (s *Service) PutBucketVersioning(_ *wire.Call, in *sdk.PutBucketVersioningInput) (*sdk.PutBucketVersioningOutput, error) {
	v := in.VersioningConfiguration
	if v == nil || !slices.Contains(v.Status.Values(), v.Status) {
		return nil, fail(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	if v.MFADelete == types.MFADeleteEnabled {
		return nil, fail(501, "NotImplemented", "The simulated S3 has no MFA delete")
	}
	return &sdk.PutBucketVersioningOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.versioning = v.Status
		return nil
	})
}

// aes256 is the encryption that every bucket has unless it is told otherwise.
func aes256() *types.ServerSideEncryptionConfiguration {
	return &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}, BucketKeyEnabled: ptr(false)}}}
}

func (b *bucket) defaultEncryption() (types.ServerSideEncryption, *string, *bool) {
	config := b.config.encryption
	if config == nil {
		config = aes256()
	}
	rule := config.Rules[0]
	by := rule.ApplyServerSideEncryptionByDefault
	if by.SSEAlgorithm == types.ServerSideEncryptionAes256 {
		return by.SSEAlgorithm, nil, nil
	}
	return by.SSEAlgorithm, by.KMSMasterKeyID, rule.BucketKeyEnabled
}

// GetBucketEncryption returns the default encryption.
func (s *Service) GetBucketEncryption(_ *wire.Call, in *sdk.GetBucketEncryptionInput) (*sdk.GetBucketEncryptionOutput, error) {
	out := &sdk.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: aes256()}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.config.encryption != nil {
			out.ServerSideEncryptionConfiguration = b.config.encryption
		}
		return nil
	})
}

// PutBucketEncryption sets the default encryption: one rule.
func (s *Service) PutBucketEncryption(_ *wire.Call, in *sdk.PutBucketEncryptionInput) (*sdk.PutBucketEncryptionOutput, error) {
	config := in.ServerSideEncryptionConfiguration
	if config == nil || len(config.Rules) != 1 || config.Rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, malformed()
	}
	by := config.Rules[0].ApplyServerSideEncryptionByDefault
	if !slices.Contains(by.SSEAlgorithm.Values(), by.SSEAlgorithm) {
		return nil, malformed()
	}
	if by.SSEAlgorithm == types.ServerSideEncryptionAes256 && by.KMSMasterKeyID != nil {
		return nil, fail(400, "InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return &sdk.PutBucketEncryptionOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.encryption = config
		return nil
	})
}

// DeleteBucketEncryption returns to AES256.
func (s *Service) DeleteBucketEncryption(_ *wire.Call, in *sdk.DeleteBucketEncryptionInput) (*sdk.DeleteBucketEncryptionOutput, error) {
	return &sdk.DeleteBucketEncryptionOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.encryption = nil
		return nil
	})
}

// GetPublicAccessBlock returns the block of public access, which new buckets
// have in full.
func (s *Service) GetPublicAccessBlock(_ *wire.Call, in *sdk.GetPublicAccessBlockInput) (*sdk.GetPublicAccessBlockOutput, error) {
	out := &sdk.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: ptr(true), BlockPublicPolicy: ptr(true), IgnorePublicAcls: ptr(true), RestrictPublicBuckets: ptr(true)}}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.config.publicAccess != nil {
			out.PublicAccessBlockConfiguration = b.config.publicAccess
		}
		return nil
	})
}

// PutPublicAccessBlock sets the block of public access.
func (s *Service) PutPublicAccessBlock(_ *wire.Call, in *sdk.PutPublicAccessBlockInput) (*sdk.PutPublicAccessBlockOutput, error) {
	if in.PublicAccessBlockConfiguration == nil {
		return nil, malformed()
	}
	config := *in.PublicAccessBlockConfiguration
	for _, p := range []**bool{&config.BlockPublicAcls, &config.BlockPublicPolicy, &config.IgnorePublicAcls, &config.RestrictPublicBuckets} {
		*p = ptr(value(*p))
	}
	return &sdk.PutPublicAccessBlockOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.publicAccess = &config
		return nil
	})
}

// DeletePublicAccessBlock lifts the block of public access.
func (s *Service) DeletePublicAccessBlock(_ *wire.Call, in *sdk.DeletePublicAccessBlockInput) (*sdk.DeletePublicAccessBlockOutput, error) {
	return &sdk.DeletePublicAccessBlockOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.publicAccess = &types.PublicAccessBlockConfiguration{BlockPublicAcls: ptr(false), BlockPublicPolicy: ptr(false), IgnorePublicAcls: ptr(false), RestrictPublicBuckets: ptr(false)}
		return nil
	})
}

// GetBucketOwnershipControls returns who owns new objects.
func (s *Service) GetBucketOwnershipControls(_ *wire.Call, in *sdk.GetBucketOwnershipControlsInput) (*sdk.GetBucketOwnershipControlsOutput, error) {
	out := &sdk.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.config.ownership != nil {
			out.OwnershipControls = b.config.ownership
		}
		return nil
	})
}

// PutBucketOwnershipControls sets who owns new objects.
func (s *Service) PutBucketOwnershipControls(_ *wire.Call, in *sdk.PutBucketOwnershipControlsInput) (*sdk.PutBucketOwnershipControlsOutput, error) {
	if in.OwnershipControls == nil || len(in.OwnershipControls.Rules) != 1 {
		return nil, malformed()
	}
	return &sdk.PutBucketOwnershipControlsOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.ownership = in.OwnershipControls
		return nil
	})
}

// GetBucketPolicy returns the policy.
func (s *Service) GetBucketPolicy(_ *wire.Call, in *sdk.GetBucketPolicyInput) (*sdk.GetBucketPolicyOutput, error) {
	out := &sdk.GetBucketPolicyOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.config.policy == nil {
			return fail(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
		}
		out.Policy = b.config.policy
		return nil
	})
}

// PutBucketPolicy sets the policy; it is kept, and judged by nobody.
func (s *Service) PutBucketPolicy(_ *wire.Call, in *sdk.PutBucketPolicyInput) (*sdk.PutBucketPolicyOutput, error) {
	var document map[string]any
	if err := json.Unmarshal([]byte(value(in.Policy)), &document); err != nil || document["Statement"] == nil {
		return nil, fail(400, "MalformedPolicy", "This policy contains invalid Json")
	}
	return &sdk.PutBucketPolicyOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.policy = in.Policy
		return nil
	})
}

// DeleteBucketPolicy removes the policy.
func (s *Service) DeleteBucketPolicy(_ *wire.Call, in *sdk.DeleteBucketPolicyInput) (*sdk.DeleteBucketPolicyOutput, error) {
	return &sdk.DeleteBucketPolicyOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		b.config.policy = nil
		return nil
	})
}
