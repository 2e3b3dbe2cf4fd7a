package unpack

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func zipped(t testing.TB, name, text string, mode os.FileMode) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestToKeepsNamesAndPermissions(t *testing.T) {
	dir := t.TempDir()
	if err := To(dir, zipped(t, "bin/run", "hello", 0o755), 5); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bin", "run")
	text, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(text) != "hello" || info.Mode().Perm() != 0o755 {
		t.Errorf("%q, %v, %v", text, err, info)
	}
}

func TestWhatIsNotUnpacked(t *testing.T) {
	for name, c := range map[string]struct {
		zip  []byte
		part string
	}{
		"outside": {zipped(t, "../run", "hello", 0o644), "leaves the folder"},
		"link":    {zipped(t, "run", "/etc/passwd", 0o777|os.ModeSymlink), "not a regular file"},
		"large":   {zipped(t, "run", strings.Repeat("x", 11), 0o644), "more in the zip than allowed"},
		"text":    {[]byte("text"), "not a valid zip"},
	} {
		if err := To(t.TempDir(), c.zip, 10); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTo(f *testing.F) {
	f.Add(zipped(f, "a/b", "text", 0o644))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		inner := filepath.Join(dir, "inner")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = To(inner, data, 1<<16) // an error is fine
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%v, %v", left, err)
		}
	})
}
