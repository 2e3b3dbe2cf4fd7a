package manifests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Extensions are those of files that are read in folders.
var Extensions = []string{".yaml", ".yml", ".json"}

// Read reads all manifests of the folders, or the files themselves, as ScanFiles
// does. The first problem is an error, and so is a path without any manifest.
func Read(paths ...string) ([]Manifest, error) {
	var all []Manifest
	for _, path := range paths {
		set, err := ScanFiles(path)
		switch {
		case err != nil:
			return nil, err
		case len(set.Problems) > 0:
			return nil, fmt.Errorf("manifests: %w", set.Problems[0])
		case len(set.Manifests) == 0:
			return nil, fmt.Errorf("manifests: there is no manifest in %s: want files that end in %s", path, strings.Join(Extensions, ", "))
		}
		all = append(all, set.Manifests...)
	}
	return all, nil
}

// ScanFiles reads what it can of the folders, or of the files themselves, in the
// order of their paths, and names what it cannot. In folders, names that begin
// with a dot are left out. It errs when a path is not there or cannot be read, or
// names a file of another kind.
func ScanFiles(paths ...string) (Set, error) {
	var all Set
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			hidden := file != path && strings.HasPrefix(nameOf(entry), ".")
			switch {
			case err != nil:
				return err
			case entry.IsDir() && hidden:
				return fs.SkipDir
			case entry.IsDir(), hidden:
				return nil
			case !IsManifest(file) && file == path:
				return fmt.Errorf("%s is no manifest: want a folder or a file that ends in %s", path, strings.Join(Extensions, ", "))
			case !IsManifest(file):
				return nil
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all.add(Scan(file, text))
			return nil
		})
		if err != nil {
			return Set{}, fmt.Errorf("manifests: %w", err)
		}
	}
	return all, nil
}

// nameOf is the name of an entry; of a path that cannot be read there is none.
func nameOf(entry fs.DirEntry) string {
	if entry == nil {
		return ""
	}
	return entry.Name()
}

// IsManifest reports whether a file's name is that of a manifest.
func IsManifest(file string) bool {
	return slices.Contains(Extensions, strings.ToLower(filepath.Ext(file)))
}
