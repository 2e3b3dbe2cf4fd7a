package releasenotes

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

//go:embed bundled/CHANGELOG-*.md.gz bundled/eks.html bundled/asof.json
var files embed.FS

// bundledPage is what the bundled summary of EKS's pages is a summary of.
const bundledPage = "https://docs.aws.amazon.com/eks/latest/userguide/" + standardPage

// asOf are the days of the bundled texts, by version, and "eks".
var asOf = sync.OnceValue(func() map[string]upgrade.Time {
	data, err := files.ReadFile("bundled/asof.json")
	if err != nil {
		panic(err) // the file is part of the program
	}
	var days map[string]upgrade.Time
	if err := json.Unmarshal(data, &days); err != nil {
		panic(err)
	}
	return days
})

// Bundled returns the changelog of a version that comes with the agent, as
// Markdown: what its first release announces. An error says that there is none.
func Bundled(version upgrade.Version) (text []byte, day upgrade.Time, err error) {
	packed, err := files.ReadFile("bundled/CHANGELOG-" + version.String() + ".md.gz")
	if err != nil {
		return nil, day, upgrade.Detailf("the agent comes without a changelog of %s", version)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		text, err = io.ReadAll(r)
		err = errors.Join(err, r.Close())
	}
	if err != nil {
		return nil, day, fmt.Errorf("unpack the bundled changelog of %s: %w", version, err)
	}
	return text, asOf()[version.String()], nil
}

// BundledEKS returns the summary of the pages of EKS that comes with the agent,
// as HTML of their form.
func BundledEKS() (text []byte, day upgrade.Time) {
	text, err := files.ReadFile("bundled/eks.html")
	if err != nil {
		panic(err) // the file is part of the program
	}
	return text, asOf()["eks"]
}
