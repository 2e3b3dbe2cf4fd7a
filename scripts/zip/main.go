// Command zip packs one executable into a zip whose bytes depend on nothing
// but the executable: two machines that build the same source get the same
// package, so that a deployment can be verified.
//
//	zip BOOTSTRAP OUT.zip [LIMIT]
//
// A zip of more than LIMIT bytes is an error: each start of a function loads it.
package main

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	limit, err := int64(math.MaxInt64), error(nil)
	if len(os.Args) == 4 {
		limit, err = strconv.ParseInt(os.Args[3], 10, 64)
	}
	if len(os.Args) < 3 || len(os.Args) > 4 || err != nil {
		fmt.Fprintln(os.Stderr, "usage: zip EXECUTABLE OUT.zip [LIMIT]")
		os.Exit(2)
	}
	if err = pack(os.Args[1], os.Args[2]); err == nil {
		err = check(os.Args[2], limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zip:", err)
		os.Exit(1)
	}
}

// pack writes the file at from, executable and with a fixed time, to a new
// archive at to.
func pack(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w := zip.NewWriter(out)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	header := &zip.FileHeader{Name: filepath.Base(from), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(data)
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// check reports a zip that is too large.
func check(file string, limit int64) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size() > limit {
		return fmt.Errorf("%s has %d bytes, more than %d; see what is in it with: go tool nm -size -sort size", file, info.Size(), limit)
	}
	return nil
}
