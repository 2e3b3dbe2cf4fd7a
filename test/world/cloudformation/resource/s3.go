package resource

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type bucket struct {
	AccessControl                  *string
	BucketName                     *string
	BucketEncryption               *bucketEncryption
	LifecycleConfiguration         *lifecycle
	LoggingConfiguration           *bucketLogging
	NotificationConfiguration      any
	OwnershipControls              *types.OwnershipControls
	PublicAccessBlockConfiguration *types.PublicAccessBlockConfiguration
	Tags                           []Tag
	VersioningConfiguration        *struct{ Status string }
}

type bucketEncryption struct {
	ServerSideEncryptionConfiguration []struct {
		BucketKeyEnabled              *bool
		ServerSideEncryptionByDefault *struct {
			KMSMasterKeyID *string
			SSEAlgorithm   string `cfn:"required"`
		}
	} `cfn:"required"`
}

type bucketLogging struct {
	DestinationBucketName *string
	LogFilePrefix         *string
	TargetObjectKeyFormat *struct {
		PartitionedPrefix *struct{ PartitionDateSource types.PartitionDateSource }
		SimplePrefix      *struct{}
	}
}

type lifecycle struct {
	Rules                              []lifecycleRule `cfn:"required"`
	TransitionDefaultMinimumObjectSize *string
}

type lifecycleRule struct {
	AbortIncompleteMultipartUpload *types.AbortIncompleteMultipartUpload
	ExpirationDate                 *time.Time
	ExpirationInDays               *int32
	ExpiredObjectDeleteMarker      *bool
	Id                             *string
	NoncurrentVersionExpiration    *struct {
		NoncurrentDays          *int32
		NewerNoncurrentVersions *int32
	}
	NoncurrentVersionExpirationInDays *int32
	ObjectSizeGreaterThan             *int64
	ObjectSizeLessThan                *int64
	Prefix                            *string
	Status                            string `cfn:"required"`
	TagFilters                        []types.Tag
	Transitions                       any
	NoncurrentVersionTransitions      any
}

func init() {
	register(definition[bucket]{
		name: "AWS::S3::Bucket", nameProperty: "BucketName", replace: []string{"BucketName"}, takes: 20 * time.Second,
		attributes: []string{"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"},
		create: func(x *Context, p *bucket) (string, error) {
			name := p.BucketName
			if name == nil {
				name = aws.String(strings.ToLower(x.Name(63)))
			}
			in := &s3.CreateBucketInput{Bucket: name}
			if x.Region != "us-east-1" {
				in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(x.Region)}
			}
			if p.AccessControl != nil && *p.AccessControl != "Private" {
				return "", refuse("AccessControl " + *p.AccessControl)
			}
			if err := do(x, in); err != nil {
				return "", err
			}
			return *name, p.settle(x, *name, &bucket{})
		},
		read: func(x *Context, id string, _ *bucket) (State, error) {
			if err := do(x, &s3.HeadBucketInput{Bucket: &id}); err != nil {
				return State{}, err
			}
			return State{Attributes: map[string]any{"Arn": "arn:" + x.Partition + ":s3:::" + id, "DomainName": id + ".s3.amazonaws.com",
				"DualStackDomainName": id + ".s3.dualstack." + x.Region + ".amazonaws.com", "RegionalDomainName": id + ".s3." + x.Region + ".amazonaws.com",
				"WebsiteURL": "http://" + id + ".s3-website-" + x.Region + ".amazonaws.com"}}, nil
		},
		update: func(x *Context, id string, old, p *bucket) error { return p.settle(x, id, old) },
		remove: func(x *Context, id string, _ *bucket) error { return do(x, &s3.DeleteBucketInput{Bucket: &id}) },
	}, definition[bucketPolicy]{
		name: "AWS::S3::BucketPolicy", replace: []string{"Bucket"},
		create: func(x *Context, p *bucketPolicy) (string, error) {
			return made(p.Bucket, do(x, &s3.PutBucketPolicyInput{Bucket: &p.Bucket, Policy: p.PolicyDocument.text()}))
		},
		update: func(x *Context, _ string, _, p *bucketPolicy) error {
			return do(x, &s3.PutBucketPolicyInput{Bucket: &p.Bucket, Policy: p.PolicyDocument.text()})
		},
		remove: func(x *Context, _ string, p *bucketPolicy) error {
			return do(x, &s3.DeleteBucketPolicyInput{Bucket: &p.Bucket})
		},
	})
}

type bucketPolicy struct {
	Bucket         string   `cfn:"required"`
	PolicyDocument Document `cfn:"required"`
}

// settle makes the bucket's settings p's; old has what they were.
func (p *bucket) settle(x *Context, name string, old *bucket) error {
	if p.NotificationConfiguration != nil {
		return refuse("NotificationConfiguration")
	}
	for _, step := range []func(*Context, string, *bucket) error{p.setEncryption, p.setVersioning, p.setAccess, p.setLifecycle, p.setLogging, p.setTags} {
		if err := step(x, name, old); err != nil {
			return err
		}
	}
	return nil
}

func (p *bucket) setEncryption(x *Context, name string, old *bucket) error {
	if p.BucketEncryption == nil {
		if old.BucketEncryption == nil {
			return nil
		}
		return do(x, &s3.DeleteBucketEncryptionInput{Bucket: &name})
	}
	config := &types.ServerSideEncryptionConfiguration{}
	for _, rule := range p.BucketEncryption.ServerSideEncryptionConfiguration {
		r := types.ServerSideEncryptionRule{BucketKeyEnabled: rule.BucketKeyEnabled}
		if d := rule.ServerSideEncryptionByDefault; d != nil {
			r.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(d.SSEAlgorithm), KMSMasterKeyID: d.KMSMasterKeyID}
		}
		config.Rules = append(config.Rules, r)
	}
	return do(x, &s3.PutBucketEncryptionInput{Bucket: &name, ServerSideEncryptionConfiguration: config})
}

