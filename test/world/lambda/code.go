package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/unpack"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of deployment packages, in bytes (source: "Lambda quotas").
const (
	maxZip      = 50 << 20 // uploaded directly
	maxUnzipped = 250 << 20
)

// code is a deployment package.
type code struct {
	zip    []byte
	sha256 string // base64, as AWS shows it
	digest string // hexadecimal

	once sync.Once
	dir  string
	err  error
}

// source is where code comes from, as in CreateFunction and UpdateFunctionCode.
type source struct {
	zip                []byte
	image, bucket, key *string
}

// load reads and checks a deployment package. It is called without the lock:
// S3 is another service.
func (s *Service) load(from source) (*code, error) {
	data := from.zip
	switch {
	case from.image != nil:
		return nil, invalid("the simulated Lambda runs no container images: give a zip")
	case data != nil && (from.bucket != nil || from.key != nil):
		return nil, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case data == nil && (from.bucket == nil || from.key == nil):
		return nil, invalid("Please provide a source for function code.")
	case len(data) > maxZip:
		return nil, &wire.Error{Code: "RequestEntityTooLargeException", Status: 413, Message: "Request must be smaller than 69905067 bytes for the CreateFunction operation"}
	case data == nil:
		if s.o.Object == nil {
			return nil, invalid("the simulated Lambda has no S3 to read code from")
		}
		var err error
		if data, err = s.o.Object(*from.bucket, *from.key); err != nil {
			info := wire.Describe(err)
			return nil, invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", info.Code, info.Message)
		}
	}
	if len(data) == 0 {
		return nil, invalid("Uploaded file must be a non-empty zip")
	}
	size, err := unpack.Check(data)
	if err != nil {
		return nil, invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if size == 0 {
		return nil, invalid("Uploaded file must be a non-empty zip")
	}
	if size > maxUnzipped {
		return nil, invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	sum := sha256.Sum256(data)
	return &code{zip: data, sha256: base64.StdEncoding.EncodeToString(sum[:]), digest: hex.EncodeToString(sum[:])}, nil
}

// keep returns the code that is already known under the same digest.
func (s *Service) keep(c *code) *code {
	if known := s.codes[c.sha256]; known != nil {
		return known
	}
	s.codes[c.sha256] = c
	return c
}

// folder unpacks the code, once, and returns where it lies.
func (c *code) folder(root string) (string, error) {
	c.once.Do(func() {
		c.dir = filepath.Join(root, "task-"+c.digest)
		if c.err = os.MkdirAll(c.dir, 0o755); c.err == nil {
			c.err = unpack.To(c.dir, c.zip, maxUnzipped)
		}
	})
	return c.dir, c.err
}

func codeOf(in *types.FunctionCode) source {
	if in == nil {
		return source{}
	}
	return source{in.ZipFile, in.ImageUri, in.S3Bucket, in.S3Key}
}
