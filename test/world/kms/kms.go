// Package kms simulates AWS Key Management Service for symmetric keys: what it
// encrypts is really encrypted (AES-256-GCM), and can be decrypted only with the
// same key, enabled, and the same encryption context.
package kms

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/policy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/paging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of AWS KMS.
const (
	maxPlaintext   = 4096 // bytes that Encrypt takes
	maxDescription = 8192
	maxPolicy      = 32 << 10
	pageSize       = 100
	largestPage    = 1000
	minWindow      = 7 // days until a scheduled deletion
	maxWindow      = 30
	year           = 365 // days, the default period of rotation
)

// key is a symmetric key.
type key struct {
	types.KeyMetadata
	material [32]byte
	policy   string
	tags     map[string]string
	rotation int32 // days; 0: not rotated
	rotated  time.Time
	stop     func() bool // of the deletion
}

// alias is a second name of a key.
type alias struct {
	name    string // with "alias/"
	keyID   string
	created time.Time
	updated time.Time
}

// Service is AWS KMS. It is safe for concurrent use.
type Service struct {
	clock           clock.Clock
	account, region string
	seed            int64

	mu      sync.Mutex
	keys    map[string]*key
	aliases map[string]*alias
	count   int
}

// New returns KMS without keys of the customer. seed makes key material and
// ciphertexts repeat.
func New(c clock.Clock, account, region string, seed int64) *Service {
	return &Service{clock: c, account: account, region: region, seed: seed, keys: map[string]*key{}, aliases: map[string]*alias{}}
}

func (s *Service) arn(resource string) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:%s", s.region, s.account, resource)
}

// secret derives bytes that repeat with the seed.
func (s *Service) secret(purpose string) [32]byte {
	s.count++
	return sha256.Sum256(fmt.Appendf(nil, "kms/%d/%s/%s/%d", s.seed, s.account, purpose, s.count))
}

func (s *Service) newKey(manager types.KeyManagerType, description string) *key {
	h := fmt.Sprintf("%x", s.secret("id"))
	id := strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:32]}, "-")
	now := s.clock.Now()
	k := &key{material: s.secret("material"), tags: map[string]string{}, rotated: now, policy: s.defaultPolicy(), KeyMetadata: types.KeyMetadata{
		KeyId: &id, Arn: aws.String(s.arn("key/" + id)), AWSAccountId: &s.account, CreationDate: &now, Enabled: true, KeyState: types.KeyStateEnabled,
		KeyManager: manager, KeySpec: types.KeySpecSymmetricDefault, CustomerMasterKeySpec: types.CustomerMasterKeySpecSymmetricDefault,
		KeyUsage: types.KeyUsageTypeEncryptDecrypt, Origin: types.OriginTypeAwsKms, Description: &description, MultiRegion: aws.Bool(false),
		EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
	}}
	s.keys[id] = k
	return k
}

// defaultPolicy lets the account's IAM policies decide.
func (s *Service) defaultPolicy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}`, s.account)
}

func notFound(what string) error {
	return &types.NotFoundException{Message: aws.String(what)}
}

// find finds a key by id, ARN, alias or the ARN of an alias; s.mu is held. The
// keys that AWS manages for its services come into being when they are asked
// for.
func (s *Service) find(ref *string) (*key, error) {
	text := aws.ToString(ref)
	name := text
	if rest, ok := strings.CutPrefix(name, s.arn("")); ok {
		name = rest
	} else if strings.HasPrefix(name, "arn:") {
		return nil, notFound(fmt.Sprintf("Invalid arn %s", text))
	}
	if strings.HasPrefix(name, "alias/") {
		a, ok := s.aliases[name]
		if !ok && awsManaged.MatchString(name) {
			k := s.newKey(types.KeyManagerTypeAws, "Default key that protects my "+strings.ToUpper(strings.TrimPrefix(name, "alias/aws/"))+" data when no other key is defined")
			a, ok = s.alias(name, *k.KeyId), true
		}
		if !ok {
			return nil, notFound(fmt.Sprintf("Alias %s is not found.", s.arn(name)))
		}
		return s.keys[a.keyID], nil
	}
	id := strings.TrimPrefix(name, "key/")
	if k, ok := s.keys[id]; ok {
		return k, nil
	}
	if !keyID.MatchString(id) {
		return nil, notFound(fmt.Sprintf("Invalid keyId '%s'", text))
	}
	return nil, notFound(fmt.Sprintf("Key '%s' does not exist", s.arn("key/"+id)))
}

var (
	awsManaged = regexp.MustCompile(`^alias/aws/[a-z0-9-]+$`)
	keyID      = regexp.MustCompile(`^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	aliasName  = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)
)

