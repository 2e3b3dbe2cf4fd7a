package kms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

const maxTags = 50

func checkAlias(name *string) error {
	n := aws.ToString(name)
	switch {
	case strings.HasPrefix(n, "alias/aws/"):
		return wire.Errorf("NotAuthorizedException", "Alias names that begin with alias/aws/ are reserved.")
	case !aliasName.MatchString(n):
		return &types.InvalidAliasNameException{Message: aws.String("Alias must start with the prefix \"alias/\" and contain letters, digits, /, _ and - only. Please see " +
			"http://docs.aws.amazon.com/kms/latest/developerguide/programming-aliases.html")}
	}
	return nil
}

// CreateAlias gives a key a name.
func (s *Service) CreateAlias(_ *wire.Call, in *sdk.CreateAliasInput) (*sdk.CreateAliasOutput, error) {
	if err := checkAlias(in.AliasName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if _, known := s.aliases[*in.AliasName]; known {
		return nil, &types.AlreadyExistsException{Message: aws.String(fmt.Sprintf("An alias with the name %s already exists", s.arn(*in.AliasName)))}
	}
	if k.KeyState == types.KeyStatePendingDeletion {
		return nil, invalidState(k)
	}
	s.alias(*in.AliasName, *k.KeyId)
	return &sdk.CreateAliasOutput{}, nil
}

// UpdateAlias gives a name to another key.
func (s *Service) UpdateAlias(_ *wire.Call, in *sdk.UpdateAliasInput) (*sdk.UpdateAliasOutput, error) {
	if err := checkAlias(in.AliasName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.aliases[*in.AliasName]
	if !ok {
		return nil, notFound(fmt.Sprintf("Alias %s is not found.", s.arn(*in.AliasName)))
	}
	k, err := s.own(in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	a.keyID, a.updated = *k.KeyId, s.clock.Now()
	return &sdk.UpdateAliasOutput{}, nil
}

// DeleteAlias removes a name; the key stays.
func (s *Service) DeleteAlias(_ *wire.Call, in *sdk.DeleteAliasInput) (*sdk.DeleteAliasOutput, error) {
	if err := checkAlias(in.AliasName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.aliases[*in.AliasName]; !ok {
		return nil, notFound(fmt.Sprintf("Alias %s is not found.", s.arn(*in.AliasName)))
	}
	delete(s.aliases, *in.AliasName)
	return &sdk.DeleteAliasOutput{}, nil
}

// ListAliases lists the names of all keys, or of one.
func (s *Service) ListAliases(_ *wire.Call, in *sdk.ListAliasesInput) (*sdk.ListAliasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	only := ""
	if in.KeyId != nil {
		k, err := s.find(in.KeyId)
		if err != nil {
			return nil, err
		}
		only = *k.KeyId
	}
	all := []types.AliasListEntry{}
	for _, name := range slices.Sorted(maps.Keys(s.aliases)) {
		if a := s.aliases[name]; only == "" || only == a.keyID {
			all = append(all, types.AliasListEntry{AliasName: &a.name, AliasArn: aws.String(s.arn(a.name)), TargetKeyId: &a.keyID, CreationDate: &a.created, LastUpdatedDate: &a.updated})
		}
	}
	page, next, err := paged(all, in.Limit, in.Marker)
	return &sdk.ListAliasesOutput{Aliases: page, NextMarker: next, Truncated: next != nil}, err
}

// GetKeyPolicy returns the one policy of a key.
func (s *Service) GetKeyPolicy(_ *wire.Call, in *sdk.GetKeyPolicyInput) (*sdk.GetKeyPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	if in.PolicyName != nil && *in.PolicyName != "default" {
		return nil, notFound(fmt.Sprintf("No such policy exists: %s", *in.PolicyName))
	}
	return &sdk.GetKeyPolicyOutput{Policy: &k.policy, PolicyName: aws.String("default")}, nil
}

// PutKeyPolicy replaces the policy of a key.
func (s *Service) PutKeyPolicy(_ *wire.Call, in *sdk.PutKeyPolicyInput) (*sdk.PutKeyPolicyOutput, error) {
	if err := checkPolicy(aws.ToString(in.Policy)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	k.policy = *in.Policy
	return &sdk.PutKeyPolicyOutput{}, nil
}

// ListKeyPolicies lists "default".
func (s *Service) ListKeyPolicies(_ *wire.Call, in *sdk.ListKeyPoliciesInput) (*sdk.ListKeyPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(in.KeyId); err != nil {
		return nil, err
	}
	return &sdk.ListKeyPoliciesOutput{PolicyNames: []string{"default"}}, nil
}

// EnableKeyRotation rotates a key every 90 to 2,560 days. Ciphertexts do not
// show it: every rotation can decrypt what the others encrypted.
func (s *Service) EnableKeyRotation(_ *wire.Call, in *sdk.EnableKeyRotationInput) (*sdk.EnableKeyRotationOutput, error) {
	days := int32(year)
	if in.RotationPeriodInDays != nil {
		days = *in.RotationPeriodInDays
	}
	if days < 90 || days > 2560 {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value between 90 and 2560", days)
	}
	return &sdk.EnableKeyRotationOutput{}, s.setRotation(in.KeyId, days)
}

// DisableKeyRotation ends the rotation of a key.
func (s *Service) DisableKeyRotation(_ *wire.Call, in *sdk.DisableKeyRotationInput) (*sdk.DisableKeyRotationOutput, error) {
	return &sdk.DisableKeyRotationOutput{}, s.setRotation(in.KeyId, 0)
}

func (s *Service) setRotation(ref *string, days int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(ref)
	if err != nil {
		return err
	}
	if k.KeyState == types.KeyStatePendingDeletion {
		return invalidState(k)
	}
	k.rotation, k.rotated = days, s.clock.Now()
	return nil
}

// GetKeyRotationStatus tells whether and when a key rotates.
func (s *Service) GetKeyRotationStatus(_ *wire.Call, in *sdk.GetKeyRotationStatusInput) (*sdk.GetKeyRotationStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetKeyRotationStatusOutput{KeyId: k.Arn, KeyRotationEnabled: k.rotation > 0}
	if k.rotation > 0 {
		period := time.Duration(k.rotation) * 24 * time.Hour
		passed := s.clock.Now().Sub(k.rotated) / period
		out.RotationPeriodInDays, out.NextRotationDate = &k.rotation, aws.Time(k.rotated.Add((passed+1)*period))
	}
	return out, nil
}

// ListResourceTags lists the tags of a key.
func (s *Service) ListResourceTags(_ *wire.Call, in *sdk.ListResourceTagsInput) (*sdk.ListResourceTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	all := []types.Tag{}
	for _, name := range slices.Sorted(maps.Keys(k.tags)) {
		all = append(all, types.Tag{TagKey: aws.String(name), TagValue: aws.String(k.tags[name])})
	}
	page, next, err := paged(all, in.Limit, in.Marker)
	return &sdk.ListResourceTagsOutput{Tags: page, NextMarker: next, Truncated: next != nil}, err
}

// TagResource adds tags to a key.
func (s *Service) TagResource(_ *wire.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(k.tags)
	for _, t := range in.Tags {
		if strings.HasPrefix(aws.ToString(t.TagKey), "aws:") {
			return nil, &types.TagException{Message: aws.String("Tags that begin with aws: are reserved.")}
		}
		next[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
	}
	if len(next) > maxTags {
		return nil, &types.LimitExceededException{Message: aws.String(fmt.Sprintf("A key has at most %d tags.", maxTags))}
	}
	k.tags = next
	return &sdk.TagResourceOutput{}, nil
}

// UntagResource removes tags from a key.
func (s *Service) UntagResource(_ *wire.Call, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(k.tags, name)
	}
	return &sdk.UntagResourceOutput{}, nil
}
