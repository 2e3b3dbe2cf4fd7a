package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// A ciphertext is a version byte, the length and text of the key's id, a nonce,
// and what AES-GCM makes of the plaintext, with the encryption context as
// additional data. AWS's form is not public.
const (
	blobVersion = 1
	nonceSize   = 12
)

// usable finds a key that may encrypt and decrypt now.
func (s *Service) usable(ref *string) (*key, error) {
	k, err := s.find(ref)
	switch {
	case err != nil:
		return nil, err
	case k.KeyState == types.KeyStateDisabled:
		return nil, &types.DisabledException{Message: aws.String(*k.Arn + " is disabled.")}
	case k.KeyState != types.KeyStateEnabled:
		return nil, invalidState(k)
	}
	return k, nil
}

func (k *key) seal() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.material[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// additional is an encryption context as bytes: JSON has its keys sorted.
func additional(context map[string]string) ([]byte, error) {
	if len(context) == 0 {
		return nil, nil
	}
	return json.Marshal(context)
}

// encrypt encrypts with a key; s.mu is held.
func (s *Service) encrypt(k *key, plaintext []byte, context map[string]string) ([]byte, error) {
	gcm, err := k.seal()
	if err != nil {
		return nil, err
	}
	data, err := additional(context)
	if err != nil {
		return nil, err
	}
	nonce := s.secret("nonce")
	blob := []byte{blobVersion, byte(len(*k.KeyId))}
	blob = append(blob, *k.KeyId...)
	blob = append(blob, nonce[:nonceSize]...)
	return gcm.Seal(blob, nonce[:nonceSize], plaintext, data), nil
}

// decrypt returns the plaintext and the key; s.mu is held.
func (s *Service) decrypt(blob []byte, context map[string]string) ([]byte, *key, error) {
	invalid := &types.InvalidCiphertextException{}
	if len(blob) < 2 || blob[0] != blobVersion || len(blob) < 2+int(blob[1])+nonceSize {
		return nil, nil, invalid
	}
	id, rest := string(blob[2:2+blob[1]]), blob[2+blob[1]:]
	k, err := s.usable(&id)
	if err != nil {
		if _, known := s.keys[id]; !known {
			return nil, nil, invalid
		}
		return nil, nil, err
	}
	gcm, err := k.seal()
	if err != nil {
		return nil, nil, err
	}
	data, err := additional(context)
	if err != nil {
		return nil, nil, err
	}
	plaintext, err := gcm.Open(nil, rest[:nonceSize], rest[nonceSize:], data)
	if err != nil {
		return nil, nil, invalid
	}
	return plaintext, k, nil
}

// Seal encrypts for another simulated service, with the key of its choice and
// without an API call. It returns the key's ARN too.
func (s *Service) Seal(keyID string, plaintext []byte, context map[string]string) (blob []byte, arn string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(&keyID)
	if err != nil {
		return nil, "", err
	}
	blob, err = s.encrypt(k, plaintext, context)
	return blob, *k.Arn, err
}

// Open decrypts for another simulated service, without an API call.
func (s *Service) Open(blob []byte, context map[string]string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plaintext, _, err := s.decrypt(blob, context)
	return plaintext, err
}

func checkAlgorithm(a types.EncryptionAlgorithmSpec) error {
	if a != "" && a != types.EncryptionAlgorithmSpecSymmetricDefault {
		return &types.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf("Algorithm %s is incompatible with key spec SYMMETRIC_DEFAULT.", a))}
	}
	return nil
}

