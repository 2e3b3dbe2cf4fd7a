package artifacts

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// CachePrefix is where caches are in the bucket. Nothing depends on what is
// there: it may be removed at any time.
const CachePrefix = "cache/"

// Cache keeps texts between upgrades, under keys that do not say their content.
type Cache struct{ store *Store }

// Cache returns the store's cache.
func (s *Store) Cache() Cache { return Cache{s} }

// Load returns what was saved under a key; nil: nothing.
func (c Cache) Load(ctx context.Context, key string) ([]byte, error) {
	data, err := c.store.Read(ctx, CachePrefix+key)
	if upgrade.CodeOf(err) == upgrade.CodeNotFound {
		return nil, nil
	}
	return data, err
}

// Save replaces what was saved under a key.
func (c Cache) Save(ctx context.Context, key string, data []byte) error {
	key = CachePrefix + key
	kind := "application/json"
	_, err := c.store.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.store.bucket, Key: &key, Body: bytes.NewReader(data), ContentType: &kind})
	if err != nil {
		return awserr.Wrap("cache "+key, err)
	}
	return nil
}
