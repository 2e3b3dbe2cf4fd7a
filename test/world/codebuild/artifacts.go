package codebuild

import (
	"archive/zip"
	"bytes"
	"crypto/md5" //nolint:gosec // as AWS gives it
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// upload stores the artifacts that the buildspec names in the project's bucket.
func (r *runner) upload() *failure {
	defer r.service.opts.HoldTransfers()()
	if f := r.export(); f != nil {
		return f
	}
	b, a := r.build, r.build.artifacts
	if a.Type != types.ArtifactsTypeS3 || len(r.spec.Artifacts.Files) == 0 {
		return nil
	}
	if r.service.opts.Artifacts == nil {
		return fault(errors.New("codebuild: Options.Artifacts is not set, but the build has S3 artifacts"))
	}
	base := filepath.FromSlash(r.spec.Artifacts.BaseDirectory)
	if base == "" {
		base = "."
	}
	if !filepath.IsLocal(base) {
		return failed("CLIENT_ERROR", "base-directory %s is outside the source", base)
	}
	files, err := match(os.DirFS(filepath.Join(r.src(), base)), r.spec.Artifacts)
	if errors.Is(err, fs.ErrNotExist) {
		return failed("CLIENT_ERROR", "no matching base directory path found for %s", base)
	}
	if err != nil {
		return fault(err)
	}
	if len(files) == 0 {
		return failed("CLIENT_ERROR", "no matching artifact paths found")
	}
	name := value(a.Name)
	if name == "" {
		name = *b.ProjectName
	}
	if value(a.OverrideArtifactName) && r.spec.Artifacts.Name != "" {
		name = r.spec.Artifacts.Name
	}
	_, uuid, _ := strings.Cut(*b.Id, ":")
	folder := value(a.Path)
	if a.NamespaceType == types.ArtifactNamespaceBuildId {
		folder = path.Join(folder, uuid)
	}
	prefix := strings.TrimPrefix(path.Join(folder, name), "/")
	out := &types.BuildArtifacts{Location: ptr(strings.TrimSuffix("arn:aws:s3:::"+*a.Location+"/"+prefix, "/")), EncryptionDisabled: a.EncryptionDisabled}
	put := func(key string, data []byte) error {
		return r.service.opts.Artifacts.Put(r.ctx, value(b.ServiceRole), *a.Location, key, data)
	}
	if a.Packaging == types.ArtifactPackagingZip {
		data, err := zipped(files)
		if err == nil {
			err = put(prefix, data)
		}
		if err != nil {
			return failed("CLIENT_ERROR", "upload artifacts: %v", err)
		}
		out.Sha256sum = ptr(fmt.Sprintf("%x", sha256.Sum256(data)))
		out.Md5sum = ptr(fmt.Sprintf("%x", md5.Sum(data))) //nolint:gosec // as AWS gives it
	} else {
		for _, f := range files {
			if err := put(path.Join(prefix, f.name), f.data); err != nil {
				return failed("CLIENT_ERROR", "upload artifact %s: %v", f.name, err)
			}
		}
	}
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	b.Artifacts = out
	return nil
}

// artifact is one file to upload, by its path below the base directory.
type artifact struct {
	name string
	data []byte
}

// match reads the regular files that the patterns name, sorted. Symbolic links
// are not followed.
func match(root fs.FS, spec Artifacts) ([]artifact, error) {
	include, err := patterns(spec.Files)
	if err != nil {
		return nil, err
	}
	exclude, err := patterns(spec.ExcludePaths)
	if err != nil {
		return nil, err
	}
	hit := func(set []*regexp.Regexp, name string) bool {
		return slices.ContainsFunc(set, func(re *regexp.Regexp) bool { return re.MatchString(name) })
	}
	var files []artifact
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !hit(include, name) || hit(exclude, name) {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if bool(spec.DiscardPaths) {
			name = path.Base(name)
		}
		files = append(files, artifact{name, data})
		return err
	})
	return files, err
}

// patterns translates globs: "**" crosses folders, "*" and "?" do not.
func patterns(globs []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, g := range globs {
		q := regexp.QuoteMeta(strings.TrimPrefix(g, "./"))
		q = strings.NewReplacer(`\*\*/`, `(?:.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(q)
		re, err := regexp.Compile("^(?s:" + q + ")$")
		if err != nil {
			return nil, fmt.Errorf("artifacts.files: pattern %q: %w", g, err)
		}
		out = append(out, re)
	}
	return out, nil
}

func zipped(files []artifact) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
