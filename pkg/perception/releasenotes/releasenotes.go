// Package releasenotes perceives what the Kubernetes project announces of the
// target version.
package releasenotes

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// maxBytes is far above the largest changelog, which has 0.7 MiB.
const maxBytes = 8 << 20

//go:embed bundled/CHANGELOG-*.md
var files embed.FS

// Bundled returns the changelogs that come with the agent, named as in the
// Kubernetes repository: "CHANGELOG-1.35.md". They hold the entries of each
// minor's first release.
func Bundled() fs.FS {
	sub, err := fs.Sub(files, "bundled")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}

// Doer sends HTTP requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Collector reads the changelog of the target version. An upgrade goes one
// minor, so that the target's changelog is the one of its hop.
type Collector struct {
	Client  Doer
	URL     string // folder of the changelogs
	Token   string // bearer token for it; empty: none
	Offline bool   // read the copy that comes with the agent instead, and say so
}

// Collect implements perception.Collector. Release notes inform a person; an
// upgrade is judged without them when they cannot be had, and NotChecked says
// so.
func (c *Collector) Collect(ctx context.Context, in upgrade.PerceiveInput) (upgrade.Snapshot, string, error) {
	version := in.Run.Request.Target
	name := fmt.Sprintf("CHANGELOG-%s.md", version)
	read, from := c.fetch, strings.TrimSuffix(c.URL, "/")+"/"+name
	if c.Offline {
		read, from = c.bundled, "the copy in the agent"
	}
	source, err := read(ctx, name)
	if ctx.Err() != nil {
		return upgrade.Snapshot{}, "", upgrade.KindReleaseNotesInterrupted.Errorf("read release notes", "%w", ctx.Err())
	}
	if err != nil {
		return unseen(version, err.Error(), "let the agent reach "+from+", or read them yourself")
	}
	notes := Parse(source, version)
	if len(notes) == 0 {
		return unseen(version, from+" has no entries of a stable release", "read them yourself")
	}
	breaking := 0
	for _, n := range notes {
		if n.Breaking {
			breaking++
		}
	}
	return upgrade.Snapshot{Notes: notes}, fmt.Sprintf("%d release notes of %s, %d breaking, from %s", len(notes), version, breaking, from), nil
}

func unseen(version upgrade.Version, why, remedy string) (upgrade.Snapshot, string, error) {
	what := fmt.Sprintf("release notes of %s", version)
	return upgrade.Snapshot{NotChecked: []upgrade.NotChecked{{What: what, Why: why, Remedy: remedy}}}, what + " were not seen", nil
}

func (c *Collector) bundled(_ context.Context, name string) ([]byte, error) {
	return fs.ReadFile(Bundled(), name)
}

func (c *Collector) fetch(ctx context.Context, name string) (data []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "eks-upgrade-agent")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, upgrade.Detailf("GET %s: %s", request.URL, response.Status)
	}
	data, err = io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = upgrade.Detailf("GET %s: more than %d MiB", request.URL, maxBytes>>20)
	}
	return data, err
}