// Encrypt encrypts up to 4,096 bytes.
func (s *Service) Encrypt(_ *wire.Call, in *sdk.EncryptInput) (*sdk.EncryptOutput, error) {
	if n := len(in.Plaintext); n < 1 || n > maxPlaintext {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length between 1 and %d", maxPlaintext)
	}
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(in.KeyId)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.DryRun) {
		return nil, &types.DryRunOperationException{Message: aws.String("The request would have succeeded, but the DryRun option is set.")}
	}
	blob, err := s.encrypt(k, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &sdk.EncryptOutput{CiphertextBlob: blob, KeyId: k.Arn, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// Decrypt decrypts with the key that encrypted.
func (s *Service) Decrypt(_ *wire.Call, in *sdk.DecryptInput) (*sdk.DecryptOutput, error) {
	if err := checkAlgorithm(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var wanted *key
	if in.KeyId != nil {
		var err error
		if wanted, err = s.usable(in.KeyId); err != nil {
			return nil, err
		}
	}
	plaintext, k, err := s.decrypt(in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	switch {
	case wanted != nil && wanted != k:
		return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
	case aws.ToBool(in.DryRun):
		return nil, &types.DryRunOperationException{Message: aws.String("The request would have succeeded, but the DryRun option is set.")}
	}
	return &sdk.DecryptOutput{Plaintext: plaintext, KeyId: k.Arn, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// ReEncrypt decrypts and encrypts with another key.
func (s *Service) ReEncrypt(_ *wire.Call, in *sdk.ReEncryptInput) (*sdk.ReEncryptOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plaintext, from, err := s.decrypt(in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	if in.SourceKeyId != nil {
		if k, err := s.find(in.SourceKeyId); err != nil || k != from {
			return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
		}
	}
	to, err := s.usable(in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	blob, err := s.encrypt(to, plaintext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	return &sdk.ReEncryptOutput{CiphertextBlob: blob, KeyId: to.Arn, SourceKeyId: from.Arn, SourceEncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault,
		DestinationEncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault}, nil
}

// GenerateDataKey makes a data key, plain and encrypted.
func (s *Service) GenerateDataKey(_ *wire.Call, in *sdk.GenerateDataKeyInput) (*sdk.GenerateDataKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.usable(in.KeyId)
	if err != nil {
		return nil, err
	}
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	plaintext := s.random(size)
	blob, err := s.encrypt(k, plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &sdk.GenerateDataKeyOutput{Plaintext: plaintext, CiphertextBlob: blob, KeyId: k.Arn}, nil
}

// GenerateDataKeyWithoutPlaintext makes a data key and shows it encrypted only.
func (s *Service) GenerateDataKeyWithoutPlaintext(c *wire.Call, in *sdk.GenerateDataKeyWithoutPlaintextInput) (*sdk.GenerateDataKeyWithoutPlaintextOutput, error) {
	out, err := s.GenerateDataKey(c, &sdk.GenerateDataKeyInput{KeyId: in.KeyId, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, EncryptionContext: in.EncryptionContext})
	if err != nil {
		return nil, err
	}
	return &sdk.GenerateDataKeyWithoutPlaintextOutput{CiphertextBlob: out.CiphertextBlob, KeyId: out.KeyId}, nil
}

func dataKeySize(spec types.DataKeySpec, bytes *int32) (int, error) {
	switch {
	case (spec == "") == (bytes == nil):
		return 0, wire.Errorf("ValidationException", "Please specify either number of bytes or key spec.")
	case spec == types.DataKeySpecAes128:
		return 16, nil
	case spec == types.DataKeySpecAes256:
		return 32, nil
	case spec != "":
		return 0, wire.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]", spec)
	}
	return checkBytes(*bytes)
}

func checkBytes(n int32) (int, error) {
	if n < 1 || n > 1024 {
		return 0, wire.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'numberOfBytes' failed to satisfy constraint: Member must have value between 1 and 1024", n)
	}
	return int(n), nil
}

// GenerateRandom returns bytes that look random and repeat with the seed.
func (s *Service) GenerateRandom(_ *wire.Call, in *sdk.GenerateRandomInput) (*sdk.GenerateRandomOutput, error) {
	size, err := checkBytes(aws.ToInt32(in.NumberOfBytes))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &sdk.GenerateRandomOutput{Plaintext: s.random(size)}, nil
}

func (s *Service) random(size int) []byte {
	secret := s.secret("random")
	var out []byte
	for i := uint32(0); len(out) < size; i++ {
		h := hmac.New(sha256.New, secret[:])
		// Writing to a hash cannot fail.
		_ = binary.Write(h, binary.BigEndian, i)
		out = h.Sum(out)
	}
	return out[:size]
}
