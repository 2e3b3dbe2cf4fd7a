package resource

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

type parameter struct {
	AllowedPattern *string
	DataType       *string
	Description    *string
	Name           *string
	Policies       *string
	Tags           map[string]string
	Tier           ssmtypes.ParameterTier
	Type           ssmtypes.ParameterType `cfn:"required"`
	Value          string                 `cfn:"required"`
}

// allTags joins the stack's tags and a map of the resource's own.
func (x *Context) allTags(own map[string]string) map[string]string {
	out := x.tags(nil)
	for key, value := range own {
		out[key] = value
	}
	return out
}

// list makes a list of a map of tags.
func list(tags map[string]string) []Tag {
	return tagsAs(tags, func(key, value *string) Tag { return Tag{*key, *value} })
}

func ssmTag(key, value *string) ssmtypes.Tag { return ssmtypes.Tag{Key: key, Value: value} }
func kmsTag(key, value *string) kmstypes.Tag { return kmstypes.Tag{TagKey: key, TagValue: value} }

func init() {
	register(definition[parameter]{
		name: "AWS::SSM::Parameter", nameProperty: "Name", replace: []string{"Name"}, attributes: []string{"Type", "Value"},
		create: func(x *Context, p *parameter) (string, error) {
			name := x.Or(p.Name, 1000)
			in := p.put(*name)
			in.Tags = tagsAs(x.allTags(p.Tags), ssmTag)
			return made(*name, p.check(do(x, in)))
		},
		read: func(_ *Context, _ string, p *parameter) (State, error) {
			return State{Attributes: map[string]any{"Type": string(p.Type), "Value": p.Value}}, nil
		},
		update: func(x *Context, id string, old, p *parameter) error {
			in := p.put(id)
			in.Overwrite = aws.Bool(true)
			if err := p.check(do(x, in)); err != nil {
				return err
			}
			return retag(x, list(old.Tags), list(p.Tags),
				func(tags map[string]string) error {
					return do(x, &ssm.AddTagsToResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: &id, Tags: tagsAs(tags, ssmTag)})
				},
				func(keys []string) error {
					return do(x, &ssm.RemoveTagsFromResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: &id, TagKeys: keys})
				})
		},
		remove: func(x *Context, id string, _ *parameter) error { return do(x, &ssm.DeleteParameterInput{Name: &id}) },
	}, definition[key]{
		name: "AWS::KMS::Key", replace: []string{"KeySpec", "KeyUsage", "MultiRegion", "Origin"}, attributes: []string{"Arn", "KeyId"},
		create: createKey,
		read: func(x *Context, id string, _ *key) (State, error) {
			return State{Attributes: map[string]any{"Arn": x.ARN("kms", "key/"+id), "KeyId": id}}, nil
		},
		update: updateKey,
		remove: func(x *Context, id string, p *key) error {
			days := p.PendingWindowInDays
			if days == nil {
				days = aws.Int32(30)
			}
			err := do(x, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: days})
			if _, already := err.(*kmstypes.KMSInvalidStateException); already {
				return nil
			}
			return err
		},
	}, definition[keyAlias]{
		name: "AWS::KMS::Alias", nameProperty: "AliasName", replace: []string{"AliasName"},
		create: func(x *Context, p *keyAlias) (string, error) {
			return made(p.AliasName, do(x, &kms.CreateAliasInput{AliasName: &p.AliasName, TargetKeyId: &p.TargetKeyId}))
		},
		update: func(x *Context, id string, _, p *keyAlias) error {
			return do(x, &kms.UpdateAliasInput{AliasName: &id, TargetKeyId: &p.TargetKeyId})
		},
		remove: func(x *Context, id string, _ *keyAlias) error { return do(x, &kms.DeleteAliasInput{AliasName: &id}) },
	})
}

