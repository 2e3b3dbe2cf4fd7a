// Package functions builds the Lambda functions of production for the simulated
// AWS: zips with a bootstrap that this machine can run.
package functions

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const module = "github.com/eks-upgrade-agent/eks-upgrade-agent"

// Options of Build.
type Options struct {
	// Names of functions (folders of lambdas/); none: all.
	Names []string
	// MachineClock leaves the clock of production, which is the machine's. Else the
	// functions ask the world for the time (pkg/clock, tag worldclock).
	MachineClock bool
}

// Build builds functions into dir, as NAME/bootstrap and NAME.zip, and returns
// their names. It runs the go command in the current folder, which must lie in
// the module. The flags are the Makefile's, so that a package is compiled once.
func Build(ctx context.Context, dir string, o Options) ([]string, error) {
	names := o.Names
	if len(names) == 0 {
		out, err := exec.CommandContext(ctx, "go", "list", module+"/lambdas/...").Output()
		if err != nil {
			return nil, fmt.Errorf("list the functions: %w", failure(err))
		}
		for _, pkg := range strings.Fields(string(out)) {
			names = append(names, path.Base(pkg))
		}
	}
	tags := "lambda.norpc"
	if !o.MachineClock {
		tags += ",worldclock"
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
		bootstrap := filepath.Join(dir, name, "bootstrap")
		build := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", bootstrap, module+"/lambdas/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if _, err := build.Output(); err != nil {
			return nil, fmt.Errorf("build function %s: %w", name, failure(err))
		}
		if err := pack(bootstrap, filepath.Join(dir, name+".zip")); err != nil {
			return nil, fmt.Errorf("pack function %s: %w", name, err)
		}
	}
	return names, nil
}

// failure is an error of a command with what it said.
func failure(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return err
}

// pack compresses the bootstrap a little: the zip is sent and read once, here.
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
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(data)
	}
	return errors.Join(err, w.Close(), out.Close())
}
