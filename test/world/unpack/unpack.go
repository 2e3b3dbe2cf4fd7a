// Package unpack unpacks zips that somebody has sent: nothing leaves the folder,
// and there is a limit to what they can hold.
package unpack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Check reads the table of contents of a zip and returns the size, in bytes,
// that it gives for everything together.
func Check(data []byte) (size uint64, err error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	for _, file := range archive.File {
		if !filepath.IsLocal(file.Name) {
			return 0, fmt.Errorf("unpack: %q leaves the folder", file.Name)
		}
		if !file.Mode().IsRegular() && !file.FileInfo().IsDir() {
			return 0, fmt.Errorf("unpack: %s is not a regular file", file.Name)
		}
		size += file.UncompressedSize64
	}
	return size, nil
}

// To unpacks a zip into a folder, with the permissions that it gives. More than
// limit bytes are an error: what the table of contents says can be a lie.
func To(dir string, data []byte, limit int64) error {
	if _, err := Check(data); err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	left := limit
	for _, file := range archive.File {
		path := filepath.Join(dir, filepath.FromSlash(file.Name))
		if file.FileInfo().IsDir() {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		n, err := one(file, path, left)
		if err != nil {
			return fmt.Errorf("unpack: %s: %w", file.Name, err)
		}
		left -= n
	}
	return nil
}

func one(file *zip.File, path string, left int64) (int64, error) {
	in, err := file.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, file.Mode().Perm())
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, left+1))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil && n > left {
		err = fmt.Errorf("there is more in the zip than allowed")
	}
	return n, err
}
