package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSameExecutableGivesSameBytes(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "bootstrap")
	var archives [2][]byte
	for i := range archives {
		if err := os.WriteFile(exe, []byte("#!/bin/true"), 0o600); err != nil {
			t.Fatal(err)
		}
		// Another time of modification must not show in the archive.
		stamp := time.Date(2020+i, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(exe, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out.zip")
		if err := pack(exe, out); err != nil {
			t.Fatal(err)
		}
		var err error
		if archives[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the archives differ")
	}
	r, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode().Perm() != 0o755 {
		t.Errorf("archive holds %v, want one executable bootstrap", r.File)
	}
}

func TestAZipThatIsTooLargeIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.zip")
	if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(file, 100); err != nil {
		t.Error(err)
	}
	if err := check(file, 99); err == nil || !strings.Contains(err.Error(), "100 bytes, more than 99") {
		t.Errorf("error %v", err)
	}
	if err := check(file+"x", 100); err == nil {
		t.Error("a file that is not there is small")
	}
}
