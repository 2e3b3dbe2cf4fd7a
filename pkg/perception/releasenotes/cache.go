package releasenotes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Cache keeps what was fetched for the next upgrade.
type Cache interface {
	// Load returns what was saved under a key; nil: nothing.
	Load(ctx context.Context, key string) ([]byte, error)
	Save(ctx context.Context, key string, data []byte) error
}

// Folder is a cache of files, for programs on a person's machine.
type Folder string

// Load implements Cache.
func (f Folder) Load(_ context.Context, key string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(f), filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Save implements Cache. A reader sees the old text or the new one, whole.
func (f Folder) Save(_ context.Context, key string, data []byte) error {
	name := filepath.Join(string(f), filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// copied is a fetched text as the cache holds it.
type copied struct {
	URL          string       `json:"url"`
	ETag         string       `json:"etag,omitempty"`
	LastModified string       `json:"lastModified,omitempty"`
	CheckedAt    upgrade.Time `json:"checkedAt"` // when the server last said that this is the text
	SHA256       string       `json:"sha256"`
	Body         string       `json:"body"`
}

func keyOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return "release-notes/" + hex.EncodeToString(sum[:16]) + ".json"
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// load returns the cached copy of a page, or nil. One that is damaged, or of
// another page, is none.
func (c *Collector) load(ctx context.Context, url string) (*copied, error) {
	if c.Cache == nil {
		return nil, nil
	}
	data, err := c.Cache.Load(ctx, keyOf(url))
	if err != nil || data == nil {
		return nil, err
	}
	var have copied
	if err := json.Unmarshal(data, &have); err != nil || have.URL != url || have.SHA256 != hashOf(have.Body) {
		return nil, upgrade.Detailf("the cached copy is damaged")
	}
	return &have, nil
}

func (c *Collector) save(ctx context.Context, have *copied) error {
	if c.Cache == nil {
		return nil
	}
	have.SHA256 = hashOf(have.Body)
	data, err := json.Marshal(have)
	if err != nil {
		return err
	}
	return c.Cache.Save(ctx, keyOf(have.URL), data)
}
