package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/charmbracelet/x/term"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/report"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// files are where a rehearsal writes.
type files struct {
	dir    string // rehearsal-<time>
	work   string // in dir: logs and artifacts
	report string
}

// makeFolder makes the folder of this rehearsal.
func (a *app) makeFolder(reportPath string) (files, error) {
	wd, err := os.Getwd()
	if err != nil {
		return files{}, err
	}
	if err := checkReport(reportPath); err != nil {
		return files{}, err
	}
	dir := filepath.Join(wd, "rehearsal-"+a.clock.Now().Format("20060102-150405"))
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files{}, usage("working folder", err.Error(), "run this in a folder that you may write to")
	}
	if err := os.Mkdir(work, 0o700); err != nil {
		return files{}, fmt.Errorf("another rehearsal may have started this second; start again: %w", err)
	}
	if reportPath == "" {
		reportPath = filepath.Join(dir, "report.html")
	}
	if reportPath, err = filepath.Abs(reportPath); err != nil {
		return files{}, err
	}
	return files{dir: dir, work: work, report: reportPath}, nil
}

// checkReport finds out whether the report can be written, before a rehearsal
// is spent on it: it makes the folder and opens the file, which stays as it is.
func checkReport(path string) error {
	if path == "" {
		return nil // in the folder of the rehearsal
	}
	remedy := "name a file in a folder that you may write to"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return usage("--report", err.Error(), remedy)
	}
	_, statErr := os.Stat(path)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return usage("--report", err.Error(), remedy)
	}
	if err := file.Close(); err != nil {
		return usage("--report", err.Error(), remedy)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		return os.Remove(path)
	}
	return nil
}

// finish writes the report, shows the end, and returns its exit code. What a
// rehearsal found out is shown even when its report cannot be written.
func (a *app) finish(f rehearseFlags, files files, data report.Data) error {
	reportErr := writeReport(files.report, data)
	code := exitCodeOf(data)
	if reportErr != nil {
		files.report, code = "", exitFailed
		a.showError(reportErr, f.output == outputJSON)
	}
	if !f.keep && code == exitOK {
		if err := files.removeWork(); err != nil {
			return err
		}
	}
	if err := a.showEnd(f, files, data); err != nil {
		return err
	}
	if code == exitOK {
		return nil
	}
	return code
}

// exitCodeOf: a broken invariant is never a success.
func exitCodeOf(data report.Data) exitCode {
	switch {
	case len(data.Invariants) > 0:
		return exitFailed
	case data.Result.Outcome == upgrade.Succeeded:
		return exitOK
	case data.Result.Outcome == upgrade.RolledBack:
		return exitRolledBack
	}
	return exitFailed
}

func (a *app) showEnd(f rehearseFlags, files files, data report.Data) error {
	if f.output == outputJSON {
		return json.NewEncoder(a.stdout).Encode(report.Summary(data, files.report))
	}
	color := isTerminal(a.stdout) && os.Getenv("NO_COLOR") == ""
	if err := report.Terminal(a.stdout, data, color, widthOf(a.stdout)); err != nil {
		return err
	}
	text := "\n"
	if files.report != "" {
		text += "Report: " + files.report + "\n"
	}
	if _, err := os.Stat(files.work); err == nil {
		text += "Logs and artifacts: " + files.work + "\n"
	}
	_, err := io.WriteString(a.stdout, text)
	return err
}

// widthOf is how many columns a terminal has; what is none is as wide as a page.
func widthOf(out io.Writer) int {
	if f, ok := out.(term.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 100
}

// abandon keeps what there is of a rehearsal that could not be carried out, and
// says where.
func (a *app) abandon(ctx context.Context, files files, data report.Data, err error) error {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		err = errInterrupted // whatever failed next follows from that
	}
	if data.Result.Upgrade != "" {
		if reportErr := writeReport(files.report, data); reportErr != nil {
			return errors.Join(err, reportErr)
		}
		return fmt.Errorf("%w; what is known is in %s, the logs are in %s", err, files.report, files.work)
	}
	kept, removeErr := files.removeIfEmpty()
	switch {
	case removeErr != nil:
		return errors.Join(err, removeErr)
	case kept:
		return fmt.Errorf("%w; the logs are in %s", err, files.work)
	}
	return err
}

func writeReport(path string, data report.Data) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.HTML(file, data)
}

// removeWork removes logs and artifacts, and the folder when nothing else is in
// it.
func (f files) removeWork() error {
	if err := os.RemoveAll(f.work); err != nil {
		return err
	}
	_, err := removeEmpty(f.dir)
	return err
}

// removeIfEmpty removes the folders when there is nothing in them.
func (f files) removeIfEmpty() (kept bool, err error) {
	if kept, err = removeEmpty(f.work); kept || err != nil {
		return kept, err
	}
	return removeEmpty(f.dir)
}

func removeEmpty(dir string) (kept bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return len(entries) > 0, err
	}
	return false, os.Remove(dir)
}