func (p *parameter) put(name string) *ssm.PutParameterInput {
	return &ssm.PutParameterInput{Name: &name, Type: p.Type, Value: &p.Value, AllowedPattern: p.AllowedPattern, DataType: p.DataType, Description: p.Description, Policies: p.Policies, Tier: p.Tier}
}

// check refuses secure strings, which a template cannot make (source: the type's
// reference).
func (p *parameter) check(err error) error {
	if p.Type == ssmtypes.ParameterTypeSecureString {
		return fmt.Errorf("#/Type: #: only 0 subschema matches out of 2: SecureString is not a valid enum value")
	}
	return err
}

type key struct {
	BypassPolicyLockoutSafetyCheck *bool
	Description                    *string
	EnableKeyRotation              *bool
	Enabled                        *bool
	KeyPolicy                      *Document
	KeySpec                        kmstypes.KeySpec
	KeyUsage                       kmstypes.KeyUsageType
	MultiRegion                    *bool
	Origin                         kmstypes.OriginType
	PendingWindowInDays            *int32
	RotationPeriodInDays           *int32
	Tags                           []Tag
}

func createKey(x *Context, p *key) (string, error) {
	out, err := invoke[kms.CreateKeyOutput](x, &kms.CreateKeyInput{Description: p.Description, KeySpec: p.KeySpec, KeyUsage: p.KeyUsage, MultiRegion: p.MultiRegion, Origin: p.Origin,
		Policy: p.KeyPolicy.text(), BypassPolicyLockoutSafetyCheck: aws.ToBool(p.BypassPolicyLockoutSafetyCheck), Tags: tagsAs(x.tags(p.Tags), kmsTag)})
	if err != nil {
		return "", err
	}
	return *out.KeyMetadata.KeyId, p.settle(x, *out.KeyMetadata.KeyId, &key{})
}

// settle turns rotation and the key itself on or off.
func (p *key) settle(x *Context, id string, old *key) error {
	if rotate, did := aws.ToBool(p.EnableKeyRotation), aws.ToBool(old.EnableKeyRotation); rotate && (!did || aws.ToInt32(p.RotationPeriodInDays) != aws.ToInt32(old.RotationPeriodInDays)) {
		if err := do(x, &kms.EnableKeyRotationInput{KeyId: &id, RotationPeriodInDays: p.RotationPeriodInDays}); err != nil {
			return err
		}
	} else if did && !rotate {
		if err := do(x, &kms.DisableKeyRotationInput{KeyId: &id}); err != nil {
			return err
		}
	}
	is, was := p.Enabled == nil || *p.Enabled, old.Enabled == nil || *old.Enabled
	switch {
	case was && !is:
		return do(x, &kms.DisableKeyInput{KeyId: &id})
	case is && !was:
		return do(x, &kms.EnableKeyInput{KeyId: &id})
	}
	return nil
}

func updateKey(x *Context, id string, old, p *key) error {
	if JSON(old.KeyPolicy) != JSON(p.KeyPolicy) && p.KeyPolicy != nil {
		if err := do(x, &kms.PutKeyPolicyInput{KeyId: &id, PolicyName: aws.String("default"), Policy: p.KeyPolicy.text(), BypassPolicyLockoutSafetyCheck: aws.ToBool(p.BypassPolicyLockoutSafetyCheck)}); err != nil {
			return err
		}
	}
	if aws.ToString(old.Description) != aws.ToString(p.Description) {
		if err := do(x, &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: aws.String(aws.ToString(p.Description))}); err != nil {
			return err
		}
	}
	if err := p.settle(x, id, old); err != nil {
		return err
	}
	return retag(x, old.Tags, p.Tags,
		func(tags map[string]string) error {
			return do(x, &kms.TagResourceInput{KeyId: &id, Tags: tagsAs(tags, kmsTag)})
		},
		func(keys []string) error { return do(x, &kms.UntagResourceInput{KeyId: &id, TagKeys: keys}) })
}

type keyAlias struct {
	AliasName   string `cfn:"required"`
	TargetKeyId string `cfn:"required"`
}
