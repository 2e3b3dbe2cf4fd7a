package s3

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // one of S3's checksums
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// checksums are the checksums that an object was stored with, in base64.
type checksums struct {
	crc32, crc32c, crc64, sha1, sha256 *string
	composite                          bool // over the checksums of parts
}

// nvme is the polynomial of CRC-64/NVME, reversed as hash/crc64 wants it.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

func (c *checksums) fields() []struct {
	algorithm types.ChecksumAlgorithm
	value     **string
	hash      func() hash.Hash
} {
	return []struct {
		algorithm types.ChecksumAlgorithm
		value     **string
		hash      func() hash.Hash
	}{
		{types.ChecksumAlgorithmCrc32, &c.crc32, func() hash.Hash { return crc32.NewIEEE() }},
		{types.ChecksumAlgorithmCrc32c, &c.crc32c, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
		{types.ChecksumAlgorithmCrc64nvme, &c.crc64, func() hash.Hash { return crc64.New(nvme) }},
		{types.ChecksumAlgorithmSha1, &c.sha1, sha1.New},
		{types.ChecksumAlgorithmSha256, &c.sha256, sha256.New},
	}
}

func digest(h hash.Hash, body []byte) string {
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// verify compares the checksums that a request gave with its body.
func (c *checksums) verify(body []byte) error {
	for _, f := range c.fields() {
		if *f.value != nil && **f.value != digest(f.hash(), body) {
			return fail(400, "BadDigest", "The %s you specified did not match the calculated checksum.", f.algorithm)
		}
	}
	return nil
}

// add computes the checksum of an algorithm that was named without a value.
func (c *checksums) add(algorithm types.ChecksumAlgorithm, body []byte) {
	for _, f := range c.fields() {
		if f.algorithm == algorithm && *f.value == nil {
			*f.value = ptr(digest(f.hash(), body))
		}
	}
}

func (c *checksums) kind() types.ChecksumType {
	for _, f := range c.fields() {
		if *f.value != nil {
			if c.composite {
				return types.ChecksumTypeComposite
			}
			return types.ChecksumTypeFullObject
		}
	}
	return ""
}

// checkMD5 compares Content-MD5 with the body's.
func checkMD5(given *string, sum []byte) error {
	if given == nil {
		return nil
	}
	want, err := base64.StdEncoding.DecodeString(*given)
	if err != nil || len(want) != len(sum) {
		return fail(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
	}
	if !bytes.Equal(want, sum) {
		return fail(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	return nil
}