func (p *bucket) setVersioning(x *Context, name string, old *bucket) error {
	status := types.BucketVersioningStatusSuspended // a bucket cannot go back to none
	switch {
	case p.VersioningConfiguration != nil:
		status = types.BucketVersioningStatus(p.VersioningConfiguration.Status)
	case old.VersioningConfiguration == nil:
		return nil
	}
	return do(x, &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: status}})
}

func (p *bucket) setAccess(x *Context, name string, old *bucket) error {
	// A new bucket blocks all public access; a template without the property
	// leaves that alone.
	if p.PublicAccessBlockConfiguration != nil {
		if err := do(x, &s3.PutPublicAccessBlockInput{Bucket: &name, PublicAccessBlockConfiguration: p.PublicAccessBlockConfiguration}); err != nil {
			return err
		}
	} else if old.PublicAccessBlockConfiguration != nil {
		if err := do(x, &s3.DeletePublicAccessBlockInput{Bucket: &name}); err != nil {
			return err
		}
	}
	if p.OwnershipControls != nil {
		return do(x, &s3.PutBucketOwnershipControlsInput{Bucket: &name, OwnershipControls: p.OwnershipControls})
	}
	return nil
}

func (p *bucket) setLogging(x *Context, name string, old *bucket) error {
	status := &types.BucketLoggingStatus{}
	switch l := p.LoggingConfiguration; {
	case l != nil:
		target := l.DestinationBucketName
		if target == nil {
			target = &name
		}
		status.LoggingEnabled = &types.LoggingEnabled{TargetBucket: target, TargetPrefix: aws.String(aws.ToString(l.LogFilePrefix))}
		if f := l.TargetObjectKeyFormat; f != nil {
			status.LoggingEnabled.TargetObjectKeyFormat = &types.TargetObjectKeyFormat{}
			if f.PartitionedPrefix != nil {
				status.LoggingEnabled.TargetObjectKeyFormat.PartitionedPrefix = &types.PartitionedPrefix{PartitionDateSource: f.PartitionedPrefix.PartitionDateSource}
			}
			if f.SimplePrefix != nil {
				status.LoggingEnabled.TargetObjectKeyFormat.SimplePrefix = &types.SimplePrefix{}
			}
		}
	case old.LoggingConfiguration == nil:
		return nil
	}
	return do(x, &s3.PutBucketLoggingInput{Bucket: &name, BucketLoggingStatus: status})
}

func (p *bucket) setTags(x *Context, name string, old *bucket) error {
	tags := x.tags(p.Tags)
	if len(tags) == 0 {
		if len(old.Tags) == 0 {
			return nil
		}
		return do(x, &s3.DeleteBucketTaggingInput{Bucket: &name})
	}
	return do(x, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &types.Tagging{TagSet: tagsAs(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })}})
}

func (p *bucket) setLifecycle(x *Context, name string, old *bucket) error {
	if p.LifecycleConfiguration == nil {
		if old.LifecycleConfiguration == nil {
			return nil
		}
		return do(x, &s3.DeleteBucketLifecycleInput{Bucket: &name})
	}
	config := &types.BucketLifecycleConfiguration{}
	for _, rule := range p.LifecycleConfiguration.Rules {
		r, err := rule.forS3()
		if err != nil {
			return err
		}
		config.Rules = append(config.Rules, r)
	}
	return do(x, &s3.PutBucketLifecycleConfigurationInput{Bucket: &name, LifecycleConfiguration: config})
}

func (r lifecycleRule) forS3() (types.LifecycleRule, error) {
	if r.Transitions != nil || r.NoncurrentVersionTransitions != nil {
		return types.LifecycleRule{}, refuse("Transitions")
	}
	out := types.LifecycleRule{ID: r.Id, Status: types.ExpirationStatus(r.Status), AbortIncompleteMultipartUpload: r.AbortIncompleteMultipartUpload, Filter: &types.LifecycleRuleFilter{}}
	if r.ExpirationDate != nil || r.ExpirationInDays != nil || r.ExpiredObjectDeleteMarker != nil {
		out.Expiration = &types.LifecycleExpiration{Date: r.ExpirationDate, Days: r.ExpirationInDays, ExpiredObjectDeleteMarker: r.ExpiredObjectDeleteMarker}
	}
	if e := r.NoncurrentVersionExpiration; e != nil {
		out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: e.NoncurrentDays, NewerNoncurrentVersions: e.NewerNoncurrentVersions}
	} else if r.NoncurrentVersionExpirationInDays != nil {
		out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: r.NoncurrentVersionExpirationInDays}
	}
	conditions := len(r.TagFilters)
	for _, set := range []bool{r.Prefix != nil, r.ObjectSizeGreaterThan != nil, r.ObjectSizeLessThan != nil} {
		if set {
			conditions++
		}
	}
	switch {
	case conditions > 1:
		out.Filter.And = &types.LifecycleRuleAndOperator{Prefix: r.Prefix, Tags: r.TagFilters, ObjectSizeGreaterThan: r.ObjectSizeGreaterThan, ObjectSizeLessThan: r.ObjectSizeLessThan}
	case len(r.TagFilters) == 1:
		out.Filter.Tag = &r.TagFilters[0]
	case r.ObjectSizeGreaterThan != nil:
		out.Filter.ObjectSizeGreaterThan = r.ObjectSizeGreaterThan
	case r.ObjectSizeLessThan != nil:
		out.Filter.ObjectSizeLessThan = r.ObjectSizeLessThan
	default:
		out.Filter.Prefix = aws.String(aws.ToString(r.Prefix))
	}
	return out, nil
}
