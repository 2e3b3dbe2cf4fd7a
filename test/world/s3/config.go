package s3

import (
	"encoding/json"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
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
	logging      *types.LoggingEnabled
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

// blocks is the block of public access, which new buckets have in full.
func (b *bucket) blocks() *types.PublicAccessBlockConfiguration {
	if b.config.publicAccess != nil {
		return b.config.publicAccess
	}
	return &types.PublicAccessBlockConfiguration{BlockPublicAcls: ptr(true), BlockPublicPolicy: ptr(true), IgnorePublicAcls: ptr(true), RestrictPublicBuckets: ptr(true)}
}

// GetPublicAccessBlock returns the block of public access.
func (s *Service) GetPublicAccessBlock(_ *wire.Call, in *sdk.GetPublicAccessBlockInput) (*sdk.GetPublicAccessBlockOutput, error) {
	out := &sdk.GetPublicAccessBlockOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		out.PublicAccessBlockConfiguration = b.blocks()
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

// PutBucketPolicy sets the policy, which is judged where IAM is on.
func (s *Service) PutBucketPolicy(_ *wire.Call, in *sdk.PutBucketPolicyInput) (*sdk.PutBucketPolicyOutput, error) {
	name := value(in.Bucket)
	return &sdk.PutBucketPolicyOutput{}, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		d, err := policy.Parse(value(in.Policy), policy.Resource)
		switch {
		case err != nil && !json.Valid([]byte(value(in.Policy))):
			return fail(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
		case err != nil:
			return fail(400, "MalformedPolicy", "%v", err)
		case len(*in.Policy) > maxPolicy:
			return fail(400, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
		}
		for _, st := range d.Statements {
			for _, r := range slices.Concat(st.Resources, st.NotResources) {
				if arn := "arn:aws:s3:::" + name; r != arn && !strings.HasPrefix(r, arn+"/") && !strings.HasPrefix(r, arn+"*") && r != "*" && r != "arn:aws:s3:::*" {
					return fail(400, "MalformedPolicy", "Policy has invalid resource")
				}
			}
		}
		if public(d) && value(b.blocks().BlockPublicPolicy) {
			return fail(403, "AccessDenied", "User: arn:aws:iam::%s:root is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::%s\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", s.account, name)
		}
		b.config.policy = in.Policy
		return nil
	})
}

// maxPolicy is the size of a bucket's policy in bytes.
const maxPolicy = 20 << 10

// public reports whether a policy lets everybody in: it allows something to all,
// without a condition that S3 counts as narrow enough (source: "The meaning of
// public"; here every condition counts).
func public(d *policy.Document) bool {
	return slices.ContainsFunc(d.Statements, func(s policy.Statement) bool {
		return s.Allow && len(s.Conditions) == 0 && s.Principals != nil && slices.Contains(s.Principals.AWS, "*")
	})
}

// GetBucketPolicyStatus tells whether the policy lets everybody in.
func (s *Service) GetBucketPolicyStatus(_ *wire.Call, in *sdk.GetBucketPolicyStatusInput) (*sdk.GetBucketPolicyStatusOutput, error) {
	out := &sdk.GetBucketPolicyStatusOutput{}
	return out, s.with(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.config.policy == nil {
			return fail(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
		}
		d, err := policy.Parse(*b.config.policy, policy.Resource)
		if err != nil {
			return err
		}
		out.PolicyStatus = &types.PolicyStatus{IsPublic: ptr(public(d))}
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
