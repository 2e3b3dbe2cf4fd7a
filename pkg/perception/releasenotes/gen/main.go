// Command gen packs Kubernetes changelogs for the agent: of each
// CHANGELOG-1.NN.md in a folder, such as the folder CHANGELOG of a clone of
// kubernetes/kubernetes, what the first stable release announces, without
// download tables, dependency lists and prereleases.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	from := flag.String("from", "", "folder of CHANGELOG-1.NN.md")
	to := flag.String("to", "bundled", "folder to write CHANGELOG-1.NN.md.gz to")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	names, err := filepath.Glob(filepath.Join(from, "CHANGELOG-1.*.md"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no CHANGELOG-1.*.md in %q (%v)", from, err)
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		minor := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "CHANGELOG-"), ".md")
		text := first(string(source), "v"+minor+".0")
		if !strings.Contains(text, "## Changes by Kind") {
			return fmt.Errorf("%s has no changes of v%s.0", name, minor)
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)+".gz"), packed.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var heading = regexp.MustCompile(`(?m)^##? .*$`)

// first returns the sections of one release that hold entries.
func first(source, release string) string {
	var out strings.Builder
	out.WriteString("# " + release + "\n\n")
	at := heading.FindAllStringIndex(source, -1)
	inside := false
	for i, h := range at {
		end := len(source)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		title := strings.TrimSpace(source[h[0]:h[1]])
		if strings.HasPrefix(title, "# ") {
			inside = title == "# "+release
			continue
		}
		switch title {
		case "## Urgent Upgrade Notes", "## Known Issues", "## Changes by Kind":
			if inside {
				out.WriteString(source[h[0]:end])
			}
		}
	}
	return out.String()
}