func (s *Service) alias(name, keyID string) *alias {
	now := s.clock.Now()
	a := &alias{name: name, keyID: keyID, created: now, updated: now}
	s.aliases[name] = a
	return a
}

// own finds a key that its owner may change: not one that AWS manages.
func (s *Service) own(ref *string) (*key, error) {
	k, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if k.KeyManager == types.KeyManagerTypeAws {
		return nil, wire.Errorf("AccessDeniedException", "The key %s is managed by AWS and cannot be changed.", *k.Arn)
	}
	return k, nil
}

func invalidState(k *key) error {
	return &types.KMSInvalidStateException{Message: aws.String(fmt.Sprintf("%s is pending deletion.", *k.Arn))}
}

// CreateKey creates a symmetric key for encryption.
func (s *Service) CreateKey(_ *wire.Call, in *sdk.CreateKeyInput) (*sdk.CreateKeyOutput, error) {
	unsupported := func(what string) error {
		return &types.UnsupportedOperationException{Message: aws.String("the simulated KMS has no " + what)}
	}
	switch {
	case in.KeySpec != "" && in.KeySpec != types.KeySpecSymmetricDefault, in.CustomerMasterKeySpec != "" && in.CustomerMasterKeySpec != types.CustomerMasterKeySpecSymmetricDefault,
		in.KeyUsage != "" && in.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return nil, unsupported("keys but symmetric ones for encryption")
	case in.Origin != "" && in.Origin != types.OriginTypeAwsKms, in.CustomKeyStoreId != nil, in.XksKeyId != nil:
		return nil, unsupported("key material but its own")
	case aws.ToBool(in.MultiRegion):
		return nil, unsupported("multi-Region keys")
	case len(aws.ToString(in.Description)) > maxDescription:
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to %d", maxDescription)
	}
	policy := ""
	if in.Policy != nil {
		if err := checkPolicy(*in.Policy); err != nil {
			return nil, err
		}
		policy = *in.Policy
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.newKey(types.KeyManagerTypeCustomer, aws.ToString(in.Description))
	if policy != "" {
		k.policy = policy
	}
	for _, t := range in.Tags {
		k.tags[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
	}
	return &sdk.CreateKeyOutput{KeyMetadata: k.describe()}, nil
}

func checkPolicy(text string) error {
	if _, err := policy.Parse(text, policy.Resource); err != nil || len(text) > maxPolicy {
		return &types.MalformedPolicyDocumentException{Message: aws.String("The key policy is not a valid policy document.")}
	}
	return nil
}

func (k *key) describe() *types.KeyMetadata {
	out := k.KeyMetadata
	return &out
}

// DescribeKey describes a key.
func (s *Service) DescribeKey(_ *wire.Call, in *sdk.DescribeKeyInput) (*sdk.DescribeKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeKeyOutput{KeyMetadata: k.describe()}, nil
}

// ListKeys lists the keys by their ids.
func (s *Service) ListKeys(_ *wire.Call, in *sdk.ListKeysInput) (*sdk.ListKeysOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []types.KeyListEntry{}
	for _, id := range slices.Sorted(maps.Keys(s.keys)) {
		all = append(all, types.KeyListEntry{KeyId: s.keys[id].KeyId, KeyArn: s.keys[id].Arn})
	}
	page, next, err := paged(all, in.Limit, in.Marker)
	return &sdk.ListKeysOutput{Keys: page, NextMarker: next, Truncated: next != nil}, err
}

func paged[T any](all []T, limit *int32, marker *string) (page []T, next *string, err error) {
	size := pageSize
	if limit != nil {
		if *limit < 1 || *limit > largestPage {
			return nil, nil, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", *limit, largestPage)
		}
		size = int(*limit)
	}
	page, next, ok := paging.Cut(all, marker, size)
	if !ok {
		return nil, nil, &types.InvalidMarkerException{Message: aws.String("Could not deserialize marker")}
	}
	return page, next, nil
}

// UpdateKeyDescription replaces a key's description.
func (s *Service) UpdateKeyDescription(_ *wire.Call, in *sdk.UpdateKeyDescriptionInput) (*sdk.UpdateKeyDescriptionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	k.Description = in.Description
	return &sdk.UpdateKeyDescriptionOutput{}, nil
}

// EnableKey lets a key work again.
func (s *Service) EnableKey(_ *wire.Call, in *sdk.EnableKeyInput) (*sdk.EnableKeyOutput, error) {
	return &sdk.EnableKeyOutput{}, s.setState(in.KeyId, types.KeyStateEnabled)
}

// DisableKey keeps a key from working.
func (s *Service) DisableKey(_ *wire.Call, in *sdk.DisableKeyInput) (*sdk.DisableKeyOutput, error) {
	return &sdk.DisableKeyOutput{}, s.setState(in.KeyId, types.KeyStateDisabled)
}

func (s *Service) setState(ref *string, state types.KeyState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(ref)
	if err != nil {
		return err
	}
	if k.KeyState == types.KeyStatePendingDeletion {
		return invalidState(k)
	}
	k.KeyState, k.Enabled = state, state == types.KeyStateEnabled
	return nil
}

// ScheduleKeyDeletion disables a key and deletes it after 7 to 30 days.
func (s *Service) ScheduleKeyDeletion(_ *wire.Call, in *sdk.ScheduleKeyDeletionInput) (*sdk.ScheduleKeyDeletionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	days := cmp.Or(aws.ToInt32(in.PendingWindowInDays), maxWindow)
	switch {
	case days < minWindow || days > maxWindow:
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value between %d and %d", days, minWindow, maxWindow)
	case k.KeyState == types.KeyStatePendingDeletion:
		return nil, invalidState(k)
	}
	window := time.Duration(days) * 24 * time.Hour
	k.KeyState, k.Enabled, k.DeletionDate, k.PendingDeletionWindowInDays = types.KeyStatePendingDeletion, false, aws.Time(s.clock.Now().Add(window)), nil
	k.stop = s.clock.AfterFunc(window, func() { s.remove(k) })
	return &sdk.ScheduleKeyDeletionOutput{KeyId: k.Arn, DeletionDate: k.DeletionDate, KeyState: k.KeyState, PendingWindowInDays: &days}, nil
}

func (s *Service) remove(k *key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, *k.KeyId)
	maps.DeleteFunc(s.aliases, func(_ string, a *alias) bool { return a.keyID == *k.KeyId })
}

// CancelKeyDeletion keeps a key; it is disabled then.
func (s *Service) CancelKeyDeletion(_ *wire.Call, in *sdk.CancelKeyDeletionInput) (*sdk.CancelKeyDeletionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.own(in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.KeyState != types.KeyStatePendingDeletion {
		return nil, &types.KMSInvalidStateException{Message: aws.String(*k.Arn + " is not pending deletion.")}
	}
	k.stop()
	k.KeyState, k.DeletionDate = types.KeyStateDisabled, nil
	return &sdk.CancelKeyDeletionOutput{KeyId: k.Arn}, nil
}
